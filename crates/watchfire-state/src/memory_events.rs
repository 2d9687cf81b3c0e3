//! Events that are held in memory: for tests, previews over a handful of events, and as the plainest reading of what
//! [`StoredEvents`] asks for.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use watchfire_detect::ExecutionWindow;
use watchfire_events::{BatchBuilder, Document, Event, EventBatch, IndexPatterns, Timestamp, get_field};

use crate::stored_events::{EventQuery, LateQuery, LatestTimes, StoredEvents};

/// Events of a batch.
const BATCH_EVENTS: usize = 1_024;

/// Events in memory.
#[derive(Debug, Default)]
pub struct MemoryEvents {
    events: Mutex<Vec<Event>>,
}

impl MemoryEvents {
    /// Adds an event.
    pub fn push(&self, event: Event) {
        self.events().push(event);
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn time(document: &Document, field: &str) -> Option<Timestamp> {
    get_field(document, field).and_then(Value::as_str).and_then(Timestamp::parse)
}

impl StoredEvents for MemoryEvents {
    fn has_stream(&self, patterns: &IndexPatterns) -> io::Result<bool> {
        Ok(self.events().iter().any(|event| patterns.select(&event.data_stream)))
    }

    fn read(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let is_wanted = |event: &&Event| {
            let in_window = |window: ExecutionWindow| {
                let times = query.times.iter().filter_map(|field| time(&event.document, field));
                times.into_iter().any(|at| window.holds(at))
            };
            query.patterns.iter().any(|patterns| patterns.select(&event.data_stream))
                && query.window.is_none_or(in_window)
        };
        let wanted: Vec<Event> = self.events().iter().filter(is_wanted).cloned().collect();
        let mut builder = BatchBuilder::selecting(query.types, query.fields);
        for event in wanted {
            builder.push(event);
            if builder.len() >= BATCH_EVENTS {
                take(&builder.finish())?;
            }
        }
        if builder.is_empty() { Ok(()) } else { take(&builder.finish()) }
    }

    fn count_late(&self, query: &LateQuery<'_>) -> io::Result<u64> {
        let is_late = |event: &&Event| {
            let at = time(&event.document, query.time)
                .or_else(|| query.fallback.and_then(|field| time(&event.document, field)));
            let arrived = time(&event.document, "event.ingested");
            query.patterns.select(&event.data_stream)
                && at.is_some_and(|at| at < query.before)
                && arrived.is_some_and(|at| query.arrived_after < at && at <= query.arrived_until)
        };
        Ok(self.events().iter().filter(is_late).count() as u64)
    }

    fn latest(&self) -> io::Result<LatestTimes> {
        let events = self.events();
        let latest = |field| events.iter().filter_map(|event| time(&event.document, field)).max();
        Ok(LatestTimes {
            arrival: latest("event.ingested").unwrap_or(LatestTimes::NONE.arrival),
            time: latest("@timestamp").or(LatestTimes::NONE.time),
        })
    }
}
