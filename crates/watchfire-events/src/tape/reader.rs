//! JSON texts to tapes.
//!
//! `serde_json` defines what a text means. A tape is given only of texts of which both parsers are known to make the
//! same: no negative nought, no escaped surrogate (of which simd-json makes characters even if they are no pair), no
//! byte 0 and no number of so many digits that simd-json does not look at what is behind it, no key twice in an object,
//! no more levels than were asked for. The others are left to `serde_json`.

use memchr::memmem::Finder;
use simd_json::{Buffers, Node as SimdNode, StaticNode};

use super::{Node, Tape, TapeValue};

/// The depth to which `serde_json` reads.
const MOST_DEPTH: usize = 127;

/// The least number of 18 digits.
const LONG: u64 = 100_000_000_000_000_000;

/// What an escaped half of a surrogate pair begins with.
pub(super) const ESCAPE: &[u8] = b"\\u";

/// Reads texts into tapes, one at a time.
pub struct TapeReader {
    buffers: Buffers,
    simd: simd_json::Tape<'static>,
    tape: Tape,
    depth: usize,
    /// Finds [`ESCAPE`].
    escape: Finder<'static>,
    /// Room to work in.
    keys: Vec<Key>,
}

impl std::fmt::Debug for TapeReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TapeReader").field("depth", &self.depth).finish_non_exhaustive()
    }
}

impl Default for TapeReader {
    fn default() -> Self {
        Self {
            buffers: Buffers::default(),
            simd: simd_json::Tape(Vec::new()),
            tape: Tape::default(),
            depth: MOST_DEPTH,
            escape: Finder::new(ESCAPE),
            keys: Vec::new(),
        }
    }
}

impl TapeReader {
    /// A reader that leaves values of more levels of arrays and objects alone.
    pub fn to_depth(depth: usize) -> Self {
        Self { depth: depth.min(MOST_DEPTH), ..Self::default() }
    }

    /// Reads a text that is one JSON value; `None` if it is none, or one that `serde_json` might read differently, or too
    /// deep.
    pub fn read(&mut self, text: &[u8]) -> Option<TapeValue<'_>> {
        self.tape.nodes.clear();
        self.keys.clear();
        let mut bytes = std::mem::take(&mut self.tape.text).into_bytes();
        // The parser undoes escapes where it finds them.
        bytes.clear();
        bytes.extend_from_slice(text);
        let mut simd = std::mem::replace(&mut self.simd, simd_json::Tape(Vec::new())).reset();
        let start = bytes.as_ptr() as usize;
        let is_json = simd_json::fill_tape(&mut bytes, &mut self.buffers, &mut simd).is_ok();
        let seen = if is_json { fill(&mut self.tape.nodes, &simd.0, start) } else { Seen::default() };
        self.simd = simd.reset();
        let is_inside = seen.end <= bytes.len();
        self.tape.text = String::from_utf8(bytes).unwrap_or_else(|error| {
            // What an escape has left of the text that it stood in is no text any more.
            if is_json && is_inside {
                texts_alone(&mut self.tape.nodes, error.as_bytes())
            } else {
                String::new()
            }
        });
        let nodes = &self.tape.nodes;
        let is_read = is_json
            && is_inside
            && memchr::memchr(0, text).is_none()
            && !may_have_surrogate(text, &self.escape)
            && !(seen.nought && may_have_negative_nought(text))
            && (!seen.long || nodes.iter().all(|node| ends_well(*node, text)))
            // The digits of fractions are not known any more, so all of the text is looked at, once.
            && !(seen.double && may_go_on_behind_long_number(text))
            && !(seen.containers > self.depth && is_deeper(nodes, self.depth))
            && !repeats_a_key(nodes, self.tape.text.as_bytes(), &mut self.keys);
        is_read.then(|| self.tape.first())
    }

    /// The value that was read last, if one was.
    pub fn last(&self) -> TapeValue<'_> {
        self.tape.first()
    }
}

/// What was met with among the nodes of a value.
#[derive(Default)]
struct Seen {
    nought: bool,
    /// A whole number of 18 digits or more.
    long: bool,
    double: bool,
    containers: usize,
    /// Where the text ends that goes furthest.
    end: usize,
}

