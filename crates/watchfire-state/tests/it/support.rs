//! Databases to test with, a clock that stands still, and events.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;
use watchfire_detect::ExecutionWindow;
use watchfire_events::{DataStream, Document, Event, EventId, Place, Timestamp, set_field};
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;
use watchfire_state::{
    AlertQuery, Clock, KeptAlert, MemoryEvents, RecentLimits, Scheduler, SchedulerSettings, StateDatabase,
    StateOptions,
};
use watchfire_test_support::postgres_database;

pub(crate) static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::ecs()));

/// A database that is there for one test.
pub(crate) struct TestDatabase {
    pub(crate) name: &'static str,
    pub(crate) options: StateOptions,
    _folder: Option<tempfile::TempDir>,
}

/// A file of SQLite.
pub(crate) fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("state.db").display());
    let options = StateOptions { patience: Duration::from_secs(5), ..StateOptions::new(url) };
    TestDatabase { name: "SQLite", options, _folder: Some(folder) }
}

/// A database of PostgreSQL; `None` after saying that the test is skipped.
pub(crate) async fn postgres() -> Option<TestDatabase> {
    let url = postgres_database().await?;
    let options = StateOptions { patience: Duration::from_secs(5), ..StateOptions::new(url) };
    Some(TestDatabase { name: "PostgreSQL", options, _folder: None })
}

/// All databases that there are.
pub(crate) async fn databases() -> Vec<TestDatabase> {
    std::iter::once(sqlite()).chain(postgres().await).collect()
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime").block_on(test)
}

/// A clock that shows what it is set to.
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

/// A scheduler with all that it stands on.
pub(crate) struct Bench {
    pub(crate) database: StateDatabase,
    pub(crate) events: Arc<MemoryEvents>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) scheduler: Scheduler<MemoryEvents>,
}

impl Bench {
    pub(crate) async fn open(
        options: &StateOptions,
        events: &Arc<MemoryEvents>,
        clock: &Arc<TestClock>,
    ) -> Self {
        Self::open_with(options, events, clock, RecentLimits::default()).await
    }

    pub(crate) async fn open_with(
        options: &StateOptions,
        events: &Arc<MemoryEvents>,
        clock: &Arc<TestClock>,
        recent: RecentLimits,
    ) -> Self {
        let database = StateDatabase::open(options).await.expect("the database can be opened");
        let settings = SchedulerSettings { memory: 8 << 20, recent, ..SchedulerSettings::default() };
        let scheduler = Scheduler::new(
            database.clone(),
            Arc::clone(events),
            Arc::clone(&CATALOGUE),
            Arc::<TestClock>::clone(clock),
            settings,
        );
        Self { database, events: Arc::clone(events), clock: Arc::clone(clock), scheduler }
    }

    pub(crate) async fn new(options: &StateOptions) -> Self {
        Self::open(options, &Arc::default(), &Arc::default()).await
    }

    /// All alerts.
    pub(crate) async fn alerts(&self) -> Vec<KeptAlert> {
        alerts_of(&self.database).await
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is no time"))
}

pub(crate) fn minutes(number: i64) -> i128 {
    i128::from(number) * 60_000_000_000
}

pub(crate) fn span(from: Timestamp, to: Timestamp) -> ExecutionWindow {
    ExecutionWindow { from, to }
}

/// A rule in TOML, enabled.
pub(crate) fn rule(text: &str) -> Rule {
    let parsed = watchfire_rules::format::toml::parse(text);
    let mut rule = parsed.file.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics)).rule;
    rule.enabled = Some(true);
    rule
}

/// An event that arrives at an instant, if it does not say otherwise.
pub(crate) fn event(stream: &str, id: &str, document: &Value, arrives: Timestamp, number: u64) -> Event {
    let mut document: Document = document.as_object().expect("an object").clone();
    if watchfire_events::get_field(&document, "event.ingested").is_none() {
        set_field(&mut document, "event.ingested", arrives.to_iso_millis().into());
    }
    Event {
        id: EventId::given(id),
        data_stream: DataStream::new(stream),
        document,
        place: Place { input: stream.into(), record: number, line: None, offset: None },
    }
}

/// The alerts without the fields in which two runs over the same events can differ, by id.
pub(crate) fn without_volatile(alerts: &[KeptAlert]) -> std::collections::BTreeMap<String, Value> {
    let stable = |alert: &KeptAlert| {
        let mut document = alert.document.clone();
        for name in watchfire_detect::VOLATILE_FIELDS {
            document.remove(name);
        }
        (alert.id.clone(), Value::Object(document))
    };
    alerts.iter().map(stable).collect()
}

/// All alerts of a state.
pub(crate) async fn alerts_of(database: &StateDatabase) -> Vec<KeptAlert> {
    let query = AlertQuery { limit: u32::MAX, ..AlertQuery::default() };
    database.alerts(&query).await.expect("alerts can be read")
}

/// The ids of the events that alerts were made of.
pub(crate) fn ids_of_events(alerts: &[KeptAlert]) -> Vec<String> {
    let ancestors = |alert: &KeptAlert| {
        let ancestors = alert.document.get("kibana.alert.ancestors").and_then(Value::as_array).cloned();
        ancestors.unwrap_or_default().into_iter().filter(|one| one["type"] == "event")
    };
    alerts.iter().flat_map(ancestors).filter_map(|one| Some(one["id"].as_str()?.to_owned())).collect()
}
