//! Matching a batch.
//!
//! 1. Each field's program answers every distinct value of its column, from memory where it was seen before: which
//!    leaves are *alive*, and in which rows.
//! 2. Rules that ask the same of the same data streams ask it once. Questions whose necessary leaves are alive, and whose
//!    data streams are present, are candidates.
//! 3. The rows of a candidate are those in which one leaf of each necessary set holds. Few rows are taken from the rarest
//!    set and asked one by one; many are intersected as sets.
//! 4. What is left of its plan is asked of these rows: see [`Pass`].

mod pass;

use std::cell::OnceCell;
use std::ops::Range;
use std::time::Duration;

use watchfire_events::{EventBatch, FieldTypes};
use watchfire_ir::EvaluationError;

use self::pass::Pass;
use crate::alive_leaves::AliveLeaves;
use crate::field_program::ProgramScratch;
use crate::leaf_table::LeafId;
use crate::profile::{Clock, MatchProfile, Profiler};
use crate::rows::{Rows, numbers_of};
use crate::rule_set::{QuestionId, RuleIndex, RuleSet};
use crate::value_cache::ValueCache;

/// An event of the batch that satisfies a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// The rule.
    pub rule: RuleIndex,
    /// The row of the event in its batch.
    pub row: u32,
}

/// A computed leaf of a rule that could not be evaluated on an event, and was taken as false.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchError {
    /// The rule.
    pub rule: RuleIndex,
    /// The row of the event in its batch.
    pub row: u32,
    /// What went wrong.
    pub error: EvaluationError,
}

/// What a batch gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matches {
    /// Hits, ordered by rule and row.
    pub hits: Vec<Hit>,
    /// Errors, ordered by rule and row.
    pub errors: Vec<MatchError>,
}

/// Matches one batch after the other, and remembers what the values of earlier ones satisfy. Each thread has its own.
///
/// What a batch gives does not depend on those before it, nor on how much is remembered.
#[derive(Debug)]
pub struct Matcher<'a> {
    rules: &'a RuleSet,
    memory: Memory,
    /// One bit for each question: whether it is to be looked at.
    marked: Vec<u64>,
    /// The rows that a question selects.
    found: Vec<u32>,
}

/// What is kept from batch to batch: values that were seen, and tables to work in.
#[derive(Debug)]
struct Memory {
    cache: ValueCache,
    alive: AliveLeaves,
    scratch: ProgramScratch,
    holding: Vec<LeafId>,
    /// Where what is done is to be told.
    profiler: Option<Box<Profiler>>,
}

impl Memory {
    /// The time, where a profile is made.
    fn now(&self) -> Option<Duration> {
        self.profiler.as_ref().map(|profiler| profiler.clock.elapsed())
    }

    /// Where to tell of what was started, if its start was noted.
    fn profiler(&mut self, started: Option<Duration>) -> Option<(&mut Profiler, Duration)> {
        self.profiler.as_deref_mut().zip(started)
    }
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(rules: &'a RuleSet, cache_bytes: usize) -> Self {
        let memory = Memory {
            cache: ValueCache::new(rules.programs.len(), cache_bytes),
            alive: AliveLeaves::new(rules.leaves.len()),
            scratch: ProgramScratch::default(),
            holding: Vec::new(),
            profiler: None,
        };
        Self { rules, memory, marked: vec![0; rules.questions.len().div_ceil(64)], found: Vec::new() }
    }

    /// From now on tells what matching costs, by this clock.
    #[must_use]
    pub fn with_profile(mut self, clock: Box<dyn Clock>) -> Self {
        self.memory.profiler = Some(Box::new(Profiler::new(clock, self.rules)));
        self
    }

    /// What matching cost, if that was asked for.
    pub fn profile(&self) -> Option<&MatchProfile> {
        self.memory.profiler.as_ref().map(|profiler| &profiler.profile)
    }

    /// How often the values seen filled the room for them, and it was begun anew.
    pub fn cache_restarts(&self) -> u64 {
        self.memory.cache.restarts()
    }

