//! ES|QL on DataFusion: the rows, their order and the warnings are those that a query gives over the events one by one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use watchfire_engine::RuleSetBuilder;
use watchfire_engine::correlate::OrderFields;
use watchfire_esql_events::{DataColumns, EsqlProgram};
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, Timestamp, get_field};
use watchfire_ir::Catalogue;
use watchfire_lake::{
    EsqlNotes, EsqlQuery, LakeError, LakeReader, QueryOptions, Selection, TimeField, Window,
};
use watchfire_pipeline::plan::Step;
use watchfire_pipeline::{Cell, Warnings};
use watchfire_rules::testing::load_tests;
use watchfire_test_support::{files_below, read_text, shared_folder};

use crate::support::{NOW, catalogue, clock, event_in, events, open};

/// A lake, what it holds, and what fields are.
struct Held {
    reader: LakeReader,
    catalogue: Arc<Catalogue>,
    /// In the order of queries.
    batch: EventBatch,
}

type Rows = Vec<Vec<Cell>>;

impl Held {
    fn new(folder: &Path, given: &[Event], commits: usize) -> Self {
        let lake = open(folder, &clock());
        // Several commits make several files.
        for some in given.chunks(given.len().div_ceil(commits)) {
            lake.append(some).expect("there is room");
            lake.commit().expect("it commits");
        }
        drop(lake);
        let reader = LakeReader::open(folder).expect("it opens");
        let mut held = events(&reader, Selection::default());
        held.sort_by_key(|event| (time(event), event.place.input.clone(), event.place.record));
        let catalogue = catalogue();
        let mut builder = BatchBuilder::new(&*catalogue);
        held.into_iter().for_each(|event| builder.push(event));
        let batch = builder.finish();
        Self { reader, catalogue, batch }
    }

    fn program(&self, text: &str) -> EsqlProgram {
        let parsed = watchfire_esql::parse(text);
        let query = parsed.query.unwrap_or_else(|| panic!("{text}: {:?}", parsed.diagnostics));
        let columns = DataColumns::of_schema(&*self.catalogue);
        let (program, problems) = EsqlProgram::new(&query, &columns, &*self.catalogue, Some(now()));
        program.unwrap_or_else(|| panic!("{text}: {problems:?}"))
    }

    /// One event after another.
    fn by_rows(&self, program: &EsqlProgram) -> (Rows, Warnings) {
        let mut builder = RuleSetBuilder::new();
        builder.add(program.patterns().clone(), program.condition().clone());
        let matches = builder.build().match_batch(&self.batch, &*self.catalogue);
        let mut rows: Vec<usize> = matches.hits.iter().map(|hit| hit.row as usize).collect();
        rows.sort_unstable();
        let mut run = program.begin(now());
        for row in rows {
            if !run.push(&program.needed(self.batch.event(row))) {
                break;
            }
        }
        let answer = run.finish();
        (answer.rows, answer.warnings)
    }

    fn planned(&self, program: &EsqlProgram, options: QueryOptions) -> Result<(Rows, EsqlNotes), LakeError> {
        self.planned_within(program, options, None)
    }

    fn planned_within(
        &self,
        program: &EsqlProgram,
        options: QueryOptions,
        window: Option<Window>,
    ) -> Result<(Rows, EsqlNotes), LakeError> {
        let schema = Arc::clone(&self.catalogue);
        let query = EsqlQuery { program, schema, now: now(), order: OrderFields::default(), window, options };
        let mut rows = Vec::new();
        let notes = self.reader.esql(&query, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })?;
        Ok((rows, notes))
    }

    /// Runs a query on both ways, and gives its rows.
    fn both(&self, text: &str, threads: &[usize]) -> Rows {
        let program = self.program(text);
        let (rows, warnings) = self.by_rows(&program);
        for &threads in threads {
            let options = QueryOptions { threads, ..QueryOptions::default() };
            let (planned, notes) =
                self.planned(&program, options).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(planned, rows, "{text}");
            // Of the rows behind a limit, some may have been looked at.
            if !program.plan().steps.iter().any(|step| matches!(step, Step::Limit(_))) {
                assert_eq!(notes.warnings, warnings, "{text}");
            }
            assert_eq!(notes.errors, BTreeMap::new(), "{text}");
        }
        rows
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

/// The time of an event, of several the earliest.
fn time(event: &Event) -> Option<Timestamp> {
    let instant = |value: &Json| value.as_str().and_then(Timestamp::parse);
    match get_field(&event.document, "@timestamp")? {
        Json::Array(values) => values.iter().filter_map(instant).min(),
        value => instant(value),
    }
}

/// Events as they are found in the wild: with several values, with values of other types than their fields, without a time.
fn strange_events() -> Vec<Event> {
    let (test, other) = (DataStream::logs("test", "default"), DataStream::logs("other", "default"));
    let documents = [
        json!({"@timestamp": "2026-03-02T07:00:00Z", "host": {"name": "a"}, "process": {"pid": 7, "name": "cmd.exe", "args": ["x", "y", "x"]}, "source": {"ip": "10.0.0.1", "bytes": 10}}),
        json!({"@timestamp": "2026-03-02T07:00:00.123456Z", "host": {"name": "b"}, "process": {"pid": "8", "name": ["one.exe", "two.exe"]}, "source": {"ip": ["10.0.0.1", "2001:db8::1"], "bytes": [1, 1, 2]}}),
        json!({"@timestamp": "2026-03-02T06:00:00Z", "host": {"name": "a"}, "process": {"pid": "none", "name": 5}, "source": {"ip": "nowhere"}}),
        json!({"host": {"name": "c"}, "process": {"pid": [3, 9], "name": "CMD.EXE"}, "process.parent.name": "explorer.exe"}),
        json!({"@timestamp": "2026-03-02T05:30:00Z", "host": {"name": ["a", "b"]}, "source": {"geo": {"location": {"lat": 52.5, "lon": 13.4}}, "bytes": 4}, "event": {"category": "network", "duration": 1.5e9}}),
        json!({"@timestamp": "2026-03-02T05:30:00Z", "message": "the quick brown fox", "event": {"category": ["process", "host"]}, "process": {"pid": 7, "exit_code": -1}}),
        json!({"@timestamp": ["2026-03-02T05:30:00Z", "2026-03-02T05:10:00Z"], "message": ["one b two", "no"], "host": {"name": "d"}, "tags": ["t", "s"], "process": {"pid": 1, "start": "2026-03-01T00:00:00Z"}}),
        json!({"@timestamp": "2026-03-02T05:30:00Z"}),
    ];
    let events = documents.into_iter().cycle().take(24).enumerate();
    let events = events.map(|(at, document)| {
        event_in(if at % 3 == 0 { &other } else { &test }, &format!("e{at}"), document)
    });
    events.collect()
}

#[test]
fn queries_give_what_events_one_by_one_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let held = Held::new(folder.path(), &strange_events(), 3);
    assert_eq!(held.batch.len(), 24);
    let queries = include_str!("esql_queries.txt");
    let mut without_rows = Vec::new();
    for query in queries.split("\n\n").map(str::trim).filter(|query| !query.starts_with('#')) {
        if held.both(query, &[1, 3]).is_empty() {
            without_rows.push(query);
        }
    }
    assert_eq!(without_rows, ["FROM logs-nothing-* | STATS c = COUNT(*) BY host.name"]);
}

