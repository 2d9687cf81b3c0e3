//! Whatever statement a process ends at, each decision is made once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use watchfire_actions::ActionSettings;
use watchfire_state::{DeliveryStatus, StateOptions, StatementGate};

use crate::world::{World, WrittenConnector, at, event, run};

const RULE: &str = r#"
[rule]
rule_id = "r"
name = "r"
description = "d"
risk_score = 21
severity = "low"
type = "query"
index = ["logs-test-*"]
query = "process.name: *"
from = "now-6m"
interval = "5m"

[[rule.actions]]
id = "file"
action_type_id = ".file"
uuid = "each"
group = "default"
frequency = { summary = false, notifyWhen = "onActiveAlert" }
params = { message = "{{alert.id}}" }

[[rule.actions]]
id = "file"
action_type_id = ".file"
uuid = "run"
group = "default"
frequency = { summary = true, notifyWhen = "onActiveAlert" }
params = { message = "{{state.signals_count}}" }
"#;

#[test]
fn a_crash_at_any_statement_neither_loses_nor_doubles_a_message() {
    run(async {
        let expected = BTreeMap::from([("each".to_owned(), 3), ("run".to_owned(), 1)]);
        let mut last = 0;
        for crash_at in 0..2_000 {
            let (decided, statements) = after_crash_at(crash_at).await;
            assert_eq!(decided, expected, "crash at statement {crash_at}");
            last = crash_at;
            if statements < crash_at {
                break;
            }
        }
        assert!((20..1_999).contains(&last), "{last} statements");
    });
}

#[test]
fn of_two_servers_over_one_database_one_sends() {
    run(async {
        let folder = tempfile::tempdir().expect("a folder");
        let options = StateOptions::new(format!("sqlite:{}/state.db", folder.path().display()));
        let events = Arc::default();
        let (one, other) = (World::open(&options, &events).await, World::open(&options, &events).await);
        let (start, now) = (at("2026-03-02T08:00:00Z"), at("2026-03-02T08:05:00Z"));
        one.clock.set(start);
        one.install(RULE, start).await;
        for number in 0..40 {
            let document = format!(r#"{{"_id": "{number}", "process": {{"name": "{number}.exe"}}}}"#);
            one.events.push(event(&document, at("2026-03-02T08:04:00Z")));
        }
        one.clock.set(now);
        one.scheduler.tick().await.expect("the tick ends");
        let path = folder.path().join("sent.ndjson");
        let connectors = [file_connector(&path)];
        let dispatchers = [&one, &other]
            .map(|world| world.dispatcher(ActionSettings::default(), &connectors, Arc::new(|_| {})));
        for _ in 0..3 {
            let (a, b) = tokio::join!(dispatchers[0].step(now), dispatchers[1].step(now));
            a.and(b).expect("the steps end");
        }
        let lines = std::fs::read_to_string(&path).expect("something was sent");
        let mut deliveries: Vec<String> = lines
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON")["delivery"].to_string()
            })
            .collect();
        let number = deliveries.len();
        deliveries.sort();
        deliveries.dedup();
        assert_eq!((number, deliveries.len()), (41, 41));
    });
}

fn file_connector(path: &std::path::Path) -> WrittenConnector {
    WrittenConnector {
        id: "file".to_owned(),
        connector_type: ".file".to_owned(),
        config: json!({ "path": path }),
        secrets: BTreeMap::new(),
    }
}

/// The messages by action, after a process that ended at a statement and one that began anew. The number is that of the
/// statements of the first.
async fn after_crash_at(crash_at: u64) -> (BTreeMap<String, u64>, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = StateOptions::new(format!("sqlite:{}/state.db", folder.path().display()));
    let start = at("2026-03-02T08:00:00Z");
    let now = at("2026-03-02T08:05:00Z");
    let events = Arc::default();
    let world = World::open(&options, &events).await;
    world.clock.set(start);
    world.install(RULE, start).await;
    for id in ["a", "b", "c"] {
        let document = format!(r#"{{"_id": "{id}", "process": {{"name": "{id}.exe"}}}}"#);
        world.events.push(event(&document, at("2026-03-02T08:04:00Z")));
    }
    world.database.close().await;
    let connectors = [file_connector(&folder.path().join("sent.ndjson"))];
    let counter = Arc::new(AtomicU64::new(0));
    let gate: StatementGate = {
        let counter = Arc::clone(&counter);
        Arc::new(move || {
            let is_over = counter.fetch_add(1, Ordering::Relaxed) >= crash_at;
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    let breaking = StateOptions { gate: Some(gate), ..options.clone() };
    for (round, options) in [breaking, options].iter().enumerate() {
        let world = World::open(options, &events).await;
        world.clock.set(now);
        let ticked = world.scheduler.tick().await;
        let dispatcher = world.dispatcher(ActionSettings::default(), &connectors, Arc::new(|_| {}));
        let stepped = match &ticked {
            Ok(_) => dispatcher.step(now).await.map(drop),
            Err(_) => Ok(()),
        };
        assert!(round == 0 || (ticked.is_ok() && stepped.is_ok()), "{ticked:?} {stepped:?}");
        if round == 1 {
            // An execution that broke off is tried again after a while; its alerts come then.
            let later = at("2026-03-02T08:06:30Z");
            world.clock.set(later);
            world.scheduler.tick().await.expect("the tick ends");
            dispatcher.step(later).await.expect("the step ends");
            let sent =
                world.database.deliveries(DeliveryStatus::Sent, 0, 100).await.expect("they can be read");
            let mut by_action = BTreeMap::new();
            for delivery in sent {
                *by_action.entry(delivery.action).or_default() += 1;
            }
            world.database.close().await;
            return (by_action, counter.load(Ordering::Relaxed));
        }
        world.database.close().await;
    }
    unreachable!("the second round answers")
}
