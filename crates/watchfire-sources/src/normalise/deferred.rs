//! Records of a batch, kept as they were read until something asks for an event.
//!
//! What is kept of one beyond that is its place, if its text stands in a file as it is: then it is read again there when
//! its event is asked for after all, and a digest tells whether it is still the same. Of other records the tape is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchfire_events::{DeferredEvents, Event, EventId, FieldNames, Place, RestoreEvent, RestoreEventError};

use super::content::canonical_tape;
use super::{Mapper, NormaliseError, NormaliseOptions};
use crate::decode::{TextRange, TextReader};
use crate::tape::{Tape, TapeSpan, TapeValue, pack_number, unpack_number};

/// Where records are kept, batch after batch: the memory of one batch serves a later one.
#[derive(Debug)]
pub struct RecordPool {
    options: NormaliseOptions,
    /// The files that records may be read again of, by the names of inputs.
    files: BTreeMap<Arc<str>, PathBuf>,
    readers: Mutex<Vec<TextReader>>,
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
        Self::of_files(options, BTreeMap::new())
    }

    /// A pool of records that can be read again if they are of one of these files, given by the names of the inputs.
    pub fn of_files(options: NormaliseOptions, files: BTreeMap<Arc<str>, PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            options,
            files,
            readers: Mutex::default(),
            free: Mutex::default(),
            names: Mutex::default(),
        })
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

/// The records of a batch. Their events are those that [`normalise`](super::normalise) makes of the same records.
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
    /// Where its text stands in its file, if it does.
    text: Option<TextRange>,
}

/// What is stored of a record: its tape, or where its text stands.
const TAPE: u8 = b't';
const TEXT: u8 = b'f';

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
        self.push_from(record, place, identity, None);
    }

    /// Keeps a record; `text` is where it stands in the file, if it does.
    pub fn push_from(
        &mut self,
        record: TapeValue<'_>,
        place: Place,
        identity: &Arc<str>,
        text: Option<TextRange>,
    ) {
        let span = self.tape.push(record);
        self.records.push(DeferredRecord { span, place, identity: Arc::clone(identity), text });
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
        let DeferredRecord { span, place, identity, .. } = &self.records[number as usize];
        match self.pool.event(self.tape.get(*span), place.clone(), identity) {
            Ok(event) => event,
            Err(error) => unreachable!("a record that gave a row cannot be refused: {error}"),
        }
    }

    fn place(&self, number: u32) -> &Place {
        &self.records[number as usize].place
    }

    fn store(&self, number: u32, out: &mut Vec<u8>) {
        let DeferredRecord { span, place, identity, text } = &self.records[number as usize];
        let Place { input, record, line, offset } = place;
        let text = text.filter(|_| self.pool.files.contains_key(input));
        out.push(if text.is_some() { TEXT } else { TAPE });
        pack_number(*record, out);
        for number in [line, offset] {
            // One more than the number, and 0 for none; beyond all files there is no telling them apart.
            pack_number(number.map_or(0, |number| number.saturating_add(1)), out);
        }
        for text in [input, identity] {
            pack_number(text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        let record = self.tape.get(*span);
        match text {
            Some(TextRange { start, length }) => {
                pack_number(start, out);
                pack_number(length.into(), out);
                out.extend_from_slice(&record.digest().to_le_bytes());
            }
            None => record.pack(out),
        }
    }

    fn restore(&self) -> Arc<dyn RestoreEvent> {
        Arc::<RecordPool>::clone(&self.pool)
    }
}

impl RecordPool {
    fn event(&self, record: TapeValue<'_>, place: Place, identity: &str) -> Result<Event, NormaliseError> {
        let id = EventId::from_content(identity, place.record, &canonical_tape(record));
        let mut names = lock(&self.names).pop().unwrap_or_default();
        let normalised = Mapper::new(&self.options)
            .map(record, None, &mut names)
            .map(|mapped| mapped.into_normalised(id, place, &names));
        if names.len() <= Self::MOST_NAMES {
            lock(&self.names).push(names);
        }
        Ok(normalised?.event)
    }
}

/// What was stored of a record.
struct Stored<'s> {
    place: Place,
    identity: &'s str,
    content: StoredContent,
}

enum StoredContent {
    Tape(Tape),
    Text(TextRange, u64),
}

impl<'s> Stored<'s> {
    fn read(stored: &'s [u8]) -> Option<Self> {
        let (form, mut stored) = stored.split_first()?;
        let record = unpack_number(&mut stored)?;
        let line = unpack_number(&mut stored)?.checked_sub(1);
        let offset = unpack_number(&mut stored)?.checked_sub(1);
        let mut text = || {
            let length = usize::try_from(unpack_number(&mut stored)?).ok()?;
            let (text, rest) = stored.split_at_checked(length)?;
            stored = rest;
            std::str::from_utf8(text).ok()
        };
        let (input, identity) = (text()?, text()?);
        let place = Place { input: input.into(), record, line, offset };
        let content = match *form {
            TAPE => StoredContent::Tape(Tape::unpack(stored)?),
            TEXT => {
                let (start, length) = (unpack_number(&mut stored)?, unpack_number(&mut stored)?);
                let text = TextRange { start, length: u32::try_from(length).ok()? };
                StoredContent::Text(text, u64::from_le_bytes(stored.try_into().ok()?))
            }
            _ => return None,
        };
        Some(Self { place, identity, content })
    }
}

impl RestoreEvent for RecordPool {
    fn event(&self, stored: &[u8]) -> Result<Event, RestoreEventError> {
        let Stored { place, identity, content } = Stored::read(stored).ok_or(RestoreEventError::Damaged)?;
        let (text, digest) = match content {
            StoredContent::Tape(tape) => {
                let event = Self::event(self, tape.first(), place, identity);
                return event.map_err(|_| RestoreEventError::Damaged);
            }
            StoredContent::Text(text, digest) => (text, digest),
        };
        let path = self.files.get(&place.input).ok_or(RestoreEventError::Damaged)?;
        let mut reader = lock(&self.readers).pop().unwrap_or_default();
        let record = reader.read(path, text).ok().flatten().filter(|record| record.digest() == digest);
        let event = match record {
            Some(record) => {
                let event = Self::event(self, record, place, identity);
                event.map_err(|_| RestoreEventError::Damaged)
            }
            None => Err(RestoreEventError::Changed(place)),
        };
        lock(&self.readers).push(reader);
        event
    }
}
