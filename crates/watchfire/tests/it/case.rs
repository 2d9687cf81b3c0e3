//! `watchfire case`, from an alert to an export that others can check.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use watchfire_test_support::read_json_lines;

fn watchfire(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

/// The demo's alerts and events in a folder, with the id of the alert of its NetSupport client.
fn story() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(root.join("demo/elastic-defend.ndjson"), folder.path().join("events.ndjson"))
        .expect("it can be copied");
    let rules = root.join("rules");
    let rules = rules.to_str().expect("a path in UTF-8");
    let scan = ["scan", "events.ndjson", "--rules", rules, "--format", "ndjson", "--output", "alerts.ndjson"];
    let (code, _, log) = watchfire(folder.path(), &scan);
    assert_eq!(code, 0, "{log}");
    let alerts = read_json_lines(&folder.path().join("alerts.ndjson"));
    let is_it = |alert: &&Value| {
        alert["kibana.alert.rule.name"] == "NetSupport Client Running from a User-Writable Folder"
    };
    let uuid = alerts.iter().find(is_it).expect("it alerts")["kibana.alert.uuid"]
        .as_str()
        .expect("an id")
        .to_owned();
    (folder, uuid)
}

#[test]
fn a_case_is_kept_closed_and_exported() {
    let (folder, uuid) = story();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let done = |arguments: &[&str]| {
        let (code, _, log) = run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {log}");
        log
    };
    let doing = ["--by", "nora", "--at", "2026-03-17T10:00:00Z"];
    let with = |arguments: &[&'static str]| -> Vec<&'static str> {
        arguments.iter().chain(&doing).copied().collect()
    };
    done(&with(&["case", "open", "14", "Remote tool on bw-lt-014"]));
    let (code, _, log) = run(&with(&["case", "close", "14", "--as", "benign", "--reason", "x"]));
    assert!(code == 2 && log.contains("has no alert"), "{log}");
    let add =
        [&["case", "add", "14", "alerts.ndjson", "events.ndjson", "--uuid", &uuid][..], &doing].concat();
    let log = done(&add);
    assert!(log.contains("added: 1 alert, "), "{log}");
    let log = done(&add);
    assert_eq!(log, "in the case already: 1 alert\n");
    done(&with(&["case", "note", "14", "The user knows nothing of it."]));
    // What is kept answers again what was asked, without the logs.
    let events = read_json_lines(&folder.path().join("14/events.ndjson"));
    assert!(events.iter().any(|event| event["_source"]["dns"]["question"]["name"].is_string()));
    let answers = read_json_lines(&folder.path().join("14/answers.ndjson"));
    let triage = ["triage", "14/alerts.ndjson", "14/events.ndjson", "--format", "json", "--size", "1000"];
    let (_, again, _) = run(&triage);
    let again: Value = serde_json::from_str(&again).expect("JSON");
    // Alerts of others are not in the case.
    let is_event =
        |event: &&Value| event["_index"].as_str().is_some_and(|index| !index.starts_with(".alerts"));
    let counts = |answered: &Value| -> Vec<usize> {
        let parts = answered["guide"].as_array().expect("parts").iter();
        parts.filter_map(|part| Some(part["events"].as_array()?.iter().filter(is_event).count())).collect()
    };
    assert!(events.iter().all(|event| is_event(&event)));
    assert_eq!(counts(&answers[0])[..2], [3, 2]);
    assert_eq!(counts(&again), counts(&answers[0]));
    // What else those above it started is only counted, and not kept.
    let tree = |answered: &Value| {
        let mut tree = answered["evidence"]["tree"].clone();
        for node in tree["nodes"].as_array_mut().expect("processes") {
            node.as_object_mut().expect("a process").remove("other_children");
        }
        tree
    };
    assert_eq!(tree(&again), tree(&answers[0]));

    let close = [
        "case",
        "close",
        "14",
        "--as",
        "false-positive",
        "--reason",
        "a roll-out",
        "--done",
        "told the desk",
    ];
    let log = done(&with(&close));
    assert!(log.contains("suggested: "), "{log}");
    let suggested = std::fs::read_to_string(folder.path().join("14/exception-1.toml")).expect("it is there");
    assert!(suggested.contains("[[items]]") || suggested.contains("[[exceptions"), "{suggested}");
    let other = ["case", "add", "14", "alerts.ndjson", "events.ndjson", "--limit", "20"];
    let (code, _, log) = run(&other);
    assert!(code == 2 && log.contains("is closed"), "{log}");
    done(&with(&["case", "reopen", "14", "--reason", "seen elsewhere"]));
    let (_, shown, _) = run(&["case", "show", "14"]);
    insta::assert_snapshot!(shown.replace(&uuid, "UUID"));

    for output in ["one", "two", "one.zip", "two.zip"] {
        done(&["case", "export", "14", "--output", output]);
    }
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("it can be read");
    assert!(read("one.zip") == read("two.zip"), "two exports differ");
    let sums = String::from_utf8(read("one/SHA256SUMS")).expect("text");
    let names: Vec<&str> = sums.lines().filter_map(|line| line.split("  ").nth(1)).collect();
    assert_eq!(
        names,
        [
            "alerts.ndjson",
            "answers.ndjson",
            "case.json",
            "case.md",
            "events.ndjson",
            "exception-1.toml",
            "report.html"
        ]
    );
    for name in names {
        assert!(read(&format!("one/{name}")) == read(&format!("two/{name}")), "{name}");
    }
    if cfg!(unix) {
        let check = Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(folder.path().join("one"))
            .output()
            .expect("sha256sum runs");
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    }
    let (code, _, log) = run(&["case", "export", "14", "--output", "one"]);
    assert!(code == 2 && log.contains("cannot be made"), "{log}");
}

#[test]
fn what_is_no_case_is_told() {
    let (folder, uuid) = story();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let (code, _, log) = run(&["case", "add", "none", "alerts.ndjson", "events.ndjson", "--uuid", &uuid]);
    assert!(code == 2 && log.contains("is no case"), "{log}");
    let (code, _, log) = run(&["case", "open", ".", "x"]);
    assert!(code == 2 && log.contains("is not empty"), "{log}");
    assert_eq!(run(&["case", "open", "1", "x"]).0, 0);
    std::fs::write(folder.path().join("1/case.json"), "{\"format\": 9}").expect("it can be written");
    let (code, _, log) = run(&["case", "note", "1", "x"]);
    assert!(code == 2 && log.contains("stored in form 9"), "{log}");
}

/// All files below a folder, by their path in it.
fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name =
                    path.strip_prefix(folder).expect("it lies below").to_string_lossy().replace('\\', "/");
                found.push((name, std::fs::read(&path).expect("it can be read")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_demo_leaves_the_same_story_each_time() {
    let told = || {
        let folder = tempfile::tempdir().expect("a folder");
        let (code, out, log) = watchfire(folder.path(), &["demo", "--output", "demo"]);
        assert_eq!(code, 0, "{log}");
        assert!(out.contains("What was made of the alerts, in demo:"), "{out}");
        // Of 40 alerts the exception takes the one that is no intrusion.
        assert!(out.contains("that the guide names: with it, 39 alerts"), "{out}");
        files_of(&folder.path().join("demo"))
    };
    let (one, other) = (told(), told());
    let names: Vec<&str> =
        one.iter().map(|(name, _)| name.as_str()).filter(|name| !name.contains("s/")).collect();
    let expected = [
        "alerts.ndjson",
        "case.zip",
        "case/alerts.ndjson",
        "case/answers.ndjson",
        "case/case.json",
        "case/events.ndjson",
        "exception.toml",
        "guide.txt",
        "report.html",
        "sweep.txt",
    ];
    assert_eq!(names, expected);
    for ((name, content), (_, again)) in one.iter().zip(&other) {
        assert!(content == again, "{name} differs");
    }
    let text = |name: &str| {
        let (_, content) = one.iter().find(|(of, _)| of == name).expect("it is there");
        String::from_utf8(content.clone()).expect("text")
    };
    // The roll-out has the same program and signer, and neither the folder nor the relay; the colleague has the relay.
    let sweep = text("sweep.txt");
    let of_host = |host: &str| {
        let (_, rest) = sweep.split_once(&format!("{host}.brambleworks.example: ")).expect("it has traces");
        rest.split("\n  bw-").next().unwrap_or_default().to_owned()
    };
    let (roll_out, colleague) = (of_host("bw-hd-05"), of_host("bw-ws-022"));
    assert!(roll_out.contains("NetSupport Ltd.") && !roll_out.contains("203.0.113.77"), "{roll_out}");
    assert!(
        colleague.contains("203.0.113.77") && colleague.contains("relay.northway-freight.example"),
        "{colleague}"
    );
    let guide = text("guide.txt");
    for said in [
        "► client32.exe (6804)",
        "lies where a user without rights may write",
        "group \"Domain Admins\" /domain",
    ] {
        assert!(guide.contains(said), "{said}");
    }
}
