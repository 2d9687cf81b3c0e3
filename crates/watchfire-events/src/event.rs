//! One normalised document and where it came from.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{DataStream, Document};

/// The identity of an event within its data stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

impl EventId {
    /// An id that the shipper gave.
    pub fn given(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// An id made from an event's content and its position in its source, so that reading the same record twice gives
    /// the same id while genuine duplicates stay apart. `position` is the record number or ordinal within `source`;
    /// `source` names the file by content or logical name, never by an absolute path (the same evidence gives the same
    /// ids wherever it is unpacked). 128 bits of SHA-256, in hex; `docs/alert-identity.md` has the exact bytes.
    pub fn from_content(source: &str, position: u64, content: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update((source.len() as u64).to_le_bytes());
        hash.update(source.as_bytes());
        hash.update(position.to_le_bytes());
        hash.update(content);
        let digest = hash.finalize();
        Self(hex(&digest[..16]).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[digit as usize] as char).collect()
}

/// Where a record stands: the file, the member inside an archive if any, and the place inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The input as people know it: a path as given, or `<stdin>`, with `!member` for each archive level.
    pub input: Arc<str>,
    /// Ordinal of the record within the input, from 1; for text formats this is counted in records, not lines.
    pub record: u64,
    /// Line from 1, where the format has lines.
    pub line: Option<u64>,
    /// Byte offset of the record in the (decompressed) input, where known.
    pub offset: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.input)?;
        match (self.line, self.offset) {
            (Some(line), _) => write!(f, ":{line}"),
            (None, Some(offset)) => write!(f, " record {} (byte {offset})", self.record),
            (None, None) => write!(f, " record {}", self.record),
        }
    }
}

/// One normalised document.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Identity within the data stream.
    pub id: EventId,
    /// Where it belongs; rules select by it.
    pub data_stream: DataStream,
    /// The ECS document (`_source`).
    pub document: Document,
    /// Where it was read.
    pub place: Place,
}
