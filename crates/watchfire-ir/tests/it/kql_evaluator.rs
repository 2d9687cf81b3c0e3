//! A plain evaluator of every leaf that KQL and filters give, nested lists included.

use serde_json::Value;
use watchfire_events::{
    BatchBuilder, Column, DataStream, Document, Event, EventBatch, EventId, FieldTypes, Place, TypeFamily,
    ValueRef, get_field, set_field,
};
use watchfire_ir::{AnyFieldLeaf, Condition, FieldTarget, Leaf, NestedLeaf, Node};

/// Whether the condition holds of the document, whose fields have these types.
pub(crate) fn holds(condition: &Condition, document: &Value, types: &dyn FieldTypes) -> bool {
    let Value::Object(document) = document else { panic!("not an object: {document}") };
    of_document(condition, document, types)
}

fn of_document(condition: &Condition, document: &Document, types: &dyn FieldTypes) -> bool {
    let mut builder = BatchBuilder::new(types);
    builder.push(Event {
        id: EventId::given("1"),
        data_stream: DataStream::logs("test", "default"),
        document: document.clone(),
        place: Place { input: "test".into(), record: 1, line: None, offset: None },
    });
    let batch = builder.finish();
    node(condition, document, &batch, types)
}

fn node(condition: &Condition, document: &Document, batch: &EventBatch, types: &dyn FieldTypes) -> bool {
    match condition.node() {
        Node::Constant(value) => *value,
        Node::Not(inner) => !node(inner, document, batch, types),
        Node::And(operands) => operands.iter().all(|operand| node(operand, document, batch, types)),
        Node::Or(operands) => operands.iter().any(|operand| node(operand, document, batch, types)),
        Node::Leaf(Leaf::Field(leaf)) => batch
            .columns()
            .iter()
            .filter(|column| is_meant(&leaf.target, column.name()))
            .any(|column| values(column).any(|value| leaf.predicate.holds(value))),
        Node::Leaf(Leaf::AnyField(leaf)) => any_field(leaf, batch),
        Node::Leaf(Leaf::Nested(leaf)) => nested(leaf, document, types),
        Node::Leaf(Leaf::Computed(leaf)) => panic!("KQL computes nothing: {leaf}"),
    }
}

fn is_meant(target: &FieldTarget, column: &str) -> bool {
    match target {
        FieldTarget::Field(field) => *field.name == *column,
        FieldTarget::Names(pattern) => pattern.fits(column),
        FieldTarget::Below(name) => {
            column.strip_prefix(&**name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
    }
}

fn any_field(leaf: &AnyFieldLeaf, batch: &EventBatch) -> bool {
    batch.columns().iter().any(|column| {
        values(column).any(|value| match value {
            ValueRef::Text(text) if column.field_type().family() == TypeFamily::AnalysedText => {
                leaf.tokens.holds(text)
            }
            other => leaf.whole.fits(&other.to_text()),
        })
    })
}

/// Each object of the list by itself, as if it were the whole document.
fn nested(leaf: &NestedLeaf, document: &Document, types: &dyn FieldTypes) -> bool {
    let objects = match get_field(document, &leaf.path) {
        Some(Value::Array(list)) => list.clone(),
        Some(object) => vec![object.clone()],
        None => Vec::new(),
    };
    objects.into_iter().filter(Value::is_object).any(|object| {
        let mut document = Document::new();
        set_field(&mut document, &leaf.path, object);
        of_document(&leaf.condition, &document, types)
    })
}

fn values(column: &Column) -> impl Iterator<Item = ValueRef<'_>> {
    column.codes(0).iter().map(|&code| column.value(code))
}
