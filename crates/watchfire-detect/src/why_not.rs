//! What the events of a test lack: for each the first necessary part of the condition that is not so.

use std::fmt;

use watchfire_engine::{RuleIndex, reference};
use watchfire_events::{EventBatch, flatten};
use watchfire_ir::{Condition, FieldTarget, Leaf, Node, Schema};

use crate::rule_book::RuleBook;

/// Longest text of a part of a condition or a value that is shown.
const MAX_SHOWN: usize = 160;

/// What one event lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDiagnosis {
    /// The number of the event, from 1.
    pub event: usize,
    /// For a rule with several stages, the one that is meant, from 1; that of which most holds.
    pub stage: Option<usize>,
    /// What is in the way.
    pub lack: Lack,
}

/// What is in the way of a hit.
#[derive(Clone, Debug, PartialEq)]
pub enum Lack {
    /// Nothing: the event satisfies the condition.
    Nothing,
    /// Its data stream is none of the rule's: the name.
    DataStream(String),
    /// A part of the condition is not so.
    Part {
        /// The part, as the dump of conditions shows it, cut to a line.
        part: String,
        /// Names and values of the fields that the part asks about; a name alone is of an absent field.
        values: Vec<(String, Option<String>)>,
    },
}

/// What each event lacks for a hit of the rule of a book.
pub(crate) fn diagnose(book: &RuleBook, batch: &EventBatch, schema: &dyn Schema) -> Vec<EventDiagnosis> {
    let conditions = (0..book.set().len() as u32).map(RuleIndex);
    let stages: Vec<RuleIndex> = conditions.filter(|index| !book.only_counts(*index)).collect();
    (0..batch.len()).map(|row| diagnose_event(book, &stages, batch, row, schema)).collect()
}

fn diagnose_event(
    book: &RuleBook,
    stages: &[RuleIndex],
    batch: &EventBatch,
    row: usize,
    schema: &dyn Schema,
) -> EventDiagnosis {
    let event = row + 1;
    let of = |index: RuleIndex| {
        if !book.patterns(index).select(batch.stream(row)) {
            return (0, Lack::DataStream(batch.stream(row).to_string()));
        }
        lack(book.condition(index), batch, row, schema)
    };
    let all = stages.iter().enumerate().map(|(stage, index)| (stage, of(*index)));
    let best = all.max_by(|(a_at, (a, _)), (b_at, (b, _))| a.cmp(b).then(b_at.cmp(a_at)));
    match best {
        Some((stage, (_, lack))) => {
            EventDiagnosis { event, stage: (stages.len() > 1).then_some(stage + 1), lack }
        }
        None => EventDiagnosis { event, stage: None, lack: Lack::Nothing },
    }
}

/// How many necessary parts hold, in per mille, and the first that does not.
fn lack(condition: &Condition, batch: &EventBatch, row: usize, schema: &dyn Schema) -> (usize, Lack) {
    let holds = |part: &Condition| reference::evaluate(part, batch, row, schema, &mut Vec::new());
    let parts = match condition.node() {
        Node::And(parts) => parts.as_slice(),
        _ => std::slice::from_ref(condition),
    };
    let held = parts.iter().filter(|part| holds(part)).count();
    match parts.iter().find(|part| !holds(part)) {
        None => (1_001, Lack::Nothing),
        Some(part) => (held * 1_000 / parts.len(), failed(part, batch, row)),
    }
}

fn failed(part: &Condition, batch: &EventBatch, row: usize) -> Lack {
    let mut names: Vec<String> = Vec::new();
    part.for_each_leaf(&mut |leaf, _| {
        let asked: Vec<String> = match leaf {
            Leaf::Field(leaf) => match &leaf.target {
                FieldTarget::Field(field) => vec![field.name.to_string()],
                FieldTarget::Names(_) | FieldTarget::Below(_) => Vec::new(),
            },
            Leaf::Computed(leaf) => leaf.fields().iter().map(|field| field.name.to_string()).collect(),
            Leaf::Nested(leaf) => vec![leaf.path.to_string()],
            Leaf::AnyField(_) => Vec::new(),
        };
        for name in asked {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    });
    let value = |name: String| {
        let mut seen = Vec::new();
        flatten(&batch.event(row).document, &mut |other, value| {
            if other == name || other.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('.')) {
                seen.push(value.to_string());
            }
        });
        let seen = (!seen.is_empty()).then(|| cut(&seen.join(", ")));
        (name, seen)
    };
    Lack::Part { part: cut(&part.to_string()), values: names.into_iter().map(value).collect() }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN {
        return text.to_owned();
    }
    text.chars().take(MAX_SHOWN).chain(['…']).collect()
}

impl fmt::Display for EventDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}", self.event)?;
        if let Some(stage) = self.stage {
            write!(f, ", nearest to stage {stage}")?;
        }
        match &self.lack {
            Lack::Nothing => f.write_str(": fits"),
            Lack::DataStream(name) => write!(f, ": its data stream `{name}` is none of the rule's"),
            Lack::Part { part, values } => {
                write!(f, ": not so: {part}")?;
                for (name, value) in values {
                    match value {
                        Some(value) => write!(f, "; `{name}` is {value}")?,
                        None => write!(f, "; `{name}` is absent")?,
                    }
                }
                Ok(())
            }
        }
    }
}
