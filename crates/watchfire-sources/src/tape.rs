//! JSON values as flat lists of nodes: what most records are from the decoder to the columns.
//!
//! ```text
//! bytes ─► simd-json ─► Tape: nodes [object 2][text "a"][integer 1][text "b"][array 1][null] + all texts in one string
//! ```
//!
//! A tree of maps costs an allocation for each key and value and a hash for each key, several times what parsing costs;
//! and most events are only looked at once. A tape is read front to back, its texts are borrowed, and a tree is made of
//! it only where something asks for one.
//!
//! `serde_json` defines what a text means. A tape is given only of texts of which both parsers are known to make the
//! same: no negative nought, no escaped surrogate (of which simd-json makes
//! characters even if they are no pair), no byte 0 and no number of so many digits that simd-json does not look at what is
//! behind it, no key twice in an object. The others are left to `serde_json`.

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use simd_json::{Buffers, Node as SimdNode, StaticNode};
use watchfire_events::Scalar;

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

impl Node {
    /// Whether nothing but the end of a value stands behind a whole number in its text, if it has 18 digits or more.
    fn ends_well(&self, text: &[u8]) -> bool {
        /// Those of the least number of 18 digits.
        const LONG: u64 = 100_000_000_000_000_000;
        match self {
            Self::Integer(number) if number.unsigned_abs() >= LONG => ends_behind(text, &number.to_string()),
            Self::Unsigned(number) => ends_behind(text, &number.to_string()),
            _ => true,
        }
    }
}

/// Whether the end of a value stands behind each place where a number is written.
fn ends_behind(text: &[u8], number: &str) -> bool {
    memchr::memmem::find_iter(text, number)
        .all(|at| text.get(at + number.len()).is_none_or(|byte| is_end_of_value(*byte)))
}

fn is_end_of_value(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b'"' | b' ' | b'\t' | b'\r' | b'\n')
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
    pub fn get(&self, span: TapeSpan) -> TapeValue<'_> {
        TapeValue {
            nodes: &self.nodes[span.nodes.0..span.nodes.1],
            text: &self.text[span.text.0..span.text.1],
        }
    }

    /// The value that [`TapeValue::pack`] made these bytes of; `None` if they were made otherwise.
    pub fn unpack(mut bytes: &[u8]) -> Option<Self> {
        let count = unpack_number(&mut bytes)?;
        let mut nodes = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len()));
        let mut end = 0_u32;
        for _ in 0..count {
            let (first, rest) = bytes.split_first()?;
            bytes = rest;
            let number = match first & LONG_NUMBER {
                LONG_NUMBER => unpack_number(&mut bytes)?.checked_add(u64::from(LONG_NUMBER))?,
                small => u64::from(small),
            };
            nodes.push(match (first >> 5, number) {
                (kind::TEXT, length) => {
                    let (start, length) = (end, u32::try_from(length).ok()?);
                    end = end.checked_add(length)?;
                    Node::Text { start, length }
                }
                (kind::OBJECT, nodes) => Node::Object { nodes: u32::try_from(nodes).ok()? },
                (kind::ARRAY, nodes) => Node::Array { nodes: u32::try_from(nodes).ok()? },
                (kind::INTEGER, number) => Node::Integer(i64::try_from(number).ok()?),
                (kind::NEGATIVE, number) => Node::Integer(!i64::try_from(number).ok()?),
                (kind::UNSIGNED, number) => Node::Unsigned(number),
                (kind::DOUBLE, _) => {
                    let (bits, rest) = bytes.split_first_chunk()?;
                    bytes = rest;
                    Node::Double(f64::from_bits(u64::from_le_bytes(*bits)))
                }
                (_, 0) => Node::Null,
                (_, word) => Node::Boolean(word == 2),
            });
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let is_whole = |node: &Node| match node {
            Node::Text { start, length } => text.get(*start as usize..(*start + *length) as usize).is_some(),
            _ => true,
        };
        let is_value = text.len() == end as usize
            && nodes.iter().all(is_whole)
            && after_value(&nodes).is_some_and(<[Node]>::is_empty);
        is_value.then(|| Self { nodes, text: text.to_owned() })
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
                Some(Scalar::Text(text)) => self.add_text(text),
                Some(Scalar::Integer(number)) => self.nodes.push(Node::Integer(number)),
                Some(Scalar::Unsigned(number)) => self.nodes.push(Node::Unsigned(number)),
                Some(Scalar::Double(number)) => self.nodes.push(Node::Double(number)),
                Some(Scalar::Boolean(value)) => self.nodes.push(Node::Boolean(value)),
                None => self.nodes.push(Node::Null),
            },
        }
    }
}

