//! What was found: how much of it is shown, and in which form.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use watchfire_detect::{FirstReadings, SortedEntries, SortedSpill, damaged_spill};
use watchfire_engine::correlate::ResultLimit;
use watchfire_events::Timestamp;

use crate::event_text::{field_text, text_of, what};
use crate::terminal::{escape_controls, time_in_table};

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A line for people: time, data stream, host, and what it was; or the columns of a row.
    Table,
    /// One result a line: an event in the form of a search hit, which `scan` and `hunt` read again; a sequence or sample
    /// with its keys and events; or a row by the names of its columns.
    Ndjson,
    /// One object in the form of the answer of Elasticsearch's EQL search, or of its ES|QL query.
    Json,
    /// The rows of ES|QL, with the names of columns on the first line; several values are in brackets.
    Csv,
}

/// What became of the results.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Results, before a limit.
    pub(super) found: u64,
    /// Of these, how many were written.
    pub(super) shown: u64,
    /// Events that had been read before.
    pub(super) duplicates: u64,
}

impl Written {
    /// Says how many there are and how many of them were written.
    pub(super) fn tell(&self, what: &str, log: &mut dyn Write) -> io::Result<()> {
        let found = self.found;
        let twice = match self.duplicates {
            0 => String::new(),
            number => format!("; {number} events were read twice"),
        };
        if self.shown < found {
            writeln!(log, "shown: {} of {found} {what}{twice}", self.shown)
        } else {
            writeln!(log, "found: {found} {what}{twice}")
        }
    }
}

/// Memory for results that are put in line once more because their number has to be known first.
const LINE_MEMORY: usize = 16 << 20;

/// Results on their way into order.
pub(super) struct Results {
    sorted: SortedSpill,
}

impl Results {
    /// None at all.
    pub(super) fn none() -> Self {
        Self::new(SortedSpill::new(0))
    }

    /// None yet.
    pub(super) fn new(sorted: SortedSpill) -> Self {
        Self { sorted }
    }

    /// Adds a result: what it is sorted by; what an event is known by, which then is sorted by its time first, or nothing
    /// where the result is none; and its text.
    pub(super) fn push(&mut self, key: &[u8], identity: &[u8], text: &[u8]) -> io::Result<()> {
        let mut payload = (identity.len() as u32).to_be_bytes().to_vec();
        payload.extend_from_slice(identity);
        payload.extend_from_slice(text);
        self.sorted.push(key, &payload)
    }

    /// Gives them in order, as long as they are wanted. Tells how many had been read before.
    pub(super) fn each(self, mut wants: impl FnMut(&[u8]) -> io::Result<bool>) -> io::Result<u64> {
        let mut sorted = self.in_order()?;
        while let Some(text) = sorted.next()? {
            if !wants(&text)? {
                break;
            }
        }
        Ok(sorted.repeated)
    }

    fn in_order(self) -> io::Result<InOrder> {
        Ok(InOrder { entries: self.sorted.finish()?, readings: FirstReadings::default(), repeated: 0 })
    }

    /// Writes those in order that the limit selects.
    pub(super) fn write(self, limit: ResultLimit, mut writer: ResultWriter) -> io::Result<Written> {
        let mut written = Written::default();
        let mut sorted = self.in_order()?;
        writer.begin()?;
        if limit.keeps_all() {
            while let Some(text) = sorted.next()? {
                written.found += 1;
                written.shown += 1;
                writer.result(&text)?;
            }
        } else {
            let mut line = SortedSpill::new(LINE_MEMORY);
            while let Some(text) = sorted.next()? {
                line.push(&written.found.to_be_bytes(), &text)?;
                written.found += 1;
            }
            let range = limit.range(written.found);
            let mut line = line.finish()?;
            for at in 0..range.end {
                if let Some(text) = line.next_payload()?
                    && range.contains(&at)
                {
                    written.shown += 1;
                    writer.result(&text)?;
                }
            }
        }
        written.duplicates = sorted.repeated;
        writer.end(written.shown)?;
        Ok(written)
    }
}

/// Results in order, each event once.
struct InOrder {
    entries: SortedEntries,
    readings: FirstReadings,
    repeated: u64,
}

