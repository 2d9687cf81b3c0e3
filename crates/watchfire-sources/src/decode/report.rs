//! What the decoders say: records, records that cannot be read, and what became of each file.

use std::fmt;
use std::sync::Arc;

use watchfire_events::Place;

use crate::normalise::{RawInput, RawPayload};
use crate::tape::TapeValue;

/// Receives what is read.
pub trait RecordSink {
    /// A record.
    fn record(&mut self, record: RawInput);

    /// A record of JSON without an index or id of its own, on the decoder's tape: most records come this way. A sink
    /// that does nothing with tapes gets it as [any other](Self::record).
    fn record_on_tape(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>) {
        self.record(RawInput::bare(RawPayload::Json(record.to_value()), place, identity));
    }

    /// As [`Self::record_on_tape`], of a record whose text stands in the file as it is on the disk, so that it can be read
    /// again there ([`TextReader`](super::TextReader)).
    fn record_in_file(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>, text: TextRange) {
        let _ = text;
        self.record_on_tape(record, place, identity);
    }

    /// A record that could not be read.
    fn rejected(&mut self, place: &Place, reason: RejectReason);

    /// Whether no further record is wanted. Then the file is taken to end where it has been read to; a few more records
    /// can come of what is in memory already, and reports may call the file cut off.
    fn is_satisfied(&self) -> bool {
        false
    }

    /// Whether records are wanted of what comes next: a file or a member of an archive, of a format such as `json`. One that
    /// is not wanted is not read, and there is no report of it.
    fn wants_member(&mut self, name: &Arc<str>, format: &'static str) -> bool {
        let _ = (name, format);
        true
    }

    /// Whether no further record of the present file or member is wanted. A few more can come all the same.
    fn is_done_with_member(&self) -> bool {
        false
    }

    /// Whether the document of a line of JSON may be wanted; any other is passed over, and not counted.
    fn wants_line(&self, line: &[u8]) -> bool {
        let _ = line;
        true
    }

    /// How far the file is read that is given to the decoder: bytes of it as it is on the disk, compressed or not.
    /// Told about once in 256 KiB and at the end; never falls within one file, and never passes its length.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// Where a text stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRange {
    /// Its first byte.
    pub start: u64,
    /// Bytes of it.
    pub length: u32,
}

/// Why a record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// Not valid JSON.
    InvalidJson,
    /// JSON, but no object.
    NotAnObject,
    /// More bytes than a record may have.
    TooLarge,
    /// Nested deeper than a record may be.
    TooDeep,
    /// More values than a record may have.
    TooManyValues,
    /// A hit of a search without `_source`: the search was told to leave it out.
    HitWithoutSource,
    /// A response of a multi-search that has no hits but an error.
    ResponseWithoutHits,
    /// A `delete` of a bulk request, which carries no document.
    BulkDelete,
    /// An `update` of a bulk request, which carries a part of a document at most.
    BulkUpdate,
    /// An `index` or `create` of a bulk request with no document behind it.
    BulkWithoutDocument,
    /// An EVTX record or chunk that is damaged.
    DamagedEvtx,
    /// An EVTX record that its chunk claims to hold and that is not there.
    MissingEvtx,
    /// An XML event that does not end.
    InvalidXml,
    /// A line in an audit log that is not of the audit daemon.
    NoAuditLine,
    /// A row of a Zeek log with no header above it.
    NoZeekHeader,
    /// A row of a Zeek log with more or fewer columns than its header has.
    ZeekColumns,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidJson => "not valid JSON",
            Self::NotAnObject => "JSON, but no object",
            Self::TooLarge => "larger than a record may be",
            Self::TooDeep => "nested too deeply",
            Self::TooManyValues => "more values than a record may have",
            Self::HitWithoutSource => "search hit without `_source`",
            Self::ResponseWithoutHits => "search response without hits",
            Self::BulkDelete => "bulk `delete`, which has no document",
            Self::BulkUpdate => "bulk `update`, which has no whole document",
            Self::BulkWithoutDocument => "bulk action without its document",
            Self::DamagedEvtx => "damaged EVTX record",
            Self::MissingEvtx => "EVTX record lost in a damaged chunk",
            Self::InvalidXml => "not a whole XML event",
            Self::NoAuditLine => "not a line of an audit log",
            Self::NoZeekHeader => "a row of a Zeek log without a header above it",
            Self::ZeekColumns => "not as many columns as the header of the Zeek log has",
        })
    }
}

/// What became of a file, or of a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Its name as people know it.
    pub name: Arc<str>,
    /// What it is, below its compression: `evtx`, `json`, `xml`, `auditd`, `syslog`, `zeek`, `zip`, `tar`, `folder`,
    /// or `unknown`; `gzip` or `zstd` if the compression could not be undone.
    pub format: &'static str,
    /// Why it was not read, or not all of it; `None` if all of it was read.
    pub problem: Option<String>,
}

impl FileReport {
    pub(super) fn problem(name: &Arc<str>, format: &'static str, problem: impl Into<String>) -> Self {
        Self { name: Arc::clone(name), format, problem: Some(problem.into()) }
    }
}

/// Collects what is wrong with a file, in the order it was found.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// Adds what is said of a count, unless it is nought.
    pub(super) fn count(&mut self, number: u64, one: &str, more: &str) {
        match number {
            0 => {}
            1 => self.add(format!("1 {one}")),
            number => self.add(format!("{number} {more}")),
        }
    }

    pub(super) fn report(self, name: &Arc<str>, format: &'static str) -> FileReport {
        let problem = (!self.0.is_empty()).then(|| self.0.join("; "));
        FileReport { name: Arc::clone(name), format, problem }
    }
}
