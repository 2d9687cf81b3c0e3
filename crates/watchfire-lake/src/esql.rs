//! ES|QL over the tables.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use futures::StreamExt;
use watchfire_engine::correlate::OrderFields;
use watchfire_esql_events::EsqlProgram;
use watchfire_esql_plans::{Evaluation, PlanError, can_plan, logical_plan, rows, session};
use watchfire_events::{DataStream, Timestamp};
use watchfire_pipeline::{Cell, Warnings};

use crate::operators::{ProgramReading, ProgramRows};
use crate::query::limits;
use crate::scan::{Considered, Window};
use crate::{LakeError, LakeReader, LakeSchema, QueryOptions};

/// A program of ES|QL, and over what it runs.
#[derive(Debug)]
pub struct EsqlQuery<'q> {
    /// The program: one that [can run](Self::can_run).
    pub program: &'q EsqlProgram,
    /// The types of fields that it was made with.
    pub schema: Arc<dyn LakeSchema>,
    /// What `NOW()` gives.
    pub now: Timestamp,
    /// The order of events.
    pub order: OrderFields,
    /// When events happened or arrived; without it, at any time.
    pub window: Option<Window>,
    /// Limits.
    pub options: QueryOptions,
}

impl EsqlQuery<'_> {
    /// Whether a program runs so: it reads events, and has a [logical plan](can_plan).
    pub fn can_run(program: &EsqlProgram) -> bool {
        !program.plan().is_row && can_plan(program.plan())
    }
}

/// What was found out beside the rows.
#[derive(Clone, Debug, Default)]
pub struct EsqlNotes {
    /// What could not be computed.
    pub warnings: Warnings,
    /// The events that were asked for, by data stream, with the fields that they have of those by which events are chosen.
    pub considered: BTreeMap<DataStream, Considered>,
    /// By field, values that are none of its type.
    pub misfits: BTreeMap<String, u64>,
    /// Why events could not be chosen, and how often: these count as not chosen.
    pub errors: BTreeMap<String, u64>,
}

impl LakeReader {
    /// Runs a program on as many threads as the options say, and gives its rows in their order, as long as they are wanted.
    /// They are those, in that order, that the program makes of the events row by row.
    ///
    /// # Errors
    /// If files cannot be read, or memory does not suffice for what cannot go to disk.
    pub fn esql(
        &self,
        query: &EsqlQuery<'_>,
        wants: &mut dyn FnMut(Vec<Cell>) -> ControlFlow<()>,
    ) -> Result<EsqlNotes, LakeError> {
        let tables = self.tables(query.program.patterns())?;
        let (schema, order) = (Arc::clone(&query.schema), query.order.clone());
        let reading = Arc::new(ProgramReading::new(query.program, schema, order, query.window));
        let evaluation = Evaluation::new(query.now.millis());
        let (config, runtime) = limits(query.options)?;
        let context = session(config, runtime);
        let provider = provider_as_source(Arc::new(ProgramRows::new(&tables, &reading)));
        let input = LogicalPlanBuilder::scan("events", provider, None)?.build()?;
        let plan = logical_plan(query.program.plan(), &input, &evaluation).map_err(|error| match error {
            PlanError::DataFusion(error) => LakeError::from(*error),
            refused @ PlanError::TooManyInlineStats => {
                LakeError::from(datafusion::error::DataFusionError::External(Box::new(refused)))
            }
        })?;
        let mut stream = self.runtime().run(async {
            let frame = context.execute_logical_plan(plan).await?;
            frame.execute_stream().await
        })?;
        'all: while let Some(batch) = self.runtime().run(stream.next()) {
            for row in rows(&batch?)? {
                if wants(row).is_break() {
                    break 'all;
                }
            }
        }
        let mut notes = reading.notes().lock().unwrap_or_else(PoisonError::into_inner);
        let notes = std::mem::take(&mut *notes);
        Ok(EsqlNotes {
            warnings: evaluation.warnings(),
            considered: notes.considered,
            misfits: notes.misfits,
            errors: notes.errors,
        })
    }
}
