//! Where events go.

use watchfire_events::{DataStream, TapedEvent, Timestamp};

/// What became of an event that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable, and has this number.
    Stored(u64),
    /// An event of this id has arrived in the data stream lately, and is durable.
    Repeated,
    /// It cannot be kept, for this reason.
    Refused(String),
}

/// Why none of some events were kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventLogError {
    /// There is no room at the moment; later there may be.
    #[error("there is no room for more events at the moment: {0}")]
    Full(String),
    /// They cannot be written.
    #[error("events cannot be written: {0}")]
    Failed(String),
}

/// What there is of a data stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub name: DataStream,
    /// Its events, those that wait for their commit left out.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The time of arrival of the last, where that is known.
    pub last_arrival: Option<Timestamp>,
}

/// Keeps events for good. Its methods may block.
pub trait EventLog: Send + Sync {
    /// Keeps events, in this order, and returns when those that are `Stored` are durable. It may stamp their documents with
    /// the time of their arrival.
    ///
    /// # Errors
    /// Then none of the events may be acknowledged.
    fn append(&self, events: Vec<TapedEvent>) -> Result<Vec<Appended>, EventLogError>;

    /// The data streams that have events, in order of name.
    ///
    /// # Errors
    /// If that cannot be read.
    fn streams(&self) -> Result<Vec<StreamInfo>, EventLogError>;

    /// Whether events can be kept at the moment; else why not.
    ///
    /// # Errors
    /// As [`Self::append`] would give now.
    fn ready(&self) -> Result<(), EventLogError>;
}
