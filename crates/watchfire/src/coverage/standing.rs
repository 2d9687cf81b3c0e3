//! What each rule counts as.

use std::io::{self, Write};

use watchfire_detect::{CompileOptions, RuleBook, RuleState, compile_rule};
use watchfire_diagnostics::render::one_line;
use watchfire_events::EventBatch;
use watchfire_rules::load::Fate;
use watchfire_rules::model::{Rule, RuleId, ThreatEntry};
use watchfire_sources::normalise::catalogue_with;

use super::Report;
use crate::intake::{InputSummary, Inputs, IntakeOptions, Worker, read_all};
use crate::parallel::map_in_order;
use crate::progress::Progress;
use crate::rule_paths::load_paths;
use crate::terminal::escape_controls;
use crate::time_argument::now;

/// What a rule counts as. The first that fits counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It says itself that it is off.
    Disabled,
    /// It does not run here: why.
    NotRun(String),
    /// It runs, but cannot match in the given data: why.
    CannotMatch(String),
    /// It runs, and its alerts only feed other rules.
    BuildingBlock,
    /// It runs.
    Counted,
}

impl Standing {
    /// Its name in JSON.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::NotRun(_) => "not_run",
            Self::CannotMatch(_) => "cannot_match",
            Self::BuildingBlock => "building_block",
            Self::Counted => "counted",
        }
    }

    /// What keeps it from counting, if that needs words.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::NotRun(reason) | Self::CannotMatch(reason) => Some(reason),
            Self::Disabled | Self::BuildingBlock | Self::Counted => None,
        }
    }
}

/// A rule as the matrix shows it.
pub(super) struct RuleCoverage {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) file: String,
    pub(super) threat: Vec<ThreatEntry>,
    pub(super) standing: Standing,
    /// Alerts of it among those that were given.
    pub(super) alerts: u64,
}

/// Rules and what they count as.
pub(super) struct Standings {
    pub(super) rules: Vec<RuleCoverage>,
    /// Whether they were held against data.
    pub(super) with_data: bool,
    /// Whether all files of rules, and all of the data, could be used.
    pub(super) is_clean: bool,
}

impl Standings {
    /// Loads the rules, and holds them against the data, if there is some.
    pub(super) fn find(command: &super::Coverage, log: &mut dyn Write) -> io::Result<Self> {
        let mut is_clean = true;
        let (mut files, mut rules) = (Vec::new(), Vec::new());
        for loaded in load_paths(&command.rules)? {
            match (loaded.fate, loaded.content) {
                (Fate::Loaded, Some(content)) => {
                    files.push(loaded.source.name().to_owned());
                    rules.push(content.rule);
                }
                (Fate::NotARule, _) => {}
                _ => {
                    is_clean = false;
                    for diagnostic in &loaded.diagnostics {
                        writeln!(log, "{}", one_line(diagnostic, &loaded.source))?;
                    }
                }
            }
        }
        let all: Vec<&Rule> = rules.iter().collect();
        for (option, value) in command.selection.unknown(&all) {
            writeln!(log, "no rule has `{value}` ({option})")?;
        }
        let (files, rules): (Vec<String>, Vec<Rule>) =
            files.into_iter().zip(rules).filter(|(_, rule)| command.selection.takes(rule)).unzip();

        let normalise = command.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        let options = CompileOptions { now: Some(now()) };
        let threads = command.resources.threads();
        let compiled = map_in_order(&rules, threads, |rule| compile_rule(rule, &catalogue, &options));
        let book = RuleBook::of(rules.into_iter().zip(compiled));
        let with_data = !command.data.is_empty();
        let mut absent = Vec::new();
        if with_data {
            let inputs = Inputs::list(&command.data);
            let progress = Progress::new(inputs.bytes(), "found");
            let intake = IntakeOptions {
                normalise,
                enrich: command.reading.enriches(),
                threads,
                memory: command.resources.max_memory(),
                window: command.reading.window()?,
                fields: Some(book.read_fields()),
                timed: false,
                count_unmapped: false,
            };
            let read = read_all(inputs, &intake, &catalogue, &progress, || Looking);
            progress.finish();
            let (_, account) = read?;
            let summary = InputSummary::new(&account);
            summary.write(log)?;
            is_clean &= summary.is_clean();
            absent = book.could_not_match(&account.coverage);
        }
        // Both are in the order of the rules.
        let mut absent = absent.into_iter().peekable();
        let rules = book.rules().zip(files).map(|((rule, state), file)| {
            let absent = absent.next_if(|(of, _)| std::ptr::eq(*of, rule)).map(|(_, reason)| reason);
            of_rule(rule, state, absent, file)
        });
        Ok(Self { rules: rules.collect(), with_data, is_clean })
    }
}

