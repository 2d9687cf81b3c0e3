//! JSON text to [`Node`]s: a plain RFC 8259 parser that keeps the place of every key and value.

use std::collections::BTreeMap;

use watchfire_diagnostics::{Diagnostic, Span};

use super::{Entry, Node, Table, Value};
use crate::codes;
use crate::format::MAX_DIAGNOSTICS;

/// The most levels of objects and lists in each other.
pub(crate) const MAX_JSON_DEPTH: usize = 128;

/// What was read at one place of a text.
pub(crate) struct ParsedJson {
    /// The value, unless the text is broken.
    pub(crate) node: Option<Node>,
    /// Where reading stopped: behind the value.
    pub(crate) end: usize,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads one JSON value from `text[start..end]` and stops behind it. Spans count from the start of `text`.
///
/// # Panics
/// If the range is not one of whole characters of `text`.
pub(crate) fn parse_value(text: &str, start: usize, end: usize) -> ParsedJson {
    let mut parser = Parser {
        text: &text[..end],
        bytes: &text.as_bytes()[..end],
        at: start,
        depth: 0,
        problems: Vec::new(),
    };
    parser.skip_whitespace();
    let node = match parser.value() {
        Ok(node) => Some(node),
        Err(problem) => {
            parser.problems.push(*problem);
            None
        }
    };
    ParsedJson { node, end: parser.at, diagnostics: parser.problems }
}

/// Reads `text[start..end]` as exactly one JSON value, white space around it allowed.
pub(crate) fn parse_only(text: &str, start: usize, end: usize) -> ParsedJson {
    let mut parsed = parse_value(text, start, end);
    if parsed.node.is_some() {
        let rest = &text[parsed.end..end];
        let trimmed = rest.trim_start_matches(is_whitespace);
        if let Some(character) = trimmed.chars().next() {
            let at = end - trimmed.len();
            parsed.diagnostics.push(
                Diagnostic::error(codes::JSON_SYNTAX, "not valid JSON: something stands behind the value")
                    .at(Span::new(at, at + character.len_utf8()), "from here on"),
            );
            parsed.node = None;
        }
    }
    parsed
}

fn is_whitespace(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

type Outcome<T> = Result<T, Box<Diagnostic>>;

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
    problems: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error<T>(&self, at: usize, message: &str) -> Outcome<T> {
        let width = self.text[at..].chars().next().map_or(0, char::len_utf8);
        let diagnostic = Diagnostic::error(codes::JSON_SYNTAX, format!("not valid JSON: {message}"));
        Err(Box::new(diagnostic.at(Span::new(at, at + width), "here")))
    }

    fn value(&mut self) -> Outcome<Node> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.list()?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return self.error(self.at, "a value was expected"),
            None => return self.error(self.at, "the text ends where a value was expected"),
        };
        Ok(Node { span: Span::new(start, self.at), value })
    }

    fn word(&mut self, word: &str, value: Value) -> Outcome<Value> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        self.error(self.at, "a value was expected")
    }

    fn enter(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > MAX_JSON_DEPTH {
            let diagnostic = Diagnostic::error(
                codes::TOO_LARGE,
                format!("nested more deeply than {MAX_JSON_DEPTH} levels"),
            );
            return Err(Box::new(diagnostic.at(Span::new(self.at, self.at + 1), "here")));
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    fn object(&mut self) -> Outcome<Value> {
        self.enter()?;
        let mut table = Table::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.error(self.at, "a key in double quotes was expected");
            }
            let key = self.string()?;
            let key_span = Span::new(start, self.at);
            self.skip_whitespace();
            if self.peek() != Some(b':') {
                return self.error(self.at, "`:` was expected behind the key");
            }
            self.at += 1;
            self.skip_whitespace();
            let entry = Entry { key, key_span, node: self.value()? };
            match places.entry(entry.key.clone()) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(table.entries.len());
                    table.entries.push(entry);
                }
                std::collections::btree_map::Entry::Occupied(place) => {
                    let earlier = std::mem::replace(&mut table.entries[*place.get()], entry);
                    self.report_twice(&earlier, &table.entries[*place.get()]);
                }
            }
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.error(self.at, "`,` or `}` was expected"),
            }
            self.skip_whitespace();
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn report_twice(&mut self, first: &Entry, second: &Entry) {
        // One more than is shown, so that it is known that there is more.
        if self.problems.len() <= MAX_DIAGNOSTICS {
            let message = format!("the key `{}` occurs twice", second.key);
            self.problems.push(
                Diagnostic::warning(codes::DUPLICATE_KEY, message)
                    .at(second.key_span, "this one counts")
                    .at(first.key_span, "first here"),
            );
        }
    }

    fn list(&mut self) -> Outcome<Value> {
        self.enter()?;
        let mut nodes = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(Value::List(nodes));
        }
        loop {
            nodes.push(self.value()?);
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.error(self.at, "`,` or `]` was expected"),
            }
            self.skip_whitespace();
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Value::List(nodes))
    }

    fn number(&mut self) -> Outcome<Value> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        match serde_json::from_str::<serde_json::Number>(digits) {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => self.error(start, "this is not a number"),
        }
    }

    fn string(&mut self) -> Outcome<String> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let run = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            text.push_str(&self.text[run..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    return self.error(self.at, "a control character inside a string must be escaped");
                }
                None => return self.error(open, "the string has no closing quote"),
            }
        }
    }

    fn escape(&mut self) -> Outcome<char> {
        let start = self.at;
        self.at += 2;
        Ok(match self.bytes.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => return self.error(start, "this escape does not exist; a backslash is written `\\\\`"),
        })
    }

    fn unicode_escape(&mut self, start: usize) -> Outcome<char> {
        let Some(first) = self.four_digits() else {
            return self.error(start, "`\\u` needs four hexadecimal digits");
        };
        let code = if (0xD800..0xDC00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            match self.four_digits() {
                Some(second @ 0xDC00..=0xDFFF) => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                _ => return self.error(start, "half of a surrogate pair stands alone"),
            }
        } else {
            first
        };
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None => self.error(start, "half of a surrogate pair stands alone"),
        }
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let value =
            digits.iter().fold(0, |sum, digit| sum * 16 + char::from(*digit).to_digit(16).unwrap_or(0));
        self.at += 4;
        Some(value)
    }
}
