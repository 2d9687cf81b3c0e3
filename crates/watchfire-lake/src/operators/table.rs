//! A table of the lake in a query.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use watchfire_events::Timestamp;

use super::condition::ConditionFunction;
use super::scan_exec::LakeScanExec;
use crate::LakeSchema;
use crate::scan::{Needed, Selection, TimeField, Window};
use crate::shape::{INGESTED, TIMESTAMP};
use crate::table::Table;

/// A table that is read by the library of tables, or, where conditions are asked of its rows, by the lake's own scan: that one
/// passes over what cannot satisfy them.
#[derive(Debug)]
pub(crate) struct LakeTable {
    table: Arc<Table>,
    types: Arc<dyn LakeSchema>,
    library: Arc<dyn TableProvider>,
}

impl LakeTable {
    pub(crate) fn new(
        table: Arc<Table>,
        types: Arc<dyn LakeSchema>,
        library: Arc<dyn TableProvider>,
    ) -> Self {
        Self { table, types, library }
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.library.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// All are asked again of the rows that come: which way they are read is decided when it is known what is asked of them.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let conditions: Vec<_> = filters.iter().filter_map(ConditionFunction::condition_of).collect();
        if conditions.is_empty() {
            return self.library.scan(session, projection, filters, limit).await;
        }
        let selection = Selection {
            within: time_windows(filters),
            needed: Needed::by_all(conditions),
            ..Selection::default()
        };
        Ok(Arc::new(LakeScanExec::new(
            Arc::clone(&self.table),
            Arc::clone(&self.types),
            selection,
            projected(&self.schema(), projection)?,
            session.config().target_partitions(),
        )))
    }
}

/// The columns that a projection takes.
pub(super) fn projected(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<SchemaRef> {
    let project = |columns: &Vec<usize>| Ok(Arc::new(Schema::project(schema, columns)?));
    projection.map_or_else(|| Ok(Arc::clone(schema)), project)
}

/// The spans of time within which filters want events. A bound that is left out counts as in, since filters are asked again.
pub(super) fn time_windows(filters: &[Expr]) -> Vec<Window> {
    filters.iter().filter_map(time_window).collect()
}

fn time_window(filter: &Expr) -> Option<Window> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
    let (column, op, value) = match (&**left, &**right) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
        (Expr::Literal(value, _), Expr::Column(column)) => (column, op.swap()?, value),
        _ => return None,
    };
    let by = match column.name.as_str() {
        TIMESTAMP => TimeField::Timestamp,
        INGESTED => TimeField::Ingested,
        _ => return None,
    };
    let at = instant(value)?;
    let (least, greatest) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
    let (from, to) = match op {
        Operator::Eq => (at, at),
        Operator::Gt | Operator::GtEq => (at, greatest),
        Operator::Lt | Operator::LtEq => (least, at),
        _ => return None,
    };
    Some(Window { by, from, to })
}

fn instant(value: &ScalarValue) -> Option<Timestamp> {
    let nanos = match value {
        ScalarValue::TimestampSecond(Some(at), _) => i128::from(*at) * 1_000_000_000,
        ScalarValue::TimestampMillisecond(Some(at), _) => i128::from(*at) * 1_000_000,
        ScalarValue::TimestampMicrosecond(Some(at), _) => i128::from(*at) * 1_000,
        ScalarValue::TimestampNanosecond(Some(at), _) => i128::from(*at),
        _ => return None,
    };
    Some(Timestamp::from_nanos(nanos))
}
