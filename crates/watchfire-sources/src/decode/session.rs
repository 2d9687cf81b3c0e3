//! One file being read: its layers are taken off until records come out.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::Arc;

use watchfire_events::Place;

use super::limits::{
    BUFFER_BYTES, DecodeLimits, MEMBER_NAME_CHARACTERS, NESTED_ZSTD_WINDOW_LOG, RECOGNISED_BYTES,
};
use super::meter::{Decompressed, Meter};
use super::recognise::{Kind, recognise};
use super::report::{FileReport, Problems, RecordSink, RejectReason, TextRange};
use super::text_encoding::Utf8;
use super::{evtx_file, json, tar_archive, text, xml, zip_archive};
use crate::normalise::{RawInput, RawPayload};
use crate::tape::{Tape, TapeValue};

/// How often a sink hears of the progress.
pub(super) const PROGRESS_BYTES: u64 = 256 << 10;

/// What all layers of one file share.
pub(super) struct Session<'s> {
    pub(super) limits: &'s DecodeLimits,
    pub(super) meter: Rc<Meter>,
    pub(super) reports: Vec<FileReport>,
    /// Members of archives that may still be read.
    pub(super) members_left: u64,
    /// Whether what is read is a file, and no stream.
    is_file: bool,
    /// Byte of the file where the text begins that is read now; `None` if the file does not have it as it is.
    text_start: Option<u64>,
    sink: &'s mut dyn RecordSink,
    announced: u64,
    /// Room for a record that was read as a tree.
    tape: Tape,
}

/// The layers that are around a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers {
    depth: usize,
    zstd: bool,
    /// What is said to be the format if not even the first bytes can be read: the innermost compression.
    format: &'static str,
}

impl Default for Layers {
    fn default() -> Self {
        Self { depth: 0, zstd: false, format: "unknown" }
    }
}

impl<'s> Session<'s> {
    pub(super) fn new(limits: &'s DecodeLimits, length: Option<u64>, sink: &'s mut dyn RecordSink) -> Self {
        Self {
            limits,
            meter: Meter::new(limits, length),
            reports: Vec::new(),
            members_left: limits.archive_members,
            is_file: length.is_some(),
            text_start: None,
            sink,
            announced: 0,
            tape: Tape::default(),
        }
    }

    /// A record that was read as a tree. Most are cheaper on a tape from here on.
    pub(super) fn record(&mut self, record: RawInput) {
        match record {
            RawInput {
                payload: RawPayload::Json(value),
                place,
                identity,
                given_index: None,
                given_id: None,
            } if value.is_object() => {
                self.tape.set(&value);
                self.sink.record_on_tape(self.tape.first(), place, &identity);
            }
            record => self.sink.record(record),
        }
        self.after_record();
    }

    pub(super) fn record_on_tape(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>) {
        self.sink.record_on_tape(record, place, identity);
        self.after_record();
    }

    /// A record whose text begins at this byte of the text that is read, and has so many.
    pub(super) fn record_of_text(
        &mut self,
        record: TapeValue<'_>,
        place: Place,
        identity: &Arc<str>,
        (offset, length): (u64, usize),
    ) {
        match (self.text_start, u32::try_from(length)) {
            (Some(start), Ok(length)) => {
                let text = TextRange { start: start + offset, length };
                self.sink.record_in_file(record, place, identity, text);
            }
            _ => self.sink.record_on_tape(record, place, identity),
        }
        self.after_record();
    }

    fn after_record(&mut self) {
        if self.sink.is_satisfied() {
            self.meter.stop();
        }
        self.announce(PROGRESS_BYTES);
    }

    /// Whether the document of a line may be wanted.
    pub(super) fn wants_line(&self, line: &[u8]) -> bool {
        self.sink.wants_line(line)
    }

    /// Whether no more is wanted of what is being read.
    pub(super) fn is_done_with_member(&self) -> bool {
        self.sink.is_done_with_member()
    }

    pub(super) fn rejected(&mut self, place: &Place, reason: RejectReason) {
        self.sink.rejected(place, reason);
        self.announce(PROGRESS_BYTES);
    }

