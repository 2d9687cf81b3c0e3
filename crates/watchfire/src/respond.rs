//! `watchfire respond`: hosts cut off and let back, processes ended, alerts handed on.

mod act;
mod escalate;
#[cfg(feature = "serve")]
mod record;
mod runbook;
#[cfg(feature = "serve")]
mod send;
mod standing;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::exit::{self, Exit};

/// Where responses are recorded if nothing else is said.
const RECORD: &str = "responses.ndjson";

/// Cuts hosts off, lets them back, ends processes and hands alerts on.
///
/// Nothing is sent unless a plan is approved: without `--approve` each command shows what it would send, request by request, and a
/// number that stands for exactly that. Secrets come from the environment and are never shown. What was sent, by whom, approved by
/// whom, with what answer and how it is undone, goes to a record before and after each request.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire respond isolate alerts.ndjson --uuid 6b298cb3…
  watchfire respond isolate alerts.ndjson --uuid 6b298cb3… --approve 3f2a91c0d4e5 --approved-by piet
  watchfire respond release alerts.ndjson --uuid 6b298cb3…
  watchfire respond standing
  watchfire respond runbook alerts.ndjson evidence/ --uuid 6b298cb3…
  watchfire respond escalate alerts.ndjson evidence/ --uuid 6b298cb3… --title 'Remote tool on bw-lt-014'

Exit codes:
  0  done, accepted, or shown
  1  something could not be done, or some input could not be used
  2  wrong usage, there is no such alert, or what was approved is not what would be sent")]
pub(crate) struct Respond {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Isolate(act::Isolate),
    Release(act::Release),
    Kill(act::Kill),
    Standing(standing::Standing),
    Runbook(Box<runbook::Runbook>),
    Escalate(Box<escalate::Escalate>),
}

impl Respond {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let mut out = io::BufWriter::new(io::stdout());
        exit::of(self.respond(&mut out, &mut io::stderr()).and_then(|exit| out.flush().map(|()| exit)))
    }

    fn respond(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        match &self.command {
            Subcommand::Isolate(isolate) => isolate.isolate(out, log),
            Subcommand::Release(release) => release.release(out, log),
            Subcommand::Kill(kill) => kill.kill(out, log),
            Subcommand::Standing(standing) => standing.show(out),
            Subcommand::Runbook(runbook) => runbook.write(log),
            Subcommand::Escalate(escalate) => escalate.escalate(out, log),
        }
    }
}
