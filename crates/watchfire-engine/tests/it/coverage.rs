//! What the data lacks, and which rules cannot match for it.

use watchfire_engine::{Coverage, impossible_without};
use watchfire_events::{
    BatchBuilder, DataStream, Event, EventId, FieldType, FieldTypes, IndexPatterns, Place,
};
use watchfire_ir::{Condition, FieldLeaf, FieldRef, Predicate};

struct Dynamic;

impl FieldTypes for Dynamic {
    fn field_type(&self, _name: &str) -> FieldType {
        FieldType::Dynamic
    }
}

fn exists(name: &str) -> Condition {
    let field = FieldRef { name: name.into(), field_type: FieldType::Dynamic };
    Condition::leaf(FieldLeaf::new(field, Predicate::Exists))
}

#[test]
fn names_the_fields_to_blame() {
    let present = |name: &str| name == "here";
    let blamed = |condition: &Condition| {
        impossible_without(condition, &present)
            .map(|fields| fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(blamed(&exists("here")), None);
    assert_eq!(blamed(&exists("gone")).as_deref(), Some("gone"));
    assert_eq!(blamed(&exists("gone").negate()), None);
    assert_eq!(blamed(&Condition::all([exists("here"), exists("gone")])).as_deref(), Some("gone"));
    assert_eq!(blamed(&Condition::any([exists("here"), exists("gone")])), None);
    assert_eq!(blamed(&Condition::any([exists("away"), exists("gone")])).as_deref(), Some("away gone"));
}

#[test]
fn asks_only_the_streams_of_the_rule() {
    let event = |stream: &str, document: serde_json::Value| Event {
        id: EventId::given("1"),
        data_stream: DataStream::new(stream),
        document: document.as_object().expect("an object").clone(),
        place: Place { input: "test".into(), record: 1, line: None, offset: None },
    };
    let mut builder = BatchBuilder::new(&Dynamic);
    builder.push(event("logs-a", serde_json::json!({"x": 1})));
    builder.push(event("logs-b", serde_json::json!({"y": 1})));
    let mut coverage = Coverage::default();
    coverage.add(&builder.finish());
    let absent =
        |pattern: &str| coverage.absent_fields(&IndexPatterns::new([pattern]), &exists("x")).is_some();
    assert!(!absent("logs-a") && absent("logs-b") && !absent("logs-*"));
    assert_eq!(coverage.events(&IndexPatterns::new(["logs-*"])), 2);
}
