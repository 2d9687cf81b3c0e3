//! `watchfire lake compact`: small files become large ones, and what is old goes.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_events::IndexPatterns;
use watchfire_lake::CompactionOptions;

use super::{failed, open};
use crate::exit::Exit;

/// Puts small files of a lake together; on demand deletes old events, and files that no table needs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire lake compact lake/
  watchfire lake compact lake/ --keep-days 90 --vacuum 24

Exit codes:
  0  done
  1  it could not be done
  2  wrong usage")]
pub(super) struct Compact {
    /// The folder of the lake.
    lake: PathBuf,
    /// Only these data streams: patterns, with commas between them.
    #[arg(long, value_name = "PATTERNS")]
    index: Vec<String>,
    /// So many small files of a day have to be there before they are put together.
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    least_files: usize,
    /// Takes events away that arrived before as many days.
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Deletes files that no table has needed for as many hours. It has to be longer than any query takes.
    #[arg(long, value_name = "HOURS")]
    vacuum: Option<u32>,
}

impl Compact {
    pub(super) fn compact(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let lake = open(&self.lake, log)?;
        let patterns = IndexPatterns::new(self.index.iter().map(String::as_str));
        lake.commit().map_err(failed)?;
        if let Some(days) = self.keep_days {
            let kept = |stream: &_| patterns.select(stream).then_some(days);
            let gone = lake.expire(&kept).map_err(failed)?;
            writeln!(log, "taken away: {} events in {} files", gone.rows, gone.files)?;
        }
        let options = CompactionOptions { least_files: self.least_files, ..CompactionOptions::default() };
        let done = lake.compact(&patterns, options).map_err(failed)?;
        writeln!(
            log,
            "compacted: {} files into {}, {} events, {} bytes into {}",
            done.files_before, done.files_after, done.rows, done.bytes_before, done.bytes_after
        )?;
        if let Some(hours) = self.vacuum {
            let done = lake.vacuum(hours).map_err(failed)?;
            writeln!(log, "deleted: {} files, and {} parts of the tables' logs", done.files, done.log_files)?;
        }
        Ok(Exit::Success)
    }
}
