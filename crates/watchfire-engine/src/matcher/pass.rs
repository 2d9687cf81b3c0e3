//! The state of matching one batch, and the evaluation of plans in it.
//!
//! A plan is evaluated in one of two ways that give the same: of many rows as sets, each operand on the rows that the ones
//! before it left over; of few rows row by row. Either way it depends on the row alone which leaves it is asked for, and
//! so which errors it can give.

use std::time::Duration;

use rustc_hash::FxHashMap;
use watchfire_events::{Column, EventBatch, FieldTypes, ValueRef};
use watchfire_ir::{EvaluationError, Leaf};

use super::Memory;
use crate::leaf_lists::{LeafLists, ListId};
use crate::leaf_table::{LeafId, Route};
use crate::plan::Plan;
use crate::profile::MatchStage;
use crate::reference::{evaluate_leaf, target_columns};
use crate::rows::Rows;
use crate::rule_set::{Question, QuestionId, RuleSet};

/// Up to so many rows are asked one by one. A set costs about as much whatever is in it.
const FEW_ROWS: usize = 32;

/// A column and what its values satisfy.
struct Answers<'b> {
    column: &'b Column,
    /// By code. Of a deferred program, those that were asked for so far.
    lists: Vec<Option<ListId>>,
    /// Whether its leaves are entered among those that are alive.
    is_entered: bool,
    /// How many rows were asked one by one where many were left.
    asked: usize,
}

/// The state of matching one batch.
pub(super) struct Pass<'m, 'b> {
    rules: &'m RuleSet,
    memory: &'m mut Memory,
    batch: &'b EventBatch,
    types: &'b dyn FieldTypes,
    /// By the number of the program; `None` if no row has the field.
    answers: Vec<Option<Answers<'b>>>,
    errors: Vec<(u32, EvaluationError)>,
}

impl<'m, 'b> Pass<'m, 'b> {
    pub(super) fn new(
        rules: &'m RuleSet,
        memory: &'m mut Memory,
        batch: &'b EventBatch,
        types: &'b dyn FieldTypes,
    ) -> Self {
        let answers = |field| {
            let column = batch.column(field)?;
            Some(Answers { column, lists: Vec::new(), is_entered: false, asked: 0 })
        };
        let answers = rules.programs.iter().map(|program| answers(&program.field)).collect();
        Self { rules, memory, batch, types, answers, errors: Vec::new() }
    }

    /// Runs the programs that are not deferred.
    pub(super) fn run_programs(&mut self) {
        for program in 0..self.rules.programs.len() {
            if !self.rules.programs[program].is_deferred {
                let started = self.memory.now();
                self.enter(program);
                if let Some((profiler, started)) = self.memory.profiler(started) {
                    profiler.program(MatchStage::FieldPrograms, program, started);
                }
            }
        }
    }

    /// The leaves that are known to be alive.
    pub(super) fn alive(&self) -> &[LeafId] {
        self.memory.alive.alive()
    }

    /// The errors of the question that was asked, ordered by row. Those of one row stand as they came about.
    pub(super) fn take_errors(&mut self) -> Vec<(u32, EvaluationError)> {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by_key(|&(row, _)| row);
        errors
    }

    /// The necessary set that holds in the fewest rows; `None` if one of them is dead.
    pub(super) fn rarest_set(&self, question: &Question) -> Option<RarestSet> {
        let alive = &self.memory.alive;
        let mut rarest = RarestSet { place: question.necessary.len(), rows: u32::MAX };
        for (place, set) in question.necessary.iter().enumerate() {
            let rows = set.iter().fold(0_u32, |sum, &leaf| sum.saturating_add(alive.rows_at_most(leaf)));
            if rows == 0 {
                return None;
            }
            if rows < rarest.rows {
                rarest = RarestSet { place, rows };
            }
        }
        Some(rarest)
    }

    /// Adds the rows of `domain` that the question selects to `found`, in order.
    pub(super) fn select(
        &mut self,
        number: QuestionId,
        rarest: RarestSet,
        domain: &Rows,
        found: &mut Vec<u32>,
    ) {
        let question = &self.rules.questions[number.at()];
        let started = self.memory.now();
        let many = self.surviving_rows(question, rarest, domain, found);
        if let Some((profiler, started)) = self.memory.profiler(started) {
            let candidates = if question.necessary.is_empty() { domain.count() as u32 } else { rarest.rows };
            let surviving = many.as_ref().map_or(found.len(), Rows::count);
            profiler.rows(number, started, candidates.into(), surviving as u64);
        }
        let started = self.memory.now();
        match many {
            None => self.retain(&question.plan, found),
            Some(rows) => found.extend(self.rows_where(&question.plan, &rows).iter()),
        }
        if let Some((profiler, started)) = self.memory.profiler(started) {
            profiler.plan(number, started, found.len() as u64);
        }
    }

