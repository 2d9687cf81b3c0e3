//! `watchfire lake`, from files to a table and back.

use std::path::Path;
use std::process::{Command, Output};

fn watchfire(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

fn folder_with_events() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/elastic-defend.ndjson");
    std::fs::copy(demo, folder.path().join("events.ndjson")).expect("it can be copied");
    folder
}

#[test]
fn events_go_into_a_lake_and_come_out_again() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let (code, _, log) = run(&["lake", "import", "lake", "events.ndjson"]);
    assert!(code == 0 && log.contains("; 0 had arrived before"), "{log}");
    let (code, _, log) = run(&["lake", "import", "lake", "events.ndjson"]);
    assert!(code == 0 && log.contains("stored: 0 events; "), "{log}");
    let (code, out, _) = run(&["lake", "check", "lake", "--deep"]);
    assert!(code == 0 && out.ends_with("spool: 0 events\n"), "{out}");
    let sql = "SELECT count(*) AS n FROM \"logs-endpoint.events.process-default\" WHERE \"process.name\" = 'cmd.exe'";
    let (code, out, log) = run(&["lake", "query", "lake", sql]);
    insta::assert_snapshot!(out);
    assert_eq!(code, 0, "{log}");
    let (code, out, _) = run(&["lake", "stats", "lake"]);
    assert_eq!((code, out.lines().count()), (0, 6));
    // What a lake gives back, rules find the same in.
    let (code, _, log) = run(&["lake", "export", "lake", "--output", "exported.ndjson"]);
    assert_eq!(code, 0, "{log}");
    let query = "process where process.name : \"cmd.exe\"";
    let found = |file: &str| run(&["hunt", query, file, "--format", "ndjson"]).1.lines().count();
    let all = found("events.ndjson");
    assert!(all > 0);
    assert_eq!(found("exported.ndjson"), all);
    let (code, out, log) = run(&["hunt", query, "--lake", "lake", "--format", "ndjson"]);
    assert_eq!((code, out.lines().count()), (0, all), "{log}");
    let sequence = "sequence by host.id with maxspan=1d [process where true] [network where true]";
    let sequences =
        |arguments: &[&str]| run(&[&["hunt", sequence, "--format", "ndjson"], arguments].concat()).1;
    assert_eq!(sequences(&["--lake", "lake"]), sequences(&["exported.ndjson"]));
    let (code, _, log) = run(&["lake", "compact", "lake", "--vacuum", "24"]);
    assert!(code == 0 && log.contains("deleted: 0 files"), "{log}");
}

/// Queries that columns decide, in part, or not at all; the last part of each log is the same too: what was read, what is missing.
#[test]
fn a_hunt_in_a_lake_finds_what_one_in_its_export_does() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    run(&["lake", "import", "lake", "events.ndjson"]);
    run(&["lake", "export", "lake", "--output", "exported.ndjson"]);
    let mut found = 0;
    for query in include_str!("../lake_queries.txt").lines() {
        for window in [&[][..], &["--from", "2026-03-17T08:10:00Z", "--to", "2026-03-17T09:00:00Z"]] {
            let hunt = |input: &[&str]| {
                let (code, out, log) = run(&[&["hunt", query, "--format", "ndjson"], input, window].concat());
                assert!(code < 2, "{query}: {log}");
                (code, out, log.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
            };
            let of_lake = hunt(&["--lake", "lake"]);
            found += of_lake.1.lines().count();
            // Events outside of a window are not looked at in a lake, and so not counted.
            if window.is_empty() {
                assert_eq!(of_lake, hunt(&["exported.ndjson"]), "{query}");
            } else {
                assert_eq!(of_lake.1, hunt(&["exported.ndjson"]).1, "{query}, in a window");
            }
        }
    }
    assert!(found > 100, "{found}");
}

/// All but where an alert's event was read.
#[test]
fn a_scan_of_a_lake_alerts_as_one_of_its_export() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let rules = rules.to_str().expect("a path in UTF-8");
    run(&["lake", "import", "lake", "events.ndjson"]);
    run(&["lake", "export", "lake", "--output", "exported.ndjson"]);
    let scan = |input: &[&str]| -> Vec<serde_json::Value> {
        let (_, out, _) = run(&[&["scan", "--rules", rules, "--format", "ndjson"], input].concat());
        let alert = |line: &str| {
            let mut alert: serde_json::Value = serde_json::from_str(line).expect("JSON");
            alert.as_object_mut().expect("an object").remove("watchfire.evidence");
            alert
        };
        out.lines().map(alert).collect()
    };
    let of_lake = scan(&["--lake", "lake"]);
    assert!(!of_lake.is_empty());
    assert!(of_lake == scan(&["exported.ndjson"]), "alerts differ");
    let window = ["--from", "2026-03-17T08:00:00Z", "--to", "2026-03-17T09:00:00Z"];
    let inside = scan(&[&["--lake", "lake"], &window[..]].concat());
    assert!(!inside.is_empty() && inside.len() < of_lake.len());
    assert!(inside == scan(&[&["exported.ndjson"], &window[..]].concat()), "alerts within a window differ");
}

#[test]
fn what_is_wrong_is_told() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let (code, _, log) = run(&["lake", "stats", "none"]);
    assert!(code == 2 && log.contains("is no lake"), "{log}");
    run(&["lake", "import", "lake", "events.ndjson"]);
    let (code, _, log) = run(&["lake", "query", "lake", "DROP TABLE x"]);
    assert!(code == 2 && log.contains("DDL"), "{log}");
    let table = folder.path().join("lake/tables/logs-endpoint.events.process-default");
    let partition = std::fs::read_dir(table)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.file_name().is_some_and(|name| name != "_delta_log"))
        .expect("a partition");
    for file in std::fs::read_dir(partition).expect("a folder") {
        std::fs::write(file.expect("an entry").path(), "gone").expect("it can be written");
    }
    let (code, out, _) = run(&["lake", "check", "lake"]);
    assert!(code == 1 && out.contains("damaged: "), "{out}");
    let (code, out, _) = run(&["lake", "check", "lake", "--repair"]);
    assert!(code == 1 && out.contains("given up: "), "{out}");
    assert_eq!(run(&["lake", "check", "lake", "--deep"]).0, 0);
}
