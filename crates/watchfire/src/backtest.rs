//! `watchfire backtest`: what a change of rules does to the alerts.

mod alert_set;
mod report;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use watchfire_rules::load::Fate;

use self::alert_set::AlertSet;
use self::report::{Difference, Report};
use crate::destination::Destination;
use crate::exception_options::ExceptionOptions;
use crate::exit::{self, Exit};
use crate::indicator_options::IndicatorOptions;
use crate::reading::{Reading, Resources};
use crate::rule_paths::load_paths;
use crate::scan::Scan;

/// Runs two versions of rules over the same events, and tells which alerts are new, gone and kept.
///
/// Rules are matched by their `rule_id`, and by name where they have none. An alert is the same if its rule is and it is
/// on the same events; one that is kept is changed if its severity or risk score is another. With `--baseline` the alerts
/// of an earlier `scan` stand for the old version.
///
/// The events are read once for each version, so they cannot come from standard input.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "watchfire backtest [OPTIONS] <OLD> <NEW> --events <PATH>...\n       watchfire backtest [OPTIONS] --rules <PATH>... --baseline <ALERTS> --events <PATH>...",
    after_help = "\
Examples:
  watchfire backtest main/rules/ rules/ --events evidence/ --fail-on gone
  watchfire backtest old.toml new.toml --events logs/ --format markdown --output difference.md
  watchfire scan logs/ --rules rules/ --format ndjson --output alerts.ndjson
  watchfire backtest --rules rules/ --baseline alerts.ndjson --events logs/

Exit codes:
  0  done
  1  done, but some input or rule could not be used
  2  wrong usage
  3  done, and there is a difference of the kind of --fail-on"
)]
pub(crate) struct Backtest {
    /// Rule files or folders of rules: as they were, and as they are to be.
    #[arg(num_args = 2, value_names = ["OLD", "NEW"], required_unless_present = "baseline", conflicts_with = "baseline")]
    versions: Vec<PathBuf>,
    /// Files and folders of events.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    events: Vec<PathBuf>,
    /// Rule files and folders of rules that are compared with `--baseline`.
    #[arg(long, num_args = 1.., value_name = "PATH", requires = "baseline")]
    rules: Vec<PathBuf>,
    /// Alerts that `scan` wrote before, as `ndjson` or `json`.
    #[arg(long, value_name = "ALERTS", requires = "rules")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    indicators: IndicatorOptions,
    #[command(flatten)]
    exceptions: ExceptionOptions,
    /// Ends with exit code 3 if there are such differences.
    #[arg(long, value_enum, value_name = "KIND")]
    fail_on: Option<FailOn>,
    /// Shows this many new and gone alerts of each rule; the others are counted.
    #[arg(long, value_name = "NUMBER", default_value = "3")]
    examples: usize,
    /// How the difference is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

/// What a run is failed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// New alerts.
    New,
    /// Alerts that are gone.
    Gone,
    /// New alerts, alerts that are gone, and ones that are changed.
    Any,
}

/// How differences are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// For a comment on a change.
    Markdown,
}

impl Backtest {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.backtest(&mut io::stderr()))
    }

    fn backtest(&self, log: &mut dyn Write) -> io::Result<Exit> {
        if self.events.iter().any(|path| path == Path::new("-")) {
            writeln!(log, "events are read twice, so they cannot come from standard input")?;
            return Ok(Exit::Usage);
        }
        let mut out = self.destination.open()?;
        let mut clean = true;
        let is_baseline = self.baseline.is_some();
        let (before, after, old, new) = match (&self.baseline, self.versions.as_slice()) {
            (None, [old, new]) => {
                let (old, new) = (std::slice::from_ref(old), std::slice::from_ref(new));
                let before = self.alerts_of(old, "OLD", &mut clean, log)?;
                let after = self.alerts_of(new, "NEW", &mut clean, log)?;
                (before, after, names_of(old)?, names_of(new)?)
            }
            (Some(baseline), _) => {
                let before = AlertSet::read(baseline)?;
                let after = self.alerts_of(&self.rules, "--rules", &mut clean, log)?;
                let (old, new) = (before.rule_names(), names_of(&self.rules)?);
                (before, after, old, new)
            }
            (None, _) => return Ok(Exit::Usage),
        };
        let difference = Difference::of(before, after);
        let report =
            Report { difference: &difference, old: &old, new: &new, is_baseline, examples: self.examples };
        match self.format {
            Format::Text => report.text(&mut *out)?,
            Format::Markdown => report.markdown(&mut *out)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &report.json())?;
                out.write_all(b"\n")?;
            }
        }
        out.flush()?;
        let sums = difference.sums();
        let fails = self.fail_on.is_some_and(|kind| match kind {
            FailOn::New => sums.new > 0,
            FailOn::Gone => sums.gone > 0,
            FailOn::Any => sums.new + sums.gone + sums.changed > 0,
        });
        Ok(match (fails, clean) {
            (true, _) => Exit::Alerts,
            (false, true) => Exit::Success,
            (false, false) => Exit::Problems,
        })
    }

    /// The alerts of these rules. Where something could not be used, the summary of the scan says what.
    fn alerts_of(
        &self,
        rules: &[PathBuf],
        name: &str,
        clean: &mut bool,
        log: &mut dyn Write,
    ) -> io::Result<AlertSet> {
        let mut scan = Scan::of(&self.events, rules, &self.indicators, &self.reading, &self.resources);
        scan.set_exceptions(&self.exceptions);
        let (mut alerts, mut summary) = (AlertSet::default(), Vec::new());
        let mut observe = |found: &crate::scan::Found| {
            alerts.add(&found.alert.fields());
            Ok(())
        };
        let exit = scan.scan(Box::new(io::sink()), &mut observe, &mut summary)?;
        if exit != Exit::Success {
            *clean = false;
            writeln!(log, "{name}:")?;
            log.write_all(&summary)?;
        }
        Ok(alerts)
    }
}

/// The rules of paths: what they are matched by, and their names.
fn names_of(paths: &[PathBuf]) -> io::Result<BTreeMap<String, String>> {
    let rules = load_paths(paths)?.into_iter().filter(|file| file.fate == Fate::Loaded);
    let name = |content: watchfire_rules::format::RuleFile| {
        let rule = content.rule;
        let id = rule.rule_id.as_ref().map_or_else(|| rule.name.clone(), ToString::to_string);
        (id, rule.name)
    };
    Ok(rules.filter_map(|file| file.content).map(name).collect())
}
