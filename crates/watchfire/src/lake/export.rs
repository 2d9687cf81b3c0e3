//! `watchfire lake export`: events of a lake as lines of JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_events::{IndexPatterns, Timestamp};
use watchfire_lake::{Selection, TimeField, Window};
use watchfire_sources::normalise::catalogue;

use super::{failed, read};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::time_argument;

/// Writes events of a lake as search hits, as `normalize` does: `scan` and `hunt` read them.
///
/// Events come table by table, each in order of arrival.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire lake export lake/ --index 'logs-endpoint.*' --from 2026-03-02 --output events.ndjson

Exit codes:
  0  done
  1  the lake could not be read
  2  wrong usage")]
pub(super) struct Export {
    /// The folder of the lake.
    lake: PathBuf,
    /// Only these data streams: patterns, with commas between them.
    #[arg(long, value_name = "PATTERNS")]
    index: Vec<String>,
    /// Only events from this time on.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events up to this time; of a day, an hour or a minute all of it belongs to it.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Goes by the time of arrival, `event.ingested`, instead of `@timestamp`.
    #[arg(long)]
    by_arrival: bool,
    #[command(flatten)]
    destination: Destination,
}

impl Export {
    pub(super) fn export(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let wrong = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let interval = |text: &Option<String>| {
            text.as_deref().map(|text| time_argument::interval(text, None).map_err(wrong)).transpose()
        };
        let (from, to) = (interval(&self.from)?, interval(&self.to)?);
        let window = (from.is_some() || to.is_some()).then(|| Window {
            by: if self.by_arrival { TimeField::Ingested } else { TimeField::Timestamp },
            from: from.map_or(Timestamp::from_millis(i64::MIN), |from| from.start),
            to: to.map_or(Timestamp::from_millis(i64::MAX), |to| to.end),
        });
        let patterns = IndexPatterns::new(self.index.iter().map(String::as_str));
        let selection = Selection { patterns, windows: window.into_iter().collect(), ..Selection::default() };
        let reader = read(&self.lake)?;
        let mut out = self.destination.open()?;
        let written = reader.export(&catalogue(), &selection, &mut out).map_err(failed)?;
        out.flush()?;
        writeln!(log, "exported: {written} events")?;
        Ok(Exit::Success)
    }
}
