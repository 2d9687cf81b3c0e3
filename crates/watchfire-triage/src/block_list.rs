//! A list of domains, addresses and hashes to be blocked, each until a time, for what can block them.

mod indicators;
mod stix;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use watchfire_events::Timestamp;

use crate::stored::{self, NotRead};

pub use self::indicators::{Indicator, IndicatorKind, indicators_of};

/// The form in which block lists are stored.
pub const BLOCK_LIST_FORMAT: u32 = 1;

/// A block list. What was removed or has expired stays in it, so that it can be told what was blocked and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockList {
    /// The form in which it is stored: [`BLOCK_LIST_FORMAT`].
    format: u32,
    /// What is or was blocked, in the order in which it came.
    entries: Vec<Blocked>,
}

/// Something that is or was blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocked {
    /// What kind of thing.
    pub kind: IndicatorKind,
    /// The value.
    pub value: String,
    /// Since when.
    #[serde(with = "iso")]
    pub from: Timestamp,
    /// Until when.
    #[serde(with = "iso")]
    pub until: Timestamp,
    /// When it was last decided until when.
    #[serde(with = "iso")]
    pub decided: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The alert that it is from, by `kibana.alert.uuid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// By whom, when and why it was taken off the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removal>,
}

/// Why something was taken off a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// When.
    #[serde(with = "iso")]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Times as lists have them, in ISO 8601.
mod iso {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use watchfire_events::Timestamp;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_iso_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no time")))
    }
}

impl Blocked {
    /// Whether it is blocked at a time.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.removed.is_none() && self.from <= at && at < self.until
    }
}

/// What became of something that was to be blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// It is on the list now.
    Added,
    /// It was, and will be for longer.
    Extended,
    /// It was, and for at least as long: until then.
    Known(Timestamp),
}

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockListError {
    /// It was stored in a form of this number, which this version does not know.
    Format(u64),
    /// It is no list.
    Unreadable(String),
    /// What is to be taken off is not on it.
    NotListed(String),
    /// An external dynamic list has one kind of entries.
    OneKind,
    /// An external dynamic list cannot have this kind.
    NotInEdl(IndicatorKind),
}

impl std::fmt::Display for BlockListError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Format(format) => {
                write!(f, "the list is stored in form {format}; this version knows form {BLOCK_LIST_FORMAT}")
            }
            Self::Unreadable(why) => write!(f, "this is no block list: {why}"),
            Self::NotListed(value) => write!(f, "`{value}` is not blocked by this list at that time"),
            Self::OneKind => f.write_str(
                "an external dynamic list has one kind of entries: `--kind domain` or `--kind address`",
            ),
            Self::NotInEdl(kind) => {
                write!(f, "an external dynamic list cannot have entries of kind {}", kind.name())
            }
        }
    }
}

impl std::error::Error for BlockListError {}

impl Default for BlockList {
    fn default() -> Self {
        Self { format: BLOCK_LIST_FORMAT, entries: Vec::new() }
    }
}

impl BlockList {
    /// Reads a list as it was stored.
    ///
    /// # Errors
    /// If it is none, or of a form that is not known.
    pub fn from_json(text: &str) -> Result<Self, BlockListError> {
        let list: Self = stored::from_json(text, BLOCK_LIST_FORMAT).map_err(|why| match why {
            NotRead::Format(format) => BlockListError::Format(format),
            NotRead::Unreadable(why) => BlockListError::Unreadable(why),
        })?;
        // Somebody may have edited it, and what reads the lists made of it trusts them.
        let is_wrong = |entry: &&Blocked| {
            Indicator::parse(&entry.value)
                .is_none_or(|found| (found.kind, &found.value) != (entry.kind, &entry.value))
        };
        match list.entries.iter().find(is_wrong) {
            Some(entry) => Err(BlockListError::Unreadable(format!(
                "`{}` is no {}",
                crate::value_text::harmless(&entry.value),
                entry.kind.name()
            ))),
            None => Ok(list),
        }
    }

    /// The list as it is stored.
    pub fn to_json(&self) -> String {
        stored::to_json(self)
    }

    /// All that is or was blocked, in the order in which it came.
    pub fn entries(&self) -> &[Blocked] {
        &self.entries
    }

    /// Puts something on the list. What is on it already stays, for the longer of both times.
    pub fn add(&mut self, blocked: Blocked) -> Addition {
        let is_same = |entry: &&mut Blocked| {
            (entry.kind, &entry.value) == (blocked.kind, &blocked.value) && entry.is_in_force(blocked.from)
        };
        match self.entries.iter_mut().find(is_same) {
            Some(entry) if entry.until >= blocked.until => Addition::Known(entry.until),
            Some(entry) => {
                entry.until = blocked.until;
                entry.decided = blocked.decided;
                Addition::Extended
            }
            None => {
                self.entries.push(blocked);
                Addition::Added
            }
        }
    }

    /// Takes a value off the list.
    ///
    /// # Errors
    /// If it is not in force at that time.
    pub fn remove(&mut self, value: &str, removal: &Removal) -> Result<(), BlockListError> {
        let indicator = Indicator::parse(value);
        let value = indicator.as_ref().map_or(value, |indicator| &indicator.value);
        let mut found = false;
        for entry in &mut self.entries {
            if entry.value == value && entry.is_in_force(removal.at) {
                entry.removed = Some(removal.clone());
                found = true;
            }
        }
        if found { Ok(()) } else { Err(BlockListError::NotListed(value.to_owned())) }
    }

    /// What is blocked at a time, of one kind or of all, by kind and value.
    pub fn in_force(&self, at: Timestamp, kind: Option<IndicatorKind>) -> Vec<&Blocked> {
        let is_asked = |entry: &&Blocked| kind.is_none_or(|kind| entry.kind == kind) && entry.is_in_force(at);
        let mut entries: Vec<&Blocked> = self.entries.iter().filter(is_asked).collect();
        entries.sort_by_key(|entry| (entry.kind, &entry.value));
        entries
    }

    /// The values in force, one a line, behind lines of comment that begin with `#`.
    pub fn to_text(&self, at: Timestamp, kind: Option<IndicatorKind>) -> String {
        let entries = self.in_force(at, kind);
        let mut out = format!("# in force at {}: {}\n", at.to_iso_millis(), number_of(entries.len()));
        if let Some(first) = entries.iter().map(|entry| entry.until).min() {
            let _ = writeln!(
                out,
                "# make it again before {}, when the first of them expires",
                first.to_iso_millis()
            );
        }
        let mut last = None;
        for entry in entries {
            if last.replace(entry.kind) != Some(entry.kind) {
                let _ = writeln!(out, "# {}", entry.kind.plural());
            }
            out.push_str(&entry.value);
            out.push('\n');
        }
        out
    }

    /// The values of one kind in force as an external dynamic list: one a line and nothing else.
    ///
    /// # Errors
    /// If no kind is given, or one that such a list cannot have.
    pub fn to_edl(&self, at: Timestamp, kind: Option<IndicatorKind>) -> Result<String, BlockListError> {
        let kind = kind.ok_or(BlockListError::OneKind)?;
        if !matches!(kind, IndicatorKind::Domain | IndicatorKind::Address) {
            return Err(BlockListError::NotInEdl(kind));
        }
        Ok(self.in_force(at, Some(kind)).into_iter().fold(String::new(), |mut out, entry| {
            out.push_str(&entry.value);
            out.push('\n');
            out
        }))
    }

    /// A bundle of STIX 2.1: an indicator for each value in force, and a revoked one for each that was taken off.
    pub fn to_stix(&self, at: Timestamp, kind: Option<IndicatorKind>) -> String {
        stix::bundle(self, at, kind)
    }
}

fn number_of(entries: usize) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}
