//! A finished event: it becomes a tree or goes into columns.

use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{
    BatchBuilder, Document, FieldName, FieldNames, Scalar, flatten, get_field, set_field,
};

use crate::fields::{EVENT_DATA, FieldValue, Fields, USER_DATA};

/// Nesting beyond this is not cleaned; decoders refuse such records first.
const MAX_CLEANED_DEPTH: usize = 64;

/// A Windows event with all its fields, which becomes a tree or goes into columns. Empty values are in neither
/// (sources §0.9).
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    pub(super) document: Fields<'a>,
    pub(super) event_data: Fields<'a>,
    pub(super) user_data: Fields<'a>,
}

impl<'a> Finished<'a> {
    /// Whether only the tree tells what it flattens to, with the fields that nobody asked for.
    pub(super) fn needs_tree(&self, dropped: &[FieldName], names: &FieldNames) -> bool {
        let is_below =
            |name: &str, holder: &str| name.strip_prefix(holder).is_some_and(|rest| rest.starts_with('.'));
        let holders = self.document.iter().map(|(name, _)| name).filter(|&name| names.is_parent(name));
        let mut dropped_holders = dropped.iter().copied().filter(|&name| names.is_parent(name));
        self.has_field_within_field(names)
            || holders.into_iter().any(|holder| {
                let holder = names.text(holder);
                dropped.iter().any(|&name| is_below(names.text(name), holder))
            })
            || dropped_holders.any(|holder| {
                let holder = names.text(holder);
                self.document.iter().any(|(name, _)| is_below(names.text(name), holder))
            })
    }

    /// A field of the document that is one text.
    pub(crate) fn text(&self, name: &str, names: &FieldNames) -> Option<&str> {
        self.document.get(names.find(name)?)?.as_str()
    }

    pub(crate) fn set(
        &mut self,
        name: &'static str,
        value: impl Into<FieldValue<'a>>,
        names: &mut FieldNames,
    ) {
        self.document.set(names.fixed(name), value.into());
    }

    /// The same, without what it borrows.
    pub(crate) fn into_owned<'b>(self) -> Finished<'b> {
        Finished {
            document: self.document.into_owned(),
            event_data: self.event_data.into_owned(),
            user_data: self.user_data.into_owned(),
        }
    }

    /// Whether it has a field.
    pub(crate) fn has(&self, name: &str, names: &FieldNames) -> bool {
        names.find(name).is_some_and(|name| self.document.get(name).is_some())
    }

    /// Whether it has no such field, nor will have: what is empty is not there.
    fn lacks(&self, name: FieldName) -> bool {
        self.document.get(name).is_none_or(is_empty)
    }

    /// The event as a tree, its data under `winlog`, with those of other fields that it lacks.
    pub(crate) fn into_document(self, others: &[(&'static str, String)], names: &FieldNames) -> Document {
        let mut document = self.document.into_document(names);
        for (name, data) in [(EVENT_DATA, self.event_data), (USER_DATA, self.user_data)] {
            if data.is_empty() {
                continue;
            }
            let data = data.into_object(names);
            match get_field_mut(&mut document, name) {
                Some(Value::Object(known)) => known.extend(data),
                _ => set_field(&mut document, name, Value::Object(data)),
            }
        }
        clean(&mut document, 0);
        for (name, value) in others {
            if get_field(&document, name).is_none() {
                set_field(&mut document, name, Value::String(value.clone()));
            }
        }
        document
    }

    /// Whether a field is beside others below its name: then only the tree shows which of them stays.
    fn has_field_within_field(&self, names: &FieldNames) -> bool {
        let is_below =
            |name: &str, holder: &str| name.strip_prefix(holder).is_some_and(|rest| rest.starts_with('.'));
        // Lists of objects are what mostly has names below it, but no other field of its event is there.
        let mut holders = self.document.iter().filter(|&(name, _)| names.is_parent(name));
        self.document.needs_tree()
            || holders.any(|(holder, _)| {
                let holder = names.text(holder);
                self.document.iter().any(|(name, _)| is_below(names.text(name), holder))
            })
    }

    /// Puts all values into the next row of a batch: those that the tree flattens to.
    pub(crate) fn put(&self, builder: &mut BatchBuilder<'_>, others: &[(&'static str, String)]) {
        if self.has_field_within_field(builder.names()) {
            let Self { document, event_data, user_data } = self;
            let copy = Self {
                document: document.clone(),
                event_data: event_data.clone(),
                user_data: user_data.clone(),
            };
            let document = copy.into_document(others, builder.names());
            return flatten(&document, &mut |name, value| {
                if let Some(value) = Scalar::of(value) {
                    builder.put_named(name, value);
                }
            });
        }
        for (name, value) in self.document.iter() {
            put(builder, name, value);
        }
        for (prefix, data) in [(EVENT_DATA, &self.event_data), (USER_DATA, &self.user_data)] {
            for (name, value) in data.iter() {
                let name = builder.names().below(prefix, name);
                put(builder, name, value);
            }
        }
        for (name, value) in others {
            let name = builder.names().fixed(name);
            if self.lacks(name) {
                builder.put(name, Scalar::Text(value));
            }
        }
    }
}

