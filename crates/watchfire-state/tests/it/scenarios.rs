//! What a server does over time, as files: each folder of `tests/cases/scenarios/` is one story.
//!
//! ```text
//! case.toml       the clock's steps (below)
//! rules/*.toml    the rules, all enabled
//! events.ndjson   one event a line: when it arrives, its data stream, its id, the document; `copies` and `every_ms` make
//!                 several of it, with `{n}` in the id standing for their numbers
//! exceptions.ndjson, value-lists/*    if they are there
//! expected.snap   executions and alerts (INSTA_UPDATE=always writes it)
//! ```
//!
//! The steps, in the order in which they happen; each sets the clock to `at` first:
//!
//! ```toml
//! about = "…"                                               # what it shows, for a person
//! [[step]]
//! at = "2026-03-02T08:00:00Z"
//! do = "install"                                            # the rules; or
//! # "tick"             what is due; with `until` and `every` one after the other
//! # "run"              a manual run of all rules from `from` to `to`
//! # "restart"          another process takes over the database
//! # "lose state"       all that is known of what was found is lost, but for the alerts
//! # "close"            all alerts are closed
//! # "remove exception" the item `item` of the list `list`
//! # "gaps"             shows the time that was not searched
//! # "preview"          what the first rule would do from `from` to `to`
//! ```
//!
//! An event is there from its arrival on. A story is told on each database, and must come out the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{Event, Timestamp};
use watchfire_state::{
    ExecutionRecord, KeptAlert, MemoryEvents, StateDatabase, StateOptions, TickReport, Triage,
};
use watchfire_test_support::read_json_lines;

use crate::support::{Bench, TestClock, at, databases, event, rule, run, span};

#[derive(Debug)]
struct Step {
    at: Timestamp,
    action: String,
    fields: toml::Table,
}

impl Step {
    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(toml::Value::as_str)
    }

    fn time(&self, name: &str) -> Timestamp {
        at(self.text(name).unwrap_or_else(|| panic!("step `{}` has no `{name}`", self.action)))
    }
}

#[test]
fn every_story_ends_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/scenarios");
    let folders = files(&root);
    assert!(!folders.is_empty());
    let mut differing = Vec::new();
    for folder in folders {
        let shown = run(tell(&folder));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let compare = || settings.bind(|| insta::assert_snapshot!("expected", shown));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err() {
            differing.push(folder);
        }
    }
    assert!(differing.is_empty(), "not as expected: {differing:#?}");
}

/// The files and folders of a folder in order; none if it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

async fn tell(folder: &Path) -> String {
    let mut told: Option<(&str, String)> = None;
    for database in databases().await {
        let story = Story::new(folder).tell(&database.options).await;
        match &told {
            None => told = Some((database.name, story)),
            Some((other, first)) => {
                assert_eq!(&story, first, "{}: {} and {other} differ", folder.display(), database.name);
            }
        }
    }
    told.expect("there is a database").1
}

struct Story {
    folder: PathBuf,
    steps: Vec<Step>,
    /// By arrival, those that come first last.
    coming: Vec<(Timestamp, Event)>,
    /// The names of rules by their ids.
    names: BTreeMap<String, String>,
    shown: String,
}

