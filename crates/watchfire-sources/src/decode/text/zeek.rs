//! Zeek's tables: columns under a header that names and types them.
//!
//! ```text
//! #separator \x09
//! #set_separator  ,
//! #empty_field  (empty)
//! #unset_field  -
//! #path  conn
//! #fields  ts  uid  id.orig_h  id.orig_p
//! #types  time  string  addr  port
//! 1700000000.000123  CAbc  10.0.0.1  49152
//! ```
//!
//! A row becomes the object that Zeek would have written as JSON: numbers are numbers, sets and vectors are arrays,
//! what is unset is left out. The header can come again, with other columns, wherever files were put together.

use serde_json::{Map, Number, Value};

use super::super::limits::DecodeLimits;
use super::super::report::{Problems, RejectReason};
use super::LineRecords;
use super::lines::Line;
use super::output::{Output, text_of};

/// Whether a line is one of those of a header that no other log has.
pub(super) fn is_header(line: &[u8]) -> bool {
    line.starts_with(b"#separator \\x") || line.starts_with(b"#fields\t")
}

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scalar {
    Text,
    Boolean,
    Integer,
    Double,
}

impl Scalar {
    fn of(name: &[u8]) -> Self {
        match name {
            b"bool" => Self::Boolean,
            b"count" | b"int" | b"port" | b"counter" => Self::Integer,
            b"double" | b"time" | b"interval" => Self::Double,
            _ => Self::Text,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    scalar: Scalar,
    /// Whether it holds any number of values.
    many: bool,
}

/// The header that is in force.
struct Header {
    separator: Vec<u8>,
    set_separator: Vec<u8>,
    empty: Vec<u8>,
    unset: Vec<u8>,
    path: Option<String>,
    columns: Vec<Column>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: b"\t".to_vec(),
            set_separator: b",".to_vec(),
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            path: None,
            columns: Vec::new(),
        }
    }
}

impl Header {
    /// A line that begins with `#`. Whatever else such a line says (`#open`, `#close`) is of no use to a row.
    fn read(&mut self, line: &[u8]) {
        if let Some(separator) = line.strip_prefix(b"#separator ") {
            *self = Self::default();
            let separator = unescaped(separator);
            if !separator.is_empty() {
                self.separator = separator;
            }
            return;
        }
        let mut words = split(line, &self.separator);
        match words.next() {
            Some(b"#set_separator") => set(&mut self.set_separator, words.next()),
            Some(b"#empty_field") => set(&mut self.empty, words.next()),
            Some(b"#unset_field") => set(&mut self.unset, words.next()),
            Some(b"#path") => {
                self.path = words.next().filter(|path| **path != *self.unset).map(|path| text_of(path).0);
            }
            Some(b"#fields") => {
                let column =
                    |name: &[u8]| Column { name: text_of(name).0, scalar: Scalar::Text, many: false };
                self.columns = words.map(column).collect();
            }
            Some(b"#types") => {
                for (column, name) in self.columns.iter_mut().zip(words) {
                    let inner = [&b"set["[..], b"vector[", b"table["]
                        .iter()
                        .find_map(|holder| name.strip_prefix(*holder)?.strip_suffix(b"]"));
                    column.many = inner.is_some();
                    column.scalar = Scalar::of(inner.unwrap_or(name));
                }
            }
            _ => {}
        }
    }
}

fn set(setting: &mut Vec<u8>, value: Option<&[u8]>) {
    // An empty separator would split nothing.
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        *setting = unescaped(value);
    }
}

fn split<'t>(text: &'t [u8], separator: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match memchr::memmem::find(text, separator) {
            Some(at) => {
                rest = Some(&text[at + separator.len()..]);
                Some(&text[..at])
            }
            None => rest.take(),
        }
    })
}