/// Takes over the nodes of a text that begins at an address.
fn fill(nodes: &mut Vec<Node>, simd: &[SimdNode<'_>], start: usize) -> Seen {
    let mut seen = Seen::default();
    nodes.extend(simd.iter().map(|node| match *node {
        SimdNode::String(text) => {
            let start = (text.as_ptr() as usize).wrapping_sub(start);
            seen.end = seen.end.max(start.saturating_add(text.len()));
            Node::Text { start: start as u32, length: text.len() as u32 }
        }
        SimdNode::Object { count, .. } => {
            seen.containers += 1;
            Node::Object { nodes: count as u32 }
        }
        SimdNode::Array { count, .. } => {
            seen.containers += 1;
            Node::Array { nodes: count as u32 }
        }
        SimdNode::Static(StaticNode::Null) => Node::Null,
        SimdNode::Static(StaticNode::Bool(value)) => Node::Boolean(value),
        SimdNode::Static(StaticNode::I64(number)) => {
            seen.nought |= number == 0;
            seen.long |= number.unsigned_abs() >= LONG;
            Node::Integer(number)
        }
        SimdNode::Static(StaticNode::U64(number)) => {
            seen.nought |= number == 0;
            seen.long |= number >= LONG;
            i64::try_from(number).map_or(Node::Unsigned(number), Node::Integer)
        }
        SimdNode::Static(StaticNode::F64(number)) => {
            seen.double = true;
            Node::Double(number)
        }
    }));
    seen
}

/// The texts of nodes one behind another, and nothing else.
fn texts_alone(nodes: &mut [Node], bytes: &[u8]) -> String {
    let mut texts = String::with_capacity(bytes.len());
    for node in nodes {
        if let Node::Text { start, length } = node {
            let text = &bytes[*start as usize..][..*length as usize];
            *start = texts.len() as u32;
            // The parser has seen that they are texts.
            texts.push_str(&String::from_utf8_lossy(text));
            *length = texts.len() as u32 - *start;
        }
    }
    texts
}

/// Whether arrays and objects are nested deeper.
pub(super) fn is_deeper(nodes: &[Node], depth: usize) -> bool {
    let mut ends = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        while ends.last().is_some_and(|&end| end <= at) {
            ends.pop();
        }
        if let Node::Array { nodes } | Node::Object { nodes } = *node {
            ends.push(at + 1 + nodes as usize);
            if ends.len() > depth {
                return true;
            }
        }
    }
    false
}

/// A key that was met with: its fingerprint and its place in the text.
struct Key {
    print: u64,
    start: u32,
    length: u32,
}

impl Key {
    fn text<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.start as usize..][..self.length as usize]
    }
}

/// A number that is the same for the same keys, and mostly another one for others: made of their ends and length, it costs
/// less than a hash.
fn fingerprint(key: &[u8]) -> u64 {
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
            }
            _ => (key.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)), 0),
        },
    };
    // The fractional part of the golden ratio spreads the bits upwards.
    (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether an object in the value that these nodes begin with has a key more than once. `keys` is room to work in.
fn repeats_a_key(nodes: &[Node], text: &[u8], keys: &mut Vec<Key>) -> bool {
    let (is_object, mut rest) = match nodes {
        [Node::Object { nodes }, inside @ ..] => (true, &inside[..*nodes as usize]),
        [Node::Array { nodes }, inside @ ..] => (false, &inside[..*nodes as usize]),
        _ => return false,
    };
    let of_outer = keys.len();
    // A bit for each fingerprint; only where two keys share one, keys are compared.
    let mut bits = [0_u64; 16];
    while let [first, behind @ ..] = rest {
        let value = if is_object {
            let Node::Text { start, length } = *first else { return true };
            let mut key = Key { print: 0, start, length };
            key.print = fingerprint(key.text(text));
            let (word, bit) = ((key.print >> 60) as usize, 1 << (key.print >> 54 & 63));
            let is_same = |other: &Key| other.print == key.print && other.text(text) == key.text(text);
            if bits[word] & bit != 0 && keys[of_outer..].iter().any(is_same) {
                return true;
            }
            bits[word] |= bit;
            keys.push(key);
            behind
        } else {
            rest
        };
        let size = match value.first() {
            Some(Node::Object { nodes } | Node::Array { nodes }) => {
                if repeats_a_key(value, text, keys) {
                    return true;
                }
                1 + *nodes as usize
            }
            _ => 1,
        };
        rest = value.get(size..).unwrap_or_default();
    }
    keys.truncate(of_outer);
    false
}

/// Whether nothing but the end of a value stands behind a whole number in its text, if it has 18 digits or more.
fn ends_well(node: Node, text: &[u8]) -> bool {
    match node {
        Node::Integer(number) if number.unsigned_abs() >= LONG => ends_behind(text, &number.to_string()),
        Node::Unsigned(number) => ends_behind(text, &number.to_string()),
        _ => true,
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
pub(super) fn may_go_on_behind_long_number(text: &[u8]) -> bool {
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
pub(super) fn may_have_surrogate(text: &[u8], escape: &Finder<'_>) -> bool {
    escape.find_iter(text).any(|at| matches!(text.get(at + 2), Some(b'd' | b'D')))
}
