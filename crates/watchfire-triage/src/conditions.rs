//! Filters as Kibana has them made into conditions, and what is read of the rows that satisfy them.

use serde_json::Value;
use watchfire_diagnostics::Severity;
use watchfire_engine::{RuleSet, RuleSetBuilder};
use watchfire_events::{EventBatch, IndexPatterns, Timestamp, ValueRef};
use watchfire_ir::{Condition, KqlOptions, Schema, lower_filters};

/// The condition that all of some filters hold.
///
/// # Errors
/// If one cannot be understood: why.
pub(crate) fn lowered(
    filters: Vec<Value>,
    schema: &dyn Schema,
    options: &KqlOptions,
) -> Result<Condition, String> {
    let (conditions, problems) = lower_filters(&Value::Array(filters), schema, options);
    match problems.iter().find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(Condition::all(conditions)),
    }
}

/// The condition of a clause of the query language; none holds of a value that its field cannot have.
pub(crate) fn clause(query: &Value, schema: &dyn Schema) -> Condition {
    let filter = serde_json::json!({ "query": query });
    lowered(vec![filter], schema, &KqlOptions::default()).unwrap_or_else(|_| Condition::constant(false))
}

/// Conditions that are asked of all events, each by its number.
pub(crate) fn rule_set<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> RuleSet {
    let mut set = RuleSetBuilder::new();
    for condition in conditions {
        set.add(IndexPatterns::default(), condition.clone());
    }
    set.build()
}

/// When the event of a row happened.
pub(crate) fn time_of_row(batch: &EventBatch, row: usize) -> Option<Timestamp> {
    let column = batch.column("@timestamp")?;
    column.codes(row).iter().find_map(|&code| match column.value(code) {
        ValueRef::Instant(at) => Some(at),
        _ => None,
    })
}
