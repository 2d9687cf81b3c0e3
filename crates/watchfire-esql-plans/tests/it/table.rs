//! Queries over documents, on both ways.

use serde_json::{Map, Value as Json};
use tokio::runtime::Runtime;
use watchfire_esql_plans::memory::{Layout, answer};
use watchfire_pipeline::plan::{Plan, Step};
use watchfire_pipeline::{Cell, DataType, Row, Run, Source, SourceColumn, Warnings, documents, resolve};

/// What `NOW()` gives: 2026-03-02T12:00:00Z.
const NOW: i64 = 1_772_452_800_000;

/// The columns of the table: each with its name and type.
pub(crate) struct Table(pub(crate) Vec<(&'static str, DataType)>);

impl Source for Table {
    fn listed(&self, prefix: &str) -> Vec<SourceColumn> {
        let columns = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        columns.map(|(name, data_type)| SourceColumn::new(*name, *data_type)).collect()
    }

    fn column(&self, name: &str) -> Option<SourceColumn> {
        let column = self.0.iter().find(|(column, _)| *column == name);
        column.map(|(name, data_type)| SourceColumn::new(*name, *data_type))
    }

    fn known(&self, _: &str) -> Option<DataType> {
        None
    }

    fn may_have(&self, _: &str) -> bool {
        false
    }
}

/// The plan of a query.
pub(crate) fn plan(text: &str, table: &Table) -> Plan {
    let parsed = watchfire_esql::parse(text);
    let query = parsed.query.filter(|_| parsed.diagnostics.is_empty());
    let query = query.unwrap_or_else(|| panic!("{text}: {:?}", parsed.diagnostics));
    let resolved = resolve(&query, table);
    resolved.plan.unwrap_or_else(|| panic!("{text}: {:?}", resolved.diagnostics))
}

/// What a plan reads of documents, whose fields stand under their whole names.
fn source(plan: &Plan, documents: &[Json]) -> Vec<Row> {
    let row = |document: &Json| {
        let mut row = vec![Cell::Null; plan.slots];
        for read in &plan.reads {
            let values = match &document[&*read.name] {
                Json::Array(values) => values.iter().collect(),
                value => vec![value],
            };
            row[read.slot] = documents::cell(values, read.data_type);
        }
        row
    };
    documents.iter().map(row).collect()
}

/// The rows, each an object of the columns that have a value.
pub(crate) fn objects(plan: &Plan, rows: Vec<Vec<Cell>>) -> Vec<Json> {
    let object = |row: Vec<Cell>| {
        let cells = plan.output.iter().zip(row).filter(|(_, cell)| !cell.is_null());
        let cells = cells.map(|(column, cell)| (column.name.to_string(), cell.to_json()));
        Json::Object(cells.collect::<Map<_, _>>())
    };
    rows.into_iter().map(object).collect()
}

/// What both ways give: the rows, and what could not be computed where that is comparable.
pub(crate) fn both(
    plan: &Plan,
    documents: &[Json],
    layout: Layout,
    runtime: &Runtime,
) -> [(Vec<Vec<Cell>>, Option<Warnings>); 2] {
    let source = source(plan, documents);
    let mut run = Run::new(plan, NOW);
    for row in &source {
        if run.push(row.clone()).is_break() {
            break;
        }
    }
    let by_rows = run.finish();
    let planned = runtime.block_on(answer(plan, &source, NOW, layout)).expect("it runs");
    // Of the rows behind a limit, some may have been looked at.
    let has_limit = plan.steps.iter().any(|step| matches!(step, Step::Limit(_)));
    let told = |warnings| (!has_limit).then_some(warnings);
    [(planned.0, told(planned.1)), (by_rows.rows, told(by_rows.warnings))]
}
