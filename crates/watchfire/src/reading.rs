//! How input is read, and with how much of the machine: the options that `scan`, `hunt` and `normalize` share.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use watchfire_events::DataStream;
use watchfire_sources::normalise::{GeoDatabases, NormaliseOptions, SourceKind};

use crate::intake::Window;
use crate::source_tables::SourceTables;
use crate::time_argument;

/// The options.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "How input is read")]
pub(crate) struct Reading {
    /// Only events from this time on, such as `2026-03-02` or `2026-03-02T14:30:00Z`; the others are counted.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events up to this time; of a day, an hour or a minute all of it belongs to it.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The zone of times without one, in the input and in `--from` and `--to`: `Europe/Berlin`, `+02:00`. [default:
    /// what a record itself hints at, else UTC]
    #[arg(long, value_name = "ZONE", value_parser = time_argument::time_zone, allow_hyphen_values = true)]
    tz: Option<TimeZone>,
    /// The year of times that name none, as old stamps of syslog do. [default: the current one]
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1970..=9999))]
    year: Option<i16>,
    /// Takes every record for one of this source instead of recognising it; a wrong name lists the known ones.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// The data stream or index of records that carry none and are of no source with its own.
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    /// Leaves out what a record of CrowdStrike lacks and others tell: host and user names, path and command line of the
    /// parent process. Finding it takes reading such files twice; standard input tells nothing.
    #[arg(long)]
    no_enrich: bool,
    /// A database in MaxMind's format that tells where addresses are (`.geo`) or whose network they are in (`.as`); may be
    /// given several times.
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
    #[command(flatten)]
    tables: SourceTables,
}

impl Reading {
    /// How records become events.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput): there is no such source, or a table cannot be used.
    pub(crate) fn normalise(&self) -> io::Result<NormaliseOptions> {
        let tables = self.tables.load()?;
        let wrong = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let geo = if self.geoip.is_empty() {
            None
        } else {
            let databases = GeoDatabases::open(&self.geoip).map_err(|error| wrong(error.to_string()))?;
            Some(Arc::new(databases))
        };
        let source = self.source.as_deref().map(|name| SourceKind::find(name, &tables)).transpose();
        Ok(NormaliseOptions {
            source: source.map_err(|error| wrong(error.to_string()))?,
            time_zone: self.tz.clone(),
            year: Some(self.year.unwrap_or_else(time_argument::current_year)),
            index: self.index.as_deref().map(DataStream::new),
            tables,
            geo,
            ..NormaliseOptions::default()
        })
    }

    /// Whether fields that a record lacks are filled in from other records.
    pub(crate) fn enriches(&self) -> bool {
        !self.no_enrich
    }

    /// The time that was asked for.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput): a text is no time, or the end is before the start.
    pub(crate) fn window(&self) -> io::Result<Window> {
        let wrong = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let interval = |text: &Option<String>| {
            text.as_deref()
                .map(|text| time_argument::interval(text, self.tz.as_ref()).map_err(wrong))
                .transpose()
        };
        let window = Window {
            from: interval(&self.from)?.map(|interval| interval.start),
            to: interval(&self.to)?.map(|interval| interval.end),
        };
        match (window.from, window.to) {
            (Some(from), Some(to)) if from > to => Err(wrong("`--from` is after `--to`".to_owned())),
            _ => Ok(window),
        }
    }
}

/// How much of the machine a run may take.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "How much of the machine it takes")]
pub(crate) struct Resources {
    /// How much memory to stay within, such as `1GiB`; what does not fit goes to temporary files. [default: 512MiB]
    #[arg(long, value_name = "SIZE", default_value_t = DEFAULT_MEMORY, hide_default_value = true, value_parser = size)]
    max_memory: u64,
    /// Number of threads. The output does not depend on it. [default: all cores]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZeroUsize>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { max_memory: DEFAULT_MEMORY, threads: None }
    }
}

impl Resources {
    /// Number of threads.
    pub(crate) fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(all, NonZeroUsize::get)
    }

    /// Bytes to stay within.
    pub(crate) fn max_memory(&self) -> u64 {
        self.max_memory
    }
}

/// The memory to stay within if nothing is said.
const DEFAULT_MEMORY: u64 = 512 << 20;
/// Least memory that can be asked for: rules and buffers alone take more than this would leave.
const MIN_MEMORY: u64 = 64 << 20;

/// A size with a unit of 1024 bytes and its powers: `512MiB`, `512M`, `2G`.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write for example `512MiB` or `2GiB`");
    let digits = text.trim().trim_end_matches(|character: char| !character.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let shift = match text.trim()[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let bytes = number.checked_mul(1 << shift).ok_or_else(wrong)?;
    if bytes < MIN_MEMORY {
        Err(format!("less than {} MiB is too little", MIN_MEMORY >> 20))
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("2 g"), Ok(2 << 30));
        assert_eq!(size("134217728"), Ok(128 << 20));
        for wrong in ["", "MiB", "-1G", "1T", "1MiB", "99999999999999999999", "20000000000G", "1.5G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
