//! A document in the making: fields under dotted names, in the order in which they were first set.
//!
//! Mappings read and write single fields; so a document is a flat list until it is finished. Then its fields go into
//! columns, or become a tree (`_source`), from the same list. Texts are borrowed from the record wherever a mapping
//! passes them on as they are.
//!
//! What a tree of objects that keep their order would do holds here too: a field that is set again keeps its place, and
//! where one is taken out the last one takes its place.

mod index;
mod value;

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{Document, FieldName, FieldNames, MAX_FLATTENED_DEPTH, set_field};

use self::index::Index;
pub(crate) use self::value::{FieldValue, TextMembers};
use crate::tape::{TapeObject, TapeValue};

/// Fields by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields<'a> {
    entries: Vec<(FieldName, FieldValue<'a>)>,
    index: Index,
    /// Whether a field came with the record of which only the tree tells what it flattens to: one that is where the data
    /// of its event go, below a name that is empty, or of more parts than are flattened.
    needs_tree: bool,
}

/// Where the data of an event are in its document.
pub(crate) const EVENT_DATA: &str = "winlog.event_data";
pub(crate) const USER_DATA: &str = "winlog.user_data";

impl<'a> Fields<'a> {
    pub(crate) fn with_room_for(fields: usize) -> Self {
        Self { entries: Vec::with_capacity(fields), ..Self::default() }
    }

    /// The members of an object, those of objects inside under dotted names. Nothing is said by null, nor by objects
    /// that are empty.
    pub(crate) fn of_document(document: Document, names: &mut FieldNames) -> Self {
        let mut fields = Self::with_room_for(document.len());
        for (mut name, value) in document {
            fields.add_value(&mut name, value, names);
        }
        fields
    }

