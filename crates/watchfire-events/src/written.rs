//! Events whose documents are on tapes or written as JSON: on their way from a normaliser to where they are kept, and from
//! there to columns. A tree is made of few of them.

use std::sync::Arc;

use serde_json::Value;

use crate::tape::{Tape, TapeObject, TapeReader, TapeValue};
use crate::{
    BatchBuilder, DataStream, DeferredEvents, Document, Event, EventBatch, EventId, Place, RestoreEvent,
    RestoreEventError,
};

/// An event whose document is on a tape.
#[derive(Clone, Debug)]
pub struct TapedEvent {
    /// Identity within the data stream.
    pub id: EventId,
    /// Where it belongs.
    pub data_stream: DataStream,
    /// The document: a tape of one object.
    pub document: Tape,
    /// Where it was read.
    pub place: Place,
}

impl From<Event> for TapedEvent {
    fn from(event: Event) -> Self {
        let Event { id, data_stream, document, place } = event;
        Self { id, data_stream, document: Tape::of(&Value::Object(document)), place }
    }
}

impl From<TapedEvent> for Event {
    fn from(event: TapedEvent) -> Self {
        let TapedEvent { id, data_stream, document, place } = event;
        let document = document.first().as_object().map(TapeObject::to_map).unwrap_or_default();
        Self { id, data_stream, document, place }
    }
}

/// An event whose document is written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenEvent {
    /// Identity within the data stream.
    pub id: EventId,
    /// Where it belongs.
    pub data_stream: DataStream,
    /// The document as JSON: one object.
    pub document: Arc<str>,
    /// Where it stands.
    pub place: Place,
}

impl From<Event> for WrittenEvent {
    fn from(event: Event) -> Self {
        let Event { id, data_stream, document, place } = event;
        Self { id, data_stream, document: Value::Object(document).to_string().into(), place }
    }
}

impl WrittenEvent {
    /// The event with its document as a tree.
    ///
    /// # Errors
    /// If the document is no JSON object.
    pub fn read(&self) -> Result<Event, serde_json::Error> {
        let document: Document = serde_json::from_str(&self.document)?;
        Ok(Event {
            id: self.id.clone(),
            data_stream: self.data_stream.clone(),
            document,
            place: self.place.clone(),
        })
    }

