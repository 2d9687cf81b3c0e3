//! The rows of a query, in the forms in which they are written.

use std::io::{self, Write};

use serde_json::{Map, Value as Json, json};
use watchfire_pipeline::plan::Column;
use watchfire_pipeline::{Cell, Value};

use super::results::Format;
use crate::terminal::escape_controls;

/// How many rows say how wide a column is for people.
const MEASURED: usize = 1_000;
/// No column is made wider than this; a longer text pushes the rest of its row aside.
const WIDEST: usize = 60;

/// Writes rows in one form.
pub(super) struct TableWriter {
    out: Box<dyn Write + Send>,
    format: Format,
    names: Vec<String>,
    /// Rows that are waiting for the widths of their columns.
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    written: u64,
}

impl TableWriter {
    /// Writes rows with these columns into `out`.
    pub(super) fn new(out: Box<dyn Write + Send>, format: Format, columns: &[Column]) -> io::Result<Self> {
        let names: Vec<String> = columns.iter().map(|column| column.name.to_string()).collect();
        let mut writer = Self { out, format, names, waiting: Vec::new(), widths: None, written: 0 };
        match format {
            Format::Csv => {
                let names = writer.names.clone();
                writer.csv(&names)?;
            }
            Format::Json => {
                let columns = columns
                    .iter()
                    .map(|column| json!({ "name": *column.name, "type": column.data_type.name() }));
                let columns: Json = columns.collect();
                write!(writer.out, "{{\"columns\":{columns},\"values\":[")?;
            }
            Format::Ndjson | Format::Table => {}
        }
        Ok(writer)
    }

    /// Writes a row.
    pub(super) fn row(&mut self, row: &[Cell]) -> io::Result<()> {
        match self.format {
            Format::Csv => self.csv(&row.iter().map(|cell| cell_text(cell, ",", "")).collect::<Vec<_>>())?,
            Format::Json => {
                let row: Json = row.iter().map(Cell::to_json).collect();
                write!(self.out, "{}{row}", if self.written == 0 { "\n" } else { ",\n" })?;
            }
            Format::Ndjson => {
                let row: Map<String, Json> =
                    self.names.iter().cloned().zip(row.iter().map(Cell::to_json)).collect();
                writeln!(self.out, "{}", Json::Object(row))?;
            }
            Format::Table => {
                let texts: Vec<String> =
                    row.iter().map(|cell| escape_controls(&cell_text(cell, ", ", "null"))).collect();
                match &self.widths {
                    Some(widths) => write_aligned(&mut self.out, &texts, widths)?,
                    None => {
                        self.waiting.push(texts);
                        if self.waiting.len() == MEASURED {
                            self.measure()?;
                        }
                    }
                }
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Writes what comes behind the last row. `is_partial` says that some may be missing.
    pub(super) fn end(&mut self, is_partial: bool) -> io::Result<()> {
        match self.format {
            Format::Json => {
                let end = if self.written == 0 { "" } else { "\n" };
                writeln!(self.out, "{end}],\"is_partial\":{is_partial}}}")?;
            }
            Format::Table if self.widths.is_none() => self.measure()?,
            _ => {}
        }
        self.out.flush()
    }

    /// Settles the widths of columns, and writes what was waiting for them.
    fn measure(&mut self) -> io::Result<()> {
        let names: Vec<String> = self.names.iter().map(|name| escape_controls(name)).collect();
        let width = |at: usize| {
            let texts = self.waiting.iter().map(|row| &row[at]).chain([&names[at]]);
            texts.map(|text| text.chars().count()).max().unwrap_or_default().min(WIDEST)
        };
        let widths: Vec<usize> = (0..names.len()).map(width).collect();
        if !self.waiting.is_empty() {
            write_aligned(&mut self.out, &names, &widths)?;
        }
        for row in std::mem::take(&mut self.waiting) {
            write_aligned(&mut self.out, &row, &widths)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    fn csv(&mut self, record: &[String]) -> io::Result<()> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(&mut self.out);
        writer.write_record(record)?;
        writer.flush()
    }
}

fn write_aligned(out: &mut dyn Write, texts: &[String], widths: &[usize]) -> io::Result<()> {
    let mut line = String::new();
    for (text, width) in texts.iter().zip(widths) {
        line.push_str(text);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(text.chars().count()) + 2));
    }
    writeln!(out, "{}", line.trim_end())
}

/// A cell: several values in brackets, with this between them; and this where there is none.
fn cell_text(cell: &Cell, between: &str, none: &str) -> String {
    match cell {
        Cell::Null => none.to_owned(),
        Cell::One(value) => value.to_text().to_string(),
        Cell::Many(values) => {
            let texts: Vec<_> = values.iter().map(Value::to_text).collect();
            format!("[{}]", texts.join(between))
        }
    }
}
