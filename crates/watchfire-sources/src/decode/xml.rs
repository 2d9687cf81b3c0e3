//! Windows events as XML: `<Event …>…</Event>`, one after another, inside of other elements or not.
//!
//! The stream is cut into markup and text. An event begins with a start tag `Event` and ends with its end tag; if the
//! same start tag comes again before that, the event was cut off, and the next one begins. Whether an event is well
//! formed inside is for its reader.

use std::io::BufRead;
use std::sync::Arc;

use encoding_rs::Encoding;

use super::limits::DecodeLimits;
use super::position::Position;
use super::report::{Problems, RejectReason};
use super::session::{PROGRESS_BYTES, Session, next_bytes};
use crate::normalise::{RawInput, RawPayload};

/// Of markup that is too large, the beginning and the end are kept, which say what it is and whether it is complete.
const KEPT_BEGINNING: usize = 256;
const KEPT_END: usize = 8;

/// Reads a stream to its end and reports it.
pub(super) fn read(mut stream: Box<dyn BufRead + '_>, name: &Arc<str>, session: &mut Session<'_>) {
    let mut problems = Problems::default();
    let mut reader = Reader::new(name, session);
    while let Some(chunk) = next_bytes(&mut *stream, &mut problems) {
        reader.add(chunk);
        let length = chunk.len();
        stream.consume(length);
        reader.session.announce(PROGRESS_BYTES);
    }
    reader.finish(&mut problems);
    session.reports.push(problems.report(name, "xml"));
}

struct Reader<'n, 's> {
    name: &'n Arc<str>,
    session: &'n mut Session<'s>,
    limits: &'s DecodeLimits,
    /// The event that is collected, or the markup outside of events.
    text: Vec<u8>,
    /// Where in `text` the markup begins that is not complete.
    markup: Option<usize>,
    quote: Option<u8>,
    event: Option<OpenEvent>,
    /// Bytes and lines before this, and whether only blanks are on the line.
    offset: u64,
    line: u64,
    blank: bool,
    markup_start: Position,
    encoding: Option<&'static Encoding>,
    ordinal: u64,
    outside: u64,
    replaced: u64,
}

struct OpenEvent {
    start: Position,
    /// Its start tag as it is written.
    tag: Vec<u8>,
    /// Its name as it is written, with a prefix if it has one.
    name: Vec<u8>,
    /// Elements that are open, and how many of them have the event's own name.
    depth: usize,
    same: usize,
    refusal: Option<RejectReason>,
}

impl<'n, 's> Reader<'n, 's> {
    fn new(name: &'n Arc<str>, session: &'n mut Session<'s>) -> Self {
        Self {
            name,
            limits: session.limits,
            session,
            text: Vec::new(),
            markup: None,
            quote: None,
            event: None,
            offset: 0,
            line: 1,
            blank: true,
            markup_start: Position { line: 1, offset: 0, begins_line: true },
            encoding: None,
            ordinal: 0,
            outside: 0,
            replaced: 0,
        }
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while let Some(&first) = bytes.first() {
            let taken = match self.markup {
                None if first == b'<' => {
                    self.markup = Some(self.text.len());
                    self.quote = None;
                    self.markup_start =
                        Position { line: self.line, offset: self.offset, begins_line: self.blank };
                    self.text.push(b'<');
                    1
                }
                None => {
                    let length = memchr::memchr(b'<', bytes).unwrap_or(bytes.len());
                    self.add_text(&bytes[..length]);
                    length
                }
                Some(start) => self.add_markup(start, bytes),
            };
            self.pass(&bytes[..taken]);
            bytes = &bytes[taken..];
        }
    }

    /// Counts bytes and lines.
    fn pass(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        let last = memchr::memrchr(b'\n', bytes);
        if last.is_some() {
            self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
        }
        let on_line = &bytes[last.map_or(0, |last| last + 1)..];
        self.blank = (self.blank || last.is_some()) && on_line.trim_ascii().is_empty();
    }

