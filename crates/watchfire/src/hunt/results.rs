//! The events that were found: how many of them are shown, and in which form.

use std::io::{self, Write};

use serde_json::{Map, Value};
use watchfire_detect::SortedSpill;
use watchfire_events::Timestamp;
use watchfire_ir::Pipe;

use crate::event_text::{field_text, what};
use crate::terminal::{escape_controls, time_in_table};

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A line for people: time, data stream, host, and what it was.
    Table,
    /// One event a line, in the form of a search hit, which `scan` and `hunt` read again.
    Ndjson,
}

/// What became of the events that were found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Events that fit, after `head` and `tail`.
    pub(super) found: u64,
    /// Of these, how many were written.
    pub(super) shown: u64,
    /// Events that had been read before.
    pub(super) duplicates: u64,
}

/// Memory for events that are put in line once more because a `tail` needs their number.
const LINE_MEMORY: usize = 16 << 20;

/// Writes events in order: those that the pipes leave, and of these as many as asked for.
pub(super) fn write(
    results: SortedSpill,
    pipes: &[Pipe],
    size: Option<u64>,
    mut writer: ResultWriter,
) -> io::Result<Written> {
    let mut written = Written::default();
    let mut sorted = results.finish()?;
    let mut show = |at: u64, range: &std::ops::Range<u64>, payload: &[u8]| -> io::Result<()> {
        if range.contains(&at) {
            written.found += 1;
            if size.is_none_or(|size| written.shown < size) {
                written.shown += 1;
                writer.event(payload)?;
            }
        }
        Ok(())
    };
    if pipes.iter().any(|pipe| matches!(pipe, Pipe::Tail(_))) {
        let mut line = SortedSpill::new(LINE_MEMORY);
        let mut total = 0_u64;
        while let Some(payload) = sorted.next_entry()? {
            line.push(total.to_be_bytes().to_vec(), payload)?;
            total += 1;
        }
        let range = range(total, pipes);
        let mut line = line.finish()?;
        for at in 0..total {
            if let Some(payload) = line.next_entry()? {
                show(at, &range, &payload)?;
            }
        }
    } else {
        let range = range(u64::MAX, pipes);
        let mut at = 0;
        while let Some(payload) = sorted.next_entry()? {
            show(at, &range, &payload)?;
            at += 1;
        }
    }
    written.duplicates = sorted.duplicates();
    writer.end()?;
    Ok(written)
}

/// Which of `total` events the pipes leave.
fn range(total: u64, pipes: &[Pipe]) -> std::ops::Range<u64> {
    let mut range = 0..total;
    for pipe in pipes {
        match pipe {
            Pipe::Head(number) => range.end = range.end.min(range.start.saturating_add(*number)),
            Pipe::Tail(number) => range.start = range.start.max(range.end.saturating_sub(*number)),
        }
    }
    range
}

/// Writes events in one form.
pub(super) struct ResultWriter {
    out: Box<dyn Write + Send>,
    format: Format,
    written: bool,
}

impl ResultWriter {
    /// Writes into `out`.
    pub(super) fn new(out: Box<dyn Write + Send>, format: Format) -> Self {
        Self { out, format, written: false }
    }

    fn event(&mut self, hit: &[u8]) -> io::Result<()> {
        match self.format {
            Format::Ndjson => self.out.write_all(hit)?,
            Format::Table => {
                if !self.written {
                    writeln!(
                        self.out,
                        "{:23}  {:44}  {:20}  EVENT: WHAT",
                        "TIME (UTC)", "DATA STREAM", "HOST"
                    )?;
                }
                let row = row(&serde_json::from_slice(hit).unwrap_or_default());
                self.out.write_all(row.as_bytes())?;
            }
        }
        self.written = true;
        self.out.write_all(b"\n")
    }

    fn end(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn row(hit: &Map<String, Value>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_follow_each_other() {
        for (total, pipes, expected) in [
            (10, vec![], 0..10),
            (10, vec![Pipe::Head(3)], 0..3),
            (10, vec![Pipe::Tail(3)], 7..10),
            (10, vec![Pipe::Head(5), Pipe::Tail(2)], 3..5),
            (10, vec![Pipe::Tail(5), Pipe::Head(2)], 5..7),
            (2, vec![Pipe::Tail(5)], 0..2),
            (0, vec![Pipe::Head(5), Pipe::Tail(0)], 0..0),
        ] {
            assert_eq!(range(total, &pipes), expected, "{pipes:?}");
        }
    }
}
