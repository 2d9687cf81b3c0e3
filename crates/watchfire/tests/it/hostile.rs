//! One run over everything that goes wrong: each thing has its message with its place, and the rest of the run is done.
//! What the decoders make of each kind alone is held by the cases of `watchfire-sources`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;

const RULE: &str = r#"[rule]
description = "d"
language = "eql"
name = "A shell started"
risk_score = 47
rule_id = "5b1f7f0e-0002-4c1e-9d0a-000000000001"
severity = "medium"
type = "eql"
query = 'process where process.name : "cmd.exe"'
"#;

const EVENT: &str = r#"{"@timestamp":"2026-03-02T08:00:00Z","event":{"category":["process"]},"process":{"name":"cmd.exe"},"data_stream":{"type":"logs","dataset":"endpoint.events.process","namespace":"default"}}"#;

/// Megabytes of the bombs: above the size below which no ratio is too much.
const BOMB_MEGABYTES: usize = 80;
/// Bytes of the single line: larger than a record may be.
const LINE_BYTES: usize = 40 << 20;

fn scan(folder: &Path, rules: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchfire"));
    command.arg("scan").arg(folder).arg("--rules").arg(rules).args(["--format", "ndjson"]).args(more);
    command.output().expect("the command runs")
}

/// A gzip stream of `megabytes` of the same character in a JSON string.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"{\"a\":\"").expect("memory takes all");
    let same = vec![b'x'; 1 << 20];
    for _ in 0..megabytes {
        encoder.write_all(&same).expect("memory takes all");
    }
    encoder.finish().expect("memory takes all")
}

#[test]
fn what_is_hostile_is_named_and_the_rest_is_done() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (logs, rules) = (place.path().join("logs"), place.path().join("rules"));
    fs::create_dir_all(logs.join("empty folder")).expect("a folder");
    fs::create_dir_all(&rules).expect("a folder");
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("a file can be written");
    write(&rules.join("good.toml"), RULE.as_bytes());
    write(&rules.join("wrong.toml"), RULE.replace(':', "=").replace("0001", "0002").as_bytes());
    write(&rules.join("cut off.toml"), &RULE.as_bytes()[..120]);
    write(&logs.join("binary.log"), &[0x7f, b'E', b'L', b'F', 0, 1, 2, 3, 255, 254]);
    write(&logs.join("bomb.json.gz"), &bomb(BOMB_MEGABYTES));
    let mut line = b"{\"a\":\"".to_vec();
    line.resize(LINE_BYTES, b'x');
    line.extend_from_slice(format!("\"}}\n{EVENT}\n").as_bytes());
    write(&logs.join("one line.json"), &line);
    let deep = format!("{}1{}\n{EVENT}\n", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    write(&logs.join("deep.json"), deep.as_bytes());
    write(&logs.join("deep array.json"), &b"[".repeat(100_000));
    write(&logs.join("half.json"), format!("{EVENT}\n{}", &EVENT[..50]).as_bytes());
    write(&logs.join("header only.evtx"), b"ElfFile\0");
    write(&logs.join("nothing.json"), b"");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere/at/all", logs.join("unreadable.json")).expect("a link");

    let output = scan(&logs, &rules, &[]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    // The readable event of each of three files.
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3, "{log}");
    let mut expected = vec![
        "wrong.toml:9:37: error[EQL014]",
        "cut off.toml",
        "binary.log (unknown): ",
        "bomb.json.gz",
        "one line.json:1: larger than a record may be",
        "deep.json:1: nested too deeply",
        "deep array.json",
        "half.json:2: not valid JSON",
        "header only.evtx",
        "rules: 3 = 1 ran + 0 cannot match here + 0 unsupported + 2 failed",
    ];
    if cfg!(unix) {
        expected.push("unreadable.json");
    }
    for part in expected {
        assert!(log.contains(part), "no `{part}` in\n{log}");
    }
}

#[test]
fn an_empty_folder_is_no_success() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let rules = place.path().join("good.toml");
    fs::write(&rules, RULE).expect("a file can be written");
    let empty = place.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let output = scan(&empty, &rules, &[]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("(folder): holds no file"), "{log}");
}

