//! Which fields the data has, and which rules cannot match for want of one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchfire_events::{DataStream, EventBatch, IndexPatterns};
use watchfire_ir::{Condition, FieldTarget, Leaf, Node};

/// Data streams seen, with their numbers of events and the fields that had a value in any of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    streams: BTreeMap<DataStream, StreamCoverage>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StreamCoverage {
    events: u64,
    fields: BTreeSet<Arc<str>>,
}

impl Coverage {
    /// Takes note of a batch.
    pub fn add(&mut self, batch: &EventBatch) {
        for (stream, rows) in batch.streams() {
            let seen = self.streams.entry(stream.clone()).or_default();
            seen.events += rows.len() as u64;
            let alone = batch.streams().len() == 1;
            for column in batch.columns() {
                let has_value = || alone || rows.iter().any(|&row| !column.codes(row as usize).is_empty());
                if !seen.fields.contains(column.name()) && has_value() {
                    seen.fields.insert(Arc::clone(column.name()));
                }
            }
        }
    }

    /// Takes note of events of which it is known without a batch which fields they have.
    pub fn add_stream<'n>(
        &mut self,
        stream: &DataStream,
        events: u64,
        fields: impl IntoIterator<Item = &'n str>,
    ) {
        let seen = self.streams.entry(stream.clone()).or_default();
        seen.events += events;
        seen.fields.extend(fields.into_iter().map(Arc::from));
    }

    /// Joins what another scan of the same kind saw.
    pub fn merge(&mut self, other: Self) {
        for (stream, theirs) in other.streams {
            let ours = self.streams.entry(stream).or_default();
            ours.events += theirs.events;
            ours.fields.extend(theirs.fields);
        }
    }

    /// The data streams, in order, with their numbers of events.
    pub fn streams(&self) -> impl Iterator<Item = (&DataStream, u64)> {
        self.streams.iter().map(|(stream, seen)| (stream, seen.events))
    }

    /// Number of events in the streams that the patterns select.
    pub fn events(&self, patterns: &IndexPatterns) -> u64 {
        self.streams.iter().filter(|(stream, _)| patterns.select(stream)).map(|(_, seen)| seen.events).sum()
    }

    /// The fields without which the condition cannot hold in any event of the streams that the patterns select;
    /// `None` if nothing is known to be in the way.
    pub fn absent_fields(
        &self,
        patterns: &IndexPatterns,
        condition: &Condition,
    ) -> Option<BTreeSet<Arc<str>>> {
        let present: BTreeSet<&str> = self
            .streams
            .iter()
            .filter(|(stream, _)| patterns.select(stream))
            .flat_map(|(_, seen)| seen.fields.iter().map(|name| &**name))
            .collect();
        impossible_without(condition, &|name| present.contains(name))
    }
}

/// If the condition cannot hold in any event whose fields are all among those present: the absent fields that are to
/// blame. A field leaf on an absent field is false; every other leaf is taken to be undecided.
pub fn impossible_without(
    condition: &Condition,
    present: &dyn Fn(&str) -> bool,
) -> Option<BTreeSet<Arc<str>>> {
    match condition.node() {
        Node::Constant(false) => Some(BTreeSet::new()),
        Node::Leaf(Leaf::Field(leaf)) => match &leaf.target {
            FieldTarget::Field(field) if !present(&field.name) => {
                Some(BTreeSet::from([Arc::clone(&field.name)]))
            }
            FieldTarget::Field(_) | FieldTarget::Names(_) | FieldTarget::Below(_) => None,
        },
        // Absent fields make leaves false, and so their negations true: a negation is never impossible for want of one.
        Node::Constant(true)
        | Node::Not(_)
        | Node::Leaf(Leaf::Nested(_) | Leaf::AnyField(_) | Leaf::Computed(_)) => None,
        Node::And(operands) => {
            let mut blamed =
                operands.iter().filter_map(|operand| impossible_without(operand, present)).peekable();
            blamed.peek()?;
            Some(blamed.flatten().collect())
        }
        Node::Or(operands) => {
            let blamed: Option<Vec<_>> =
                operands.iter().map(|operand| impossible_without(operand, present)).collect();
            blamed.map(|sets| sets.into_iter().flatten().collect())
        }
    }
}
