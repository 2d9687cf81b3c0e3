//! Why a condition holds of an event, or why not: the reference evaluator, and what it saw on the way.
//!
//! ```text
//! Condition, row ──► explain ──► Explained (the same tree, each leaf with its values and what is wrong with them)
//!                                    │
//!                                    └─► Verdict: the leaves that alone decide, and the fewest that would have to turn
//! ```
//!
//! Slow on purpose, and made for one event at a time; [`distance`] tells for many events which ones are worth it.

mod near;
mod verdict;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;
use watchfire_events::{BatchBuilder, Column, Document, Event, EventBatch, FieldTypes, get_field, set_field};
use watchfire_ir::{Condition, FieldLeaf, FieldTarget, Leaf, NestedLeaf, Node};

pub use self::near::Nearest;
pub use self::verdict::{Verdict, distance, verdict};
use crate::reference::{evaluate_leaf, target_columns};

/// Values of one leaf that are kept; the others are counted.
pub const MAX_SEEN_VALUES: usize = 100;

/// A condition, and what came of it for one event.
#[derive(Clone, Debug)]
pub struct Explained<'c> {
    /// The condition.
    pub condition: &'c Condition,
    /// Whether it holds.
    pub holds: bool,
    /// What it is made of.
    pub parts: Parts<'c>,
}

/// What a condition is made of.
#[derive(Clone, Debug)]
pub enum Parts<'c> {
    /// Nothing: it is a constant.
    Constant,
    /// It is a leaf, of which this was seen.
    Leaf(Box<Seen<'c>>),
    /// The operands of `and` and `or`, or the one of `not`.
    Operands(Vec<Explained<'c>>),
}

/// What was seen of a leaf.
#[derive(Clone, Debug)]
pub struct Seen<'c> {
    /// The leaf.
    pub leaf: &'c Leaf,
    /// The same for equal leaves of one tree.
    pub number: usize,
    /// The values of its fields, in the order of the event.
    pub values: Vec<SeenValue>,
    /// How many values more there are.
    pub left_out: usize,
    /// What they come to.
    pub finding: Finding<'c>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenValue {
    /// The field that holds it.
    pub field: Arc<str>,
    /// Its text.
    pub text: String,
    /// Whether it satisfies the leaf by itself; of a computed leaf that is not known.
    pub satisfies: Option<bool>,
}

/// What the values of a leaf come to.
#[derive(Clone, Debug)]
pub enum Finding<'c> {
    /// Some value satisfies it.
    Holds,
    /// There is no value.
    Missing,
    /// The event has something there, which is no value of the field's type: its JSON.
    OtherType(String),
    /// The value of this number would do if the case of letters made no difference.
    CaseOnly(usize),
    /// No value satisfies it; this one comes nearest to what is asked for.
    Near(usize, Nearest),
    /// No value satisfies it.
    OtherValue,
    /// Of so many objects none satisfies all at once; the nearest one, with its number.
    NoObject(usize, Option<(usize, Box<Explained<'c>>)>),
    /// It could not be evaluated, and counts as false: why.
    Failed(String),
}

/// What a condition comes to for a row of a batch, as [`crate::reference::evaluate`] has it; `types` are those of the
/// batch, which must have all columns.
pub fn explain<'c>(
    condition: &'c Condition,
    batch: &EventBatch,
    row: usize,
    types: &dyn FieldTypes,
) -> Explained<'c> {
    Explainer { batch, row, types, numbers: FxHashMap::default() }.condition(condition)
}

struct Explainer<'a> {
    batch: &'a EventBatch,
    row: usize,
    types: &'a dyn FieldTypes,
    numbers: FxHashMap<String, usize>,
}

