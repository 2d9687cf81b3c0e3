//! A plan run over rows, one after another.
//!
//! Commands that look at one row at a time hold nothing; `STATS` holds its groups, `SORT` and `INLINE STATS` hold rows. The order of rows
//! is that in which they come; rows of `STATS` are in the order of their keys, so that the same rows give the same answer in any order.

mod evaluate;
mod evaluator;
mod trace;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use watchfire_diagnostics::Span;

use self::evaluate::evaluate;
pub use self::evaluator::Evaluator;
pub use self::trace::{Fate, Node, NodeId, NodeOf, Reason, Trace};
use crate::aggregates::Accumulator;
use crate::functions::Failure;
use crate::plan::{Groups, Plan, SortKey, Step, Typed};
use crate::value::{Cell, Value};

/// The slot of the number of the source's row, up to a `STATS`.
const ORIGIN: usize = 0;

/// Most groups that one row is in: one for each combination of the values of its keys. Who writes logs decides how many values there
/// are.
pub const MAX_GROUPS_OF_ROW: usize = 1_024;

/// A row: a cell for each slot.
pub type Row = Vec<Cell>;

/// What expressions could not compute, and how often, by their places. It never changes a result: where an expression fails,
/// there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    counts: BTreeMap<(u32, u32, &'static str), u64>,
}

/// One of [`Warnings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The expression.
    pub span: Span,
    /// Why it had no value.
    pub cause: Failure,
    /// How often.
    pub count: u64,
}

impl Warnings {
    fn add(&mut self, span: Span, cause: Failure) {
        *self.counts.entry((span.start, span.end, cause)).or_default() += 1;
    }

    /// Adds those of others.
    pub fn merge(&mut self, others: Self) {
        for (warned, count) in others.counts {
            *self.counts.entry(warned).or_default() += count;
        }
    }

    /// Each expression and cause, in the order of the text.
    pub fn list(&self) -> impl Iterator<Item = Warning> + '_ {
        self.counts.iter().map(|(&(start, end, cause), &count)| Warning {
            span: Span::new(start as usize, end as usize),
            cause,
            count,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// The cells of a row that only the answer has ([`Plan::early_slots`]).
pub trait LateCells: Send + Sync {
    /// The cell of a slot.
    fn cell(&self, slot: usize) -> Cell;
}

/// What goes with a row: who it is, for a trace, and where its late cells come from.
#[derive(Clone, Default)]
struct Tag<'p> {
    node: NodeId,
    late: Option<Arc<dyn LateCells + 'p>>,
}

impl fmt::Debug for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tag").field(&self.node).finish()
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The rows, each with the columns of [`Plan::output`].
    pub rows: Vec<Vec<Cell>>,
    /// What each of them is of.
    pub sources: Vec<RowSource>,
    /// What could not be computed.
    pub warnings: Warnings,
    /// What became of rows, if the run kept it.
    pub trace: Option<Trace>,
}

/// What a row of an answer is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowSource {
    /// The row of the source, by its number from 0, if it is one's.
    pub origin: Option<u64>,
    /// What tells it apart from others ([`Plan::identity`]).
    pub identity: Vec<Cell>,
}

/// A plan on its way over rows.
#[derive(Debug)]
pub struct Run<'p> {
    plan: &'p Plan,
    states: Vec<State<'p>>,
    evaluator: Evaluator,
    rows_in: u64,
    rows: Vec<Vec<Cell>>,
    sources: Vec<RowSource>,
    /// What becomes of rows, if someone wants to know.
    trace: Option<Trace>,
}

