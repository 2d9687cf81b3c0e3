//! An event as the spool and the tables keep it: its document as text.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use watchfire_events::{
    DataStream, DeferredEvents, Event, EventId, Place, RestoreEvent, RestoreEventError, Timestamp,
};

use crate::LakeError;

/// An event without its place in an input: that is the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) sequence: u64,
    pub(crate) ingested: Timestamp,
    pub(crate) id: EventId,
    /// The document as JSON.
    pub(crate) source: Arc<str>,
}

/// The payload of the spool's record of an event.
pub(crate) fn encode(stream: &DataStream, event: &StoredEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(&event.ingested.millis().to_le_bytes());
    for text in [stream.as_str(), event.id.as_str()] {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(event.source.as_bytes());
}

/// What [`encode`] wrote; `None` of anything else.
pub(crate) fn decode(sequence: u64, payload: &[u8]) -> Option<(DataStream, StoredEvent)> {
    let (millis, rest) = payload.split_first_chunk::<8>()?;
    let (stream, rest) = text(rest)?;
    let (id, rest) = text(rest)?;
    let event = StoredEvent {
        sequence,
        ingested: Timestamp::from_millis(i64::from_le_bytes(*millis)),
        id: EventId::given(id),
        source: std::str::from_utf8(rest).ok()?.into(),
    };
    Some((DataStream::new(stream), event))
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    Some((std::str::from_utf8(rest.get(..length)?).ok()?, &rest[length..]))
}

/// Reads the documents of the rows of a batch, all at once, when the first of them is asked for.
pub(crate) trait ReadSources: std::fmt::Debug + Send + Sync {
    fn read(&self) -> Result<Vec<Arc<str>>, LakeError>;
}

/// The events behind a batch that was read from the lake.
#[derive(Debug)]
pub(crate) struct StoredEvents {
    stream: DataStream,
    ids: Vec<EventId>,
    places: Vec<Place>,
    sources: OnceLock<Vec<Arc<str>>>,
    reader: Option<Box<dyn ReadSources>>,
    failures: Arc<Failures>,
}

/// What went wrong while documents were read that were not asked for by anybody who could be told.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Vec<LakeError>>);

impl Failures {
    pub(crate) fn add(&self, error: LakeError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    pub(crate) fn take(&self) -> Option<LakeError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl StoredEvents {
    /// Events whose documents are at hand.
    pub(crate) fn kept(stream: &DataStream, events: &[StoredEvent]) -> Self {
        let sources: Vec<Arc<str>> = events.iter().map(|event| Arc::clone(&event.source)).collect();
        Self {
            sources: OnceLock::from(sources),
            ..Self::new(
                stream,
                events.iter().map(|event| event.id.clone()).collect(),
                &events.iter().map(|event| event.sequence).collect::<Vec<_>>(),
                None,
                Arc::default(),
            )
        }
    }

    /// Events whose documents are read when they are asked for. What goes wrong then is kept in `failures`.
    pub(crate) fn read_later(
        stream: &DataStream,
        ids: Vec<EventId>,
        sequences: &[u64],
        reader: Box<dyn ReadSources>,
        failures: Arc<Failures>,
    ) -> Self {
        Self::new(stream, ids, sequences, Some(reader), failures)
    }

    fn new(
        stream: &DataStream,
        ids: Vec<EventId>,
        sequences: &[u64],
        reader: Option<Box<dyn ReadSources>>,
        failures: Arc<Failures>,
    ) -> Self {
        let input = input_of(stream);
        let place = |&record: &u64| Place { input: Arc::clone(&input), record, line: None, offset: None };
        Self {
            stream: stream.clone(),
            ids,
            places: sequences.iter().map(place).collect(),
            sources: OnceLock::new(),
            reader,
            failures,
        }
    }

    fn source(&self, number: u32) -> Arc<str> {
        let sources = self.sources.get_or_init(|| match self.reader.as_ref().map(|reader| reader.read()) {
            Some(Ok(sources)) => sources,
            Some(Err(error)) => {
                self.failures.add(error);
                Vec::new()
            }
            None => Vec::new(),
        });
        sources.get(number as usize).cloned().unwrap_or_else(|| "{}".into())
    }

    fn restored(&self, number: u32) -> StoredRow {
        let at = number as usize;
        StoredRow {
            stream: self.stream.clone(),
            place: self.places[at].clone(),
            event: StoredEvent {
                sequence: self.places[at].record,
                ingested: Timestamp::default(),
                id: self.ids[at].clone(),
                source: self.source(number),
            },
        }
    }
}

struct StoredRow {
    stream: DataStream,
    place: Place,
    event: StoredEvent,
}

impl StoredRow {
    fn event(self) -> Result<Event, serde_json::Error> {
        let document = serde_json::from_str(&self.event.source)?;
        Ok(Event { id: self.event.id, data_stream: self.stream, document, place: self.place })
    }
}

impl DeferredEvents for StoredEvents {
    fn event(&self, number: u32) -> Event {
        let row = self.restored(number);
        let place = row.place.clone();
        row.event().unwrap_or_else(|error| {
            self.failures.add(LakeError::DataFile {
                path: place.to_string().into(),
                problem: format!("its document is no JSON: {error}"),
            });
            Event {
                id: self.ids[number as usize].clone(),
                data_stream: self.stream.clone(),
                document: serde_json::Map::new(),
                place,
            }
        })
    }

    fn place(&self, number: u32) -> &Place {
        &self.places[number as usize]
    }

    fn store(&self, number: u32, out: &mut Vec<u8>) {
        let row = self.restored(number);
        out.extend_from_slice(&row.event.sequence.to_le_bytes());
        encode(&row.stream, &row.event, out);
    }

    fn restore(&self) -> Arc<dyn RestoreEvent> {
        Arc::new(FromStored)
    }
}

#[derive(Debug)]
struct FromStored;

impl RestoreEvent for FromStored {
    fn event(&self, stored: &[u8]) -> Result<Event, RestoreEventError> {
        let (sequence, payload) = stored.split_first_chunk::<8>().ok_or(RestoreEventError::Damaged)?;
        let sequence = u64::from_le_bytes(*sequence);
        let (stream, event) = decode(sequence, payload).ok_or(RestoreEventError::Damaged)?;
        let place = Place { input: input_of(&stream), record: sequence, line: None, offset: None };
        StoredRow { stream, place, event }.event().map_err(|_| RestoreEventError::Damaged)
    }
}

/// The name of a data stream as the input that its events are places in.
pub(crate) fn input_of(stream: &DataStream) -> Arc<str> {
    format!("lake:{stream}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_restored_from_what_was_stored() {
        let stream = DataStream::logs("x", "default");
        let source: Arc<str> = json!({"a": [1, "ü"]}).to_string().into();
        let stored = StoredEvent {
            sequence: 7,
            ingested: Timestamp::from_millis(5),
            id: EventId::given("id"),
            source,
        };
        let mut payload = Vec::new();
        encode(&stream, &stored, &mut payload);
        assert_eq!(decode(7, &payload), Some((stream.clone(), stored.clone())));
        let events = StoredEvents::kept(&stream, &[stored]);
        let mut bytes = Vec::new();
        events.store(0, &mut bytes);
        assert_eq!(events.restore().event(&bytes), Ok(events.event(0)));
        assert_eq!(events.event(0).place.record, 7);
        assert_eq!(events.restore().event(&bytes[..9]), Err(RestoreEventError::Damaged));
    }
}
