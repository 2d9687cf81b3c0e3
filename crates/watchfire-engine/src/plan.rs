//! Conditions over numbered leaves, and what can be known of a rule before it is looked at.

use watchfire_ir::{Condition, Leaf, Node};

use crate::leaf_table::{LeafId, LeafTable, Route};

/// A condition over interned leaves, with operands in the order of their cost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Plan {
    Constant(bool),
    Leaf(LeafId),
    Not(Box<Plan>),
    And(Vec<Plan>),
    Or(Vec<Plan>),
}

impl Plan {
    /// The plan of a condition whose leaves are numbered from left to right by `ids`.
    pub(crate) fn new(
        condition: &Condition,
        ids: &mut dyn Iterator<Item = LeafId>,
        leaves: &LeafTable,
    ) -> Self {
        let mut list = |operands: &[Condition]| {
            let mut plans: Vec<Self> =
                operands.iter().map(|operand| Self::new(operand, ids, leaves)).collect();
            plans.sort_by_key(|plan| plan.cost(leaves));
            plans
        };
        match condition.node() {
            Node::Constant(value) => Self::Constant(*value),
            Node::Leaf(_) => Self::Leaf(ids.next().expect("each leaf of the condition has a number")),
            Node::Not(inner) => Self::Not(Box::new(Self::new(inner, ids, leaves))),
            Node::And(operands) => Self::And(list(operands)),
            Node::Or(operands) => Self::Or(list(operands)),
        }
    }

    /// The order of evaluation: leaves that the field programs answer, by how few rules share them (rare ones select
    /// more), then combinations, then exclusions, then what is evaluated row by row. The sort is stable, so the order of
    /// the author breaks ties.
    fn cost(&self, leaves: &LeafTable) -> (u8, u32) {
        match self {
            Self::Constant(_) => (0, 0),
            Self::Leaf(id) => {
                let entry = leaves.entry(*id);
                match (entry.route(), &entry.leaf) {
                    (Route::Program, _) => (1, entry.rules),
                    (Route::Deferred, _) => (3, 0),
                    (Route::OnDemand, Leaf::Field(_)) => (4, 0),
                    (Route::OnDemand, Leaf::AnyField(_)) => (5, 0),
                    (Route::OnDemand, Leaf::Nested(_) | Leaf::Computed(_)) => (6, 0),
                }
            }
            Self::Not(inner) => (inner.cost(leaves).0.max(3), 0),
            Self::And(operands) | Self::Or(operands) => {
                (operands.iter().map(|operand| operand.cost(leaves).0).max().unwrap_or(0).max(2), 0)
            }
        }
    }

    /// Sets of leaves answered by field programs, of each of which at least one must hold wherever the plan holds.
    pub(crate) fn necessary(&self, leaves: &LeafTable) -> Vec<Vec<LeafId>> {
        match self {
            Self::Leaf(id) => match leaves.entry(*id).route() {
                Route::Program => vec![vec![*id]],
                // Of a leaf that only excludes, there is none.
                Route::Deferred => {
                    leaves.entry(*id).existence.map(|existence| vec![existence]).into_iter().collect()
                }
                Route::OnDemand => Vec::new(),
            },
            Self::Constant(_) | Self::Not(_) => Vec::new(),
            Self::And(operands) => operands.iter().flat_map(|operand| operand.necessary(leaves)).collect(),
            Self::Or(operands) => {
                let mut union: Vec<LeafId> = Vec::new();
                for operand in operands {
                    let best = operand.necessary(leaves).into_iter().min_by_key(|set| weight(set, leaves));
                    let Some(best) = best else { return Vec::new() };
                    union.extend(best);
                }
                union.sort_unstable();
                union.dedup();
                vec![union]
            }
        }
    }

    /// What is left to be asked of rows in which one leaf of each necessary set holds.
    pub(crate) fn beyond_necessary(self, leaves: &LeafTable) -> Self {
        match self {
            Self::And(operands) => {
                let mut left: Vec<Self> =
                    operands.into_iter().filter(|operand| !operand.is_necessary_set(leaves)).collect();
                match left.len() {
                    0 => Self::Constant(true),
                    1 => left.remove(0),
                    _ => Self::And(left),
                }
            }
            other if other.is_necessary_set(leaves) => Self::Constant(true),
            other => other,
        }
    }

    /// Whether it holds wherever a leaf of its one necessary set holds.
    fn is_necessary_set(&self, leaves: &LeafTable) -> bool {
        match self {
            Self::Leaf(id) => leaves.entry(*id).route() == Route::Program,
            Self::Or(operands) => operands
                .iter()
                .all(|operand| matches!(operand, Self::Leaf(_)) && operand.is_necessary_set(leaves)),
            Self::Constant(_) | Self::Not(_) | Self::And(_) => false,
        }
    }
}

/// How often the rarest way through a necessary set can be expected to be alive: its leaves' numbers of rules, summed.
pub(crate) fn weight(set: &[LeafId], leaves: &LeafTable) -> (u32, usize) {
    (set.iter().map(|&leaf| leaves.entry(leaf).rules).sum(), set.len())
}
