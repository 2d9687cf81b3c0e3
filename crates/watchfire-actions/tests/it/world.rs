//! A state with a scheduler over events in memory, and a clock that is set.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;
use watchfire_actions::{ActionSettings, Connector, Dispatcher, Secret, ServerLog};
use watchfire_events::{DataStream, Event, EventId, Place, Timestamp, set_field};
use watchfire_ir::Catalogue;
use watchfire_state::{Clock, MemoryEvents, Scheduler, SchedulerSettings, StateDatabase, StateOptions};

pub(crate) static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::ecs()));

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is no time"))
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime").block_on(test)
}

#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.millis(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A connector as a configuration has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenConnector {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) connector_type: String,
    #[serde(default)]
    pub(crate) config: Value,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, String>,
}

/// The connectors by id.
pub(crate) fn connectors(written: &[WrittenConnector]) -> BTreeMap<String, Result<Connector, String>> {
    let one = |written: &WrittenConnector| {
        let WrittenConnector { id, connector_type, config, secrets } = written;
        let secrets = secrets.iter().map(|(name, secret)| (name.clone(), Secret::from(secret.clone())));
        let connector = Connector::new(id, id, connector_type, config, secrets.collect());
        (id.clone(), connector.map_err(|error| error.to_string()))
    };
    written.iter().map(one).collect()
}

pub(crate) struct World {
    pub(crate) database: StateDatabase,
    pub(crate) events: Arc<MemoryEvents>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) scheduler: Scheduler<MemoryEvents>,
}

impl World {
    pub(crate) async fn open(options: &StateOptions, events: &Arc<MemoryEvents>) -> Self {
        let clock: Arc<TestClock> = Arc::default();
        let database = StateDatabase::open(options).await.expect("the database can be opened");
        let scheduler = Scheduler::new(
            database.clone(),
            Arc::clone(events),
            Arc::clone(&CATALOGUE),
            Arc::<TestClock>::clone(&clock),
            SchedulerSettings { memory: 8 << 20, ..SchedulerSettings::default() },
        );
        Self { database, events: Arc::clone(events), clock, scheduler }
    }

    pub(crate) async fn install(&self, text: &str, now: Timestamp) {
        let parsed = watchfire_rules::format::toml::parse(text);
        let mut rule = parsed.file.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics)).rule;
        rule.enabled = Some(true);
        self.database.install_rule(&rule, "test", now).await.expect("the rule is installed");
    }

    /// A dispatcher over this state, as a server that starts makes it.
    pub(crate) fn dispatcher(
        &self,
        settings: ActionSettings,
        connectors: &[WrittenConnector],
        log: ServerLog,
    ) -> Dispatcher {
        let schema = Arc::<Catalogue>::clone(&CATALOGUE);
        let connectors = self::connectors(connectors);
        Dispatcher::new(self.database.clone(), schema, settings, connectors, log).expect("TLS can be set up")
    }
}

/// An event that arrives at a time, and happened then.
pub(crate) fn event(document: &str, arrives: Timestamp) -> Event {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Ok(Value::Object(mut document)) = serde_json::from_str(document) else {
        panic!("no object: {document}")
    };
    for name in ["@timestamp", "event.ingested"] {
        set_field(&mut document, name, arrives.to_iso_millis().into());
    }
    let id =
        document.remove("_id").and_then(|id| id.as_str().map(str::to_owned)).expect("an event has an id");
    Event {
        id: EventId::given(id),
        data_stream: DataStream::new("logs-test-default"),
        document,
        place: Place {
            input: "test".into(),
            record: NUMBER.fetch_add(1, Ordering::Relaxed),
            line: None,
            offset: None,
        },
    }
}
