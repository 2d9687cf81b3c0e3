//! The reference evaluator: row by row, as the definition says, slow.
//!
//! It defines what a condition means over a batch; the matcher is tested against it.

use watchfire_events::{
    BatchBuilder, Column, Document, Event, EventBatch, FieldTypes, TypeFamily, ValueRef, get_field, set_field,
};
use watchfire_ir::{
    AnyFieldLeaf, Condition, EvaluationError, FieldLeaf, FieldRef, FieldTarget, Leaf, NestedLeaf, Node,
};

/// Whether the condition holds for one row of a batch.
///
/// `types` are the types by which the batch was made; nested objects are read by them. A computed leaf that cannot be
/// evaluated (integer overflow, a text that is no number …) is false, and its error is added to `errors`. (Upstream the
/// whole query fails; one event should not silence a rule.)
pub fn evaluate(
    condition: &Condition,
    batch: &EventBatch,
    row: usize,
    types: &dyn FieldTypes,
    errors: &mut Vec<EvaluationError>,
) -> bool {
    match condition.node() {
        Node::Constant(value) => *value,
        Node::Leaf(leaf) => evaluate_leaf(leaf, batch, row, types, errors),
        Node::Not(inner) => !evaluate(inner, batch, row, types, errors),
        Node::And(operands) => operands.iter().all(|operand| evaluate(operand, batch, row, types, errors)),
        Node::Or(operands) => operands.iter().any(|operand| evaluate(operand, batch, row, types, errors)),
    }
}

/// Whether a single leaf holds for one row of a batch.
pub(crate) fn evaluate_leaf(
    leaf: &Leaf,
    batch: &EventBatch,
    row: usize,
    types: &dyn FieldTypes,
    errors: &mut Vec<EvaluationError>,
) -> bool {
    match leaf {
        Leaf::Field(leaf) => field_leaf(leaf, batch, row),
        Leaf::Nested(leaf) => nested_leaf(leaf, batch, row, types, errors),
        Leaf::AnyField(leaf) => any_field_leaf(leaf, batch, row),
        Leaf::Computed(leaf) => {
            let column_values = |field: &FieldRef| match batch.column(&field.name) {
                Some(column) => values_of(column, row).collect(),
                None => Vec::new(),
            };
            let values: Vec<Vec<ValueRef<'_>>> = leaf.fields().iter().map(column_values).collect();
            leaf.holds(&values).unwrap_or_else(|error| {
                errors.push(error);
                false
            })
        }
    }
}

fn values_of(column: &Column, row: usize) -> impl Iterator<Item = ValueRef<'_>> {
    column.codes(row).iter().map(|&code| column.value(code))
}

fn field_leaf(leaf: &FieldLeaf, batch: &EventBatch, row: usize) -> bool {
    target_columns(&leaf.target, batch)
        .any(|column| values_of(column, row).any(|value| leaf.predicate.holds(value)))
}

/// The columns of a batch that a target stands for.
pub(crate) fn target_columns<'a>(
    target: &'a FieldTarget,
    batch: &'a EventBatch,
) -> Box<dyn Iterator<Item = &'a Column> + 'a> {
    match target {
        FieldTarget::Field(field) => Box::new(batch.column(&field.name).into_iter()),
        FieldTarget::Names(pattern) => {
            Box::new(batch.columns().iter().filter(|column| pattern.fits(column.name())))
        }
        FieldTarget::Below(name) => Box::new(batch.columns().iter().filter(|column| {
            column.name().strip_prefix(&**name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })),
    }
}

fn any_field_leaf(leaf: &AnyFieldLeaf, batch: &EventBatch, row: usize) -> bool {
    batch.columns().iter().any(|column| {
        let analysed = column.field_type().family() == TypeFamily::AnalysedText;
        values_of(column, row).any(|value| match value {
            ValueRef::Text(text) if analysed => leaf.tokens.holds(text),
            other => leaf.whole.fits(&other.to_text()),
        })
    })
}

/// Each object under the path is asked by itself, as if it were a whole event.
fn nested_leaf(
    leaf: &NestedLeaf,
    batch: &EventBatch,
    row: usize,
    types: &dyn FieldTypes,
    errors: &mut Vec<EvaluationError>,
) -> bool {
    let event = batch.event(row);
    let objects = match get_field(&event.document, &leaf.path) {
        Some(serde_json::Value::Array(items)) => items.as_slice(),
        Some(object) => std::slice::from_ref(object),
        None => return false,
    };
    let mut builder = BatchBuilder::new(types);
    for object in objects.iter().filter(|object| object.is_object()) {
        let mut document = Document::new();
        set_field(&mut document, &leaf.path, object.clone());
        builder.push(Event { document, ..event.clone() });
    }
    let inner = builder.finish();
    (0..inner.len()).any(|row| evaluate(&leaf.condition, &inner, row, types, errors))
}
