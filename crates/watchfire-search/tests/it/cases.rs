//! Requests and their answers: each file of `tests/cases/` is a list of requests over events of its own.
//!
//! ```text
//! # what the file is about
//! events:
//! logs-a-default 1 {"@timestamp":"…",…}        data stream, id, document; `@ecs` takes the events of `shared.events`
//! ===
//! search logs-* size=1                          endpoint, index expression (`-` for none), parameters
//!
//! {"query":{…}}
//! ---
//! 200                                           then the answer: status and body
//! {…}
//! ===                                           then the next request
//! ```
//!
//! `{pit}` and `{scroll}` in a request stand for what the answer before it gave. `WATCHFIRE_UPDATE=1` writes the answers anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;
use watchfire_events::{DataStream, Event, EventId, Place, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_search::{Call, Endpoint, MemoryStore, SearchOptions, Searcher, add_alert_fields};

const SEPARATOR: &str = "===\n";
const ANSWER: &str = "---\n";
const EVENTS: &str = "events:\n";

pub(crate) const NOW: &str = "2026-03-02T12:00:00Z";

#[test]
fn requests_are_answered_as_written() {
    let folder = folder();
    let update = std::env::var_os("WATCHFIRE_UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut number = 0;
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "search"))
        .collect();
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a case is text");
        number += 1;
        let came_out = run(&text);
        if came_out != text {
            if update {
                fs::write(&path, &came_out).expect("a case can be written");
            } else {
                wrong.push(format!("{}:\n{came_out}", path.display()));
            }
        }
    }
    assert!(number > 0, "there are no cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// The case as it comes out.
fn run(text: &str) -> String {
    let mut parts = text.split(SEPARATOR);
    let head = parts.next().unwrap_or_default();
    let (_, events) = head.split_once(EVENTS).expect("a case begins with its events");
    let searcher = searcher(read_events(events), SearchOptions::default());
    let mut out = head.to_owned();
    let mut kept: BTreeMap<&str, String> = BTreeMap::new();
    for part in parts {
        let request = part.split(ANSWER).next().unwrap_or_default();
        out.push_str(SEPARATOR);
        out.push_str(request);
        if !request.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(ANSWER);
        let filled = kept.iter().fold(request.to_owned(), |text, (name, value)| text.replace(name, value));
        match ask(&searcher, &filled) {
            Ok(answer) => {
                for (key, name) in [("id", "{pit}"), ("pit_id", "{pit}"), ("_scroll_id", "{scroll}")] {
                    if let Some(id) = answer.get(key).and_then(Value::as_str) {
                        kept.insert(name, id.to_owned());
                    }
                }
                out.push_str("200\n");
                out.push_str(&shown(answer));
            }
            Err(error) => {
                let _ = writeln!(out, "{}\n{} {}", error.status, error.kind, error.reason);
            }
        }
    }
    out
}

/// An answer, with a line for each hit and bucket.
fn shown(mut answer: Value) -> String {
    for (key, name) in [("id", "{pit}"), ("pit_id", "{pit}"), ("_scroll_id", "{scroll}")] {
        if let Some(id) = answer.get_mut(key).filter(|id| id.is_string()) {
            *id = Value::from(name);
        }
    }
    let mut text = answer.to_string();
    for mark in ["{\"_index\"", "{\"key", "{\"join_keys\"", "{\"took\"", "\"aggregations\""] {
        text = text.replace(mark, &format!("\n  {mark}"));
    }
    format!("{}\n", text.trim_start())
}

pub(crate) fn ask(searcher: &Searcher, request: &str) -> Result<Value, watchfire_search::SearchError> {
    let (head, body) = request.split_once("\n\n").unwrap_or((request.trim_end(), ""));
    let mut words = head.trim().split(' ');
    let endpoint = match words.next().expect("an endpoint") {
        "search" => Endpoint::Search,
        "msearch" => Endpoint::MultiSearch,
        "count" => Endpoint::Count,
        "eql" => Endpoint::Eql,
        "esql" => Endpoint::Esql,
        "field_caps" => Endpoint::FieldCapabilities,
        "mapping" => Endpoint::Mapping,
        "open_pit" => Endpoint::OpenPointInTime,
        "close_pit" => Endpoint::ClosePointInTime,
        "scroll" => Endpoint::Scroll,
        "close_scroll" => Endpoint::CloseScroll,
        "async_search" => Endpoint::AsyncSearch,
        "async_result" => Endpoint::AsyncResult,
        other => panic!("`{other}` is no endpoint"),
    };
    let index = words.next().filter(|index| *index != "-");
    let mut elapsed = Duration::ZERO;
    let mut parameters = BTreeMap::new();
    let mut now = at(NOW);
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            // What is no parameter: how long the search has been at work, and when it came.
            "@elapsed" => elapsed = Duration::from_millis(value.parse().expect("a number")),
            "@now" => now = at(value),
            _ => {
                parameters.insert(name.to_owned(), value.replace("%20", " "));
            }
        }
    }
    let name = (endpoint == Endpoint::AsyncResult).then_some("some-id");
    searcher.call(
        endpoint,
        &Call {
            index,
            name,
            parameters: &parameters,
            body: body.as_bytes(),
            now,
            elapsed: &|| elapsed,
            time_limit: Duration::from_secs(1),
        },
    )
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

pub(crate) fn searcher(events: Vec<Event>, options: SearchOptions) -> Searcher {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let mut catalogue = Catalogue::ecs();
        add_alert_fields(&mut catalogue);
        Arc::new(catalogue)
    });
    let catalogue = Arc::clone(&CATALOGUE);
    Searcher::new(Arc::new(MemoryStore::new(events)), catalogue, options)
}

/// The events of a case.
pub(crate) fn read_events(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(file) = line.strip_prefix('@') {
            let text = fs::read_to_string(folder().join(file)).expect("the events are there");
            events.extend(read_events(&text));
            continue;
        }
        let mut parts = line.splitn(3, ' ');
        let (stream, id, document) = (
            parts.next().expect("a data stream"),
            parts.next().expect("an id"),
            parts.next().expect("a document"),
        );
        let document: Value = serde_json::from_str(document).expect("a document is JSON");
        events.push(Event {
            id: EventId::given(id),
            data_stream: DataStream::new(stream),
            document: document.as_object().expect("a document is an object").clone(),
            place: Place { input: "case".into(), record: events.len() as u64 + 1, line: None, offset: None },
        });
    }
    events
}
