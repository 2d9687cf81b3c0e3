//! Matching a batch.
//!
//! 1. Each field's program runs once per distinct value of its column, and yields the leaves that are *alive*.
//! 2. Rules whose necessary leaves are alive, and whose data streams are present, are candidates.
//! 3. A candidate's plan is evaluated as sets of rows, each operand on the rows that the ones before it left over.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use watchfire_events::{Column, EventBatch, FieldTypes};
use watchfire_ir::{EvaluationError, FieldTarget, Leaf};

use crate::field_program::LeafCodes;
use crate::leaf_table::{LeafId, Route};
use crate::reference::{evaluate_leaf, target_columns};
use crate::rows::Rows;
use crate::rule_set::{Plan, RuleIndex, RuleSet};

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

impl RuleSet {
    /// Matches all rules against a batch. `types` are those the batch was made with.
    pub fn match_batch(&self, batch: &EventBatch, types: &dyn FieldTypes) -> Matches {
        let mut alive = LeafCodes::default();
        for (name, program) in &self.programs {
            if let Some(column) = batch.column(name) {
                program.run(column, &mut alive);
            }
        }
        let mut pass = Pass {
            rules: self,
            batch,
            types,
            alive,
            leaf_rows: FxHashMap::default(),
            rows_by_code: BTreeMap::new(),
            errors: Vec::new(),
        };
        let mut matches = Matches::default();
        let streams: Vec<OnceCell<Rows>> = self.patterns.iter().map(|_| OnceCell::new()).collect();
        for rule in self.candidates(&pass.alive) {
            let compiled = &self.rules[rule.0 as usize];
            let domain =
                streams[compiled.patterns].get_or_init(|| self.stream_rows(compiled.patterns, batch));
            if domain.is_empty() {
                continue;
            }
            let domain = pass.necessary_rows(&compiled.necessary, domain);
            let holding = pass.evaluate(&compiled.plan, &domain);
            matches.hits.extend(holding.iter().map(|row| Hit { rule, row }));
            let mut errors = std::mem::take(&mut pass.errors);
            errors.sort_by_key(|&(row, _)| row);
            matches.errors.extend(errors.into_iter().map(|(row, error)| MatchError { rule, row, error }));
        }
        matches
    }

    /// The rules that the alive leaves allow, in order.
    fn candidates(&self, alive: &LeafCodes) -> Vec<RuleIndex> {
        let guarded = alive.keys().filter_map(|leaf| self.by_leaf.get(leaf)).flatten();
        let mut candidates: Vec<RuleIndex> = guarded.chain(&self.unguarded).copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|rule| {
            let sets = &self.rules[rule.0 as usize].necessary;
            sets.iter().all(|set| set.iter().any(|leaf| alive.contains_key(leaf)))
        });
        candidates
    }

    fn stream_rows(&self, patterns: usize, batch: &EventBatch) -> Rows {
        let mut rows = Rows::none(batch.len());
        for (_, stream_rows) in
            batch.streams().iter().filter(|(stream, _)| self.patterns[patterns].select(stream))
        {
            for &row in stream_rows {
                rows.insert(row);
            }
        }
        rows
    }
}

/// The state of matching one batch.
struct Pass<'a> {
    rules: &'a RuleSet,
    batch: &'a EventBatch,
    types: &'a dyn FieldTypes,
    alive: LeafCodes,
    leaf_rows: FxHashMap<LeafId, Rows>,
    rows_by_code: BTreeMap<Arc<str>, RowsByCode>,
    errors: Vec<(u32, EvaluationError)>,
}

