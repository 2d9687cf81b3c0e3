//! The decoders: everything readable is used, the rest is accounted for, and how the bytes arrive does not matter.
//!
//! A target for one format makes its input of that format, so that no time is lost on inputs that are something else.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

use serde_json::{Map, Value};
use watchfire_events::Place;
use watchfire_sources::decode::{DecodeLimits, FileReport, RecordSink, RejectReason, read_stream_within};
use watchfire_sources::normalise::{RawInput, RawPayload};

use crate::evtx_file;

/// What reading gave.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) records: Vec<RawInput>,
    pub(crate) rejected: Vec<(Place, RejectReason)>,
    pub(crate) reports: Vec<FileReport>,
}

impl RecordSink for Outcome {
    fn record(&mut self, record: RawInput) {
        self.records.push(record);
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        self.rejected.push((place.clone(), reason));
    }
}

impl Outcome {
    /// Whether all was read to its end.
    fn is_whole(&self) -> bool {
        self.reports.iter().all(|report| report.problem.is_none())
    }

    /// The places of records and of what was rejected.
    fn places(&self) -> impl Iterator<Item = &Place> {
        self.records.iter().map(|record| &record.place).chain(self.rejected.iter().map(|(place, _)| place))
    }
}

const NAME: &str = "input";

/// Reads a stream that lies in `depth` archives.
fn read_at(stream: impl Read, depth: usize) -> Outcome {
    let mut limits = DecodeLimits::default();
    limits.archive_depth -= depth;
    let mut outcome = Outcome::default();
    outcome.reports = read_stream_within(&limits, stream, &NAME.into(), &mut outcome);
    outcome
}

/// Reads bytes as from a file, and checks what holds of every reading.
pub(crate) fn read(data: &[u8]) -> Outcome {
    let outcome = read_at(data, 0);
    assert!(!outcome.reports.is_empty(), "nothing was said of the input");
    for report in &outcome.reports {
        assert!(report.name.starts_with(NAME), "a report is about something else: {report:?}");
        assert_ne!(report.problem.as_deref(), Some(""), "a problem without words");
    }
    let reported: BTreeSet<&Arc<str>> = outcome.reports.iter().map(|report| &report.name).collect();
    for place in outcome.places() {
        assert!(reported.contains(&place.input), "{place} is in no reported input");
    }
    assert_eq!(read_at(data, 0), outcome, "read twice");
    outcome
}

/// No two records have one place.
pub(crate) fn check_places(outcome: &Outcome) {
    let places: BTreeSet<(&Arc<str>, u64)> =
        outcome.places().map(|place| (&place.input, place.record)).collect();
    assert_eq!(places.len(), outcome.places().count(), "two records in one place: {outcome:?}");
}

/// The same bytes give the same, however few of them arrive at a time.
pub(crate) fn check_in_small_pieces(data: &[u8], outcome: &Outcome) {
    for step in [1, 7, 64] {
        let again = read_at(Dribble { data, step }, 0);
        assert_eq!(&again, outcome, "in pieces of {step} bytes");
    }
}

/// A stream that gives few bytes at a time.
struct Dribble<'a> {
    data: &'a [u8],
    step: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.data.len().min(buffer.len()).min(self.step);
        let (piece, rest) = self.data.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.data = rest;
        Ok(length)
    }
}

/// Any bytes, as the format that they look like.
pub fn decode(data: &[u8]) {
    read(data);
}

/// EVTX. The first byte says how: 0 for the bytes behind a file header, else for so many records (up to 3) in a whole
/// file.
pub fn decode_evtx(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let file = match usize::from(how % 4) {
        0 => [&evtx_file::header(), rest].concat(),
        count => evtx_file::around(rest.chunks(rest.len().div_ceil(count).max(1))),
    };
    let outcome = read(&file);
    assert!(outcome.records.iter().all(|record| matches!(record.payload, RawPayload::Json(_))));
}

/// Windows events as XML: each record is a piece of the input, from one piece of markup to another, in order.
pub fn decode_xml(data: &[u8]) {
    // In front of a digit it is the priority of a line of syslog.
    let is_markup = matches!(data.split_first(), Some((b'<', rest)) if !rest.trim_ascii_start().first().is_some_and(u8::is_ascii_digit));
    let data = if is_markup { data.to_vec() } else { [b"<Events>", data].concat() };
    let outcome = read(&data);
    check_in_small_pieces(&data, &outcome);
    // With a NUL it may be UTF-16, whose records are no pieces of the input.
    let Ok(text) = std::str::from_utf8(&data) else { return };
    if text.contains('\0') {
        return;
    }
    check_places(&outcome);
    let mut rest = text;
    for record in &outcome.records {
        let RawPayload::WindowsXml(event) = &record.payload else { panic!("no XML: {record:?}") };
        assert!(event.starts_with('<') && event.ends_with('>'), "not one event: {event:?}");
        let at = rest
            .find(event.as_str())
            .unwrap_or_else(|| panic!("{event:?} is not in the input, or out of order"));
        rest = &rest[at + event.len()..];
    }
    // An element without content is its own end, and a name may have a prefix.
    assert!(outcome.records.len() <= text.matches("Event").count(), "more events than names of events");
}

/// JSON: an input of valid objects, one after another or in arrays, gives exactly these.
pub fn decode_json(data: &[u8]) {
    let opens = data.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'['));
    let data = if opens { data.trim_ascii_start().to_vec() } else { [b"{", data].concat() };
    let outcome = read(&data);
    check_places(&outcome);
    check_in_small_pieces(&data, &outcome);
    if let Some(expected) = objects(&data) {
        assert_eq!(outcome.rejected, [], "all of it is valid");
        let found: Vec<&Map<String, Value>> = outcome
            .records
            .iter()
            .map(|record| match &record.payload {
                RawPayload::Json(Value::Object(object)) => object,
                other => panic!("no object: {other:?}"),
            })
            .collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }
}

