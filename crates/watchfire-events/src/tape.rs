//! JSON values as flat lists of nodes: what most records are from the decoder to the columns.
//!
//! ```text
//! bytes ─► simd-json ─► Tape: nodes [object 4][text "a"][integer 1][text "b"][array 1][null] + the text that the keys
//!                             and texts are parts of
//! ```
//!
//! A tree of maps costs an allocation for each key and value and a hash for each key, several times what parsing costs;
//! and most events are only looked at once. A tape is read front to back, its texts are borrowed, and a tree is made of
//! it only where something asks for one. The text of a tape that was [read](TapeReader) is the JSON itself, in which the
//! parser has undone the escapes: copying it whole costs less than copying its texts one by one.

mod edit;
mod packed;
mod reader;
#[cfg(test)]
mod tests;

use crate::Scalar;
use crate::document::nesting_dots;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use self::packed::{pack_number, unpack_number};
pub use self::reader::TapeReader;

/// One node: a scalar, or how much of what follows belongs to a container.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Node {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Double(f64),
    /// A part of the text of the tape.
    Text {
        start: u32,
        length: u32,
    },
    /// So many nodes follow, of all values inside.
    Array {
        nodes: u32,
    },
    /// So many nodes follow: keys, and behind each its value.
    Object {
        nodes: u32,
    },
}

/// JSON values one behind another.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    text: String,
}

/// Where a value is in a [`Tape`].
#[derive(Clone, Copy, Debug)]
pub struct TapeSpan {
    nodes: (usize, usize),
    text: (usize, usize),
}

impl Tape {
    /// A tape of one value.
    pub fn of(value: &Value) -> Self {
        let mut tape = Self::default();
        tape.add(value);
        tape
    }

    /// Puts a value in the place of all others, and keeps the memory.
    pub fn set(&mut self, value: &Value) {
        self.clear();
        self.add(value);
    }

    /// A tape of one object.
    pub fn of_object(object: TapeObject<'_>) -> Self {
        let mut nodes = Vec::with_capacity(object.nodes.len() + 8);
        nodes.push(Node::Object { nodes: object.nodes.len() as u32 });
        nodes.extend_from_slice(object.nodes);
        Self { nodes, text: object.text.to_owned() }
    }

    /// Its first value; null if it is empty.
    pub fn first(&self) -> TapeValue<'_> {
        TapeValue { nodes: if self.nodes.is_empty() { &[Node::Null] } else { &self.nodes }, text: &self.text }
    }

    /// Adds a copy of a value.
    pub fn push(&mut self, value: TapeValue<'_>) -> TapeSpan {
        let (nodes, text) = (self.nodes.len(), self.text.len());
        self.nodes.extend_from_slice(&value.nodes[..value.size()]);
        self.text.push_str(value.text);
        TapeSpan { nodes: (nodes, self.nodes.len()), text: (text, self.text.len()) }
    }

    /// A value that was pushed.
    #[inline]
    pub fn get(&self, span: TapeSpan) -> TapeValue<'_> {
        TapeValue {
            nodes: &self.nodes[span.nodes.0..span.nodes.1],
            text: &self.text[span.text.0..span.text.1],
        }
    }

    /// Takes all values away, and keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.text.clear();
    }

    /// Bytes of memory that it has.
    pub fn capacity(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.text.capacity()
    }

    /// Bytes of memory that it uses.
    pub fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.text.len()
    }

    fn add_text(&mut self, text: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.nodes.push(Node::Text { start, length: text.len() as u32 });
    }

    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(items) => {
                let at = self.nodes.len();
                self.nodes.push(Node::Null);
                items.iter().for_each(|item| self.add(item));
                self.nodes[at] = Node::Array { nodes: (self.nodes.len() - at - 1) as u32 };
            }
            Value::Object(members) => {
                let at = self.nodes.len();
                self.nodes.push(Node::Null);
                for (key, value) in members {
                    self.add_text(key);
                    self.add(value);
                }
                self.nodes[at] = Node::Object { nodes: (self.nodes.len() - at - 1) as u32 };
            }
            scalar => match Scalar::of(scalar) {
                Some(scalar) => self.add_scalar(scalar),
                None => self.nodes.push(Node::Null),
            },
        }
    }
}

/// A value on a tape.
#[derive(Clone, Copy, Debug)]
pub struct TapeValue<'a> {
    /// Those of the value, and perhaps others behind them.
    nodes: &'a [Node],
    text: &'a str,
}

impl<'a> TapeValue<'a> {
    /// Number of its nodes.
    #[inline]
    fn size(self) -> usize {
        match self.nodes[0] {
            Node::Array { nodes } | Node::Object { nodes } => 1 + nodes as usize,
            _ => 1,
        }
    }

