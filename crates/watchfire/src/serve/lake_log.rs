//! The lake as what the server writes to.

use std::io;
use std::sync::Arc;

use watchfire_events::{Event, Timestamp};
use watchfire_lake::{Appended as Kept, Lake, LakeError};
use watchfire_server::{Appended, EventLog, EventLogError, StreamInfo};

/// A lake that the server writes to.
pub(super) struct LakeLog(pub(super) Arc<Lake>);

impl EventLog for LakeLog {
    fn append(&self, events: &mut [Event]) -> Result<Vec<Appended>, EventLogError> {
        let kept = self.0.append(events).map_err(refused)?;
        let answer = |kept| match kept {
            Kept::Stored(number) => Appended::Stored(number),
            Kept::Repeated => Appended::Repeated,
            Kept::Refused(reason) => Appended::Refused(reason),
        };
        Ok(kept.into_iter().map(answer).collect())
    }

    fn streams(&self) -> Result<Vec<StreamInfo>, EventLogError> {
        let tables = self.0.reader().statistics().map_err(refused)?;
        let info = |table: watchfire_lake::TableStatistics| StreamInfo {
            name: table.stream,
            events: table.rows,
            bytes: table.bytes,
            last_arrival: table.ingested.map(|(_, last)| Timestamp::from_millis(last.div_euclid(1_000))),
        };
        Ok(tables.into_iter().map(info).collect())
    }

    fn ready(&self) -> Result<(), EventLogError> {
        self.0.append(&mut []).map(drop).map_err(refused)
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
