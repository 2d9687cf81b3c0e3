//! Events that will perhaps be wanted again, packed on disk.
//!
//! Blocks of some hundred kilobytes are compressed where they are made, by any thread, and put one behind the other. A
//! result's events lie close together in most input; so the blocks last read are kept.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use watchfire_engine::correlate::{Sequence, SequencePlace};
use watchfire_events::{
    DataStream, Document, Event, EventId, Place, RestoreEvent, RestoreEventError, RowEvent,
};

use zstd::bulk::Compressor;

use crate::sorted_spill::damaged_spill;

/// Bytes of events that are packed together.
const BLOCK_BYTES: usize = 256 << 10;
/// Faster than small: what is packed is mostly never read again.
const LEVEL: i32 = -7;

/// An event that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRef {
    block: u32,
    /// The byte of the block where it begins.
    at: u32,
}

impl EventRef {
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.block) << 32 | u64::from(self.at)).to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Self {
        let both = u64::from_be_bytes(bytes);
        Self { block: (both >> 32) as u32, at: both as u32 }
    }
}

/// The events of a batch, in packed blocks.
#[derive(Debug, Default)]
pub(crate) struct BatchEvents {
    open: Vec<u8>,
    packed: Vec<Vec<u8>>,
    refs: Vec<EventRef>,
    /// What makes the events that are not stored themselves.
    restore: Option<Arc<dyn RestoreEvent>>,
    packer: Option<Packer>,
}

struct Packer(Compressor<'static>);

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packer")
    }
}

/// What is stored of an event: itself, or what it can be made of.
const KEPT: u8 = b'k';
const DEFERRED: u8 = b'd';
/// In front of what is stored of an event: which of the two it is, and how many bytes follow.
const HEAD: usize = 1 + size_of::<u32>();

impl BatchEvents {
    /// Adds the event of a row, or what it can be made of.
    pub(crate) fn push(&mut self, event: RowEvent<'_>) {
        let start = self.open.len();
        self.open.resize(start + HEAD, 0);
        let form = match event {
            RowEvent::Kept(event) => {
                let Place { input, record, line, offset } = &event.place;
                let stream = event.data_stream.as_str();
                let parts = (stream, event.id.as_str(), &**input, record, line, offset, &event.document);
                serde_json::to_writer(&mut self.open, &parts).expect("a document can be written as JSON");
                KEPT
            }
            RowEvent::Deferred(deferred, number) => {
                deferred.store(number, &mut self.open);
                self.restore.get_or_insert_with(|| deferred.restore());
                DEFERRED
            }
        };
        let length = self.open.len() - start - HEAD;
        self.open[start] = form;
        self.open[start + 1..start + HEAD].copy_from_slice(&(length as u32).to_le_bytes());
        self.refs.push(EventRef { block: self.packed.len() as u32, at: start as u32 });
        if self.open.len() >= BLOCK_BYTES {
            self.close();
        }
    }

    /// Packs what is not packed yet.
    pub(crate) fn close(&mut self) {
        if !self.open.is_empty() {
            let packer = self.packer.get_or_insert_with(|| {
                Compressor::new(LEVEL).map(Packer).expect("the compressor takes its own levels")
            });
            let packed = packer.0.compress(&self.open).expect("bytes in memory can be compressed");
            self.packed.push(packed);
            self.open.clear();
        }
    }
}

/// All events that were stored.
#[derive(Debug)]
pub(crate) struct StoredEvents {
    file: Option<Mutex<File>>,
    blocks: Vec<Block>,
    end: u64,
    memory: u64,
    /// What makes events that are not stored themselves: one for each reading of inputs, as it knows the files of no other.
    restores: Vec<Arc<dyn RestoreEvent>>,
}

/// Where a block is.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: u64,
    length: usize,
    /// The number of what makes its events, if any of them needs it.
    restore: Option<usize>,
}

