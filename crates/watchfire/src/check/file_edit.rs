//! Edits of a query as edits of the file around it.

use watchfire_diagnostics::{Diagnostic, Edit};
use watchfire_rules::model::QueryText;

/// A diagnostic about a query as one about its file. An edit that cannot be written in the quotes around the query is
/// left out; the help says what to do.
pub(super) fn in_file(query: &QueryText, source: &str, mut diagnostic: Diagnostic) -> Diagnostic {
    let quotes = source.get(query.span.range()).unwrap_or_default();
    diagnostic.edit = diagnostic.edit.and_then(|edit| {
        let replacement = escaped(&edit.replacement, quotes)?;
        Some(Edit { replacement, ..edit })
    });
    query.in_file(diagnostic)
}

/// The text as it is written inside a string that begins as `quoted` does.
fn escaped(text: &str, quoted: &str) -> Option<String> {
    if text.contains(char::is_control) {
        return None;
    }
    match quoted.chars().next()? {
        '\'' => (!text.contains('\'')).then(|| text.to_owned()),
        '"' => {
            // Three quotes in TOML: single ones inside stand for themselves, as long as no three come together.
            let quote = if quoted.starts_with("\"\"\"") && !text.contains("\"\"") { "\"" } else { "\\\"" };
            Some(text.replace('\\', "\\\\").replace('"', quote))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_fit_the_quotes_around_them() {
        for (text, quoted, expected) in [
            ("==", "'''x'''", Some("==")),
            ("'", "'''x'''", None),
            ("C:\\\\a", "'''x'''", Some("C:\\\\a")),
            ("C:\\\\a", "\"x\"", Some("C:\\\\\\\\a")),
            ("\"a\"", "\"x\"", Some("\\\"a\\\"")),
            ("\"a\"", "\"\"\"x\"\"\"", Some("\"a\"")),
            ("\"\"\"a", "\"\"\"x\"\"\"", Some("\\\"\\\"\\\"a")),
            ("a\nb", "\"x\"", None),
        ] {
            assert_eq!(escaped(text, quoted).as_deref(), expected, "{text} in {quoted}");
        }
    }
}
