//! `watchfire lake stats`: what a lake holds.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use watchfire_events::Timestamp;

use super::{failed, read};
use crate::exit::Exit;

/// Tells what the tables of a lake hold, as one JSON object a line.
#[derive(Debug, clap::Args)]
pub(super) struct Stats {
    /// The folder of the lake.
    lake: PathBuf,
}

impl Stats {
    pub(super) fn stats(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let time = |micros: i64| Timestamp::from_nanos(i128::from(micros) * 1_000).to_iso_millis();
        for table in read(&self.lake)?.statistics().map_err(failed)? {
            let line = json!({
                "data_stream": table.stream.as_str(),
                "events": table.rows,
                "events_with_side_column": table.diverted_rows,
                "files": table.files,
                "bytes": table.bytes,
                "columns": table.columns,
                "version": table.version,
                "first_event": table.timestamps.map(|(first, _)| time(first)),
                "last_event": table.timestamps.map(|(_, last)| time(last)),
                "first_arrival": table.ingested.map(|(first, _)| time(first)),
                "last_arrival": table.ingested.map(|(_, last)| time(last)),
            });
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        Ok(Exit::Success)
    }
}
