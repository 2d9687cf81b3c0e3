//! What queries mean: resolution is repeatable and blind to layout, and regular expressions keep their promises.

use std::sync::LazyLock;

use watchfire_ir::{
    Catalogue, EqlOptions, Fold, KqlOptions, Pattern, Regex, lower_eql, lower_kql, lower_lucene,
};

use crate::spans::check_diagnostics;

/// The fields of the Elastic Common Schema, read once.
pub(crate) static ECS: LazyLock<Catalogue> = LazyLock::new(Catalogue::ecs);

/// Resolution of EQL: what a query means does not change when it is resolved again, nor when it is printed first.
pub fn eql_resolve(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = watchfire_eql::parse(text);
    let valid = parsed.is_valid();
    let Some(query) = parsed.query else { return };
    let options = EqlOptions::default();
    // What is refused must be refused in peace, so the trees of faulty queries are resolved too.
    let lowered = lower_eql(&query, &*ECS, &options);
    check_diagnostics(text, &lowered.diagnostics);
    let dump = lowered.plan.map(|plan| plan.to_string());
    let again = lower_eql(&query, &*ECS, &options).plan.map(|plan| plan.to_string());
    assert_eq!(again, dump, "resolved twice: {text:?}");
    if valid {
        let printed = query.to_string();
        let again = watchfire_eql::parse(&printed).query.expect("what is printed is a query");
        let again = lower_eql(&again, &*ECS, &options).plan.map(|plan| plan.to_string());
        assert_eq!(again, dump, "{text:?} is printed as {printed:?}");
    }
}

/// Resolution of KQL: what a query means does not change when it is resolved again, nor when it is printed first.
pub fn kql_resolve(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = watchfire_kql::parse(text);
    let valid = parsed.is_valid();
    let Some(query) = parsed.query else { return };
    let options = KqlOptions::default();
    let lowered = lower_kql(&query, &*ECS, &options);
    check_diagnostics(text, &lowered.diagnostics);
    let dump = lowered.condition.to_string();
    let again = lower_kql(&query, &*ECS, &options).condition.to_string();
    assert_eq!(again, dump, "resolved twice: {text:?}");
    if valid {
        let printed = query.to_string();
        let again = watchfire_kql::parse(&printed).query.expect("what is printed is a query");
        let again = lower_kql(&again, &*ECS, &options).condition.to_string();
        assert_eq!(again, dump, "{text:?} is printed as {printed:?}");
    }
}

/// Resolution of Lucene's query strings: what one means does not change when it is resolved again.
pub fn lucene_resolve(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(query) = watchfire_kql::lucene::parse(text).query else { return };
    let options = KqlOptions::default();
    let lowered = lower_lucene(&query, &*ECS, &options);
    check_diagnostics(text, &lowered.diagnostics);
    let again = lower_lucene(&query, &*ECS, &options).condition.to_string();
    assert_eq!(again, lowered.condition.to_string(), "resolved twice: {text:?}");
}

/// Regular expressions of each dialect. The first line is the pattern, the rest the text.
///
/// The literals of a pattern fit it, a pattern for everything fits everything, ignoring case ignores the case of the
/// text, and a wildcard pattern agrees with the engine's other implementation of wildcards.
pub fn regex(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (source, text) = input.split_once('\n').unwrap_or((input, ""));
    let swapped: String = text.chars().map(swap_case).collect();
    let compilers = [Regex::lucene, Regex::java, Regex::wildcard];
    for (at, compile) in compilers.into_iter().enumerate() {
        for fold in [Fold::None, Fold::Ascii, Fold::Lowercase] {
            let Ok(regex) = compile(source, fold) else { continue };
            let fits = regex.fits(text);
            assert!(fits || !regex.is_everything(), "{regex} fits everything, but not {text:?}");
            if fold != Fold::Lowercase {
                for literal in regex.literals().into_iter().flatten() {
                    assert!(regex.fits(literal), "{regex} does not fit its literal {literal:?}");
                }
            }
            if fold == Fold::Ascii {
                assert_eq!(regex.fits(&swapped), fits, "{regex} on {text:?} and {swapped:?}");
            }
            // The one difference that is meant: line breaks.
            if at == 2 && fold == Fold::None && !has_line_break(text) {
                assert_eq!(Pattern::from_eql(source).fits(text), fits, "{regex} on {text:?}");
            }
        }
    }
}

fn swap_case(character: char) -> char {
    if character.is_ascii_uppercase() {
        character.to_ascii_lowercase()
    } else {
        character.to_ascii_uppercase()
    }
}

/// Whether the text has a character that Java takes for the end of a line.
fn has_line_break(text: &str) -> bool {
    text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}
