//! EVTX files, by the `evtx` crate.

use std::io::{Read, Seek};
use std::sync::Arc;

use evtx::{EvtxParser, ParserSettings};
use watchfire_events::Place;

use super::{FileReport, RecordSink, RejectReason};
use crate::normalise::{RawInput, RawPayload};

/// The first bytes of every EVTX file.
pub(super) const MAGIC: &[u8; 8] = b"ElfFile\0";

pub(super) fn read<R: Read + Seek>(file: R, name: &Arc<str>, sink: &mut dyn RecordSink) -> FileReport {
    let report = |problem| FileReport { name: Arc::clone(name), format: "evtx", problem };
    let settings = ParserSettings::new().num_threads(1).separate_json_attributes(false).indent(false);
    let mut parser = match EvtxParser::from_read_seek(file) {
        Ok(parser) => parser.with_configuration(settings),
        Err(error) => return report(Some(format!("cannot be read: {error}"))),
    };
    let (mut ordinal, mut damaged) = (0, 0_u64);
    for record in parser.records_json_value() {
        ordinal += 1;
        let mut place = Place { input: Arc::clone(name), record: ordinal, line: None, offset: None };
        match record {
            Ok(record) => {
                place.record = record.event_record_id;
                sink.record(RawInput {
                    payload: RawPayload::Json(record.data),
                    place,
                    identity: Arc::clone(name),
                    given_index: None,
                    given_id: None,
                });
            }
            Err(_) => {
                damaged += 1;
                sink.rejected(&place, RejectReason::DamagedEvtx);
            }
        }
    }
    report((damaged > 0).then(|| format!("{damaged} damaged records or chunks were left out")))
}