/// The kinds of nodes in packed bytes: the upper three bits of a node's first byte. The lower five are its number, if that
/// is small enough; else they are all set, and what is beyond follows.
mod kind {
    pub(super) const TEXT: u8 = 0;
    pub(super) const OBJECT: u8 = 1;
    pub(super) const ARRAY: u8 = 2;
    /// Not negative.
    pub(super) const INTEGER: u8 = 3;
    /// The number is the one's complement.
    pub(super) const NEGATIVE: u8 = 4;
    pub(super) const UNSIGNED: u8 = 5;
    /// Eight bytes follow.
    pub(super) const DOUBLE: u8 = 6;
    /// Null, false, true.
    pub(super) const WORD: u8 = 7;
}

/// The greatest number that a node's first byte has room for, and one.
const LONG_NUMBER: u8 = 0x1f;

fn pack_node(kind: u8, number: u64, out: &mut Vec<u8>) {
    if number < u64::from(LONG_NUMBER) {
        out.push(kind << 5 | number as u8);
    } else {
        out.push(kind << 5 | LONG_NUMBER);
        pack_number(number - u64::from(LONG_NUMBER), out);
    }
}

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn pack_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`pack_number`] wrote, and moves behind it.
pub(crate) fn unpack_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
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
    fn size(self) -> usize {
        match self.nodes[0] {
            Node::Array { nodes } | Node::Object { nodes } => 1 + nodes as usize,
            _ => 1,
        }
    }

    /// Appends bytes of which [`Tape::unpack`] makes the value: its nodes, then its texts in one. No text is looked at,
    /// which makes it several times as fast as writing JSON, and as small.
    pub fn pack(self, out: &mut Vec<u8>) {
        let nodes = &self.nodes[..self.size()];
        pack_number(nodes.len() as u64, out);
        // The texts of a value lie one behind the other.
        let mut texts: Option<(usize, usize)> = None;
        for node in nodes {
            match *node {
                Node::Null => pack_node(kind::WORD, 0, out),
                Node::Boolean(value) => pack_node(kind::WORD, 1 + u64::from(value), out),
                Node::Integer(number) if number < 0 => pack_node(kind::NEGATIVE, !number as u64, out),
                Node::Integer(number) => pack_node(kind::INTEGER, number as u64, out),
                Node::Unsigned(number) => pack_node(kind::UNSIGNED, number, out),
                Node::Double(number) => {
                    pack_node(kind::DOUBLE, 0, out);
                    out.extend_from_slice(&number.to_bits().to_le_bytes());
                }
                Node::Text { start, length } => {
                    let (start, end) = (start as usize, start as usize + length as usize);
                    texts = Some((texts.map_or(start, |(first, _)| first), end));
                    pack_node(kind::TEXT, u64::from(length), out);
                }
                Node::Array { nodes } => pack_node(kind::ARRAY, u64::from(nodes), out),
                Node::Object { nodes } => pack_node(kind::OBJECT, u64::from(nodes), out),
            }
        }
        if let Some((start, end)) = texts {
            out.extend_from_slice(&self.text.as_bytes()[start..end]);
        }
    }

    /// The scalar that it is; `None` for null, arrays and objects.
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
    pub fn as_str(self) -> Option<&'a str> {
        match self.scalar() {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.nodes[0] == Node::Null
    }

    /// The object that it is.
    pub fn as_object(self) -> Option<TapeObject<'a>> {
        match self.nodes[0] {
            Node::Object { nodes } => {
                Some(TapeObject { nodes: &self.nodes[1..=nodes as usize], text: self.text })
            }
            _ => None,
        }
    }

    /// The items of the array that it is.
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