    /// The scalar that it is; `None` for null, arrays and objects.
    #[inline]
    pub fn scalar(self) -> Option<Scalar<'a>> {
        match self.nodes[0] {
            Node::Null | Node::Array { .. } | Node::Object { .. } => None,
            Node::Boolean(value) => Some(Scalar::Boolean(value)),
            Node::Integer(number) => Some(Scalar::Integer(number)),
            Node::Unsigned(number) => Some(Scalar::Unsigned(number)),
            Node::Double(number) => Some(Scalar::Double(number)),
            Node::Text { start, length } => {
                Some(Scalar::Text(&self.text[start as usize..][..length as usize]))
            }
        }
    }

    /// The text that it is.
    #[inline]
    pub fn as_str(self) -> Option<&'a str> {
        match self.scalar() {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether it is null.
    #[inline]
    pub fn is_null(self) -> bool {
        self.nodes[0] == Node::Null
    }

    /// The object that it is.
    #[inline]
    pub fn as_object(self) -> Option<TapeObject<'a>> {
        match self.nodes[0] {
            Node::Object { nodes } => {
                Some(TapeObject { nodes: &self.nodes[1..=nodes as usize], text: self.text })
            }
            _ => None,
        }
    }

    /// The items of the array that it is.
    #[inline]
    pub fn as_array(self) -> Option<impl Iterator<Item = TapeValue<'a>>> {
        let Node::Array { nodes } = self.nodes[0] else { return None };
        let mut rest = &self.nodes[1..=nodes as usize];
        let text = self.text;
        Some(std::iter::from_fn(move || {
            let item = TapeValue { nodes: (!rest.is_empty()).then_some(rest)?, text };
            rest = &rest[item.size()..];
            Some(item)
        }))
    }

    /// The value as a tree.
    pub fn to_value(self) -> Value {
        if let Some(object) = self.as_object() {
            return Value::Object(object.to_map());
        }
        if let Some(items) = self.as_array() {
            return items.map(TapeValue::to_value).collect();
        }
        match self.scalar() {
            Some(Scalar::Text(text)) => text.into(),
            Some(Scalar::Integer(number)) => number.into(),
            Some(Scalar::Unsigned(number)) => number.into(),
            Some(Scalar::Double(number)) => number.into(),
            Some(Scalar::Boolean(value)) => value.into(),
            None => Value::Null,
        }
    }
}

impl Serialize for TapeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(object) = self.as_object() {
            return serializer.collect_map(object.iter());
        }
        if let Some(items) = self.as_array() {
            return serializer.collect_seq(items);
        }
        match self.scalar() {
            Some(Scalar::Text(text)) => serializer.serialize_str(text),
            Some(Scalar::Integer(number)) => serializer.serialize_i64(number),
            Some(Scalar::Unsigned(number)) => serializer.serialize_u64(number),
            Some(Scalar::Double(number)) => serializer.serialize_f64(number),
            Some(Scalar::Boolean(value)) => serializer.serialize_bool(value),
            None => serializer.serialize_unit(),
        }
    }
}

/// An object on a tape. Look-ups go from member to member; so whoever needs all of them goes over them once.
#[derive(Clone, Copy, Debug)]
pub struct TapeObject<'a> {
    nodes: &'a [Node],
    text: &'a str,
}

impl<'a> TapeObject<'a> {
    /// The members in the order of the text.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (&'a str, TapeValue<'a>)> {
        let mut rest = self.nodes;
        std::iter::from_fn(move || {
            let (key, behind) = rest.split_first()?;
            let Node::Text { start, length } = *key else { return None };
            let value = TapeValue { nodes: (!behind.is_empty()).then_some(behind)?, text: self.text };
            rest = &behind[value.size()..];
            Some((&self.text[start as usize..][..length as usize], value))
        })
    }

    /// The value of a member.
    pub fn get(self, key: &str) -> Option<TapeValue<'a>> {
        let mut rest = self.nodes;
        while let [Node::Text { start, length }, behind @ ..] = rest {
            let value = TapeValue { nodes: behind, text: self.text };
            if *length as usize == key.len()
                && &self.text.as_bytes()[*start as usize..][..key.len()] == key.as_bytes()
            {
                return Some(value);
            }
            rest = &behind[value.size()..];
        }
        None
    }

    /// Whether there is a member of this name.
    pub fn contains_key(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The text of a member, if it has one that is not empty.
    pub fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// The value under a dotted name, as [`get_field`](crate::get_field) finds it in a tree.
    pub fn get_field(self, name: &str) -> Option<TapeValue<'a>> {
        if let Some(value) = self.get(name) {
            return (!value.is_null()).then_some(value);
        }
        nesting_dots(name).find_map(|dot| self.get(&name[..dot])?.as_object()?.get_field(&name[dot + 1..]))
    }

    /// Whether it has no member.
    pub fn is_empty(self) -> bool {
        self.nodes.is_empty()
    }

    /// The object as a tree.
    pub fn to_map(self) -> Map<String, Value> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_value())).collect()
    }
}
