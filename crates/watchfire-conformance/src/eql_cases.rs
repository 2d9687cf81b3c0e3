//! Elasticsearch's own cases of EQL, through matcher and correlators, order, keys, size and pipes included.

mod data_set;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use watchfire_detect::{Correlation, CorrelationOptions};
use watchfire_diagnostics::{Severity, SourceText, render};
use watchfire_engine::correlate::{KeyValue, ResultLimit, ResultPosition, SequencePlace, StageExtractor};
use watchfire_engine::{RuleIndex, RuleSetBuilder};
use watchfire_events::{IndexPatterns, ValueRef};
use watchfire_ir::{EqlOptions, EqlPlan, Mapping, Schema, UnmappedReading, lower_eql};
use watchfire_test_support::read_json_lines;

use self::data_set::DataSet;
use crate::correlated;
use crate::expected::Expected;
use crate::fired::{self, BATCH_SIZES};
use crate::report::{Section, Table};

/// What stands for a missing event in the cases.
const MISSING: i64 = -1;

const MISSED: &str = include_str!("../expected/eql-cases-missed.tsv");

/// A case, and what is to be run.
struct Case {
    file: String,
    name: String,
    query: String,
    /// Any of these lists of ids is right.
    expected: Vec<Vec<i64>>,
    /// The keys of all results, if the case says anything of them.
    join_keys: Option<Vec<Option<String>>>,
    size: u64,
    samples_per_key: usize,
    /// The plan, or why there is none.
    plan: Result<EqlPlan, String>,
}

/// What a case gave: the ids of all results one behind the other, and likewise their keys.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    ids: Vec<i64>,
    join_keys: Vec<Option<String>>,
}

impl Case {
    /// The column of the table that counts it.
    fn kind(&self) -> usize {
        match &self.plan {
            Ok(EqlPlan::Event(_)) => 1,
            Ok(EqlPlan::Sequence(_)) => 2,
            Ok(EqlPlan::Sample(_)) => 3,
            Err(_) => 5,
        }
    }

    fn accepts(&self, found: &Found) -> bool {
        self.expected.contains(&found.ids)
            && self.join_keys.as_ref().is_none_or(|keys| *keys == found.join_keys)
    }
}

/// All cases, by file.
pub(crate) fn section(shared: &Path) -> Section {
    let folder = shared.join("conformance/eql/derived");
    let mut section = Section::new("EQL cases of Elasticsearch");
    let mut by_file: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    let mut read_otherwise = Vec::new();
    let mut missed = BTreeMap::new();
    let mut cases: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for case in read_json_lines(&folder.join("cases.jsonl")) {
        cases.entry(text(&case, "data").to_owned()).or_default().push(case);
    }
    for (data, cases) in cases {
        let set = DataSet::read(&folder, &data);
        let as_elasticsearch = run(&set, &cases, UnmappedReading::AsElasticsearch, &mut section);
        let as_missing = run(&set, &cases, UnmappedReading::AsMissing, &mut section);
        for ((case, found), (_, other)) in as_elasticsearch.iter().zip(&as_missing) {
            let counts = by_file.entry(case.file.clone()).or_default();
            counts[0] += 1;
            let (Ok(plan), Some(found)) = (&case.plan, found) else {
                counts[5] += 1;
                let why = case.plan.as_ref().err().map(String::as_str).unwrap_or_default();
                missed.insert(format!("{} {}", case.file, case.name), format!("{}: {why}", case.query));
                continue;
            };
            counts[case.kind()] += 1;
            if case.accepts(found) {
                counts[4] += 1;
                if other.as_ref().map(|other| &other.ids) != Some(&found.ids) {
                    read_otherwise.push(case.name.clone());
                }
            } else {
                counts[5] += 1;
                let (ids, keys) = (&case.expected, &case.join_keys);
                missed.insert(
                    format!("{} {}", case.file, case.name),
                    format!("{}: expected {ids:?} by {keys:?}, found {found:?}, by {plan}", case.query),
                );
            }
        }
    }
    Expected::parse("eql-cases-missed.tsv", MISSED, 2).compare(&missed, &mut section);
    let mut table =
        Table::new(["file", "cases", "for single events", "sequences", "samples", "passed", "failed"]);
    let mut kinds = [0; 3];
    for (file, counts) in by_file {
        kinds.iter_mut().zip(&counts[1..4]).for_each(|(sum, count)| *sum += count);
        let [cases, events, sequences, samples, passed, failed] = counts.map(|count| count.to_string());
        table.row([file, cases, events, sequences, samples, passed, failed]);
    }
    table.sums(1);
    let [events, sequences, samples] = kinds;
    section.require(events, 140, "cases for single events");
    section.require(sequences, 85, "cases for sequences");
    section.require(samples, 28, "cases for samples");
    section.table(&table);
    section.say(
        "Ids, their order and join keys are compared, behind `head`, `tail` and the size of the case, in batches of \
         every size. Unmapped fields are read as Elasticsearch does. Dates that an index reads in a `format` of its own \
         are written in ISO 8601 first.",
    );
    section.list(
        "As rules read unmapped fields (as if they were absent), these give other events, which is a difference on \
         record:",
        read_otherwise,
    );
    section
}

