//! Values on tapes as bytes, to be kept outside of memory, and as a number that tells them apart.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use super::{Node, Tape, TapeValue};

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
pub fn pack_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`pack_number`] wrote, and moves behind it.
pub fn unpack_number(bytes: &mut &[u8]) -> Option<u64> {
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

impl Tape {
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
}

impl TapeValue<'_> {
    /// Appends bytes of which [`Tape::unpack`] makes the value: its nodes, then its texts in one. No text is looked into,
    /// which makes it several times as fast as writing JSON, and as small.
    pub fn pack(self, out: &mut Vec<u8>) {
        let nodes = &self.nodes[..self.size()];
        pack_number(nodes.len() as u64, out);
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
                Node::Text { length, .. } => pack_node(kind::TEXT, u64::from(length), out),
                Node::Array { nodes } => pack_node(kind::ARRAY, u64::from(nodes), out),
                Node::Object { nodes } => pack_node(kind::OBJECT, u64::from(nodes), out),
            }
        }
        for node in nodes {
            if let Node::Text { start, length } = *node {
                out.extend_from_slice(&self.text.as_bytes()[start as usize..][..length as usize]);
            }
        }
    }
}

impl TapeValue<'_> {
    /// What tells it from other values, as far as 64 bits can: its nodes and texts in their order.
    pub fn digest(self) -> u64 {
        let mut hash = FxHasher::default();
        for node in &self.nodes[..self.size()] {
            let (kind, content) = match *node {
                Node::Null => (kind::WORD, 0),
                Node::Boolean(value) => (kind::WORD, 1 + u64::from(value)),
                Node::Integer(number) => (kind::INTEGER, number as u64),
                Node::Unsigned(number) => (kind::UNSIGNED, number),
                Node::Double(number) => (kind::DOUBLE, number.to_bits()),
                Node::Text { start, length } => {
                    hash.write(&self.text.as_bytes()[start as usize..][..length as usize]);
                    (kind::TEXT, u64::from(length))
                }
                Node::Array { nodes } => (kind::ARRAY, u64::from(nodes)),
                Node::Object { nodes } => (kind::OBJECT, u64::from(nodes)),
            };
            hash.write_u64(content.rotate_left(3) ^ u64::from(kind));
        }
        hash.finish()
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
