//! Requests and their answers, byte by byte: each file of `tests/cases/` is a conversation with a server of its own.
//!
//! ```text
//! # what the conversation is about
//! #! with keys                      what the server is like: `with keys`, `full`, `broken`, `caps BODY UNPACKED`
//! POST /_bulk
//! content-type: application/x-ndjson
//!
//! {"create":{"_index":"a"}}
//! {"x":1}
//! ---                               then the answer: status, headers in order of name, body
//! 200
//! …
//! ===                               then the next request; at the end, the events that were stored
//! ```
//!
//! `with search` gives it a search that answers what it was asked, `search caps BODY` one with that cap on bodies, and `busy search`
//! one that has no turn left.
//!
//! `{shipper}` in a header stands for the key of that role. A header `x-pack: gzip` packs the body.
//! `WATCHFIRE_UPDATE=1` writes the answers anew.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Request, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use tower::ServiceExt;
use watchfire_events::Timestamp;
use watchfire_server::{
    ApiKeys, Clock, EventLogError, Role, SearchLimits, Server, ServerOptions, SetUpObjects, router,
};

use crate::echo::Echo;
use crate::memory_log::MemoryLog;

const SEPARATOR: &str = "===";
const ANSWER: &str = "---";
const STORED: &str = "stored:";

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_772_461_800_000)
    }
}

#[test]
fn conversations_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let update = std::env::var_os("WATCHFIRE_UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut number = 0;
    for entry in fs::read_dir(&folder).expect("the cases are there") {
        let path = entry.expect("the folder can be read").path();
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

/// The case as it comes out.
fn run(text: &str) -> String {
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    let settings: Vec<&str> = head.iter().filter_map(|line| line.strip_prefix("#! ")).collect();
    let rest = &text[head.iter().map(|line| line.len() + 1).sum::<usize>()..];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Arc::new(MemoryLog::default());
    let mut options = ServerOptions::default();
    let mut keys = None;
    let mut encoded = Vec::new();
    let (mut search, mut busy) = (None, false);
    for setting in settings {
        match setting.split(' ').collect::<Vec<_>>()[..] {
            ["with", "keys"] => {
                let mut all = ApiKeys::open(&folder.path().join("keys.json")).expect("no keys yet");
                for role in Role::ALL {
                    let key = all.create(role.name(), role, FixedClock.now()).expect("a key can be made");
                    encoded.push((format!("{{{role}}}"), key.encoded()));
                }
                keys = Some(all);
            }
            ["full"] => {
                *log.error.lock().expect("not poisoned") = Some(EventLogError::Full("no room".to_owned()));
            }
            ["broken"] => {
                *log.error.lock().expect("not poisoned") =
                    Some(EventLogError::Failed("read-only".to_owned()));
            }
            ["caps", body, unpacked] => {
                options.max_body_bytes = body.parse().expect("a number");
                options.max_unpacked_bytes = unpacked.parse().expect("a number");
            }
            ["room", bytes] => options.max_bytes_in_flight = bytes.parse().expect("a number"),
            ["with", "search"] => search = Some(SearchLimits::default()),
            ["search", "caps", body] => {
                let max_body_bytes = body.parse().expect("a number");
                search = Some(SearchLimits { max_body_bytes, ..SearchLimits::default() });
            }
            ["busy", "search"] => {
                search = Some(SearchLimits { max_at_a_time: 1, ..SearchLimits::default() });
                busy = true;
            }
            _ => panic!("`{setting}` is no setting"),
        }
    }
    let set_up =
        SetUpObjects::open(&folder.path().join("set_up")).expect("a temporary folder can be written");
    let server = Server::new(options, log.clone(), Arc::new(FixedClock), set_up, keys, "test".to_owned());
    let echo = Arc::new(Echo::default());
    let server = Arc::new(match search {
        Some(limits) => server.with_search(echo.clone(), limits),
        None => server,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A search that waits takes the only turn until the conversation is over.
    let waiting = busy.then(|| runtime.block_on(echo.begin_waiting(router(Arc::clone(&server)))));

    let mut out: String = head.iter().flat_map(|line| [*line, "\n"]).collect();
    let separator = format!("{SEPARATOR}\n");
    for exchange in rest.split(&separator).filter(|exchange| !exchange.starts_with(STORED)) {
        let request = exchange.split(&format!("{ANSWER}\n")).next().unwrap_or_default();
        out.push_str(request);
        out.push_str(ANSWER);
        out.push('\n');
        let answer = runtime.block_on(async {
            let response = router(Arc::clone(&server)).oneshot(request_of(request, &encoded)).await;
            let response = response.expect("a router answers");
            let mut answer = format!("{}\n", response.status().as_u16());
            let mut headers: Vec<_> = response.headers().iter().collect();
            headers.sort_by_key(|(name, _)| name.as_str());
            for (name, value) in headers {
                let _ = writeln!(answer, "{name}: {}", value.to_str().expect("text"));
            }
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body of an answer");
            let body = String::from_utf8(body.to_vec()).expect("text");
            if !body.is_empty() {
                answer.push('\n');
                answer.push_str(&body);
                if !body.ends_with('\n') {
                    answer.push('\n');
                }
            }
            answer
        });
        out.push_str(&answer);
        out.push_str(&separator);
    }
    if let Some(waiting) = waiting {
        echo.end_waiting();
        let status = runtime.block_on(waiting).expect("a search that waited is answered");
        assert_eq!(status, 200);
    }
    out.push_str(STORED);
    out.push('\n');
    for event in log.events.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let document = serde_json::Value::Object(event.document.clone());
        let _ = writeln!(out, "{} {} {document}", event.data_stream, event.id);
    }
    out
}

fn request_of(text: &str, keys: &[(String, String)]) -> Request<Body> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).expect("method and path");
    let mut request = Request::builder().method(method).uri(uri);
    let mut bytes = body.as_bytes().to_vec();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name and value");
        if name == "x-pack" {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&bytes).expect("bytes in memory");
            bytes = packer.finish().expect("bytes in memory");
            request = request.header(header::CONTENT_ENCODING, "gzip");
            continue;
        }
        let value = keys.iter().fold(value.to_owned(), |value, (name, key)| value.replace(name, key));
        let name: HeaderName = name.parse().expect("the name of a header");
        request = request.header(name, HeaderValue::from_str(&value).expect("the value of a header"));
    }
    if !bytes.is_empty() {
        request = request.header(header::CONTENT_LENGTH, bytes.len());
    }
    request.body(Body::from(bytes)).expect("a request")
}
