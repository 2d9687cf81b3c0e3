use serde_json::json;
use watchfire_events::{DataStream, EventId, FieldType, Place};
use watchfire_ir::{Catalogue, FieldRef, Fold, Pattern, Predicate, TextMatch};

use super::*;

fn is(field: &str, text: &str) -> Condition {
    let field = FieldRef { name: field.into(), field_type: FieldType::Keyword };
    let texts = TextMatch::new(Fold::None, [Pattern::from_eql(text)]);
    Condition::leaf(FieldLeaf::new(field, Predicate::Text(texts)))
}

fn batch(document: serde_json::Value, types: &dyn FieldTypes) -> EventBatch {
    let mut builder = BatchBuilder::new(types);
    let Value::Object(document) = document else { panic!("an object") };
    let place = Place { input: "test".into(), record: 1, line: None, offset: None };
    builder.push(Event {
        id: EventId::given("1"),
        data_stream: DataStream::new("logs-a-default"),
        document,
        place,
    });
    builder.finish()
}

/// The leaves that decide, and the fewest that would have to turn.
fn decide(condition: &Condition, document: serde_json::Value) -> (bool, Vec<String>, Vec<String>) {
    let types = Catalogue::ecs();
    let batch = batch(document, &types);
    let explained = explain(condition, &batch, 0, &types);
    let verdict = verdict(&explained);
    let names = |leaves: &[&Seen<'_>]| leaves.iter().map(|seen| seen.leaf.to_string()).collect::<Vec<_>>();
    let wanted = if verdict.holds { 0 } else { verdict.fewest.len() };
    assert!(distance(condition, &batch, 0, &types) >= wanted, "a leaf that stands twice is counted twice");
    let reference = crate::reference::evaluate(condition, &batch, 0, &types, &mut Vec::new());
    assert_eq!(verdict.holds, reference);
    (verdict.holds, names(&verdict.decisive), names(&verdict.fewest))
}

#[test]
fn one_leaf_decides_or_several_fail_together() {
    let (a, b, c) = (is("user.name", "a"), is("host.name", "b"), is("process.name", "c"));
    let dump = |condition: &Condition| condition.to_string();
    let all = Condition::all([a.clone(), b.clone(), c.clone().negate()]);
    let event = |user: &str, host: &str, process: &str| json!({"user": {"name": user}, "host": {"name": host}, "process": {"name": process}});
    assert_eq!(decide(&all, event("a", "x", "d")), (false, vec![dump(&b)], vec![dump(&b)]));
    assert_eq!(decide(&all, event("a", "b", "c")), (false, vec![dump(&c)], vec![dump(&c)]));
    assert_eq!(decide(&all, event("x", "x", "d")), (false, vec![], vec![dump(&a), dump(&b)]));
    let (holds, decisive, _) = decide(&all, event("a", "b", "d"));
    assert_eq!((holds, decisive), (true, vec![dump(&a), dump(&b), dump(&c)]));
    let either = Condition::all([a.clone(), Condition::any([b.clone(), c.clone()])]);
    assert_eq!(decide(&either, event("a", "x", "x")).1, vec![dump(&b), dump(&c)]);
    assert_eq!(decide(&either, event("a", "b", "c")).1, vec![dump(&a)]);
}

#[test]
fn a_leaf_at_several_places_turns_everywhere() {
    let (a, b, c) = (is("user.name", "a"), is("host.name", "b"), is("process.name", "c"));
    let dump = |condition: &Condition| condition.to_string();
    // Either of two parts asks for `a`: only it turns both.
    let both =
        Condition::all([Condition::any([a.clone(), b.clone()]), Condition::any([a.clone(), c.clone()])]);
    assert_eq!(decide(&both, json!({"user": {"name": "x"}})).1, vec![dump(&a)]);
    // Whatever `a` is, the other half of it is in the way.
    let never = Condition::all([a.clone(), Condition::any([a.negate(), b.clone()])]);
    assert_eq!(decide(&never, json!({"user": {"name": "x"}})).1, Vec::<String>::new());
}

#[test]
fn a_leaf_tells_what_is_wrong() {
    let types = Catalogue::ecs();
    let shown = |condition: &Condition, document: serde_json::Value| {
        let batch = batch(document, &types);
        let explained = explain(condition, &batch, 0, &types);
        format!("{:?}", explained.seen().expect("a leaf").finding)
    };
    let leaf = is("process.name", "cmd.exe");
    assert_eq!(shown(&leaf, json!({})), "Missing");
    assert_eq!(shown(&leaf, json!({"process": {"name": {"x": 1}}})), "OtherType(\"{\\\"x\\\":1}\")");
    assert_eq!(shown(&leaf, json!({"process": {"name": ["x", "CMD.exe"]}})), "CaseOnly(1)");
    assert_eq!(shown(&leaf, json!({"process": {"name": "sshd"}})), "OtherValue");
    assert!(shown(&leaf, json!({"process": {"name": "cmd.ex"}})).starts_with("Near(0"));
    assert_eq!(shown(&leaf, json!({"process": {"name": ["x", "cmd.exe"]}})), "Holds");
}
