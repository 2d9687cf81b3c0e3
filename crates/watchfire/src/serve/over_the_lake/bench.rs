//! A server without its door.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use watchfire_detect::{ExecutionWindow, VOLATILE_FIELDS};
use watchfire_events::{Document, Event, IndexPatterns, TapedEvent, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_lake::{Lake, LakeClock as _, LakeOptions, Selection, SetClock};
use watchfire_rules::model::Rule;
use watchfire_server::{Appended, EventLog as _};
use watchfire_sources::normalise::catalogue;
use watchfire_state::{
    AlertOrder, AlertQuery, KeptAlert, Scheduler, SchedulerSettings, StateDatabase, StateError, StateOptions,
    TickReport,
};
use watchfire_test_support::normalised;

use crate::serve::arrivals::Arrivals;
use crate::serve::lake_events::LakeEvents;
use crate::serve::lake_log::LakeLog;
use crate::serve::settled_clock::SettledClock;

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(catalogue()));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("there are threads"));

/// Lake, database and scheduler of a server. To drop it is what the end of a process is to them.
pub(super) struct Bench {
    pub(super) clock: Arc<SetClock>,
    pub(super) lake: Arc<Lake>,
    pub(super) database: StateDatabase,
    pub(super) scheduler: Scheduler<LakeEvents>,
    settled: Arc<SettledClock>,
    /// Where events wait that are looked at before executions, if they are.
    looks: Option<Arc<Arrivals>>,
}

/// The database in a folder.
pub(super) fn state_in(folder: &Path, name: &str) -> StateOptions {
    StateOptions::new(format!("sqlite:{}", folder.join(name).display()))
}

/// Waits for what the state does.
pub(super) fn wait<T>(of: impl Future<Output = Result<T, StateError>>) -> T {
    RUNTIME.block_on(of).expect("the state does it")
}

impl Bench {
    /// Opens what is in a folder, as a server does that starts at this moment.
    pub(super) fn open(folder: &Path, clock: &Arc<SetClock>, state: &StateOptions) -> Self {
        let (time, schema) = (Arc::<SetClock>::clone(clock), Arc::<Catalogue>::clone(&CATALOGUE));
        let opened = Lake::open(&folder.join("lake"), schema, time, LakeOptions::default());
        let lake = Arc::new(opened.expect("the lake opens").0);
        Self::over(lake, clock, state)
    }

    /// A database of its own over a lake that is open.
    pub(super) fn over(lake: Arc<Lake>, clock: &Arc<SetClock>, state: &StateOptions) -> Self {
        let database = wait(StateDatabase::open(state));
        let settled = Arc::new(SettledClock::default());
        wait(settled.begin(&lake, &database, clock.now()));
        let scheduler = Scheduler::new(
            database.clone(),
            Arc::new(LakeEvents { lake: Arc::clone(&lake), catalogue: Arc::clone(&CATALOGUE) }),
            Arc::clone(&CATALOGUE),
            Arc::<SettledClock>::clone(&settled),
            SchedulerSettings { memory: 8 << 20, ..SchedulerSettings::default() },
        );
        Self { clock: Arc::clone(clock), lake, database, scheduler, settled, looks: None }
    }

    /// Says to the scheduler that nothing has arrived yet.
    pub(super) fn has_nothing(&self) {
        RUNTIME.block_on(self.scheduler.nothing_arrived());
    }

    /// Looks at what arrives before rules are executed.
    pub(super) fn looking(mut self) -> Self {
        self.looks = Some(Arc::default());
        self
    }

    /// Ends it without a commit.
    pub(super) fn close(self) {
        RUNTIME.block_on(self.database.close());
    }

    /// Installs rules, enabled.
    pub(super) fn install(&self, rules: &[Rule], now: Timestamp) {
        for rule in rules {
            let enabled = Rule { enabled: Some(true), ..rule.clone() };
            wait(self.database.install_rule(&enabled, "test", now));
        }
    }