#[test]
fn shared_a_truncated_evtx_gives_every_whole_record() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let whole = fs::read(shared.join("fixtures/winlogbeat/evtx/4105.evtx")).expect("a fixture");
    let place = tempfile::tempdir().expect("a temporary folder");
    let rules = place.path().join("good.toml");
    fs::write(&rules, RULE).expect("a file can be written");
    let logs = place.path().join("logs");
    fs::create_dir(&logs).expect("a folder");
    let mut counts = Vec::new();
    // Whole; cut in the first chunk behind its head; cut in the header of the file.
    for length in [whole.len(), 4_096 + 600, 100] {
        fs::write(logs.join("cut.evtx"), &whole[..length]).expect("a file can be written");
        let output = scan(&logs, &rules, &[]);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().expect("it was not killed");
        let records = log.lines().find(|line| line.starts_with("records: ")).expect("a count").to_owned();
        assert!(code == 0 || log.contains("cut.evtx"), "{log}");
        counts.push((code, records));
    }
    assert_eq!(counts[0].0, 0, "{counts:?}");
    assert!(counts[1..].iter().all(|(code, _)| *code == 1), "{counts:?}");
}

#[test]
fn threads_and_memory_do_not_show() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let rules = place.path().join("rules");
    fs::create_dir(&rules).expect("a folder");
    fs::write(rules.join("event.toml"), RULE).expect("a file can be written");
    // Every event is a hit of both stages and ends a pair; the last hundred pairs are three alerts each.
    let pair =
        "sequence with maxspan=2s [process where true] [process where process.name : \"cmd.exe\"] | tail 100";
    let joined = RULE
        .replace("process where process.name : \"cmd.exe\"", pair)
        .replace("A shell started", "Two shells")
        .replace("000000000001", "000000000002");
    fs::write(rules.join("sequence.toml"), joined).expect("a file can be written");
    let logs = place.path().join("logs");
    fs::create_dir(&logs).expect("a folder");
    // More than one chunk, in one large file and several small ones; some records are broken.
    for file in 0..6 {
        let records = if file == 3 { 12_000 } else { 500 };
        let lines = (0..records).map(|number| match number % 100 {
            99 => "{\"broken\n".to_owned(),
            second => {
                format!("{}\n", EVENT.replace("08:00:00", &format!("08:{:02}:{:02}", file, second % 60)))
            }
        });
        fs::write(logs.join(format!("{file}.ndjson")), lines.collect::<String>())
            .expect("a file can be written");
    }
    let run = |threads: &str, memory: &str| {
        let output = scan(&logs, &rules, &["--threads", threads, "--max-memory", memory]);
        let log = String::from_utf8(output.stderr).expect("UTF-8");
        let log: Vec<&str> = log.lines().filter(|line| !line.starts_with("elapsed: ")).collect();
        (output.status.code(), output.stdout, log.join("\n"))
    };
    let (code, alerts, log) = run("1", "512MiB");
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(String::from_utf8_lossy(&alerts).lines().count(), 14_355 + 300, "{log}");
    for (threads, memory) in [("2", "512MiB"), ("4", "64MiB"), ("1", "64MiB")] {
        assert_eq!(run(threads, memory), (code, alerts.clone(), log.clone()), "{threads} {memory}");
    }
}

/// Each part of a name took a stack and a look at all names above it: such a record ended the process, or kept it for hours.
#[test]
fn names_of_very_many_parts_are_fields_like_others() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (logs, rules) = (place.path().join("logs"), place.path().join("rules"));
    for folder in [&logs, &rules] {
        fs::create_dir(folder).expect("there is room");
    }
    fs::write(rules.join("shell.toml"), RULE).expect("there is room");
    let parts = ".a".repeat(300_000);
    let lines = [
        EVENT.replacen('{', &format!("{{\"process{parts}\":1,"), 1),
        format!("{{\"_path\":\"dns\",\"ts\":1.5,\"e{parts}\":4.5}}"),
        EVENT.to_owned(),
    ];
    fs::write(logs.join("events.ndjson"), lines.join("\n")).expect("there is room");
    let output = scan(&logs, &rules, &[]);
    let alerts = String::from_utf8_lossy(&output.stdout);
    assert_eq!(alerts.lines().count(), 2, "{}", String::from_utf8_lossy(&output.stderr));
    let mut normalize = Command::new(env!("CARGO_BIN_EXE_watchfire"));
    let output = normalize.arg("normalize").arg(&logs).output().expect("the command runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
}
