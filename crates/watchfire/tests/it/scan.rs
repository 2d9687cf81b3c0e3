//! `watchfire scan` as its users see it: the demo's day of raw records, and what must never be silent.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_story_gives_its_alerts_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "--format", "ndjson"])
        .arg(root.join("demo"))
        .arg("--rules")
        .arg(root.join("rules"))
        .output()
        .expect("the binary runs");
    let log = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("alerts are UTF-8");
    let text_of = |alert: &Value, key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    let found: BTreeSet<String> = text
        .lines()
        .map(|line| {
            let alert: Value = serde_json::from_str(line).expect("an alert is JSON");
            format!("{}\t{}", text_of(&alert, "kibana.alert.rule.name"), text_of(&alert, "@timestamp"))
        })
        .collect();
    let expected = std::fs::read_to_string(root.join("demo/expected-alerts.tsv")).expect("readable");
    let all: BTreeSet<String> = expected
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            format!("{}\t{}", cells[0], cells[2])
        })
        .collect();
    assert_eq!(found, all, "{log}");
    assert!(log.contains("records: 222 = 222 normalised + 0 rejected"), "{log}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("a.json"), "{\"a\":1}\nnot json\n{\"b\":2}\n").expect("writable");
    std::fs::write(folder.path().join("b.bin"), [0, 1, 2, 3]).expect("writable");
    std::fs::write(folder.path().join("deep.json"), "{\"a\":".repeat(100_000)).expect("writable");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "--format", "ndjson"])
        .arg(folder.path())
        .arg("--rules")
        .arg(root.join("rules"))
        .output()
        .expect("the binary runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    for line in [
        "b.bin (unknown): binary data, no log",
        "records: 4 = 2 normalised + 2 rejected",
        "rejected: 1 not valid JSON",
        "rejected: 1 nested too deeply",
        "a.json:2: not valid JSON",
    ] {
        assert!(log.contains(line), "no `{line}` in\n{log}");
    }
}

#[test]
fn rules_without_an_id_do_not_share_alerts_and_failed_leaves_are_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writable");
    let rule = |name: &str, query: &str| {
        format!(
            "[rule]\nname = '{name}'\ndescription = 'd'\nrisk_score = 21\nseverity = 'low'\ntype = 'eql'\n\
             language = 'eql'\nquery = '{query}'\n"
        )
    };
    write("one.toml", &rule("one", "any where process.pid == 7"));
    write("two.toml", &rule("two", "any where process.pid > 6"));
    write("bad.toml", &rule("bad", "any where number(process.name) == 1"));
    write(
        "event.ndjson",
        "{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"process\":{\"pid\":7,\"name\":\"x\"}}\n",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "--format", "ndjson"])
        .arg(folder.path().join("event.ndjson"))
        .arg("--rules")
        .arg(folder.path())
        .output()
        .expect("the binary runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2, "{log}");
    assert!(log.contains("rule `bad` could not be evaluated in part on 1 events"), "{log}");
    assert_eq!(output.status.code(), Some(1), "{log}");
}
