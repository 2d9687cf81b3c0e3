//! What an indicator match rule asks of events, of indicators, and of both together.

use std::sync::Arc;

use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, FieldLeaf, FieldRef, FieldTarget, Leaf, Node, Predicate, Resolution, Schema};
use watchfire_rules::model::ThreatMatchRule;

use super::key::ignores_case;
use crate::correlation::Correlation;

/// What an indicator match rule asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct IndicatorMatch {
    /// What an event must be, so that it is worth a look at the indicators: that of the query and the filters, and it
    /// has the fields of a group.
    pub events: Condition,
    /// What an indicator must be.
    pub indicators: Condition,
    /// The data streams that indicators are in.
    pub patterns: IndexPatterns,
    /// Where an indicator's document has the indicator.
    pub path: Arc<str>,
    /// A match is one of these groups of which all entries hold.
    pub groups: Vec<Vec<MappingEntry>>,
    /// What takes the events that match, where they are suppressed or executed by a schedule; without it each alerts.
    pub joined: Option<Correlation>,
}

/// A field of the event and a field of the indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingEntry {
    /// The event's field.
    pub event_field: Arc<str>,
    /// The indicator's field.
    pub indicator_field: Arc<str>,
    /// Whether no value of the one may be a value of the other, instead of one having to.
    pub negate: bool,
    /// Whether values are equal whatever their case.
    pub ignore_case: bool,
}

/// The meaning of a rule of which the conditions are known. An error is what a group lacks.
pub(crate) fn compile(
    rule: &ThreatMatchRule,
    events: Condition,
    indicators: Condition,
    schema: &dyn Schema,
) -> Result<IndicatorMatch, String> {
    let mut groups = Vec::new();
    let (mut some_of_events, mut some_of_indicators) = (Vec::new(), Vec::new());
    for (number, mapping) in rule.threat_mapping.iter().enumerate() {
        let mut group = Vec::new();
        for entry in &mapping.entries {
            group.push(MappingEntry {
                event_field: column(&entry.field, schema),
                indicator_field: column(&entry.value, schema),
                negate: entry.negate.unwrap_or(false),
                ignore_case: ignores_case(&entry.field) || ignores_case(&entry.value),
            });
        }
        if group.iter().all(|entry| entry.negate) {
            return Err(format!("group {} of `threat_mapping` has no entry without `negate`", number + 1));
        }
        let wanted = || group.iter().filter(|entry| !entry.negate);
        some_of_events.push(Condition::all(wanted().map(|entry| exists(&entry.event_field, schema))));
        some_of_indicators.push(Condition::all(wanted().map(|entry| exists(&entry.indicator_field, schema))));
        groups.push(group);
    }
    if groups.is_empty() {
        return Err("`threat_mapping` has no group".to_owned());
    }
    Ok(IndicatorMatch {
        events: Condition::all([events, Condition::any(some_of_events)]),
        indicators: Condition::all([indicators, Condition::any(some_of_indicators)]),
        patterns: IndexPatterns::new(rule.threat_index.iter().map(String::as_str)),
        path: rule.indicator_path().into(),
        groups,
        joined: None,
    })
}

/// The column that has the values of a field; of a sub-field, that of its parent.
fn column(name: &str, schema: &dyn Schema) -> Arc<str> {
    match schema.resolve(name) {
        Resolution::Field(field) => field.name,
        _ => name.into(),
    }
}

fn exists(name: &Arc<str>, schema: &dyn Schema) -> Condition {
    let field = FieldRef { name: Arc::clone(name), field_type: schema.field_type(name) };
    Condition::leaf(FieldLeaf::new(field, Predicate::Exists))
}

impl IndicatorMatch {
    /// Whether what is asked of indicators takes note of the value of a field, and not only of its being there.
    pub(super) fn asks_for_value_of(&self, field: &str) -> bool {
        fn asks(condition: &Condition, field: &str) -> bool {
            match condition.node() {
                Node::Constant(_) => false,
                Node::Not(inner) => asks(inner, field),
                Node::And(operands) | Node::Or(operands) => {
                    operands.iter().any(|operand| asks(operand, field))
                }
                Node::Leaf(Leaf::Field(leaf)) => {
                    leaf.predicate != Predicate::Exists
                        && match &leaf.target {
                            FieldTarget::Field(of) => &*of.name == field,
                            FieldTarget::Names(pattern) => pattern.fits(field),
                            FieldTarget::Below(name) => field.starts_with(&**name),
                        }
                }
                Node::Leaf(Leaf::Computed(leaf)) => leaf.fields().iter().any(|of| &*of.name == field),
                Node::Leaf(Leaf::Nested(_) | Leaf::AnyField(_)) => true,
            }
        }
        asks(&self.indicators, field)
    }
}
