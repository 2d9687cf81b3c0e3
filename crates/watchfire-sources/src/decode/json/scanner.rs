//! Cuts a stream into documents by counting brackets outside of strings, and recovers behind damage.
//!
//! Only the shape is judged here: brackets match, an opening one stands where a value may stand, and no string holds
//! a line end. That is enough to notice a document that was cut off as soon as the next one begins, so that damage
//! never swallows what is behind it. Whether a document is JSON in all details is for the parser.

mod recovery;

use super::super::limits::DecodeLimits;
use super::super::position::Position;
use super::super::report::{Problems, RejectReason};
use super::envelope::{Container, KeyPath, Within};
use super::records::Records;

/// Deepest nesting for which the kinds of brackets are compared.
const COMPARED_DEPTH: usize = 128;

/// Where the scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between documents.
    Between,
    /// Inside of a document.
    Inside,
    /// In a document that is broken: its line is collected to its end.
    Broken,
    /// In something else than an object.
    Scalar,
    /// Behind the records of a container, in the rest of the object around it.
    Remainder,
    /// Behind a broken document of several lines, before a line where the next one may begin.
    Resync,
}

pub(super) struct Scanner<'l> {
    limits: &'l DecodeLimits,
    state: State,
    containers: Vec<Container>,
    line: u64,
    /// Bytes before the slice that is scanned.
    base: u64,
    /// Whether only blanks are before this on its line, and how many.
    blank: bool,
    indent: usize,

    // The document that is collected.
    value: Vec<u8>,
    start: Position,
    start_indent: usize,
    oversized: bool,
    multiline: bool,
    depth: usize,
    deepest: usize,
    /// A bit for each open bracket, the innermost lowest: set for an object.
    objects: u128,
    string: bool,
    escaped: bool,
    /// The last byte that is no blank and in no string.
    significant: u8,
    values: usize,
    keys: KeyPath,

    passed_over: u64,
}

impl<'l> Scanner<'l> {
    pub(super) fn new(limits: &'l DecodeLimits) -> Self {
        Self {
            limits,
            state: State::Between,
            containers: Vec::new(),
            line: 1,
            base: 0,
            blank: true,
            indent: 0,
            value: Vec::new(),
            start: Position { line: 1, offset: 0, begins_line: true },
            start_indent: 0,
            oversized: false,
            multiline: false,
            depth: 0,
            deepest: 0,
            objects: 0,
            string: false,
            escaped: false,
            significant: 0,
            values: 0,
            keys: KeyPath::default(),
            passed_over: 0,
        }
    }

    /// Whether a line begins here that may be one document. Lines that begin otherwise are not collected: one of them
    /// may be an array of any length.
    pub(super) fn may_begin_document_line(&self, first: u8) -> bool {
        self.state == State::Between && self.blank && self.indent == 0 && matches!(first, b'{' | b' ' | b'\t')
    }

    /// Takes a line that is one document as it is; `false` if it is not, or if the scanner has to look at it.
    pub(super) fn takes_whole_line(&mut self, line: &[u8], records: &mut Records<'_, '_>) -> bool {
        let mut text = line.trim_ascii();
        if !self.containers.is_empty() {
            text = text.strip_suffix(b",").map_or(text, <[u8]>::trim_ascii_end);
        }
        let limits = self.limits;
        if text.first() != Some(&b'{') || text.last() != Some(&b'}') || text.len() > limits.record_bytes {
            return false;
        }
        // A value has two bytes at least, with the comma or bracket before it.
        if text.len() / 2 > limits.record_values {
            return false;
        }
        let blanks = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count() as u64;
        let start = Position { line: self.line, offset: self.base + blanks, begins_line: true };
        if !records.take_document(text, start, self.within()) {
            return false;
        }
        self.base += line.len() as u64;
        if line.ends_with(b"\n") {
            self.end_line();
        } else {
            self.blank = false;
        }
        true
    }

