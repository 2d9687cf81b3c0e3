//! Records of a batch, kept as they were read until something asks for an event.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use watchfire_events::{DeferredEvents, Event, FieldNames, Place, RestoreEvent};

use super::{NormaliseError, NormaliseOptions, RawInput, RawPayload, normalise_with};
use crate::tape::{Tape, TapeSpan, TapeValue};

/// Where records are kept, batch after batch: the memory of one batch serves a later one.
#[derive(Debug)]
pub struct RecordPool {
    options: NormaliseOptions,
    free: Mutex<Vec<(Tape, Vec<DeferredRecord>)>>,
    /// Names of fields that making events has met with, for each that is at it.
    names: Mutex<Vec<FieldNames>>,
}

impl RecordPool {
    /// Memory of so many batches is kept for later; one of each thread and some that wait.
    const MOST_FREE: usize = 8;
    /// Names beyond these are forgotten: fields that an attacker makes up shall not pile up.
    const MOST_NAMES: usize = 1 << 14;
    /// No more memory than this is kept of one batch.
    const MOST_BYTES: usize = 64 << 20;

    /// A pool of records that are normalised with these options.
    pub fn new(options: NormaliseOptions) -> Arc<Self> {
        Arc::new(Self { options, free: Mutex::default(), names: Mutex::default() })
    }

    /// Room for the records of a batch.
    pub fn records(self: &Arc<Self>) -> DeferredRecords {
        let (tape, records) = lock(&self.free).pop().unwrap_or_default();
        DeferredRecords { tape, records, pool: Arc::clone(self) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records of a batch. Their events are made by [`normalise`](super::normalise), as if there were no columns.
#[derive(Debug)]
pub struct DeferredRecords {
    tape: Tape,
    records: Vec<DeferredRecord>,
    pool: Arc<RecordPool>,
}

#[derive(Debug)]
struct DeferredRecord {
    span: TapeSpan,
    place: Place,
    identity: Arc<str>,
}

impl Drop for DeferredRecords {
    fn drop(&mut self) {
        let mut tape = std::mem::take(&mut self.tape);
        let mut records = std::mem::take(&mut self.records);
        tape.clear();
        records.clear();
        let mut free = lock(&self.pool.free);
        if free.len() < RecordPool::MOST_FREE && tape.capacity() <= RecordPool::MOST_BYTES {
            free.push((tape, records));
        }
    }
}

impl DeferredRecords {
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
        let DeferredRecord { span, place, identity } = &self.records[number as usize];
        let record = self.tape.get(*span).to_value();
        match self.pool.event(record, place.clone(), identity) {
            Ok(event) => event,
            Err(error) => unreachable!("a record that gave a row cannot be refused: {error}"),
        }
    }

    fn place(&self, number: u32) -> &Place {
        &self.records[number as usize].place
    }

    fn store(&self, number: u32, out: &mut Vec<u8>) -> [u8; 16] {
        let DeferredRecord { span, place, identity } = &self.records[number as usize];
        let Place { input, record, line, offset } = place;
        let start = out.len();
        let parts = (&**identity, &**input, record, line, offset, self.tape.get(*span));
        serde_json::to_writer(&mut *out, &parts).expect("a record can be written as JSON");
        // Name, place and content: the same record is written the same way.
        let digest = Sha256::digest(&out[start..]);
        digest.first_chunk().copied().unwrap_or_default()
    }

    fn restore(&self) -> Arc<dyn RestoreEvent> {
        Arc::<RecordPool>::clone(&self.pool)
    }
}

impl RecordPool {
    fn event(&self, record: Value, place: Place, identity: &Arc<str>) -> Result<Event, NormaliseError> {
        let raw = RawInput::bare(RawPayload::Json(record), place, identity);
        let mut names = lock(&self.names).pop().unwrap_or_default();
        let normalised = normalise_with(raw, &self.options, &mut names);
        if names.len() <= Self::MOST_NAMES {
            lock(&self.names).push(names);
        }
        Ok(normalised?.event)
    }
}

impl RestoreEvent for RecordPool {
    fn event(&self, stored: &[u8]) -> Option<Event> {
        type Parts = (String, String, u64, Option<u64>, Option<u64>, Value);
        let (identity, input, record, line, offset, value): Parts = serde_json::from_slice(stored).ok()?;
        let place = Place { input: input.into(), record, line, offset };
        Self::event(self, value, place, &identity.into()).ok()
    }
}
