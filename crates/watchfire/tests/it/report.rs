//! The HTML report, opened in Chromium: `e2e/browser/report.mjs` uses it as people do. Without Chromium or the packages of
//! `e2e/browser` (`npm ci` there) these tests say that they were skipped; with `WATCHFIRE_REQUIRE_BROWSER` they fail then.

#![expect(clippy::print_stdout, reason = "tests tell what they measured, and why they were skipped")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use watchfire_test_support::read_json_lines;

/// The hosts that the story of the demo is told of, each with 14 alerts, so that there are 10,000.
const HOSTS: usize = 720;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The script that opens reports, if there is all that it needs.
fn browser_script() -> Option<PathBuf> {
    let folder = repository().join("e2e/browser");
    let chromium = std::env::var("WATCHFIRE_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let missing = [Path::new(&chromium), &folder.join("node_modules/playwright-core")]
        .into_iter()
        .find(|path| !path.exists())
        .map(|path| path.display().to_string());
    let Some(missing) = missing else { return Some(folder.join("report.mjs")) };
    assert!(std::env::var_os("WATCHFIRE_REQUIRE_BROWSER").is_none(), "there is no {missing}");
    println!("skipped: there is no {missing}");
    None
}

/// Opens a report; pictures of it are kept beside the build (`target/tmp/report`).
fn open_report(script: &Path, report: &Path, kind: &str) {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    let output =
        Command::new("node").arg(script).args([report, &pictures]).arg(kind).output().expect("node runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}pictures: {}", text(&output.stdout), pictures.display());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn watchfire(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code < 2), "{arguments:?}: {log}");
}

fn rules() -> String {
    repository().join("rules").to_str().expect("a path in UTF-8").to_owned()
}

fn demo() -> PathBuf {
    repository().join("demo/elastic-defend.ndjson")
}

#[test]
fn an_answered_report_is_used_in_a_browser() {
    let Some(script) = browser_script() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(demo(), folder.path().join("events.ndjson")).expect("it can be copied");
    // That of a scan is answered as that of `triage` is.
    let scan = ["scan", "events.ndjson", "--rules", &rules(), "--format", "html", "--output", "scan.html"];
    watchfire(folder.path(), &scan);
    open_report(&script, &folder.path().join("scan.html"), "answered");
    let scan =
        ["scan", "events.ndjson", "--rules", &rules(), "--format", "ndjson", "--output", "alerts.ndjson"];
    watchfire(folder.path(), &scan);
    let triage = [
        "triage",
        "alerts.ndjson",
        "events.ndjson",
        "--limit",
        "20",
        "--format",
        "html",
        "--output",
        "report.html",
    ];
    watchfire(folder.path(), &triage);
    open_report(&script, &folder.path().join("report.html"), "answered");
}

/// The blocks of a report that have this before their number, by number.
fn blocks(report: &str, prefix: &str) -> Vec<(usize, Value)> {
    let begin = format!("<script type=\"application/json\" id=\"{prefix}-");
    let parts = report.split(begin.as_str()).skip(1);
    let read = |part: &str| {
        let (number, rest) = part.split_once("\">").expect("an element");
        let (text, _) = rest.split_once("</script>").expect("its end");
        (number.parse().expect("a number"), serde_json::from_str(text).expect("JSON"))
    };
    parts.map(read).collect()
}

/// A guide in which alerts that answer have their ids only: those of a scan leave out what only tells of their rule.
fn without_alerts(guide: &Value) -> Value {
    let mut guide = guide.clone();
    for part in guide.as_array_mut().expect("parts") {
        for event in part["events"].as_array_mut().into_iter().flatten() {
            if event["_index"].as_str().is_some_and(|index| index.starts_with(".alerts")) {
                event["_source"] = Value::Null;
            }
        }
    }
    guide
}

