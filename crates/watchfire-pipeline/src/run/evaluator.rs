//! The expressions of a plan over single rows: for a [`Run`](super::Run), and for whoever runs the steps of a plan in another way.

use std::cell::RefCell;

use watchfire_diagnostics::Span;

use super::{MAX_GROUPS_OF_ROW, Warnings, evaluate};
use crate::dissect::Dissect;
use crate::functions::Failure;
use crate::grok::{Grok, GrokFailure};
use crate::plan::{Aggregated, Groups, SortKey, Typed};
use crate::types::DataType;
use crate::value::{Cell, Value};

pub(super) const GROUPS_LEFT_OUT: Failure = "more than 1,024 groups of one row are left out";

/// Evaluates expressions, and keeps count of what could not be computed.
///
/// A row is a cell for each slot; of those that an expression does not [read](Typed::for_each_slot) any will do.
#[derive(Debug, Default)]
pub struct Evaluator {
    now: i64,
    warnings: RefCell<Warnings>,
}

impl Evaluator {
    /// `now` is what `NOW()` gives, in milliseconds since 1970.
    pub fn new(now: i64) -> Self {
        Self { now, warnings: RefCell::default() }
    }

    /// What `NOW()` gives, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Counts something that could not be computed.
    pub fn warn(&self, span: Span, cause: Failure) {
        self.warnings.borrow_mut().add(span, cause);
    }

    /// What could not be computed.
    pub fn into_warnings(self) -> Warnings {
        self.warnings.into_inner()
    }

    /// What an expression comes to.
    pub fn cell(&self, typed: &Typed, row: &[Cell]) -> Cell {
        evaluate(typed, row, self).into_owned()
    }

    /// Whether conditions, one behind the other, let a row pass.
    pub fn passes(&self, conditions: &[Typed], row: &[Cell]) -> bool {
        for (number, condition) in conditions.iter().enumerate() {
            let truth = evaluate(condition, row, self);
            if !truth.is_true() {
                if truth.is_null() {
                    self.ask_on(&conditions[number + 1..], row);
                }
                return false;
            }
        }
        true
    }

    /// Conditions one behind the other are one: where the first is unknown, the others are asked too, so that all that could not
    /// be computed is told.
    pub(super) fn ask_on<'p>(&self, conditions: impl IntoIterator<Item = &'p Typed>, row: &[Cell]) {
        for condition in conditions {
            let truth = evaluate(condition, row, self);
            if !truth.is_true() && !truth.is_null() {
                return;
            }
        }
    }

    /// What `DISSECT` makes of a text: a cell for each of its keys.
    pub fn dissected(&self, input: &Typed, pattern: &Dissect, row: &[Cell]) -> Vec<Cell> {
        let input = evaluate(input, row, self);
        let mut values = vec![Vec::new(); pattern.names().len()];
        for text in input.values().iter().filter_map(Value::as_text) {
            let Some(pieces) = pattern.take_apart(text) else { continue };
            for (values, piece) in values.iter_mut().zip(pieces) {
                values.push(Value::text(piece));
            }
        }
        values.into_iter().map(Cell::of).collect()
    }

    /// What `GROK` makes of a text: a cell for each of its columns.
    pub fn grokked(&self, input: &Typed, pattern: &Grok, row: &[Cell]) -> Vec<Cell> {
        let cell = evaluate(input, row, self);
        pattern.take_apart(&cell, &mut |failure| {
            let cause = match failure {
                GrokFailure::TooCostly => "the search stepped back too often",
                GrokFailure::NoValue => "what was found is no value of its type",
            };
            self.warn(input.span, cause);
        })
    }

    /// What a row is sorted by. Of several values the least counts where it ascends, the greatest where it descends.
    pub fn sort_key(&self, key: &SortKey, row: &[Cell]) -> Cell {
        let cell = evaluate(&key.key, row, self);
        let values = cell.values().iter();
        let value =
            if key.descending { values.max_by(|a, b| a.order(b)) } else { values.min_by(|a, b| a.order(b)) };
        match value {
            // Both zeros are one value.
            Some(Value::Double(0.0)) => Value::Double(0.0).into(),
            other => other.cloned().into(),
        }
    }

    /// The keys of a row, as they are.
    pub fn keys(&self, groups: &Groups, row: &[Cell]) -> Vec<Cell> {
        groups.keys.iter().map(|key| self.key(key, row)).collect()
    }

    /// A key of a row, as it is, but for the sign of zero: both zeros are one value.
    pub fn key(&self, key: &Typed, row: &[Cell]) -> Cell {
        match key.data_type {
            DataType::Double => evaluate(key, row, self).map(|value| {
                Some(match value {
                    Value::Double(0.0) => Value::Double(0.0),
                    other => other.clone(),
                })
            }),
            _ => self.cell(key, row),
        }
    }

    /// The keys of each group that a row with these keys is in: each value of a key is a group of its own; of several keys, each
    /// combination.
    pub fn combinations(&self, groups: &Groups, keys: Vec<Cell>) -> Vec<Vec<Cell>> {
        if !keys.iter().any(|key| matches!(key, Cell::Many(_))) {
            return vec![keys];
        }
        let mut combinations: Vec<Vec<Cell>> = vec![Vec::new()];
        for (key, typed) in keys.iter().zip(&groups.keys) {
            let mut choices: Vec<Cell> = key.values().iter().cloned().map(Cell::One).collect();
            choices.sort_by(Cell::order);
            choices.dedup();
            if choices.is_empty() {
                choices.push(Cell::Null);
            }
            if combinations.len() * choices.len() > MAX_GROUPS_OF_ROW {
                self.warn(typed.span, GROUPS_LEFT_OUT);
                choices.truncate((MAX_GROUPS_OF_ROW / combinations.len()).max(1));
            }
            combinations = combinations
                .into_iter()
                .flat_map(|before| {
                    choices.iter().map(move |choice| {
                        let mut with = before.clone();
                        with.push(choice.clone());
                        with
                    })
                })
                .collect();
        }
        combinations
    }

    /// What an aggregation is given of a row; `None` if its filter does not let the row pass.
    pub fn given(&self, aggregated: &Aggregated, row: &[Cell]) -> Option<Vec<Cell>> {
        if let Some(filter) = &aggregated.filter
            && !evaluate(filter, row, self).is_true()
        {
            return None;
        }
        Some(aggregated.arguments.iter().map(|argument| self.cell(argument, row)).collect())
    }
}
