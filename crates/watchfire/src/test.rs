//! `watchfire test`: rules against the tests beside them.
//!
//! ```text
//!  rule files ─┬─ load ─► rules ─┐
//!  tests beside┘         events ─┴─ run, on all threads ─► text · JSON lines · JUnit    (standard output, or --output)
//!                  └─ raw records, by the sources ┘   └──► counts                       (standard error)
//! ```

mod coverage;
mod first;
mod input;
mod junit;
mod report;
mod suites;
mod watch;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use watchfire_detect::{CompileOptions, ExceptionBook, TestOutcome, run_tests_with};
use watchfire_events::Timestamp;
use watchfire_ir::Catalogue;
use watchfire_rules::testing::RuleTests;
use watchfire_sources::normalise::{TableRef, catalogue_with};

use self::coverage::Coverage;
use self::suites::{LoadedTests, Suite, Suites};
use crate::destination::Destination;
use crate::exception_options::ExceptionOptions;
use crate::exit::{self, Exit};
use crate::parallel::map_in_order;
use crate::source_tables::SourceTables;
use crate::time_argument;

/// Runs the tests of rules.
///
/// The tests of `some_rule.toml` stand beside it in `some_rule.tests.toml`: events, inline or in a file, as documents or
/// as raw records, and what the rule must make of them. docs/rule-tests.md has the format. A failed test is shown with
/// its place, what was expected, and for each event the first part of the rule's condition that is not so.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  watchfire test
  watchfire test rules/ --strict --format junit --output results.xml
  watchfire test rules/windows/some_rule.toml --filter sysmon --watch
  watchfire test rules/ --coverage --min-coverage 60
  watchfire test new rules/windows/some_rule.toml

Keys of a JSON line about a test:
  file, rule {id, name}, test: its name; null of a rule without tests
  tests_file, line, column: where the name stands, from 1
  passed, expected (match, no_match), alerts: how many, or null
  failures [text], events [{event, stage, lack}]: what each event lacks
and about the coverage of a rule, with --coverage:
  file, rule {id, name}, coverage {percent, seen, outcomes, leaves [{stage, leaf, made_true, made_false}]}

Exit codes:
  0  done, all passed
  1  done, and a test failed, a file could not be used, with --strict a rule has no tests, or the coverage is less
     than --min-coverage
  2  wrong usage"
)]
pub(crate) struct Test {
    #[command(subcommand)]
    command: Option<Subcommand>,
    /// Rule files and folders of rules. [default: the current folder]
    paths: Vec<PathBuf>,
    /// Only tests of which the name, the rule's name or the rule's file has this in it.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Fails if a rule has no tests.
    #[arg(long)]
    strict: bool,
    /// Shows which rules have no tests, and which parts of a rule no test makes true, or false.
    #[arg(long)]
    coverage: bool,
    /// Fails if less than this share of all parts of the rules is made true and made false; says --coverage as well.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_coverage: Option<f64>,
    /// Runs again whenever a file of the rules or tests changes, until it is interrupted. Files are looked at once a
    /// second.
    #[arg(long, conflicts_with_all = ["output", "clobber"])]
    watch: bool,
    /// What `now` stands for in the dates of rules, where a test does not say it. [default: such a rule does not run]
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Timestamp>,
    /// How the results are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    tables: SourceTables,
    #[command(flatten)]
    exceptions: ExceptionOptions,
    /// Number of threads. The output does not depend on it. [default: all cores]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZeroUsize>,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    New(first::New),
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// JUnit XML, for build servers.
    Junit,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim_end_matches('%').parse().ok();
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| format!("`{text}` is no number from 0 to 100"))
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| format!("`{text}` is no time; write for example `2026-03-02T14:30:00Z`"))
}

/// A rule with what came of its tests.
struct TestedRule {
    suite: Suite,
    outcomes: Vec<TestOutcome>,
    coverage: Option<watchfire_detect::RuleCoverage>,
}

/// How the run ended.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    rules: usize,
    with_tests: usize,
    tests: usize,
    passed: usize,
    /// Tests that `--filter` leaves out.
    filtered: usize,
    /// Files of rules or tests that could not be used.
    unusable: usize,
    /// Files that hold no rule.
    not_rules: usize,
}

