//! `watchfire test new`: the first tests of a rule, made from what it asks for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use watchfire_detect::{FirstTests, first_tests};
use watchfire_diagnostics::Span;
use watchfire_diagnostics::render::one_line;
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{
    Expectation, RuleTest, RuleTests, TestEvent, tests_path, tests_paths, write_tests,
};
use watchfire_sources::normalise::catalogue;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::rule_paths::load_paths;

/// Longest value that is shown in the name of a test.
const MAX_VALUE: usize = 40;

/// Makes the first tests of a rule: events that it finds, and the same with one value changed that it does not find.
///
/// The events are solved from the rule's condition, with no more fields than it asks about, and were run before they are
/// written. They show that the rule can fire; what an attack looks like they do not know, so go over them, and add
/// records of the real thing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire test new rules/windows/some_rule.toml
  watchfire test new some_rule.toml --output -

Exit codes:
  0  written
  1  the rule could not be read, does not run, or no events were found
  2  wrong usage, or the file exists")]
pub(super) struct New {
    /// The rule file.
    rule: PathBuf,
    /// Writes to this file; `-` is standard output. [default: `NAME.tests.toml` beside the rule]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrites the file if it exists.
    #[arg(long)]
    clobber: bool,
}

impl New {
    /// Runs the command.
    pub(super) fn make(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let files = load_paths(std::slice::from_ref(&self.rule))?;
        let mut rules = Vec::new();
        for file in &files {
            match &file.content {
                Some(content) => rules.push(&content.rule),
                None => {
                    for diagnostic in &file.diagnostics {
                        writeln!(log, "{}", one_line(diagnostic, &file.source))?;
                    }
                }
            }
        }
        let [rule] = rules[..] else {
            if rules.len() > 1 {
                let message =
                    format!("`{}` holds {} rules, where one is needed", self.rule.display(), rules.len());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            return Ok(Exit::Problems);
        };
        let to_stdout = self.output.as_deref() == Some(Path::new("-"));
        let path = self.output.clone().unwrap_or_else(|| tests_path(&self.rule));
        let is_there =
            tests_paths(&self.rule).into_iter().find(|path| self.output.is_none() && path.exists());
        if let Some(path) = is_there.filter(|_| !self.clobber) {
            let message = format!("`{}` exists already; `--clobber` overwrites it", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        let first = match first_tests(rule, &catalogue()) {
            Ok(first) => first,
            Err(why) => {
                writeln!(log, "{}: no tests were made: {why}", self.rule.display())?;
                return Ok(Exit::Problems);
            }
        };
        let text = text(rule, &first);
        if to_stdout {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
            return Ok(Exit::Success);
        }
        let mut out = Destination::overwriting(self.clobber).create(&path)?;
        out.write_all(text.as_bytes())?;
        out.flush()?;
        writeln!(log, "{}: 2 tests", path.display())?;
        Ok(Exit::Success)
    }
}

/// The file of the first tests.
fn text(rule: &Rule, first: &FirstTests) -> String {
    let now = first.now.map(watchfire_events::Timestamp::to_iso_millis);
    let test = |name: String, expect, events: &[TestEvent]| RuleTest {
        name,
        name_span: Span::default(),
        expect,
        described: Vec::new(),
        now: now.clone(),
        indicators: first.indicators.clone(),
        input: None,
        events: events.to_vec(),
    };
    let near = &first.negative;
    let event = if first.positive.len() > 1 { format!("event {}: ", near.event + 1) } else { String::new() };
    let what = match &near.after {
        Some(after) => format!("is {}, not {}", shown(after), shown(&near.before)),
        None => "is absent".to_owned(),
    };
    let tests = RuleTests {
        data_stream: first.positive.first().map(|event| event.data_stream.clone()),
        tests: vec![
            test(
                "made from the condition of the rule".to_owned(),
                Expectation::Match { alerts: Some(first.alerts) },
                &first.positive,
            ),
            test(format!("{event}`{}` {what}", near.field), Expectation::NoMatch, &near.events),
        ],
    };
    let introduction = format!(
        "First tests of “{}”, made by `watchfire test new` from its condition.\n\
         Go over them: they hold what the rule asks for, and nothing else that a real event would.",
        rule.name.replace('\n', " ")
    );
    write_tests(&tests, &introduction)
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= MAX_VALUE {
        return text;
    }
    text.chars().take(MAX_VALUE).chain(['…']).collect()
}
