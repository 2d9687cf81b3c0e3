//! `watchfire sources`: which sources are known, what files are taken for, how a record becomes a document, and which
//! rules each source can satisfy.

mod check;
mod coverage;
mod detect;
mod explain;
mod list;
mod record;

use std::io;
use std::process::ExitCode;

use crate::exit;

/// Tells of sources: which there are, what a file is taken for, how a record is mapped, which rules a source can satisfy.
#[derive(Debug, clap::Args)]
pub(crate) struct Sources {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    List(list::List),
    Detect(detect::Detect),
    Explain(explain::Explain),
    Coverage(coverage::Coverage),
    Check(check::Check),
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON value.
    Json,
}

impl Sources {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let (mut out, mut log) = (io::BufWriter::new(io::stdout()), io::stderr());
        exit::of(match &self.command {
            Subcommand::List(list) => list.list(&mut out),
            Subcommand::Detect(detect) => detect.detect(&mut out, &mut log),
            Subcommand::Explain(explain) => explain.explain(&mut out, &mut log),
            Subcommand::Coverage(coverage) => coverage.coverage(&mut out, &mut log),
            Subcommand::Check(check) => check.check(&mut out, &mut log),
        })
    }
}