/// The value under a name of two parts, whose objects are nested.
fn get_field_mut<'d>(document: &'d mut Document, name: &str) -> Option<&'d mut Value> {
    let (outer, inner) = name.split_once('.')?;
    document.get_mut(outer)?.as_object_mut()?.get_mut(inner)
}

fn is_empty(value: &FieldValue<'_>) -> bool {
    match value {
        FieldValue::Text(text) => text.is_empty(),
        FieldValue::Texts(texts) => texts.is_empty(),
        FieldValue::Words(words) => words.is_empty(),
        FieldValue::Objects(objects) => objects.iter().flatten().all(|(_, text)| text.is_empty()),
        FieldValue::Json(value) => !keeps(&mut value.clone(), 0),
        FieldValue::Integer(_) | FieldValue::Unsigned(_) | FieldValue::Double(_) | FieldValue::Boolean(_) => {
            false
        }
    }
}

fn put(builder: &mut BatchBuilder<'_>, name: FieldName, value: &FieldValue<'_>) {
    match value {
        FieldValue::Text(text) if text.is_empty() => {}
        FieldValue::Words(words) => words.iter().for_each(|word| builder.put(name, Scalar::Text(word))),
        FieldValue::Texts(texts) => texts.iter().for_each(|text| builder.put(name, Scalar::Text(text))),
        FieldValue::Objects(objects) => {
            for (member, text) in objects.iter().flatten().filter(|(_, text)| !text.is_empty()) {
                let holder = Arc::clone(builder.names().text(name));
                let name = builder.names().intern_below(&holder, member);
                builder.put(name, Scalar::Text(text));
            }
        }
        FieldValue::Json(value) => {
            let mut text = builder.names().text(name).to_string();
            put_json(builder, &mut text, value, false);
        }
        scalar => {
            if let Some(scalar) = scalar.scalar() {
                builder.put(name, scalar);
            }
        }
    }
}

/// Puts what [`clean`] leaves of a value: no empty text, unless it is an item of a list.
fn put_json(builder: &mut BatchBuilder<'_>, name: &mut String, value: &Value, is_item: bool) {
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() && !is_item => {}
        Value::Array(items) => items.iter().for_each(|item| put_json(builder, name, item, true)),
        Value::Object(members) => {
            for (key, value) in members {
                let length = name.len();
                name.push('.');
                name.push_str(key);
                put_json(builder, name, value, false);
                name.truncate(length);
            }
        }
        scalar => {
            if let Some(scalar) = Scalar::of(scalar) {
                builder.put_named(name, scalar);
            }
        }
    }
}

/// Removes nulls, empty texts, empty lists and empty objects, whatever removing them makes empty included.
pub(crate) fn clean(object: &mut Document, depth: usize) {
    if depth < MAX_CLEANED_DEPTH {
        object.retain(|_, value| keeps(value, depth));
    }
}

fn keeps(value: &mut Value, depth: usize) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => {
            // Empty texts in a list are elements of it: an empty argument is an argument.
            items.retain_mut(|item| matches!(item, Value::String(_)) || keeps(item, depth + 1));
            !items.is_empty()
        }
        Value::Object(object) => {
            clean(object, depth + 1);
            !object.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cleaning_keeps_zero_false_and_empty_arguments() {
        let mut document = json!({
            "a": null, "b": "", "c": {"d": {}, "e": [null, {}]}, "f": 0, "g": false, "h": ["", "x"]
        });
        clean(document.as_object_mut().unwrap(), 0);
        assert_eq!(document, json!({"f": 0, "g": false, "h": ["", "x"]}));
    }
}
