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

/// Exports: a line each for rules, lists, items, connectors. What can be used of them, written and read, writes the same.
pub fn rule_ndjson(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = format::ndjson::parse(text);
    for line in &parsed.lines {
        assert!(text[line.offset..].starts_with(line.text), "line {} is at another place", line.number);
        check_diagnostics(line.text, &line.diagnostics);
        let failed = line.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
        assert_ne!(line.content.is_some(), failed, "content or an error, and never both: {:?}", line.text);
    }
    let export = parsed.into_export();
    let written = format::ndjson::write(&export).expect("an export can be written");
    let again = format::ndjson::parse(&written);
    for line in &again.lines {
        assert!(line.content.is_some(), "written, and not read: {}: {:?}", line.text, line.diagnostics);
    }
    let again = format::ndjson::write(&again.into_export()).expect("an export can be written");
    assert_eq!(again, written);
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