/// What is behind the value that these nodes begin with; `None` if they are not those of a value.
fn after_value(nodes: &[Node]) -> Option<&[Node]> {
    let (first, rest) = nodes.split_first()?;
    let (inside, behind, is_object) = match *first {
        Node::Array { nodes } => (rest.get(..nodes as usize)?, &rest[nodes as usize..], false),
        Node::Object { nodes } => (rest.get(..nodes as usize)?, &rest[nodes as usize..], true),
        _ => return Some(rest),
    };
    let mut inside = inside;
    while let [node, values @ ..] = inside {
        inside = match (is_object, node) {
            (true, Node::Text { .. }) => after_value(values)?,
            (true, _) => return None,
            (false, _) => after_value(inside)?,
        };
    }
    Some(behind)
}

/// An object on a tape. Look-ups go from member to member; so whoever needs all of them goes over them once.
#[derive(Clone, Copy, Debug)]
pub struct TapeObject<'a> {
    nodes: &'a [Node],
    text: &'a str,
}

impl<'a> TapeObject<'a> {
    /// The members in the order of the text.
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

    /// The value under a dotted name, as [`watchfire_events::get_field`] finds it in a tree.
    pub fn get_field(self, name: &str) -> Option<TapeValue<'a>> {
        if let Some(value) = self.get(name) {
            return (!value.is_null()).then_some(value);
        }
        name.match_indices('.')
            .find_map(|(dot, _)| self.get(&name[..dot])?.as_object()?.get_field(&name[dot + 1..]))
    }

    /// The object as a tree.
    pub fn to_map(self) -> Map<String, Value> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_value())).collect()
    }

    /// Whether a key is there more than once, here or further inside.
    fn repeats_a_key(self) -> bool {
        // A bit for each hash; where two keys share one, all are compared.
        let mut seen = [0_u64; 16];
        for (at, (key, value)) in self.iter().enumerate() {
            let hash = FxBuildHasher.hash_one(key) as usize;
            let (word, bit) = (hash / 64 % seen.len(), 1 << (hash % 64));
            if seen[word] & bit != 0 && self.iter().take(at).any(|(earlier, _)| earlier == key) {
                return true;
            }
            seen[word] |= bit;
            if value.repeats_a_key() {
                return true;
            }
        }
        false
    }
}

impl TapeValue<'_> {
    fn repeats_a_key(self) -> bool {
        match self.nodes[0] {
            Node::Object { .. } => self.as_object().is_some_and(TapeObject::repeats_a_key),
            Node::Array { .. } => {
                self.as_array().is_some_and(|mut items| items.any(TapeValue::repeats_a_key))
            }
            _ => false,
        }
    }
}

/// Reads texts into tapes, one at a time.
pub struct TapeReader {
    buffers: Buffers,
    simd: simd_json::Tape<'static>,
    bytes: Vec<u8>,
    tape: Tape,
}

impl Default for TapeReader {
    fn default() -> Self {
        Self {
            buffers: Buffers::default(),
            simd: simd_json::Tape(Vec::new()),
            bytes: Vec::new(),
            tape: Tape::default(),
        }
    }
}

