//! Records of which only the place is kept: what is read again there gives the same event as a record that was kept
//! whole, and a record that is not there any more is missed and named.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use watchfire_events::{DeferredEvents, Event, Place, RestoreEventError};
use watchfire_sources::decode::{RecordSink, RejectReason, TextRange, list_files, read_file};
use watchfire_sources::normalise::{DeferredRecords, NormaliseOptions, RawInput, RecordPool};
use watchfire_sources::tape::TapeValue;

/// Records that are taken of each shared file.
const OF_EACH_FILE: usize = 60;

/// The first records of files, kept whole and by their place.
struct Both {
    whole: DeferredRecords,
    by_place: DeferredRecords,
    most: usize,
}

impl Both {
    fn of(files: &[(PathBuf, Arc<str>)], most: usize) -> Self {
        let named = files.iter().map(|(path, name)| (Arc::clone(name), path.clone())).collect();
        let options = NormaliseOptions::default();
        Self {
            whole: RecordPool::new(options.clone()).records(),
            by_place: RecordPool::of_files(options, named).records(),
            most,
        }
    }

    /// Reads files; gives back how many records there are.
    fn read(&mut self, files: &[(PathBuf, Arc<str>)]) -> usize {
        for (path, name) in files {
            let most = self.by_place.len() + self.most;
            let (whole, by_place) = (&mut self.whole, &mut self.by_place);
            read_file(path, name, &mut Taking { whole, by_place, most });
        }
        self.by_place.len()
    }
}

struct Taking<'a> {
    whole: &'a mut DeferredRecords,
    by_place: &'a mut DeferredRecords,
    most: usize,
}

impl RecordSink for Taking<'_> {
    fn record(&mut self, _: RawInput) {}

    fn record_on_tape(&mut self, _: TapeValue<'_>, _: Place, _: &Arc<str>) {}

    fn record_in_file(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>, text: TextRange) {
        self.whole.push_from(record, place.clone(), identity, Some(text));
        self.by_place.push_from(record, place, identity, Some(text));
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}

    fn is_satisfied(&self) -> bool {
        self.by_place.len() >= self.most
    }

    fn wants_member(&mut self, name: &Arc<str>, format: &'static str) -> bool {
        // Those of archives are in no file as they are.
        format == "json" && !name.contains('!')
    }
}

fn stored(records: &DeferredRecords, number: usize) -> Vec<u8> {
    let mut stored = Vec::new();
    records.store(number as u32, &mut stored);
    stored
}

fn restored(records: &DeferredRecords, number: usize) -> Result<Event, RestoreEventError> {
    records.restore().event(&stored(records, number))
}

/// Compares the events of files, made in both ways; gives back how many there are.
fn compare(files: &[(PathBuf, Arc<str>)], most: usize) -> usize {
    let mut both = Both::of(files, most);
    let number = both.read(files);
    for at in 0..number {
        let again = restored(&both.by_place, at).expect("the file has not changed");
        assert_eq!(again, restored(&both.whole, at).expect("it was just stored"));
        assert_eq!(again, both.whole.event(at as u32));
        // What is kept of it does not grow with the record.
        assert!(stored(&both.by_place, at).len() < 64 + 2 * again.place.input.len());
    }
    number
}

#[test]
fn texts_are_found_again_wherever_they_stand() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let records = [r#"{"a":"ä\u00e9"}"#, r#"{"a":[1,-2,0.5,true,null,{"b":18446744073709551615}]}"#];
    let [one, other] = records;
    for (name, text, expected) in [
        ("lines.json", format!("{one}\n{other}\n{one}"), 3),
        ("mark.json", format!("\u{feff}{one}\n{other}\n"), 2),
        ("blanks.json", format!("  {one}\t\r\n\n {other} \r\n"), 2),
        ("array.json", format!("[\n{one},\n  {other} ,\n{one}\n]\n"), 3),
        // One that goes on over lines is in one piece too.
        ("mixed.json", format!("{{\"x\":\n1}}\n{one}\nno json\n{other}\n"), 3),
        // A search response: its hits go the slow way.
        ("hits.json", format!("{{\"hits\":{{\"hits\":[{{\"_source\":{one}}}]}}}}\n{other}\n"), 1),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writable");
        assert_eq!(compare(&[(path, name.into())], usize::MAX), expected, "{name}");
    }
}

#[test]
fn records_of_the_demo_and_of_shared_files_are_the_same_when_they_are_read_again() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo")];
    let shared = watchfire_test_support::shared_folder();
    folders.extend(shared.iter().flat_map(|shared| ["datasets", "fixtures"].map(|name| shared.join(name))));
    let (files, _) = list_files(&folders);
    let compared: usize = files.iter().map(|file| compare(std::slice::from_ref(file), OF_EACH_FILE)).sum();
    assert!(compared > 100, "{compared} records");
}