    /// The rows of `domain` in which one leaf of each necessary set holds: many as a set, few in `found`.
    fn surviving_rows(
        &mut self,
        question: &Question,
        rarest: RarestSet,
        domain: &Rows,
        found: &mut Vec<u32>,
    ) -> Option<Rows> {
        if rarest.rows as usize <= FEW_ROWS {
            let set = &question.necessary[rarest.place];
            set.iter().for_each(|&leaf| self.memory.alive.rows_into(leaf, found));
            found.sort_unstable();
            found.dedup();
            found.retain(|&row| domain.contains(row) && self.holds_necessary(question, rarest.place, row));
            return None;
        }
        let rows = self.necessary_rows(&question.necessary, domain);
        if rows.count() <= FEW_ROWS {
            found.extend(rows.iter());
            return None;
        }
        Some(rows)
    }

    /// Whether one leaf of each necessary set but the one at `except` holds in a row.
    fn holds_necessary(&mut self, question: &Question, except: usize, row: u32) -> bool {
        let others = question.necessary.iter().enumerate().filter(|&(place, _)| place != except);
        others.into_iter().all(|(_, set)| set.iter().any(|&leaf| self.program_holds(leaf, row)))
    }

    /// The rows of `domain` in which one leaf of each necessary set holds.
    fn necessary_rows(&mut self, necessary: &[Vec<LeafId>], domain: &Rows) -> Rows {
        let mut rows = domain.clone();
        for set in necessary {
            if rows.is_empty() {
                break;
            }
            if let [leaf] = set[..] {
                match self.memory.alive.set(leaf) {
                    Some(holding) => rows.intersect(holding),
                    None => rows.clear(self.batch.len()),
                }
                continue;
            }
            let mut holding = Rows::none(self.batch.len());
            for &leaf in set {
                if let Some(leaf_rows) = self.memory.alive.set(leaf) {
                    holding.unite(leaf_rows);
                }
            }
            rows.intersect(&holding);
        }
        rows
    }

    /// The rows of `domain` for which the plan holds.
    fn rows_where(&mut self, plan: &Plan, domain: &Rows) -> Rows {
        match plan {
            Plan::Constant(true) => domain.clone(),
            Plan::Constant(false) => Rows::none(self.batch.len()),
            Plan::Leaf(id) => self.rows_of_leaf(*id, domain),
            Plan::Not(inner) => {
                let mut rows = domain.clone();
                rows.subtract(&self.rows_where(inner, domain));
                rows
            }
            Plan::And(operands) => {
                let mut rows = domain.clone();
                for operand in operands {
                    if rows.is_empty() {
                        break;
                    }
                    rows = self.rows_where(operand, &rows);
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
                    let found = self.rows_where(operand, &rest);
                    rest.subtract(&found);
                    rows.unite(&found);
                }
                rows
            }
        }
    }

    fn rows_of_leaf(&mut self, id: LeafId, domain: &Rows) -> Rows {
        let entry = self.rules.leaves.entry(id);
        match entry.route() {
            Route::Deferred if self.is_to_be_asked(entry.program as usize, domain) => {
                let mut rows = Rows::none(self.batch.len());
                domain.iter().filter(|&row| self.value_holds(id, row)).for_each(|row| rows.insert(row));
                rows
            }
            Route::Program | Route::Deferred => {
                let started = self.memory.now();
                self.enter(entry.program as usize);
                if let Some((profiler, started)) = self.memory.profiler(started) {
                    profiler.program(MatchStage::DeferredFields, entry.program as usize, started);
                }
                let mut rows = domain.clone();
                match self.memory.alive.set(id) {
                    Some(holding) => rows.intersect(holding),
                    None => rows.clear(self.batch.len()),
                }
                rows
            }
            Route::OnDemand => {
                let started = self.memory.now();
                let rows = self.rows_on_demand(&entry.leaf, domain);
                self.tell_on_demand(started);
                rows
            }
        }
    }

    fn rows_on_demand(&mut self, leaf: &Leaf, domain: &Rows) -> Rows {
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
        for row in domain.iter() {
            if self.holds_on_demand(leaf, row) {
                rows.insert(row);
            }
        }
        rows
    }

    /// Keeps the rows for which the plan holds.
    fn retain(&mut self, plan: &Plan, rows: &mut Vec<u32>) {
        if *plan != Plan::Constant(true) {
            rows.retain(|&row| self.holds(plan, row));
        }
    }

    /// Whether the plan holds for a row.
    fn holds(&mut self, plan: &Plan, row: u32) -> bool {
        match plan {
            Plan::Constant(value) => *value,
            Plan::Leaf(id) => {
                let rules = self.rules;
                let entry = rules.leaves.entry(*id);
                match entry.route() {
                    Route::Program => self.program_holds(*id, row),
                    Route::Deferred => self.value_holds(*id, row),
                    Route::OnDemand => {
                        let started = self.memory.now();
                        let holds = self.holds_on_demand(&entry.leaf, row);
                        self.tell_on_demand(started);
                        holds
                    }
                }
            }
            Plan::Not(inner) => !self.holds(inner, row),
            Plan::And(operands) => operands.iter().all(|operand| self.holds(operand, row)),
            Plan::Or(operands) => operands.iter().any(|operand| self.holds(operand, row)),
        }
    }

