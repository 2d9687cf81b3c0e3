//! EVTX files, chunk by chunk: of any length in the memory of one chunk, and without going back in the file.
//!
//! The `evtx` crate decodes each chunk. What it does not do is done here: a chunk that is cut off is read as far as it
//! goes, one with a damaged header is read without it, and records that a chunk should have and has not are counted.

use std::io::BufRead;
use std::sync::Arc;

use evtx::err::EvtxError;
use evtx::{EvtxChunkData, ParserSettings};
use watchfire_events::Place;

use super::report::{Problems, RejectReason};
use super::session::{PROGRESS_BYTES, Session, describe, read_full};
use crate::normalise::{RawInput, RawPayload};

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
        next_id: 1,
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
    /// The id that the next record should have.
    next_id: u64,
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
            let read = match read_full(stream, &mut bytes) {
                Ok(read) => read,
                Err(error) => return problems.add(describe(&error)),
            };
            // Chunks that were never used are empty, wherever they are.
            if bytes.iter().any(|&byte| byte != 0) {
                if read < CHUNK_BYTES {
                    problems.add(format!("cut off inside of the chunk at byte {offset}"));
                }
                self.read_chunk(bytes, offset, read);
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
        let (records, read) = match EvtxChunkData::new(bytes.clone(), false) {
            Ok(mut chunk) => {
                self.unverified += u64::from(valid == CHUNK_BYTES && !chunk.validate_checksum());
                let (first, last) = (chunk.header.first_event_record_id, chunk.header.last_event_record_id);
                let records =
                    last.checked_sub(first).filter(|&more| more < MOST_RECORDS).map(|_| first..=last);
                (records.clone(), self.read_records(&mut chunk, offset, valid, records, true))
            }
            Err(_) => (None, false),
        };
        if read {
            return;
        }
        // The header, or the table of strings in it, is of no use. Records can be read without either.
        let first_record = bytes.get(CHUNK_HEADER_BYTES..CHUNK_HEADER_BYTES + RECORD_MAGIC.len());
        let mut repaired =
            (first_record == Some(RECORD_MAGIC)).then(|| EvtxChunkData::new(plain_header(bytes), false));
        if let Some(Ok(chunk)) = &mut repaired
            && self.read_records(chunk, offset, valid, records, false)
        {
            self.headerless += 1;
            return;
        }
        self.damaged += 1;
        self.session.rejected(&self.place(self.next_id, offset), RejectReason::DamagedEvtx);
    }

    /// Reads the records of a chunk, which should have these ids; `false` if not even its tables can be read. Only with
    /// its header it is known where records end, and that something behind them is none.
    fn read_records(
        &mut self,
        chunk: &mut EvtxChunkData,
        offset: u64,
        valid: usize,
        ids: Option<std::ops::RangeInclusive<u64>>,
        has_header: bool,
    ) -> bool {
        let Ok(mut chunk) = chunk.parse(Arc::clone(&self.settings)) else {
            return false;
        };
        if let Some(ids) = &ids {
            self.next_id = *ids.start();
        }
        // Records that were found without their ids being known.
        let mut nameless = 0;
        for record in chunk.iter() {
            let record = match record {
                Ok(record) => record,
                Err(EvtxError::FailedToReadRecordAt { .. }) if !has_header => break,
                Err(error) => {
                    nameless += self.damaged(&error, offset, nameless);
                    continue;
                }
            };
            let (id, at) = (record.event_record_id, offset + record.binxml_offset);
            // The zeros behind the end of the file would be read as if they were part of the record.
            let is_whole = record.binxml_offset + u64::from(record.binxml_size) <= valid as u64;
            let value = if is_whole { record.into_json_value() } else { Err(cut_off(id)) };
            match value {
                Ok(value) => {
                    if ids.as_ref().is_some_and(|ids| ids.contains(&id)) {
                        self.lost_before(id, std::mem::take(&mut nameless), offset);
                    }
                    self.next_id = id.saturating_add(1);
                    self.session.record(RawInput {
                        payload: RawPayload::Json(value.data),
                        place: self.place(id, at),
                        identity: Arc::clone(self.name),
                        given_index: None,
                        given_id: None,
                    });
                }
                Err(error) => nameless += self.damaged(&error, offset, nameless),
            }
        }
        if let Some(ids) = ids {
            self.lost_before(ids.end().saturating_add(1), nameless, offset);
        }
        true
    }

    /// Counts a damaged record; 1 if its id is not known.
    fn damaged(&mut self, error: &EvtxError, chunk: u64, nameless: u64) -> u64 {
        self.damaged += 1;
        let (id, at, is_nameless) = match error {
            EvtxError::FailedToParseRecord { record_id, .. } => {
                self.lost_before(*record_id, nameless, chunk);
                self.next_id = record_id.saturating_add(1);
                (*record_id, chunk, false)
            }
            EvtxError::FailedToReadRecordAt { offset, .. } => (self.next_id + nameless, chunk + offset, true),
            _ => (self.next_id + nameless, chunk, true),
        };
        self.session.rejected(&self.place(id, at), RejectReason::DamagedEvtx);
        u64::from(is_nameless)
    }

    /// Counts the records between the last one and this one, but for those that were found damaged.
    fn lost_before(&mut self, id: u64, nameless: u64, chunk: u64) {
        // Ids that jump further than a chunk reaches say nothing about records.
        let gap = id.saturating_sub(self.next_id);
        if gap > MOST_RECORDS {
            return;
        }
        for lost in self.next_id.saturating_add(nameless)..id {
            self.missing += 1;
            self.session.rejected(&self.place(lost, chunk), RejectReason::MissingEvtx);
        }
    }

    fn place(&self, record: u64, offset: u64) -> Place {
        Place { input: Arc::clone(self.name), record, line: None, offset: Some(offset) }
    }
}

fn cut_off(record_id: u64) -> EvtxError {
    let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
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