#[test]
fn what_has_changed_is_not_taken_for_what_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.json");
    let text = "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n";
    fs::write(&path, text).expect("writable");
    let files = [(path.clone(), Arc::from("a.json"))];
    let mut both = Both::of(&files, usize::MAX);
    assert_eq!(both.read(&files), 2);
    let states = |content: &str| {
        fs::write(&path, content).expect("writable");
        [0, 1].map(|at| match restored(&both.by_place, at) {
            Ok(event) => {
                assert_eq!(event, both.whole.event(at as u32));
                true
            }
            Err(error) => {
                let place = DeferredEvents::place(&both.by_place, at as u32).clone();
                assert_eq!(error, RestoreEventError::Changed(place));
                false
            }
        })
    };
    assert_eq!(states(&format!("{text}{{\"a\":3}}\n")), [true, true]);
    assert_eq!(states(&text.replace('2', "3")), [true, false]);
    assert_eq!(states(&text.replace('x', "z")), [false, true]);
    assert_eq!(states(&text.replace("\"a\"", "\"c\"")), [false, false]);
    assert_eq!(states(&text[..20]), [true, false]);
    assert_eq!(states(&format!(" {text}")), [false, false]);
    assert_eq!(states(text), [true, true]);

    // A file that has been opened before may be read to the end; so these have not.
    let mut removed = Both::of(&files, usize::MAX);
    assert_eq!(removed.read(&files), 2);
    fs::remove_file(&path).expect("removable");
    for at in 0..2 {
        let place = DeferredEvents::place(&removed.by_place, at).clone();
        assert_eq!(restored(&removed.by_place, at as usize), Err(RestoreEventError::Changed(place)));
    }
}

/// Runs a command over `events.ndjson` of a folder, which changes as soon as it has been read.
fn run_while_it_changes(folder: &Path, args: &[&str], from: &str, to: &str) -> Output {
    let path = folder.join("events.ndjson");
    let events = fs::read_to_string(&path).expect("readable");
    let mut running = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(args)
        .args(["--threads", "1", "--format", "ndjson"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = running.stdin.take().expect("it is piped");
    // More than a pipe holds: when it is taken, the file before it has been read.
    let mut text = b"{\"process\":{\"entity_id\":\"none\"}}\n".to_vec();
    text.resize(4 << 20, b'\n');
    input.write_all(&text).expect("it reads its input");
    fs::write(&path, events.replace(from, to)).expect("writable");
    drop(input);
    let output = running.wait_with_output().expect("it ends");
    fs::write(&path, events).expect("writable");
    output
}

#[test]
fn alerts_on_records_that_have_changed_since_are_missed_and_counted() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/scan/sequence-ndjson");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(case.join("events.ndjson"), folder.path().join("events.ndjson")).expect("it can be copied");
    let rules = case.join("rules").to_string_lossy().into_owned();
    let query = "sequence by host.id with maxspan=1m [process where true] [network where true]";
    for (args, missing) in [
        (vec!["scan", "events.ndjson", "-", "--rules", &rules], "1 alerts are missing"),
        (vec!["hunt", query, "events.ndjson", "-"], "1 results are missing"),
    ] {
        let output = run_while_it_changes(folder.path(), &args, "ws-3", "ws-4");
        let log = String::from_utf8_lossy(&output.stderr);
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(out.contains("ws-1") && !out.contains("ws-3") && !out.contains("ws-4"), "{out}");
        assert!(log.contains("events.ndjson:6 has changed") && log.contains(missing), "{log}");
    }
}

#[test]
fn alerts_on_changed_records_are_missed_under_suppression_and_schedule_too() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/changed_files");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(case.join("events.ndjson"), folder.path().join("events.ndjson")).expect("it can be copied");
    let path = |name: &str| case.join(name).to_string_lossy().into_owned();
    let (rules, indicators) = (path("rules"), path("indicators.csv"));
    let args = ["scan", "events.ndjson", "-", "--rules", &rules, "--indicators", &indicators];
    let args = [&args[..], &["--now", "2026-03-10", "--summary", "summary.json"]].concat();
    for scheduled in [false, true] {
        let args = [&args[..], if scheduled { &["--as-scheduled"] } else { &[] }].concat();
        let output = run_while_it_changes(folder.path(), &args, "ws-3", "ws-4");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{log}");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(!out.contains("ws-3") && !out.contains("ws-4"), "{out}");
        let summary = folder.path().join("summary.json");
        let text = fs::read_to_string(&summary).expect("it is written");
        let found: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        fs::remove_file(summary).expect("removable");
        // Of the four events on three hosts two are not there any more: for whom they would have been told of, nobody knows.
        let lost = serde_json::json!({ "alerts": 2, "first_record": "events.ndjson:2" });
        assert_eq!(
            found["rules"]["lost_to_changed_files"],
            serde_json::json!({ "Once for each host": lost, "Once for each host, listed": lost }),
            "{log}"
        );
        assert_eq!(found["alerts"]["written"], 4, "{log}");
    }
}
