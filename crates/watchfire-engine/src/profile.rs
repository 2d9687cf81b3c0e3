//! What matching costs: time and rows, by stage, field and rule.
//!
//! Only where a profile is asked for is a clock read, and then only once for a column, a question, a value that is
//! evaluated late, and a row that is asked on demand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::rule_set::{QuestionId, RuleIndex, RuleSet};

/// Tells the time. The engine has no clock of its own.
pub trait Clock: fmt::Debug + Send {
    /// The time since some moment that stays the same.
    fn elapsed(&self) -> Duration;
}

/// A part of the work of matching a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchStage {
    /// What the values of each field satisfy, and in which rows.
    FieldPrograms,
    /// Which rules are to be looked at.
    Candidates,
    /// The rows of candidates in which all holds that is known by then.
    Rows,
    /// What the values of a field satisfy that is asked only of the rows that are left: exclusions, words, regular
    /// expressions.
    DeferredFields,
    /// Computed leaves, nested objects and terms of any field, row by row.
    ComputedLeaves,
    /// All else that is asked of the rows that are left.
    Plans,
}

impl MatchStage {
    /// All stages, in the order in which a batch goes through them.
    pub const ALL: [Self; 6] = [
        Self::FieldPrograms,
        Self::Candidates,
        Self::Rows,
        Self::DeferredFields,
        Self::ComputedLeaves,
        Self::Plans,
    ];
}

/// What one rule cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// Batches in which it was looked at.
    pub batches: u64,
    /// Rows in which its rarest necessary leaf held; of a rule without one, all rows of its data streams.
    pub candidate_rows: u64,
    /// Rows that all its necessary leaves left over, of which the rest of the rule was asked.
    pub surviving_rows: u64,
    /// Rows that satisfied it.
    pub hits: u64,
    /// Time. What is made for one rule and then used for others counts for the first.
    pub time: Duration,
    /// Number of other rules that ask the same, and share this cost.
    pub shared_with: u64,
}

/// What one field cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCost {
    /// Dotted name of the field.
    pub field: Arc<str>,
    /// Whether it is about what is asked only of the rows that are left.
    pub is_deferred: bool,
    /// Distinct values of batches that were asked.
    pub values: u64,
    /// Of these, values that were not known from earlier batches.
    pub evaluated: u64,
    /// Time.
    pub time: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct ProgramCost {
    values: u64,
    evaluated: u64,
    time: Duration,
}

/// What the batches of one or more matchers of the same rule set cost.
#[derive(Clone, Debug)]
pub struct MatchProfile {
    stages: [Duration; MatchStage::ALL.len()],
    questions: Vec<RuleCost>,
    programs: Vec<ProgramCost>,
}

impl MatchProfile {
    /// Of no batch.
    pub fn new(rules: &RuleSet) -> Self {
        Self {
            stages: Default::default(),
            questions: vec![RuleCost::default(); rules.questions.len()],
            programs: vec![ProgramCost::default(); rules.programs.len()],
        }
    }

    /// Adds what another matcher of the same rule set cost.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.stages.iter_mut().zip(&other.stages) {
            *ours += *theirs;
        }
        for (ours, theirs) in self.questions.iter_mut().zip(&other.questions) {
            ours.add(theirs);
        }
        for (ours, theirs) in self.programs.iter_mut().zip(&other.programs) {
            ours.values += theirs.values;
            ours.evaluated += theirs.evaluated;
            ours.time += theirs.time;
        }
    }

    /// The time of each stage, in order.
    pub fn stages(&self) -> impl Iterator<Item = (MatchStage, Duration)> {
        MatchStage::ALL.into_iter().zip(self.stages)
    }

    /// The cost of each rule that was looked at, in the order of the rules.
    pub fn rules(&self, rules: &RuleSet) -> Vec<(RuleIndex, RuleCost)> {
        let mut costs = Vec::new();
        for (cost, asking) in self.questions.iter().zip(&rules.rules_of) {
            if cost.batches > 0 {
                let shared_with = asking.len() as u64 - 1;
                costs.extend(asking.iter().map(|&rule| (rule, RuleCost { shared_with, ..*cost })));
            }
        }
        costs.sort_unstable_by_key(|&(rule, _)| rule);
        costs
    }

    /// The cost of each field that was asked, in order of name.
    pub fn fields(&self, rules: &RuleSet) -> Vec<FieldCost> {
        let programs = self.programs.iter().zip(&rules.programs).filter(|(cost, _)| cost.values > 0);
        programs
            .map(|(&ProgramCost { values, evaluated, time }, numbered)| FieldCost {
                field: Arc::clone(&numbered.field),
                is_deferred: numbered.is_deferred,
                values,
                evaluated,
                time,
            })
            .collect()
    }
}

