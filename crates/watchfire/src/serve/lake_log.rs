//! The lake as what the server writes to.

use std::io;
use std::sync::Arc;

use watchfire_events::{Event, Timestamp};
use watchfire_lake::{Appended as Kept, Lake, LakeError, place_in_lake};
use watchfire_server::{Appended, EventLog, EventLogError, StreamInfo};

use super::arrivals::Arrivals;

/// A lake that the server writes to.
pub(super) struct LakeLog {
    pub(super) lake: Arc<Lake>,
    /// Where events go when they are durable, if they are looked at.
    pub(super) arrivals: Option<Arc<Arrivals>>,
}

impl EventLog for LakeLog {
    fn append(&self, events: &mut [Event]) -> Result<Vec<Appended>, EventLogError> {
        let kept = self.lake.append(events).map_err(refused)?;
        if let Some(arrivals) = &self.arrivals {
            let stored = |(kept, event): (&Kept, &mut Event)| match kept {
                Kept::Stored(number) => Some(Event {
                    id: event.id.clone(),
                    data_stream: event.data_stream.clone(),
                    document: std::mem::take(&mut event.document),
                    place: place_in_lake(&event.data_stream, *number),
                }),
                Kept::Repeated | Kept::Refused(_) => None,
            };
            arrivals.add(kept.iter().zip(events.iter_mut()).filter_map(stored));
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
        self.lake.append(&mut []).map(drop).map_err(refused)
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
