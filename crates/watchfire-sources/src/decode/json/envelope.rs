//! Objects that are no records but hold them: responses of searches, files of CloudTrail, messages of event hubs.
//!
//! | path to the array | what it is |
//! |---|---|
//! | `hits.hits[]` | hits of a search: `_index`, `_id`, `_source` |
//! | `responses[].hits.hits[]`, with at most `took` before it | a multi-search |
//! | `Records[]` as the first member | events of CloudTrail as they lie in S3 |
//! | `records[]` as the first member | a message of an Azure event hub: Defender XDR, diagnostic logs |
//!
//! Such an object can be of any length; so the scanner goes into the array as soon as it comes by, and what is before
//! and behind it in the object is passed over.

use serde_json::{Map, Value};

/// What documents stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// Nothing: one document behind another.
    Stream,
    /// An array of records.
    Array,
    /// The array of hits of a search.
    Hits,
    /// The array of responses of a multi-search.
    Responses,
}

/// An array whose elements are cut one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) within: Within,
    /// How many objects around it hold nothing else of use.
    pub(super) objects: usize,
}

/// Whether an object has a member that the scanner has to look at.
pub(super) fn may_be_envelope(object: &Map<String, Value>) -> bool {
    object.keys().any(|name| is_holder(name))
}

/// Whether the scanner has to look at members of this name.
pub(super) fn is_holder(name: &str) -> bool {
    matches!(name, "hits" | "responses" | "Records" | "records")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Took,
    Hits,
    Responses,
    Records,
}

/// The keys on the way to the place where the scanner is, as far as they matter here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyPath {
    keys: [Key; Self::DEPTH],
    /// Keys of the outermost object so far.
    outer_keys: usize,
    /// Whether all of them but the last are `took`.
    after_took: bool,
    /// The key that is read: its first bytes, and its length.
    reading: bool,
    text: [u8; Self::LONGEST + 1],
    length: usize,
}

impl KeyPath {
    /// Keys are of interest down to this depth.
    pub(super) const DEPTH: usize = 2;
    /// Length of the longest key that is known.
    const LONGEST: usize = "responses".len();

    pub(super) fn begin_string(&mut self, is_key: bool) {
        self.reading = is_key;
        self.length = 0;
    }

    /// A piece of the string.
    pub(super) fn add(&mut self, piece: &[u8]) {
        if self.reading {
            let taken = piece.len().min(self.text.len() - self.length);
            self.text[self.length..][..taken].copy_from_slice(&piece[..taken]);
            self.length += taken;
        }
    }

    /// The end of the string, in so many brackets.
    pub(super) fn end_string(&mut self, depth: usize) {
        if !std::mem::take(&mut self.reading) {
            return;
        }
        let key = match &self.text[..self.length] {
            b"took" => Key::Took,
            b"hits" => Key::Hits,
            b"responses" => Key::Responses,
            b"Records" | b"records" => Key::Records,
            _ => Key::Other,
        };
        if depth == 1 {
            self.after_took = self.outer_keys == 0 || (self.after_took && self.keys[0] == Key::Took);
            self.outer_keys += 1;
            // A key of the object before does not count.
            self.keys[1] = Key::Other;
        }
        self.keys[depth - 1] = key;
    }

    /// The container that an array is, if it opens here: in so many brackets, with a bit for each object of them.
    pub(super) fn container(&self, depth: usize, objects: u128) -> Option<Container> {
        let within = match (depth, objects & 0b11, self.keys) {
            (2, 0b11, [Key::Hits, Key::Hits]) => Within::Hits,
            (1, 1, [Key::Responses, _]) if self.after_took => Within::Responses,
            (1, 1, [Key::Records, _]) if self.outer_keys == 1 => Within::Array,
            _ => return None,
        };
        Some(Container { within, objects: depth })
    }
}