    /// Matches all rules against a batch. `types` are those the batch was made with.
    pub fn match_batch(&mut self, batch: &EventBatch, types: &dyn FieldTypes) -> Matches {
        let rules = self.rules;
        let started = self.memory.now();
        self.memory.cache.begin_batch();
        self.memory.alive.begin_batch(batch.len());
        let mut pass = Pass::new(rules, &mut self.memory, batch, types);
        pass.run_programs();
        mark_candidates(rules, pass.alive(), &mut self.marked);

        let streams: Vec<OnceCell<Rows>> = rules.patterns.iter().map(|_| OnceCell::new()).collect();
        let mut answered = Answered::default();
        for number in drain(&mut self.marked) {
            let question = &rules.questions[number.at()];
            let Some(rarest) = pass.rarest_set(question) else { continue };
            let domain =
                streams[question.patterns].get_or_init(|| stream_rows(rules, question.patterns, batch));
            if domain.is_empty() {
                continue;
            }
            pass.select(number, rarest, domain, &mut self.found);
            answered.add(&rules.rules_of[number.at()], &mut self.found, pass.take_errors());
        }
        if let Some((profiler, started)) = self.memory.profiler(started) {
            profiler.finish_batch(started);
        }
        answered.into_matches()
    }
}

/// What questions gave, before it is put in the order of the rules that ask them.
#[derive(Default)]
struct Answered {
    /// Each rule with the parts of the rows and of the errors that are its own.
    rules: Vec<(RuleIndex, Range<usize>, Range<usize>)>,
    rows: Vec<u32>,
    errors: Vec<(u32, EvaluationError)>,
}

impl Answered {
    /// Adds what a question gave to these rules; `found` is empty afterwards.
    fn add(&mut self, rules: &[RuleIndex], found: &mut Vec<u32>, errors: Vec<(u32, EvaluationError)>) {
        if found.is_empty() && errors.is_empty() {
            return;
        }
        let (rows_start, errors_start) = (self.rows.len(), self.errors.len());
        self.rows.append(found);
        self.errors.extend(errors);
        let (rows, errors) = (rows_start..self.rows.len(), errors_start..self.errors.len());
        self.rules.extend(rules.iter().map(|&rule| (rule, rows.clone(), errors.clone())));
    }

    fn into_matches(mut self) -> Matches {
        self.rules.sort_unstable_by_key(|&(rule, ..)| rule);
        let mut matches = Matches::default();
        for (rule, rows, errors) in self.rules {
            matches.hits.extend(self.rows[rows].iter().map(|&row| Hit { rule, row }));
            let errors = self.errors[errors].iter();
            matches.errors.extend(errors.map(|&(row, ref error)| MatchError {
                rule,
                row,
                error: error.clone(),
            }));
        }
        matches
    }
}

/// Marks the questions that have no necessary leaf, and those whose rarest necessary set has one that is alive.
fn mark_candidates(rules: &RuleSet, alive: &[LeafId], marked: &mut [u64]) {
    let guarded = alive.iter().flat_map(|leaf| &rules.by_leaf[leaf.at()]);
    for question in guarded.chain(&rules.unguarded) {
        marked[question.at() / 64] |= 1 << (question.0 % 64);
    }
}

/// The marked questions in ascending order; none is marked afterwards.
fn drain(marked: &mut [u64]) -> impl Iterator<Item = QuestionId> + '_ {
    let words = marked.iter_mut().enumerate();
    words.flat_map(|(at, word)| numbers_of(at, std::mem::take(word))).map(QuestionId)
}

/// The rows of the data streams that a list of patterns selects.
fn stream_rows(rules: &RuleSet, patterns: usize, batch: &EventBatch) -> Rows {
    let mut rows = Rows::none(batch.len());
    for (_, of_stream) in batch.streams().iter().filter(|(stream, _)| rules.patterns[patterns].select(stream))
    {
        of_stream.iter().for_each(|&row| rows.insert(row));
    }
    rows
}