    fn holds_on_demand(&mut self, leaf: &Leaf, row: u32) -> bool {
        let mut errors = Vec::new();
        let holds = evaluate_leaf(leaf, self.batch, row as usize, self.types, &mut errors);
        self.errors.extend(errors.into_iter().map(|error| (row, error)));
        holds
    }

    /// Whether a leaf whose program was run holds in a row.
    fn program_holds(&mut self, leaf: LeafId, row: u32) -> bool {
        let alive = &mut self.memory.alive;
        if let Some(set) = alive.known_set(leaf) {
            return set.contains(row);
        }
        match alive.rows_at_most(leaf) as usize {
            0 => false,
            // What holds in few rows is seldom asked for again.
            1..=FEW_ROWS => self.value_holds(leaf, row),
            _ => alive.set(leaf).is_some_and(|set| set.contains(row)),
        }
    }

    /// Whether a value of the row satisfies a leaf.
    fn value_holds(&mut self, leaf: LeafId, row: u32) -> bool {
        let entry = self.rules.leaves.entry(leaf);
        let program = entry.program as usize;
        let Some(Answers { column, .. }) = &self.answers[program] else { return false };
        let codes = column.codes(row as usize);
        if entry.is_existence() {
            return !codes.is_empty();
        }
        codes.iter().any(|&code| {
            let list = self.list_of(program, code);
            list != ListId::EMPTY && self.memory.cache.lists().get(list).contains(&leaf)
        })
    }

    fn tell_on_demand(&mut self, started: Option<Duration>) {
        if let Some((profiler, started)) = self.memory.profiler(started) {
            profiler.add_since(MatchStage::ComputedLeaves, started);
        }
    }

    /// Whether rows are to be asked one by one, of a deferred program. Once as many have been asked as the batch has,
    /// the program is run on all values: that costs no more, and further leaves cost nothing.
    fn is_to_be_asked(&mut self, program: usize, domain: &Rows) -> bool {
        let Some(answers) = &mut self.answers[program] else { return false };
        answers.asked += domain.count();
        !answers.is_entered && answers.asked < self.batch.len()
    }

    /// Runs a program on all values of its column, and enters the leaves that hold.
    fn enter(&mut self, program: usize) {
        let rules = self.rules;
        let Some(answers) = &mut self.answers[program] else { return };
        if std::mem::replace(&mut answers.is_entered, true) {
            return;
        }
        let column = answers.column;
        let numbered = &rules.programs[program];
        self.memory.alive.enter_existence(column, &numbered.existence);
        if numbered.program.is_empty() {
            return;
        }
        let lists: Vec<ListId> =
            (0..column.distinct() as u32).map(|code| self.list_of(program, code)).collect();
        self.memory.alive.enter_column(column, &lists, self.memory.cache.lists());
    }

    /// The leaves that a value of the column of a program satisfies.
    fn list_of(&mut self, program: usize, code: u32) -> ListId {
        let Some(answers) = &mut self.answers[program] else { return ListId::EMPTY };
        if answers.lists.is_empty() {
            answers.lists = vec![None; answers.column.distinct()];
        }
        if let Some(list) = answers.lists[code as usize] {
            return list;
        }
        // Of a program that is run on all values, these are timed together.
        let started = if answers.is_entered { None } else { self.memory.now() };
        let value = answers.column.value(code);
        let (list, is_known) = self.evaluate(program, value);
        if let Some(answers) = &mut self.answers[program] {
            answers.lists[code as usize] = Some(list);
        }
        if let Some(profiler) = &mut self.memory.profiler {
            profiler.value(program, is_known);
        }
        if let Some((profiler, started)) = self.memory.profiler(started) {
            profiler.program(MatchStage::DeferredFields, program, started);
        }
        list
    }

    /// The leaves of a program that a value satisfies, and whether they were known.
    fn evaluate(&mut self, program: usize, value: ValueRef<'_>) -> (ListId, bool) {
        let Memory { cache, scratch, holding, .. } = &mut *self.memory;
        let program_of_field = &self.rules.programs[program].program;
        let mut is_known = true;
        let mut run = |lists: &mut LeafLists| {
            is_known = false;
            holding.clear();
            program_of_field.run(value, scratch, holding);
            lists.intern(holding)
        };
        let list = match value {
            ValueRef::Text(text) if program_of_field.is_costly() => cache.list_of(program, text, run),
            _ => run(cache.lists_mut()),
        };
        (list, is_known)
    }
}

/// The necessary set of a question that holds in the fewest rows of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct RarestSet {
    /// Its place among the necessary sets; behind the last if there is none.
    place: usize,
    /// The number of rows in which a leaf of it holds, or somewhat more.
    rows: u32,
}
