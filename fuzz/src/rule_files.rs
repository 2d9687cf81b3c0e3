//! Rule files: any text is read or refused with places in it, and a rule survives the form of the API.

use watchfire_diagnostics::Severity;
use watchfire_rules::format::{self, ParsedRule};

use crate::spans::check_diagnostics;

/// The TOML of rule repositories.
pub fn rule_toml(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text, format::toml::parse(text));
    }
}

/// The JSON of the API.
pub fn rule_json(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text, format::json::parse(text));
    }
}

fn check(text: &str, parsed: ParsedRule) {
    check_diagnostics(text, &parsed.diagnostics);
    let failed = parsed.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    assert_ne!(parsed.file.is_some(), failed, "a rule or an error, and never both: {text:?}");
    let Some(file) = parsed.file else { return };
    let written = format::json::write(&file.rule).expect("a rule can be written").to_string();
    let again = format::json::parse(&written);
    let again_rule = again.file.map(|file| file.rule);
    assert_eq!(again_rule.as_ref(), Some(&file.rule), "written as {written}: {:?}", again.diagnostics);
}