/// What a step holds.
#[derive(Debug)]
enum State<'p> {
    Nothing,
    Remaining(u64),
    Groups(GroupTable),
    Inline(GroupTable, Vec<InlineRow<'p>>),
    Sorting(Vec<(Vec<Cell>, Row, Tag<'p>)>),
}

/// A row that waits for what is computed over its group, whose keys it knows.
#[derive(Debug)]
struct InlineRow<'p> {
    row: Row,
    keys: Vec<Cell>,
    tag: Tag<'p>,
}

/// Groups by their keys.
#[derive(Debug, Default)]
struct GroupTable {
    places: FxHashMap<Vec<Cell>, usize>,
    groups: Vec<(Vec<Cell>, Vec<Accumulator>)>,
}

impl<'p> Run<'p> {
    /// A run at its begin. `now` is what `NOW()` gives, in milliseconds since 1970.
    pub fn new(plan: &'p Plan, now: i64) -> Self {
        let states = plan.steps.iter().map(|step| match step {
            Step::Limit(count) => State::Remaining(*count),
            Step::Stats { .. } => State::Groups(GroupTable::default()),
            Step::InlineStats { .. } => State::Inline(GroupTable::default(), Vec::new()),
            Step::Sort(_) => State::Sorting(Vec::new()),
            _ => State::Nothing,
        });
        Self {
            plan,
            states: states.collect(),
            evaluator: Evaluator::new(now),
            rows_in: 0,
            rows: Vec::new(),
            sources: Vec::new(),
            trace: None,
        }
    }

    /// The same, but what becomes of each row is kept, for [`Answer::trace`]. It holds all rows, and costs time.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { trace: Some(Trace::new(self.plan.steps.len())), ..self }
    }

    /// Takes a row: [`Plan::slots`] cells, of which those of [`Plan::reads`] and [`Plan::document_tests`] are filled.
    ///
    /// Breaks when no further row can change the answer.
    pub fn push(&mut self, row: Row) -> ControlFlow<()> {
        self.push_with(row, None)
    }

    /// Takes a row of which only the first [`Plan::early_slots`] cells are there, and what has the others; without it there is nothing
    /// in them.
    pub fn push_with(&mut self, mut row: Row, late: Option<Arc<dyn LateCells + 'p>>) -> ControlFlow<()> {
        if !self.plan.is_row {
            row[ORIGIN] = Value::UnsignedLong(self.rows_in).into();
        }
        let node = self.trace.as_mut().map_or(NodeId::default(), |trace| trace.source(self.rows_in));
        self.rows_in += 1;
        self.feed(0, row, Tag { node, late });
        for (step, state) in self.plan.steps.iter().zip(&self.states) {
            match (step, state) {
                (_, State::Remaining(0)) => return ControlFlow::Break(()),
                (
                    Step::Filter(_)
                    | Step::Assign(_)
                    | Step::Limit(_)
                    | Step::Expand { .. }
                    | Step::Dissect { .. }
                    | Step::Grok { .. },
                    _,
                ) => {}
                _ => break,
            }
        }
        ControlFlow::Continue(())
    }

    /// How many rows are ready.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The rows that are ready, if who asks wants them before the end; [`Self::finish`] gives those that come after.
    pub fn take_ready(&mut self) -> Vec<Vec<Cell>> {
        self.sources.clear();
        std::mem::take(&mut self.rows)
    }

    /// The answer, after the last row.
    pub fn finish(mut self) -> Answer {
        if self.plan.is_row {
            let _ = self.push(vec![Cell::Null; self.plan.slots]);
        }
        for number in 0..self.states.len() {
            match std::mem::replace(&mut self.states[number], State::Nothing) {
                State::Groups(table) => {
                    let Step::Stats { groups, slots } = &self.plan.steps[number] else { continue };
                    for (mut row, keys) in self.close(table, groups) {
                        let node = self
                            .trace
                            .as_mut()
                            .map_or(NodeId::default(), |trace| trace.closed(number, &keys, &row));
                        row.extend(keys);
                        row.resize(*slots, Cell::Null);
                        self.passed(number);
                        self.feed(number + 1, row, Tag { node, late: None });
                    }
                }
                State::Inline(table, rows) => {
                    let Step::InlineStats { groups, first } = &self.plan.steps[number] else {
                        continue;
                    };
                    let closed: FxHashMap<Vec<Cell>, Vec<Cell>> =
                        self.close(table, groups).into_iter().map(|(row, keys)| (keys, row)).collect();
                    let nothing = vec![Cell::Null; groups.aggregations.len()];
                    for InlineRow { mut row, keys, tag } in rows {
                        // A row with several values of a key is in no group of its own.
                        let computed = closed.get(&keys).unwrap_or(&nothing).clone();
                        for (at, cell) in computed.into_iter().chain(keys).enumerate() {
                            row[first + at] = cell;
                        }
                        self.passed(number);
                        self.feed(number + 1, row, tag);
                    }
                }
                State::Sorting(mut rows) => {
                    let Step::Sort(keys) = &self.plan.steps[number] else { continue };
                    rows.sort_by(|(a, ..), (b, ..)| order(a, b, keys));
                    for (_, row, tag) in rows {
                        self.passed(number);
                        self.feed(number + 1, row, tag);
                    }
                }
                State::Nothing | State::Remaining(_) => {}
            }
        }
        let warnings = self.evaluator.into_warnings();
        Answer { rows: self.rows, sources: self.sources, warnings, trace: self.trace }
    }

    fn passed(&mut self, step: usize) {
        if let Some(trace) = &mut self.trace {
            trace.rows[step] += 1;
        }
    }

    fn ends(&mut self, node: NodeId, fate: impl FnOnce() -> Fate) {
        if let Some(trace) = &mut self.trace {
            trace.add_fate(node, fate());
        }
    }

    /// Takes a row through the steps from `from` on.
    fn feed(&mut self, from: usize, mut row: Row, tag: Tag<'p>) {
        let node = tag.node;
        let plan = self.plan;
        for number in from..plan.steps.len() {
            match &plan.steps[number] {
                Step::Filter(condition) => {
                    let truth = self.evaluator.cell(condition, &row);
                    if !truth.is_true() {
                        if truth.is_null() {
                            self.evaluator.ask_on(conditions_of(&plan.steps[number + 1..]), &row);
                        }
                        if let Some(trace) = &mut self.trace {
                            let reasons = trace::reasons(condition, &row, self.evaluator.now());
                            trace.add_fate(node, Fate::Dropped { step: number, reasons });
                        }
                        return;
                    }
                }
                Step::Assign(assigned) => {
                    for (slot, value) in assigned {
                        row[*slot] = self.evaluator.cell(value, &row);
                    }
                }
                Step::Expand { from, to } => {
                    if let Cell::Many(values) = &row[*from] {
                        let values = values.clone();
                        for value in values.iter() {
                            let mut copy = row.clone();
                            copy[*to] = value.clone().into();
                            self.passed(number);
                            self.feed(number + 1, copy, tag.clone());
                        }
                        return;
                    }
                    row[*to] = row[*from].clone();
                }
                Step::Dissect { input, pattern, slots } => {
                    let cells = self.evaluator.dissected(input, pattern, &row);
                    for (slot, cell) in slots.iter().zip(cells) {
                        row[*slot] = cell;
                    }
                }
                Step::Grok { input, pattern, slots } => {
                    let cells = self.evaluator.grokked(input, pattern, &row);
                    for (slot, cell) in slots.iter().zip(cells) {
                        row[*slot] = cell;
                    }
                }
                Step::Limit(_) => {
                    let State::Remaining(remaining) = &mut self.states[number] else { return };
                    if *remaining == 0 {
                        self.ends(node, || Fate::Limited { step: number });
                        return;
                    }
                    *remaining -= 1;
                }
                Step::Stats { groups, .. } => {
                    let State::Groups(table) = &mut self.states[number] else { return };
                    let keys = self.evaluator.keys(groups, &row);
                    let of = table.add(groups, keys, &row, &self.evaluator);
                    if let Some(trace) = &mut self.trace {
                        of.iter().for_each(|keys| trace.grouped(node, number, keys));
                    }
                    return;
                }
                Step::InlineStats { groups, .. } => {
                    let State::Inline(table, rows) = &mut self.states[number] else { return };
                    let keys = self.evaluator.keys(groups, &row);
                    table.add(groups, keys.clone(), &row, &self.evaluator);
                    rows.push(InlineRow { row, keys, tag });
                    return;
                }
                Step::Sort(keys) => {
                    let keys = keys.iter().map(|key| self.evaluator.sort_key(key, &row)).collect();
                    let State::Sorting(rows) = &mut self.states[number] else { return };
                    rows.push((keys, row, tag));
                    return;
                }
            }
            self.passed(number);
        }
        let number = self.rows.len();
        self.ends(node, || Fate::Row(number));
        self.sources.push(RowSource {
            origin: plan.origin.and_then(|slot| match row[slot] {
                Cell::One(Value::UnsignedLong(number)) => Some(number),
                _ => None,
            }),
            identity: plan.identity.iter().map(|slot| row[*slot].clone()).collect(),
        });
        let cell = |slot: usize| match (row.get(slot), &tag.late) {
            (Some(cell), _) => cell.clone(),
            (None, Some(late)) => late.cell(slot),
            (None, None) => Cell::Null,
        };
        self.rows.push(plan.output.iter().map(|column| cell(column.slot)).collect());
    }

    /// The rows of groups, in order of their keys: what was computed, and the keys.
    fn close(&self, mut table: GroupTable, groups: &Groups) -> Vec<(Vec<Cell>, Vec<Cell>)> {
        if groups.keys.is_empty() && table.groups.is_empty() {
            table.groups.push((Vec::new(), start(groups)));
        }
        table.groups.sort_by(|(a, _), (b, _)| compare_cells(a, b));
        let close = |(keys, accumulators): (Vec<Cell>, Vec<Accumulator>)| {
            let cells =
                accumulators.into_iter().zip(&groups.aggregations).map(|(accumulator, aggregated)| {
                    accumulator.finish(&mut |cause| self.evaluator.warn(aggregated.span, cause))
                });
            (cells.collect(), keys)
        };
        table.groups.into_iter().map(close).collect()
    }
}

