//! Plans over rows that are at hand: for tests and measurements, which hold them against a [`Run`](watchfire_pipeline::Run).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionConfig;
use watchfire_pipeline::plan::Plan;
use watchfire_pipeline::{Cell, DataType, Row, Warnings};

use crate::{
    CellsBuilder, ColumnType, Evaluation, ORDER, PlanError, logical_plan, rows, session, slot_column,
};

/// How rows are laid out, and how many threads there are.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Parts that are read on their own.
    pub partitions: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
}

/// The rows of a query over these rows of its source, in their order, and what could not be computed.
///
/// # Errors
/// As [`logical_plan`] has them; anything else is a bug.
pub async fn answer(
    plan: &Plan,
    source: &[Row],
    now: i64,
    layout: Layout,
) -> std::result::Result<(Vec<Vec<Cell>>, Warnings), PlanError> {
    let evaluation = Evaluation::new(now);
    let planned = logical_plan(plan, &input(plan, source, layout)?, &evaluation)?;
    let config =
        SessionConfig::new().with_target_partitions(layout.partitions).with_batch_size(layout.batch_rows);
    let context = session(config, Arc::default());
    let batches = context.execute_logical_plan(planned).await?.collect().await?;
    let mut found = Vec::new();
    for batch in &batches {
        found.extend(rows(batch)?);
    }
    Ok((found, evaluation.warnings()))
}

/// The slots that a plan reads, with their types.
fn slots(plan: &Plan) -> Vec<(usize, DataType)> {
    let read = plan.reads.iter().map(|read| (read.slot, read.data_type));
    let asked = plan.document_tests.iter().map(|test| (test.slot, DataType::Boolean));
    read.chain(asked).collect()
}

fn input(plan: &Plan, source: &[Row], layout: Layout) -> Result<LogicalPlan> {
    if plan.is_row {
        return LogicalPlanBuilder::empty(true).build();
    }
    let slots = slots(plan);
    let columns =
        slots.iter().map(|(slot, of)| Field::new(slot_column(*slot), ColumnType::of(*of).list_type(), true));
    let order = Field::new(ORDER, Arrow::UInt64, false);
    let schema: SchemaRef = Arc::new(Schema::new(columns.chain([order]).collect::<Vec<_>>()));
    let mut partitions = vec![Vec::new(); layout.partitions.max(1)];
    for (number, first) in (0..source.len()).step_by(layout.batch_rows.max(1)).enumerate() {
        let rows = first..source.len().min(first + layout.batch_rows.max(1));
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (slot, of) in &slots {
            let mut cells = CellsBuilder::new(ColumnType::of(*of), rows.len());
            for row in &source[rows.clone()] {
                cells.push(&row[*slot])?;
            }
            arrays.push(cells.finish()?);
        }
        arrays.push(Arc::new(rows.clone().map(|row| Some(row as u64)).collect::<UInt64Array>()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
        let at = number % partitions.len();
        partitions[at].push(batch);
    }
    let table = MemTable::try_new(schema, partitions)?;
    LogicalPlanBuilder::scan("rows", provider_as_source(Arc::new(table)), None)?.build()
}
