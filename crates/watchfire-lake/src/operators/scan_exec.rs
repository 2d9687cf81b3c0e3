//! Reading a table of the lake, as an operator: by the same scan that feeds hunts and executions.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{FieldRef, SchemaRef};
use datafusion::arrow::compute::cast;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

use watchfire_events::DataStream;

use super::WAITING_BATCHES;
use crate::scan::{Considered, Records, ScanCounts, ScanFiles, Selection};
use crate::shape::ARRIVAL_DATE;
use crate::table::Table;
use crate::{LakeError, LakeSchema};

/// Who is told which rows of a data stream were asked for.
pub(super) type OnConsidered = dyn Fn(&DataStream, &Considered) + Send + Sync;

/// Reads those rows of a table that a selection asks for, less those that lack what it needs.
pub(super) struct LakeScanExec {
    table: Arc<Table>,
    types: Arc<dyn LakeSchema>,
    selection: Selection,
    /// The columns that it gives.
    columns: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    on_considered: Option<Arc<OnConsidered>>,
}

impl fmt::Debug for LakeScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Default, f)
    }
}

impl LakeScanExec {
    pub(super) fn new(
        table: Arc<Table>,
        types: Arc<dyn LakeSchema>,
        selection: Selection,
        columns: SchemaRef,
        threads: usize,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&columns)),
            Partitioning::UnknownPartitioning(table.files().len().clamp(1, threads.max(1))),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            table,
            types,
            selection,
            columns,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            on_considered: None,
        }
    }

    /// The same, but someone is told at the end which rows were asked for.
    pub(super) fn considering(self, told: Arc<OnConsidered>) -> Self {
        Self { on_considered: Some(told), ..self }
    }

    fn partitions(&self) -> usize {
        self.properties.output_partitioning().partition_count()
    }
}

impl DisplayAs for LakeScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LakeScanExec: table={}, columns={}, windows={}, needed={}",
            self.table.stream(),
            self.columns.fields().len(),
            self.selection.within.len(),
            if self.selection.needed.is_anything() { "anything" } else { "by conditions" }
        )
    }
}

impl ExecutionPlan for LakeScanExec {
    fn name(&self) -> &'static str {
        "LakeScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let files = ScanFiles::share(&self.table, self.selection.clone(), partition, self.partitions());
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.columns), WAITING_BATCHES);
        let (sender, types, columns) = (builder.tx(), Arc::clone(&self.types), Arc::clone(&self.columns));
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let (files_passed_over, groups_passed_over, rows_passed_over) =
            (count("files_passed_over"), count("row_groups_passed_over"), count("rows_passed_over"));
        let given = MetricBuilder::new(&self.metrics).output_rows(partition);
        let on_considered = self.on_considered.clone();
        builder.spawn_blocking(move || {
            let mut scan = files.scan(&*types, None);
            let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
            while let Some(records) = scan.next_records(&names).map_err(external)? {
                for batch in &records.batches {
                    let batch = arranged(&columns, batch, &records)?;
                    given.add(batch.num_rows());
                    // Whoever reads has had enough.
                    if sender.blocking_send(Ok(batch)).is_err() {
                        return Ok(());
                    }
                }
            }
            for (stream, considered) in scan.considered() {
                if let Some(told) = &on_considered {
                    told(stream, considered);
                }
            }
            let counts: ScanCounts = scan.finish().map_err(external)?;
            files_passed_over.add(counts.files_passed_over as usize);
            groups_passed_over.add(counts.row_groups_passed_over as usize);
            rows_passed_over.add(counts.rows_without_need as usize);
            Ok(())
        });
        Ok(builder.build())
    }
}

pub(super) fn external(error: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A batch of a file with the columns of its table, in their order.
fn arranged(columns: &SchemaRef, batch: &RecordBatch, records: &Records) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let column = |field: &FieldRef| -> Result<ArrayRef> {
        match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => Ok(cast(column, field.data_type())?),
            None if field.name() == ARRIVAL_DATE => {
                let days = StringArray::from(vec![records.day.as_str(); rows]);
                Ok(cast(&days, field.data_type())?)
            }
            None => Ok(new_null_array(field.data_type(), rows)),
        }
    };
    let arrays = columns.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(columns), arrays, &options)?)
}
