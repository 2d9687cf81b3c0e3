//! The founding rule over every source that it names: raw records of the same executions as each source writes them.
//!
//! ```text
//! tests/netsupport/<source>/child.*              client32.exe runs out of a user's profile: an alert
//!                           parent.*             client32.exe starts a program of ProgramData: an alert
//!                           parent_executable.*  client32.exe of a profile starts a program of the system: an alert,
//!                                                where the source carries the path of a parent
//!                           program_files.*      client32.exe runs where it is installed: none
//! ```
//!
//! A file of another name beside them is context that is read with each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use watchfire_test_support::{read_json_lines, shared_folder};

const RULE: &str = "corpus/detection-rules/rules/windows/command_and_control_rmm_netsupport_susp_path.toml";

/// The records, and whether they are to give an alert.
const CASES: &[(&str, bool)] =
    &[("child", true), ("parent", true), ("parent_executable", true), ("program_files", false)];

#[test]
fn shared_founding_rule_fires_for_every_source_that_it_names() {
    let Some(shared) = shared_folder() else { return };
    let rule = shared.join(RULE);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netsupport");
    let mut wrong = Vec::new();
    let mut streams = BTreeSet::new();
    for (source, files) in sources(&root) {
        for (case, fires) in CASES {
            let Some(record) = files.get(*case) else {
                assert_eq!(*case, "parent_executable", "{source} has no record `{case}`");
                continue;
            };
            let is_case = |name: &&String| CASES.iter().any(|(case, _)| case == name);
            let context = files.iter().filter(|(name, _)| !is_case(name)).map(|(_, path)| path);
            let (alerts, log) = scan(&rule, context.chain([record]));
            // Each record of a file is such an execution.
            let records = if record.extension().is_some_and(|extension| extension == "ndjson") {
                read_json_lines(record).len()
            } else {
                1
            };
            if alerts.len() != if *fires { records } else { 0 } {
                wrong.push(format!("{source} {case}: {} alerts\n{log}", alerts.len()));
            }
            streams.extend(alerts.iter().map(stream));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One for each index pattern of the rule.
    let expected: BTreeSet<String> = [
        "endgame-default",
        "logs-crowdstrike.fdr-default",
        "logs-endpoint.events.process-default",
        "logs-m365_defender.event-default",
        "logs-sentinel_one_cloud_funnel.event-default",
        "logs-system.security-default",
        "logs-windows.sysmon_operational-default",
        "winlogbeat-8.15.0",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(streams, expected);
}

/// The four searches of its guide over the demo's events, held against a plain reading of them.
#[test]
fn shared_founding_guide_is_answered_over_the_demo() {
    let Some(shared) = shared_folder() else { return };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/elastic-defend.ndjson");
    let (alerts, log) = scan(&shared.join(RULE), std::iter::once(&demo));
    assert_eq!(alerts.len(), 3, "{log}");
    let answered = answered(&demo, &alerts);
    assert_eq!(answered.len(), 3);
    let documents: Vec<Value> = read_json_lines(&demo).into_iter().chain(alerts).collect();
    let mut counts = Vec::new();
    for question in answered.iter().flat_map(|alert| alert["guide"].as_array().expect("parts")) {
        let Some(label) = question.get("question") else { continue };
        let text = |name: &str| question[name].as_str().expect("a text").to_owned();
        let asked = question["groups"][0]["asked"].as_array().expect("it is asked");
        assert_eq!(question["groups"].as_array().map(Vec::len), Some(1));
        let fits = |document: &&Value| {
            let time = document["@timestamp"].as_str().expect("a time").to_owned();
            let is_asked = asked.iter().all(|part| {
                let (field, value) = part.as_str().expect("a text").split_once(": ").expect("a condition");
                has(document, field, value)
            });
            is_asked && text("from") <= time && time <= text("to")
        };
        let mut expected: Vec<&str> =
            documents.iter().filter(fits).map(|one| one["@timestamp"].as_str().expect("a time")).collect();
        expected.sort_unstable();
        let found = question["events"].as_array().expect("events").iter();
        let mut found: Vec<&str> =
            found.map(|one| one["_source"]["@timestamp"].as_str().expect("a time")).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{label}");
        counts.push((label.as_str().expect("a label").to_owned(), found.len()));
    }
    // Of the client, and of what it started.
    let numbers: Vec<usize> = counts.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [3, 3, 2, 2, 0, 10, 2, 2, 2, 0, 1, 1], "{counts:?}");
    // The session of the help desk is told apart: its own folder, the vendor's program, the deployment agent, the company's gateway.
    let told: Vec<String> = answered.iter().map(tell).collect();
    for (number, expected) in [
        (
            0,
            &[
                r"process.executable = C:\Users\nora.velde\AppData\Roaming\SyncHelper\client32.exe",
                "network: 203.0.113.77",
            ][..],
        ),
        (
            2,
            &[
                r"process.executable = C:\ProgramData\Ferry Deploy\support\client32.exe",
                "process.code_signature.subject_name = NetSupport Ltd.",
                r"process.parent.executable = C:\Program Files\Ferry Deploy\ferry-agent.exe",
                "DNS: support-gw.brambleworks.example",
                "network: 10.20.2.40",
            ],
        ),
    ] {
        for line in expected {
            assert!(told[number].contains(line), "{line} is not in\n{}", told[number]);
        }
    }
}

/// The same story told by each source: the tool starts in a user's profile, writes its settings, asks for a name and connects to it
/// where the source tells such things, and starts a shell; a browser connects elsewhere; on another host the tool runs where it
/// is installed, and on a third a deployment agent rolls it out from a folder of its own, which alerts too. Beside each file stands, question by
/// question of the guide, what the guide and the evidence say of its three alerts.
#[test]
fn shared_founding_guide_is_answered_for_every_source_that_it_names() {
    let Some(shared) = shared_folder() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netsupport_story");
    let mut stories: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "snap"))
        .collect();
    stories.sort();
    assert_eq!(stories.len(), 8);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for story in stories {
        let (alerts, log) = scan(&shared.join(RULE), std::iter::once(&story));
        assert_eq!(alerts.len(), 3, "{}: {log}", story.display());
        let told = answered(&story, &alerts).iter().map(tell).collect::<Vec<_>>().join("\n");
        let name = story.file_stem().expect("a name").to_string_lossy().into_owned();
        settings.bind(|| insta::assert_snapshot!(name, told));
    }
}

