//! From the steps of a query to the nodes of a logical plan.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::datatypes::{DataType as Arrow, Schema};
use datafusion::common::{Column, DataFusionError, JoinType, NullEquality, ScalarValue, UnnestOptions};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, lit};
use watchfire_pipeline::DataType;
use watchfire_pipeline::plan::{Aggregated, Groups, Plan, SortKey, Step, Typed, TypedKind};

use crate::Evaluation;
use crate::aggregate::RowAggregate;
use crate::functions::{Computed, RowFunction, needs_ordered};

/// The column of an input by which its rows are in order.
pub const ORDER: &str = "order";

/// Most `INLINE STATS` of a query: each reads its input once more.
pub const MAX_INLINE_STATS: usize = 3;

/// The column of an input that a slot is filled from.
pub fn slot_column(slot: usize) -> String {
    format!("s{slot}")
}

/// Why there is no logical plan of a query.
#[derive(Debug)]
pub enum PlanError {
    /// It has more than [`MAX_INLINE_STATS`].
    TooManyInlineStats,
    /// DataFusion does not take it.
    DataFusion(Box<DataFusionError>),
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooManyInlineStats => write!(f, "more than {MAX_INLINE_STATS} `INLINE STATS`"),
            Self::DataFusion(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PlanError {}

impl From<DataFusionError> for PlanError {
    fn from(error: DataFusionError) -> Self {
        Self::DataFusion(Box::new(error))
    }
}

type Result<T> = std::result::Result<T, PlanError>;

/// Whether there is a logical plan of a query: with more than [`MAX_INLINE_STATS`] there is none.
pub fn can_plan(plan: &Plan) -> bool {
    let inline = plan.steps.iter().filter(|step| matches!(step, Step::InlineStats { .. }));
    inline.count() <= MAX_INLINE_STATS
}

/// Whether a query asks in which order the rows of its source are: not if it makes groups of all of them.
pub fn needs_order(plan: &Plan) -> bool {
    let first = plan.steps.iter().find(|step| matches!(step, Step::Limit(_) | Step::Stats { .. }));
    !plan.is_row && !matches!(first, Some(Step::Stats { .. }))
}

/// The logical plan of a query over an input with a column [`ORDER`], of any type that sorts, if the query [needs](needs_order) it, and
/// one for each slot that is read ([`slot_column`]): lists of values of the [type](crate::ColumnType) of the slot. A slot without a column has nothing.
///
/// Its columns are those of [`Plan::output`], in their order; its rows are in the order of the query's. A query that reads
/// nothing (`ROW`) needs an input of one row.
///
/// # Errors
/// [`PlanError::TooManyInlineStats`]; anything else is a bug.
pub fn logical_plan(plan: &Plan, input: &LogicalPlan, evaluation: &Evaluation) -> Result<LogicalPlan> {
    if !can_plan(plan) {
        return Err(PlanError::TooManyInlineStats);
    }
    let translation = Translation { plan, input, needed: needed(plan) };
    let rows = translation.behind(plan.steps.len(), evaluation)?;
    let columns = plan.output.iter().enumerate().map(|(at, column)| {
        let value = match rows.slots.get(&column.slot) {
            Some(_) => slot(column.slot),
            None => Expr::Literal(ScalarValue::Null, None),
        };
        value.alias(format!("c{at}"))
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(rows.in_order(None)?.project(columns)?.build()?)
}

struct Translation<'p> {
    plan: &'p Plan,
    input: &'p LogicalPlan,
    /// Before each step, and behind the last, the slots that are asked for from there on.
    needed: Vec<BTreeSet<usize>>,
}

/// Before each step, and behind the last, the slots that are asked for from there on.
fn needed(plan: &Plan) -> Vec<BTreeSet<usize>> {
    let mut all = vec![plan.output.iter().map(|column| column.slot).collect::<BTreeSet<usize>>()];
    for step in plan.steps.iter().rev() {
        let mut slots = all.last().cloned().unwrap_or_default();
        let mut read = |typed: &Typed| {
            typed.for_each_slot(&mut |_, slot| {
                slots.insert(slot);
            });
        };
        match step {
            Step::Filter(condition) => read(condition),
            Step::Assign(assigned) => assigned.iter().for_each(|(_, value)| read(value)),
            Step::Expand { from, .. } => {
                slots.insert(*from);
            }
            Step::Dissect { input, .. } | Step::Grok { input, .. } => read(input),
            Step::Stats { groups, .. } => {
                // Its rows are others.
                slots.clear();
                groups.for_each_slot(&mut |slot| {
                    slots.insert(slot);
                });
            }
            Step::InlineStats { groups, .. } => groups.for_each_slot(&mut |slot| {
                slots.insert(slot);
            }),
            Step::Sort(keys) => keys.iter().for_each(|key| read(&key.key)),
            Step::Limit(_) => {}
        }
        all.push(slots);
    }
    all.reverse();
    all
}

/// A plan so far.
struct Rows {
    plan: LogicalPlanBuilder,
    /// The slots that have a column, each with its type.
    slots: BTreeMap<usize, Arrow>,
    /// The columns by which its rows are in order.
    order: Vec<Order>,
    /// How many columns were named that are no slots.
    named: usize,
}

/// A column of an order.
#[derive(Clone)]
struct Order {
    name: String,
    descending: bool,
    nulls_first: bool,
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn slot(slot: usize) -> Expr {
    column(&slot_column(slot))
}

impl Order {
    fn ascending(name: &str) -> Self {
        Self { name: name.to_owned(), descending: false, nulls_first: false }
    }
}

impl Translation<'_> {
    /// The rows behind the first steps.
    fn behind(&self, steps: usize, evaluation: &Evaluation) -> Result<Rows> {
        let mut rows = self.read()?;
        let mut number = 0;
        while number < steps {
            rows.slots.retain(|slot, _| self.needed[number].contains(slot));
            let step = &self.plan.steps[number];
            number += 1;
            rows = match step {
                Step::Filter(first) => {
                    let mut conditions = vec![first.clone()];
                    while let Some(Step::Filter(next)) = self.plan.steps[..steps].get(number) {
                        conditions.push(next.clone());
                        number += 1;
                    }
                    rows.filtered(conditions, evaluation)?
                }
                Step::Assign(assigned) => assigned
                    .iter()
                    .try_fold(rows, |rows, (to, value)| rows.assigned(*to, value, evaluation))?,
                Step::Expand { from, to } => rows.expanded(*from, *to, evaluation)?,
                Step::Dissect { input, pattern, slots } => {
                    let computed = Computed::Dissected(input.clone(), pattern.clone());
                    rows.taken_apart(computed, slots, evaluation)?
                }
                Step::Grok { input, pattern, slots } => {
                    let computed = Computed::Grokked(input.clone(), pattern.clone());
                    rows.taken_apart(computed, slots, evaluation)?
                }
                Step::Stats { groups, .. } => {
                    rows.grouped(groups, evaluation, evaluation)?.into_rows(groups)?
                }
                Step::InlineStats { groups, first } => {
                    let again = self.behind(number - 1, &evaluation.unheard())?;
                    let grouped = again.grouped(groups, &evaluation.unheard(), evaluation)?;
                    rows.joined(grouped, groups, *first, evaluation)?
                }
                Step::Sort(keys) => rows.sorted(keys, evaluation)?,
                Step::Limit(count) => {
                    let count = usize::try_from(*count).unwrap_or(usize::MAX).min(i64::MAX as usize);
                    Rows { plan: rows.in_order(Some(count))?, ..rows }
                }
            };
        }
        Ok(rows)
    }

    /// The input, with the names of its columns alone.
    fn read(&self) -> Result<Rows> {
        let schema: &Schema = self.input.schema().as_arrow();
        let plan = LogicalPlanBuilder::from(self.input.clone());
        if self.plan.is_row {
            return Ok(Rows { plan, slots: BTreeMap::new(), order: Vec::new(), named: 0 });
        }
        let read = self.plan.reads.iter().map(|read| read.slot);
        let asked = self.plan.document_tests.iter().map(|test| test.slot);
        let slots: BTreeMap<usize, Arrow> = read
            .chain(asked)
            .filter_map(|slot| {
                let field = schema.field_with_name(&slot_column(slot)).ok()?;
                Some((slot, field.data_type().clone()))
            })
            .collect();
        let order = schema.field_with_name(ORDER).ok().map(|_| Order::ascending(ORDER));
        let order: Vec<Order> = order.into_iter().collect();
        let names = slots.keys().map(|slot| slot_column(*slot)).chain(order.iter().map(|by| by.name.clone()));
        let mut columns: Vec<Expr> = names.map(|name| column(&name).alias(name)).collect();
        if columns.is_empty() {
            columns.push(lit(true).alias("row"));
        }
        Ok(Rows { plan: plan.project(columns)?, slots, order, named: 0 })
    }
}

/// Groups, before they are rows again.
struct Grouped {
    plan: LogicalPlanBuilder,
    /// The column of each key.
    keys: Vec<String>,
    /// The column of what each aggregation comes to, with its type.
    computed: Vec<(String, Arrow)>,
    named: usize,
}

impl Rows {
    /// A name that no column has.
    fn name(&mut self, what: &str) -> String {
        self.named += 1;
        format!("{what}{}", self.named)
    }

    /// A function of the slots that it reads.
    fn call(&self, computed: Computed, evaluation: &Evaluation) -> Expr {
        let mut read = Vec::new();
        computed.for_each_slot(&mut |slot| {
            if self.slots.contains_key(&slot) && !read.contains(&slot) {
                read.push(slot);
            }
        });
        let arguments = read.iter().map(|at| (slot(*at), self.slots[at].clone())).collect();
        RowFunction::call(computed, read, arguments, evaluation)
    }

    /// The column that an expression is, if there is one.
    fn read(&self, typed: &Typed) -> Option<(Expr, Arrow)> {
        match typed.kind {
            TypedKind::Slot(read) => Some((slot(read), self.slots.get(&read)?.clone())),
            _ => None,
        }
    }

    /// The columns that there are.
    fn columns(&self) -> impl Iterator<Item = String> + '_ {
        let order = self.order.iter().map(|order| order.name.clone());
        self.slots.keys().map(|slot| slot_column(*slot)).chain(order)
    }

    /// The same with more columns, or others in the place of those of the same names.
    fn with(mut self, more: Vec<(String, Expr)>) -> Result<Self> {
        let kept = self.columns().filter(|name| more.iter().all(|(other, _)| other != name));
        let kept = kept.map(|name| column(&name)).collect::<Vec<_>>();
        let more = more.into_iter().map(|(name, value)| value.alias(name));
        self.plan = self.plan.project(kept.into_iter().chain(more).collect::<Vec<_>>())?;
        Ok(self)
    }

    fn filtered(mut self, conditions: Vec<Typed>, evaluation: &Evaluation) -> Result<Self> {
        let condition = self.call(Computed::Passes(conditions), evaluation);
        self.plan = self.plan.filter(condition)?;
        Ok(self)
    }

    fn assigned(self, to: usize, value: &Typed, evaluation: &Evaluation) -> Result<Self> {
        let (value, of) = self.read(value).unwrap_or_else(|| {
            (self.call(Computed::Cell(value.clone()), evaluation), list_type(value.data_type))
        });
        self.with_slot(to, value, of)
    }

    fn with_slot(self, to: usize, value: Expr, of: Arrow) -> Result<Self> {
        let mut rows = self.with(vec![(slot_column(to), value)])?;
        rows.slots.insert(to, of);
        Ok(rows)
    }

    fn expanded(mut self, from: usize, to: usize, evaluation: &Evaluation) -> Result<Self> {
        let Some(of) = self.slots.get(&from).cloned() else { return Ok(self) };
        let (value, place) = (self.name("value"), self.name("place"));
        let places =
            RowFunction::call(Computed::Places, Vec::new(), vec![(slot(from), of.clone())], evaluation);
        let mut rows = self.with(vec![(value.clone(), slot(from)), (place.clone(), places)])?;
        // Both have a list of the same length in each row.
        let unnested = [&value, &place].map(Column::new_unqualified).to_vec();
        rows.plan = rows.plan.unnest_columns_with_options(unnested, UnnestOptions::default())?;
        rows.order.push(Order::ascending(&place));
        let list =
            RowFunction::call(Computed::List, Vec::new(), vec![(column(&value), item(&of))], evaluation);
        rows.with_slot(to, list, of)
    }

    fn taken_apart(mut self, computed: Computed, slots: &[usize], evaluation: &Evaluation) -> Result<Self> {
        let types: Vec<Arrow> = match &computed {
            Computed::Grokked(_, pattern) => pattern.columns().iter().map(|(_, of)| list_type(*of)).collect(),
            _ => slots.iter().map(|_| list_type(DataType::Keyword)).collect(),
        };
        let pieces = self.name("pieces");
        let call = self.call(computed, evaluation);
        let rows = self.with(vec![(pieces.clone(), call)])?;
        let piece = |((at, slot), of): ((usize, &usize), &Arrow)| {
            (slot_column(*slot), member(&pieces, at, of.clone(), evaluation))
        };
        let mut rows = rows.with(slots.iter().enumerate().zip(&types).map(piece).collect())?;
        rows.slots.extend(slots.iter().copied().zip(types));
        Ok(rows)
    }

    /// Groups. Keys are evaluated on one behalf, and what is computed over groups on another.
    fn grouped(mut self, groups: &Groups, keys: &Evaluation, over: &Evaluation) -> Result<Grouped> {
        let given: Vec<(String, Expr)> = groups
            .aggregations
            .iter()
            .map(|aggregated| (self.name("given"), self.given(aggregated, over)))
            .collect();
        let names: Vec<String> = given.iter().map(|(name, _)| name.clone()).collect();
        let combinations = self.name("keys");
        let mut columns: Vec<Expr> = given.into_iter().map(|(name, value)| value.alias(name)).collect();
        if !groups.keys.is_empty() {
            columns.push(self.call(Computed::Keys(groups.clone()), keys).alias(&combinations));
        }
        let key_columns: Vec<String> = groups.keys.iter().map(|_| self.name("key")).collect();
        let mut plan = self.plan.clone();
        if columns.is_empty() {
            // Nothing is computed, and there is one group.
            columns.push(lit(true).alias(&combinations));
        }
        plan = plan.project(columns)?;
        if !groups.keys.is_empty() {
            let unnested = vec![Column::new_unqualified(&combinations)];
            plan = plan.unnest_columns_with_options(unnested, UnnestOptions::default())?;
            let key_values = key_columns.iter().zip(&groups.keys).enumerate().map(|(at, (name, key))| {
                member(&combinations, at, item(&list_type(key.data_type)), keys).alias(name)
            });
            plan =
                plan.project(names.iter().map(|name| column(name)).chain(key_values).collect::<Vec<_>>())?;
        }
        let mut computed = Vec::new();
        let aggregates: Vec<Expr> = groups
            .aggregations
            .iter()
            .zip(&names)
            .map(|(aggregated, given)| {
                let name = self.name("over");
                let call = RowAggregate::call(aggregated, column(given), over).alias(&name);
                computed.push((name, RowAggregate::list_type(aggregated)));
                call
            })
            .collect();
        let plan = plan.aggregate(key_columns.iter().map(|name| column(name)), aggregates)?;
        Ok(Grouped { plan, keys: key_columns, computed, named: self.named })
    }

    /// What an aggregation is given: without arguments and filter, every row.
    fn given(&self, aggregated: &Aggregated, evaluation: &Evaluation) -> Expr {
        if aggregated.arguments.is_empty() && aggregated.filter.is_none() {
            return lit(true);
        }
        self.call(Computed::Given(aggregated.clone()), evaluation)
    }

    /// Its rows, each with what was computed over its group, and with its keys.
    fn joined(
        mut self,
        grouped: Grouped,
        groups: &Groups,
        first: usize,
        evaluation: &Evaluation,
    ) -> Result<Self> {
        // The names of groups and rows are told apart by the numbers that they have come to.
        self.named = self.named.max(grouped.named);
        let count = groups.aggregations.len();
        let mut rows = self;
        for (at, key) in groups.keys.iter().enumerate() {
            let value = rows.call(Computed::Key(key.clone()), evaluation);
            rows = rows.with_slot(first + count + at, value, list_type(key.data_type))?;
        }
        // A row with several values of a key is in no group of its own.
        let keys = (0..groups.keys.len()).map(|at| first + count + at);
        let lists: Vec<(Expr, Arrow)> = keys.map(|key| (slot(key), rows.slots[&key].clone())).collect();
        let function = |computed, lists| RowFunction::call(computed, Vec::new(), lists, evaluation);
        let mut on = vec![(rows.name("several"), function(Computed::HasSeveral, lists.clone()))];
        for list in lists {
            on.push((rows.name("own"), function(Computed::Single, vec![list])));
        }
        let own: Vec<Column> = on.iter().map(|(name, _)| Column::new_unqualified(name)).collect();
        let mut rows = rows.with(on)?;
        let several = rows.name("several");
        let columns = grouped.keys.iter().chain(grouped.computed.iter().map(|(name, _)| name));
        let columns = columns.map(|name| column(name)).chain([lit(false).alias(&several)]);
        let right = grouped.plan.project(columns.collect::<Vec<_>>())?.build()?;
        let theirs: Vec<Column> =
            [&several].into_iter().chain(&grouped.keys).map(Column::new_unqualified).collect();
        let kept: Vec<String> = rows.columns().collect();
        // The side of the groups is the one that is held.
        rows.plan = LogicalPlanBuilder::from(right).join_detailed(
            rows.plan.build()?,
            JoinType::Right,
            (theirs, own),
            None,
            NullEquality::NullEqualsNull,
        )?;
        let computed = grouped.computed.iter().enumerate();
        let of_groups = computed.map(|(at, (name, _))| column(name).alias(slot_column(first + at)));
        let is_computed = |name: &String| (0..count).any(|at| *name == slot_column(first + at));
        let kept = kept.iter().filter(|name| !is_computed(name)).map(|name| column(name));
        rows.plan = rows.plan.project(kept.chain(of_groups).collect::<Vec<_>>())?;
        rows.slots.extend(grouped.computed.into_iter().enumerate().map(|(at, (_, of))| (first + at, of)));
        Ok(rows)
    }

    fn sorted(mut self, keys: &[SortKey], evaluation: &Evaluation) -> Result<Self> {
        let columns: Vec<(String, Expr)> = keys
            .iter()
            .map(|key| (self.name("sort"), self.call(Computed::SortKey(key.clone()), evaluation)))
            .collect();
        let order: Vec<Order> = columns
            .iter()
            .zip(keys)
            .map(|((name, _), key)| Order {
                name: name.clone(),
                descending: key.descending,
                nulls_first: key.nulls_first,
            })
            .collect();
        let mut rows = self.with(columns)?;
        rows.order.splice(0..0, order);
        Ok(rows)
    }

    /// The plan with its rows in order, and the first so many of them.
    fn in_order(&self, count: Option<usize>) -> Result<LogicalPlanBuilder> {
        let order: Vec<SortExpr> = self
            .order
            .iter()
            .map(|order| column(&order.name).sort(!order.descending, order.nulls_first))
            .collect();
        let plan = self.plan.clone();
        if count == Some(0) {
            // To keep the first none of them is nothing that DataFusion can do.
            return Ok(plan.filter(lit(false))?);
        }
        let plan = if order.is_empty() { plan } else { plan.sort_with_limit(order, count)? };
        Ok(if count.is_some() { plan.limit(0, count)? } else { plan })
    }
}

impl Grouped {
    /// A row for each group: first what was computed over it, then its keys.
    fn into_rows(self, groups: &Groups) -> Result<Rows> {
        let Self { plan, keys, computed, named } = self;
        let evaluation = Evaluation::new(0).unheard();
        let count = computed.len();
        let mut slots = BTreeMap::new();
        let (mut columns, mut order) = (Vec::new(), Vec::new());
        for (at, (name, of)) in computed.into_iter().enumerate() {
            columns.push(column(&name).alias(slot_column(at)));
            slots.insert(at, of);
        }
        for (at, (name, key)) in keys.iter().zip(&groups.keys).enumerate() {
            let of = list_type(key.data_type);
            let single = vec![(column(name), item(&of))];
            let list = RowFunction::call(Computed::List, Vec::new(), single.clone(), &evaluation);
            columns.push(list.alias(slot_column(count + at)));
            slots.insert(count + at, of);
            let sorts = if needs_ordered(key.data_type) {
                RowFunction::call(Computed::Ordered, Vec::new(), single, &evaluation)
            } else {
                column(name)
            };
            columns.push(sorts.alias(name));
            order.push(Order::ascending(name));
        }
        if columns.is_empty() {
            // A group of which nothing is known is a row all the same.
            columns.push(lit(true).alias("group"));
        }
        Ok(Rows { plan: plan.project(columns)?, slots, order, named })
    }
}

/// A member of a column of structures, by its place.
fn member(structures: &str, at: usize, of: Arrow, evaluation: &Evaluation) -> Expr {
    // The type of the structure itself makes no difference.
    let argument = vec![(column(structures), Arrow::Null)];
    RowFunction::call(Computed::Member(at, of), Vec::new(), argument, evaluation)
}

fn list_type(of: DataType) -> Arrow {
    crate::ColumnType::of(of).list_type()
}

/// The type of the values of a list.
fn item(list: &Arrow) -> Arrow {
    match list {
        Arrow::List(item) => item.data_type().clone(),
        other => other.clone(),
    }
}
