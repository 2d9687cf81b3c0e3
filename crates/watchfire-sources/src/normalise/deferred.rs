//! Records of a batch, kept as they were read until something asks for an event.

use std::sync::Arc;

use watchfire_events::{DeferredEvents, Event, Place};

use super::{NormaliseOptions, RawInput, RawPayload, normalise};
use crate::tape::{Tape, TapeSpan, TapeValue};

/// The records of a batch. Their events are made by [`normalise`], as if there were no columns.
#[derive(Debug)]
pub struct DeferredRecords {
    tape: Tape,
    records: Vec<DeferredRecord>,
    options: Arc<NormaliseOptions>,
}

#[derive(Debug)]
struct DeferredRecord {
    span: TapeSpan,
    place: Place,
    identity: Arc<str>,
}

impl DeferredRecords {
    /// No records yet, to be normalised with these options.
    pub fn new(options: Arc<NormaliseOptions>) -> Self {
        Self { tape: Tape::default(), records: Vec::new(), options }
    }

    /// Keeps a record.
    pub fn push(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>) {
        let span = self.tape.push(record);
        self.records.push(DeferredRecord { span, place, identity: Arc::clone(identity) });
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of memory that the records take up.
    pub fn bytes(&self) -> usize {
        self.tape.bytes() + self.records.len() * size_of::<DeferredRecord>()
    }

    /// A record and its place, by its number: the first one has 0.
    pub fn get(&self, number: u32) -> (TapeValue<'_>, &Place) {
        let record = &self.records[number as usize];
        (self.tape.get(record.span), &record.place)
    }
}

impl DeferredEvents for DeferredRecords {
    fn event(&self, number: u32) -> Event {
        let record = &self.records[number as usize];
        let raw = RawInput {
            payload: RawPayload::Json(self.tape.get(record.span).to_value()),
            place: record.place.clone(),
            identity: Arc::clone(&record.identity),
            given_index: None,
            given_id: None,
        };
        match normalise(raw, &self.options) {
            Ok(normalised) => normalised.event,
            Err(error) => unreachable!("a record that gave a row cannot be refused: {error}"),
        }
    }
}
