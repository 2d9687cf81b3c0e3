//! Files that are followed: what is written to them is kept once, whatever happens to them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use watchfire_server::{EventLogError, Look, Server, ServerOptions, SetUpObjects, WatchError, Watcher};

use crate::exchanges::FixedClock;
use crate::memory_log::MemoryLog;

struct Followed {
    folder: tempfile::TempDir,
    log: Arc<MemoryLog>,
    server: Arc<Server>,
    watcher: Watcher,
}

impl Followed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("logs")).expect("can be made");
        let log = Arc::new(MemoryLog::default());
        let set_up = SetUpObjects::open(&folder.path().join("set_up")).expect("can be made");
        let server = Arc::new(Server::new(
            ServerOptions::default(),
            log.clone(),
            Arc::new(FixedClock),
            set_up,
            None,
            "test".to_owned(),
        ));
        let watcher = Self::watcher(&folder, &server);
        Self { folder, log, server, watcher }
    }

    fn watcher(folder: &tempfile::TempDir, server: &Arc<Server>) -> Watcher {
        let paths = vec![folder.path().join("logs")];
        let positions = folder.path().join("watch.json");
        Watcher::open(Arc::clone(server), paths, ServerOptions::default().normalise, positions)
            .expect("positions can be read")
    }

    /// As after a new start of the process.
    fn restart(&mut self) {
        self.watcher = Self::watcher(&self.folder, &self.server);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file =
            OpenOptions::new().create(true).append(true).open(self.path(name)).expect("can be written");
        file.write_all(text.as_bytes()).expect("can be written");
    }

    fn look(&mut self) -> Look {
        self.watcher.look().expect("events can be kept")
    }

    /// The messages of all events that were kept, in order.
    fn messages(&self) -> Vec<String> {
        let events = self.log.events.lock().expect("not poisoned");
        let message =
            |event: &watchfire_events::Event| event.document["message"].as_str().unwrap_or("?").to_owned();
        events.iter().map(message).collect()
    }

    fn places(&self) -> Vec<String> {
        self.log.events.lock().expect("not poisoned").iter().map(|event| event.place.to_string()).collect()
    }
}

fn line(message: &str) -> String {
    format!("{{\"@timestamp\":\"2026-03-02T08:00:00Z\",\"message\":\"{message}\"}}\n")
}

#[test]
fn what_is_written_is_kept_line_by_line() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &(line("one") + &line("two")));
    assert_eq!(followed.look().stored, 2);
    assert_eq!(followed.look(), Look::default(), "nothing was written");
    let three = line("three");
    followed.write("a.ndjson", &three[..20]);
    assert_eq!(followed.look().stored, 0, "the line is not whole");
    followed.write("a.ndjson", &(three[20..].to_owned() + &line("four")));
    assert_eq!(followed.look().stored, 2);
    assert_eq!(followed.messages(), ["one", "two", "three", "four"]);
    assert_eq!(
        followed.places(),
        ["a.ndjson:1", "a.ndjson:2", "a.ndjson:3", "a.ndjson:4"]
            .map(|name| followed.path(name).display().to_string())
    );
}

#[test]
fn a_last_line_without_an_end_is_taken_when_nothing_more_is_written() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &(line("one") + line("two").trim_end()));
    assert_eq!(followed.look().stored, 1);
    assert_eq!(followed.look().stored, 1);
    assert_eq!(followed.messages(), ["one", "two"]);
}

#[test]
fn a_new_start_goes_on_where_the_old_one_stopped() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &line("one"));
    assert_eq!(followed.look().stored, 1);
    followed.restart();
    followed.write("a.ndjson", &line("two"));
    assert_eq!(followed.look(), Look { stored: 1, ..Look::default() });
    // The process ended before the position was on disk: the event is known by its id.
    fs::remove_file(followed.folder.path().join("watch.json")).expect("it is there");
    followed.restart();
    assert_eq!(followed.look(), Look { repeated: 2, ..Look::default() });
    assert_eq!(followed.messages(), ["one", "two"]);
}