impl Explainer<'_> {
    fn condition<'c>(&mut self, condition: &'c Condition) -> Explained<'c> {
        let (holds, parts) = match condition.node() {
            Node::Constant(value) => (*value, Parts::Constant),
            Node::Leaf(leaf) => {
                let (holds, seen) = self.leaf(leaf);
                (holds, Parts::Leaf(Box::new(seen)))
            }
            Node::Not(inner) => {
                let inner = self.condition(inner);
                (!inner.holds, Parts::Operands(vec![inner]))
            }
            Node::And(operands) => {
                let operands: Vec<_> = operands.iter().map(|operand| self.condition(operand)).collect();
                (operands.iter().all(|operand| operand.holds), Parts::Operands(operands))
            }
            Node::Or(operands) => {
                let operands: Vec<_> = operands.iter().map(|operand| self.condition(operand)).collect();
                (operands.iter().any(|operand| operand.holds), Parts::Operands(operands))
            }
        };
        Explained { condition, holds, parts }
    }

    fn leaf<'c>(&mut self, leaf: &'c Leaf) -> (bool, Seen<'c>) {
        let next = self.numbers.len();
        let number = *self.numbers.entry(leaf.to_string()).or_insert(next);
        let mut errors = Vec::new();
        let holds = evaluate_leaf(leaf, self.batch, self.row, self.types, &mut errors);
        let mut values = self.values(leaf);
        let left_out = values.len().saturating_sub(MAX_SEEN_VALUES);
        let finding = if holds {
            // Among very many values the one that does it must not be cut off.
            values.sort_by_key(|value| value.satisfies != Some(true));
            Finding::Holds
        } else if let Some(error) = errors.first() {
            Finding::Failed(error.to_string())
        } else {
            self.finding(leaf, &values)
        };
        values.truncate(MAX_SEEN_VALUES);
        (holds, Seen { leaf, number, values, left_out, finding })
    }

    fn values(&self, leaf: &Leaf) -> Vec<SeenValue> {
        let row = self.row;
        let of_column = |column: &Column, satisfies: &dyn Fn(u32) -> Option<bool>| -> Vec<SeenValue> {
            let value = |&code: &u32| SeenValue {
                field: Arc::clone(column.name()),
                text: column.value(code).to_text().into_owned(),
                satisfies: satisfies(code),
            };
            column.codes(row).iter().map(value).collect()
        };
        match leaf {
            Leaf::Field(leaf) => target_columns(&leaf.target, self.batch)
                .flat_map(|column| of_column(column, &|code| Some(leaf.predicate.holds(column.value(code)))))
                .collect(),
            Leaf::Computed(leaf) => {
                let columns = leaf.fields().iter().filter_map(|field| self.batch.column(&field.name));
                columns.flat_map(|column| of_column(column, &|_| None)).collect()
            }
            Leaf::AnyField(leaf) => {
                let holds =
                    |value: &SeenValue| leaf.whole.fits(&value.text) || leaf.tokens.holds(&value.text);
                let mut values: Vec<SeenValue> =
                    self.batch.columns().iter().flat_map(|column| of_column(column, &|_| None)).collect();
                values.iter_mut().for_each(|value| value.satisfies = Some(holds(value)));
                values
            }
            Leaf::Nested(_) => Vec::new(),
        }
    }

    fn finding<'c>(&self, leaf: &'c Leaf, values: &[SeenValue]) -> Finding<'c> {
        match leaf {
            Leaf::Field(leaf) if values.is_empty() => self.absent(leaf),
            Leaf::Field(leaf) => near::finding(leaf, values),
            Leaf::Nested(leaf) => self.nested(leaf),
            Leaf::Computed(_) if values.is_empty() => Finding::Missing,
            Leaf::AnyField(_) | Leaf::Computed(_) => Finding::OtherValue,
        }
    }

    /// A field without values: whether there is something in the document all the same.
    fn absent<'c>(&self, leaf: &FieldLeaf) -> Finding<'c> {
        let FieldTarget::Field(field) = &leaf.target else { return Finding::Missing };
        match get_field(&self.batch.event(self.row).document, &field.name) {
            None | Some(Value::Null) => Finding::Missing,
            Some(Value::Array(items)) if items.iter().all(Value::is_null) => Finding::Missing,
            Some(other) => Finding::OtherType(other.to_string()),
        }
    }

    /// The object of a list that would need the fewest leaves to turn.
    fn nested<'c>(&self, leaf: &'c NestedLeaf) -> Finding<'c> {
        let event = self.batch.event(self.row);
        let objects = match get_field(&event.document, &leaf.path) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(object) => std::slice::from_ref(object),
            None => return Finding::Missing,
        };
        let mut builder = BatchBuilder::new(self.types);
        let mut numbers = Vec::new();
        for (number, object) in objects.iter().enumerate().filter(|(_, object)| object.is_object()) {
            let mut document = Document::new();
            set_field(&mut document, &leaf.path, object.clone());
            builder.push(Event { document, ..event.clone() });
            numbers.push(number);
        }
        let inner = builder.finish();
        let nearest = (0..inner.len())
            .min_by_key(|&row| distance(&leaf.condition, &inner, row, self.types))
            .map(|row| (numbers[row], Box::new(explain(&leaf.condition, &inner, row, self.types))));
        Finding::NoObject(objects.len(), nearest)
    }
}

impl<'c> Explained<'c> {
    /// Calls `visit` with each leaf, from left to right, and whether it stands under an odd number of `not`s.
    pub fn for_each_leaf<'e>(&'e self, visit: &mut dyn FnMut(&'e Seen<'c>, bool)) {
        self.walk(false, visit);
    }

    fn walk<'e>(&'e self, negated: bool, visit: &mut dyn FnMut(&'e Seen<'c>, bool)) {
        match &self.parts {
            Parts::Constant => {}
            Parts::Leaf(seen) => visit(seen, negated),
            Parts::Operands(operands) => {
                let negated = negated != matches!(self.condition.node(), Node::Not(_));
                operands.iter().for_each(|operand| operand.walk(negated, visit));
            }
        }
    }

    /// What was seen of the leaf, if it is one.
    pub fn seen(&self) -> Option<&Seen<'c>> {
        match &self.parts {
            Parts::Leaf(seen) => Some(seen),
            Parts::Constant | Parts::Operands(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
