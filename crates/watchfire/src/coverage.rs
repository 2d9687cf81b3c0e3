//! `watchfire coverage`: which ATT&CK techniques the rules are for, and which of them the given data can show.
//!
//! ```text
//! rules ─ compile ─► standing of each ─┐
//! data ─ read ─► what it has ──────────┼─► matrix: tactic × technique × sub-technique ─► text · HTML · layer · JSON
//! alerts ─ read ─► number by rule ─────┘
//! ```
//!
//! Names and ids of techniques are those of the rules themselves: there is no catalogue of the framework here, so that
//! what no rule names cannot be told.

mod alerts;
mod html;
mod json;
mod matrix;
mod navigator;
mod standing;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use self::alerts::AlertCounts;
use self::matrix::Matrix;
use self::standing::{RuleCoverage, Standings};
use crate::destination::Destination;
use crate::exit::{self, Exit};
use crate::reading::{Reading, Resources};
use crate::scan::selection::Selection;

/// Shows which ATT&CK tactics and techniques the rules are for, as a matrix; with --data, by the rules that can match
/// in that data, and with --alerts, beside the alerts that they made.
///
/// A rule counts for each technique that its `threat` names, and for the technique above each sub-technique. Rules that
/// only feed others (building blocks), that are disabled, and that do not run here are shown apart. Names and ids are
/// those of the rules: what no rule names is not listed, since Watchfire holds no catalogue of ATT&CK.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire coverage --rules detection-rules/rules
  watchfire coverage --rules rules/ --data evidence/ --format html --output coverage.html
  watchfire coverage --rules rules/ --format navigator --output layer.json
  watchfire coverage --rules rules/ --alerts alerts.ndjson
  watchfire coverage --rules rules/ --require T1059,T1003.001

Exit codes:
  0  done
  1  done, but some rule or input could not be used, or a technique of --require is not covered
  2  wrong usage")]
pub(crate) struct Coverage {
    /// Rule files, folders of rules.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Files and folders of data; only rules that can match in it count. `-` is standard input.
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with = "alerts")]
    data: Vec<PathBuf>,
    /// Alerts as `scan` writes them with `--format ndjson` or `json`; their numbers are shown beside the rules.
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// How the matrix is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    /// Ends with exit code 1 if no rule that counts is for one of these tactics, techniques or sub-techniques.
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    require: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

/// How the matrix is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people: a line for each technique, with numbers of rules.
    Text,
    /// One HTML file that needs no other.
    Html,
    /// A layer of the ATT&CK Navigator, format 4.5: the score is the number of rules, the comment names them.
    Navigator,
    /// One JSON object.
    Json,
}

/// All that is written.
struct Report {
    rules: Vec<RuleCoverage>,
    matrix: Matrix,
    /// Whether rules were held against data.
    with_data: bool,
    /// The alerts that were given, if any were.
    alerts: Option<AlertCounts>,
}

impl Report {
    /// Rules that name no tactic.
    fn without_threat(&self) -> impl Iterator<Item = &RuleCoverage> {
        self.rules.iter().filter(|rule| rule.threat.is_empty())
    }
}

impl Coverage {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.coverage(&mut io::stderr()))
    }

    fn coverage(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let mut out = self.destination.open()?;
        let standings = Standings::find(self, log)?;
        let Standings { mut rules, with_data, is_clean } = standings;
        let alerts = self.alerts.as_deref().map(|path| alerts::count(path, &mut rules)).transpose()?;
        let matrix = Matrix::of(&rules);
        let report = Report { rules, matrix, with_data, alerts };
        match self.format {
            Format::Text => text::write(&report, &mut *out)?,
            Format::Html => html::write(&report, &mut *out)?,
            Format::Navigator => navigator::write(&report, &mut *out, log)?,
            Format::Json => json::write(&report, &mut *out)?,
        }
        out.flush()?;
        standing::write_counts(&report, log)?;
        if let Some(alerts) = &report.alerts {
            alerts.write(log)?;
        }
        let mut is_met = true;
        for id in &self.require {
            if !report.matrix.covers(id, &report.rules) {
                is_met = false;
                writeln!(log, "required, but covered by no rule that counts: {id}")?;
            }
        }
        Ok(if is_clean && is_met { Exit::Success } else { Exit::Problems })
    }
}