    /// Takes in events at an instant; each must be stored now or before.
    pub(super) fn append(&self, now: Timestamp, events: &[Event]) {
        self.clock.set(now);
        let kept = LakeLog { lake: Arc::clone(&self.lake), arrivals: self.looks.clone() }
            .append(events.iter().cloned().map(TapedEvent::from).collect())
            .expect("there is room");
        assert!(!kept.iter().any(|kept| matches!(kept, Appended::Refused(_))), "{kept:?}");
    }

    /// What the server does when rules are due: all that arrived is committed, and they are executed.
    pub(super) fn try_tick(&self, now: Timestamp) -> Result<TickReport, StateError> {
        self.clock.set(now);
        self.settled.settle(&self.lake, now.to_millisecond()).expect("it commits");
        if let Some(arrivals) = &self.looks {
            let looked = RUNTIME.block_on(self.scheduler.look(arrivals.take(Duration::ZERO), now));
            arrivals.done();
            looked?;
            assert!(arrivals.wait_until_looked(Duration::ZERO));
            RUNTIME.block_on(self.scheduler.looked_through())?;
        }
        RUNTIME.block_on(self.scheduler.tick())
    }

    /// The same, where nothing is to fail.
    pub(super) fn tick(&self, now: Timestamp) -> TickReport {
        let report = self.try_tick(now).expect("the tick ends");
        assert_eq!((&report.failed, &report.cannot_run), (&Vec::new(), &Vec::new()));
        report
    }

    /// Executes all rules over a span of time.
    pub(super) fn back_fill(&self, now: Timestamp, span: ExecutionWindow) -> TickReport {
        self.settled.settle_before(now);
        let ids: Vec<String> = wait(self.database.rules()).into_iter().map(|kept| kept.id).collect();
        wait(self.scheduler.run_range(&ids, span))
    }

    /// All alerts, in the order in which they were made.
    pub(super) fn alerts(&self) -> Vec<KeptAlert> {
        wait(self.database.alerts(&AlertQuery { limit: u32::MAX, ..AlertQuery::default() }))
    }

    /// The ids of all alerts, in the order of the executions for which they were meant.
    pub(super) fn ids_by_slot(&self) -> Vec<String> {
        let query = AlertQuery { limit: u32::MAX, order: AlertOrder::Slot, ..AlertQuery::default() };
        wait(self.database.alerts(&query)).into_iter().map(|alert| alert.id).collect()
    }

    /// Writes the events of data streams to a file; the ids of them all.
    pub(super) fn export(&self, patterns: &str, to: &Path) -> Vec<String> {
        let mut text = Vec::new();
        let selection = Selection { patterns: IndexPatterns::new([patterns]), ..Selection::default() };
        self.lake.reader().export(&**CATALOGUE, &selection, &mut text).expect("the lake can be read");
        std::fs::write(to, &text).expect("there is room");
        let id = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("a line is JSON");
            line["_id"].as_str().expect("an id").to_owned()
        };
        String::from_utf8(text).expect("a text").lines().map(id).collect()
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is no time"))
}

/// A number of seconds behind an instant.
pub(super) fn after(start: Timestamp, seconds: i64) -> Timestamp {
    start.plus_nanos(i128::from(seconds) * 1_000_000_000)
}

/// An event of a document that is sent to a data stream.
pub(super) fn event(stream: &str, id: &str, document: &Value) -> Event {
    let record = json!({ "_index": stream, "_id": id, "_source": document });
    normalised(&record.to_string(), "test").pop().expect("it is one event")
}

/// The ids of the events that an alert was made of.
pub(super) fn events_of(alert: &Document) -> Vec<String> {
    let ancestors = alert.get("kibana.alert.ancestors").and_then(Value::as_array).into_iter().flatten();
    let events = ancestors.filter(|one| one["type"] == "event");
    events.filter_map(|one| Some(one["id"].as_str()?.to_owned())).collect()
}

/// Alerts by the time for which their execution was meant and their id, without what tells of the run.
pub(super) type Alerts = BTreeMap<(String, String), Document>;

