//! `watchfire lake check`: whether the files of a lake are what its tables say.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_lake::{CheckDepth, CheckReport};

use super::{failed, open, read};
use crate::exit::Exit;

/// Compares the files of a lake with what its tables say of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire lake check lake/ --deep
  watchfire lake check lake/ --repair

Exit codes:
  0  all is as it should be
  1  something is damaged, or was until it was repaired
  2  wrong usage")]
pub(super) struct Check {
    /// The folder of the lake.
    lake: PathBuf,
    /// Reads every value, and compares order and statistics, instead of sizes and footers only.
    #[arg(long)]
    deep: bool,
    /// Takes damaged files out of their tables and moves them to the folder `quarantine`. Nothing may write to the lake
    /// meanwhile.
    #[arg(long)]
    repair: bool,
}

impl Check {
    pub(super) fn check(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let depth = if self.deep { CheckDepth::Values } else { CheckDepth::Footers };
        let report = read(&self.lake)?.check(depth).map_err(failed)?;
        write_report(&report, out)?;
        if self.repair && !report.is_sound() {
            let lake = open(&self.lake, log)?;
            lake.commit().map_err(failed)?;
            let done = lake.repair(depth).map_err(failed)?;
            for (stream, problem) in &done.given_up {
                writeln!(out, "given up: {stream}: {} with {} events", problem.file, problem.rows)?;
            }
        }
        out.flush()?;
        Ok(if report.is_sound() { Exit::Success } else { Exit::Problems })
    }
}

fn write_report(report: &CheckReport, out: &mut dyn Write) -> io::Result<()> {
    for table in &report.tables {
        writeln!(out, "{}: {} files, {} events", table.stream, table.files, table.rows)?;
        let (files, bytes) = table.unknown_files;
        if files > 0 {
            writeln!(out, "  {files} files of {bytes} bytes belong to no table; a vacuum deletes them")?;
        }
        for problem in &table.problems {
            writeln!(out, "  damaged: {} ({} events): {}", problem.file, problem.rows, problem.what)?;
        }
    }
    writeln!(out, "spool: {} events", report.spool_records)?;
    for (path, bytes) in &report.spool_unread {
        writeln!(out, "  {}: its last {bytes} bytes are no whole record", path.display())?;
    }
    Ok(())
}
