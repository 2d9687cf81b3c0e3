//! EVTX files, chunk by chunk: of any length in the memory of one chunk, and without going back in the file.
//!
//! The `evtx` crate decodes each chunk. What it does not do is done here: a chunk that is cut off is read as far as it
//! goes, one with a damaged header is read without it, and records that a chunk should have and has not are counted.

use std::io::BufRead;
use std::ops::Range;
use std::sync::Arc;

use evtx::err::EvtxError;
use evtx::{EvtxChunkData, ParserSettings};
use watchfire_events::Place;

use super::report::{Problems, RejectReason};
use super::session::{PROGRESS_BYTES, Session, describe, fill, read_full};
use crate::normalise::{RawInput, RawPayload};
use crate::tape::TapeReader;

/// The first bytes of every EVTX file.
pub(super) const MAGIC: &[u8; 8] = b"ElfFile\0";

const CHUNK_MAGIC: &[u8; 8] = b"ElfChnk\0";
const RECORD_MAGIC: &[u8; 4] = b"\x2a\x2a\0\0";
const FILE_HEADER_BYTES: usize = 4_096;
const CHUNK_BYTES: usize = 65_536;
const CHUNK_HEADER_BYTES: usize = 512;
/// Header of a record, and the copy of its length behind it.
const SMALLEST_RECORD_BYTES: u64 = 28;
/// More records than this are in no chunk; a header that claims more is not believed.
const MOST_RECORDS: u64 = (CHUNK_BYTES as u64) / SMALLEST_RECORD_BYTES;

/// Reads a file to its end and reports it.
pub(super) fn read(stream: &mut dyn BufRead, name: &Arc<str>, session: &mut Session<'_>) {
    let mut file = EvtxFile {
        name,
        session,
        settings: Arc::new(ParserSettings::new().num_threads(1).indent(false)),
        reader: TapeReader::default(),
        ids: Ids::default(),
        damaged: 0,
        missing: 0,
        headerless: 0,
        unverified: 0,
    };
    let mut problems = Problems::default();
    let mut header = vec![0; FILE_HEADER_BYTES];
    match read_full(stream, &mut header) {
        Ok(FILE_HEADER_BYTES) => file.read_chunks(stream, &mut problems),
        Ok(_) => problems.add("cut off inside of its header"),
        Err(error) => problems.add(describe(&error)),
    }
    problems.count(file.damaged, "damaged record or chunk", "damaged records or chunks");
    problems.count(file.missing, "record lost", "records lost");
    problems.count(
        file.headerless,
        "chunk was read without its damaged header, up to what is no record",
        "chunks were read without their damaged headers, up to what is no record",
    );
    problems.count(
        file.unverified,
        "chunk does not match its checksum and was read all the same",
        "chunks do not match their checksums and were read all the same",
    );
    file.session.reports.push(problems.report(name, "evtx"));
}

struct EvtxFile<'n, 's> {
    name: &'n Arc<str>,
    session: &'n mut Session<'s>,
    settings: Arc<ParserSettings>,
    reader: TapeReader,
    ids: Ids,
    damaged: u64,
    missing: u64,
    headerless: u64,
    /// Chunks whose content is not what Windows wrote, or that were still being written.
    unverified: u64,
}

impl EvtxFile<'_, '_> {
    fn read_chunks(&mut self, stream: &mut dyn BufRead, problems: &mut Problems) {
        let mut offset = FILE_HEADER_BYTES as u64;
        loop {
            let mut bytes = vec![0; CHUNK_BYTES];
            let (read, failure) = fill(stream, &mut bytes);
            // Chunks that were never used are empty, wherever they are.
            if bytes.iter().any(|&byte| byte != 0) {
                if read < CHUNK_BYTES && failure.is_none() {
                    problems.add(format!("cut off inside of the chunk at byte {offset}"));
                }
                self.read_chunk(bytes, offset, read);
            }
            if let Some(error) = failure {
                problems.add(describe(&error));
            }
            if read < CHUNK_BYTES {
                return;
            }
            offset += CHUNK_BYTES as u64;
            self.session.announce(PROGRESS_BYTES);
        }
    }

    /// Reads a chunk of which only the first `valid` bytes are there.
    fn read_chunk(&mut self, bytes: Vec<u8>, offset: u64, valid: usize) {
        if let Ok(mut chunk) = EvtxChunkData::new(bytes.clone(), false) {
            self.unverified += u64::from(valid == CHUNK_BYTES && !chunk.validate_checksum());
            self.ids.expect(chunk.header.first_event_record_id, chunk.header.last_event_record_id);
            if self.read_records(&mut chunk, offset, valid, true) {
                return;
            }
        } else {
            self.ids.expect_any();
        }
        // The header, or the table of strings in it, is of no use. Records can be read without either.
        let first_record = bytes.get(CHUNK_HEADER_BYTES..CHUNK_HEADER_BYTES + RECORD_MAGIC.len());
        if first_record == Some(RECORD_MAGIC)
            && let Ok(mut chunk) = EvtxChunkData::new(plain_header(bytes), false)
            && self.read_records(&mut chunk, offset, valid, false)
        {
            self.headerless += 1;
            return;
        }
        self.damaged += 1;
        self.session.rejected(&self.place(self.ids.next, offset), RejectReason::DamagedEvtx);
    }

