//! What threshold and new-terms rules ask: which events count, and by the values of which fields.

use std::sync::Arc;

use watchfire_engine::RuleIndex;
use watchfire_engine::correlate::{NewTermsShape, OrderFields, StageExtractor, ThresholdShape, ValueField};
use watchfire_ir::{Condition, FieldLeaf, FieldRef, Predicate, Resolution, Schema};
use watchfire_rules::model::{DateMath, Threshold};

/// Enough events that share values (detection-engine §2.6).
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdPlan {
    /// What an event must satisfy to be counted.
    pub condition: Condition,
    /// The fields that group events.
    pub fields: Vec<FieldRef>,
    /// The field whose distinct values are counted.
    pub counted: Option<FieldRef>,
    /// What makes a bucket an alert.
    pub shape: ThresholdShape,
}

/// Combinations of values that were not there before (detection-engine §2.8).
#[derive(Clone, Debug, PartialEq)]
pub struct NewTermsPlan {
    /// What an event must satisfy to take part.
    pub condition: Condition,
    /// The fields of a combination.
    pub fields: Vec<FieldRef>,
    /// Which combinations are new.
    pub shape: NewTermsShape,
}

impl ThresholdPlan {
    /// The plan of a rule whose query and filters are this condition.
    pub fn new(condition: Condition, threshold: &Threshold, schema: &dyn Schema) -> Self {
        let fields: Vec<FieldRef> = threshold.field.iter().map(|name| field(name, schema)).collect();
        let cardinality = threshold.cardinality.as_deref().unwrap_or_default().first();
        let counted = cardinality.map(|cardinality| field(&cardinality.field, schema));
        let shape = ThresholdShape {
            groups: fields.len(),
            value: threshold.value,
            cardinality: cardinality.map(|cardinality| cardinality.value),
        };
        Self { condition, fields, counted, shape }
    }

    /// The condition, and that the fields of the group are there.
    pub(crate) fn with_fields(&self) -> Condition {
        with_fields(&self.condition, &self.fields)
    }

    pub(crate) fn extractor(&self, rule: RuleIndex, order: OrderFields) -> StageExtractor {
        let groups = self.fields.iter().map(|field| value_field(field, false));
        let counted = self.counted.iter().map(|field| value_field(field, true));
        StageExtractor::for_values(rule, groups.chain(counted), order)
    }
}

impl NewTermsPlan {
    /// The plan of a rule whose query and filters are this condition; `None` if its history does not begin at a fixed
    /// distance from now.
    pub fn new(
        condition: Condition,
        fields: &[String],
        history_window_start: &DateMath,
        schema: &dyn Schema,
    ) -> Option<Self> {
        let seconds = u64::try_from(history_window_start.seconds_before_now()?).ok()?;
        let fields: Vec<FieldRef> = fields.iter().map(|name| field(name, schema)).collect();
        let shape = NewTermsShape { fields: fields.len(), window_ms: seconds.saturating_mul(1_000) };
        Some(Self { condition, fields, shape })
    }

    /// The condition, and that all fields are there.
    pub(crate) fn with_fields(&self) -> Condition {
        with_fields(&self.condition, &self.fields)
    }

    pub(crate) fn extractor(&self, rule: RuleIndex, order: OrderFields) -> StageExtractor {
        StageExtractor::for_values(rule, self.fields.iter().map(|field| value_field(field, false)), order)
    }

    pub(crate) fn history_extractor(&self, rule: RuleIndex) -> StageExtractor {
        StageExtractor::for_history(rule, self.fields.iter().map(|field| value_field(field, false)))
    }
}

fn value_field(field: &FieldRef, optional: bool) -> ValueField {
    ValueField { name: Arc::clone(&field.name), optional }
}

/// A field by its name. One that is mapped nowhere has no value in any event.
fn field(name: &str, schema: &dyn Schema) -> FieldRef {
    match schema.resolve(name) {
        Resolution::Field(field) => field,
        _ => FieldRef { name: name.into(), field_type: schema.field_type(name) },
    }
}

fn with_fields(condition: &Condition, fields: &[FieldRef]) -> Condition {
    let there = fields.iter().map(|field| Condition::leaf(FieldLeaf::new(field.clone(), Predicate::Exists)));
    Condition::all(std::iter::once(condition.clone()).chain(there))
}