    /// Tells the sink how far the file is read, if that is further than it knows by so many bytes.
    pub(super) fn announce(&mut self, step: u64) {
        let consumed = self.meter.consumed();
        if consumed >= self.announced + step {
            self.announced = consumed;
            self.sink.progress(consumed);
        }
    }

    /// The end of the file.
    pub(super) fn finish(mut self) -> Vec<FileReport> {
        self.announce(1);
        self.reports
    }

    pub(super) fn problem(&mut self, name: &Arc<str>, format: &'static str, problem: impl Into<String>) {
        self.reports.push(FileReport::problem(name, format, problem));
    }

    /// One layer more; nothing, and a report, if there are too many.
    pub(super) fn enter(&mut self, layers: Layers, name: &Arc<str>, format: &'static str) -> Option<Layers> {
        let limit = self.limits.archive_depth;
        if layers.depth >= limit {
            self.problem(name, format, format!("archives are nested deeper than {limit}"));
            return None;
        }
        let format = if matches!(format, "gzip" | "zstd") { format } else { "unknown" };
        Some(Layers { depth: layers.depth + 1, format, ..layers })
    }

    /// Counts a member of an archive; `false`, and a report, at the first one that is too many.
    pub(super) fn take_member(&mut self, archive: &Arc<str>, format: &'static str) -> bool {
        if self.members_left == 0 {
            let limit = self.limits.archive_members;
            self.problem(archive, format, format!("more than {limit} members: the rest was not read"));
            return false;
        }
        self.members_left -= 1;
        true
    }

    /// Reads a stream of whatever format.
    pub(super) fn read(&mut self, stream: Box<dyn Read + '_>, name: &Arc<str>, layers: Layers) {
        let (start, mut stream) = match look_ahead(stream) {
            Ok(looked) => looked,
            Err(error) => return self.problem(name, layers.format, describe(&error)),
        };
        match recognise(&start) {
            Kind::Empty => self.problem(name, "unknown", "the file is empty"),
            Kind::Evtx => {
                if self.sink.wants_member(name, "evtx") {
                    evtx_file::read(&mut stream, name, self);
                }
            }
            Kind::Gzip => {
                if let Some(layers) = self.enter(layers, name, "gzip") {
                    self.decompressed(flate2::bufread::MultiGzDecoder::new(stream), name, layers);
                }
            }
            Kind::Zstd => self.read_zstd(stream, name, layers),
            Kind::Zip => {
                if let Some(layers) = self.enter(layers, name, "zip") {
                    zip_archive::read_stream(&mut stream, name, layers, self);
                }
            }
            Kind::Tar => {
                if let Some(layers) = self.enter(layers, name, "tar") {
                    tar_archive::read(&mut stream, name, layers, self);
                }
            }
            Kind::Utf16(encoding) => self.read_utf16(stream, encoding, name),
            kind @ (Kind::Xml | Kind::Json | Kind::Lines(_) | Kind::Other(_)) => {
                let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
                stream.consume(mark);
                self.text_start = (self.is_file && layers.depth == 0).then_some(mark as u64);
                self.read_text(kind, stream, name);
                self.text_start = None;
            }
        }
    }

    fn read_text(&mut self, kind: Kind, stream: Box<dyn BufRead + '_>, name: &Arc<str>) {
        match kind {
            Kind::Xml => {
                if self.sink.wants_member(name, "xml") {
                    xml::read(stream, name, self);
                }
            }
            Kind::Json => {
                if self.sink.wants_member(name, "json") {
                    json::read(stream, name, self);
                }
            }
            Kind::Lines(format) => {
                if self.sink.wants_member(name, "lines") {
                    text::read(format, stream, name, self);
                }
            }
            Kind::Other(what) => self.problem(name, "unknown", what),
            Kind::Empty => self.problem(name, "unknown", "no text behind its byte order mark"),
            _ => self.problem(
                name,
                "unknown",
                "text in UTF-16, but no JSON, Windows events as XML, audit log, syslog or Zeek log",
            ),
        }
    }

