//! Conversations with the server (`watchfire_test_support::hold_conversations`): each file of `tests/cases/` is one.
//!
//! What a server is like: `#! with keys`, `#! full`, `#! broken`, `#! caps BODY UNPACKED`, `#! room BYTES`; with a
//! search that answers what it was asked (`#! with search`), one with a cap on bodies (`#! search caps BODY`), or one that has
//! no turn left (`#! busy search`). At the end stand the events that were stored.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use tokio::runtime::Runtime;
use watchfire_events::Timestamp;
use watchfire_server::{
    ApiKeys, Clock, EventLogError, Role, SearchLimits, Server, ServerOptions, SetUpObjects, router,
};
use watchfire_test_support::{Party, hold_conversations};

use crate::echo::Echo;
use crate::memory_log::MemoryLog;

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_772_461_800_000)
    }
}

#[test]
fn conversations_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    assert!(hold_conversations(&folder, start, |_, _| {}) > 0);
}

/// A server as the settings of a case say it.
fn start(runtime: &Runtime, settings: &[&str]) -> Party {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Arc::new(MemoryLog::default());
    let mut options = ServerOptions::default();
    let mut keys = None;
    let mut placeholders = Vec::new();
    let (mut search, mut busy) = (None, false);
    for setting in settings {
        match setting.split(' ').collect::<Vec<_>>()[..] {
            ["with", "keys"] => {
                let mut all = ApiKeys::open(&folder.path().join("keys.json")).expect("no keys yet");
                for role in Role::ALL {
                    let key = all.create(role.name(), role, FixedClock.now()).expect("a key can be made");
                    placeholders.push((format!("{{{role}}}"), key.encoded()));
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
    let server = match search {
        Some(limits) => server.with_search(echo.clone(), limits),
        None => server,
    };
    let router = router(Arc::new(server));
    // A search that waits takes the only turn until the conversation is over.
    let waiting = busy.then(|| runtime.block_on(echo.begin_waiting(router.clone())));
    let ending = move |runtime: &Runtime| {
        if let Some(waiting) = waiting {
            echo.end_waiting();
            let status = runtime.block_on(waiting).expect("a search that waited is answered");
            assert_eq!(status, 200);
        }
        // The folder is there until then.
        drop(folder);
        let mut out = "stored:\n".to_owned();
        for event in log.events.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let document = serde_json::Value::Object(event.document.clone());
            let _ = writeln!(out, "{} {} {document}", event.data_stream, event.id);
        }
        out
    };
    Party { router, placeholders, ending: Box::new(ending) }
}
