//! Whether what is refused is refused at the right place.

use watchfire_diagnostics::{Code, Diagnostic, Severity};
use watchfire_eql::codes;

/// The diagnostics that make a query unusable.
pub(super) fn errors(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(|found| found.severity == Severity::Error)
}

/// The text that an error points at. It is a part of the query, and not all of it.
pub(super) fn place<'t>(error: &Diagnostic, text: &'t str) -> Result<&'t str, String> {
    let what = || format!("{}: {}", error.code, error.message);
    let span = error.primary_span().ok_or_else(|| format!("{} has no place", what()))?;
    let place = text.get(span.range()).ok_or_else(|| format!("{} is outside of the query", what()))?;
    if place.trim().is_empty() || place.trim() == text.trim() {
        return Err(format!("{} points at `{place}`, which is no place in the query", what()));
    }
    Ok(place)
}

/// Whether an error is about Endgame's dialect, and points at what belongs to it.
pub(super) fn is_of_old_dialect(error: &Diagnostic, text: &str) -> Result<(), String> {
    let place = place(error, text)?;
    match belongs_to_code(error.code, place) {
        Some(true) => Ok(()),
        Some(false) => Err(format!("{}: {} points at `{place}`", error.code, error.message)),
        None => Err(format!("{}: {} is not about the dialect", error.code, error.message)),
    }
}

/// Whether a text is what a code of the old dialect is about; `None` for other codes.
fn belongs_to_code(code: Code, place: &str) -> Option<bool> {
    let is_word = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(place));
    let is_relation = |words: &[&str]| words.iter().any(|word| place.starts_with(word));
    Some(match code {
        codes::SINGLE_QUOTES => place.starts_with('\''),
        codes::OLD_RAW_STRING => place.starts_with("?\"") || place.starts_with("?'"),
        codes::SINGLE_EQUALS => place == "=",
        codes::MAXSPAN_VALUE => {
            place.contains('.') && place.starts_with(|first: char| first.is_ascii_digit())
        }
        // Any expression that is more than a name.
        codes::KEY_NOT_A_FIELD => place.contains(['(', '*', '+', '-', '=', '<', '>', '[']),
        codes::JOIN => place == "join",
        codes::PROCESS_RELATION => is_relation(&["child of", "event of"]),
        // `descendant of` is Endgame's as well, and Elastic Defend kept it.
        codes::DEFEND_DESCENDANT => is_relation(&["descendant of"]),
        codes::ARRAY_INDEX => place.starts_with('[') && place.ends_with(']'),
        codes::METHOD_CALL => place.contains(':'),
        codes::ENDGAME_FUNCTION => {
            is_word(&["arrayContains", "arrayCount", "arraySearch", "match", "matchLite", "safe", "wildcard"])
        }
        codes::ENDGAME_PIPE => is_word(&["count", "filter", "sort", "unique", "unique_count"]),
        codes::FORK => place.starts_with("fork"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_diagnostics::Span;

    fn error(start: usize, end: usize) -> Diagnostic {
        Diagnostic::error(codes::JOIN, "x").at(Span::new(start, end), "")
    }

    #[test]
    fn a_place_is_a_part_of_the_query() {
        let text = "join [a where true]";
        assert_eq!(place(&error(0, 4), text), Ok("join"));
        assert!(place(&error(0, text.len()), text).is_err());
        assert!(place(&error(0, text.len() + 1), text).is_err());
        assert!(place(&error(4, 4), text).is_err());
        assert!(place(&Diagnostic::error(codes::JOIN, "x"), text).is_err());
    }

    #[test]
    fn the_place_belongs_to_the_code() {
        let text = "join [a where true]";
        assert!(is_of_old_dialect(&error(0, 4), text).is_ok());
        assert!(is_of_old_dialect(&error(6, 7), text).is_err());
        assert!(
            is_of_old_dialect(&Diagnostic::error(codes::KEY_COUNT, "x").at(Span::new(0, 4), ""), text)
                .is_err()
        );
    }
}
