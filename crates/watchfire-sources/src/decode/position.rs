//! Where a record begins in a text.

use std::sync::Arc;

use watchfire_events::Place;

/// The beginning of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Line, from 1.
    pub(super) line: u64,
    /// Byte of the (decompressed) text, from 0.
    pub(super) offset: u64,
    /// Whether nothing but blanks is before it on its line, so that the line names it.
    pub(super) begins_line: bool,
}

impl Position {
    /// The place of the record with this ordinal: its line, or its byte where a line holds several records.
    pub(super) fn place(self, input: &Arc<str>, record: u64) -> Place {
        let line = self.begins_line.then_some(self.line);
        let offset = line.is_none().then_some(self.offset);
        Place { input: Arc::clone(input), record, line, offset }
    }
}