/// Runs all cases over one data set as one rule set. For each query what was found.
fn run(
    set: &DataSet,
    cases: &[Value],
    unmapped: UnmappedReading,
    section: &mut Section,
) -> Vec<(Case, Option<Found>)> {
    let mut builder = RuleSetBuilder::new();
    let mut rules: Vec<(Case, Option<Asked>)> = Vec::new();
    for case in cases {
        let case = read_case(case, &set.mapping, unmapped);
        let asked = case.plan.as_ref().ok().map(|plan| Asked::new(plan, &case, set, &mut builder));
        rules.push((case, asked));
    }
    let rule_set = builder.build();
    let found = fired::hits(&rule_set, &set.events, &set.mapping, BATCH_SIZES[0]);
    for size in &BATCH_SIZES[1..] {
        if fired::hits(&rule_set, &set.events, &set.mapping, *size) != found {
            section.fail(format!("batches of {size} give other hits"));
        }
    }
    for error in &found.errors {
        section.fail(format!("rule {} row {}: {}", error.rule.0, error.row, error.error));
    }
    let times = times(set);
    let of_events = |rule: RuleIndex| -> Vec<u32> {
        let mut rows: Vec<u32> =
            found.hits.iter().filter(|hit| hit.rule == rule).map(|hit| hit.row).collect();
        rows.sort_by_key(|&row| (times[row as usize], set.ids[row as usize]));
        rows
    };
    let id = |row: u32| set.ids[row as usize];
    let mut all = Vec::new();
    for (case, asked) in rules {
        let found = match (&case.plan, asked) {
            (Ok(plan @ EqlPlan::Event(_)), Some(asked)) => {
                let limit = ResultLimit::new(plan.pipes(), Some(case.size), ResultPosition::Tail);
                let rows = limit.apply(of_events(asked.rules[0]));
                Some(Found { ids: rows.into_iter().map(id).collect(), join_keys: Vec::new() })
            }
            (Ok(plan), Some(Asked { correlation, extractor, .. })) => {
                let results = |size| {
                    correlated::results(&correlation, &extractor, &rule_set, &set.events, &set.mapping, size)
                };
                let first = results(BATCH_SIZES[0]);
                for size in &BATCH_SIZES[1..] {
                    if results(*size) != first {
                        section.fail(format!("{}: batches of {size} give other results", case.name));
                    }
                }
                let place = |place: &SequencePlace<u32>| match place {
                    SequencePlace::Event(row) => id(*row),
                    SequencePlace::Missing => MISSING,
                };
                let keys = first.iter().flat_map(|result| result.keys.iter());
                Some(Found {
                    ids: first.iter().flat_map(|result| &result.places).map(place).collect(),
                    join_keys: keys.map(|key| key_text(plan, key)).collect(),
                })
            }
            _ => None,
        };
        all.push((case, found));
    }
    all
}

/// A query whose conditions are rules of a set.
struct Asked {
    rules: Vec<RuleIndex>,
    correlation: Correlation,
    extractor: StageExtractor,
}

impl Asked {
    fn new(plan: &EqlPlan, case: &Case, set: &DataSet, builder: &mut RuleSetBuilder) -> Self {
        let position = if case.kind() == 3 { ResultPosition::Head } else { ResultPosition::Tail };
        let options = CorrelationOptions {
            order: set.order.clone(),
            limit: ResultLimit::new(plan.pipes(), Some(case.size), position),
            samples_per_key: case.samples_per_key,
        };
        let correlation = Correlation::new(plan.clone(), &[], options).expect("no case has too many stages");
        let conditions = correlation.conditions().into_iter().cloned();
        let rules: Vec<RuleIndex> =
            conditions.map(|condition| builder.add(IndexPatterns::default(), condition)).collect();
        let extractor = correlation.extractor(&rules);
        Self { rules, correlation, extractor }
    }
}

/// How an answer writes a key: in a sample, instants are the milliseconds of the aggregation that found them.
fn key_text(plan: &EqlPlan, key: &KeyValue) -> Option<String> {
    match (plan, key) {
        (EqlPlan::Sample(_), KeyValue::Instant(at)) => Some(at.millis().to_string()),
        _ => key.to_text(),
    }
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
    Case {
        file: text(case, "file").to_owned(),
        name,
        query,
        expected: serde_json::from_value(case["expected"].clone()).expect("lists of ids"),
        join_keys: serde_json::from_value(case["join_keys"].clone()).expect("a list of texts, if any"),
        size: case["size"].as_u64().expect("a size"),
        samples_per_key: case["max_samples_per_key"].as_u64().expect("a number of samples") as usize,
        plan: plan.filter(|_| errors.is_empty()).ok_or_else(|| errors.join("; ")),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is a text"))
}
