//! A rule set as an operator: batches of events in, hits out.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::arrow::compute::take;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use watchfire_engine::Matches;

use super::events::{NeededColumns, RowEvents};
use super::scan_exec::{LakeScanExec, external};
use super::table::time_windows;
use super::{HitRules, MATCHER_CACHE_BYTES, QueryNotes, WAITING_BATCHES};
use crate::LakeSchema;
use crate::scan::{Needed, Selection};
use crate::shape::{ID, INDEX, SEQUENCE, TIMESTAMP, TableColumns};
use crate::stored::Failures;
use crate::table::Table;

/// The columns of a rule's own in a hit. Those of its event follow.
const RULE_COLUMNS: [(&str, DataType); 3] =
    [("rule_id", DataType::Utf8), ("rule_name", DataType::Utf8), ("stage", DataType::Int32)];

/// The columns of the event in a hit.
fn event_columns() -> [(&'static str, DataType); 4] {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    [(TIMESTAMP, instant), (INDEX, DataType::Utf8), (ID, DataType::Utf8), (SEQUENCE, DataType::Int64)]
}

/// The columns of a hit.
fn hit_schema() -> SchemaRef {
    let columns = RULE_COLUMNS.into_iter().chain(event_columns());
    Arc::new(Schema::new(columns.map(|(name, of)| Field::new(name, of, true)).collect::<Vec<_>>()))
}

/// What rules hit in the tables of a lake, as a table.
#[derive(Debug)]
pub(crate) struct RuleHits {
    tables: Vec<Arc<Table>>,
    rules: Arc<HitRules>,
    types: Arc<dyn LakeSchema>,
    notes: QueryNotes,
    schema: SchemaRef,
}

impl RuleHits {
    pub(crate) fn new(
        tables: &[Arc<Table>],
        rules: Arc<HitRules>,
        types: Arc<dyn LakeSchema>,
        notes: QueryNotes,
    ) -> Self {
        Self { tables: tables.to_vec(), rules, types, notes, schema: hit_schema() }
    }

    /// The hits of a table; `None` if no rule is asked of its stream.
    fn hits_of(&self, table: &Arc<Table>, filters: &[Expr], threads: usize) -> Option<RuleSetExec> {
        let stream = table.stream();
        let conditions = || self.rules.of_stream(stream).map(|rule| &rule.condition);
        conditions().next()?;
        let columns = NeededColumns::new(stream, self.rules.fields(stream), conditions());
        let selection = Selection {
            within: time_windows(filters),
            needed: Needed::by_any(conditions()),
            ..Selection::default()
        };
        let scan = LakeScanExec::new(
            Arc::clone(table),
            Arc::clone(&self.types),
            selection,
            read_schema(&table.columns(), &columns),
            threads,
        );
        let events = RowEvents { stream: stream.clone(), schema: Arc::clone(&self.types) };
        Some(RuleSetExec::new(Arc::new(scan), Arc::clone(&self.rules), events, self.notes.clone()))
    }
}

/// The columns of a table that are read for its hits.
fn read_schema(columns: &TableColumns, needed: &NeededColumns) -> SchemaRef {
    let of_event = event_columns();
    let shown = |name: &str| of_event.iter().any(|(column, _)| *column == name);
    let read = columns.iter().filter(|(name, _)| needed.includes(name) || shown(name));
    Arc::new(Schema::new(
        read.map(|(name, shape)| Field::new(name, shape.to_arrow(), true)).collect::<Vec<_>>(),
    ))
}

#[async_trait]
impl TableProvider for RuleHits {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = session.config().target_partitions();
        let hits = |table| Some(Arc::new(self.hits_of(table, filters, threads)?) as Arc<dyn ExecutionPlan>);
        let of_tables: Vec<Arc<dyn ExecutionPlan>> = self.tables.iter().filter_map(hits).collect();
        let all: Arc<dyn ExecutionPlan> = if of_tables.is_empty() {
            Arc::new(EmptyExec::new(self.schema()))
        } else {
            UnionExec::try_new(of_tables)?
        };
        let Some(projection) = projection else { return Ok(all) };
        let column = |&at: &usize| {
            let name = self.schema.field(at).name();
            (Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>, name.clone())
        };
        Ok(Arc::new(ProjectionExec::try_new(projection.iter().map(column), all)?))
    }
}