#[test]
fn only_what_is_asked_for_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let held = Held::new(folder.path(), &strange_events(), 3);
    let program = held.program("FROM logs-test-* METADATA _id | WHERE process.pid == 7 | KEEP _id");
    let window = Window {
        by: TimeField::Timestamp,
        from: Timestamp::parse("2026-03-02T05:30:00Z").expect("an instant"),
        to: Timestamp::parse("2026-03-02T06:30:00Z").expect("an instant"),
    };
    let (rows, notes) =
        held.planned_within(&program, QueryOptions::default(), Some(window)).expect("it runs");
    let ids: Vec<String> = rows.iter().map(|row| row[0].to_json().to_string()).collect();
    assert_eq!(ids, [r#""e5""#, r#""e13""#]);
    let considered: Vec<(&str, u64)> =
        notes.considered.iter().map(|(stream, considered)| (stream.as_str(), considered.rows)).collect();
    assert_eq!(considered, [("logs-test-default", 10)]);
    let fields = &notes.considered.values().next().expect("a stream").fields;
    assert_eq!(fields.iter().map(String::as_str).collect::<Vec<_>>(), ["@timestamp", "process.pid"]);
}

#[test]
fn what_does_not_fit_into_memory_goes_to_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = DataStream::logs("test", "default");
    let given: Vec<Event> = (0..60_000)
        .map(|number| {
            let minute = number % 60;
            let document = json!({
                "@timestamp": format!("2026-03-02T05:{minute:02}:00Z"),
                "process": {"entity_id": format!("entity-{}", number % 50_000), "pid": number},
                "message": format!("{number} {}", "x".repeat(400)),
            });
            event_in(&stream, &format!("e{number}"), document)
        })
        .collect();
    let held = Held::new(folder.path(), &given, 12);
    // On one thread groups are not put on disk.
    for (threads, memory_bytes, text) in [
        (1, 24 << 20, "FROM logs-test-* | SORT process.pid DESC | KEEP process.pid, message"),
        (2, 24 << 20, "FROM logs-test-* | SORT process.pid DESC | KEEP process.pid, message"),
        (
            2,
            32 << 20,
            "FROM logs-test-* | STATS v = VALUES(process.pid), c = COUNT(*) BY process.entity_id | WHERE c > 1 | KEEP c, process.entity_id",
        ),
    ] {
        let little = QueryOptions { memory_bytes, threads };
        let program = held.program(text);
        let (rows, _) = held.by_rows(&program);
        let (planned, _) = held.planned(&program, little).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(rows.len() >= 10_000 && planned == rows, "{text}: {} and {} rows", rows.len(), planned.len());
    }
}

#[test]
fn shared_rules_give_what_events_one_by_one_give() {
    let Some(shared) = shared_folder() else { return };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchfire-conformance/esql_rules");
    let mut given = Vec::new();
    for path in files_below(&tests, "toml") {
        let (tests, _) = load_tests(&read_text(&path));
        for test in tests.unwrap_or_else(|| panic!("{}: no tests", path.display())).tests {
            for event in test.events {
                let stream = DataStream::new(event.data_stream.as_str());
                given.push(event_in(&stream, &format!("e{}", given.len()), event.document.into()));
            }
        }
    }
    assert!(given.len() > 500, "{} events", given.len());
    let folder = tempfile::tempdir().expect("a folder");
    let held = Held::new(folder.path(), &given, 1);
    let (mut rules, mut with_rows) = (0, 0);
    for path in files_below(&shared.join("corpus/detection-rules"), "toml") {
        let text = read_text(&path);
        if path.components().any(|part| part.as_os_str() == "_deprecated")
            || !text.contains("type = \"esql\"")
        {
            continue;
        }
        let rule: toml::Table = text.parse().expect("a rule is TOML");
        let Some(query) = rule["rule"].get("query").and_then(toml::Value::as_str) else { continue };
        rules += 1;
        with_rows += usize::from(!held.both(query, &[2]).is_empty());
    }
    assert!(rules >= 184, "{rules} rules");
    assert!(with_rows >= 60, "{with_rows} of {rules} rules with rows");
}