    /// Writes what [`Self::restore`] makes the event of, as [`DeferredEvents::store`] asks for. Lines and offsets are not among it:
    /// an event that is written stands in a lake.
    pub fn store(&self, out: &mut Vec<u8>) {
        let Self { id, data_stream, document, place } = self;
        out.extend_from_slice(&place.record.to_le_bytes());
        for part in [id.as_str(), data_stream.as_str(), &place.input] {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(document.as_bytes());
    }

    /// What makes events of what [`Self::store`] wrote.
    pub fn restore() -> Arc<dyn RestoreEvent> {
        Arc::new(Restore)
    }

    /// What [`Self::store`] wrote; `None` of anything else.
    fn stored(stored: &[u8]) -> Option<Self> {
        let (record, mut rest) = stored.split_first_chunk::<8>()?;
        let mut text = || {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = behind;
            std::str::from_utf8(text).ok()
        };
        let (id, data_stream, input) = (text()?, text()?, text()?);
        Some(Self {
            id: EventId::given(id),
            data_stream: DataStream::new(data_stream),
            document: std::str::from_utf8(rest).ok()?.into(),
            place: Place {
                input: input.into(),
                record: u64::from_le_bytes(*record),
                line: None,
                offset: None,
            },
        })
    }
}

/// Reads a document that is written as JSON, and gives it to `read`.
///
/// # Errors
/// If it is no JSON.
pub fn read_document<T>(
    reader: &mut TapeReader,
    text: &str,
    read: impl FnOnce(TapeValue<'_>) -> T,
) -> Result<T, serde_json::Error> {
    if let Some(value) = reader.read(text.as_bytes()) {
        return Ok(read(value));
    }
    let tape = Tape::of(&serde_json::from_str(text)?);
    Ok(read(tape.first()))
}

/// Events of a batch, which are written.
#[derive(Debug, Default)]
pub struct WrittenEvents {
    events: Vec<WrittenEvent>,
}

/// A document that should be written as a JSON object, and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document at {place} is no JSON object")]
pub struct NoDocument {
    /// Where it stands.
    pub place: Place,
}

impl WrittenEvents {
    /// Puts events into columns, a row each.
    ///
    /// # Errors
    /// If a document is no JSON object. Then the builder is good for nothing any more.
    pub fn batch(
        events: impl IntoIterator<Item = WrittenEvent>,
        columns: &mut BatchBuilder<'_>,
    ) -> Result<EventBatch, NoDocument> {
        let mut reader = TapeReader::default();
        let mut of_batch = Self::default();
        for event in events {
            columns.begin(&event.data_stream);
            let put = read_document(&mut reader, &event.document, |document| {
                document.as_object().map(|object| columns.put_document(object))
            });
            if !matches!(put, Ok(Some(()))) {
                return Err(NoDocument { place: event.place });
            }
            columns.push_deferred(of_batch.events.len() as u32);
            of_batch.events.push(event);
        }
        Ok(columns.finish_with(Box::new(of_batch)))
    }
}

impl DeferredEvents for WrittenEvents {
    fn event(&self, number: u32) -> Event {
        match self.events[number as usize].read() {
            Ok(event) => event,
            Err(error) => unreachable!("a document that was put into columns is one: {error}"),
        }
    }

    fn place(&self, number: u32) -> &Place {
        &self.events[number as usize].place
    }

    fn store(&self, number: u32, out: &mut Vec<u8>) {
        self.events[number as usize].store(out);
    }

    fn restore(&self) -> Arc<dyn RestoreEvent> {
        WrittenEvent::restore()
    }
}

#[derive(Debug)]
struct Restore;

impl RestoreEvent for Restore {
    fn event(&self, stored: &[u8]) -> Result<Event, RestoreEventError> {
        let event = WrittenEvent::stored(stored).and_then(|event| event.read().ok());
        event.ok_or(RestoreEventError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{FieldType, FieldTypes};

    struct Dynamic;

    impl FieldTypes for Dynamic {
        fn field_type(&self, _: &str) -> FieldType {
            FieldType::Dynamic
        }
    }

    #[test]
    fn written_events_are_columns_and_come_back() {
        let written = |document: &str, record| WrittenEvent {
            id: EventId::given("id"),
            data_stream: DataStream::logs("x", "default"),
            document: document.into(),
            place: Place { input: "lake".into(), record, line: None, offset: None },
        };
        let batch = |texts: &[&str]| {
            let events = (1..).zip(texts).map(|(record, text)| written(text, record));
            WrittenEvents::batch(events, &mut BatchBuilder::new(&Dynamic))
        };
        for none in ["7", "{"] {
            let refused = batch(&["{}", none]).expect_err("it is no document");
            assert_eq!(refused.place.record, 2);
        }
        // Of the second, parsers may make different things.
        let batch = batch(&[r#"{"a":[1,"ü"]}"#, r#"{"a":-0}"#]).expect("these are documents");
        let column = batch.column("a").expect("it is there");
        assert_eq!((0..2).map(|row| column.codes(row).len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(Value::Object(batch.event(0).document.clone()), json!({"a": [1, "ü"]}));
        let taped = Event::from(TapedEvent::from(batch.event(1).clone()));
        assert_eq!(&taped, batch.event(1));
        let crate::RowEvent::Deferred(deferred, number) = batch.row_event(1) else { panic!("it is kept") };
        let mut stored = Vec::new();
        deferred.store(number, &mut stored);
        assert_eq!(deferred.restore().event(&stored).as_ref(), Ok(batch.event(1)));
        assert_eq!(deferred.restore().event(&stored[..9]), Err(RestoreEventError::Damaged));
    }
}