pub(super) fn comparable(alerts: impl IntoIterator<Item = Document>) -> Alerts {
    let mut comparable = Alerts::new();
    for mut alert in alerts {
        let text =
            |name: &str| alert.get(name).and_then(Value::as_str).expect("each alert has it").to_owned();
        let key = (text("kibana.alert.intended_timestamp"), text("kibana.alert.uuid"));
        VOLATILE_FIELDS.iter().for_each(|name| drop(alert.shift_remove(*name)));
        let before = comparable.insert(key.clone(), alert);
        assert!(before.is_none(), "alert {key:?} is there twice");
    }
    comparable
}

/// The same of alerts that are kept.
pub(super) fn comparable_of(alerts: Vec<KeptAlert>) -> Alerts {
    comparable(alerts.into_iter().map(|alert| alert.document))
}

/// The same without what a scan of files cannot know: that the rule is enabled, and where the event is stored.
pub(super) fn as_of_files(mut alerts: Alerts) -> Alerts {
    for alert in alerts.values_mut() {
        assert_eq!(alert.shift_remove("kibana.alert.rule.enabled"), Some(true.into()));
        alert.shift_remove("watchfire.evidence");
    }
    alerts
}

/// What `watchfire scan --as-scheduled=ingested` finds in a file, but for where it was read.
pub(super) fn scanned(events: &Path, rules: &Path, more: &[&str]) -> Alerts {
    comparable(scanned_in_order(events, rules, more))
}

/// The same in the order in which it is written.
pub(super) fn scanned_in_order(events: &Path, rules: &Path, more: &[&str]) -> Vec<Document> {
    let out = tempfile::NamedTempFile::new().expect("a file");
    let path = |path: &Path| path.to_str().expect("a text").to_owned();
    let arguments = ["watchfire", "scan", "--as-scheduled=ingested", "--format", "ndjson", "--threads", "1"];
    let arguments = arguments.into_iter().map(str::to_owned);
    let arguments = arguments.chain([path(events), "--rules".to_owned(), path(rules)]);
    let arguments = arguments.chain(more.iter().map(|&argument| argument.to_owned()));
    let crate::Command::Scan(scan) = crate::Command::parse_from(arguments) else { panic!("it is a scan") };
    let writer = Box::new(out.reopen().expect("the file can be written"));
    let mut log = Vec::new();
    scan.scan(writer, &mut |_| Ok(()), &mut log).expect("it can be scanned");
    let text = std::fs::read_to_string(out.path()).expect("the file can be read");
    let alert = |line| {
        let mut alert: Document = serde_json::from_str(line).expect("an alert is JSON");
        alert.shift_remove("watchfire.evidence");
        alert
    };
    text.lines().map(alert).collect()
}

/// What two ways to find alerts have otherwise, in words.
pub(super) fn difference(found: &Alerts, expected: &Alerts) -> Vec<String> {
    let about = |key: &(String, String), alert: &Document| {
        format!("{} of {} at {}", alert["kibana.alert.rule.name"], events_of(alert).join(" "), key.0)
    };
    let missing = expected.iter().filter(|(key, _)| !found.contains_key(*key));
    let missing = missing.map(|(key, alert)| format!("missing: {}", about(key, alert)));
    let surplus = found.iter().filter(|(key, _)| !expected.contains_key(*key));
    let surplus = surplus.map(|(key, alert)| format!("surplus: {}", about(key, alert)));
    let other = found.iter().filter_map(|(key, alert)| {
        let expected = expected.get(key).filter(|expected| *expected != alert)?;
        let names: std::collections::BTreeSet<&String> = alert.keys().chain(expected.keys()).collect();
        let fields = names.into_iter().filter(|name| alert.get(*name) != expected.get(*name));
        let fields: Vec<String> = fields
            .map(|name| format!("{name} is {:?}, not {:?}", alert.get(name), expected.get(name)))
            .collect();
        Some(format!("other: {}: {}", about(key, alert), fields.join(", ")))
    });
    missing.chain(surplus).chain(other).collect()
}
