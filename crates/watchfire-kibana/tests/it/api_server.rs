//! A server with the detection API: a database of SQLite, events in memory, two prebuilt rules, a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use uuid::Uuid;
use watchfire_events::{DataStream, Document, Event, EventId, Place, TapedEvent, Timestamp, set_field};
use watchfire_ir::Catalogue;
use watchfire_kibana::{AlertTriage, DetectionApi, DetectionParts, Later, routes};
use watchfire_rules::format;
use watchfire_rules::model::Rule;
use watchfire_server::{
    ApiKeys, Appended, EventLog, EventLogError, Server, ServerOptions, SetUpObjects, StreamInfo,
};
use watchfire_state::{
    Decision, Delivery, DeliveryStatus, MemoryEvents, Scheduler, SchedulerSettings, StateDatabase,
    StateOptions,
};

use crate::alert_search::PlainAlertSearch;

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StillClock(pub(crate) Timestamp);

impl watchfire_server::Clock for StillClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl watchfire_state::Clock for StillClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Takes no events: nothing here writes any.
struct NoEvents;

impl EventLog for NoEvents {
    fn append(&self, _: Vec<TapedEvent>) -> Result<Vec<Appended>, EventLogError> {
        Err(EventLogError::Full("this server keeps no events".to_owned()))
    }

    fn streams(&self) -> Result<Vec<StreamInfo>, EventLogError> {
        Ok(Vec::new())
    }

    fn ready(&self) -> Result<(), EventLogError> {
        Ok(())
    }
}

/// What a server is like.
#[derive(Default)]
pub(crate) struct Wishes {
    /// Rules that can be installed.
    pub(crate) prebuilt: Vec<Rule>,
    /// Whether there is a rule that has made two alerts, and messages of alerts.
    pub(crate) with_alerts: bool,
}

/// A server whose state is in a folder.
pub(crate) async fn server(
    folder: &std::path::Path,
    keys: Option<ApiKeys>,
    wishes: Wishes,
    clock: StillClock,
) -> Server {
    let url = format!("sqlite:{}", folder.join("state.db").display());
    let database = StateDatabase::open(&StateOptions::new(url)).await.expect("a database can be made");
    let catalogue = Arc::new(Catalogue::ecs());
    let events = Arc::new(MemoryEvents::default());
    if wishes.with_alerts {
        make_alerts(&database, &events, &catalogue, clock).await;
        make_messages(&database, clock.0).await;
    }
    let scheduler = Scheduler::new(
        database.clone(),
        events,
        Arc::clone(&catalogue),
        Arc::new(clock),
        SchedulerSettings::default(),
    );
    let made = AtomicU64::new(1);
    let parts = DetectionParts {
        database: database.clone(),
        catalogue,
        clock: Arc::new(clock),
        search: Arc::new(PlainAlertSearch { database: database.clone(), now: clock.0 }),
        triage: Arc::new(PlainTriage(database)),
        executions: Arc::new(scheduler),
        new_id: Arc::new(move || Uuid::from_u128(u128::from(made.fetch_add(1, Ordering::Relaxed)))),
        prebuilt: wishes.prebuilt,
        version: "9.3.0".to_owned(),
    };
    let api = Arc::new(DetectionApi::new(parts));
    let set_up = SetUpObjects::open(&folder.join("set_up")).expect("a temporary folder can be written");
    let options = ServerOptions::default();
    let server = Server::new(options, Arc::new(NoEvents), Arc::new(clock), set_up, keys, "test".to_owned());
    server.with_routes(routes(&api))
}

/// Says of each alert that nothing is known.
struct PlainTriage(StateDatabase);

impl PlainTriage {
    async fn known(&self, id: &str, found: Value) -> Result<Option<Value>, String> {
        Ok(self.0.alert(id).await.ok().map(|_| found))
    }
}

impl AlertTriage for PlainTriage {
    fn answer<'a>(&'a self, id: &'a str, most_events: usize) -> Later<'a, Result<Option<Value>, String>> {
        let evidence = json!({ "identity": [], "remarks": [], "deeds": {}, "related_alerts": [] });
        let alert = json!({ "id": id, "rule": "alerting" });
        let guide = json!([{ "text": format!("{most_events} events at most") }]);
        let found = json!({ "alert": alert, "guide": guide, "evidence": evidence, "alerts_left_out": 0 });
        Box::pin(self.known(id, found))
    }

    fn sweep<'a>(&'a self, id: &'a str) -> Later<'a, Result<Option<Value>, String>> {
        Box::pin(self.known(id, json!({ "alert": { "id": id }, "traces": [], "other_hosts": {} })))
    }
}

/// Two messages that could not be sent, and one that waits.
async fn make_messages(database: &StateDatabase, now: Timestamp) {
    let message = |id: &str, status: DeliveryStatus, error: &str| Delivery {
        id: id.to_owned(),
        rule: "alerting".to_owned(),
        action: "0".to_owned(),
        connector: "soc".to_owned(),
        alerts: 1,
        status,
        attempts: 1,
        due: now,
        created: now,
        ended: (status == DeliveryStatus::Dead).then_some(now),
        error: error.to_owned(),
        body: json!({ "body": "an alert" }),
    };
    let deliveries = vec![
        message("m1", DeliveryStatus::Dead, "400 Bad Request"),
        message("m2", DeliveryStatus::Dead, "401 Unauthorized"),
        message("m3", DeliveryStatus::Waiting, "503 Service Unavailable"),
    ];
    let decision = Decision { deliveries, ..Decision::default() };
    database.decide(&decision).await.expect("it can be written");
}

/// Has a rule make alerts of two events.
async fn make_alerts(
    database: &StateDatabase,
    events: &Arc<MemoryEvents>,
    catalogue: &Arc<Catalogue>,
    clock: StillClock,
) {
    let rule = json!({
        "rule_id": "alerting",
        "name": "Alerting",
        "description": "Each start of a process",
        "risk_score": 21,
        "severity": "low",
        "type": "query",
        "language": "kuery",
        "query": "process.name : *",
        "index": ["logs-*"],
        "enabled": true,
        "from": "now-30m",
    });
    let rule = format::json::parse(&rule.to_string()).file.expect("a rule").rule;
    let began = Timestamp::from_millis(clock.0.millis() - 600_000);
    database.install_rule(&rule, "test", began).await.expect("it can be installed");
    for (number, name) in ["a.exe", "b.exe"].into_iter().enumerate() {
        let at = Timestamp::from_millis(clock.0.millis() - 300_000 + number as i64).to_iso_millis();
        let mut document = Document::new();
        for (field, value) in [
            ("@timestamp", json!(at)),
            ("event.ingested", json!(at)),
            ("event.category", json!("process")),
            ("process.name", json!(name)),
            ("host.hostname", json!("ws1")),
        ] {
            set_field(&mut document, field, value);
        }
        events.push(Event {
            id: EventId::given(format!("event-{number}")),
            data_stream: DataStream::new("logs-test-default"),
            document,
            place: Place { input: "test".into(), record: number as u64, line: None, offset: None },
        });
    }
    let settings = SchedulerSettings::default();
    let scheduler = Scheduler::new(
        database.clone(),
        Arc::clone(events),
        Arc::clone(catalogue),
        Arc::new(clock),
        settings,
    );
    scheduler.tick().await.expect("the rule is executed");
}