impl Story {
    fn new(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("case.toml")).expect("there is a case.toml");
        let case: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let step = |step: &toml::Value| {
            let fields = step.as_table().expect("a step is a table").clone();
            let text =
                |name: &str| fields.get(name).and_then(toml::Value::as_str).expect("a text").to_owned();
            Step { at: at(&text("at")), action: text("do"), fields: fields.clone() }
        };
        let steps = case.get("step").and_then(toml::Value::as_array).expect("there are steps");
        let mut coming = Vec::new();
        for (number, line) in read_json_lines(&folder.join("events.ndjson")).into_iter().enumerate() {
            coming.extend(events_of(&line, number as u64));
        }
        coming.sort_by_key(|(arrives, event)| std::cmp::Reverse((*arrives, event.place.clone())));
        Self {
            folder: folder.to_owned(),
            steps: steps.iter().map(step).collect(),
            coming,
            names: BTreeMap::new(),
            shown: String::new(),
        }
    }

    async fn tell(mut self, options: &StateOptions) -> String {
        let mut bench = Bench::new(options).await;
        for step in std::mem::take(&mut self.steps) {
            self.pass_time(&bench, step.at);
            writeln!(self.shown, "── {} {}", step.at, step.action).expect("a text takes all");
            match step.action.as_str() {
                "install" => self.install(&bench, step.at).await,
                "tick" => {
                    let until = step.text("until").map_or(step.at, at);
                    let every = step.text("every").map_or(1, |every| {
                        every.strip_suffix('m').and_then(|minutes| minutes.parse().ok()).expect("minutes")
                    });
                    let mut now = step.at;
                    while now <= until {
                        self.pass_time(&bench, now);
                        let report = bench.scheduler.tick().await.expect("the tick ends");
                        self.show_report(&report);
                        now = now.plus_nanos(crate::support::minutes(every));
                    }
                }
                "run" => {
                    let rules = bench.database.rules().await.expect("rules can be read");
                    let ids: Vec<String> = rules.into_iter().map(|kept| kept.id).collect();
                    let window = span(step.time("from"), step.time("to"));
                    let report = bench.scheduler.run_range(&ids, window).await.expect("the run ends");
                    self.show_report(&report);
                }
                "restart" => {
                    bench.database.close().await;
                    bench = Bench::open(options, &bench.events, &bench.clock).await;
                    let broken = bench.scheduler.start().await.expect("the scheduler starts");
                    writeln!(self.shown, "executions that never ended: {broken}").expect("a text takes all");
                }
                "lose state" => lose(options).await,
                "close" => {
                    let ids: Vec<String> = bench.alerts().await.into_iter().map(|alert| alert.id).collect();
                    let status = Triage::Status(watchfire_state::AlertStatus::Closed, None);
                    bench.database.triage(&ids, &status, "ana", step.at).await.expect("alerts can be closed");
                }
                "remove exception" => {
                    let name = |name| step.text(name).expect("a name");
                    let removed = bench.database.remove_exception(name("list"), name("item")).await;
                    removed.expect("the item is there");
                }
                "gaps" => {
                    for kept in bench.database.rules().await.expect("rules can be read") {
                        let gaps = bench.scheduler.gaps(&kept.id).await.expect("gaps can be found");
                        let gaps: Vec<String> = gaps.iter().map(ToString::to_string).collect();
                        writeln!(self.shown, "{}: [{}]", kept.rule.name, gaps.join(", "))
                            .expect("a text takes all");
                    }
                }
                "preview" => {
                    let kept = bench.database.rules().await.expect("rules can be read").remove(0);
                    let window = span(step.time("from"), step.time("to"));
                    let preview = bench.scheduler.preview(&kept.rule, window).await.expect("a preview");
                    self.show_executions("", &preview.executions);
                    let number = preview.alerts.len();
                    writeln!(self.shown, "alerts: {number}, waiting: {}", preview.waiting)
                        .expect("a text takes all");
                }
                other => panic!("there is no step `{other}`"),
            }
        }
        self.show_alerts(&bench).await;
        bench.database.close().await;
        self.shown
    }

    fn pass_time(&mut self, bench: &Bench, now: Timestamp) {
        bench.clock.set(now);
        while let Some((_, event)) = self.coming.pop_if(|(arrives, _)| *arrives <= now) {
            bench.events.push(event);
        }
    }

    async fn install(&mut self, bench: &Bench, now: Timestamp) {
        for path in files(&self.folder.join("rules")) {
            let rule = rule(&fs::read_to_string(&path).expect("the rule can be read"));
            let installed = bench.database.install_rule(&rule, "rules", now).await;
            installed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let kept = bench.database.rules().await.expect("rules can be read");
        self.names = kept.into_iter().map(|kept| (kept.id, kept.rule.name)).collect();
        let exceptions = self.folder.join("exceptions.ndjson");
        if exceptions.exists() {
            for object in read_json_lines(&exceptions) {
                bench.database.put_exception(&object, now).await.expect("the exception is kept");
            }
        }
        for path in files(&self.folder.join("value-lists")) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("the list can be read");
            bench.database.put_value_list(&name, &text, now).await.expect("the list is kept");
        }
    }

    fn show_report(&mut self, report: &TickReport) {
        self.show_executions("", &report.executions);
        self.show_executions("FAILED ", &report.failed);
        for (rule, why) in &report.cannot_run {
            let name = self.names.get(rule).map(String::as_str).unwrap_or_default();
            writeln!(self.shown, "{name} cannot run: {why}").expect("a text takes all");
        }
    }

    fn show_executions(&mut self, before: &str, executions: &[ExecutionRecord]) {
        for one in executions {
            let slot = &one.slot.to_iso_millis()[11..19];
            let name = self.names.get(&one.rule).map(String::as_str).unwrap_or_default();
            let mut line = format!(
                "{before}{slot} {name}, {} {}: found {}, alerts {}",
                one.kind.name(),
                one.status,
                one.found,
                one.alerts
            );
            for (name, number) in
                [("suppressed", one.suppressed), ("held back", one.held_back), ("late", one.late)]
            {
                if number > 0 {
                    write!(line, ", {name} {number}").expect("a text takes all");
                }
            }
            // What happens all the time is not told.
            if one.found + one.alerts + one.suppressed > 0 || !one.messages.is_empty() {
                writeln!(self.shown, "{line}").expect("a text takes all");
            }
            for message in &one.messages {
                writeln!(self.shown, "    {}", message.text).expect("a text takes all");
            }
        }
    }

    async fn show_alerts(&mut self, bench: &Bench) {
        let alerts = bench.alerts().await;
        writeln!(self.shown, "── {} alerts", alerts.len()).expect("a text takes all");
        for part in alerts.chunk_by(|a, b| (a.made, a.slot, &a.rule) == (b.made, b.slot, &b.rule)) {
            let mut lines: Vec<String> = part.iter().map(line).collect();
            lines.sort();
            let (number, rest) = (lines.len(), lines.len().saturating_sub(SHOWN));
            lines.truncate(SHOWN);
            lines.iter().for_each(|line| writeln!(self.shown, "{line}").expect("a text takes all"));
            if rest > 0 {
                writeln!(self.shown, "    … {number} in all").expect("a text takes all");
            }
        }
        let mut ids: Vec<&str> = alerts.iter().map(|alert| alert.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), alerts.len(), "no id is there twice");
    }
}

