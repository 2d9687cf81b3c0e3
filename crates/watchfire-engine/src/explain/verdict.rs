//! Which leaves decide.

use watchfire_events::{EventBatch, FieldTypes};
use watchfire_ir::{Condition, Node};

use super::{Explained, Parts, Seen};
use crate::reference::evaluate_leaf;

/// Steps that are spent on checking that a leaf which stands at several places does decide; beyond, it is taken not to.
const MAX_STEPS: usize = 1 << 22;

/// Which leaves decide what a condition comes to.
#[derive(Clone, Debug)]
pub struct Verdict<'e, 'c> {
    /// Whether it holds.
    pub holds: bool,
    /// The leaves of which each alone decides: if it came out the other way, and no other, the condition would too.
    pub decisive: Vec<&'e Seen<'c>>,
    /// The fewest leaves that turn the condition if they all come out the other way, as far as they do not depend on each
    /// other; empty if none can.
    pub fewest: Vec<&'e Seen<'c>>,
}

/// Which leaves decide.
pub fn verdict<'e, 'c>(explained: &'e Explained<'c>) -> Verdict<'e, 'c> {
    let wanted = !explained.holds;
    let mut candidates: Vec<&Seen<'c>> = Vec::new();
    for seen in single(explained, wanted).unwrap_or_default() {
        if !candidates.iter().any(|known| known.number == seen.number) {
            candidates.push(seen);
        }
    }
    let mut steps = 0;
    candidates.retain(|seen| steps < MAX_STEPS && with_turned(explained, seen.number, &mut steps) == wanted);
    let mut fewest = Vec::new();
    if count(explained, wanted).is_some() {
        collect(explained, wanted, &mut fewest);
    }
    let mut known = Vec::new();
    fewest.retain(|seen: &&Seen<'c>| {
        let is_new = !known.contains(&seen.number);
        known.push(seen.number);
        is_new
    });
    Verdict { holds: explained.holds, decisive: candidates, fewest }
}

/// How many leaves have to turn so that the condition holds for a row, counted wherever they stand: 0 if it does hold,
/// [`usize::MAX`] if it never can.
pub fn distance(condition: &Condition, batch: &EventBatch, row: usize, types: &dyn FieldTypes) -> usize {
    turns(condition, true, batch, row, types).unwrap_or(usize::MAX)
}

fn turns(
    condition: &Condition,
    wanted: bool,
    batch: &EventBatch,
    row: usize,
    types: &dyn FieldTypes,
) -> Option<usize> {
    let each = |operands: &'_ [Condition]| -> Vec<Option<usize>> {
        operands.iter().map(|operand| turns(operand, wanted, batch, row, types)).collect()
    };
    match condition.node() {
        Node::Constant(value) => (*value == wanted).then_some(0),
        Node::Leaf(leaf) => {
            let holds = evaluate_leaf(leaf, batch, row, types, &mut Vec::new());
            Some(usize::from(holds != wanted))
        }
        Node::Not(inner) => turns(inner, !wanted, batch, row, types),
        Node::And(operands) => join(each(operands).into_iter(), wanted),
        Node::Or(operands) => join(each(operands).into_iter(), !wanted),
    }
}

/// All of these are needed, or the least of them is.
fn join(costs: impl Iterator<Item = Option<usize>>, all: bool) -> Option<usize> {
    if all { costs.sum() } else { costs.flatten().min() }
}

/// What `and` asks of all its operands to be so, and `or` of one: whether all operands have to come out as wanted.
fn needs_all(condition: &Condition, wanted: bool) -> bool {
    matches!(condition.node(), Node::And(_)) == wanted
}

/// How many leaves have to turn; `None` if it never comes out as wanted.
fn count(explained: &Explained<'_>, wanted: bool) -> Option<usize> {
    match &explained.parts {
        Parts::Constant => (explained.holds == wanted).then_some(0),
        Parts::Leaf(_) => Some(usize::from(explained.holds != wanted)),
        Parts::Operands(operands) => match explained.condition.node() {
            Node::Not(_) => count(&operands[0], !wanted),
            _ => join(
                operands.iter().map(|operand| count(operand, wanted)),
                needs_all(explained.condition, wanted),
            ),
        },
    }
}

/// Adds the leaves that [`count`] counts.
fn collect<'e, 'c>(explained: &'e Explained<'c>, wanted: bool, leaves: &mut Vec<&'e Seen<'c>>) {
    match &explained.parts {
        Parts::Constant => {}
        Parts::Leaf(seen) => {
            if explained.holds != wanted {
                leaves.push(seen);
            }
        }
        Parts::Operands(operands) => match explained.condition.node() {
            Node::Not(_) => collect(&operands[0], !wanted, leaves),
            _ if needs_all(explained.condition, wanted) => {
                operands.iter().for_each(|operand| collect(operand, wanted, leaves));
            }
            _ => {
                let cost = |operand: &&Explained<'_>| count(operand, wanted).unwrap_or(usize::MAX);
                if let Some(cheapest) = operands.iter().min_by_key(cost) {
                    collect(cheapest, wanted, leaves);
                }
            }
        },
    }
}

/// The leaves of which one alone may turn the condition. `None` if it is as wanted already.
fn single<'e, 'c>(explained: &'e Explained<'c>, wanted: bool) -> Option<Vec<&'e Seen<'c>>> {
    if explained.holds == wanted {
        return None;
    }
    match &explained.parts {
        Parts::Constant => Some(Vec::new()),
        Parts::Leaf(seen) => Some(vec![seen]),
        Parts::Operands(operands) => match explained.condition.node() {
            Node::Not(_) => single(&operands[0], !wanted),
            // A leaf that turns all of them turns the one with the fewest ways to be turned.
            _ if needs_all(explained.condition, wanted) => {
                operands.iter().filter_map(|operand| single(operand, wanted)).min_by_key(Vec::len)
            }
            _ => Some(operands.iter().filter_map(|operand| single(operand, wanted)).flatten().collect()),
        },
    }
}

/// What the condition comes to if this leaf comes out the other way, wherever it stands.
fn with_turned(explained: &Explained<'_>, number: usize, steps: &mut usize) -> bool {
    *steps += 1;
    match &explained.parts {
        Parts::Constant => explained.holds,
        Parts::Leaf(seen) => explained.holds != (seen.number == number),
        Parts::Operands(operands) => {
            let mut operand = |operand: &Explained<'_>| with_turned(operand, number, steps);
            match explained.condition.node() {
                Node::Not(_) => !operand(&operands[0]),
                Node::And(_) => operands.iter().all(operand),
                _ => operands.iter().any(operand),
            }
        }
    }
}
