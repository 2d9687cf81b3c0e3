//! Documents to records: hits of searches and bodies of bulk requests are unwrapped, and keep their index and id;
//! activities of several events are taken apart.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::position::Position;
use super::super::report::{Problems, RejectReason};
use super::super::session::{PROGRESS_BYTES, Session};
use super::activity;
use super::envelope::{ITEMS, Within, is_holder, is_list, may_be_envelope};
use super::repair::repaired;
use super::scanner::is_deeper;
use crate::normalise::{RawInput, RawPayload};
use crate::tape::{TapeObject, TapeReader};

/// What a bulk action may say about its document.
const ACTION_KEYS: &[&str] = &[
    "_id",
    "_index",
    "_parent",
    "_routing",
    "_type",
    "dynamic_templates",
    "if_primary_term",
    "if_seq_no",
    "list_executed_pipelines",
    "op_type",
    "parent",
    "pipeline",
    "require_alias",
    "require_data_stream",
    "retry_on_conflict",
    "routing",
    "version",
    "version_type",
];

/// An action of a bulk request, which waits for the document behind it.
enum Action {
    Write { index: Option<String>, id: Option<String> },
    Update,
}

/// Gives records to the sink, with their places.
pub(super) struct Records<'n, 's> {
    name: &'n Arc<str>,
    session: &'n mut Session<'s>,
    ordinal: u64,
    waiting: Option<(Action, Position)>,
    repaired: u64,
    reader: TapeReader,
}

impl<'n, 's> Records<'n, 's> {
    pub(super) fn new(name: &'n Arc<str>, session: &'n mut Session<'s>) -> Self {
        let reader = TapeReader::to_depth(session.limits.json_depth);
        Self { name, session, ordinal: 0, waiting: None, repaired: 0, reader }
    }

    /// Tells how far the file is read, where there are no records that do.
    pub(super) fn announce(&mut self) {
        self.session.announce(PROGRESS_BYTES);
    }

    /// Whether the document of a line may be wanted.
    pub(super) fn wants_line(&self, line: &[u8]) -> bool {
        self.session.wants_line(line)
    }

    /// Whether no more is wanted of what is being read.
    pub(super) fn is_done_with_member(&self) -> bool {
        self.session.is_done_with_member()
    }