/// The guides of alerts, answered over a file.
fn answered(events: &Path, alerts: &[Value]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("alerts.ndjson");
    let lines: Vec<String> = alerts.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).expect("it can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .arg("triage")
        .args([&file, events])
        .args(["--format", "json", "--size", "1000"])
        .output()
        .expect("the command runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What an answered guide and its evidence say, in short.
fn tell(answered: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let evidence = &answered["evidence"];
    let nodes = list(&evidence["tree"]["nodes"]);
    let deeds = |kind: &str| {
        let objects: Vec<String> =
            list(&evidence["deeds"][kind]).iter().map(|deed| text(&deed["object"])).collect();
        format!("  {kind}: {}", if objects.is_empty() { "no event".to_owned() } else { objects.join(", ") })
    };
    let mut told = vec![text(&answered["alert"]["reason"])];
    let mut number = 0;
    for part in list(&answered["guide"]) {
        if part["question"].is_string() {
            told.push(format!("  ? {}: {}", text(&part["question"]), text(&part["verdict"])));
            told.extend(list(&part["events"]).iter().map(|event| format!("    {}", tell_event(event))));
            continue;
        }
        let words = part["text"].as_str().unwrap_or_default();
        if words.starts_with("### False positive") {
            break;
        }
        if !words.starts_with("- ") {
            continue;
        }
        number += 1;
        told.push(format!("question {number}"));
        for value in list(&part["alert_values"]) {
            let values: Vec<String> = list(&value["values"]).iter().map(text).collect();
            told.push(format!("  = {}: {}", text(&value["field"]), values.join(", ")));
        }
        match number {
            1 => {
                let facts = list(&evidence["identity"]);
                told.extend(
                    facts.iter().map(|fact| format!("  {} = {}", text(&fact["field"]), text(&fact["value"]))),
                );
                let tree = nodes
                    .iter()
                    .map(|node| format!("{} ({})", text(&node["image"]["name"]), text(&node["standing"])));
                told.push(format!("  tree: {}", tree.collect::<Vec<_>>().join(" > ")));
                told.extend(list(&evidence["remarks"]).iter().map(|remark| format!("  ! {}", text(remark))));
            }
            2 => {
                let lines = nodes.iter().filter_map(|node| node["image"]["command_line"].as_str());
                told.extend(lines.map(|line| format!("  command line: {line}")));
            }
            3 => told.extend([deeds("DNS"), deeds("network")]),
            4 => told.extend([deeds("files"), deeds("registry")]),
            6 => {
                let related = list(&evidence["related_alerts"]);
                let shares = related
                    .iter()
                    .map(|alert| list(&alert["shares"]).iter().map(text).collect::<Vec<_>>().join(", "));
                told.extend(shares.map(|shares| format!("  related alert, shares {shares}")));
            }
            _ => {}
        }
    }
    told.join("\n") + "\n"
}

/// Whether a document has a value in a field.
fn has(document: &Value, field: &str, value: &str) -> bool {
    let whole = document.get(field);
    let found = whole.or_else(|| field.split('.').try_fold(document, |inner, name| inner.get(name)));
    match found {
        Some(Value::Array(items)) => items.iter().any(|item| item == value),
        Some(found) => found == value,
        None => false,
    }
}

/// By source, its files by their names without an ending.
fn sources(root: &Path) -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder can be read");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let files = |folder: &Path| entries(folder).into_iter().map(|path| (stem(&path), path)).collect();
    entries(root).iter().map(|folder| (name(folder), files(folder))).collect()
}

fn scan<'p>(rule: &Path, records: impl Iterator<Item = &'p PathBuf>) -> (Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "--format", "ndjson"])
        .args(records)
        .arg("--rules")
        .arg(rule)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("alerts are UTF-8");
    let alerts = text.lines().map(|line| serde_json::from_str(line).expect("an alert is JSON"));
    (alerts.collect(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn stream(alert: &Value) -> String {
    alert["kibana.alert.ancestors"][0]["index"].as_str().unwrap_or_default().to_owned()
}

/// An event that answers, in a line.
fn tell_event(event: &Value) -> String {
    let source = &event["_source"];
    if event["_index"].as_str().is_some_and(|index| index.starts_with(".alerts")) {
        return format!("alert {}", source["kibana.alert.rule.name"].as_str().unwrap_or("-"));
    }
    let of = |field: &str| {
        let found = field.split('.').try_fold(source, |inner, name| inner.get(name));
        found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
    };
    let parts = ["process.name", "event.action", "destination.ip", "dns.question.name"].map(of);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