#[test]
fn a_file_that_is_renamed_is_not_read_twice() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &line("one"));
    assert_eq!(followed.look().stored, 1);
    followed.write("a.ndjson", &line("two"));
    fs::rename(followed.path("a.ndjson"), followed.path("a.ndjson.1")).expect("can be renamed");
    followed.write("a.ndjson", &line("three"));
    assert_eq!(followed.look(), Look { stored: 2, ..Look::default() });
    let mut messages = followed.messages();
    messages.sort();
    assert_eq!(messages, ["one", "three", "two"]);
}

#[test]
fn a_file_that_begins_anew_is_read_from_its_start() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &(line("one") + &line("two")));
    assert_eq!(followed.look().stored, 2);
    fs::write(followed.path("a.ndjson"), line("three")).expect("can be written");
    assert_eq!(followed.look().stored, 1);
    assert_eq!(followed.messages(), ["one", "two", "three"]);
}

#[test]
fn a_document_over_several_lines_is_read_when_it_is_whole() {
    let mut followed = Followed::new();
    followed.write("a.json", "[\n  ");
    followed.write("a.json", &line("one"));
    assert_eq!(followed.look().stored, 0, "it may still be written");
    followed.write("a.json", "]\n");
    assert_eq!(followed.look().stored, 0, "it has just been written");
    assert_eq!(followed.look().stored, 1);
    assert_eq!(followed.look(), Look::default());
    assert_eq!(followed.messages(), ["one"]);
}

#[test]
fn rows_of_a_table_are_read_under_its_heading() {
    let mut followed = Followed::new();
    let heading = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\n";
    let row = |uid: &str| format!("1772438400.000000\t{uid}\t10.0.0.1\t1\t10.0.0.2\t80\ttcp\n");
    followed.write("conn.log", &(heading.to_owned() + &row("Ca")));
    assert_eq!(followed.look(), Look { stored: 1, ..Look::default() });
    followed.write("conn.log", &(row("Cb") + &row("Cc")));
    assert_eq!(followed.look(), Look { stored: 2, ..Look::default() });
    let sessions: Vec<String> = {
        let events = followed.log.events.lock().expect("not poisoned");
        let session = |event: &watchfire_events::Event| {
            watchfire_events::get_field(&event.document, "zeek.session_id")
                .map_or_else(String::new, ToString::to_string)
        };
        events.iter().map(session).collect()
    };
    assert_eq!(sessions, ["\"Ca\"", "\"Cb\"", "\"Cc\""]);
}

#[test]
fn lines_of_one_audit_event_stay_together() {
    let mut followed = Followed::new();
    let of = |kind: &str, serial: u32, rest: &str| {
        format!("type={kind} msg=audit(1772438400.000:{serial}): {rest}\n")
    };
    followed.write(
        "audit.log",
        &(of("USER_LOGIN", 1, "pid=1 uid=0")
            + &of(
                "SYSCALL",
                2,
                "arch=c000003e syscall=59 success=yes exit=0 pid=7 comm=\"id\" exe=\"/usr/bin/id\"",
            )),
    );
    assert_eq!(followed.look().stored, 1, "lines of the second may follow");
    followed.write("audit.log", &(of("EXECVE", 2, "argc=1 a0=\"id\"") + &of("USER_LOGIN", 3, "pid=1 uid=0")));
    assert_eq!(followed.look().stored, 1);
    assert_eq!(followed.look().stored, 1, "nothing more is written");
    let events = followed.log.events.lock().expect("not poisoned");
    assert_eq!(
        watchfire_events::get_field(&events[1].document, "process.args"),
        Some(&serde_json::json!(["id"]))
    );
}

#[test]
fn what_cannot_be_kept_waits() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &line("one"));
    *followed.log.error.lock().expect("not poisoned") = Some(EventLogError::Full("no room".to_owned()));
    assert!(matches!(followed.watcher.look(), Err(WatchError::NotKept { .. })));
    *followed.log.error.lock().expect("not poisoned") = None;
    assert_eq!(followed.look().stored, 1);
}

#[test]
fn what_cannot_be_used_is_counted_and_named() {
    let mut followed = Followed::new();
    followed.write("a.ndjson", &(line("one") + "{broken\n" + &line("two")));
    followed.write("picture.png", "\u{89}PNG");
    let look = followed.look();
    assert_eq!((look.stored, look.refused), (2, 1));
    assert!(look.problems.iter().any(|problem| problem.contains("a.ndjson:2: not valid JSON")), "{look:?}");
}