impl InOrder {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while let Some((key, payload)) = self.entries.next_entry()? {
            let (length, rest) = payload.split_first_chunk().ok_or_else(damaged_spill)?;
            let length = u32::from_be_bytes(*length) as usize;
            let (identity, text) = rest.split_at_checked(length).ok_or_else(damaged_spill)?;
            // Only what an event is known by comes with a key that begins with its time.
            let is_new = identity.is_empty() || {
                let time = key.first_chunk().ok_or_else(damaged_spill)?;
                self.readings.is_first(*time, identity)
            };
            if is_new {
                return Ok(Some(text.to_vec()));
            }
            self.repeated += 1;
        }
        self.repeated += self.entries.duplicates();
        Ok(None)
    }
}

/// Writes results in one form.
pub(super) struct ResultWriter {
    out: Box<dyn Write + Send>,
    format: Format,
    /// Whether results are sequences or samples.
    groups: bool,
    /// Whether something may be missing among the results.
    is_partial: bool,
    written: u64,
}

impl ResultWriter {
    /// Writes into `out`.
    pub(super) fn new(out: Box<dyn Write + Send>, format: Format, groups: bool, is_partial: bool) -> Self {
        Self { out, format, groups, is_partial, written: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.format == Format::Json {
            let kind = if self.groups { "sequences" } else { "events" };
            write!(
                self.out,
                "{{\"is_partial\":{},\"is_running\":false,\"timed_out\":false,\"hits\":{{\"{kind}\":[",
                self.is_partial
            )?;
        }
        Ok(())
    }

    fn result(&mut self, text: &[u8]) -> io::Result<()> {
        match self.format {
            Format::Ndjson | Format::Csv => {
                self.out.write_all(text)?;
                self.out.write_all(b"\n")?;
            }
            Format::Json => {
                self.out.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
                self.out.write_all(text)?;
            }
            Format::Table => {
                if self.written == 0 {
                    let line =
                        format!("{:23}  {:44}  {:20}  EVENT: WHAT", "TIME (UTC)", "DATA STREAM", "HOST");
                    writeln!(self.out, "{line}")?;
                }
                let result: Value = serde_json::from_slice(text).unwrap_or_default();
                if self.groups {
                    writeln!(self.out, "{}", title(self.written + 1, &result))?;
                    for event in result["events"].as_array().into_iter().flatten() {
                        writeln!(self.out, "{}", row(event))?;
                    }
                } else {
                    writeln!(self.out, "{}", row(&result))?;
                }
            }
        }
        self.written += 1;
        Ok(())
    }

    fn end(mut self, shown: u64) -> io::Result<()> {
        if self.format == Format::Json {
            let end = if self.written == 0 { "" } else { "\n" };
            let total = json!({ "value": shown, "relation": "eq" });
            writeln!(self.out, "{end}],\"total\":{total}}}}}")?;
        }
        self.out.flush()
    }
}

/// The line above the events of a sequence or sample.
fn title(number: u64, group: &Value) -> String {
    let keys =
        group["join_keys"].as_array().map(|keys| keys.iter().map(text_of).collect::<Vec<_>>().join(", "));
    let keys = keys.map(|keys| format!(" by {}", escape_controls(&keys))).unwrap_or_default();
    format!("── {number}{keys}")
}

fn row(hit: &Value) -> String {
    if hit.get("missing").is_some() {
        return format!("{:23}  {:44}  {:20}  no such event", "", "", "");
    }
    let empty = Map::new();
    let document = hit.get("_source").and_then(Value::as_object).unwrap_or(&empty);
    let text = |name: &str| field_text(document, name);
    let time = Timestamp::parse(&text("@timestamp")).map_or_else(|| "no time".to_owned(), time_in_table);
    let stream = hit.get("_index").and_then(Value::as_str).unwrap_or_default();
    let event = [text("event.action"), text("event.code")].into_iter().find(|text| !text.is_empty());
    escape_controls(&format!(
        "{time:23}  {stream:44}  {:20}  {}: {}",
        text("host.name"),
        event.unwrap_or_default(),
        what(document)
    ))
}
