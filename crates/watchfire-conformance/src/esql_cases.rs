//! Elasticsearch's own cases of ES|QL (`conformance/esql/derived`).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::reference;
use watchfire_events::{DataStream, Document, Event, EventId, Place, Timestamp};
use watchfire_ir::{KqlOptions, Mapping, lower_kql};
use watchfire_pipeline::aggregates::Aggregation;
use watchfire_pipeline::{
    Cell, DataType, Plan, Row, Run, Source, SourceColumn, Warnings, documents, resolve,
};
use watchfire_test_support::read_text;

use crate::expected::Expected;
use crate::fired;
use crate::report::{Section, Table};

/// What `NOW()` gives.
const NOW: &str = "2026-03-01T12:00:00.000Z";

/// How far a floating-point number may be off, relative to its size.
const TOLERANCE: f64 = 1e-9;

#[derive(Debug, Deserialize)]
struct Case {
    file: String,
    name: String,
    query: String,
    tables: Vec<String>,
    expected_columns: Vec<Column>,
    expected_rows: Vec<Vec<Json>>,
    ordered: bool,
    has_sort: bool,
    warnings: Vec<String>,
    scope: String,
    commands: Vec<String>,
    functions: Vec<String>,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

/// A table of the cases.
struct Indexed {
    columns: Vec<SourceColumn>,
    /// Each with the name of its table.
    rows: Vec<(String, Document)>,
    properties: serde_json::Map<String, Json>,
    mapping: Mapping,
}

impl Source for Indexed {
    fn listed(&self, prefix: &str) -> Vec<SourceColumn> {
        self.columns.iter().filter(|column| column.name.starts_with(prefix)).cloned().collect()
    }

    fn column(&self, name: &str) -> Option<SourceColumn> {
        self.columns.iter().find(|column| *column.name == *name).cloned()
    }

    fn known(&self, _: &str) -> Option<DataType> {
        None
    }

    fn may_have(&self, _: &str) -> bool {
        false
    }
}

/// How many cases there are, and how many give what they should.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    core: usize,
    core_right: usize,
    extra: usize,
    extra_right: usize,
}

impl Count {
    fn add(&mut self, case: &Case, is_right: bool) {
        let (all, right) = if case.scope == "core" {
            (&mut self.core, &mut self.core_right)
        } else {
            (&mut self.extra, &mut self.extra_right)
        };
        *all += 1;
        *right += usize::from(is_right);
    }

    fn row(self, name: &str, table: &mut Table) {
        table.row([
            name.to_owned(),
            self.core.to_string(),
            self.core_right.to_string(),
            self.extra.to_string(),
            self.extra_right.to_string(),
        ]);
    }
}

/// What came of all cases.
#[derive(Default)]
struct Measured {
    all: Count,
    files: BTreeMap<String, Count>,
    commands: BTreeMap<String, Count>,
    functions: BTreeMap<String, Count>,
    /// Cases that give something else, with what.
    otherwise: BTreeMap<String, String>,
}

/// What runs a plan over the rows of its source, at a time in milliseconds since 1970: its rows, and what could not be computed.
pub type RunPlan<'r> = dyn FnMut(&Plan, &[Row], i64) -> Result<(Vec<Vec<Cell>>, Warnings), String> + 'r;

/// Row by row, as a scan does it.
fn by_rows(plan: &Plan, source: &[Row], now: i64) -> (Vec<Vec<Cell>>, Warnings) {
    let mut run = Run::new(plan, now);
    for row in source {
        if run.push(row.clone()).is_break() {
            break;
        }
    }
    let answer = run.finish();
    (answer.rows, answer.warnings)
}

/// The cases of which something else comes than it should, with what, when their plans are run in another way than row by row; and how
/// many cases there are.
pub fn esql_misses(shared: &Path, run: &mut RunPlan<'_>) -> (usize, BTreeMap<String, String>) {
    let measured = measure(shared, run);
    (measured.all.core + measured.all.extra, measured.otherwise)
}