    fn read_utf16(
        &mut self,
        stream: Box<dyn BufRead + '_>,
        encoding: &'static encoding_rs::Encoding,
        name: &Arc<str>,
    ) {
        let replaced = Rc::default();
        match look_ahead(Box::new(Utf8::new(stream, encoding, Rc::clone(&replaced)))) {
            Ok((start, text)) => self.read_text(recognise(&start), text, name),
            Err(error) => self.problem(name, "unknown", describe(&error)),
        }
        if replaced.get()
            && let Some(report) = self.reports.last_mut()
        {
            let before = report.problem.take().map(|problem| problem + "; ").unwrap_or_default();
            report.problem = Some(before + "text that is no UTF-16 reads U+FFFD");
        }
    }

    fn read_zstd(&mut self, stream: Box<dyn BufRead + '_>, name: &Arc<str>, layers: Layers) {
        let Some(entered) = self.enter(layers, name, "zstd") else {
            return;
        };
        let window = self.limits.zstd_window_log;
        let window = if layers.zstd { window.min(NESTED_ZSTD_WINDOW_LOG) } else { window };
        let decoder = zstd::Decoder::with_buffer(stream).and_then(|mut decoder| {
            decoder.window_log_max(window)?;
            Ok(decoder)
        });
        match decoder {
            Ok(decoder) => self.decompressed(decoder, name, Layers { zstd: true, ..entered }),
            Err(error) => self.problem(name, "zstd", describe(&error)),
        }
    }

    fn decompressed(&mut self, stream: impl Read, name: &Arc<str>, layers: Layers) {
        let stream = Decompressed::new(stream, &self.meter);
        self.read(Box::new(stream), name, layers);
    }
}

/// The first bytes of a stream, and the stream as if nothing had been read of it.
fn look_ahead<'r>(mut stream: Box<dyn Read + 'r>) -> io::Result<(Vec<u8>, Box<dyn BufRead + 'r>)> {
    let mut start = Vec::with_capacity(RECOGNISED_BYTES);
    let failure = stream.by_ref().take(RECOGNISED_BYTES as u64).read_to_end(&mut start).err();
    match failure {
        Some(error) if start.is_empty() => Err(error),
        // What was read before the damage is as good as ever.
        Some(error) => {
            let rest = BufReader::new(Failing(Some(error)));
            Ok((start.clone(), Box::new(Cursor::new(start).chain(rest))))
        }
        None => {
            let rest = BufReader::with_capacity(BUFFER_BYTES, stream);
            Ok((start.clone(), Box::new(Cursor::new(start).chain(rest))))
        }
    }
}

/// A reader that has failed.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Reads until a buffer is full or the stream ends, and gives the number of bytes.
pub(super) fn read_full(stream: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    match fill(stream, buffer) {
        (filled, None) => Ok(filled),
        (_, Some(error)) => Err(error),
    }
}

/// Reads until a buffer is full, the stream ends or fails, and gives the number of bytes that there are in any case.
pub(super) fn fill(stream: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

/// What went wrong with reading, in words of the reader of a report.
pub(super) fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "cut off before its end".to_owned(),
        _ => format!("reading stopped: {error}"),
    }
}

/// The next bytes of a stream, which are there until it is told that they are consumed; nothing at its end, nor where it
/// cannot be read further, which is added to the problems.
pub(super) fn next_bytes<'s>(
    stream: &'s mut (dyn BufRead + '_),
    problems: &mut Problems,
) -> Option<&'s [u8]> {
    loop {
        match stream.fill_buf() {
            Ok([]) => return None,
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                problems.add(describe(&error));
                return None;
            }
        }
    }
    // They are in the buffer now.
    stream.fill_buf().ok()
}

/// The name of a member of an archive. It is the choice of whoever made the archive: control characters could rewrite
/// a terminal, and a name without end would be kept in every report.
pub(super) fn member_name(archive: &Arc<str>, member: &str) -> Arc<str> {
    format!("{archive}!{}", printable(&member.chars().take(MEMBER_NAME_CHARACTERS).collect::<String>()))
        .into()
}

/// A name without control characters.
pub(super) fn printable(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
