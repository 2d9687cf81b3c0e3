//! Objects that are no records but hold them: responses of searches, files of CloudTrail, messages of event hubs.
//!
//! | path to the array | what it is |
//! |---|---|
//! | `hits.hits[]` | hits of a search: `_index`, `_id`, `_source` |
//! | `responses[].hits.hits[]`, with at most `took` before it | a multi-search |
//! | `Records[]` as the first member | events of CloudTrail as they lie in S3 |
//! | `records[]` as the first member | a message of an Azure event hub: Defender XDR, diagnostic logs |
//! | `items[]` behind a `kind` of lists | events that Kubernetes sends to a webhook; activities of Google Workspace |
//! | `logEvents[]` behind `logGroup` | a message of CloudWatch: audit logs of EKS, CloudTrail |
//!
//! Such an object can be of any length; so the scanner goes into the array as soon as it comes by, and what is before
//! and behind it in the object is passed over. A list whose kind stands behind its items is taken apart when all of it
//! is there.

use serde_json::{Map, Value};

/// The kinds of objects whose `items` are records.
const LIST_KINDS: [&str; 2] = ["EventList", "admin#reports#activities"];

/// The member that holds the records of a list.
pub(super) const ITEMS: &str = "items";

/// Whether objects of this kind are lists of records.
pub(super) fn is_list(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| LIST_KINDS.contains(&kind))
}

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
        || (object.contains_key(ITEMS) && is_list(object.get("kind").and_then(Value::as_str)))
}

/// Whether the scanner has to look at members of this name.
pub(super) fn is_holder(name: &str) -> bool {
    matches!(name, "hits" | "responses" | "Records" | "records" | "logEvents")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Took,
    Hits,
    Responses,
    Records,
    Kind,
    Items,
    LogGroup,
    LogEvents,
}

/// A string that is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Nothing,
    Key,
    /// What the outermost object says that it is.
    Kind,
}

/// The keys on the way to the place where the scanner is, as far as they matter here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyPath {
    keys: [Key; Self::DEPTH],
    /// Keys of the outermost object so far.
    outer_keys: usize,
    /// Whether all of them but the last are `took`.
    after_took: bool,
    /// Whether its kind is one of lists.
    is_list: bool,
    /// Whether it names a group of logs.
    has_log_group: bool,
    /// What is read: its first bytes, and its length.
    reading: Reading,
    text: [u8; Self::LONGEST + 1],
    length: usize,
}

impl KeyPath {
    /// Keys are of interest down to this depth.
    pub(super) const DEPTH: usize = 2;
    /// Length of the longest text that is known.
    const LONGEST: usize = "admin#reports#activities".len();

    /// The beginning of a string in so many brackets.
    pub(super) fn begin_string(&mut self, is_key: bool, depth: usize) {
        self.reading = if is_key && depth <= Self::DEPTH {
            Reading::Key
        } else if !is_key && depth == 1 && self.keys[0] == Key::Kind {
            Reading::Kind
        } else {
            Reading::Nothing
        };
        self.length = 0;
    }

    /// An escape, which no text has that is looked for.
    pub(super) fn escape(&mut self) {
        self.reading = Reading::Nothing;
    }

    /// A piece of the string.
    pub(super) fn add(&mut self, piece: &[u8]) {
        if self.reading != Reading::Nothing {
            let taken = piece.len().min(self.text.len() - self.length);
            self.text[self.length..][..taken].copy_from_slice(&piece[..taken]);
            self.length += taken;
        }
    }

    /// The end of the string, in so many brackets.
    pub(super) fn end_string(&mut self, depth: usize) {
        let text = &self.text[..self.length];
        match std::mem::take(&mut self.reading) {
            Reading::Nothing => return,
            Reading::Kind => {
                self.is_list = is_list(std::str::from_utf8(text).ok());
                return;
            }
            Reading::Key => {}
        }
        let key = match text {
            b"took" => Key::Took,
            b"hits" => Key::Hits,
            b"responses" => Key::Responses,
            b"Records" | b"records" => Key::Records,
            b"kind" => Key::Kind,
            b"items" => Key::Items,
            b"logGroup" => Key::LogGroup,
            b"logEvents" => Key::LogEvents,
            _ => Key::Other,
        };
        if depth == 1 {
            self.after_took = self.outer_keys == 0 || (self.after_took && self.keys[0] == Key::Took);
            self.outer_keys += 1;
            self.has_log_group |= key == Key::LogGroup;
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
            (1, 1, [Key::Items, _]) if self.is_list => Within::Array,
            (1, 1, [Key::LogEvents, _]) if self.has_log_group => Within::Array,
            _ => return None,
        };
        Some(Container { within, objects: depth })
    }
}
