//! Compiling conditions into a rule set.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, FieldTarget, Leaf, Node};

use crate::field_program::FieldProgram;
use crate::leaf_table::{LeafId, LeafTable, Route};

/// The position of a rule in its [`RuleSet`]: the order in which rules were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u32);

/// A condition over interned leaves, with operands in the order of their cost.
#[derive(Debug)]
pub(crate) enum Plan {
    Constant(bool),
    Leaf(LeafId),
    Not(Box<Plan>),
    And(Vec<Plan>),
    Or(Vec<Plan>),
}

#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) plan: Plan,
    /// Number of its index pattern list.
    pub(crate) patterns: usize,
    /// Sets of leaves of which the rule needs at least one each.
    pub(crate) necessary: Vec<Vec<LeafId>>,
}

/// Rules ready to be matched against batches.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) leaves: LeafTable,
    pub(crate) programs: BTreeMap<Arc<str>, FieldProgram>,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) patterns: Vec<IndexPatterns>,
    /// For a leaf, the rules that are looked at only if it (or another of the same necessary set) is alive.
    pub(crate) by_leaf: FxHashMap<LeafId, Vec<RuleIndex>>,
    /// Rules that are always looked at.
    pub(crate) unguarded: Vec<RuleIndex>,
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
        let mut leaves = LeafTable::default();
        for (_, condition) in &self.rules {
            let mut seen = Vec::new();
            condition.for_each_leaf(&mut |leaf, negated| {
                let id = leaves.intern(leaf);
                let entry = leaves.entry_mut(id);
                entry.positive |= !negated;
                if !seen.contains(&id) {
                    entry.rules += 1;
                    seen.push(id);
                }
            });
        }
        let mut patterns: Vec<IndexPatterns> = Vec::new();
        let mut by_leaf: FxHashMap<LeafId, Vec<RuleIndex>> = FxHashMap::default();
        let mut unguarded = Vec::new();
        let mut rules = Vec::with_capacity(self.rules.len());
        for (at, (list, condition)) in self.rules.into_iter().enumerate() {
            let index = RuleIndex(at as u32);
            let pattern_at = patterns.iter().position(|known| *known == list).unwrap_or_else(|| {
                patterns.push(list);
                patterns.len() - 1
            });
            let plan = plan(&condition, &mut leaves);
            let mut necessary = necessary(&plan, &leaves);
            necessary.sort_by_key(|set| weight(set, &leaves));
            match necessary.first() {
                Some(rarest) => rarest.iter().for_each(|&leaf| by_leaf.entry(leaf).or_default().push(index)),
                None => unguarded.push(index),
            }
            rules.push(CompiledRule { plan, patterns: pattern_at, necessary });
        }
        let programs = field_programs(&leaves);
        RuleSet { leaves, programs, rules, patterns, by_leaf, unguarded }
    }
}

impl RuleSet {
    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Number of distinct leaves over all rules.
    pub fn distinct_leaves(&self) -> usize {
        self.leaves.len()
    }
}

fn plan(condition: &Condition, leaves: &mut LeafTable) -> Plan {
    let mut list = |operands: &[Condition]| {
        let mut plans: Vec<Plan> = operands.iter().map(|operand| plan(operand, leaves)).collect();
        plans.sort_by_key(|plan| cost(plan, leaves));
        plans
    };
    match condition.node() {
        Node::Constant(value) => Plan::Constant(*value),
        Node::Leaf(leaf) => Plan::Leaf(leaves.intern(leaf)),
        Node::Not(inner) => Plan::Not(Box::new(plan(inner, leaves))),
        Node::And(operands) => Plan::And(list(operands)),
        Node::Or(operands) => Plan::Or(list(operands)),
    }
}

/// The order of evaluation: leaves that the field programs answer, by how few rules share them (rare ones select
/// more), then combinations, then exclusions, then what is evaluated row by row. The sort is stable, so the order of
/// the author breaks ties.
fn cost(plan: &Plan, leaves: &LeafTable) -> (u8, u32) {
    match plan {
        Plan::Constant(_) => (0, 0),
        Plan::Leaf(id) => {
            let entry = leaves.entry(*id);
            match (entry.route(), &entry.leaf) {
                (Route::FieldProgram, _) => (1, entry.rules),
                (Route::OnDemand, Leaf::Field(_)) => (4, 0),
                (Route::OnDemand, Leaf::AnyField(_)) => (5, 0),
                (Route::OnDemand, Leaf::Nested(_) | Leaf::Computed(_)) => (6, 0),
            }
        }
        Plan::Not(inner) => (cost(inner, leaves).0.max(3), 0),
        Plan::And(operands) | Plan::Or(operands) => {
            (operands.iter().map(|operand| cost(operand, leaves).0).max().unwrap_or(0).max(2), 0)
        }
    }
}

/// How often the rarest way through a necessary set can be expected to be alive: its leaves' numbers of rules, summed.
fn weight(set: &[LeafId], leaves: &LeafTable) -> (u32, usize) {
    (set.iter().map(|&leaf| leaves.entry(leaf).rules).sum(), set.len())
}

/// Sets of leaves answered by field programs, of each of which at least one must hold wherever the plan holds.
fn necessary(plan: &Plan, leaves: &LeafTable) -> Vec<Vec<LeafId>> {
    match plan {
        Plan::Leaf(id) if leaves.entry(*id).route() == Route::FieldProgram => vec![vec![*id]],
        Plan::Constant(_) | Plan::Leaf(_) | Plan::Not(_) => Vec::new(),
        Plan::And(operands) => operands.iter().flat_map(|operand| necessary(operand, leaves)).collect(),
        Plan::Or(operands) => {
            let mut union: Vec<LeafId> = Vec::new();
            for operand in operands {
                let Some(best) = necessary(operand, leaves).into_iter().min_by_key(|set| weight(set, leaves))
                else {
                    return Vec::new();
                };
                union.extend(best);
            }
            union.sort_unstable();
            union.dedup();
            vec![union]
        }
    }
}

fn field_programs(leaves: &LeafTable) -> BTreeMap<Arc<str>, FieldProgram> {
    let mut by_field: BTreeMap<Arc<str>, Vec<LeafId>> = BTreeMap::new();
    for (id, entry) in leaves.iter().filter(|(_, entry)| entry.route() == Route::FieldProgram) {
        if let Leaf::Field(leaf) = &entry.leaf
            && let FieldTarget::Field(field) = &leaf.target
        {
            by_field.entry(Arc::clone(&field.name)).or_default().push(id);
        }
    }
    let predicate = |id: &LeafId| match &leaves.entry(*id).leaf {
        Leaf::Field(leaf) => Some((*id, &leaf.predicate)),
        Leaf::Nested(_) | Leaf::AnyField(_) | Leaf::Computed(_) => None,
    };
    by_field
        .into_iter()
        .map(|(name, ids)| (name, FieldProgram::new(ids.iter().filter_map(predicate))))
        .collect()
}
