//! `watchfire lake`: the event lake in a folder.

mod check;
mod compact;
mod export;
mod import;
mod query;
mod stats;

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use watchfire_events::Timestamp;
use watchfire_lake::{Lake, LakeClock, LakeOptions, LakeReader, OpenReport};
use watchfire_sources::normalise::catalogue;

use crate::exit;
use crate::intake::lake_error;
use crate::time_argument;

/// Looks after an event lake: imports, checks, compacts, queries and exports it.
#[derive(Debug, clap::Args)]
pub(crate) struct LakeCommand {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Import(import::Import),
    Check(check::Check),
    Compact(compact::Compact),
    Stats(stats::Stats),
    Query(query::Query),
    Export(export::Export),
}

impl LakeCommand {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let (mut out, mut log) = (io::BufWriter::new(io::stdout()), io::stderr());
        exit::of(match &self.command {
            Subcommand::Import(import) => import.import(&mut log),
            Subcommand::Check(check) => check.check(&mut out, &mut log),
            Subcommand::Compact(compact) => compact.compact(&mut log),
            Subcommand::Stats(stats) => stats.stats(&mut out),
            Subcommand::Query(query) => query.query(&mut out, &mut log),
            Subcommand::Export(export) => export.export(&mut log),
        })
    }
}

/// The clock of this machine.
#[derive(Debug)]
pub(crate) struct MachineClock;

impl LakeClock for MachineClock {
    fn now(&self) -> Timestamp {
        time_argument::now()
    }
}

/// Opens a lake for writing and tells what was found in it.
fn open(folder: &Path, log: &mut dyn io::Write) -> io::Result<Lake> {
    let (lake, report) =
        Lake::open(folder, Arc::new(catalogue()), Arc::new(MachineClock), LakeOptions::default())
            .map_err(failed)?;
    write_opened(&report, log)?;
    Ok(lake)
}

fn write_opened(report: &OpenReport, log: &mut dyn io::Write) -> io::Result<()> {
    for damage in &report.spool.damage {
        writeln!(
            log,
            "{}: {} bytes at {} are no record ({:?}); they were copied to {}",
            damage.segment.display(),
            damage.bytes,
            damage.offset,
            damage.kind,
            damage.copy.display()
        )?;
    }
    for number in &report.unreadable {
        writeln!(log, "record {number} of the spool is no event")?;
    }
    for path in &report.set_aside {
        writeln!(log, "a part of a table's log was damaged and is now {}", path.display())?;
    }
    for error in &report.ids_unread {
        writeln!(log, "ids of its events are not known: {error}")?;
    }
    if report.replayed > 0 {
        writeln!(log, "{} events of the spool were in no table yet", report.replayed)?;
    }
    Ok(())
}

/// Opens a lake for reading; a folder that is none is an error of the user's.
fn read(folder: &Path) -> io::Result<LakeReader> {
    LakeReader::open_existing(folder).map_err(lake_error)
}

fn failed(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}