/// More alerts of one rule and slot are summed up.
const SHOWN: usize = 6;

/// An alert in one line.
fn line(alert: &KeptAlert) -> String {
    let text = |name: &str| match alert.document.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let ancestors = alert.document.get("kibana.alert.ancestors").and_then(Value::as_array);
    let events: Vec<&str> = ancestors
        .into_iter()
        .flatten()
        .filter(|ancestor| ancestor["type"] == "event")
        .filter_map(|ancestor| ancestor["id"].as_str())
        .collect();
    let mut line = format!(
        "{} at {} ({}): {}",
        text("kibana.alert.rule.name"),
        &alert.made.to_iso_millis()[11..19],
        text("kibana.alert.rule.execution.type"),
        events.join(" "),
    );
    for (name, field) in [
        ("stands for", "kibana.alert.suppression.docs_count"),
        ("until", "kibana.alert.suppression.end"),
        ("threshold", "kibana.alert.threshold_result"),
        ("terms", "kibana.alert.new_terms"),
        ("depth", "kibana.alert.depth"),
    ] {
        let text = text(field);
        if !text.is_empty() && (name != "depth" || text != "1") {
            write!(line, "; {name} {text}").expect("a text takes all");
        }
    }
    if alert.shell.is_some() {
        line.push_str("; part of a sequence");
    }
    line
}

/// The events of a line, each with its arrival.
fn events_of(line: &Value, number: u64) -> Vec<(Timestamp, Event)> {
    let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{line}: no `{name}`"));
    let copies = line["copies"].as_u64().unwrap_or(1);
    let every = i128::from(line["every_ms"].as_i64().unwrap_or_default()) * 1_000_000;
    let of_copy = |copy: u64| {
        let moved = |time: Timestamp| time.plus_nanos(every * i128::from(copy));
        let arrives = moved(at(text("arrives")));
        let mut document = line["event"].clone();
        if let Some(time) = document["@timestamp"].as_str() {
            document["@timestamp"] = moved(at(time)).to_iso_millis().into();
        }
        let id = text("id").replace("{n}", &copy.to_string());
        (arrives, event(text("stream"), &id, &document, arrives, number * 10_000 + copy))
    };
    (0..copies).map(of_copy).collect()
}

/// Loses what is known of what was found.
async fn lose(options: &StateOptions) {
    use sqlx::{AnyConnection, Connection as _};
    // The drivers are there since the database was opened.
    let mut connection = AnyConnection::connect(&options.url).await.expect("the database is there");
    for table in ["detections", "suppression", "bucket_marks", "covered", "executions"] {
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")));
        query.execute(&mut connection).await.expect("a table can be emptied");
    }
    connection.close().await.expect("a connection can be closed");
}

#[test]
fn a_story_is_told_of_what_is_kept() {
    // What the stories do not show: a database that is opened again has what was installed.
    run(async {
        for database in databases().await {
            let (events, clock): (Arc<MemoryEvents>, Arc<TestClock>) = (Arc::default(), Arc::default());
            let bench = Bench::open(&database.options, &events, &clock).await;
            let rule = rule(
                "[rule]\nrule_id = 'r'\nname = 'n'\ndescription = 'd'\nrisk_score = 1\nseverity = 'low'\ntype = 'query'\n\
                 query = 'a: 1'\n",
            );
            bench.database.install_rule(&rule, "here", at("2026-03-02")).await.expect("it is installed");
            bench.database.close().await;
            let again = StateDatabase::open(&database.options).await.expect("it can be opened again");
            let rules = again.rules().await.expect("rules can be read");
            assert_eq!(rules.len(), 1);
            assert_eq!((&rules[0].rule.name, rules[0].source.as_str()), (&rule.name, "here"));
            again.close().await;
        }
    });
}