    /// Takes a text that is one document as it is; `false` if it is not, or may hold other documents.
    pub(super) fn take_document(&mut self, text: &[u8], start: Position, within: Within) -> bool {
        if let Some(is_taken) = self.take_tape(text, start, within, false) {
            return is_taken;
        }
        if is_deeper(text, self.session.limits.json_depth) {
            return false;
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(object)) if within == Within::Hits || !may_be_envelope(&object) => {
                self.object(object, start, within);
                true
            }
            _ => false,
        }
    }

    /// Takes a document as a tape, if it can be read as one; `false` if it may hold other documents, for which the scanner
    /// has not looked.
    fn take_tape(&mut self, text: &[u8], start: Position, within: Within, is_scanned: bool) -> Option<bool> {
        let record = self.reader.read(text)?;
        let object = record.as_object()?;
        let names = NamesSeen::of(object);
        let is_holder = names.holder || names.is_list();
        if within != Within::Hits && is_holder && !is_scanned {
            return Some(false);
        }
        let is_of_several = names.is_list() || (names.events && activity::is_of_several_on_tape(object));
        let is_plain = matches!(within, Within::Stream | Within::Array)
            && self.waiting.is_none()
            && !names.source
            && !is_action_on_tape(object);
        if is_of_several || !is_plain {
            let object = object.to_map();
            self.object(object, start, within);
            return Some(true);
        }
        self.ordinal += 1;
        let place = start.place(self.name, self.ordinal);
        self.session.record_of_text(record, place, self.name, (start.offset, text.len()));
        Some(true)
    }

    /// A text that ought to be one document, in which the scanner has found no others.
    pub(super) fn document(&mut self, text: &[u8], start: Position, within: Within) {
        if self.take_tape(text, start, within, true).is_some() {
            return;
        }
        let value = match serde_json::from_slice(text) {
            Ok(value) => value,
            Err(_) => match repaired(text) {
                Some(value) => {
                    self.repaired += 1;
                    value
                }
                None => return self.reject(start, RejectReason::InvalidJson),
            },
        };
        match value {
            Value::Object(object) => self.object(object, start, within),
            _ => self.reject(start, RejectReason::NotAnObject),
        }
    }

    pub(super) fn reject(&mut self, start: Position, reason: RejectReason) {
        // If it is the body of a bulk action, the two are one record.
        self.waiting = None;
        self.ordinal += 1;
        self.session.rejected(&start.place(self.name, self.ordinal), reason);
    }

    pub(super) fn finish(mut self, problems: &mut Problems) {
        self.end_action();
        problems.count(
            self.repaired,
            "record has text that is no Unicode, which reads U+FFFD",
            "records have text that is no Unicode, which reads U+FFFD",
        );
    }

    fn object(&mut self, mut object: Map<String, Value>, start: Position, within: Within) {
        match within {
            Within::Stream if is_action(&object) => self.action(object, start),
            Within::Stream if self.waiting.is_some() => match self.waiting.take() {
                Some((Action::Write { index, id }, _)) => self.record(object, start, index, id),
                Some((Action::Update, start)) => self.reject(start, RejectReason::BulkUpdate),
                None => {}
            },
            Within::Responses => self.reject(start, RejectReason::ResponseWithoutHits),
            Within::Stream | Within::Array | Within::Hits => {
                if let Some(Value::Object(source)) = object.get_mut("_source") {
                    let source = std::mem::take(source);
                    let (index, id) = (text(&mut object, "_index"), text(&mut object, "_id"));
                    self.record(source, start, index, id);
                } else if within == Within::Hits {
                    self.reject(start, RejectReason::HitWithoutSource);
                } else {
                    self.record(object, start, None, None);
                }
            }
        }
    }

    fn action(&mut self, object: Map<String, Value>, start: Position) {
        self.end_action();
        for (name, of) in object {
            let mut of = match of {
                Value::Object(of) => of,
                _ => Map::new(),
            };
            match name.as_str() {
                "delete" => self.reject(start, RejectReason::BulkDelete),
                "update" => self.waiting = Some((Action::Update, start)),
                _ => {
                    let (index, id) = (text(&mut of, "_index"), text(&mut of, "_id"));
                    self.waiting = Some((Action::Write { index, id }, start));
                }
            }
        }
    }

    /// An action that has no document behind it.
    fn end_action(&mut self) {
        match self.waiting.take() {
            Some((Action::Write { .. }, start)) => self.reject(start, RejectReason::BulkWithoutDocument),
            Some((Action::Update, start)) => self.reject(start, RejectReason::BulkUpdate),
            None => {}
        }
    }

    fn record(
        &mut self,
        document: Map<String, Value>,
        start: Position,
        mut given_index: Option<String>,
        given_id: Option<String>,
    ) {
        let records = activity::records_of(document);
        // An id is that of one record.
        let mut given_id = given_id.filter(|_| records.len() == 1);
        let last = records.len().saturating_sub(1);
        for (number, record) in records.into_iter().enumerate() {
            if !record.is_object() {
                self.reject(start, RejectReason::NotAnObject);
                continue;
            }
            self.ordinal += 1;
            self.session.record(RawInput {
                payload: RawPayload::Json(record),
                place: start.place(self.name, self.ordinal),
                identity: Arc::clone(self.name),
                given_index: if number == last { given_index.take() } else { given_index.clone() },
                given_id: given_id.take(),
            });
        }
    }
}

/// Names of members by which an object may be more than a record.
struct NamesSeen<'a> {
    /// One that the scanner has to look at.
    holder: bool,
    /// What may be a list.
    items: bool,
    kind: Option<&'a str>,
    /// `_source`.
    source: bool,
    /// The events of an activity.
    events: bool,
}

impl<'a> NamesSeen<'a> {
    fn of(object: TapeObject<'a>) -> Self {
        let mut seen = Self { holder: false, items: false, kind: None, source: false, events: false };
        for (name, value) in object.iter() {
            seen.holder |= is_holder(name);
            seen.items |= name == ITEMS;
            if name == "kind" {
                seen.kind = value.as_str();
            }
            seen.source |= name == "_source";
            seen.events |= name == activity::EVENTS;
        }
        seen
    }

    /// Whether it is a list of records.
    fn is_list(&self) -> bool {
        self.items && is_list(self.kind)
    }
}

/// [`is_action`] of an object on a tape.
fn is_action_on_tape(object: TapeObject<'_>) -> bool {
    let mut members = object.iter();
    matches!((members.next(), members.next()), (Some(_), None)) && is_action(&object.to_map())
}

/// Whether an object is the line of a bulk request that says what to do with the next one.
fn is_action(object: &Map<String, Value>) -> bool {
    let mut members = object.iter();
    let (Some((name, Value::Object(of))), None) = (members.next(), members.next()) else {
        return false;
    };
    matches!(name.as_str(), "index" | "create" | "update" | "delete")
        && of.keys().all(|key| ACTION_KEYS.contains(&key.as_str()))
}

fn text(object: &mut Map<String, Value>, key: &str) -> Option<String> {
    match object.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
