//! Which fields conditions look at.

use watchfire_engine::ReadFields;
use watchfire_events::{DataStream, FieldSelection, FieldType, IndexPatterns};
use watchfire_ir::{Condition, FieldLeaf, FieldRef, FieldTarget, Pattern, Predicate};

fn exists(target: FieldTarget) -> Condition {
    let field = FieldRef { name: "any".into(), field_type: FieldType::Dynamic };
    Condition::leaf(FieldLeaf { target, ..FieldLeaf::new(field, Predicate::Exists) })
}

#[test]
fn below_what_holds_nothing_that_is_read_nothing_is_read() {
    let field =
        |name: &str| FieldTarget::Field(FieldRef { name: name.into(), field_type: FieldType::Dynamic });
    let mut fields = ReadFields::default();
    fields.add(&IndexPatterns::new(["logs-a-*"]), &exists(field("process.parent.name")));
    fields.add(&IndexPatterns::new(["logs-a-*"]), &exists(FieldTarget::Below("file.Ext".into())));
    fields.add(&IndexPatterns::new(["logs-b-*"]), &exists(FieldTarget::Names(Pattern::from_eql("dns.*.ip"))));
    fields.add_field(&"host.os.type".into());
    let names = [
        "process.parent.name",
        "process.parent.pid",
        "file.Ext.header",
        "file.Ext.header.bytes",
        "file.path",
        "dns.answers.ip",
        "host.os.type",
        "host.os.name",
        "processes.parent.name",
    ];
    for stream in ["a", "b", "c"].map(|dataset| DataStream::logs(dataset, "default")) {
        for name in names.into_iter().filter(|name| fields.reads(&stream, name)) {
            for (dot, _) in name.match_indices('.') {
                assert!(fields.may_read_below(&stream, &name[..dot]), "{name} in {stream:?}");
            }
        }
    }
    let (a, b, c) =
        (DataStream::logs("a", "default"), DataStream::logs("b", "default"), DataStream::logs("c", "x"));
    for name in ["file.path", "processes", "proc", "host.os.type", "dns"] {
        assert!(!fields.may_read_below(&a, name), "{name}");
    }
    assert!(fields.may_read_below(&b, "dns.answers"));
    assert!(fields.may_read_below(&c, "host") && !fields.may_read_below(&c, "process"));
}