impl Pass<'_> {
    /// The rows of `domain` in which one leaf of each necessary set holds. Which other leaves a row is asked for, and
    /// so which errors it can give, then depends on that row alone and not on its batch.
    fn necessary_rows(&mut self, necessary: &[Vec<LeafId>], domain: &Rows) -> Rows {
        let mut rows = domain.clone();
        for set in necessary {
            if rows.is_empty() {
                break;
            }
            let mut holding = Rows::none(self.batch.len());
            for &leaf in set {
                if let Some(leaf_rows) = self.program_rows(leaf) {
                    holding.unite(leaf_rows);
                }
            }
            rows.intersect(&holding);
        }
        rows
    }

    /// The rows of `domain` for which the plan holds.
    fn evaluate(&mut self, plan: &Plan, domain: &Rows) -> Rows {
        match plan {
            Plan::Constant(true) => domain.clone(),
            Plan::Constant(false) => Rows::none(self.batch.len()),
            Plan::Leaf(id) => self.evaluate_leaf(*id, domain),
            Plan::Not(inner) => {
                let mut rows = domain.clone();
                rows.subtract(&self.evaluate(inner, domain));
                rows
            }
            Plan::And(operands) => {
                let mut rows = domain.clone();
                for operand in operands {
                    if rows.is_empty() {
                        break;
                    }
                    rows = self.evaluate(operand, &rows);
                }
                rows
            }
            Plan::Or(operands) => {
                let mut rows = Rows::none(self.batch.len());
                let mut rest = domain.clone();
                for operand in operands {
                    if rest.is_empty() {
                        break;
                    }
                    let found = self.evaluate(operand, &rest);
                    rest.subtract(&found);
                    rows.unite(&found);
                }
                rows
            }
        }
    }

    fn evaluate_leaf(&mut self, id: LeafId, domain: &Rows) -> Rows {
        let entry = self.rules.leaves.entry(id);
        match entry.route() {
            Route::FieldProgram => {
                let mut rows = domain.clone();
                match self.program_rows(id) {
                    Some(holding) => rows.intersect(holding),
                    None => rows = Rows::none(self.batch.len()),
                }
                rows
            }
            Route::OnDemand => self.on_demand(&entry.leaf, domain),
        }
    }

    /// All rows for which a leaf of a field program holds; `None` if it is dead.
    fn program_rows(&mut self, id: LeafId) -> Option<&Rows> {
        let codes = self.alive.get(&id)?;
        let batch = self.batch;
        let Leaf::Field(leaf) = &self.rules.leaves.entry(id).leaf else { return None };
        let FieldTarget::Field(field) = &leaf.target else { return None };
        let column = batch.column(&field.name)?;
        let by_code =
            self.rows_by_code.entry(Arc::clone(&field.name)).or_insert_with(|| RowsByCode::new(column));
        Some(self.leaf_rows.entry(id).or_insert_with(|| {
            let mut rows = Rows::none(batch.len());
            for &code in codes {
                for &row in by_code.rows(code) {
                    rows.insert(row);
                }
            }
            rows
        }))
    }

    fn on_demand(&mut self, leaf: &Leaf, domain: &Rows) -> Rows {
        let mut rows = Rows::none(self.batch.len());
        if let Leaf::Field(leaf) = leaf {
            for column in target_columns(&leaf.target, self.batch) {
                // Values repeat; each is asked once.
                let mut known: FxHashMap<u32, bool> = FxHashMap::default();
                let mut holds =
                    |code| *known.entry(code).or_insert_with(|| leaf.predicate.holds(column.value(code)));
                for row in domain.iter() {
                    if column.codes(row as usize).iter().any(|&code| holds(code)) {
                        rows.insert(row);
                    }
                }
            }
            return rows;
        }
        let mut errors = Vec::new();
        for row in domain.iter() {
            if evaluate_leaf(leaf, self.batch, row as usize, self.types, &mut errors) {
                rows.insert(row);
            }
            self.errors.extend(errors.drain(..).map(|error| (row, error)));
        }
        rows
    }
}

/// For each code of a column, its rows.
struct RowsByCode {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl RowsByCode {
    fn new(column: &Column) -> Self {
        let mut starts = vec![0_u32; column.distinct() + 1];
        for row in 0..column.rows() {
            for &code in column.codes(row) {
                starts[code as usize + 1] += 1;
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts[starts.len() - 1] as usize];
        for row in 0..column.rows() {
            for &code in column.codes(row) {
                rows[next[code as usize] as usize] = row as u32;
                next[code as usize] += 1;
            }
        }
        Self { starts, rows }
    }

    fn rows(&self, code: u32) -> &[u32] {
        &self.rows[self.starts[code as usize] as usize..self.starts[code as usize + 1] as usize]
    }
}
