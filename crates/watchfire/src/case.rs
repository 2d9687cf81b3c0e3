//! `watchfire case`: alerts that are looked into together, kept with their evidence in a folder.

mod add;
mod close;
mod export;
mod folder;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use watchfire_triage::{Action, Case, CaseError};

use self::folder::CaseFolder;
use crate::doing::Doing;
use crate::exit::{self, Exit};
use crate::terminal::escape_controls;

/// Keeps alerts, the events behind them, notes and decisions in a folder of their own.
///
/// What is in a case stays when logs are gone: alerts, the events that answer their guides and tell of their processes, the
/// answers, and who did what and when. It is exported with the hash of each file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire case open cases/14 'Remote tool on bw-lt-014'
  watchfire case add cases/14 alerts.ndjson evidence/ --uuid 6b298cb3…
  watchfire case note cases/14 'The user knows nothing of it.'
  watchfire case close cases/14 --as true-positive --reason 'Not a tool of ours.' --done 'isolated bw-lt-014'
  watchfire case export cases/14 --output 14.zip

Exit codes:
  0  done
  1  done, but some input could not be used
  2  wrong usage, or what cannot be done in this case")]
pub(crate) struct CaseCommand {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Open(Open),
    Add(Box<add::Add>),
    Note(Note),
    Close(close::Close),
    Reopen(Reopen),
    Show(Show),
    Export(export::Export),
}

/// Opens a case in a new folder.
#[derive(Debug, clap::Args)]
struct Open {
    /// The folder, which must be new or empty.
    case: PathBuf,
    /// What it is about.
    title: String,
    #[command(flatten)]
    doing: Doing,
}

/// Notes something.
#[derive(Debug, clap::Args)]
struct Note {
    /// The folder of the case.
    case: PathBuf,
    /// What.
    text: String,
    #[command(flatten)]
    doing: Doing,
}

/// Opens a closed case again.
#[derive(Debug, clap::Args)]
struct Reopen {
    /// The folder of the case.
    case: PathBuf,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    doing: Doing,
}

/// Shows what is in a case, and what was done in it.
#[derive(Debug, clap::Args)]
struct Show {
    /// The folder of the case.
    case: PathBuf,
}

impl CaseCommand {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.act(&mut io::BufWriter::new(io::stdout()), &mut io::stderr()))
    }

    /// Does what it says; what there is to say of it goes to `log`.
    pub(crate) fn act(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        match &self.command {
            Subcommand::Open(open) => open.open(),
            Subcommand::Add(add) => add.add(log),
            Subcommand::Note(note) => self::note(&note.case, note.text.clone(), &note.doing),
            Subcommand::Close(close) => close.close(log),
            Subcommand::Reopen(reopen) => {
                act(&reopen.case, Action::Reopened { reason: reopen.reason.clone() }, &reopen.doing)
            }
            Subcommand::Show(show) => show.show(out),
            Subcommand::Export(export) => export.export(),
        }
    }
}

impl Open {
    fn open(&self) -> io::Result<Exit> {
        CaseFolder::create(&self.case, &Case::open(&self.title, self.doing.at(), &self.doing.by()))?;
        Ok(Exit::Success)
    }
}

impl Show {
    fn show(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let folder = CaseFolder::open(&self.case)?;
        for line in folder.case()?.to_markdown().lines() {
            writeln!(out, "{}", escape_controls(line))?;
        }
        out.flush()?;
        Ok(Exit::Success)
    }
}

/// Notes something in the case of a folder.
pub(crate) fn note(case: &std::path::Path, text: String, doing: &Doing) -> io::Result<Exit> {
    act(case, Action::Noted { text }, doing)
}

fn act(case: &std::path::Path, action: Action, doing: &Doing) -> io::Result<Exit> {
    let folder = CaseFolder::open(case)?;
    let mut case = folder.case()?;
    case.act(action, doing.at(), &doing.by()).map_err(refused)?;
    folder.store(&case)?;
    Ok(Exit::Success)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn refused(error: CaseError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}