impl Test {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        if let Some(Subcommand::New(new)) = &self.command {
            return exit::of(new.make(&mut io::stderr()));
        }
        let mut log = io::stderr();
        exit::of(if self.watch {
            watch::every_change(
                &mut || self.paths_of_interest(),
                &mut || {
                    self.once(&mut log)?;
                    writeln!(log, "\nwaiting for a change; Ctrl-C ends\n")
                },
                &mut || {
                    std::thread::sleep(watch::INTERVAL);
                    true
                },
            )
            .map(|()| Exit::Success)
        } else {
            self.once(&mut log)
        })
    }

    fn paths(&self) -> Vec<PathBuf> {
        if self.paths.is_empty() { vec![PathBuf::from(".")] } else { self.paths.clone() }
    }

    fn paths_of_interest(&self) -> Vec<PathBuf> {
        watch::files_below(&self.paths())
    }

    fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(all, NonZeroUsize::get)
    }

    /// Runs all tests once.
    fn once(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let mut out = self.destination.open()?;
        let tables = self.tables.load()?;
        let catalogue = catalogue_with(&tables);
        let Suites { rules: suites, unusable, not_rules } = suites::load(&self.paths(), log)?;
        let now = self.now.unwrap_or_else(time_argument::now);
        let (exceptions, wrong) = self.exceptions.load_and_tell(&catalogue, now, log)?;
        let mut counts = Counts { unusable: unusable + wrong, not_rules, ..Counts::default() };
        let run = |suite: &Suite| self.run_suite(suite, &catalogue, &tables, exceptions.as_ref());
        let results = map_in_order(&suites, self.threads(), run);
        let mut tested = Vec::new();
        for (mut suite, result) in suites.into_iter().zip(results) {
            let (ran, filtered, problems) = result?;
            counts.filtered += filtered;
            for problem in problems {
                writeln!(log, "{problem}")?;
                counts.unusable += 1;
            }
            counts.rules += 1;
            counts.with_tests += usize::from(suite.tests.is_some());
            counts.tests += ran.0.len();
            counts.passed += ran.0.iter().filter(|outcome| outcome.passed()).count();
            suite.is_left_out = self.filter.is_some() && ran.0.is_empty();
            tested.push(TestedRule { suite, outcomes: ran.0, coverage: ran.1 });
        }
        let coverage = self.measures_coverage().then(|| Coverage::of(&tested));
        match self.format {
            Format::Text => report::text(&tested, self.strict, coverage.as_ref(), &mut *out)?,
            Format::Json => report::json(&tested, self.strict, coverage.is_some(), &mut *out)?,
            Format::Junit => junit::write(&tested, self.strict, &mut *out)?,
        }
        out.flush()?;
        report::summary(&counts, coverage.as_ref(), log)?;
        let too_little = match (&coverage, self.min_coverage) {
            (Some(coverage), Some(least)) if coverage.percent() < least => {
                writeln!(log, "the coverage is less than the {least} % that are asked for")?;
                true
            }
            _ => false,
        };
        let without = self.strict && self.filter.is_none() && counts.with_tests < counts.rules;
        let fails = counts.passed < counts.tests || counts.unusable > 0 || without || too_little;
        Ok(if fails { Exit::Problems } else { Exit::Success })
    }

    fn measures_coverage(&self) -> bool {
        self.coverage || self.min_coverage.is_some()
    }

    /// What came of the tests of one rule, how many were left out, and what could not be used.
    #[expect(clippy::type_complexity, reason = "what one thread gives back, taken apart at once")]
    fn run_suite(
        &self,
        suite: &Suite,
        catalogue: &Catalogue,
        tables: &[TableRef],
        exceptions: Option<&ExceptionBook>,
    ) -> io::Result<((Vec<TestOutcome>, Option<watchfire_detect::RuleCoverage>), usize, Vec<String>)> {
        let options = CompileOptions { now: self.now };
        let mut problems = Vec::new();
        let chosen = suite.tests.as_ref().map(|loaded| {
            let (tests, found) = self.prepared(suite, loaded, catalogue, tables);
            problems = found;
            tests
        });
        let all = suite.tests.as_ref().map_or(0, |loaded| loaded.tests.tests.len());
        let left = chosen.as_ref().map_or(0, |tests| tests.tests.len());
        let filtered = all.saturating_sub(left).saturating_sub(problems.len());
        let outcomes = match &chosen {
            Some(tests) => run_tests_with(&suite.rule, tests, catalogue, &options, exceptions)?,
            None => Vec::new(),
        };
        let coverage = if self.measures_coverage() {
            watchfire_detect::rule_coverage(&suite.rule, chosen.as_ref(), catalogue, &options)
        } else {
            None
        };
        Ok(((outcomes, coverage), filtered, problems))
    }

    /// The tests that are chosen, with their events read.
    fn prepared(
        &self,
        suite: &Suite,
        loaded: &LoadedTests,
        catalogue: &Catalogue,
        tables: &[TableRef],
    ) -> (RuleTests, Vec<String>) {
        let mut problems = Vec::new();
        let mut tests = RuleTests { data_stream: loaded.tests.data_stream.clone(), tests: Vec::new() };
        for test in &loaded.tests.tests {
            let chosen = self.filter.as_ref().is_none_or(|text| {
                [&*test.name, &*suite.rule.name, suite.source.name()]
                    .iter()
                    .any(|name| name.to_lowercase().contains(&text.to_lowercase()))
            });
            if !chosen {
                continue;
            }
            let mut test = test.clone();
            if let Some(input) = &test.input {
                match input::read(input, &test, loaded, catalogue, tables) {
                    Ok(events) => test.events = events,
                    Err(problem) => {
                        problems.push(problem);
                        continue;
                    }
                }
            }
            tests.tests.push(test);
        }
        (tests, problems)
    }
}
