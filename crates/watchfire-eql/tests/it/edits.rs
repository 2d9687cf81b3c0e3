//! What the edits of diagnostics do to a query.

use watchfire_diagnostics::{Diagnostic, Edit};

/// The text with an edit applied.
pub(crate) fn apply(text: &str, edit: &Edit) -> String {
    let mut edited = text.to_owned();
    edited.replace_range(edit.span.range(), &edit.replacement);
    edited
}

/// The text with every edit applied that does not overlap an earlier one, as an editor does for "fix all".
pub(crate) fn apply_all(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut edits: Vec<&Edit> =
        diagnostics.iter().filter_map(|diagnostic| diagnostic.edit.as_ref()).collect();
    edits.sort_by_key(|edit| edit.span);
    let mut edited = String::new();
    let mut copied = 0;
    for edit in edits {
        let range = edit.span.range();
        if range.start < copied {
            continue;
        }
        edited.push_str(&text[copied..range.start]);
        edited.push_str(&edit.replacement);
        copied = range.end;
    }
    edited.push_str(&text[copied..]);
    edited
}
