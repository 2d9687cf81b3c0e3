//! Elasticsearch's own cases of EQL: the queries for single events through the matcher, order and pipes included.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use watchfire_diagnostics::{Severity, SourceText, render};
use watchfire_engine::{RuleIndex, RuleSetBuilder};
use watchfire_events::{DataStream, Event, EventId, IndexPatterns, Place, ValueRef};
use watchfire_ir::{EqlOptions, EqlPlan, EventPlan, Mapping, Pipe, Schema, UnmappedReading, lower_eql};
use watchfire_test_support::{read_json_lines, read_text};

use crate::fired::{self, BATCH_SIZES};
use crate::report::{Section, Table};

/// A case, and what came of it.
struct Case {
    file: String,
    name: String,
    query: String,
    /// Any of these lists of ids is right.
    expected: Vec<Vec<i64>>,
    size: usize,
    outcome: Outcome,
}

enum Outcome {
    /// A query for single events; its rule is set once all are known.
    Event(Box<EventPlan>),
    Unsupported(&'static str),
    Refused(String),
}

/// Documents, and their mapping.
struct DataSet {
    mapping: Mapping,
    events: Vec<Event>,
    ids: Vec<i64>,
}

/// All cases, by file.
pub(crate) fn section(shared: &Path) -> Section {
    let folder = shared.join("conformance/eql/derived");
    let mut section = Section::new("EQL cases of Elasticsearch");
    let mut by_file: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    let mut unsupported: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut read_otherwise = Vec::new();
    let mut cases: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for case in read_json_lines(&folder.join("cases.jsonl")) {
        cases.entry(text(&case, "data").to_owned()).or_default().push(case);
    }
    for (data, cases) in cases {
        let set = data_set(&folder, &data);
        let as_elasticsearch = run(&set, &cases, UnmappedReading::AsElasticsearch, &mut section);
        let as_missing = run(&set, &cases, UnmappedReading::AsMissing, &mut section);
        for ((case, found), (_, other)) in as_elasticsearch.iter().zip(&as_missing) {
            let counts = by_file.entry(case.file.clone()).or_default();
            counts[0] += 1;
            let what = format!("{} ({}): {}", case.name, case.file, case.query);
            match (&case.outcome, found) {
                (Outcome::Unsupported(feature), _) => {
                    counts[if *feature == "sequence" { 3 } else { 4 }] += 1;
                    unsupported.entry(feature).or_default().push(case.name.clone());
                }
                (Outcome::Refused(why), _) => {
                    counts[5] += 1;
                    section.fail(format!("{what}: {why}"));
                }
                (Outcome::Event(_), Some(found))
                    if case.expected.contains(found) && found.len() <= case.size =>
                {
                    counts[1] += 1;
                    counts[2] += 1;
                    if other.as_ref() != Some(found) {
                        read_otherwise.push(case.name.clone());
                    }
                }
                (Outcome::Event(plan), found) => {
                    counts[1] += 1;
                    counts[5] += 1;
                    section.fail(format!(
                        "{what}: expected {:?}, found {found:?}, by {}",
                        case.expected, plan.condition
                    ));
                }
            }
        }
    }
    let mut table =
        Table::new(["file", "cases", "for single events", "passed", "sequences", "samples", "failed"]);
    let mut run_cases = 0;
    for (file, counts) in by_file {
        run_cases += counts[1];
        let [cases, events, passed, sequences, samples, failed] = counts.map(|count| count.to_string());
        table.row([file, cases, events, passed, sequences, samples, failed]);
    }
    table.sums(1);
    section.require(run_cases, 140, "cases for single events");
    section.table(&table);
    section.say(
        "Ids and their order are compared, behind `head` and `tail`, in batches of every size. Unmapped fields are read \
         as Elasticsearch does.",
    );
    section.list(
        "As rules read unmapped fields (as if they were absent), these give other events, which is a difference on \
         record:",
        read_otherwise,
    );
    let features = unsupported.into_iter();
    section.list(
        "Not run yet, by name:",
        features.map(|(feature, names)| format!("{feature}: {}", names.join(", "))),
    );
    section
}

/// Runs all cases over one data set as one rule set. For each query for single events, the ids found, in order.
fn run(
    set: &DataSet,
    cases: &[Value],
    unmapped: UnmappedReading,
    section: &mut Section,
) -> Vec<(Case, Option<Vec<i64>>)> {
    let mut builder = RuleSetBuilder::new();
    let mut rules = Vec::new();
    for case in cases {
        let case = read_case(case, &set.mapping, unmapped);
        let rule = match &case.outcome {
            Outcome::Event(plan) => Some(builder.add(IndexPatterns::default(), plan.condition.clone())),
            Outcome::Unsupported(_) | Outcome::Refused(_) => None,
        };
        rules.push((case, rule));
    }
    let rule_set = builder.build();
    let found = fired::hits(&rule_set, &set.events, &set.mapping, BATCH_SIZES[0]);
    for size in &BATCH_SIZES[1..] {
        if fired::hits(&rule_set, &set.events, &set.mapping, *size) != found {
            section.fail(format!("batches of {size} give other hits"));
        }
    }
    let times = times(set);
    let ids_of = |rule: RuleIndex, plan: &EventPlan| {
        let hits = found.hits.iter().filter(|hit| hit.rule == rule);
        let mut rows: Vec<_> = hits.map(|hit| (times[hit.row as usize], set.ids[hit.row as usize])).collect();
        rows.sort_unstable();
        let mut ids: Vec<i64> = rows.into_iter().map(|(_, id)| id).collect();
        for pipe in &plan.pipes {
            match *pipe {
                Pipe::Head(count) => ids.truncate(count as usize),
                Pipe::Tail(count) => ids = ids.split_off(ids.len().saturating_sub(count as usize)),
            }
        }
        ids
    };
    for error in &found.errors {
        section.fail(format!("rule {} row {}: {}", error.rule.0, error.row, error.error));
    }
    let with_ids = rules.into_iter().map(|(case, rule)| {
        let ids = match (&case.outcome, rule) {
            (Outcome::Event(plan), Some(rule)) => Some(ids_of(rule, plan)),
            _ => None,
        };
        (case, ids)
    });
    with_ids.collect()
}

/// The time of each event, as the mapping reads it.
fn times(set: &DataSet) -> Vec<Option<watchfire_events::Timestamp>> {
    let batch = fired::batch(&set.events, &set.mapping);
    let Some(column) = batch.column("@timestamp") else { return vec![None; batch.len()] };
    let time = |row| match column.codes(row).first().map(|&code| column.value(code)) {
        Some(ValueRef::Instant(at)) => Some(at),
        _ => None,
    };
    (0..batch.len()).map(time).collect()
}

fn read_case(case: &Value, mapping: &Mapping, unmapped: UnmappedReading) -> Case {
    let query = text(case, "query").to_owned();
    let name = case["name"].as_str().map_or_else(|| format!("line {}", case["line"]), str::to_owned);
    let parsed = watchfire_eql::parse(&query);
    let schema: &dyn Schema = mapping;
    let options = EqlOptions { unmapped, ..EqlOptions::default() };
    let mut diagnostics = parsed.diagnostics;
    let plan = parsed.query.and_then(|tree| {
        let lowered = lower_eql(&tree, schema, &options);
        diagnostics.extend(lowered.diagnostics);
        lowered.plan
    });
    let source = SourceText::new(name.clone(), query.clone());
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let errors: Vec<String> = errors.map(|found| render::one_line(found, &source)).collect();
    let outcome = match plan {
        Some(EqlPlan::Event(plan)) if errors.is_empty() => Outcome::Event(Box::new(plan)),
        Some(EqlPlan::Sequence(_)) if errors.is_empty() => Outcome::Unsupported("sequence"),
        Some(EqlPlan::Sample(_)) if errors.is_empty() => Outcome::Unsupported("sample"),
        _ => Outcome::Refused(errors.join("; ")),
    };
    Case {
        file: text(case, "file").to_owned(),
        name,
        query,
        expected: serde_json::from_value(case["expected"].clone()).expect("lists of ids"),
        size: case["size"].as_u64().expect("a size") as usize,
        outcome,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is a text"))
}

fn data_set(folder: &Path, data: &str) -> DataSet {
    let names: &[&str] = if data == "sample" { &["sample1", "sample2", "sample3"] } else { &[data] };
    let id = match data {
        "endgame-140" | "endgame-140-nanos" => "serial_event_id",
        "sample" | "sample-multi" => "id",
        _ => "sequence",
    };
    let mut properties = serde_json::Map::new();
    let mut documents = Vec::new();
    for name in names {
        let mapping: Value =
            serde_json::from_str(&read_text(&folder.join(format!("{name}.mapping.json")))).expect("JSON");
        properties.extend(mapping["properties"].as_object().expect("properties").clone());
        documents.extend(read_json_lines(&folder.join(format!("{name}.ndjson"))));
    }
    let mapping = serde_json::json!({ "properties": properties });
    let mut mapping = Mapping::parse(&mapping.to_string()).expect("a mapping");
    let (mut events, mut ids) = (Vec::new(), Vec::new());
    for document in documents {
        let Value::Object(document) = document else { panic!("documents are objects") };
        mapping.extend_dynamically(&document);
        ids.push(document[id].as_i64().expect("an id"));
        events.push(Event {
            id: EventId::given(events.len().to_string()),
            data_stream: DataStream::new(data),
            document,
            place: Place { input: data.into(), record: events.len() as u64 + 1, line: None, offset: None },
        });
    }
    DataSet { mapping, events, ids }
}
