//! Matching a batch.
//!
//! 1. Each field's program answers every distinct value of its column, from memory where it was seen before: which
//!    leaves are *alive*, and in which rows.
//! 2. Rules whose necessary leaves are alive, and whose data streams are present, are candidates.
//! 3. The rows of a candidate are those in which one leaf of each necessary set holds. Few rows are taken from the rarest
//!    set and asked one by one; many are intersected as sets.
//! 4. What is left of its plan is asked of these rows: see [`Pass`].

mod pass;

use std::cell::OnceCell;

use watchfire_events::{EventBatch, FieldTypes};
use watchfire_ir::EvaluationError;

use self::pass::Pass;
use crate::alive_leaves::AliveLeaves;
use crate::field_program::ProgramScratch;
use crate::leaf_table::LeafId;
use crate::rows::Rows;
use crate::rule_set::{RuleIndex, RuleSet};
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
    /// One bit for each rule: whether it is to be looked at.
    marked: Vec<u64>,
}

/// What is kept from batch to batch: values that were seen, and tables to work in.
#[derive(Debug)]
struct Memory {
    cache: ValueCache,
    alive: AliveLeaves,
    scratch: ProgramScratch,
    holding: Vec<LeafId>,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(rules: &'a RuleSet, cache_bytes: usize) -> Self {
        let memory = Memory {
            cache: ValueCache::new(rules.programs.len(), cache_bytes),
            alive: AliveLeaves::new(rules.leaves.len()),
            scratch: ProgramScratch::default(),
            holding: Vec::new(),
        };
        Self { rules, memory, marked: vec![0; rules.len().div_ceil(64)] }
    }

    /// How often the values seen filled the room for them, and it was begun anew.
    pub fn cache_restarts(&self) -> u64 {
        self.memory.cache.restarts()
    }

    /// Matches all rules against a batch. `types` are those the batch was made with.
    pub fn match_batch(&mut self, batch: &EventBatch, types: &dyn FieldTypes) -> Matches {
        let rules = self.rules;
        self.memory.cache.begin_batch();
        self.memory.alive.begin_batch(batch.len());
        let mut pass = Pass::new(rules, &mut self.memory, batch, types);
        pass.run_programs();
        mark_candidates(rules, pass.alive(), &mut self.marked);

        let mut matches = Matches::default();
        let streams: Vec<OnceCell<Rows>> = rules.patterns.iter().map(|_| OnceCell::new()).collect();
        let mut found = Vec::new();
        for rule in drain(&mut self.marked) {
            let compiled = &rules.rules[rule.0 as usize];
            let Some(rarest) = pass.rarest_set(compiled) else { continue };
            let domain =
                streams[compiled.patterns].get_or_init(|| stream_rows(rules, compiled.patterns, batch));
            if domain.is_empty() {
                continue;
            }
            pass.match_rule(compiled, rarest, domain, &mut found);
            matches.hits.extend(found.drain(..).map(|row| Hit { rule, row }));
            // Those of one row come in the order in which it was asked.
            let errors = pass.take_errors();
            matches.errors.extend(errors.into_iter().map(|(row, error)| MatchError { rule, row, error }));
        }
        matches
    }
}

/// Marks the rules that have no necessary leaf, and those whose rarest necessary set has one that is alive.
fn mark_candidates(rules: &RuleSet, alive: &[LeafId], marked: &mut [u64]) {
    let guarded = alive.iter().flat_map(|leaf| &rules.by_leaf[leaf.at()]);
    for rule in guarded.chain(&rules.unguarded) {
        marked[rule.0 as usize / 64] |= 1 << (rule.0 % 64);
    }
}

/// The marked rules in ascending order; none is marked afterwards.
fn drain(marked: &mut [u64]) -> impl Iterator<Item = RuleIndex> + '_ {
    marked.iter_mut().enumerate().flat_map(|(at, word)| {
        let mut rest = std::mem::take(word);
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                RuleIndex(at as u32 * 64 + bit)
            })
        })
    })
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
