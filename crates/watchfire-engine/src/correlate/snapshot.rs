//! The state of a stream as text, and back.
//!
//! ```text
//! HitStream ── snapshot ──► Document ──► JSON ──► Document ── restore ──► HitStream
//!     └ state of its correlator: form, counting      └ checked: check, counting
//! ```
//!
//! A restored stream does what the one it was taken from would have done, to the last count. What follows from the rest
//! is not written but computed again: what is held, deadlines, and the queue of ages, whose order is that of stamps.
//!
//! Nothing of a document is believed. Its format and version come first; then it must be of the same query: the name the
//! caller has for it, and the shape. Then each thing held must be one that a stream of this shape could hold. Limits
//! and the lateness bound are no part of a document, so that they may be changed between two runs; what is over a new
//! limit is given up, and counted, as if it had just come to be so.
//!
//! Times in nanoseconds, integer keys and the bits of fractions are written as texts: they need up to 128 bits, and many
//! a JSON tool would round them. The others are numbers.

mod check;
mod counting;
mod form;
mod hit_stream;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::hit_stream::StatefulCorrelator;
use super::hit_stream::HitStream;
use super::sequence::SequenceCorrelator;
use super::shape::SequenceShape;
use super::stream::{SequenceStream, StreamSettings};

/// What the document calls itself.
const FORMAT: &str = "watchfire-hit-stream";

/// The version that is written, and the only one read.
const VERSION: u32 = 1;

/// Why a snapshot was not restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// It is no JSON, or none of this format, or lacks something.
    Unreadable {
        /// What is wrong, and where.
        reason: String,
    },
    /// It is written in a version that is not known.
    UnknownVersion {
        /// Its version.
        found: u32,
    },
    /// It was taken of another query.
    OtherQuery {
        /// The name of that query.
        found: String,
    },
    /// It was taken of a query of another shape.
    OtherShape {
        /// The shape in the snapshot.
        found: String,
        /// The shape of the query.
        expected: String,
    },
    /// It says something that no stream says of itself.
    Inconsistent {
        /// What.
        what: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "not a snapshot of such a stream: {reason}"),
            Self::UnknownVersion { found } => {
                write!(f, "the snapshot has version {found}, and only version {VERSION} is known")
            }
            Self::OtherQuery { found } => write!(f, "the snapshot is of another query: `{found}`"),
            Self::OtherShape { found, expected } => {
                write!(f, "the snapshot is of a query of the form `{found}`, and this one is `{expected}`")
            }
            Self::Inconsistent { what } => write!(f, "the snapshot is damaged: {what}"),
        }
    }
}

impl std::error::Error for RestoreError {}

impl<T: Clone> SequenceStream<T> {
    /// The whole state, as one JSON document. `query` is what the caller knows the query by, conditions and keys
    /// included: its text, or a hash of it. Fails only if a payload cannot be written.
    pub fn snapshot(&self, query: &str) -> serde_json::Result<String>
    where
        T: Serialize + DeserializeOwned,
    {
        self.0.snapshot(query)
    }

    /// The stream that a snapshot was taken of, to be continued under these settings.
    pub fn restore(
        snapshot: &str,
        query: &str,
        shape: SequenceShape,
        settings: StreamSettings,
    ) -> Result<Self, RestoreError>
    where
        T: DeserializeOwned + Serialize,
    {
        let correlator = SequenceCorrelator::new(shape, settings.sequence);
        HitStream::restore(snapshot, query, correlator, settings.of_hits()).map(Self)
    }
}