fn measure(shared: &Path, run_plan: &mut RunPlan<'_>) -> Measured {
    let folder = shared.join("conformance/esql/derived");
    let mut tables: BTreeMap<String, Indexed> = BTreeMap::new();
    let mut measured = Measured::default();
    for line in read_text(&folder.join("cases.jsonl")).lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        for table in &case.tables {
            tables.entry(table.clone()).or_insert_with(|| read_table(&folder, table));
        }
        let what = run(&case, &tables, run_plan).err();
        let is_right = what.is_none();
        measured.all.add(&case, is_right);
        measured.files.entry(case.file.clone()).or_default().add(&case, is_right);
        for command in &case.commands {
            measured.commands.entry(command.clone()).or_default().add(&case, is_right);
        }
        for function in &case.functions {
            measured.functions.entry(function.clone()).or_default().add(&case, is_right);
        }
        if let Some(what) = what {
            let stem = case.file.trim_end_matches(".csv-spec");
            measured.otherwise.insert(format!("{stem} {}", case.name), what);
        }
    }
    measured
}

/// All cases, by file, by command and by function.
pub(crate) fn section(shared: &Path) -> Section {
    let mut section = Section::new("Elasticsearch's cases of ES|QL");
    let Measured { all, files, commands, functions, otherwise } =
        measure(shared, &mut |plan, source, now| Ok(by_rows(plan, source, now)));
    section.require(all.core, 500, "cases that use only what the rules use");
    section.require(all.extra, 50, "other cases");
    section.say("*Core* cases use only commands and functions that some rule of the corpus uses.");
    for (heading, counts) in [("file", &files), ("command", &commands), ("function", &functions)] {
        let mut table = Table::new([heading, "core", "as expected", "others", "as expected"]);
        for (name, count) in counts {
            count.row(name, &mut table);
        }
        if heading == "file" {
            all.row("all", &mut table);
        }
        section.table(&table);
    }
    Expected::parse("esql-cases-missed.tsv", include_str!("../expected/esql-cases-missed.tsv"), 2)
        .compare(&otherwise, &mut section);
    section
}

/// What stands before the figures of `docs/esql.md`, and behind them.
const FIGURES: [&str; 2] =
    ["<!-- figures: written by the tests with WATCHFIRE_UPDATE=1 -->\n", "<!-- end of figures -->\n"];

/// What is supported, with how many cases show it: the figures of `docs/esql.md`.
pub fn esql_figures(shared: &Path) -> String {
    let Measured { all, commands, functions, .. } =
        measure(shared, &mut |plan, source, now| Ok(by_rows(plan, source, now)));
    let mut text = "\n| cases | all | as expected |\n|---|--:|--:|\n".to_owned();
    let line = |name: &str, all: usize, right: usize| format!("| {name} | {all} | {right} |\n");
    text.push_str(&line("that use only what Elastic's rules use", all.core, all.core_right));
    text.push_str(&line("others", all.extra, all.extra_right));
    text.push_str("\n| command, function or aggregate | cases | as expected |\n|---|--:|--:|\n");
    let known = watchfire_pipeline::functions::all().map(|function| function.name);
    let known = known.chain(watchfire_pipeline::functions::FORMS).chain(Aggregation::NAMES);
    let known: BTreeMap<String, Count> = known.map(|name| (name.to_lowercase(), Count::default())).collect();
    for counts in [commands, known.into_iter().chain(functions).collect()] {
        for (name, count) in counts {
            let name = format!("`{}`", name.to_uppercase());
            text.push_str(&line(&name, count.core + count.extra, count.core_right + count.extra_right));
        }
    }
    text.push('\n');
    text
}

/// The figures in the text of `docs/esql.md`, with what stands before and behind them.
pub fn figures_of_esql_page(page: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = page.split_once(FIGURES[0])?;
    let (figures, _) = rest.split_once(FIGURES[1])?;
    let start = before.len() + FIGURES[0].len();
    Some((&page[..start], figures, &page[start + figures.len()..]))
}

