//! Objects as the texts that Java writes of its maps: rules for AWS match parameters of requests in this form.
//!
//! The order of names is that of a `java.util.HashMap`, because rules name parameters that stand beside each other.

use std::fmt::Write as _;

use watchfire_events::Scalar;

use crate::tape::TapeValue;

/// Nesting beyond this is left out; decoders refuse such records first.
const MOST_DEPTH: usize = 64;

/// A value as Java writes it; nothing for one that is empty.
pub(super) fn map_text(value: TapeValue<'_>) -> Option<String> {
    let mut text = String::with_capacity(256);
    write_value(value, 0, &mut text).then_some(text)
}

/// Writes a value; false, and nothing written, if it is empty.
fn write_value(value: TapeValue<'_>, depth: usize, text: &mut String) -> bool {
    if depth > MOST_DEPTH {
        return false;
    }
    if let Some(object) = value.as_object() {
        let mut members: Vec<(u32, &str, TapeValue<'_>)> =
            object.iter().map(|(name, value)| (hash_of(name), name, value)).collect();
        let buckets = buckets_of(members.len());
        members.sort_by_key(|(hash, _, _)| hash & (buckets - 1));
        let members = members.into_iter().map(|(_, name, value)| (Some(name), value));
        write_list("{", members, "}", depth, text)
    } else if let Some(items) = value.as_array() {
        write_list("[", items.map(|item| (None, item)), "]", depth, text)
    } else {
        match value.scalar() {
            None | Some(Scalar::Text("")) => return false,
            Some(Scalar::Text(content)) => text.push_str(content),
            Some(Scalar::Boolean(truth)) => text.push_str(if truth { "true" } else { "false" }),
            Some(Scalar::Integer(number)) => _ = write!(text, "{number}"),
            Some(Scalar::Unsigned(number)) => _ = write!(text, "{number}"),
            Some(Scalar::Double(number)) => write_double(number, text),
        }
        true
    }
}

fn write_list<'a>(
    open: &str,
    members: impl Iterator<Item = (Option<&'a str>, TapeValue<'a>)>,
    close: &str,
    depth: usize,
    text: &mut String,
) -> bool {
    let start = text.len();
    text.push_str(open);
    let first = text.len();
    for (name, value) in members {
        let before = text.len();
        if before > first {
            text.push_str(", ");
        }
        if let Some(name) = name {
            text.push_str(name);
            text.push('=');
        }
        if !write_value(value, depth + 1, text) {
            text.truncate(before);
        }
    }
    if text.len() == first {
        text.truncate(start);
        return false;
    }
    text.push_str(close);
    true
}

/// `Double.toString`: plain between a thousandth and ten million, else with an exponent.
fn write_double(number: f64, text: &mut String) {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        _ = write!(text, "{number:?}");
        return;
    }
    let written = format!("{number:E}");
    match written.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => _ = write!(text, "{digits}.0E{exponent}"),
        _ => text.push_str(&written),
    }
}

/// `String.hashCode`, with its upper half mixed into the lower one as `HashMap` does.
fn hash_of(name: &str) -> u32 {
    let hash = name.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    hash ^ (hash >> 16)
}

/// How many buckets a map of so many members has: three quarters of them may be used.
fn buckets_of(members: usize) -> u32 {
    let mut buckets = 16u32;
    while members as u64 * 4 > u64::from(buckets) * 3 && buckets < 1 << 30 {
        buckets *= 2;
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Tape;
    use serde_json::{Value, json};

    fn text(value: &Value) -> Option<String> {
        map_text(Tape::of(value).first())
    }

    #[test]
    fn maps_are_in_the_order_of_java() {
        // Hash codes modulo 16: `c` is 3, `a` is 1, `Aa` and `BB` are both 2112, that is 0.
        let record = json!({"c": 1, "BB": true, "a": ["x", {"k": 2.0}], "Aa": "y"});
        assert_eq!(text(&record).unwrap(), "{BB=true, Aa=y, a=[x, {k=2.0}], c=1}");
    }

    #[test]
    fn maps_of_many_names_have_more_buckets() {
        // `q` is 113: bucket 1 of 16 and 17 of 32. With more than twelve names it comes behind `a`, which is 97.
        let few = json!({"q": 1, "b": 2});
        assert_eq!(text(&few).unwrap(), "{q=1, b=2}");
        let mut many = json!({"q": 1, "b": 2}).as_object().unwrap().clone();
        many.extend("cdefghijklm".chars().map(|name| (name.to_string(), json!(0))));
        let text = text(&many.into()).unwrap();
        assert!(text.starts_with("{b=2, c=0"), "{text}");
        assert!(text.ends_with("m=0, q=1}"), "{text}");
    }

    #[test]
    fn what_is_empty_is_left_out() {
        assert_eq!(text(&json!({"a": "", "b": null, "c": {"d": []}, "e": [[""]], "f": 0})).unwrap(), "{f=0}");
        assert_eq!(text(&json!({"a": {}})), None);
        assert_eq!(text(&json!(null)), None);
        assert_eq!(text(&json!("plain")).unwrap(), "plain");
    }

    #[test]
    fn doubles_are_written_as_java_does() {
        let numbers = json!([1.5, 0.0001, 12_345_678.5, 1e10, -2.0, 0.0]);
        assert_eq!(text(&numbers).unwrap(), "[1.5, 1.0E-4, 1.23456785E7, 1.0E10, -2.0, 0.0]");
    }
}
