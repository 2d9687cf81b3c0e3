//! The SARIF that `watchfire check` writes has what version 2.1.0 of the format demands.
//!
//! What is checked is what the standard says in words; its schema is not part of this repository. The log is that of
//! every rule file of the cases, so that each form of diagnostic is in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn log() -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["check", "--format", "sarif", "check"])
        .current_dir(folder)
        .output()
        .expect("the command runs");
    serde_json::from_slice(&output.stdout).expect("SARIF is JSON")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    let found = value[key].as_str().unwrap_or_else(|| panic!("`{key}` is no text in {value}"));
    assert!(!found.is_empty(), "`{key}` is empty in {value}");
    found
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("`{key}` is no list in {value}"))
}

#[test]
fn the_log_is_whole() {
    let log = log();
    assert_eq!(text(&log, "version"), "2.1.0");
    assert!(text(&log, "$schema").ends_with("sarif-schema-2.1.0.json"));
    let [run] = list(&log, "runs") else { panic!("one run") };
    assert_eq!(text(run, "columnKind"), "utf16CodeUnits");
    assert_eq!(list(run, "invocations")[0]["executionSuccessful"], true);
    let driver = &run["tool"]["driver"];
    assert_eq!(text(driver, "name"), "watchfire");
    let rules = list(driver, "rules");
    let ids: BTreeSet<&str> = rules.iter().map(|rule| text(rule, "id")).collect();
    assert_eq!(ids.len(), rules.len(), "ids are unique");
    for rule in rules {
        for key in ["shortDescription", "fullDescription", "help"] {
            text(&rule[key], "text");
        }
    }
    let results = list(run, "results");
    assert!(results.len() > 40, "only {} results", results.len());
    let mut used = BTreeSet::new();
    let (mut related, mut fixes) = (0, 0);
    for result in results {
        let id = text(result, "ruleId");
        used.insert(id);
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(text(&rules[index], "id"), id);
        assert!(["error", "warning", "note"].contains(&text(result, "level")), "{result}");
        text(&result["message"], "text");
        let [location] = list(result, "locations") else { panic!("one location: {result}") };
        check_location(location);
        for location in result["relatedLocations"].as_array().into_iter().flatten() {
            related += 1;
            check_location(location);
            assert!(location["id"].is_u64(), "{location}");
        }
        for fix in result["fixes"].as_array().into_iter().flatten() {
            fixes += 1;
            check_fix(fix);
        }
    }
    assert_eq!(used, ids, "every rule has a result");
    assert!(related > 0 && fixes > 0);
}

fn check_location(location: &Value) {
    let physical = &location["physicalLocation"];
    check_uri(&physical["artifactLocation"]);
    if !physical["region"].is_null() {
        check_region(&physical["region"]);
    }
    if !location["message"].is_null() {
        text(&location["message"], "text");
    }
}

/// A reference has no character that must be encoded, and one that is relative no scheme.
fn check_uri(artifact: &Value) {
    let uri = text(artifact, "uri");
    assert!(
        uri.starts_with("check/") && !uri.contains([' ', '\\', ':', '<', '"']) && uri.is_ascii(),
        "{uri}"
    );
}

fn check_region(region: &Value) {
    let number = |key: &str| region[key].as_u64().unwrap_or_else(|| panic!("`{key}` in {region}"));
    let (start, end) =
        ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
    assert!(start.0 >= 1 && start.1 >= 1 && end.1 >= 1 && start <= end, "{region}");
}

fn check_fix(fix: &Value) {
    text(&fix["description"], "text");
    for change in list(fix, "artifactChanges") {
        check_uri(&change["artifactLocation"]);
        let replacements = list(change, "replacements");
        assert!(!replacements.is_empty());
        for replacement in replacements {
            check_region(&replacement["deletedRegion"]);
            assert!(replacement["insertedContent"]["text"].is_string(), "{replacement}");
        }
    }
}

/// The fix, applied to the file, gives a file of which nothing more is said.
#[test]
fn a_fix_settles_the_matter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/check/single-quotes-in-escaped-query");
    let source = std::fs::read_to_string(case.join("rule.toml")).expect("a rule");
    let run = |text: &str| -> Value {
        std::fs::write(folder.path().join("rule.toml"), text).expect("writable");
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["check", "--format", "sarif", "rule.toml"])
            .current_dir(folder.path())
            .output()
            .expect("the command runs");
        serde_json::from_slice(&output.stdout).expect("SARIF is JSON")
    };
    let before = run(&source);
    let result = &list(&before["runs"][0], "results")[0];
    let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    let region = &replacement["deletedRegion"];
    let number = |key: &str| region[key].as_u64().expect("a number") as usize;
    assert_eq!(number("startLine"), number("endLine"));
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    // The line is ASCII: its columns are bytes.
    let span = number("startColumn") - 1..number("endColumn") - 1;
    let inserted = replacement["insertedContent"]["text"].as_str().expect("a text");
    lines[number("startLine") - 1].replace_range(span, inserted);
    let after = run(&(lines.join("\n") + "\n"));
    assert!(list(&after["runs"][0], "results").is_empty(), "{after}");
}