/// Undoes Zeek's escapes: `\xHH` is a byte, and `\\` a backslash.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        bytes.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let byte = rest.get(2..4).filter(|_| rest[1] == b'x').and_then(byte_of);
        let (byte, length) = match byte {
            Some(byte) => (byte, 4),
            None if rest.starts_with(br"\\") => (b'\\', 2),
            None => (b'\\', 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes.extend_from_slice(rest);
    bytes
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    // `from_str_radix` would take a sign.
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

pub(super) struct Table<'l> {
    limits: &'l DecodeLimits,
    header: Header,
    /// Values that are not of the type of their column.
    mistyped: u64,
    /// Whether some text of the row is no Unicode.
    replaced: bool,
}

impl<'l> Table<'l> {
    pub(super) fn new(limits: &'l DecodeLimits) -> Self {
        Self { limits, header: Header::default(), mistyped: 0, replaced: false }
    }

    fn row(&mut self, row: &[u8]) -> Result<Map<String, Value>, RejectReason> {
        let header = std::mem::take(&mut self.header);
        let object = self.row_under(&header, row);
        self.header = header;
        object
    }

    fn row_under(&mut self, header: &Header, row: &[u8]) -> Result<Map<String, Value>, RejectReason> {
        if header.columns.is_empty() {
            return Err(RejectReason::NoZeekHeader);
        }
        if split(row, &header.separator).count() != header.columns.len() {
            return Err(RejectReason::ZeekColumns);
        }
        let mut values = header.columns.len();
        let mut object = Map::with_capacity(values + 1);
        for (column, text) in header.columns.iter().zip(split(row, &header.separator)) {
            if *text == *header.unset {
                continue;
            }
            let value = if !column.many {
                self.value(header, column.scalar, text)
            } else if *text == *header.empty {
                Value::Array(Vec::new())
            } else {
                let count = memchr::memmem::find_iter(text, &header.set_separator).count() + 1;
                values = values.saturating_add(count);
                if values > self.limits.record_values {
                    return Err(RejectReason::TooManyValues);
                }
                let items = split(text, &header.set_separator).map(|text| {
                    if *text == *header.unset { Value::Null } else { self.value(header, column.scalar, text) }
                });
                Value::Array(items.collect())
            };
            object.insert(column.name.clone(), value);
        }
        if values > self.limits.record_values {
            return Err(RejectReason::TooManyValues);
        }
        if let Some(path) = &header.path {
            object.entry("_path").or_insert_with(|| Value::String(path.clone()));
        }
        Ok(object)
    }

    fn value(&mut self, header: &Header, scalar: Scalar, text: &[u8]) -> Value {
        let typed = match scalar {
            Scalar::Text if *text == *header.empty => return Value::String(String::new()),
            Scalar::Text => return Value::String(self.text(text)),
            Scalar::Boolean => match text {
                b"T" => Some(Value::Bool(true)),
                b"F" => Some(Value::Bool(false)),
                _ => None,
            },
            Scalar::Integer => std::str::from_utf8(text).ok().and_then(|text| {
                let unsigned = text.parse::<u64>().map(Value::from).ok();
                unsigned.or_else(|| text.parse::<i64>().map(Value::from).ok())
            }),
            Scalar::Double => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .and_then(Number::from_f64)
                .map(Value::Number),
        };
        typed.unwrap_or_else(|| {
            self.mistyped += 1;
            Value::String(self.text(text))
        })
    }

    /// Where the bytes that are escaped are no Unicode, they stay escaped, as Zeek leaves them in JSON.
    fn text(&mut self, text: &[u8]) -> String {
        if memchr::memchr(b'\\', text).is_some()
            && let Ok(text) = String::from_utf8(unescaped(text))
        {
            return text;
        }
        let (text, replaced) = text_of(text);
        self.replaced |= replaced;
        text
    }
}

impl LineRecords for Table<'_> {
    fn line(&mut self, line: Line<'_>, output: &mut Output<'_, '_>) {
        if line.too_large {
            if line.text.starts_with(b"#") {
                // What the rows below it mean is not known any more.
                self.header.columns.clear();
            }
            return output.reject(line.number, RejectReason::TooLarge);
        }
        if line.text.starts_with(b"#") {
            return self.header.read(line.text);
        }
        match self.row(line.text) {
            Ok(object) => {
                let replaced = std::mem::take(&mut self.replaced);
                output.object(line.number, object, replaced);
            }
            Err(reason) => output.reject(line.number, reason),
        }
    }

    fn finish(&mut self, _output: &mut Output<'_, '_>, problems: &mut Problems) {
        problems.count(
            self.mistyped,
            "value is not of the type of its column and is kept as text",
            "values are not of the types of their columns and are kept as text",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (text, expected) in [
            (r"a\x09b", "a\tb"),
            (r"C:\\Users\\x", r"C:\Users\x"),
            (r"\\x41", r"\x41"),
            (r"\x4", r"\x4"),
            (r"\x+1", r"\x+1"),
            (r"\q\", r"\q\"),
            (r"\xc3\xa9", "é"),
        ] {
            assert_eq!(String::from_utf8(unescaped(text.as_bytes())).as_deref(), Ok(expected), "{text}");
        }
    }
}
