//! ECS documents: nested JSON objects, read by dotted field names.

use serde_json::{Map, Value};

/// A normalised document. Keys keep the order in which they were read or set, which is the same in every run.
pub type Document = Map<String, Value>;

/// Nesting beyond this is not followed when a document is flattened; decoders refuse such records first.
pub const MAX_FLATTENED_DEPTH: usize = 64;

/// Calls `visit` with the dotted name and each single value of every field: arrays are unrolled, objects inside arrays
/// contribute to the same names (as Elasticsearch indexes them), and nulls, empty arrays and empty objects give
/// nothing. A key that itself holds dots (`"process.name": …`) is the same as the nesting.
pub fn flatten<'a>(document: &'a Document, visit: &mut dyn FnMut(&str, &'a Value)) {
    let mut name = String::with_capacity(64);
    flatten_object(document, &mut name, 0, visit);
}

fn flatten_object<'a>(
    object: &'a Document,
    name: &mut String,
    depth: usize,
    visit: &mut dyn FnMut(&str, &'a Value),
) {
    if depth > MAX_FLATTENED_DEPTH {
        return;
    }
    for (key, value) in object {
        let length = name.len();
        if length > 0 {
            name.push('.');
        }
        name.push_str(key);
        flatten_value(value, name, depth, visit);
        name.truncate(length);
    }
}

fn flatten_value<'a>(
    value: &'a Value,
    name: &mut String,
    depth: usize,
    visit: &mut dyn FnMut(&str, &'a Value),
) {
    match value {
        Value::Object(object) => flatten_object(object, name, depth + 1, visit),
        Value::Array(items) if depth <= MAX_FLATTENED_DEPTH => {
            for item in items {
                flatten_value(item, name, depth + 1, visit);
            }
        }
        Value::Null | Value::Array(_) => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => visit(name, value),
    }
}

/// The part of a name whose dots may stand for nesting: what is before the dot behind [`MAX_FLATTENED_DEPTH`] others. Names come
/// from whoever writes logs. To look at the names above one of very many parts costs time by the square of its length, and to
/// nest them a stack for each part.
pub fn nesting_part(name: &str) -> &str {
    if name.len() <= MAX_FLATTENED_DEPTH {
        return name;
    }
    let end = memchr::memchr_iter(b'.', name.as_bytes()).nth(MAX_FLATTENED_DEPTH);
    end.map_or(name, |end| &name[..end])
}

/// Where the dots of a name are that may stand for nesting.
pub(crate) fn nesting_dots(name: &str) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'.', nesting_part(name).as_bytes())
}

/// Whether a name has so many parts that it is taken as one.
pub(crate) fn has_too_many_parts(name: &str) -> bool {
    name.len() > MAX_FLATTENED_DEPTH
        && memchr::memchr_iter(b'.', name.as_bytes()).nth(MAX_FLATTENED_DEPTH).is_some()
}

/// The value stored under a dotted name, whether its path is nested, dotted, or mixed; arrays on the way are not
/// entered. Null counts as absent.
pub fn get_field<'a>(document: &'a Document, name: &str) -> Option<&'a Value> {
    if let Some(value) = document.get(name) {
        return (!value.is_null()).then_some(value);
    }
    nesting_dots(name).find_map(|dot| match document.get(&name[..dot]) {
        Some(Value::Object(inner)) => get_field(inner, &name[dot + 1..]),
        _ => None,
    })
}

/// Stores a value under a dotted name, nesting as needed. Where a part of the path already holds something else than
/// an object, the field is stored under its dotted rest beside it, so that nothing is overwritten but the field itself. A
/// name of more than [`MAX_FLATTENED_DEPTH`] dots is not nested.
pub fn set_field(document: &mut Document, name: &str, value: Value) {
    if has_too_many_parts(name) {
        document.insert(name.to_owned(), value);
    } else {
        set_part(document, name, value);
    }
}

fn set_part(document: &mut Document, name: &str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        document.insert(name.to_owned(), value);
        return;
    };
    match document.get_mut(first) {
        Some(Value::Object(inner)) => set_part(inner, rest, value),
        Some(_) => {
            document.insert(name.to_owned(), value);
        }
        None => {
            let mut inner = Map::new();
            set_part(&mut inner, rest, value);
            document.insert(first.to_owned(), Value::Object(inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(value: Value) -> Document {
        match value {
            Value::Object(map) => map,
            other => panic!("not an object: {other}"),
        }
    }

    #[test]
    fn flattens_as_elasticsearch_indexes() {
        let doc = document(
            json!({"a": {"b": [1, null, [2]]}, "a.c": "x", "l": [{"k": 1}, {"k": 2}], "n": null, "e": []}),
        );
        let mut seen = Vec::new();
        flatten(&doc, &mut |name, value| seen.push(format!("{name}={value}")));
        assert_eq!(seen, ["a.b=1", "a.b=2", "a.c=\"x\"", "l.k=1", "l.k=2"]);
    }

    /// Without `serde_json`'s `float_roundtrip` a number with many digits may be read as its neighbour.
    #[test]
    fn numbers_are_read_exactly() {
        for number in [1.411_961_206_415_712_3, 1.411_961_206_415_712_5, 3.556_905_943_289_521, 0.1, 5e-324] {
            let read: Value = serde_json::from_str(&json!(number).to_string()).expect("a number");
            assert_eq!(read, json!(number));
        }
    }

    /// A stack for each part was used up by a name of some ten thousand dots, which anybody can write to a log.
    #[test]
    fn names_of_very_many_parts_are_taken_as_one() {
        let many = format!("e{}x", ".a".repeat(200_000));
        let mut doc = Document::new();
        set_field(&mut doc, &many, json!(1));
        assert_eq!((doc.len(), get_field(&doc, &many)), (1, Some(&json!(1))));
        assert_eq!(get_field(&doc, &many[1..]), None);
        let most = "a.".repeat(MAX_FLATTENED_DEPTH) + "b";
        set_field(&mut doc, &most, json!(2));
        assert_eq!(get_field(&doc, &most), Some(&json!(2)));
        assert!(doc["a"].is_object());
        let mut names = crate::FieldNames::default();
        let number = names.intern(&many);
        assert_eq!(&**names.text(number), many.as_str());
        let mut tape = crate::tape::Tape::of(&json!({}));
        tape.set_value(&many, &json!(1));
        assert_eq!(tape.get_field(&many).map(crate::tape::TapeValue::to_value), Some(json!(1)));
    }

    #[test]
    fn reads_and_writes_dotted_names() {
        let mut doc = document(json!({"a": {"b.c": 1}, "s": "text"}));
        assert_eq!(get_field(&doc, "a.b.c"), Some(&json!(1)));
        assert_eq!(get_field(&doc, "a.x"), None);
        set_field(&mut doc, "a.d.e", json!(2));
        set_field(&mut doc, "s.t", json!(3));
        assert_eq!(Value::Object(doc), json!({"a": {"b.c": 1, "d": {"e": 2}}, "s": "text", "s.t": 3}));
    }
}
