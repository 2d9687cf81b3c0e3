//! What happens behind a document that is broken.
//!
//! Two things are broken in practice. A line that was cut off takes the next lines with it, until one of them cannot
//! be a part of it: then each line is tried by itself. A document of several lines has damage somewhere: then the rest
//! of it is passed over, up to a line that is indented no more than its first and may begin another one.

use super::super::super::position::Position;
use super::super::super::report::RejectReason;
use super::super::records::Records;
use super::{Scanner, State};

impl Scanner<'_> {
    /// Makes what can be made of a broken document: a line that is indented no more than its first may begin another
    /// one, which was taken for a part of it.
    pub(super) fn salvage(&mut self, records: &mut Records<'_, '_>) {
        let mut refusal = self.refusal();
        if self.oversized {
            self.value.clear();
        }
        let value = std::mem::take(&mut self.value);
        let mut position = self.start;
        let (mut begin, mut line_start, mut line) = (0, 0, self.start.line);
        for end in memchr::memchr_iter(b'\n', &value).chain([value.len()]) {
            let text = &value[line_start..end];
            let indent = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            if line_start > 0 && text.get(indent) == Some(&b'{') && indent <= self.start_indent {
                self.salvaged(&value[begin..line_start], position, refusal.take(), records);
                begin = line_start;
                let offset = self.start.offset + (line_start + indent) as u64;
                position = Position { line, offset, begins_line: true };
            }
            line += 1;
            line_start = end + 1;
        }
        self.salvaged(&value[begin..], position, refusal, records);
    }

    /// The first piece of a broken document is refused for what the whole was.
    fn salvaged(
        &self,
        text: &[u8],
        start: Position,
        refusal: Option<RejectReason>,
        records: &mut Records<'_, '_>,
    ) {
        let too_deep = || (nesting(text) > self.limits.json_depth).then_some(RejectReason::TooDeep);
        match refusal.or_else(too_deep) {
            Some(reason) => records.reject(start, reason),
            None => records.document(text, start, self.within()),
        }
    }

    /// Collects a broken document up to the end of its line.
    pub(super) fn broken(&mut self, bytes: &[u8], from: usize, records: &mut Records<'_, '_>) -> usize {
        let end = memchr::memchr(b'\n', &bytes[from..]);
        let at = end.map_or(bytes.len(), |end| from + end);
        self.collect(&bytes[from..at]);
        if end.is_some() {
            self.salvage(records);
            self.blank = false;
            self.state = if self.multiline { State::Resync } else { State::Between };
        }
        at
    }

    /// Passes over what is left of a broken document, up to a line where another one may begin.
    pub(super) fn resync(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        while at < bytes.len() {
            if !self.blank {
                let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
                self.passed_over += (end - at) as u64;
                at = end;
                if at == bytes.len() {
                    break;
                }
            }
            match bytes[at] {
                b'\n' => self.end_line(),
                b' ' | b'\t' | b'\r' => self.indent += 1,
                b'{' | b'[' if self.indent <= self.start_indent => {
                    self.state = State::Between;
                    return at;
                }
                b']' if self.indent < self.start_indent && !self.containers.is_empty() => {
                    self.state = State::Between;
                    return at;
                }
                _ => {
                    self.blank = false;
                    continue;
                }
            }
            at += 1;
        }
        at
    }
}

/// How deep the brackets of a text are nested, whatever they are.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut string, mut escaped) = (false, false);
    for &byte in text {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
