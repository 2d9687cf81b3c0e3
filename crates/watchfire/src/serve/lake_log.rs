//! The lake as what the server writes to.

use std::io;
use std::sync::Arc;

use watchfire_events::{TapedEvent, Timestamp};
use watchfire_lake::{Appended as Kept, Lake, LakeError};
use watchfire_server::{Appended, EventLog, EventLogError, StreamInfo};

use super::arrivals::Arrivals;

/// A lake that the server writes to.
pub(super) struct LakeLog {
    pub(super) lake: Arc<Lake>,
    /// Where events go when they are durable, if they are looked at.
    pub(super) arrivals: Option<Arc<Arrivals>>,
}

impl EventLog for LakeLog {
    fn append(&self, events: Vec<TapedEvent>) -> Result<Vec<Appended>, EventLogError> {
        let storing = self.arrivals.as_ref().map(|arrivals| arrivals.storing());
        let number = events.len();
        let mut stored = Vec::with_capacity(number);
        let mut keep = |event| {
            if storing.is_some() {
                stored.push(event);
            }
        };
        let kept = self.lake.append_taped(events, &mut keep).map_err(|error| {
            // What could not be flushed may be in the spool all the same, and be found there later; without room nothing is.
            if let Some(storing) = storing.as_ref().filter(|_| !matches!(error, LakeError::Full { .. })) {
                storing.lose(number);
            }
            refused(error)
        })?;
        if let Some(storing) = storing {
            storing.add(stored);
        }
        let answer = |kept| match kept {
            Kept::Stored(number) => Appended::Stored(number),
            Kept::Repeated => Appended::Repeated,
            Kept::Refused(reason) => Appended::Refused(reason),
        };
        Ok(kept.into_iter().map(answer).collect())
    }

    fn streams(&self) -> Result<Vec<StreamInfo>, EventLogError> {
        let tables = self.lake.reader().statistics().map_err(refused)?;
        let info = |table: watchfire_lake::TableStatistics| StreamInfo {
            name: table.stream,
            events: table.rows,
            bytes: table.bytes,
            last_arrival: table.ingested.map(|(_, last)| Timestamp::from_millis(last.div_euclid(1_000))),
        };
        Ok(tables.into_iter().map(info).collect())
    }

    fn ready(&self) -> Result<(), EventLogError> {
        self.lake.append(&[]).map(drop).map_err(refused)
    }
}

fn refused(error: LakeError) -> EventLogError {
    match error {
        LakeError::Full { .. } => EventLogError::Full(error.to_string()),
        LakeError::Io { ref source, .. } if source.kind() == io::ErrorKind::StorageFull => {
            EventLogError::Full(error.to_string())
        }
        other => EventLogError::Failed(other.to_string()),
    }
}
