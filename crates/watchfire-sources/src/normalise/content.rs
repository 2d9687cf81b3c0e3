//! The bytes of a record that its id is made from (docs/alert-identity.md).

use serde_json::Value;

use crate::tape::{Tape, TapeValue};

/// Compact JSON with sorted keys: the same record gives the same bytes, in whatever order its fields were written.
pub(crate) fn canonical(record: &Value) -> Vec<u8> {
    canonical_tape(Tape::of(record).first())
}

/// The same of a record on a tape.
pub(crate) fn canonical_tape(record: TapeValue<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2048);
    write(record, &mut bytes);
    bytes
}

fn write(value: TapeValue<'_>, bytes: &mut Vec<u8>) {
    if let Some(object) = value.as_object() {
        let mut entries: Vec<_> = object.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        write_list(bytes, *b"{}", entries, |(key, value), bytes| {
            serde_json::to_writer(&mut *bytes, key).expect("a text is written to memory");
            bytes.push(b':');
            write(value, bytes);
        });
    } else if let Some(items) = value.as_array() {
        write_list(bytes, *b"[]", items, write);
    } else {
        serde_json::to_writer(bytes, &value).expect("a scalar is written to memory");
    }
}

fn write_list<T>(
    bytes: &mut Vec<u8>,
    brackets: [u8; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    bytes.push(brackets[0]);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        write(item, bytes);
    }
    bytes.push(brackets[1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let text = |value: Value| String::from_utf8(canonical(&value)).unwrap();
        assert_eq!(
            text(json!({"b": [1, {"z": null, "a": "\"\n"}], "a": true})),
            r#"{"a":true,"b":[1,{"a":"\"\n","z":null}]}"#
        );
        let parsed: Value = serde_json::from_str(r#"{"y":1.50,"x":{}}"#).unwrap();
        assert_eq!(text(parsed), r#"{"x":{},"y":1.5}"#);
    }
}
