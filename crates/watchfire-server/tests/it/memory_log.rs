//! A log in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use watchfire_events::{Event, TapedEvent, Timestamp};
use watchfire_server::{Appended, EventLog, EventLogError, StreamInfo};

/// Keeps events in memory, and can be told to be full or broken.
#[derive(Default)]
pub(crate) struct MemoryLog {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) error: Mutex<Option<EventLogError>>,
}

impl EventLog for MemoryLog {
    fn append(&self, events: Vec<TapedEvent>) -> Result<Vec<Appended>, EventLogError> {
        self.ready()?;
        let mut kept = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids: BTreeSet<_> =
            kept.iter().map(|event| (event.data_stream.clone(), event.id.clone())).collect();
        let mut appended = Vec::new();
        for event in events {
            if ids.insert((event.data_stream.clone(), event.id.clone())) {
                appended.push(Appended::Stored(kept.len() as u64));
                kept.push(event.into());
            } else {
                appended.push(Appended::Repeated);
            }
        }
        Ok(appended)
    }

    fn streams(&self) -> Result<Vec<StreamInfo>, EventLogError> {
        let mut streams = BTreeMap::new();
        for event in self.events.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *streams.entry(event.data_stream.clone()).or_insert(0) += 1;
        }
        let info = |(name, events)| StreamInfo {
            name,
            events,
            bytes: events * 100,
            last_arrival: Some(Timestamp::from_millis(1_772_461_800_000)),
        };
        Ok(streams.into_iter().map(info).collect())
    }

    fn ready(&self) -> Result<(), EventLogError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}
