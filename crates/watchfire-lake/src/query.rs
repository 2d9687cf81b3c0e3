//! SQL over the tables.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use deltalake_core::delta_datafusion::DeltaScanNext;

use crate::LakeError;
use crate::operators::{
    LakeTable, LanguageFunction, QueryConditions, QueryNotes, RULE_HITS, ReadTexts, RuleHits,
};
use crate::table::Table;

/// Limits of a query.
#[derive(Clone, Copy, Debug)]
pub struct QueryOptions {
    /// Memory that sorts, joins and aggregations may use before they go to disk or fail.
    pub memory_bytes: usize,
    /// Threads.
    pub threads: usize,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, threads: 2 }
    }
}

/// The rows that a query found.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// Their columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// What its conditions could not be asked, in order of the text.
    pub notes: Vec<String>,
}

impl QueryResult {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The rows as a table of text.
    pub fn to_table(&self) -> Result<String, LakeError> {
        let error = |error| LakeError::from(datafusion::error::DataFusionError::from(error));
        if self.batches.is_empty() {
            let empty = RecordBatch::new_empty(Arc::clone(&self.schema));
            return Ok(datafusion::arrow::util::pretty::pretty_format_batches(&[empty])
                .map_err(error)?
                .to_string());
        }
        Ok(datafusion::arrow::util::pretty::pretty_format_batches(&self.batches).map_err(error)?.to_string())
    }
}

/// Runs a query over tables that are named by their streams.
pub(crate) async fn run(
    tables: &[Arc<Table>],
    sql: &str,
    options: QueryOptions,
    conditions: Option<&QueryConditions>,
) -> Result<QueryResult, LakeError> {
    let context = session(options)?;
    let notes = QueryNotes::default();
    if let Some(conditions) = conditions {
        for (name, reader) in &conditions.languages {
            context.register_udf(ScalarUDF::from(LanguageFunction::new(name, Arc::clone(reader))));
        }
        let schema = Arc::clone(&conditions.schema);
        context.add_analyzer_rule(Arc::new(ReadTexts::new(Arc::clone(&schema), notes.clone())));
        if let Some(rules) = &conditions.rules {
            let hits = RuleHits::new(tables, Arc::clone(rules), schema, notes.clone());
            context.register_table(TableReference::bare(RULE_HITS), Arc::new(hits))?;
        }
    }
    for table in tables {
        let library = DeltaScanNext::builder()
            .with_log_store(Arc::clone(table.log()))
            .with_eager_snapshot(table.snapshot().clone())
            .build()
            .await?;
        let mut provider: Arc<dyn TableProvider> = Arc::new(library);
        if let Some(conditions) = conditions {
            provider = Arc::new(LakeTable::new(Arc::clone(table), Arc::clone(&conditions.schema), provider));
        }
        context.register_table(TableReference::bare(table.stream().as_str()), provider)?;
    }
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = context.sql_with_options(sql, read_only).await?;
    let schema = Arc::clone(frame.schema().inner());
    let batches = frame.collect().await?;
    Ok(QueryResult { schema, batches, notes: notes.take() })
}

fn session(options: QueryOptions) -> Result<SessionContext, LakeError> {
    let (mut config, runtime) = limits(options)?;
    config.options_mut().execution.parquet.pushdown_filters = true;
    config.options_mut().execution.parquet.reorder_filters = true;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// What keeps a query within its limits.
pub(crate) fn limits(options: QueryOptions) -> Result<(SessionConfig, Arc<RuntimeEnv>), LakeError> {
    let mut config = SessionConfig::new().with_target_partitions(options.threads.max(1));
    // Each thread keeps this much back for merging what it has put on disk; by default more than little memory has.
    let kept_back = &mut config.options_mut().execution.sort_spill_reservation_bytes;
    *kept_back = (*kept_back).min(options.memory_bytes / 16);
    let pool = Arc::new(FairSpillPool::new(options.memory_bytes));
    Ok((config, RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?))
}
