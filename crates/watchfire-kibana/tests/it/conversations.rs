//! Conversations (`watchfire_test_support::hold_conversations`): each file of `tests/cases/` is one.
//!
//! What a server is like: `#! with keys`, `#! with alerts` (a rule that has made two), `#! with prebuilt` (two rules that can
//! be installed).

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use watchfire_events::Timestamp;
use watchfire_rules::format;
use watchfire_rules::model::Rule;
use watchfire_server::{ApiKeys, Role, router};
use watchfire_test_support::{Party, hold_conversations};

use crate::api_server::{StillClock, Wishes, server};
use crate::described::Description;

const NOW: Timestamp = Timestamp::from_millis(1_772_461_800_000);

#[test]
fn conversations_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let description = Description::read();
    let answers = hold_conversations(&folder, start, |case, exchange| description.check(case, exchange));
    assert!(answers > 0, "there are no answers");
}

/// A server as the settings of a case say it.
fn start(runtime: &Runtime, settings: &[&str]) -> Party {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut keys, mut placeholders, mut wishes) = (None, Vec::new(), Wishes::default());
    for setting in settings {
        match *setting {
            "with keys" => {
                let mut all = ApiKeys::open(&folder.path().join("keys.json")).expect("no keys yet");
                for role in Role::ALL {
                    let key = all.create(role.name(), role, NOW).expect("a key can be made");
                    placeholders.push((format!("{{{role}}}"), key.encoded()));
                }
                keys = Some(all);
            }
            "with alerts" => wishes.with_alerts = true,
            "with prebuilt" => wishes.prebuilt = prebuilt(),
            other => panic!("`{other}` is no setting"),
        }
    }
    let server = runtime.block_on(server(folder.path(), keys, wishes, StillClock(NOW)));
    let ending = move |_: &Runtime| {
        // The folder is there until then.
        drop(folder);
        String::new()
    };
    Party { router: router(Arc::new(server)), placeholders, ending: Box::new(ending) }
}

fn prebuilt() -> Vec<Rule> {
    let rule = |rule_id: &str, version: u64, query: &str| {
        let rule = json!({
            "rule_id": rule_id,
            "name": format!("Prebuilt {rule_id}"),
            "description": "One of the rules that can be installed",
            "risk_score": 47,
            "severity": "medium",
            "type": "eql",
            "language": "eql",
            "query": query,
            "index": ["logs-*"],
            "version": version,
        });
        let parsed = format::json::parse(&Value::to_string(&rule));
        parsed.file.expect("a rule").rule
    };
    vec![
        rule("prebuilt-1", 3, "process where process.name == \"a.exe\""),
        rule("prebuilt-2", 1, "process where process.name == \"b.exe\""),
    ]
}
