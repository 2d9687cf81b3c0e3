//! What has come in, by data stream: every item ends in one of these numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use watchfire_events::Timestamp;

/// What has come in for one data stream since the server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountsOfStream {
    /// Events that are durable.
    pub stored: u64,
    /// Events whose id had arrived before.
    pub repeated: u64,
    /// Items that were refused, by the type of their error.
    pub refused: BTreeMap<String, u64>,
    /// Events whose source was not recognised; they are stored as they came.
    pub unrecognised: u64,
    /// Events for which an ingest pipeline was named, by its name. None was run.
    pub pipelines_not_run: BTreeMap<String, u64>,
    /// When the last event was stored.
    pub last_arrival: Option<Timestamp>,
}

/// What has come in since the server was started.
#[derive(Debug, Default)]
pub struct IngestCounts {
    streams: Mutex<BTreeMap<String, CountsOfStream>>,
}

/// Data streams that are counted by name; what names more is hostile, and is counted together.
const MOST_STREAMS: usize = 10_000;
/// Stands for all streams beyond.
const OTHERS: &str = "(others)";

impl IngestCounts {
    /// Changes the counts of a data stream.
    pub(crate) fn count(&self, stream: &str, change: impl FnOnce(&mut CountsOfStream)) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if streams.contains_key(stream) || streams.len() < MOST_STREAMS { stream } else { OTHERS };
        match streams.get_mut(name) {
            Some(counts) => change(counts),
            None => change(streams.entry(name.to_owned()).or_default()),
        }
    }

    /// All of them, by data stream.
    pub fn by_stream(&self) -> BTreeMap<String, CountsOfStream> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