/// Matches a rule set against the events of its input. Its rows are the hits, in the order of their events, and of rules
/// within a batch.
#[derive(Debug)]
struct RuleSetExec {
    input: Arc<dyn ExecutionPlan>,
    rules: Arc<HitRules>,
    events: RowEvents,
    notes: QueryNotes,
    properties: Arc<PlanProperties>,
}

impl RuleSetExec {
    fn new(
        input: Arc<dyn ExecutionPlan>,
        rules: Arc<HitRules>,
        events: RowEvents,
        notes: QueryNotes,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(hit_schema()),
            input.properties().output_partitioning().clone(),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, rules, events, notes, properties: Arc::new(properties) }
    }
}

impl DisplayAs for RuleSetExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleSetExec: conditions={}", self.rules.of_stream(&self.events.stream).count())
    }
}

impl ExecutionPlan for RuleSetExec {
    fn name(&self) -> &'static str {
        "RuleSetExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// A matcher a partition is as many as there is use for: splitting batches would only make more of them.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a rule set has one input".to_owned()))?;
        Ok(Arc::new(Self::new(input, Arc::clone(&self.rules), self.events.clone(), self.notes.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut input = self.input.execute(partition, context)?;
        let mut builder = RecordBatchReceiverStream::builder(hit_schema(), WAITING_BATCHES);
        let sender = builder.tx();
        let (rules, events, notes) = (Arc::clone(&self.rules), self.events.clone(), self.notes.clone());
        builder.spawn(async move {
            let mut matcher = rules.set.matcher(MATCHER_CACHE_BYTES);
            while let Some(batch) = input.next().await {
                let batch = batch?;
                let failures = Arc::new(Failures::default());
                let hits = {
                    let schema = batch.schema();
                    let names = schema.fields().iter().map(|field| field.name().as_str());
                    let read = events.batch(names.zip(batch.columns()), batch.num_rows(), &failures)?;
                    let matches = matcher.match_batch(&read, &*events.schema);
                    if let Some(error) = failures.take() {
                        return Err(external(error));
                    }
                    for error in &matches.errors {
                        let rule = &rules.rules[error.rule.0 as usize];
                        notes.add(format!(
                            "rule `{}` could not be evaluated on some events, and counts as not satisfied: {}",
                            rule.name, error.error
                        ));
                    }
                    hit_rows(&batch, &matches, &rules)?
                };
                if hits.num_rows() > 0 && sender.send(Ok(hits)).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Ok(builder.build())
    }
}

/// The hits of a batch as rows.
fn hit_rows(batch: &RecordBatch, matches: &Matches, rules: &HitRules) -> Result<RecordBatch> {
    let mut hits = matches.hits.clone();
    hits.sort_unstable_by_key(|hit| (hit.row, hit.rule));
    let rows = UInt32Array::from_iter_values(hits.iter().map(|hit| hit.row));
    let of = |at: usize| &rules.rules[hits[at].rule.0 as usize];
    let all = 0..hits.len();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(all.clone().map(|at| &of(at).rule_id))),
        Arc::new(StringArray::from_iter_values(all.clone().map(|at| &of(at).name))),
        Arc::new(
            all.map(|at| of(at).stage.and_then(|stage| i32::try_from(stage).ok())).collect::<Int32Array>(),
        ),
    ];
    for (name, _) in event_columns() {
        let column = batch
            .column_by_name(name)
            .ok_or_else(|| DataFusionError::Internal(format!("the events of a rule set have no `{name}`")))?;
        columns.push(take(column, &rows, None)?);
    }
    Ok(RecordBatch::try_new(hit_schema(), columns)?)
}