impl TapeReader {
    /// Reads a text that is one JSON value; `None` if it is none, or one that `serde_json` might read differently.
    pub fn read(&mut self, text: &[u8]) -> Option<TapeValue<'_>> {
        // The parser undoes escapes where it finds them.
        self.bytes.clear();
        self.bytes.extend_from_slice(text);
        let mut simd = std::mem::replace(&mut self.simd, simd_json::Tape(Vec::new())).reset();
        let is_json = simd_json::fill_tape(&mut self.bytes, &mut self.buffers, &mut simd).is_ok();
        if is_json {
            fill(&mut self.tape, &simd.0);
        }
        let is_read = is_json
            && !(self.tape.nodes.contains(&Node::Integer(0)) && may_have_negative_nought(text))
            && !may_have_surrogate(text)
            && memchr::memchr(0, text).is_none()
            && self.tape.nodes.iter().all(|node| node.ends_well(text))
            // The digits of fractions are not known any more, so all of the text is looked at, once.
            && !(self.tape.nodes.iter().any(|node| matches!(node, Node::Double(_)))
                && may_go_on_behind_long_number(text));
        self.simd = simd.reset();
        let value = self.tape.first();
        (is_read && !value.repeats_a_key()).then_some(value)
    }

    /// The value that was read last, if one was.
    pub fn last(&self) -> TapeValue<'_> {
        self.tape.first()
    }
}

/// Whether `-0` may stand somewhere as a number: a float to `serde_json`, an integer to others.
fn may_have_negative_nought(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"-0").any(|at| {
        let before = text[..at].trim_ascii_end().last();
        let behind = text.get(at + 2);
        before.is_none_or(|byte| matches!(byte, b':' | b',' | b'['))
            && behind.is_none_or(|byte| !byte.is_ascii_digit())
    })
}

/// Whether something else than the end of a value may stand behind a number of 18 digits or more.
fn may_go_on_behind_long_number(text: &[u8]) -> bool {
    /// So many digits stand over one of the places that are looked at.
    const LONG: usize = 18;
    let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let mut at = LONG - 1;
    while let Some(byte) = text.get(at) {
        if !is_digit(byte) {
            at += LONG;
            continue;
        }
        let before = text[..at].iter().rev().take_while(|byte| is_digit(byte)).count();
        let end = at + text[at..].iter().take_while(|byte| is_digit(byte)).count();
        if end - (at - before) >= LONG && text.get(end).is_some_and(|byte| !is_end_of_value(*byte)) {
            return true;
        }
        at = end + LONG;
    }
    false
}

/// Whether a half of a surrogate pair may be escaped somewhere.
fn may_have_surrogate(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"\\u").any(|at| matches!(text.get(at + 2), Some(b'd' | b'D')))
}

/// Copies nodes.
fn fill(tape: &mut Tape, nodes: &[SimdNode<'_>]) {
    tape.nodes.clear();
    tape.text.clear();
    for node in nodes {
        match *node {
            SimdNode::String(text) => tape.add_text(text),
            SimdNode::Object { count, .. } => tape.nodes.push(Node::Object { nodes: count as u32 }),
            SimdNode::Array { count, .. } => tape.nodes.push(Node::Array { nodes: count as u32 }),
            SimdNode::Static(StaticNode::Null) => tape.nodes.push(Node::Null),
            SimdNode::Static(StaticNode::Bool(value)) => tape.nodes.push(Node::Boolean(value)),
            SimdNode::Static(StaticNode::I64(number)) => tape.nodes.push(Node::Integer(number)),
            SimdNode::Static(StaticNode::U64(number)) => tape.nodes.push(match i64::try_from(number) {
                Ok(number) => Node::Integer(number),
                Err(_) => Node::Unsigned(number),
            }),
            SimdNode::Static(StaticNode::F64(number)) => tape.nodes.push(Node::Double(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

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
            let expected = watchfire_events::get_field(value.as_object().unwrap(), name);
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
                let is_odd = may_go_on_behind_long_number(&bytes) || may_have_surrogate(&bytes);
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
}
