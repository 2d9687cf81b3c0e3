//! Where records of lines go: they get their ordinals and places here, and text that is no Unicode is counted.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use watchfire_events::Place;

use super::super::report::{Problems, RejectReason};
use super::super::session::{PROGRESS_BYTES, Session};
use crate::normalise::{RawInput, RawPayload};

pub(super) struct Output<'n, 's> {
    name: &'n Arc<str>,
    session: &'n mut Session<'s>,
    ordinal: u64,
    /// Records with text that is no Unicode.
    replaced: u64,
}

impl<'n, 's> Output<'n, 's> {
    pub(super) fn new(name: &'n Arc<str>, session: &'n mut Session<'s>) -> Self {
        Self { name, session, ordinal: 0, replaced: 0 }
    }

    /// Tells how far the file is read, where there are no records that do.
    pub(super) fn announce(&mut self) {
        self.session.announce(PROGRESS_BYTES);
    }

    /// A record that begins on this line. `replaced` is whether some of its text is no Unicode.
    pub(super) fn object(&mut self, line: u64, object: Map<String, Value>, replaced: bool) {
        self.record(line, RawPayload::Json(Value::Object(object)), replaced);
    }

    /// A Windows event that stands on this line.
    pub(super) fn event(&mut self, line: u64, text: String, replaced: bool) {
        self.record(line, RawPayload::WindowsXml(text), replaced);
    }

    fn record(&mut self, line: u64, payload: RawPayload, replaced: bool) {
        self.replaced += u64::from(replaced);
        let place = self.place(line);
        self.session.record(RawInput::bare(payload, place, self.name));
    }

    pub(super) fn reject(&mut self, line: u64, reason: RejectReason) {
        let place = self.place(line);
        self.session.rejected(&place, reason);
    }

    fn place(&mut self, line: u64) -> Place {
        self.ordinal += 1;
        Place { input: Arc::clone(self.name), record: self.ordinal, line: Some(line), offset: None }
    }

    pub(super) fn finish(self, problems: &mut Problems) {
        problems.count(
            self.replaced,
            "record has text that is no Unicode, which reads U+FFFD",
            "records have text that is no Unicode, which reads U+FFFD",
        );
    }
}

/// Bytes as text, and whether some of them are no Unicode.
pub(super) fn text_of(bytes: &[u8]) -> (String, bool) {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => (text.to_owned(), false),
        Cow::Owned(text) => (text, true),
    }
}
