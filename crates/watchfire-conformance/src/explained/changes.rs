//! Documents in which one value is another.

use serde_json::{Value, json};
use watchfire_engine::explain::Seen;
use watchfire_events::{Document, Event, FieldType, TypeFamily, get_field, set_field};
use watchfire_ir::{Bound, Constant, FieldLeaf, FieldRef, FieldTarget, Leaf, Predicate, TokenMatch};

/// The event's document with other values for the fields of a leaf, those first that should turn it; `wanted` is how it is.
pub(super) fn changed_documents(event: &Event, seen: &Seen<'_>, wanted: bool) -> Vec<Document> {
    let fields: Vec<FieldRef> = match seen.leaf {
        Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), .. }) => vec![field.clone()],
        Leaf::Computed(leaf) => leaf.fields().to_vec(),
        Leaf::Field(_) | Leaf::Nested(_) | Leaf::AnyField(_) => Vec::new(),
    };
    let mut documents = Vec::new();
    for field in fields {
        let old = get_field(&event.document, &field.name);
        let values = match (wanted, seen.leaf) {
            (false, Leaf::Field(leaf)) => satisfying(&leaf.predicate, field.field_type),
            _ => others(old, field.field_type),
        };
        let set = |value: Value| {
            let mut document = event.document.clone();
            set_field(&mut document, &field.name, value);
            document
        };
        documents.extend(values.into_iter().map(set));
    }
    documents
}

/// Other values than this one, and none at all.
fn others(old: Option<&Value>, field_type: FieldType) -> Vec<Value> {
    let mut values = Vec::new();
    let old = match old {
        Some(Value::Array(items)) => items.first(),
        other => other,
    };
    match (field_type.family(), old) {
        (TypeFamily::Boolean, Some(Value::Bool(value))) => values.push(json!(!value)),
        (TypeFamily::Number, _) => {
            let old = old.and_then(Value::as_i64).unwrap_or_default();
            values.extend(
                [old.saturating_add(1), old.saturating_sub(1), 0, 1, 999_999_999, -1].map(Value::from),
            );
        }
        (TypeFamily::Ip, _) => {
            values.extend(["192.0.2.77", "10.77.0.77", "127.0.0.77", "2001:db8::77"].map(Value::from));
        }
        (TypeFamily::Date, _) => {
            values.extend(["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"].map(Value::from));
        }
        (_, old) => {
            let text = match old {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            values.push(json!(format!("{text}~other")));
            values.push(json!(format!("other~{text}")));
            let mut middle: Vec<char> = text.chars().collect();
            middle.insert(middle.len() / 2, '~');
            values.push(json!(middle.into_iter().collect::<String>()));
            values.push(json!("~"));
            values.push(json!(text.to_uppercase()));
            values.push(json!("true"));
        }
    }
    values.push(Value::Null);
    values
}

/// Values that satisfy a predicate, as far as that is easily said.
fn satisfying(predicate: &Predicate, field_type: FieldType) -> Vec<Value> {
    let of_constant = |constant: &Constant| match constant {
        Constant::Text(text) => json!(&**text),
        Constant::Integer(number) => json!(*number as i64),
        Constant::Double(number) => json!(number),
        Constant::Boolean(value) => json!(value),
        Constant::Ip(address) => json!(address.to_canonical().to_string()),
        Constant::Instant(at) => json!(at.to_iso_millis()),
        Constant::Version(version) => json!(version.as_str()),
    };
    match predicate {
        Predicate::Exists => match field_type.family() {
            TypeFamily::Number => vec![json!(7)],
            TypeFamily::Boolean => vec![json!(true)],
            TypeFamily::Ip => vec![json!("192.0.2.77")],
            TypeFamily::Date => vec![json!("2026-01-01T00:00:00Z")],
            _ => vec![json!("other")],
        },
        Predicate::Text(texts) => {
            let exact = texts.exact().iter().map(ToString::to_string);
            let filled = |with: &'static str| {
                texts
                    .patterns()
                    .iter()
                    .map(move |pattern| pattern.plain().replace('?', "x").replace('*', with))
            };
            exact.chain(filled("")).chain(filled("x")).chain(filled("7")).map(Value::from).collect()
        }
        Predicate::Regex(regex) => regex.literals().into_iter().flatten().cloned().map(Value::from).collect(),
        Predicate::Equals(constant) => vec![of_constant(constant)],
        // Rules alone ask for no list.
        Predicate::Listed(_) => Vec::new(),
        Predicate::Range { low, high } => {
            let around = |bound: &Bound| match bound {
                Bound::Unbounded => Vec::new(),
                Bound::Excluded(Constant::Integer(number)) => {
                    vec![json!(*number as i64 + 1), json!(*number as i64 - 1)]
                }
                Bound::Included(constant) | Bound::Excluded(constant) => vec![of_constant(constant)],
            };
            [around(low), around(high)].concat()
        }
        Predicate::Within(blocks) => {
            let first = |block: String| json!(block.split('/').next().unwrap_or_default());
            blocks.iter().map(|block| first(block.to_string())).collect()
        }
        Predicate::Tokens(tokens) => match tokens {
            TokenMatch::AnyOf(words) => words.iter().map(|word| json!(word)).collect(),
            TokenMatch::Phrase(words) => vec![json!(words.join(" "))],
            TokenMatch::Fits(patterns) => {
                patterns.iter().map(|pattern| json!(pattern.plain().replace(['?', '*'], "x"))).collect()
            }
        },
    }
}
