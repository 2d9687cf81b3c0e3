//! An event as the spool and the tables keep it: its document as text.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use watchfire_events::{
    DataStream, DeferredEvents, Event, EventId, Place, RestoreEvent, Timestamp, WrittenEvent,
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
    reader: Box<dyn ReadSources>,
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
    /// Events whose documents are read when they are asked for. What goes wrong then is kept in `failures`.
    pub(crate) fn read_later(
        stream: &DataStream,
        ids: Vec<EventId>,
        sequences: &[u64],
        reader: Box<dyn ReadSources>,
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
        let sources = self.sources.get_or_init(|| {
            self.reader.read().unwrap_or_else(|error| {
                self.failures.add(error);
                Vec::new()
            })
        });
        sources.get(number as usize).cloned().unwrap_or_else(|| "{}".into())
    }

    fn written(&self, number: u32) -> WrittenEvent {
        let at = number as usize;
        WrittenEvent {
            id: self.ids[at].clone(),
            data_stream: self.stream.clone(),
            document: self.source(number),
            place: self.places[at].clone(),
        }
    }
}

impl DeferredEvents for StoredEvents {
    fn event(&self, number: u32) -> Event {
        let written = self.written(number);
        written.read().unwrap_or_else(|error| {
            self.failures.add(LakeError::DataFile {
                path: written.place.to_string().into(),
                problem: format!("its document is no JSON: {error}"),
            });
            let WrittenEvent { id, data_stream, place, .. } = written;
            Event { id, data_stream, document: serde_json::Map::new(), place }
        })
    }

    fn place(&self, number: u32) -> &Place {
        &self.places[number as usize]
    }

    fn store(&self, number: u32, out: &mut Vec<u8>) {
        self.written(number).store(out);
    }

    fn restore(&self) -> Arc<dyn RestoreEvent> {
        WrittenEvent::restore()
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

    #[derive(Debug)]
    struct AtHand(Arc<str>);

    impl ReadSources for AtHand {
        fn read(&self) -> Result<Vec<Arc<str>>, LakeError> {
            Ok(vec![Arc::clone(&self.0)])
        }
    }

    #[test]
    fn events_are_restored_from_what_was_stored() {
        let stream = DataStream::logs("x", "default");
        let source: Arc<str> = json!({"a": [1, "ü"]}).to_string().into();
        let stored = StoredEvent {
            sequence: 7,
            ingested: Timestamp::from_millis(5),
            id: EventId::given("id"),
            source: Arc::clone(&source),
        };
        let mut payload = Vec::new();
        encode(&stream, &stored, &mut payload);
        assert_eq!(decode(7, &payload), Some((stream.clone(), stored.clone())));
        let reader = Box::new(AtHand(source));
        let events = StoredEvents::read_later(&stream, vec![stored.id], &[7], reader, Arc::default());
        let mut bytes = Vec::new();
        events.store(0, &mut bytes);
        assert_eq!(events.restore().event(&bytes), Ok(events.event(0)));
        assert_eq!(events.event(0).place.record, 7);
    }
}