fn of_rule(rule: &Rule, state: &RuleState, absent: Option<String>, file: String) -> RuleCoverage {
    let standing = match (state, absent) {
        _ if rule.enabled == Some(false) => Standing::Disabled,
        (RuleState::Unsupported(what), _) => Standing::NotRun(format!("not supported: {what}")),
        (RuleState::Failed(_), _) => {
            Standing::NotRun("its query is wrong; `watchfire check` says why".into())
        }
        (RuleState::Ready, Some(reason)) => Standing::CannotMatch(reason),
        (RuleState::Ready, None) if rule.is_building_block() => Standing::BuildingBlock,
        (RuleState::Ready, None) => Standing::Counted,
    };
    RuleCoverage {
        id: rule.rule_id.as_ref().map(RuleId::as_str).map(str::to_owned),
        name: rule.name.clone(),
        file,
        threat: rule.threat().to_vec(),
        standing,
        alerts: 0,
    }
}

/// Nothing is asked of events but what they have, of which the intake itself takes note.
struct Looking;

impl Worker for Looking {
    fn batch(&mut self, _: &EventBatch) -> io::Result<()> {
        Ok(())
    }
}

/// Numbers of rules by what they count as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) counted: usize,
    pub(super) building_blocks: usize,
    pub(super) disabled: usize,
    pub(super) not_run: usize,
    pub(super) cannot_match: usize,
    /// Alerts of all of them.
    pub(super) alerts: u64,
}

impl Counts {
    /// Those of some rules.
    pub(super) fn of<'r>(rules: impl IntoIterator<Item = &'r RuleCoverage>) -> Self {
        let mut counts = Self::default();
        for rule in rules {
            match rule.standing {
                Standing::Disabled => counts.disabled += 1,
                Standing::NotRun(_) => counts.not_run += 1,
                Standing::CannotMatch(_) => counts.cannot_match += 1,
                Standing::BuildingBlock => counts.building_blocks += 1,
                Standing::Counted => counts.counted += 1,
            }
            counts.alerts += rule.alerts;
        }
        counts
    }
}

/// Tells what all rules count as.
pub(super) fn write_counts(report: &Report, log: &mut dyn Write) -> io::Result<()> {
    let counts = Counts::of(&report.rules);
    write!(log, "rules: {} = {} that count", report.rules.len(), counts.counted)?;
    write!(log, " + {} building blocks + {} disabled", counts.building_blocks, counts.disabled)?;
    write!(log, " + {} that do not run here", counts.not_run)?;
    if report.with_data {
        write!(log, " + {} that cannot match in this data", counts.cannot_match)?;
    }
    writeln!(log)?;
    for rule in &report.rules {
        if let Some(reason) = rule.standing.reason() {
            writeln!(log, "  {}: {}", escape_controls(&rule.name), escape_controls(reason))?;
        }
    }
    let without = report.without_threat().count();
    if without > 0 {
        writeln!(log, "rules that name no tactic, and so are not in the matrix: {without}")?;
    }
    Ok(())
}
