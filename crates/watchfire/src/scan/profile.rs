//! What a scan costs, by stage, field and rule (`--profile-rules`).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use watchfire_detect::RuleBook;
use watchfire_engine::{Clock, MatchProfile, MatchStage, RuleCost, RuleSet};

use crate::intake::InputTimes;
use crate::terminal::escape_controls;

/// So many fields and rules are shown to people.
const SHOWN: usize = 20;

/// The clock of a run.
#[derive(Debug)]
pub(super) struct RunClock(Instant);

impl RunClock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RunClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What a thread does in turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Reads, normalises and puts into columns, or waits for records.
    Input,
    /// Matches; the engine tells more.
    Matching,
    /// Makes alerts and keeps what is to be joined.
    Alerts,
}

/// The time that a thread spent in each stage.
#[derive(Debug)]
pub(super) struct WorkerTimes {
    since: Instant,
    stages: [Duration; 3],
}

impl WorkerTimes {
    /// From now on.
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), stages: Default::default() }
    }

    /// The time since the last call was spent in this stage.
    pub(super) fn take(&mut self, stage: Stage) {
        let now = Instant::now();
        self.stages[stage as usize] += now.duration_since(self.since);
        self.since = now;
    }
}

/// The sum over all threads.
pub(super) struct ProfileSum {
    stages: [Duration; 3],
    matched: MatchProfile,
}

impl ProfileSum {
    pub(super) fn new(rules: &RuleSet) -> Self {
        Self { stages: Default::default(), matched: MatchProfile::new(rules) }
    }

    /// Adds a thread.
    pub(super) fn add(&mut self, times: &WorkerTimes, matched: &MatchProfile) {
        self.stages.iter_mut().zip(times.stages).for_each(|(sum, time)| *sum += time);
        self.matched.merge(matched);
    }

    /// With the names of fields and rules.
    pub(super) fn finish(self, book: &RuleBook, input: InputTimes) -> Profile {
        let own = |stage, name| StageCost::new(name, self.stages[stage as usize]);
        let matching = self.matched.stages().map(|(stage, time)| StageCost::new(name_of(stage), time));
        let InputTimes { normalising, columns } = input;
        let reading = self.stages[Stage::Input as usize].saturating_sub(normalising + columns);
        let first = [
            StageCost::new("reading, decoding, waiting", reading),
            StageCost::new("normalising", normalising),
            StageCost::new("columns", columns),
        ];
        let last = own(Stage::Alerts, "alerts and hits to be joined");
        let stages = first.into_iter().chain(matching).chain([last]).collect();
        let fields = self.matched.fields(book.set()).into_iter().map(|cost| FieldCost {
            field: cost.field.to_string(),
            deferred: cost.is_deferred,
            values: cost.values,
            evaluated: cost.evaluated,
            seconds: cost.time.as_secs_f64(),
        });
        // A rule of several stages has a condition for each.
        let mut rules: BTreeMap<&str, RuleCost> = BTreeMap::new();
        for (index, cost) in self.matched.rules(book.set()) {
            rules.entry(&book.rule(index).name).or_default().add(&cost);
        }
        let rules = rules.into_iter().map(|(name, cost)| RuleLine {
            rule: name.to_owned(),
            batches: cost.batches,
            candidate_rows: cost.candidate_rows,
            surviving_rows: cost.surviving_rows,
            hits: cost.hits,
            shared_with: cost.shared_with,
            seconds: cost.time.as_secs_f64(),
        });
        Profile { stages, fields: fields.collect(), rules: rules.collect() }
    }
}

fn name_of(stage: MatchStage) -> &'static str {
    match stage {
        MatchStage::FieldPrograms => "matching: values of fields",
        MatchStage::Candidates => "matching: which rules to look at",
        MatchStage::Rows => "matching: rows that are left for a rule",
        MatchStage::DeferredFields => "matching: exclusions, words and expressions on these",
        MatchStage::ComputedLeaves => "matching: what is computed on these",
        MatchStage::Plans => "matching: all else on these",
    }
}

/// What a scan cost. Its JSON form is a part of that of the summary.
#[derive(Debug, Serialize)]
pub(super) struct Profile {
    /// In the order of the work; the times of all threads together.
    stages: Vec<StageCost>,
    /// In order of name; what is asked only of the rows that are left stands for itself.
    fields: Vec<FieldCost>,
    /// Rules that were looked at, in order of name.
    rules: Vec<RuleLine>,
}

