//! Where executions find events.

use std::io;

use watchfire_detect::ExecutionWindow;
use watchfire_engine::ReadFields;
use watchfire_events::{EventBatch, FieldTypes, IndexPatterns, Timestamp};

/// What events are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// What executions search.
    Window,
    /// What was before that: which values are known.
    History,
    /// Lists of indicators.
    Indicators,
}

/// Which events are wanted: those of these data streams of which one of the fields has a time in the window.
#[derive(Clone, Copy)]
pub struct EventQuery<'a> {
    /// What they are read for.
    pub reading: Reading,
    /// By each of them, an event of one is wanted.
    pub patterns: &'a [&'a IndexPatterns],
    /// The fields that hold a time: `@timestamp`, `event.ingested` and others.
    pub times: &'a [&'a str],
    /// The window; without it, all events are wanted, those without a time too.
    pub window: Option<ExecutionWindow>,
    /// The fields that are looked at: columns of others are not wanted.
    pub fields: &'a ReadFields,
    /// The types of the columns.
    pub types: &'a dyn FieldTypes,
}

/// Which events came late: of these data streams, those that arrived in a span of time and lie before a window.
#[derive(Clone, Copy, Debug)]
pub struct LateQuery<'a> {
    /// The data streams.
    pub patterns: &'a IndexPatterns,
    /// The field by whose time windows go.
    pub time: &'a str,
    /// The field that stands for it in events without it.
    pub fallback: Option<&'a str>,
    /// The events have arrived after this instant, by `event.ingested`,
    pub arrived_after: Timestamp,
    /// and at this instant or before.
    pub arrived_until: Timestamp,
    /// Their time lies before this instant.
    pub before: Timestamp,
}

/// The greatest times of some events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestTimes {
    /// `event.ingested`.
    pub arrival: Timestamp,
    /// `@timestamp`, if that is known.
    pub time: Option<Timestamp>,
}

impl LatestTimes {
    /// Those of no event.
    pub const NONE: Self = {
        let never = Timestamp::from_millis(i64::MIN);
        Self { arrival: never, time: Some(never) }
    };

    /// Those of these events and others.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let time = self.time.zip(other.time).map(|(one, other)| one.max(other));
        Self { arrival: self.arrival.max(other.arrival), time }
    }
}

/// The events that were taken in. Calls come from a thread that may wait.
pub trait StoredEvents: Send + Sync + 'static {
    /// Whether there is a data stream that these patterns select.
    ///
    /// # Errors
    /// If the events cannot be read.
    fn has_stream(&self, patterns: &IndexPatterns) -> io::Result<bool>;

    /// Hands over all events that are wanted, in any order and in batches of any size; each event once. What an event's
    /// place says must not change from one call to the next: among events of equal time it decides the order.
    ///
    /// # Errors
    /// If the events cannot be read, and what `take` returns.
    fn read(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()>;

    /// How many events came late.
    ///
    /// # Errors
    /// If the events cannot be read.
    fn count_late(&self, query: &LateQuery<'_>) -> io::Result<u64>;

    /// The greatest times of all events.
    ///
    /// # Errors
    /// If the events cannot be read.
    fn latest(&self) -> io::Result<LatestTimes>;
}