fn read_table(folder: &Path, name: &str) -> Indexed {
    let mapping: Json = serde_json::from_str(&read_text(&folder.join(format!("tables/{name}.mapping.json"))))
        .expect("a mapping");
    let listed = mapping["columns"].as_object().expect("columns");
    let mut columns: Vec<SourceColumn> = listed
        .iter()
        .map(|(name, column)| {
            let data_type = column["type"].as_str().and_then(DataType::of_cast).expect("a type");
            SourceColumn::new(name.as_str(), data_type)
        })
        .collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let properties: serde_json::Map<String, Json> =
        listed.iter().map(|(name, column)| (name.clone(), json!({ "type": column["mapped_as"] }))).collect();
    let rows = read_text(&folder.join(format!("tables/{name}.ndjson")));
    let row = |line| (name.to_owned(), serde_json::from_str(line).expect("a row"));
    Indexed { columns, rows: rows.lines().map(row).collect(), mapping: mapping_of(&properties), properties }
}

fn mapping_of(properties: &serde_json::Map<String, Json>) -> Mapping {
    Mapping::parse(&json!({ "properties": properties }).to_string()).expect("a mapping")
}

/// All rows of several tables, whose columns of one name have one type.
fn joined(names: &[String], tables: &BTreeMap<String, Indexed>) -> Indexed {
    let mut columns: BTreeMap<_, SourceColumn> = BTreeMap::new();
    let (mut rows, mut properties) = (Vec::new(), serde_json::Map::new());
    for table in names.iter().map(|name| &tables[name]) {
        columns.extend(table.columns.iter().map(|column| (column.name.clone(), column.clone())));
        rows.extend(table.rows.iter().cloned());
        properties.extend(table.properties.clone());
    }
    let mapping = mapping_of(&properties);
    Indexed { columns: columns.into_values().collect(), rows, properties, mapping }
}

/// Whether a case gives what it should; else what is otherwise.
fn run(case: &Case, tables: &BTreeMap<String, Indexed>, run_plan: &mut RunPlan<'_>) -> Result<(), String> {
    let parsed = watchfire_esql::parse(&case.query);
    let query = parsed.query.filter(|_| no_errors(&parsed.diagnostics)).ok_or_else(|| {
        let problem = parsed.diagnostics.first().map(|problem| problem.message.clone());
        format!("is not read: {}", problem.unwrap_or_default())
    })?;
    let table = &joined(&case.tables, tables);
    let now = Timestamp::parse(NOW).expect("an instant");
    let resolved = resolve(&query, table);
    let Some(plan) = resolved.plan else {
        let messages: Vec<&str> =
            resolved.diagnostics.iter().map(|problem| problem.message.as_str()).collect();
        return Err(format!("is refused: {}", messages.join("; ")));
    };
    let source = source_rows(&plan, table, now)?;
    let (rows, warnings) = run_plan(&plan, &source, now.millis())?;
    compare(case, &plan, &rows, &warnings)
}

fn no_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().all(|problem| problem.severity != Severity::Error)
}

