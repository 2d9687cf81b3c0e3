//! JSON: objects one a line, one after another over several lines, or the elements of an array.
//!
//! The stream is cut into values by counting brackets outside of strings, which needs no more memory than one value.

use std::io::BufRead;
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::Place;

use super::{FileReport, MAX_JSON_DEPTH, MAX_RECORD_BYTES, RecordSink, RejectReason};
use crate::normalise::{RawInput, RawPayload};

pub(super) fn read(
    mut stream: Box<dyn BufRead + '_>,
    name: &Arc<str>,
    sink: &mut dyn RecordSink,
) -> FileReport {
    let mut cutter = Cutter {
        name,
        sink,
        value: Vec::new(),
        state: State::Between,
        line: 1,
        start_line: 1,
        ordinal: 0,
        array: false,
    };
    let mut problem = None;
    loop {
        let chunk = match stream.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) => {
                problem = Some(format!("damaged: {error}"));
                break;
            }
        };
        if chunk.is_empty() {
            break;
        }
        let length = chunk.len();
        for &byte in chunk {
            cutter.byte(byte);
        }
        stream.consume(length);
    }
    cutter.finish();
    FileReport { name: Arc::clone(name), format: "json", problem }
}

/// Where the cutter is.
#[derive(Clone, Copy)]
enum State {
    /// Between values.
    Between,
    /// Inside of a value with so many open brackets.
    Inside { depth: usize, deepest: usize, string: bool, escaped: bool },
    /// In a line that begins no value.
    Garbage,
}

struct Cutter<'a> {
    name: &'a Arc<str>,
    sink: &'a mut dyn RecordSink,
    value: Vec<u8>,
    state: State,
    line: u64,
    start_line: u64,
    ordinal: u64,
    array: bool,
}

impl Cutter<'_> {
    fn byte(&mut self, byte: u8) {
        if byte == b'\n' {
            self.line += 1;
        }
        match self.state {
            State::Between => match byte {
                b'{' => {
                    self.start_line = self.line;
                    self.value.clear();
                    self.value.push(byte);
                    self.state = State::Inside { depth: 1, deepest: 1, string: false, escaped: false };
                }
                b'[' if !self.array => self.array = true,
                b']' if self.array => self.array = false,
                b',' if self.array => {}
                byte if byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf) => {}
                _ => {
                    self.start_line = self.line;
                    self.state = State::Garbage;
                }
            },
            State::Garbage => {
                if byte == b'\n' || (self.array && byte == b',') {
                    self.reject(RejectReason::InvalidJson);
                    self.state = State::Between;
                }
            }
            State::Inside { mut depth, mut deepest, mut string, mut escaped } => {
                if self.value.len() <= MAX_RECORD_BYTES {
                    self.value.push(byte);
                }
                if string {
                    let closes = byte == b'"' && !escaped;
                    escaped = byte == b'\\' && !escaped;
                    string = !closes;
                } else {
                    match byte {
                        b'"' => string = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    deepest = deepest.max(depth);
                }
                self.state = State::Inside { depth, deepest, string, escaped };
                if depth == 0 {
                    self.state = State::Between;
                    self.complete(deepest);
                }
            }
        }
    }

    fn complete(&mut self, deepest: usize) {
        if self.value.len() > MAX_RECORD_BYTES {
            self.reject(RejectReason::TooLarge);
        } else if deepest > MAX_JSON_DEPTH {
            self.reject(RejectReason::TooDeep);
        } else {
            match serde_json::from_slice::<Value>(&self.value) {
                Ok(value) => self.record(value),
                Err(_) if self.value.contains(&b'\n') => self.salvage_lines(),
                Err(_) => self.reject(RejectReason::InvalidJson),
            }
        }
    }

    /// A line with a bracket too many swallows the lines behind it: each is tried by itself.
    fn salvage_lines(&mut self) {
        let text = std::mem::take(&mut self.value);
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => self.record(value),
                Err(_) => self.reject(RejectReason::InvalidJson),
            }
            self.start_line += 1;
        }
    }

    fn place(&mut self) -> Place {
        self.ordinal += 1;
        Place {
            input: Arc::clone(self.name),
            record: self.ordinal,
            line: Some(self.start_line),
            offset: None,
        }
    }

    fn reject(&mut self, reason: RejectReason) {
        let place = self.place();
        self.sink.rejected(&place, reason);
    }

    /// Hands on a record; a search hit is unwrapped.
    fn record(&mut self, value: Value) {
        let place = self.place();
        let Value::Object(mut object) = value else {
            self.sink.rejected(&place, RejectReason::NotAnObject);
            return;
        };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let (mut given_index, mut given_id) = (None, None);
        if object.get("_source").is_some_and(Value::is_object) {
            given_index = text(object.get("_index"));
            given_id = text(object.get("_id"));
            if let Some(Value::Object(source)) = object.remove("_source") {
                object = source;
            }
        }
        self.sink.record(RawInput {
            payload: RawPayload::Json(Value::Object(object)),
            place,
            identity: Arc::clone(self.name),
            given_index,
            given_id,
        });
    }

    fn finish(&mut self) {
        match self.state {
            State::Between => {}
            State::Garbage => self.reject(RejectReason::InvalidJson),
            State::Inside { .. } if self.value.len() > MAX_RECORD_BYTES => {
                self.reject(RejectReason::TooLarge);
            }
            State::Inside { deepest, .. } if deepest > MAX_JSON_DEPTH => self.reject(RejectReason::TooDeep),
            State::Inside { .. } => self.salvage_lines(),
        }
    }
}