impl StoredEvents {
    /// Without events yet; about so many bytes of them may be in memory while they are read.
    pub(crate) fn new(memory: u64) -> Self {
        Self { file: None, blocks: Vec::new(), end: 0, memory, restores: Vec::new() }
    }

    /// Adds the events of a batch, and returns where each is.
    pub(crate) fn append(&mut self, batch: BatchEvents) -> io::Result<Vec<EventRef>> {
        let first = self.blocks.len() as u32;
        let restore = batch.restore.map(|restore| {
            let known = self.restores.iter().rposition(|known| Arc::ptr_eq(known, &restore));
            known.unwrap_or_else(|| {
                self.restores.push(restore);
                self.restores.len() - 1
            })
        });
        for block in batch.packed {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(Mutex::new(tempfile::tempfile()?)),
            };
            let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
            // Something may have been read since.
            file.seek(SeekFrom::Start(self.end))?;
            file.write_all(&block)?;
            self.blocks.push(Block { start: self.end, length: block.len(), restore });
            self.end += block.len() as u64;
        }
        Ok(batch.refs.into_iter().map(|at| EventRef { block: first + at.block, ..at }).collect())
    }

    /// What reads events back, so many for as many threads.
    pub(crate) fn readers(&self, number: usize) -> Vec<EventReader<'_>> {
        let blocks = (self.memory as usize / number.max(1) / BLOCK_BYTES).max(1);
        let reader = || EventReader {
            stored: self,
            cache: BlockCache { most: blocks, recent: Vec::new() },
            recent: VecDeque::new(),
        };
        std::iter::repeat_with(reader).take(number).collect()
    }

    /// What makes the events of a block that are not stored themselves.
    fn restore(&self, block: u32) -> Option<&dyn RestoreEvent> {
        Some(&**self.restores.get(self.blocks.get(block as usize)?.restore?)?)
    }

    fn read(&self, block: u32) -> io::Result<Vec<u8>> {
        let Block { start, length, .. } = *self.blocks.get(block as usize).ok_or_else(damaged_spill)?;
        let mut packed = vec![0; length];
        {
            let file = self.file.as_ref().ok_or_else(damaged_spill)?;
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut packed)?;
        }
        zstd::stream::decode_all(packed.as_slice())
    }
}

/// Why an event could not be read back.
#[derive(Debug)]
pub enum ReadBackError {
    /// A temporary file cannot be read.
    Spill(io::Error),
    /// The record at this place of the input is not the one any more that was read there.
    Changed(Place),
}

impl From<io::Error> for ReadBackError {
    fn from(error: io::Error) -> Self {
        Self::Spill(error)
    }
}

impl From<ReadBackError> for io::Error {
    fn from(error: ReadBackError) -> Self {
        match error {
            ReadBackError::Spill(error) => error,
            ReadBackError::Changed(place) => Self::other(format!("{place} has changed since it was read")),
        }
    }
}

/// Reads events back.
#[derive(Debug)]
pub struct EventReader<'s> {
    stored: &'s StoredEvents,
    cache: BlockCache,
    /// The events that were made last, the latest one last: several rules find the same ones.
    recent: VecDeque<(EventRef, Arc<Event>)>,
}

/// Events that a reader keeps.
const RECENT_EVENTS: usize = 32;