impl GroupTable {
    /// Adds a row with these keys to its groups, whose keys it gives.
    fn add(&mut self, groups: &Groups, keys: Vec<Cell>, row: &Row, evaluator: &Evaluator) -> Vec<Vec<Cell>> {
        let arguments: Vec<Option<Vec<Cell>>> =
            groups.aggregations.iter().map(|aggregated| evaluator.given(aggregated, row)).collect();
        let combinations = evaluator.combinations(groups, keys);
        for keys in &combinations {
            self.add_to(keys, groups, &arguments);
        }
        combinations
    }

    fn add_to(&mut self, keys: &[Cell], groups: &Groups, arguments: &[Option<Vec<Cell>>]) {
        let place = match self.places.get(keys) {
            Some(place) => *place,
            None => {
                self.groups.push((keys.to_vec(), start(groups)));
                self.places.insert(keys.to_vec(), self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        for (accumulator, arguments) in self.groups[place].1.iter_mut().zip(arguments) {
            if let Some(arguments) = arguments {
                accumulator.add(arguments);
            }
        }
    }
}

fn start(groups: &Groups) -> Vec<Accumulator> {
    groups.aggregations.iter().map(|aggregated| aggregated.aggregation.start()).collect()
}

/// The conditions that steps begin with.
fn conditions_of(steps: &[Step]) -> impl Iterator<Item = &Typed> {
    steps.iter().map_while(|step| match step {
        Step::Filter(condition) => Some(condition),
        _ => None,
    })
}

fn order(a: &[Cell], b: &[Cell], keys: &[SortKey]) -> Ordering {
    for ((a, b), key) in a.iter().zip(b).zip(keys) {
        let order = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if key.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if key.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if key.descending => b.order(a),
            (false, false) => a.order(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn compare_cells(a: &[Cell], b: &[Cell]) -> Ordering {
    let mut pairs = a.iter().zip(b);
    pairs.find_map(|(a, b)| Some(a.order(b)).filter(|order| order.is_ne())).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use watchfire_esql::parse;

    use super::*;
    use crate::{DataType, Source, SourceColumn, resolve};

    struct Nothing;

    impl Source for Nothing {
        fn listed(&self, _: &str) -> Vec<SourceColumn> {
            Vec::new()
        }

        fn column(&self, _: &str) -> Option<SourceColumn> {
            None
        }

        fn known(&self, _: &str) -> Option<DataType> {
            None
        }

        fn may_have(&self, _: &str) -> bool {
            false
        }
    }

    #[test]
    fn groups_of_one_row_are_bounded_and_what_is_left_out_is_told() {
        let text =
            format!("ROW a = SPLIT(\"{}\", \",\") | EVAL b = a | STATS n = COUNT(*) BY a, b", numbers(100));
        let query = parse(&text).query.expect("a query");
        let plan = resolve(&query, &Nothing).plan.expect("a plan");
        let answer = Run::new(&plan, 0).finish();
        assert_eq!(answer.rows.len(), 1_000);
        let causes: Vec<Failure> = answer.warnings.list().map(|warning| warning.cause).collect();
        assert_eq!(causes, [evaluator::GROUPS_LEFT_OUT]);
    }

    fn numbers(count: usize) -> String {
        (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",")
    }
}
