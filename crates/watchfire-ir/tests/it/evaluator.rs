//! A plain evaluator of conditions over single documents: what a leaf says, by its own methods.

use serde_json::Value;
use watchfire_events::{
    BatchBuilder, Column, DataStream, Event, EventBatch, EventId, FieldTypes, Place, ValueRef,
};
use watchfire_ir::{Condition, EvaluationError, FieldTarget, Leaf, Node};

/// A batch of the documents, in order.
pub(crate) fn batch(documents: &[Value], types: &dyn FieldTypes) -> EventBatch {
    let mut builder = BatchBuilder::new(types);
    for (at, document) in documents.iter().enumerate() {
        let Value::Object(document) = document else { panic!("not an object: {document}") };
        builder.push(Event {
            id: EventId::given(at.to_string()),
            data_stream: DataStream::logs("test", "default"),
            document: document.clone(),
            place: Place { input: "test".into(), record: at as u64 + 1, line: None, offset: None },
        });
    }
    builder.finish()
}

/// Whether the condition holds of a row.
pub(crate) fn holds(condition: &Condition, batch: &EventBatch, row: usize) -> Result<bool, EvaluationError> {
    Ok(match condition.node() {
        Node::Constant(value) => *value,
        Node::Not(inner) => !holds(inner, batch, row)?,
        Node::And(operands) => {
            let all: Result<Vec<bool>, _> =
                operands.iter().map(|operand| holds(operand, batch, row)).collect();
            all?.into_iter().all(|value| value)
        }
        Node::Or(operands) => {
            let all: Result<Vec<bool>, _> =
                operands.iter().map(|operand| holds(operand, batch, row)).collect();
            all?.into_iter().any(|value| value)
        }
        Node::Leaf(Leaf::Field(leaf)) => {
            let FieldTarget::Field(field) = &leaf.target else { panic!("EQL names single fields") };
            values(batch.column(&field.name), row).into_iter().any(|value| leaf.predicate.holds(value))
        }
        Node::Leaf(Leaf::Computed(leaf)) => {
            let values: Vec<_> =
                leaf.fields().iter().map(|field| values(batch.column(&field.name), row)).collect();
            leaf.holds(&values)?
        }
        Node::Leaf(other) => panic!("EQL has no such leaf: {other}"),
    })
}

fn values(column: Option<&Column>, row: usize) -> Vec<ValueRef<'_>> {
    column.map_or_else(Vec::new, |column| column.codes(row).iter().map(|&code| column.value(code)).collect())
}