impl RuleCost {
    /// Adds what the same rule cost elsewhere, or another condition of it.
    pub fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.candidate_rows += other.candidate_rows;
        self.surviving_rows += other.surviving_rows;
        self.hits += other.hits;
        self.time += other.time;
        self.shared_with = self.shared_with.max(other.shared_with);
    }
}

/// A profile that is being made.
#[derive(Debug)]
pub(crate) struct Profiler {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) profile: MatchProfile,
    /// The time of all batches.
    batches: Duration,
    /// The time of the inner stages when the question that is asked began to.
    inner_before: Duration,
}

impl Profiler {
    pub(crate) fn new(clock: Box<dyn Clock>, rules: &RuleSet) -> Self {
        Self {
            clock,
            profile: MatchProfile::new(rules),
            batches: Duration::ZERO,
            inner_before: Duration::ZERO,
        }
    }

    /// Ends a batch that began at a moment. What no other stage took was the choice of candidates.
    pub(crate) fn finish_batch(&mut self, started: Duration) {
        let taken = self.clock.elapsed().saturating_sub(started);
        self.batches += taken;
        let others = MatchStage::ALL.into_iter().filter(|&stage| stage != MatchStage::Candidates);
        let others: Duration = others.map(|stage| self.profile.stages[stage as usize]).sum();
        self.profile.stages[MatchStage::Candidates as usize] = self.batches.saturating_sub(others);
    }

    /// Adds the time since a moment to a stage.
    pub(crate) fn add_since(&mut self, stage: MatchStage, since: Duration) -> Duration {
        let taken = self.clock.elapsed().saturating_sub(since);
        self.profile.stages[stage as usize] += taken;
        taken
    }

    /// A distinct value of a batch was asked.
    pub(crate) fn value(&mut self, program: usize, is_known: bool) {
        let cost = &mut self.profile.programs[program];
        cost.values += 1;
        cost.evaluated += u64::from(!is_known);
    }

    /// The program of a field worked since a moment.
    pub(crate) fn program(&mut self, stage: MatchStage, program: usize, since: Duration) {
        let taken = self.add_since(stage, since);
        self.profile.programs[program].time += taken;
    }

    /// A question took this time to narrow its rows down.
    pub(crate) fn rows(&mut self, question: QuestionId, since: Duration, candidates: u64, surviving: u64) {
        let taken = self.add_since(MatchStage::Rows, since);
        let cost = &mut self.profile.questions[question.at()];
        cost.batches += 1;
        cost.candidate_rows += candidates;
        cost.surviving_rows += surviving;
        cost.time += taken;
        self.inner_before = self.inner();
    }

    /// And this time to ask the rest of these rows, of which fields and computed leaves took their part.
    pub(crate) fn plan(&mut self, question: QuestionId, since: Duration, hits: u64) {
        let taken = self.clock.elapsed().saturating_sub(since);
        let inner = self.inner().saturating_sub(self.inner_before);
        self.profile.stages[MatchStage::Plans as usize] += taken.saturating_sub(inner);
        let cost = &mut self.profile.questions[question.at()];
        cost.hits += hits;
        cost.time += taken;
    }

    /// The time of the stages that are a part of asking the rest of a question.
    fn inner(&self) -> Duration {
        let of = |stage| self.profile.stages[stage as usize];
        of(MatchStage::DeferredFields) + of(MatchStage::ComputedLeaves)
    }
}