    /// Scans on, and gives the number of bytes scanned: all of them, or up to a line end behind a document.
    pub(super) fn scan(&mut self, bytes: &[u8], records: &mut Records<'_, '_>) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::Between => {
                    let byte = bytes[at];
                    self.between(byte, self.base + at as u64);
                    // A byte that begins something is looked at again, by the state that it begins.
                    if matches!(self.state, State::Inside | State::Scalar) {
                        continue;
                    }
                    if byte == b'\n' {
                        self.base += at as u64 + 1;
                        return at + 1;
                    }
                    at + 1
                }
                State::Inside => self.inside(bytes, at, records),
                State::Broken => self.broken(bytes, at, records),
                State::Scalar => self.scalar(bytes, at, records),
                State::Remainder => self.remainder(bytes, at),
                State::Resync => self.resync(bytes, at),
            };
        }
        self.base += bytes.len() as u64;
        bytes.len()
    }

    /// The end of the stream.
    pub(super) fn finish(&mut self, records: &mut Records<'_, '_>, problems: &mut Problems) {
        match self.state {
            State::Between | State::Remainder | State::Resync => {}
            State::Inside | State::Broken => self.salvage(records),
            State::Scalar => self.end_scalar(records),
        }
        if !self.containers.is_empty() || self.state == State::Remainder {
            problems.add("cut off inside of an array");
        }
        problems.count(
            self.passed_over,
            "byte behind a damaged record was passed over",
            "bytes behind damaged records were passed over",
        );
    }

    fn within(&self) -> Within {
        self.containers.last().map_or(Within::Stream, |container| container.within)
    }

    fn end_line(&mut self) {
        self.line += 1;
        self.blank = true;
        self.indent = 0;
    }

    fn between(&mut self, byte: u8, offset: u64) {
        match byte {
            b'\n' => self.end_line(),
            b' ' | b'\t' | b'\r' => self.indent += usize::from(self.blank),
            // Byte order marks where files were put together, and the separators of RFC 7464.
            0xef | 0xbb | 0xbf | 0x1e => {}
            b',' => self.blank = false,
            b'[' if self.containers.len() < self.limits.json_depth => {
                self.blank = false;
                self.containers.push(Container { within: Within::Array, objects: 0 });
            }
            b']' if !self.containers.is_empty() => {
                self.blank = false;
                self.leave_container();
            }
            b'{' | b'[' => self.begin(State::Inside, offset),
            _ => self.begin(State::Scalar, offset),
        }
    }

    fn leave_container(&mut self) {
        if let Some(container) = self.containers.pop()
            && container.objects > 0
        {
            self.state = State::Remainder;
            self.depth = container.objects;
            self.string = false;
            self.escaped = false;
        }
    }

    fn begin(&mut self, state: State, offset: u64) {
        self.state = state;
        self.start = Position { line: self.line, offset, begins_line: self.blank };
        self.start_indent = self.indent;
        self.value.clear();
        self.oversized = false;
        self.multiline = false;
        self.depth = 0;
        self.deepest = 0;
        self.objects = 0;
        self.string = false;
        self.escaped = false;
        self.significant = 0;
        self.values = 0;
        self.keys = KeyPath::default();
    }

    fn is_oversized_with(&self, more: usize) -> bool {
        self.oversized || self.value.len() + more > self.limits.record_bytes
    }

    fn collect(&mut self, bytes: &[u8]) {
        if self.is_oversized_with(bytes.len()) {
            self.oversized = true;
            self.value = Vec::new();
        }
        if !self.oversized {
            self.value.extend_from_slice(bytes);
        }
    }

    fn inside(&mut self, bytes: &[u8], from: usize, records: &mut Records<'_, '_>) -> usize {
        let mut at = from;
        while at < bytes.len() {
            if self.string {
                if std::mem::take(&mut self.escaped) && bytes[at] != b'\n' {
                    at += 1;
                    continue;
                }
                let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) else {
                    self.keys.add(&bytes[at..]);
                    at = bytes.len();
                    break;
                };
                self.keys.add(&bytes[at..at + found]);
                at += found;
                match bytes[at] {
                    b'"' => {
                        self.string = false;
                        self.keys.end_string(self.depth);
                    }
                    b'\\' => {
                        self.escaped = true;
                        self.keys.escape();
                    }
                    _ => {
                        self.collect(&bytes[from..at]);
                        self.state = State::Broken;
                        return at;
                    }
                }
                at += 1;
                continue;
            }
            let byte = bytes[at];
            match byte {
                b'"' => {
                    self.string = true;
                    let is_key = self.in_object() && matches!(self.significant, b'{' | b',');
                    self.keys.begin_string(is_key, self.depth);
                }
                b'{' | b'[' => {
                    if !self.may_open() {
                        self.collect(&bytes[from..at]);
                        if byte == b'{' && self.blank && self.indent <= self.start_indent {
                            // The next document. What is before it was cut off.
                            self.salvage(records);
                            self.state = State::Between;
                        } else {
                            self.state = State::Broken;
                        }
                        return at;
                    }
                    if byte == b'[' && self.within() != Within::Hits {
                        let container = self.keys.container(self.depth, self.objects);
                        if let Some(container) = container {
                            self.containers.push(container);
                            self.value.clear();
                            self.blank = false;
                            self.state = State::Between;
                            return at + 1;
                        }
                    }
                    self.open(byte == b'{');
                }
                b'}' | b']' => {
                    if !self.close(byte == b'}') {
                        self.collect(&bytes[from..at]);
                        self.state = State::Broken;
                        return at;
                    }
                    if self.depth == 0 {
                        self.collect(&bytes[from..=at]);
                        self.state = State::Between;
                        self.blank = false;
                        self.complete(records);
                        return at + 1;
                    }
                }
                b',' => self.values += 1,
                // A line that is too large to be a record and does not end with it: the next line is more likely to
                // be another record than a part of this one.
                b'\n' if !self.multiline && self.is_oversized_with(at - from) => {
                    self.oversized = true;
                    self.salvage(records);
                    self.blank = false;
                    self.state = State::Resync;
                    return at;
                }
                b'\n' => {
                    self.multiline = true;
                    self.end_line();
                    at += 1;
                    continue;
                }
                b' ' | b'\t' | b'\r' => {
                    self.indent += usize::from(self.blank);
                    at += 1;
                    continue;
                }
                _ => {}
            }
            self.blank = false;
            self.significant = byte;
            at += 1;
        }
        self.collect(&bytes[from..at]);
        at
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Whether a value may stand here.
    fn may_open(&self) -> bool {
        if self.depth == 0 {
            return true;
        }
        if self.deepest > COMPARED_DEPTH {
            return matches!(self.significant, b':' | b',' | b'[');
        }
        if self.in_object() { self.significant == b':' } else { matches!(self.significant, b',' | b'[') }
    }

    fn open(&mut self, object: bool) {
        self.values += 1;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.objects = self.objects << 1 | u128::from(object);
    }

    /// Whether the bracket closes the innermost open one.
    fn close(&mut self, object: bool) -> bool {
        if self.deepest <= COMPARED_DEPTH && self.in_object() != object {
            return false;
        }
        self.objects >>= 1;
        self.depth -= 1;
        true
    }

    fn refusal(&self) -> Option<RejectReason> {
        if self.deepest > self.limits.json_depth || self.value.first() == Some(&b'[') {
            // A document begins with `[` only where there are as many arrays around it as are allowed.
            Some(RejectReason::TooDeep)
        } else if self.oversized {
            Some(RejectReason::TooLarge)
        } else if self.values > self.limits.record_values {
            Some(RejectReason::TooManyValues)
        } else {
            None
        }
    }

    fn complete(&mut self, records: &mut Records<'_, '_>) {
        match self.refusal() {
            Some(reason) => records.reject(self.start, reason),
            None => records.document(&self.value, self.start, self.within()),
        }
    }

    fn scalar(&mut self, bytes: &[u8], from: usize, records: &mut Records<'_, '_>) -> usize {
        let in_array = !self.containers.is_empty();
        let mut at = from;
        while at < bytes.len() {
            let byte = bytes[at];
            let ends = byte == b'\n' || (in_array && !self.string && matches!(byte, b',' | b']'));
            if ends {
                self.collect(&bytes[from..at]);
                self.end_scalar(records);
                self.blank = false;
                self.state = State::Between;
                return at;
            }
            if self.string {
                let escaped = std::mem::take(&mut self.escaped);
                self.escaped = byte == b'\\' && !escaped;
                self.string = byte != b'"' || escaped;
            } else {
                self.string = byte == b'"';
            }
            at += 1;
        }
        self.collect(&bytes[from..at]);
        at
    }

    fn end_scalar(&mut self, records: &mut Records<'_, '_>) {
        match self.refusal() {
            Some(reason) => records.reject(self.start, reason),
            None => records.document(&self.value, self.start, self.within()),
        }
    }

    /// Passes over the other members of a search response: they hold no record.
    fn remainder(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        while at < bytes.len() {
            let byte = bytes[at];
            at += 1;
            match byte {
                b'\n' => {
                    self.string = false;
                    self.end_line();
                }
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' if self.string => self.escaped = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.blank = false;
                        self.state = State::Between;
                        return at;
                    }
                }
                _ => {}
            }
        }
        at
    }
}

/// Whether more brackets are open at once in a text that is JSON. Of any other text it says nothing.
pub(super) fn is_deeper(text: &[u8], depth: usize) -> bool {
    // More brackets than levels are allowed need not be too many levels.
    memchr::memchr2_iter(b'{', b'[', text).count() > depth && deepest(text) > depth
}

/// How many brackets are open at once, at most, in a text that is JSON.
fn deepest(text: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'{' | b'[' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            b'"' => {
                while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
                    let is_end = rest[at] == b'"';
                    rest = rest.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
                    if is_end {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}