/// Keys by which an object may be an envelope around records.
const ENVELOPES: [&str; 13] = [
    "_source",
    "_index",
    "_id",
    "hits",
    "responses",
    "Records",
    "records",
    "items",
    "logEvents",
    "index",
    "create",
    "update",
    "delete",
];

/// The objects of an input that holds nothing else: one after another, or in arrays.
fn objects(data: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let mut objects = Vec::new();
    for value in serde_json::Deserializer::from_slice(data).into_iter::<Value>() {
        let values = match value.ok()? {
            Value::Array(items) => items,
            other => vec![other],
        };
        for value in values {
            if depth(&value) > DecodeLimits::default().json_depth {
                return None;
            }
            let Value::Object(object) = value else { return None };
            if ENVELOPES.iter().any(|key| object.contains_key(*key)) {
                return None;
            }
            objects.push(object);
        }
    }
    Some(objects)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Gzip. The first byte says how: even for the bytes behind a gzip header, odd for the bytes packed as they should be.
pub fn decode_gzip(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    if how % 2 == 0 {
        read(&[b"\x1f\x8b\x08\0\0\0\0\0\0\xff", rest].concat());
        return;
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(rest).expect("a vector takes all");
    check_packed(&packer.finish().expect("a vector takes all"), rest);
}

/// Zstandard. The first byte says how: even for the bytes behind the magic, odd for the bytes packed as they should be.
pub fn decode_zstd(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    if how % 2 == 0 {
        read(&[b"\x28\xb5\x2f\xfd", rest].concat());
        return;
    }
    check_packed(&zstd::encode_all(rest, 1).expect("a vector takes all"), rest);
}

/// A packed input gives what the plain one gives.
fn check_packed(packed: &[u8], plain: &[u8]) {
    let outcome = read(packed);
    let expected = read_at(plain, 1);
    // A zstd stream inside of another one may need less memory than one by itself: that refusal is meant.
    let refused = |report: &FileReport| report.format == "zstd" && report.problem.is_some();
    if is_packed(plain) && outcome.reports.iter().any(refused) {
        return;
    }
    // Where something is damaged further inside, how much of it is read depends on the size of pieces.
    if expected.is_whole() {
        assert_eq!(outcome, expected, "packed, and plain");
    }
}

/// Whether it begins as a compressed stream or an archive does.
fn is_packed(data: &[u8]) -> bool {
    let magics: [&[u8]; 3] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK"];
    magics.iter().any(|magic| data.starts_with(magic)) || data.get(257..262) == Some(b"ustar")
}

/// Zip. The first byte says how: 0 for the bytes behind the magic, else for so many members (up to 3) packed as they
/// should be, in an order that the decoder keeps.
pub fn decode_zip(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let count = usize::from(how % 4);
    if count == 0 {
        read(&[b"PK\x03\x04", rest].concat());
        return;
    }
    let members: Vec<&[u8]> = rest.chunks(rest.len().div_ceil(count).max(1)).collect();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = if how < 128 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (at, member) in members.iter().enumerate() {
        writer.start_file(at.to_string(), options).expect("a member can be added");
        writer.write_all(member).expect("a vector takes all");
    }
    let archive = writer.finish().expect("an archive can be finished").into_inner();
    check_members(&archive, &members);
}

/// Tar. The first byte says how: 0 for the bytes as an archive whose first header has its magic, else for so many
/// members (up to 3) packed as they should be.
pub fn decode_tar(data: &[u8]) {
    const MAGIC_AT: usize = 257;
    let Some((&how, rest)) = data.split_first() else { return };
    let count = usize::from(how % 4);
    if count == 0 {
        let mut archive = rest.to_vec();
        archive.resize(archive.len().max(512), 0);
        archive[MAGIC_AT..MAGIC_AT + 5].copy_from_slice(b"ustar");
        let outcome = read(&archive);
        if outcome.is_whole() {
            check_in_small_pieces(&archive, &outcome);
        }
        return;
    }
    let members: Vec<&[u8]> = rest.chunks(rest.len().div_ceil(count).max(1)).collect();
    let mut writer = tar::Builder::new(Vec::new());
    for (at, member) in members.iter().enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(member.len() as u64);
        header.set_cksum();
        writer.append_data(&mut header, at.to_string(), *member).expect("a vector takes all");
    }
    let archive = writer.into_inner().expect("a vector takes all");
    // An archive of nothing is two empty blocks, which have no magic.
    if !members.is_empty() {
        check_members(&archive, &members);
    }
}

/// An archive gives, member by member, what each gives alone.
fn check_members(archive: &[u8], members: &[&[u8]]) {
    let outcome = read(archive);
    for (at, member) in members.iter().enumerate() {
        let expected = read_at(*member, 1);
        if !expected.is_whole() {
            continue;
        }
        let name = format!("{NAME}!{at}");
        let inside = |place: &Place| {
            place.input.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('!'))
        };
        let found: Vec<&RawPayload> = outcome
            .records
            .iter()
            .filter(|record| inside(&record.place))
            .map(|record| &record.payload)
            .collect();
        let alone: Vec<&RawPayload> = expected.records.iter().map(|record| &record.payload).collect();
        assert_eq!(found, alone, "member {at}, and the same alone");
        let rejected = outcome.rejected.iter().filter(|(place, _)| inside(place)).count();
        assert_eq!(rejected, expected.rejected.len(), "member {at}, and the same alone");
    }
}
