//! `watchfire case close`: what alerts turned out to be.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_triage::{Action, Verdict};

use super::folder::CaseFolder;
use super::refused;
use crate::doing::Doing;
use crate::exceptions::suggest_from;
use crate::exit::Exit;
use crate::terminal::escape_controls;

/// Closes a case, with what it was and why.
///
/// For a false positive an exception is suggested for each alert, from the fields that its guide names where it speaks of
/// false positives: a file of its own in the case, for somebody to judge.
#[derive(Debug, clap::Args)]
pub(super) struct Close {
    /// The folder of the case.
    case: PathBuf,
    /// What it was.
    #[arg(long = "as", value_enum, value_name = "VERDICT")]
    verdict: VerdictOption,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What was done about it; may be given several times.
    #[arg(long, value_name = "TEXT")]
    done: Vec<String>,
    #[command(flatten)]
    doing: Doing,
}

/// What alerts turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum VerdictOption {
    /// An attack.
    TruePositive,
    /// What the rule did not mean.
    FalsePositive,
    /// What the rule means, done by those who may.
    Benign,
}

impl Close {
    pub(super) fn close(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let folder = CaseFolder::open(&self.case)?;
        let mut case = folder.case()?;
        let verdict = match self.verdict {
            VerdictOption::TruePositive => Verdict::TruePositive,
            VerdictOption::FalsePositive => Verdict::FalsePositive,
            VerdictOption::Benign => Verdict::Benign,
        };
        let action = Action::Closed { verdict, reason: self.reason.clone(), done: self.done.clone() };
        case.act(action, self.doing.at(), &self.doing.by()).map_err(refused)?;
        if verdict == Verdict::FalsePositive {
            for (number, alert) in (1..).zip(case.alerts()) {
                let file = folder.file(&format!("exception-{number}.toml"));
                writeln!(log, "alert {}:", escape_controls(alert))?;
                if suggest_from(&folder.alerts(), alert, self.doing.at(), &file, log)? == Exit::Success {
                    writeln!(log, "suggested: {}", file.display())?;
                }
            }
        }
        folder.store(&case)?;
        Ok(Exit::Success)
    }
}
