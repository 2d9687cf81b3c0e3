//! Compiling conditions into a rule set.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use watchfire_events::{EventBatch, FieldTypes, IndexPatterns};
use watchfire_ir::{Condition, FieldTarget, Leaf};

use crate::field_program::FieldProgram;
use crate::leaf_table::{LeafId, LeafInterner, LeafTable, Route};
use crate::matcher::{Matcher, Matches};
use crate::plan::{Plan, weight};

/// The position of a rule in its [`RuleSet`]: the order in which rules were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u32);

/// The number of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QuestionId(pub(crate) u32);

impl QuestionId {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// What an event must be for some rules.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// What is asked of rows in which one leaf of each necessary set holds.
    pub(crate) plan: Plan,
    /// Number of its index pattern list.
    pub(crate) patterns: usize,
    /// Sets of leaves of which the rule needs at least one each, the one that is rarest among rules first.
    pub(crate) necessary: Vec<Vec<LeafId>>,
}

/// A program of a field: of the leaves that are asked for at once, or of those that are deferred.
#[derive(Debug)]
pub(crate) struct NumberedProgram {
    pub(crate) field: Arc<str>,
    pub(crate) program: FieldProgram,
    /// Leaves that any value satisfies.
    pub(crate) existence: Vec<LeafId>,
    pub(crate) is_deferred: bool,
}

/// Rules ready to be matched against batches.
#[derive(Debug)]
pub struct RuleSet {
    number_of_rules: usize,
    distinct_leaves: usize,
    pub(crate) leaves: LeafTable,
    pub(crate) programs: Vec<NumberedProgram>,
    /// What rules ask, each question once, in the order of the first rule that asks it.
    pub(crate) questions: Vec<Question>,
    /// For each question, the rules that ask it, in order.
    pub(crate) rules_of: Vec<Vec<RuleIndex>>,
    pub(crate) patterns: Vec<IndexPatterns>,
    /// For each leaf, the questions that are looked at only if it (or another of the same necessary set) is alive.
    pub(crate) by_leaf: Vec<Vec<QuestionId>>,
    /// Questions that are always looked at.
    pub(crate) unguarded: Vec<QuestionId>,
}

/// Collects the rules of a [`RuleSet`].
#[derive(Debug, Default)]
pub struct RuleSetBuilder {
    rules: Vec<(IndexPatterns, Condition)>,
}

impl RuleSetBuilder {
    /// A builder without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule: the data streams it reads and what an event must be.
    pub fn add(&mut self, patterns: IndexPatterns, condition: Condition) -> RuleIndex {
        self.rules.push((patterns, condition));
        RuleIndex(self.rules.len() as u32 - 1)
    }

    /// Compiles the rules.
    pub fn build(self) -> RuleSet {
        let mut interner = LeafInterner::default();
        let mut leaves_of_rules = Vec::with_capacity(self.rules.len());
        for (_, condition) in &self.rules {
            let mut ids = Vec::new();
            condition.for_each_leaf(&mut |leaf, negated| {
                let id = interner.intern(leaf);
                interner.entry_mut(id).positive |= !negated;
                ids.push(id);
            });
            let mut distinct = ids.clone();
            distinct.sort_unstable();
            distinct.dedup();
            distinct.into_iter().for_each(|id| interner.entry_mut(id).rules += 1);
            leaves_of_rules.push(ids);
        }
        let distinct_leaves = interner.len();
        interner.add_existence();
        let mut leaves = interner.finish();
        let programs = field_programs(&mut leaves);

        let number_of_rules = self.rules.len();
        let mut patterns: Vec<IndexPatterns> = Vec::new();
        let mut numbers: FxHashMap<Question, QuestionId> = FxHashMap::default();
        let mut rules_of: Vec<Vec<RuleIndex>> = Vec::new();
        for ((at, (list, condition)), ids) in (0..).zip(self.rules).zip(leaves_of_rules) {
            let pattern_at = patterns.iter().position(|known| *known == list).unwrap_or_else(|| {
                patterns.push(list);
                patterns.len() - 1
            });
            let plan = Plan::new(&condition, &mut ids.into_iter(), &leaves);
            let mut necessary = plan.necessary(&leaves);
            // Those that weigh the same in one order, so that rules that ask the same are seen to.
            necessary.sort_by_cached_key(|set| (weight(set, &leaves), set.clone()));
            let question = Question { plan: plan.beyond_necessary(&leaves), patterns: pattern_at, necessary };
            let next = QuestionId(rules_of.len() as u32);
            let number = *numbers.entry(question).or_insert(next);
            if number == next {
                rules_of.push(Vec::new());
            }
            rules_of[number.at()].push(RuleIndex(at));
        }
        let mut numbered: Vec<(Question, QuestionId)> = numbers.into_iter().collect();
        numbered.sort_by_key(|&(_, number)| number);
        let mut by_leaf: Vec<Vec<QuestionId>> = vec![Vec::new(); leaves.len()];
        let mut unguarded = Vec::new();
        for (question, number) in &numbered {
            match question.necessary.first() {
                Some(rarest) => rarest.iter().for_each(|leaf| by_leaf[leaf.at()].push(*number)),
                None => unguarded.push(*number),
            }
        }
        let questions = numbered.into_iter().map(|(question, _)| question).collect();
        RuleSet {
            number_of_rules,
            distinct_leaves,
            leaves,
            programs,
            questions,
            rules_of,
            patterns,
            by_leaf,
            unguarded,
        }
    }
}

impl RuleSet {
    /// Number of rules.
    pub fn len(&self) -> usize {
        self.number_of_rules
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.number_of_rules == 0
    }

    /// Number of distinct leaves over all rules.
    pub fn distinct_leaves(&self) -> usize {
        self.distinct_leaves
    }

    /// What matches one batch after the other, and remembers the values of earlier ones in at most so many bytes.
    pub fn matcher(&self, cache_bytes: usize) -> Matcher<'_> {
        Matcher::new(self, cache_bytes)
    }

    /// Matches all rules against a single batch. `types` are those the batch was made with.
    pub fn match_batch(&self, batch: &EventBatch, types: &dyn FieldTypes) -> Matches {
        self.matcher(0).match_batch(batch, types)
    }
}

/// The programs of all fields, and the number of its program for each leaf.
fn field_programs(leaves: &mut LeafTable) -> Vec<NumberedProgram> {
    let mut by_field: BTreeMap<(Arc<str>, bool), Vec<LeafId>> = BTreeMap::new();
    for (id, entry) in leaves.iter() {
        let is_deferred = match entry.route() {
            Route::Program => false,
            Route::Deferred => true,
            Route::OnDemand => continue,
        };
        if let Leaf::Field(leaf) = &entry.leaf
            && let FieldTarget::Field(field) = &leaf.target
        {
            by_field.entry((Arc::clone(&field.name), is_deferred)).or_default().push(id);
        }
    }
    let mut programs = Vec::with_capacity(by_field.len());
    for (number, ((field, is_deferred), ids)) in (0..).zip(by_field) {
        ids.iter().for_each(|&id| leaves.entry_mut(id).program = number);
        let predicate = |&id: &LeafId| match &leaves.entry(id).leaf {
            Leaf::Field(leaf) => Some((id, &leaf.predicate)),
            Leaf::Nested(_) | Leaf::AnyField(_) | Leaf::Computed(_) => None,
        };
        let program = FieldProgram::new(ids.iter().filter_map(predicate));
        let existence = ids.into_iter().filter(|&id| leaves.entry(id).is_existence()).collect();
        programs.push(NumberedProgram { field, program, existence, is_deferred });
    }
    programs
}