#[test]
fn a_scan_answers_the_alerts_of_the_highest_risk() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(demo(), folder.path().join("events.ndjson")).expect("it can be copied");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("it can be read");
    let rules = rules();
    let scan = |arguments: &[&str]| {
        let scan = [&["scan", "events.ndjson", "--rules", &rules], arguments].concat();
        watchfire(folder.path(), &scan);
    };
    scan(&["--format", "html", "--answers", "3", "--output", "three.html"]);
    scan(&["--format", "html", "--answers", "0", "--output", "none.html"]);
    scan(&["--format", "html", "--output", "all.html"]);
    scan(&["--format", "ndjson", "--output", "alerts.ndjson"]);
    let triage = [
        "triage",
        "alerts.ndjson",
        "events.ndjson",
        "--limit",
        "1000",
        "--format",
        "json",
        "--output",
        "answers",
    ];
    watchfire(folder.path(), &triage);

    let risk = |alert: &Value| alert["document"]["kibana.alert.risk_score"].as_u64().expect("a risk");
    let report = read("three.html");
    let alerts = blocks(&report, "alert");
    let answered: Vec<usize> = blocks(&report, "answers").into_iter().map(|(number, _)| number).collect();
    let mut expected: Vec<usize> = (0..alerts.len()).collect();
    expected.sort_by_key(|&number| (std::cmp::Reverse(risk(&alerts[number].1)), number));
    assert_eq!(answered, expected[..3]);
    assert!(report.contains("of the 3 alerts with the highest risk, of "));
    assert!(blocks(&read("none.html"), "answers").is_empty());

    // Each answer is what `triage` says of the alert; for parts of a sequence the alert of the sequence stands.
    let mut of_triage = read_json_lines(&folder.path().join("answers"));
    let is_part = |number: usize| !alerts[number].1["document"]["kibana.alert.building_block_type"].is_null();
    let mut number = 0..;
    of_triage.retain(|_| !number.next().is_some_and(is_part));
    let mut of_scan = blocks(&read("all.html"), "answers");
    of_scan.sort_by_key(|(number, _)| *number);
    assert_eq!(of_scan.len(), of_triage.len());
    for ((_, answers), triage) in of_scan.iter().zip(&of_triage) {
        assert_eq!(without_alerts(&answers["guide"]), without_alerts(&triage["guide"]));
        assert_eq!(answers["evidence"], triage["evidence"]);
    }
}

#[test]
fn what_cannot_be_read_again_is_not_answered_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "-", "--rules", &rules(), "--format", "html"])
        .stdin(std::fs::File::open(demo()).expect("it can be read"))
        .current_dir(folder.path())
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = "guides answered: none: standard input cannot be read again";
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    assert!(blocks(&report, "answers").is_empty() && !blocks(&report, "alert").is_empty());
}

#[test]
fn a_report_of_ten_thousand_alerts_is_ready_within_two_seconds() {
    let Some(script) = browser_script() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let story = std::fs::read_to_string(demo()).expect("the demo can be read");
    let mut events = String::new();
    for host in 0..HOSTS {
        let own = story
            .replace("bw-", &format!("h{host}-"))
            .replace("entity_id\":\"", &format!("entity_id\":\"{host}-"));
        events.write_str(&own).expect("a text takes all");
    }
    std::fs::write(folder.path().join("events.ndjson"), events).expect("it can be written");
    let scan = ["scan", "events.ndjson", "--rules", &rules(), "--format", "html", "--output", "report.html"];
    watchfire(folder.path(), &scan);
    open_report(&script, &folder.path().join("report.html"), "many");
}

/// Alerts and events whose every text tries to be more than a text.
#[test]
fn a_report_of_hostile_events_does_no_harm() {
    let Some(script) = browser_script() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let attack = "</script><script>globalThis.pwned=1</script><img src=x onerror=globalThis.pwned=1>\u{202e}\u{1b}[31m'\"`${1}=cmd|' /C calc'!A0<!--";
    let mut alert: Value = json!({
        "@timestamp": "2026-03-02T08:00:00Z",
        "kibana.alert.uuid": "x1",
        "kibana.alert.rule.note": format!("# {attack}\n\n- [{attack}](javascript:globalThis.pwned=1)\n- [a](https://x.example/{attack})\n\n```\n{attack}\n"),
        "kibana.alert.rule.threat": [{ "tactic": { "name": attack }, "technique": [{ "id": attack, "name": attack }] }],
        "kibana.alert.risk_score": 50,
        "event": { "category": ["process"], "type": ["start"] },
        "process": { "entity_id": "p", "pid": 1, "command_line": format!("{attack}{}", "x".repeat(1 << 20)) },
    });
    for field in ["kibana.alert.rule.name", "kibana.alert.severity", "kibana.alert.reason"] {
        alert[field] = attack.into();
    }
    for (object, name) in [("host", "name"), ("user", "name"), ("process", "name"), ("process", "executable")]
    {
        alert[object][name] = attack.into();
    }
    alert[attack] = attack.into();
    std::fs::write(folder.path().join("alerts.ndjson"), format!("{alert}\n")).expect("it can be written");
    let mut events = String::new();
    for event in read_json_lines(&demo()).into_iter().take(3) {
        let mut event = event;
        event["host"]["name"] = attack.into();
        event["process"]["entity_id"] = "p".into();
        event["process"]["name"] = attack.into();
        event["dns"] = json!({ "question": { "name": attack } });
        writeln!(events, "{event}").expect("a text takes all");
    }
    std::fs::write(folder.path().join("events.ndjson"), events).expect("it can be written");
    let triage = ["triage", "alerts.ndjson", "events.ndjson", "--format", "html", "--output", "report.html"];
    watchfire(folder.path(), &triage);
    let report = std::fs::read_to_string(folder.path().join("report.html")).expect("it can be read");
    assert!(!report.contains("<img") && !report.contains("<!--") && report.matches("<script>").count() == 1);
    open_report(&script, &folder.path().join("report.html"), "hostile");
}
