//! The raw fields that a table reads, found in one pass over a record.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::MOST_DEPTH;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::scalar_text;

/// The number of a raw field of a table.
pub(super) type Slot = usize;

/// Raw fields as a tree of their names. A name with dots and objects inside objects say the same; an array counts as
/// each of its objects, and a number picks one of its items.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    /// All nodes by their whole paths: flat records have names with dots.
    flat: FxHashMap<&'static str, usize>,
    slots: Vec<&'static str>,
}

#[derive(Debug, Default)]
struct Node {
    children: FxHashMap<&'static str, usize>,
    slot: Option<Slot>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], flat: FxHashMap::default(), slots: Vec::new() }
    }
}

impl Paths {
    /// The slot of a raw field; a new one is added.
    pub(super) fn slot(&mut self, path: &'static str) -> Slot {
        let mut at = 0;
        let mut end = 0;
        for segment in path.split('.') {
            end += segment.len();
            at = match self.nodes[at].children.get(segment) {
                Some(&child) => child,
                None => {
                    self.nodes.push(Node::default());
                    let child = self.nodes.len() - 1;
                    self.nodes[at].children.insert(segment, child);
                    self.flat.insert(&path[..end], child);
                    child
                }
            };
            end += 1;
        }
        *self.nodes[at].slot.get_or_insert_with(|| {
            self.slots.push(path);
            self.slots.len() - 1
        })
    }

    /// The raw fields, by their slots.
    pub(super) fn names(&self) -> &[&'static str] {
        &self.slots
    }

    /// What a record holds of them, by itself or in its object `inside`. Texts that are empty or one of `nothing` are not
    /// there.
    pub(super) fn find<'a>(
        &self,
        record: TapeObject<'a>,
        inside: Option<&str>,
        nothing: &[&str],
    ) -> Found<'a> {
        let mut found = Found::with_slots(self.slots.len());
        self.walk(0, record, nothing, 0, &mut found);
        if let Some(inner) = inside.and_then(|name| record.get(name)).and_then(TapeValue::as_object) {
            self.walk(0, inner, nothing, 1, &mut found);
        }
        found
    }

    fn walk<'a>(
        &self,
        at: usize,
        object: TapeObject<'a>,
        nothing: &[&str],
        depth: usize,
        found: &mut Found<'a>,
    ) {
        if depth > MOST_DEPTH {
            return;
        }
        for (key, value) in object.iter() {
            if let Some(child) = self.child(at, key) {
                self.visit(child, value, nothing, depth, found);
            }
        }
    }

    /// The node of a key, which may be a path itself.
    fn child(&self, at: usize, key: &str) -> Option<usize> {
        if at == 0 {
            return self.flat.get(key).copied();
        }
        let children = &self.nodes[at].children;
        if let Some(&child) = children.get(key) {
            return Some(child);
        }
        if children.is_empty() || !key.contains('.') {
            return None;
        }
        key.split('.').try_fold(at, |at, segment| self.nodes[at].children.get(segment).copied())
    }

    fn visit<'a>(
        &self,
        at: usize,
        value: TapeValue<'a>,
        nothing: &[&str],
        depth: usize,
        found: &mut Found<'a>,
    ) {
        let node = &self.nodes[at];
        if let Some(slot) = node.slot
            && !value.is_null()
            && value.as_str().is_none_or(|text| !text.is_empty() && !nothing.contains(&text))
        {
            found.add(slot, value);
        }
        if node.children.is_empty() {
            return;
        }
        if let Some(object) = value.as_object() {
            self.walk(at, object, nothing, depth + 1, found);
        } else if let Some(items) = value.as_array() {
            for (number, item) in items.enumerate() {
                if number < 16
                    && let Some(&child) = node.children.get(number.to_string().as_str())
                {
                    self.visit(child, item, nothing, depth + 1, found);
                }
                if let Some(object) = item.as_object() {
                    self.walk(at, object, nothing, depth + 1, found);
                }
            }
        }
    }

    /// Whether a table reads something within a raw field.
    pub(super) fn reads_within(&self, path: &str) -> bool {
        let mut segments = path.split('.');
        segments
            .try_fold(0, |at, segment| self.nodes[at].children.get(segment).copied())
            .is_some_and(|at| !self.nodes[at].children.is_empty())
    }

    /// Whether a table reads a raw field, by itself or as a part of what it reads.
    pub(super) fn reads(&self, path: &str) -> bool {
        let mut at = 0;
        for segment in path.split('.') {
            match self.nodes[at].children.get(segment) {
                Some(&child) => at = child,
                None => return false,
            }
            if self.nodes[at].slot.is_some() {
                return true;
            }
        }
        false
    }
}

/// The values of a record's raw fields, by slot. Most have one; those within lists of objects can have several.
#[derive(Debug)]
pub(super) struct Found<'a> {
    first: Vec<Option<TapeValue<'a>>>,
    /// All values, the first included, of those that have several.
    several: FxHashMap<Slot, Vec<TapeValue<'a>>>,
}

impl<'a> Found<'a> {
    fn with_slots(slots: usize) -> Self {
        Self { first: vec![None; slots], several: FxHashMap::default() }
    }

    fn add(&mut self, slot: Slot, value: TapeValue<'a>) {
        match self.first[slot] {
            None => self.first[slot] = Some(value),
            Some(first) => self.several.entry(slot).or_insert_with(|| vec![first]).push(value),
        }
    }

    /// All values of a raw field.
    pub(super) fn all(&self, slot: Slot) -> &[TapeValue<'a>] {
        match self.several.get(&slot) {
            Some(values) => values,
            None => self.first[slot].as_slice(),
        }
    }

    /// The first value of a raw field.
    pub(super) fn first(&self, slot: Slot) -> Option<TapeValue<'a>> {
        self.first[slot]
    }

    /// Whether the record has a raw field.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.first[slot].is_some()
    }

    /// The first value of a raw field as a text; nothing for lists and objects.
    pub(super) fn text(&self, slot: Slot) -> Option<Cow<'a, str>> {
        Some(scalar_text(self.first(slot)?.scalar()?))
    }
}
