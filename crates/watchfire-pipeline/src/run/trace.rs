//! What becomes of rows: for people who ask why a query gives nothing, or this.

use rustc_hash::FxHashMap;
use watchfire_diagnostics::Span;

use super::{Evaluator, Row, evaluate};
use crate::plan::{Typed, TypedKind};
use crate::value::Cell;

/// What became of rows, step by step.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// How many rows came out of each step.
    pub rows: Vec<u64>,
    /// The rows of the source, and the groups that were made of rows.
    pub nodes: Vec<Node>,
    groups: FxHashMap<(usize, Vec<Cell>), NodeId>,
}

/// The place of a node in [`Trace::nodes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// A row of the source, or a group.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which one.
    pub of: NodeOf,
    /// What became of it: more than one thing if it was expanded into rows, or is in several groups.
    pub fates: Vec<Fate>,
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeOf {
    /// The row of the source of this number.
    Source(u64),
    /// A group.
    Group {
        /// The step that made it.
        step: usize,
        /// Its keys.
        keys: Vec<Cell>,
        /// What was computed over it.
        computed: Vec<Cell>,
    },
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It is in a group.
    Grouped(NodeId),
    /// A condition was not true of it.
    Dropped {
        /// The step.
        step: usize,
        /// What of the condition was not.
        reasons: Vec<Reason>,
    },
    /// There were enough rows.
    Limited {
        /// The step.
        step: usize,
    },
    /// It is a row of the answer, by its number.
    Row(usize),
}

/// A part of a condition that was not true.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The part.
    pub span: Span,
    /// Whether it was unknown, rather than false.
    pub is_null: bool,
    /// The columns in it, and what they had.
    pub columns: Vec<(Span, Cell)>,
}

impl Trace {
    pub(super) fn new(steps: usize) -> Self {
        Self { rows: vec![0; steps], ..Self::default() }
    }

    fn node(&mut self, of: NodeOf) -> NodeId {
        self.nodes.push(Node { of, fates: Vec::new() });
        NodeId(self.nodes.len() - 1)
    }

    pub(super) fn source(&mut self, number: u64) -> NodeId {
        self.node(NodeOf::Source(number))
    }

    pub(super) fn add_fate(&mut self, node: NodeId, fate: Fate) {
        let fates = &mut self.nodes[node.0].fates;
        if !fates.contains(&fate) {
            fates.push(fate);
        }
    }

    fn group(&mut self, step: usize, keys: &[Cell]) -> NodeId {
        if let Some(node) = self.groups.get(&(step, keys.to_vec())) {
            return *node;
        }
        let node = self.node(NodeOf::Group { step, keys: keys.to_vec(), computed: Vec::new() });
        self.groups.insert((step, keys.to_vec()), node);
        node
    }

    pub(super) fn grouped(&mut self, row: NodeId, step: usize, keys: &[Cell]) {
        let group = self.group(step, keys);
        self.add_fate(row, Fate::Grouped(group));
    }

    /// A group that goes on as a row.
    pub(super) fn closed(&mut self, step: usize, keys: &[Cell], over: &[Cell]) -> NodeId {
        let node = self.group(step, keys);
        if let NodeOf::Group { computed, .. } = &mut self.nodes[node.0].of {
            *computed = over.to_vec();
        }
        node
    }
}

/// The parts of a condition that are not true of a row: of `AND` each that is not, and of `OR` those of all its alternatives.
pub(super) fn reasons(condition: &Typed, row: &Row, now: i64) -> Vec<Reason> {
    // What cannot be computed was counted when the condition was asked.
    let env = Evaluator::new(now);
    let mut found = Vec::new();
    add_reasons(condition, row, &env, &mut found);
    found
}

fn add_reasons(condition: &Typed, row: &Row, env: &Evaluator, found: &mut Vec<Reason>) {
    let truth = evaluate(condition, row, env);
    if truth.is_true() {
        return;
    }
    if let TypedKind::And(parts) | TypedKind::Or(parts) = &condition.kind {
        parts.iter().for_each(|part| add_reasons(part, row, env, found));
        return;
    }
    let mut columns = Vec::new();
    condition.for_each_slot(&mut |span, slot| columns.push((span, row[slot].clone())));
    columns.sort_by_key(|(span, _)| span.start);
    columns.dedup_by_key(|(span, _)| *span);
    // What is its own column says nothing new.
    columns.retain(|(span, _)| *span != condition.span);
    found.push(Reason { span: condition.span, is_null: truth.is_null(), columns });
}