/// The rows that a plan reads of a table.
fn source_rows(plan: &Plan, table: &Indexed, now: Timestamp) -> Result<Vec<Row>, String> {
    let mut rows = Vec::with_capacity(table.rows.len());
    let mut tests = Vec::new();
    for test in &plan.document_tests {
        let parsed = watchfire_kql::parse(&test.kql);
        let query = parsed.query.ok_or("`KQL` is not read")?;
        let options = KqlOptions { now: Some(now), default_fields: Vec::new() };
        let lowered = lower_kql(&query, &table.mapping, &options);
        if !no_errors(&lowered.diagnostics) {
            return Err("`KQL` is refused".to_owned());
        }
        tests.push(lowered.condition);
    }
    for (number, (name, document)) in table.rows.iter().enumerate() {
        let mut row = vec![Cell::Null; plan.slots];
        for read in &plan.reads {
            row[read.slot] = match &*read.name {
                "_index" => watchfire_pipeline::Value::text(name.as_str()).into(),
                "_id" => watchfire_pipeline::Value::text(number.to_string()).into(),
                "_version" => watchfire_pipeline::Value::Long(1).into(),
                field => {
                    let values = match document.get(field) {
                        Some(Json::Array(values)) => values.iter().collect(),
                        Some(value) => vec![value],
                        None => Vec::new(),
                    };
                    documents::cell(values, read.data_type)
                }
            };
        }
        if !tests.is_empty() {
            let event = Event {
                id: EventId::given("case"),
                data_stream: DataStream::logs("case", "default"),
                document: document.clone(),
                place: Place { input: "case".into(), record: 1, line: None, offset: None },
            };
            let batch = fired::batch(&[event], &table.mapping);
            for (test, condition) in plan.document_tests.iter().zip(&tests) {
                let holds = reference::evaluate(condition, &batch, 0, &table.mapping, &mut Vec::new());
                row[test.slot] = Cell::truth(holds);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn compare(case: &Case, plan: &Plan, rows: &[Vec<Cell>], warnings: &Warnings) -> Result<(), String> {
    let columns: Vec<(&str, &str)> =
        plan.output.iter().map(|column| (&*column.name, column.data_type.name())).collect();
    let names_fit = columns.len() == case.expected_columns.len()
        && columns.iter().zip(&case.expected_columns).all(|((name, data_type), expected)| {
            *name == expected.name && as_text(data_type) == as_text(&expected.data_type)
        });
    if !names_fit {
        let expected: Vec<(&str, &str)> = case
            .expected_columns
            .iter()
            .map(|column| (column.name.as_str(), column.data_type.as_str()))
            .collect();
        return Err(format!("has the columns {columns:?}, expected {expected:?}"));
    }
    let mut rows: Vec<Vec<Json>> = rows.iter().map(|row| row.iter().map(Cell::to_json).collect()).collect();
    let mut expected = case.expected_rows.clone();
    // Where rows have equal keys, their order is left open.
    let has_ties = case.note.as_deref().is_some_and(|note| note.contains("either order"));
    if !(case.ordered && case.has_sort) || has_ties {
        let key = |row: &Vec<Json>| row.iter().map(sort_text).collect::<Vec<_>>();
        rows.sort_by_key(key);
        expected.sort_by_key(key);
    }
    if rows.len() != expected.len() {
        return Err(format!("gives {} rows, expected {}", rows.len(), expected.len()));
    }
    for (number, (row, expected)) in rows.iter().zip(&expected).enumerate() {
        if !row.iter().zip(expected).all(|(a, b)| alike(a, b)) {
            let (row, expected) = (Json::from(row.clone()), Json::from(expected.clone()));
            return Err(format!("gives in row {number} {row}, expected {expected}"));
        }
    }
    if !case.warnings.is_empty() {
        let expected = case.warnings.iter().filter(|warning| warning.contains("evaluation of [")).count();
        let mut spans: Vec<_> = warnings.list().map(|warning| warning.span).collect();
        spans.dedup();
        if spans.len() != expected {
            return Err(format!("warns of {} expressions, expected {expected}", spans.len()));
        }
    }
    Ok(())
}

fn as_text(data_type: &str) -> &str {
    if data_type == "text" { "keyword" } else { data_type }
}

fn sort_text(value: &Json) -> String {
    match value {
        // Numbers that differ less than the tolerance must not change the order.
        Json::Number(number) => format!("{:.6}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

fn alike(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) if x.is_f64() || y.is_f64() => {
            let (x, y) = (x.as_f64().unwrap_or_default(), y.as_f64().unwrap_or_default());
            (x - y).abs() <= TOLERANCE * x.abs().max(y.abs())
        }
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(a, b)| alike(a, b)),
        (Json::String(x), Json::String(y)) => {
            x == y || x.replace("POINT(", "POINT (") == y.replace("POINT(", "POINT (")
        }
        _ => a == b,
    }
}
