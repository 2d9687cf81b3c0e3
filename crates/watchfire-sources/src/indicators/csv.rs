//! Tables of indicators.
//!
//! The header says what a column holds: the name of a field (`threat.indicator.ip`, `@timestamp`), a kind of value
//! (`ip`, `sha256`, `url` …), or `type` and `value` beside each other. Lines that begin with `#` are comments, unless
//! there is no other header.

use std::io::{self, BufRead, Read};

use serde_json::Value;

use super::{Reading, observable};

/// What a column holds.
enum Column {
    /// A field of the document.
    Field(String),
    /// A value of this kind.
    Kind(String),
    /// The kind of the value in the column [`Column::Value`].
    Type,
    Value,
    Unused,
}

/// Columns that tell something of an indicator, by the names that feeds give them.
const FACTS: [(&[&str], &str); 8] = [
    (&["description", "comment", "malware_printable", "threat"], "threat.indicator.description"),
    (&["provider", "reporter"], "threat.indicator.provider"),
    (&["source", "feed"], "threat.feed.name"),
    (&["confidence"], "threat.indicator.confidence"),
    (&["reference", "urlhaus_link"], "threat.indicator.reference"),
    (&["first_seen", "first_seen_utc", "dateadded"], "threat.indicator.first_seen"),
    (&["last_seen", "last_seen_utc", "last_online"], "threat.indicator.last_seen"),
    (&["tlp", "marking"], "threat.indicator.marking.tlp"),
];

impl Column {
    fn of(name: &str) -> Self {
        let plain = name.trim().trim_start_matches(['\u{feff}', '#', ' ']).trim_matches('"').trim();
        let lower = plain.to_lowercase().replace(' ', "_");
        if plain == "@timestamp" || plain.contains('.') {
            return Self::Field(plain.to_owned());
        }
        match lower.as_str() {
            "type" | "indicator_type" | "ioc_type" => return Self::Type,
            "value" | "indicator" | "ioc" | "ioc_value" | "indicator_value" => return Self::Value,
            _ => {}
        }
        if observable::is_kind(&lower) {
            return Self::Kind(lower);
        }
        match FACTS.iter().find(|(names, _)| names.contains(&lower.as_str())) {
            Some((_, field)) => Self::Field((*field).to_owned()),
            None => Self::Unused,
        }
    }

    /// Whether it can tell what an indicator is.
    fn is_value(&self) -> bool {
        match self {
            Self::Kind(_) | Self::Value => true,
            Self::Field(name) => name.starts_with("threat.indicator."),
            Self::Type | Self::Unused => false,
        }
    }
}

/// Reads a table.
pub(super) fn read(mut file: Box<dyn BufRead>, reading: &mut Reading<'_>) -> io::Result<()> {
    // The header is the first line that is no comment, or the last comment in front of the rows that names a value.
    let (mut header, mut skipped) = (String::new(), 0);
    let mut commented: Option<String> = None;
    loop {
        header.clear();
        if file.read_line(&mut header)? == 0 {
            break;
        }
        skipped += 1;
        let line = header.trim_start_matches('\u{feff}');
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with('#') {
            break;
        }
        if columns(line).1.iter().any(Column::is_value) {
            commented = Some(line.to_owned());
        }
    }
    let (mut delimiter, mut layout) = columns(&header);
    let mut first_row = None;
    if let (false, Some(line)) = (layout.iter().any(Column::is_value), &commented) {
        (delimiter, layout) = columns(line);
        first_row = Some(header.clone());
        skipped -= 1;
        header.clone_from(line);
    }
    if !layout.iter().any(Column::is_value) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the header names no column for the value of an indicator: `value` beside `type`, `ip`, `domain`, `url`, \
             `md5`, `sha1`, `sha256`, `email`, `registry_key`, or a field such as `threat.indicator.ip`",
        ));
    }
    let names = split(&header, delimiter);
    let unused = names.iter().zip(&layout).filter(|(_, column)| matches!(column, Column::Unused));
    let unused: Vec<String> = unused.map(|(name, _)| format!("`{}`", name.trim())).collect();
    if !unused.is_empty() {
        reading.report.notes.push(format!("columns that are not used: {}", unused.join(", ")));
    }
    let rows = io::Cursor::new(first_row.unwrap_or_default().into_bytes()).chain(file);
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(rows);
    let mut row = csv::ByteRecord::new();
    while rows.read_byte_record(&mut row).map_err(io::Error::other)? {
        let line = row.position().map(|at| at.line() + skipped);
        reading.report.read += 1;
        one_row(&row, &layout, line, reading);
    }
    Ok(())
}

fn one_row(row: &csv::ByteRecord, layout: &[Column], line: Option<u64>, reading: &mut Reading<'_>) {
    if row.len() > layout.len() {
        return reading.left_out("the row has more cells than the header");
    }
    let mut fields: Vec<(String, Value)> = Vec::new();
    let (mut kind, mut value, mut has_value) = (None, None, false);
    for (cell, column) in row.iter().zip(layout) {
        let Ok(text) = std::str::from_utf8(cell) else {
            return reading.left_out("a cell is no UTF-8");
        };
        if text.is_empty() {
            continue;
        }
        match column {
            Column::Field(name) => {
                has_value |= column.is_value() && !FACTS.iter().any(|(_, fact)| fact == name);
                fields.push((name.clone(), text.into()));
            }
            Column::Kind(kind) => has_value |= observable::add(kind, text, &mut fields),
            Column::Type => kind = Some(text),
            Column::Value => value = Some(text),
            Column::Unused => {}
        }
    }
    if let Some(value) = value {
        let Some(kind) = kind else {
            return reading.left_out("a value without a type");
        };
        if !observable::add(kind, value, &mut fields) {
            return reading.left_out(format!("type `{kind}` is not used"));
        }
        has_value = true;
    }
    if has_value {
        reading.indicator("ti_csv", None, line, fields);
    } else {
        reading.left_out("no value");
    }
}

/// The delimiter of a header, and what its columns hold.
fn columns(header: &str) -> (u8, Vec<Column>) {
    let count = |delimiter: &u8| header.bytes().filter(|byte| byte == delimiter).count();
    let delimiter =
        [b',', b'\t', b';', b'|'].into_iter().max_by_key(|of| (count(of), *of == b',')).unwrap_or(b',');
    (delimiter, split(header, delimiter).iter().map(|name| Column::of(name)).collect())
}

fn split(line: &str, delimiter: u8) -> Vec<String> {
    line.trim_end().split(char::from(delimiter)).map(str::to_owned).collect()
}