    /// Reads the records of a chunk; `false` if not even its tables can be read. Only with its header it is known where
    /// records end, and that something behind them is none.
    fn read_records(
        &mut self,
        chunk: &mut EvtxChunkData,
        offset: u64,
        valid: usize,
        has_header: bool,
    ) -> bool {
        let Ok(mut chunk) = chunk.parse(Arc::clone(&self.settings)) else {
            return false;
        };
        for record in chunk.iter() {
            let record = match record {
                Ok(record) => record,
                Err(EvtxError::FailedToReadRecordAt { .. }) if !has_header => break,
                Err(error) => {
                    self.damaged(&error, offset);
                    continue;
                }
            };
            let (id, at) = (record.event_record_id, offset + record.binxml_offset);
            // The zeros behind the end of the file would be read as if they were part of the record.
            let is_whole = record.binxml_offset + u64::from(record.binxml_size) <= valid as u64;
            let json = if is_whole { record.into_json_bytes() } else { Err(cut_off(id)) };
            match json.and_then(|json| self.record(&json.data, id, at, offset)) {
                Ok(()) => {}
                Err(error) => self.damaged(&error, offset),
            }
        }
        let lost = self.ids.end();
        self.lost(lost, offset);
        true
    }

    /// Gives a record to the sink, by its JSON.
    fn record(&mut self, json: &[u8], id: u64, at: u64, chunk: u64) -> Result<(), EvtxError> {
        let value = match self.reader.read(json) {
            Some(_) => None,
            None => Some(serde_json::from_slice(json).map_err(|error| not_json(id, error))?),
        };
        let lost = self.ids.reach(id);
        self.lost(lost, chunk);
        let (place, identity) = (self.place(id, at), self.name);
        match value {
            None => self.session.record_on_tape(self.reader.last(), place, identity),
            Some(value) => self.session.record(RawInput::bare(RawPayload::Json(value), place, identity)),
        }
        Ok(())
    }

    fn damaged(&mut self, error: &EvtxError, chunk: u64) {
        self.damaged += 1;
        let (id, at) = match error {
            EvtxError::FailedToParseRecord { record_id, .. } => {
                let lost = self.ids.reach(*record_id);
                self.lost(lost, chunk);
                (*record_id, chunk)
            }
            EvtxError::FailedToReadRecordAt { offset, .. } => (self.ids.add_nameless(), chunk + offset),
            _ => (self.ids.add_nameless(), chunk),
        };
        self.session.rejected(&self.place(id, at), RejectReason::DamagedEvtx);
    }

    fn lost(&mut self, ids: Range<u64>, chunk: u64) {
        for id in ids {
            self.missing += 1;
            self.session.rejected(&self.place(id, chunk), RejectReason::MissingEvtx);
        }
    }

    fn place(&self, record: u64, offset: u64) -> Place {
        Place { input: Arc::clone(self.name), record, line: None, offset: Some(offset) }
    }
}

/// The ids that the records of a chunk should have: one after another. Each id is passed once, so that no chunk can
/// claim more losses than it has room for records.
struct Ids {
    /// The id that the next record should have.
    next: u64,
    /// The id behind the last one; not known if it is not greater.
    end: u64,
    /// Records since the last one with an id that were found damaged, without an id.
    nameless: u64,
}

impl Default for Ids {
    fn default() -> Self {
        Self { next: 1, end: 1, nameless: 0 }
    }
}

impl Ids {
    /// A chunk that says which ids it has.
    fn expect(&mut self, first: u64, last: u64) {
        match last.checked_sub(first) {
            Some(more) if more < MOST_RECORDS && last < u64::MAX => {
                *self = Self { next: first, end: last + 1, nameless: 0 };
            }
            _ => self.expect_any(),
        }
    }

    /// A chunk that does not say it, or not believably.
    fn expect_any(&mut self) {
        self.end = self.next;
        self.nameless = 0;
    }

    /// A record with this id: gives those that should have come before it and did not.
    fn reach(&mut self, id: u64) -> Range<u64> {
        if self.end <= self.next {
            self.next = id.saturating_add(1);
            self.end = self.next;
        }
        if !(self.next..self.end).contains(&id) {
            return 0..0;
        }
        let lost = self.next.saturating_add(self.nameless).min(id)..id;
        self.nameless = 0;
        self.next = id + 1;
        lost
    }

    /// A record without an id: gives the one that it must have had.
    fn add_nameless(&mut self) -> u64 {
        self.nameless += 1;
        self.next.saturating_add(self.nameless - 1)
    }

    /// The end of the chunk: gives the records that should have come and did not.
    fn end(&mut self) -> Range<u64> {
        let lost = self.next.saturating_add(self.nameless).min(self.end)..self.end;
        self.next = self.next.max(self.end);
        lost
    }
}

fn cut_off(record_id: u64) -> EvtxError {
    unreadable(record_id, std::io::ErrorKind::UnexpectedEof.into())
}

fn not_json(record_id: u64, error: serde_json::Error) -> EvtxError {
    unreadable(record_id, std::io::Error::from(error))
}

fn unreadable(record_id: u64, source: std::io::Error) -> EvtxError {
    EvtxError::FailedToParseRecord { record_id, source: Box::new(source.into()) }
}

/// A chunk whose header says no more than where records begin: they are read one behind another, as long as each has
/// its mark.
fn plain_header(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[..CHUNK_HEADER_BYTES].fill(0);
    bytes[..8].copy_from_slice(CHUNK_MAGIC);
    // The last record id, which no record has; the offset of the last record stays 0, so that none is searched for
    // behind damage: what lies there may be older than the log.
    bytes[32..40].fill(0xff);
    bytes[40..44].copy_from_slice(&128_u32.to_le_bytes());
    bytes[48..52].copy_from_slice(&(CHUNK_BYTES as u32).to_le_bytes());
    bytes
}