#[derive(Debug, Serialize)]
struct StageCost {
    stage: &'static str,
    seconds: f64,
}

impl StageCost {
    fn new(stage: &'static str, time: Duration) -> Self {
        Self { stage, seconds: time.as_secs_f64() }
    }
}

#[derive(Debug, Serialize)]
struct FieldCost {
    field: String,
    /// Whether it is about what is asked only of the rows that are left.
    deferred: bool,
    /// Distinct values of batches that were asked.
    values: u64,
    /// Of these, values that were not known from earlier batches.
    evaluated: u64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    rule: String,
    /// Batches in which it was looked at.
    batches: u64,
    /// Rows in which its rarest condition held.
    candidate_rows: u64,
    /// Rows in which all held that is known of a value by itself, and of which the rest was asked.
    surviving_rows: u64,
    hits: u64,
    /// Other rules that ask the same.
    shared_with: u64,
    seconds: f64,
}

impl Profile {
    /// Writes the most expensive of all for people.
    pub(super) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        writeln!(log, "profile: the time of all threads together\n  {:>9}  stage", "seconds")?;
        for StageCost { stage, seconds } in &self.stages {
            writeln!(log, "  {seconds:>9.3}  {stage}")?;
        }
        let fields = most_expensive(&self.fields, |cost| cost.seconds);
        writeln!(log, "profile: the {} most expensive of {} fields", fields.len(), self.fields.len())?;
        writeln!(log, "  {:>9} {:>11} {:>11}  field", "seconds", "values", "evaluated")?;
        for cost in fields {
            let field = escape_controls(&cost.field);
            let deferred = if cost.deferred { " (on the rows that are left)" } else { "" };
            writeln!(
                log,
                "  {:>9.3} {:>11} {:>11}  {field}{deferred}",
                cost.seconds, cost.values, cost.evaluated
            )?;
        }
        let rules = most_expensive(&self.rules, |cost| cost.seconds);
        writeln!(log, "profile: the {} most expensive of {} rules", rules.len(), self.rules.len())?;
        writeln!(log, "  {:>9} {:>11} {:>11} {:>9}  rule", "seconds", "candidates", "surviving", "hits")?;
        for cost in rules {
            let shared = match cost.shared_with {
                0 => String::new(),
                others => format!(" (as {others} more)"),
            };
            writeln!(
                log,
                "  {:>9.3} {:>11} {:>11} {:>9}  {}{shared}",
                cost.seconds,
                cost.candidate_rows,
                cost.surviving_rows,
                cost.hits,
                escape_controls(&cost.rule)
            )?;
        }
        Ok(())
    }
}

fn most_expensive<T>(costs: &[T], seconds: impl Fn(&T) -> f64) -> Vec<&T> {
    let mut sorted: Vec<&T> = costs.iter().collect();
    // The sort is stable: of equal ones, by name.
    sorted.sort_by(|a, b| seconds(b).total_cmp(&seconds(a)));
    sorted.truncate(SHOWN);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_expensive_come_first() {
        let stage = |stage, millis| StageCost::new(name_of(stage), Duration::from_millis(millis));
        let field = |field: &str, deferred, seconds| FieldCost {
            field: field.to_owned(),
            deferred,
            values: 12_000,
            evaluated: 34,
            seconds,
        };
        let rule = |number: u32| RuleLine {
            rule: format!("Rule {number}"),
            batches: 1,
            candidate_rows: 1_000_000,
            surviving_rows: 200,
            hits: 1,
            shared_with: u64::from(number % 3),
            seconds: f64::from(number) / 8.0,
        };
        let profile = Profile {
            stages: MatchStage::ALL.map(|of| stage(of, 1_500)).into(),
            fields: vec![
                field("process.name", false, 0.25),
                field("process.args", false, 2.0),
                field("message\u{1b}", true, 0.5),
            ],
            rules: (0..25).map(rule).collect(),
        };
        let mut shown = Vec::new();
        profile.write(&mut shown).expect("memory takes all");
        insta::assert_snapshot!(String::from_utf8_lossy(&shown));
    }
}