    fn add_text(&mut self, text: &[u8]) {
        if self.event.is_some() {
            self.collect(text);
        } else {
            self.outside += text.trim_ascii().len() as u64;
        }
    }

    fn collect(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        if self.text.len() <= self.limits.record_bytes.max(KEPT_BEGINNING + KEPT_END) {
            return;
        }
        if let Some(event) = &mut self.event {
            event.refusal.get_or_insert(RejectReason::TooLarge);
        }
        // What is before the markup is of no use any more, nor most of the markup.
        self.text.drain(..self.markup.unwrap_or(self.text.len()));
        self.markup = self.markup.map(|_| 0);
        if self.text.len() > KEPT_BEGINNING + KEPT_END {
            self.text.drain(KEPT_BEGINNING..self.text.len() - KEPT_END);
        }
    }

    /// Adds to markup that begins at `start`, up to its end, and gives the number of bytes taken.
    fn add_markup(&mut self, start: usize, bytes: &[u8]) -> usize {
        // One byte at a time until it is known what markup it is, then up to what may end it.
        let markup = &self.text[start..];
        let ends: &[u8] = match markup {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => b"]]>",
            [b'<', b'?', ..] => b"?>",
            [b'<'] | [b'<', b'!', ..] if markup.len() < 9 => {
                let byte = bytes[0];
                if byte == b'<' {
                    self.drop_markup(start);
                    return 0;
                }
                self.collect(&[byte]);
                if byte == b'>' {
                    self.end_markup();
                }
                return 1;
            }
            _ => return self.add_tag(start, bytes),
        };
        let length = memchr::memchr(b'>', bytes).map_or(bytes.len(), |at| at + 1);
        self.collect(&bytes[..length]);
        let start = self.markup.unwrap_or(start);
        // `<!-->` and `<?>` do not end with their own beginning.
        let opening = if ends == b"-->" { 4 } else { 2 };
        let inner = self.text.get(start + opening..).unwrap_or_default();
        if bytes[length - 1] == b'>' && inner.ends_with(ends) {
            self.end_markup();
        }
        length
    }

    fn add_tag(&mut self, start: usize, bytes: &[u8]) -> usize {
        let quote = self.quote;
        let found = match quote {
            // No `<` is in any tag, quoted or not: a tag that has one was cut off.
            Some(quote) => memchr::memchr2(quote, b'<', bytes),
            None => bytes.iter().position(|byte| matches!(byte, b'>' | b'<' | b'"' | b'\'')),
        };
        let Some(at) = found else {
            self.collect(bytes);
            return bytes.len();
        };
        match bytes[at] {
            b'<' => {
                self.collect(&bytes[..at]);
                self.drop_markup(self.markup.unwrap_or(start));
                return at;
            }
            b'>' => {
                self.collect(&bytes[..=at]);
                self.end_markup();
            }
            mark => {
                self.quote = if quote.is_none() { Some(mark) } else { None };
                self.collect(&bytes[..=at]);
            }
        }
        at + 1
    }

    /// What looked like markup is none.
    fn drop_markup(&mut self, start: usize) {
        self.markup = None;
        if self.event.is_none() {
            self.outside += (self.text.len() - start) as u64;
            self.text.truncate(start);
        }
    }

