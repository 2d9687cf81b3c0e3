//! What is read is what `serde_json` reads, and what is packed comes back.

use memchr::memmem::Finder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::reader::{ESCAPE, may_go_on_behind_long_number, may_have_surrogate};
use super::{Tape, TapeReader, TapeValue};

fn read(text: &str) -> Option<Value> {
    TapeReader::default().read(text.as_bytes()).map(TapeValue::to_value)
}

#[test]
fn what_parsers_may_read_differently_is_left_alone() {
    for text in [
        r#"{"a":-0}"#,
        r#"{"a":1,"a":2}"#,
        r#"[{"a":1,"b":{"c":1,"c":1}}]"#,
        r#"{"a":18446744073709551616}"#,
        "{\"a\":\"\u{1}\"}",
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud800\ue000"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":1000000000000000000x}"#,
        "{\"a\":1\u{0}00}",
        r#"{"a":1.000000000000000000x}"#,
        r#"{"a":1}{"#,
        "",
        " ",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn names_are_found_as_in_a_tree() {
    let value = json!({"a": {"b.c": 1, "n": null}, "d.e": "x", "d": {"e": "y", "f": "z"}});
    let tape = Tape::of(&value);
    let object = tape.first().as_object().unwrap();
    for name in ["a.b.c", "a.n", "d.e", "d.f", "a", "x", "a.b"] {
        let expected = crate::get_field(value.as_object().unwrap(), name);
        assert_eq!(object.get_field(name).map(TapeValue::to_value).as_ref(), expected, "{name}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-c.é\"]{0,3}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_tape_is_the_value(value in values()) {
        let tape = Tape::of(&value);
        prop_assert_eq!(serde_json::to_string(&tape.first()).unwrap(), value.to_string());
        prop_assert_eq!(tape.first().to_value(), value);
    }

    #[test]
    fn what_is_packed_comes_back(value in values(), cut in any::<prop::sample::Index>(), with in any::<u8>()) {
        // Also of a value inside another one.
        let tape = Tape::of(&json!({ "before": "x", "value": value, "behind": ["y"] }));
        let inner = tape.first().as_object().unwrap().get("value").unwrap();
        let mut packed = Vec::new();
        inner.pack(&mut packed);
        prop_assert_eq!(Tape::unpack(&packed).map(|tape| tape.first().to_value()), Some(value));
        // Of other bytes comes another value or none, and a value can be read.
        let at = cut.index(packed.len());
        prop_assert!(Tape::unpack(&packed[..at]).is_none());
        packed[at] = with;
        if let Some(tape) = Tape::unpack(&packed) {
            tape.first().to_value();
        }
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads(value in values(), cut in 0_usize..8, at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = value.to_string().into_bytes();
        if cut == 0 && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        let expected: Option<Value> = serde_json::from_slice(&bytes).ok();
        let mut reader = TapeReader::default();
        if let Some(read) = reader.read(&bytes) {
            prop_assert_eq!(Some(read.to_value()), expected);
        } else if let Some(expected) = expected {
            // Nothing else is left to the slower parser: it would be slow without anyone noticing.
            let is_odd = may_go_on_behind_long_number(&bytes) || may_have_surrogate(&bytes, &Finder::new(ESCAPE));
            prop_assert!(is_odd || expected.to_string().as_bytes() != bytes);
        }
    }

    /// Both parsers round to the nearest float, however many digits there are.
    #[test]
    fn numbers_are_read_alike(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?") {
        let expected: Option<Value> = serde_json::from_str(&text).ok();
        if let Some(read) = TapeReader::default().read(text.as_bytes()) {
            prop_assert_eq!(Some(read.to_value().to_string()), expected.map(|value| value.to_string()));
        }
    }
}
