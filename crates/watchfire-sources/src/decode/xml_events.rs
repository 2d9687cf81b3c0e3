//! Windows events as XML: `<Event …>…</Event>`, one after another, inside of `<Events>` or not.

use std::io::{BufRead, Read};
use std::sync::Arc;

use watchfire_events::Place;

use super::{FileReport, MAX_RECORD_BYTES, RecordSink, RejectReason};
use crate::normalise::{RawInput, RawPayload};

const END: &[u8] = b"</Event>";

pub(super) fn read(
    mut stream: Box<dyn BufRead + '_>,
    name: &Arc<str>,
    sink: &mut dyn RecordSink,
) -> FileReport {
    let mut problem = None;
    let (mut ordinal, mut text) = (0, Vec::new());
    let mut too_large = false;
    loop {
        // Cut behind each `>`, so that only what belongs to one event is in memory.
        let read = match (&mut stream).take(MAX_RECORD_BYTES as u64).read_until(b'>', &mut text) {
            Ok(read) => read,
            Err(error) => {
                problem = Some(format!("damaged: {error}"));
                0
            }
        };
        let end = text.ends_with(END);
        if text.len() > MAX_RECORD_BYTES {
            too_large = true;
            text.drain(..text.len() - END.len());
        }
        if end || read == 0 {
            let place = Place { input: Arc::clone(name), record: ordinal + 1, line: None, offset: None };
            let start =
                memchr::memmem::find(&text, b"<Event ").or_else(|| memchr::memmem::find(&text, b"<Event>"));
            if too_large {
                ordinal += 1;
                sink.rejected(&place, RejectReason::TooLarge);
            } else if let Some(start) = start {
                ordinal += 1;
                match std::str::from_utf8(&text[start..]) {
                    Ok(event) if end => sink.record(RawInput {
                        payload: RawPayload::WindowsXml(event.to_owned()),
                        place,
                        identity: Arc::clone(name),
                        given_index: None,
                        given_id: None,
                    }),
                    _ => sink.rejected(&place, RejectReason::InvalidXml),
                }
            }
            text.clear();
            too_large = false;
        }
        if read == 0 {
            break;
        }
    }
    if ordinal == 0 && problem.is_none() {
        problem = Some("XML without a Windows event".into());
    }
    FileReport { name: Arc::clone(name), format: "xml", problem }
}