    fn end_markup(&mut self) {
        let start = self.markup.take().unwrap_or(0);
        let markup = &self.text[start..];
        if markup.starts_with(b"<?xml ") && self.event.is_none() {
            self.encoding = declared_encoding(markup).or(self.encoding);
        }
        match tag(markup) {
            Some(Tag::Start { name, empty }) => {
                let restarts = self.event.as_ref().is_some_and(|event| event.tag == markup);
                let begins = self.event.is_none() && local_name(name) == b"Event";
                if restarts || begins {
                    let event = OpenEvent {
                        start: self.markup_start,
                        tag: markup.to_vec(),
                        name: name.to_vec(),
                        depth: 1,
                        same: 0,
                        refusal: None,
                    };
                    if restarts {
                        self.end_event(Some(RejectReason::InvalidXml), start);
                    } else {
                        self.text.drain(..start);
                    }
                    self.event = Some(event);
                    if empty {
                        self.end_event(None, self.text.len());
                    }
                } else if let Some(event) = &mut self.event
                    && !empty
                {
                    event.depth += 1;
                    event.same += usize::from(event.name == name);
                    if event.depth > self.limits.xml_depth {
                        event.refusal.get_or_insert(RejectReason::TooDeep);
                    }
                }
            }
            Some(Tag::End { name }) => {
                if let Some(event) = &mut self.event {
                    event.depth = event.depth.saturating_sub(1);
                    if event.name == name {
                        if event.same == 0 {
                            self.end_event(None, self.text.len());
                        } else {
                            event.same -= 1;
                        }
                    }
                }
            }
            None => {}
        }
        if self.event.is_none() {
            self.text.clear();
        }
    }

    /// Hands on the event whose text ends here, unless it is refused.
    fn end_event(&mut self, refusal: Option<RejectReason>, end: usize) {
        let Some(event) = self.event.take() else {
            return;
        };
        self.ordinal += 1;
        let place = event.start.place(self.name, self.ordinal);
        match event.refusal.or(refusal) {
            Some(reason) => self.session.rejected(&place, reason),
            None => {
                let text = self.decode(end);
                self.session.record(RawInput::bare(RawPayload::WindowsXml(text), place, self.name));
            }
        }
        self.text.drain(..end);
    }

    fn decode(&mut self, end: usize) -> String {
        let bytes = &self.text[..end];
        if let Ok(text) = std::str::from_utf8(bytes) {
            return text.to_owned();
        }
        if let Some(encoding) = self.encoding {
            let (text, replaced) = encoding.decode_without_bom_handling(bytes);
            self.replaced += u64::from(replaced);
            return text.into_owned();
        }
        self.replaced += 1;
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn finish(mut self, problems: &mut Problems) {
        if self.event.is_some() {
            self.end_event(Some(RejectReason::InvalidXml), self.text.len());
        }
        if self.ordinal == 0 {
            problems.add("XML without a Windows event");
        } else {
            problems.count(
                self.outside,
                "byte of text outside of events was passed over",
                "bytes of text outside of events were passed over",
            );
        }
        problems.count(
            self.replaced,
            "event has text that is no Unicode, which reads U+FFFD",
            "events have text that is no Unicode, which reads U+FFFD",
        );
    }
}

enum Tag<'t> {
    Start { name: &'t [u8], empty: bool },
    End { name: &'t [u8] },
}

/// What a piece of markup is, if it is a tag.
fn tag(markup: &[u8]) -> Option<Tag<'_>> {
    let inner = markup.strip_prefix(b"<")?.strip_suffix(b">")?;
    if let Some(name) = inner.strip_prefix(b"/") {
        return Some(Tag::End { name: name.trim_ascii_end() });
    }
    if inner.starts_with(b"!") || inner.starts_with(b"?") {
        return None;
    }
    let end =
        inner.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(inner.len());
    Some(Tag::Start { name: &inner[..end], empty: inner.ends_with(b"/") })
}

fn local_name(name: &[u8]) -> &[u8] {
    memchr::memrchr(b':', name).map_or(name, |colon| &name[colon + 1..])
}

/// The encoding that an XML declaration names, if it is one in which markup is ASCII: a text whose markup was found
/// is in no other, whatever it declares.
fn declared_encoding(declaration: &[u8]) -> Option<&'static Encoding> {
    let at = memchr::memmem::find(declaration, b"encoding")?;
    let label = declaration[at..].split(|byte| matches!(byte, b'"' | b'\'')).nth(1)?;
    Encoding::for_label(label)
        .filter(|encoding| encoding.is_ascii_compatible() && *encoding != encoding_rs::UTF_8)
}