    /// Adds a value under a name, the members of an object below it.
    pub(crate) fn add_value(&mut self, name: &mut String, value: Value, names: &mut FieldNames) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let length = name.len();
                    name.push('.');
                    name.push_str(&key);
                    self.add_value(name, value, names);
                    name.truncate(length);
                }
            }
            Value::Null => {}
            value => self.add_member(name, FieldValue::of(value), names),
        }
    }

    /// Adds what a member of a record holds under its name, as [`Self::of_document`] does.
    pub(crate) fn add_tape(&mut self, name: &mut String, value: TapeValue<'a>, names: &mut FieldNames) {
        match value.as_object() {
            Some(object) => self.add_tape_object(name, object, names),
            None if value.is_null() => {}
            None => self.add_member(name, FieldValue::of_tape(value), names),
        }
    }

    /// Adds what is no object under a name that comes from the record.
    pub(crate) fn add_member(&mut self, name: &str, value: FieldValue<'a>, names: &mut FieldNames) {
        self.note_odd(name);
        self.set(names.intern(name), value);
    }

    /// As [`Self::add_member`], under a name that lives as long as the program.
    pub(crate) fn add_fixed_member(
        &mut self,
        name: &'static str,
        value: FieldValue<'a>,
        names: &mut FieldNames,
    ) {
        self.note_odd(name);
        self.set(names.fixed(name), value);
    }

    fn note_odd(&mut self, name: &str) {
        self.needs_tree |=
            [EVENT_DATA, USER_DATA, "."].iter().any(|odd| name.starts_with(odd)) || may_be_too_deep(name);
    }

    /// Whether only the tree tells what the fields flatten to.
    pub(crate) fn needs_tree(&self) -> bool {
        self.needs_tree
    }

    fn add_tape_object(&mut self, name: &mut String, object: TapeObject<'a>, names: &mut FieldNames) {
        for (key, value) in object.iter() {
            let length = name.len();
            name.push('.');
            name.push_str(key);
            self.add_tape(name, value, names);
            name.truncate(length);
        }
    }

    /// Named data: each member under its own name, whatever it holds.
    pub(crate) fn of_data(data: Document, names: &mut FieldNames) -> Self {
        let mut fields = Self::with_room_for(data.len());
        for (name, value) in data {
            fields.set(names.intern(&name), FieldValue::of(value));
        }
        fields
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FieldName, &FieldValue<'a>)> {
        self.entries.iter().map(|(name, value)| (*name, value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut FieldValue<'a>> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn get(&self, name: FieldName) -> Option<&FieldValue<'a>> {
        self.index.find(name, &self.entries).map(|at| &self.entries[at].1)
    }

    pub(crate) fn get_mut(&mut self, name: FieldName) -> Option<&mut FieldValue<'a>> {
        self.index.find(name, &self.entries).map(|at| &mut self.entries[at].1)
    }

    pub(crate) fn set(&mut self, name: FieldName, value: FieldValue<'a>) {
        match self.get_mut(name) {
            Some(known) => *known = value,
            None => {
                self.entries.push((name, value));
                self.index.added(&self.entries);
            }
        }
    }

    /// Takes a field out; the last one takes its place.
    pub(crate) fn remove(&mut self, name: FieldName) -> Option<FieldValue<'a>> {
        let at = self.index.find(name, &self.entries)?;
        let (_, value) = self.entries.swap_remove(at);
        self.index.swap_removed(name, at, &self.entries);
        Some(value)
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(&FieldValue<'a>) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|(_, value)| keeps(value));
        if self.entries.len() < before {
            self.index = Index::of(&self.entries);
        }
    }

    /// Adds a value to data; a name that comes twice gathers its values in a list.
    pub(crate) fn add(&mut self, name: FieldName, value: FieldValue<'a>) {
        match self.get_mut(name) {
            None => self.set(name, value),
            Some(known) => {
                let first = std::mem::replace(known, FieldValue::Boolean(false));
                *known = first.joined(value);
            }
        }
    }

    /// The same, without what they borrow.
    pub(crate) fn into_owned<'b>(self) -> Fields<'b> {
        let entries = self.entries.into_iter().map(|(name, value)| (name, value.into_owned())).collect();
        Fields { entries, index: self.index, needs_tree: self.needs_tree }
    }

    /// The fields as a tree.
    pub(crate) fn into_document(self, names: &FieldNames) -> Document {
        let mut document = Document::new();
        for (name, value) in self.entries {
            set_field(&mut document, names.text(name), value.into_value());
        }
        document
    }

    /// The fields as one object, whatever their names.
    pub(crate) fn into_object(self, names: &FieldNames) -> Document {
        self.entries
            .into_iter()
            .map(|(name, value)| (names.text(name).to_string(), value.into_value()))
            .collect()
    }
}

/// Whether a name may have more parts than a tree is flattened to.
fn may_be_too_deep(name: &str) -> bool {
    let dots = || memchr::memchr_iter(b'.', name.as_bytes()).count();
    name.len() >= MAX_FLATTENED_DEPTH && dots() + 1 >= MAX_FLATTENED_DEPTH
}

/// A part of a text, borrowed where the text is.
pub(crate) fn part<'a>(
    text: &Cow<'a, str>,
    cut: impl for<'t> FnOnce(&'t str) -> Option<&'t str>,
) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => cut(text).map(Cow::Borrowed),
        Cow::Owned(text) => cut(text).map(|part| Cow::Owned(part.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_tree_comes_back() {
        let mut names = FieldNames::default();
        let tree = json!({"a": {"b": 1, "c": [{"d": 2}], "e": {"f": "x"}}, "g": ["y", "z"], "h": 1.5});
        let Value::Object(tree) = tree else { unreachable!() };
        let fields = Fields::of_document(tree.clone(), &mut names);
        assert_eq!(
            fields.iter().map(|(name, _)| &**names.text(name)).collect::<Vec<_>>(),
            ["a.b", "a.c", "a.e.f", "g", "h"]
        );
        assert_eq!(fields.into_document(&names), tree);
    }

    proptest! {
        /// Over all numbers of fields: small lists and large ones have an index of their own kind.
        #[test]
        fn fields_are_a_map_that_keeps_its_order(steps in proptest::collection::vec((0_usize..400, any::<bool>()), 0..600)) {
            let mut names = FieldNames::default();
            let mut fields = Fields::default();
            let mut map = Document::new();
            for (number, sets) in steps {
                let text = format!("f{number}");
                let name = names.intern(&text);
                if sets {
                    fields.set(name, FieldValue::Integer(number as i64));
                    map.insert(text, json!(number));
                } else {
                    let removed = fields.remove(name).map(FieldValue::into_value);
                    prop_assert_eq!(removed, map.swap_remove(&text));
                }
                prop_assert_eq!(fields.get(name).is_some(), map.contains_key(names.text(name).as_ref()));
            }
            let order: Vec<String> = fields.iter().map(|(name, _)| names.text(name).to_string()).collect();
            prop_assert_eq!(order, map.keys().cloned().collect::<Vec<_>>());
        }
    }
}