impl EventReader<'_> {
    /// An event, read back if it is not at hand.
    fn event(&mut self, event: EventRef) -> Result<Arc<Event>, ReadBackError> {
        if let Some((_, found)) = self.recent.iter().rev().find(|(of, _)| *of == event) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(self.get(event)?);
        if self.recent.len() == RECENT_EVENTS {
            self.recent.pop_front();
        }
        self.recent.push_back((event, Arc::clone(&found)));
        Ok(found)
    }

    /// Reads an event back.
    pub(crate) fn get(&mut self, event: EventRef) -> Result<Event, ReadBackError> {
        let block = match self.cache.take(event.block) {
            Some(block) => block,
            None => self.stored.read(event.block)?,
        };
        let damaged = || RestoreEventError::Damaged;
        let found = stored_at(&block, event.at).ok_or_else(damaged).and_then(|(form, stored)| match form {
            DEFERRED => self.stored.restore(event.block).ok_or_else(damaged)?.event(stored),
            _ => kept_event(stored).ok_or_else(damaged),
        });
        self.cache.put(event.block, block);
        found.map_err(|error| match error {
            RestoreEventError::Damaged => damaged_spill().into(),
            RestoreEventError::Changed(place) => ReadBackError::Changed(place),
        })
    }

    /// Reads the events of a result back, each in its place. Results on the same events cost less one after the other.
    ///
    /// # Errors
    /// If the temporary file cannot be read, or a record is not in its file any more.
    pub fn places(
        &mut self,
        result: &Sequence<EventRef>,
    ) -> Result<Vec<SequencePlace<Arc<Event>>>, ReadBackError> {
        let place = |place: &SequencePlace<EventRef>| {
            Ok(match place {
                SequencePlace::Event(event) => SequencePlace::Event(self.event(*event)?),
                SequencePlace::Missing => SequencePlace::Missing,
            })
        };
        result.places.iter().map(place).collect()
    }
}

fn kept_event(stored: &[u8]) -> Option<Event> {
    type Parts = (String, String, String, u64, Option<u64>, Option<u64>, Document);
    let (data_stream, id, input, record, line, offset, document): Parts =
        serde_json::from_slice(stored).ok()?;
    Some(Event {
        id: EventId::given(id),
        data_stream: DataStream::new(data_stream),
        document,
        place: Place { input: input.into(), record, line, offset },
    })
}

/// What is stored at a byte of a block, and in which form.
fn stored_at(block: &[u8], at: u32) -> Option<(u8, &[u8])> {
    let (form, rest) = block.get(at as usize..)?.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((*form, rest.get(..u32::from_le_bytes(*length) as usize)?))
}

/// The blocks that were read last, unpacked.
#[derive(Debug)]
struct BlockCache {
    most: usize,
    /// The latest one last.
    recent: Vec<(u32, Vec<u8>)>,
}

impl BlockCache {
    fn take(&mut self, number: u32) -> Option<Vec<u8>> {
        let at = self.recent.iter().rposition(|(of, _)| *of == number)?;
        Some(self.recent.remove(at).1)
    }

    fn put(&mut self, number: u32, block: Vec<u8>) {
        if self.recent.len() == self.most {
            self.recent.remove(0);
        }
        self.recent.push((number, block));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(number: u64, size: usize) -> Event {
        let document = json!({ "n": number, "text": "a\n\"ä".repeat(size), "inner": { "a": [1, null] } });
        Event {
            id: EventId::given(number.to_string()),
            data_stream: DataStream::new("logs-a-default"),
            document: document.as_object().expect("an object").clone(),
            place: Place { input: "a".into(), record: number, line: Some(7), offset: None },
        }
    }

    #[test]
    fn events_come_back_from_any_block() {
        // Small and large ones, so that blocks hold one or many; and room for one block, so that all are read again.
        for memory in [0, 1 << 30] {
            let mut stored = StoredEvents::new(memory);
            let mut all = Vec::new();
            for batch in 0..3_u64 {
                let mut events = BatchEvents::default();
                let made: Vec<Event> = (0..60).map(|at| event(batch * 100 + at, at as usize * 150)).collect();
                for event in &made {
                    events.push(RowEvent::Kept(event));
                }
                events.close();
                all.extend(
                    stored.append(events).expect("temporary files can be written").into_iter().zip(made),
                );
            }
            assert!(stored.blocks.len() > 6);
            let mut reader = stored.readers(1).remove(0);
            for (at, event) in all.iter().rev().chain(&all) {
                assert_eq!(reader.get(*at).expect("temporary files can be read"), *event);
                assert_eq!(EventRef::from_bytes(at.to_bytes()), *at);
            }
        }
    }
}
