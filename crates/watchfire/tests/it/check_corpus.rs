//! `watchfire check` over the public rules: they are good, so what is said of them is either true or a mistake of ours.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Errors that are true of a public rule, by the end of its file name and the code.
const TRUE_ERRORS: [(&str, &str); 0] = [];

#[test]
fn shared_public_rules_have_no_errors_and_few_warnings() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let rules = shared.join("corpus/detection-rules");
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["check", "--format", "json", "--fail-on", "never"])
        .arg(&rules)
        .output()
        .expect("the command runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut errors = Vec::new();
    for line in String::from_utf8(output.stdout).expect("JSON is UTF-8").lines() {
        let found: Value = serde_json::from_str(line).expect("a diagnostic is JSON");
        let text = |key: &str| found[key].as_str().unwrap_or_default();
        *counts.entry(format!("{} {}", text("code"), text("severity"))).or_default() += 1;
        let is_known = |&(file, code): &(&str, &str)| text("file").ends_with(file) && text("code") == code;
        if text("severity") == "error" && !TRUE_ERRORS.iter().any(is_known) {
            errors.push(line.to_owned());
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let table: Vec<String> = counts.iter().map(|(key, number)| format!("{key}: {number}")).collect();
    // The counts of the summary too: rules, what does not run yet, and what was not held against data streams.
    let of_rules = log.lines().filter(|line| line.starts_with("files") || line.starts_with("fields"));
    let summary: Vec<&str> = of_rules.collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../cases/public_rules");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let shown = format!("{}\n{}", table.join("\n"), summary.join("\n"));
    settings.bind(|| insta::assert_snapshot!("check_by_code", shown));
}
