//! What surprises in ES|QL: conditions that lose rows, and columns that are not there when they are needed.
//!
//! A value that is missing is neither equal nor unequal to anything, and several values are not one: in both cases a condition is
//! *unknown*, and its row is dropped without a word (esql-semantics §6, §7).

use std::collections::BTreeSet;

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_esql::ast::Comparison;
use watchfire_ir::Catalogue;
use watchfire_pipeline::plan::{Plan, Step, Typed, TypedKind};
use watchfire_pipeline::{Cell, METADATA};

use super::codes;
use super::field_use::FieldUse;

/// No `LIMIT` of Elasticsearch lets more rows pass.
const MOST_ROWS: u64 = 10_000;

/// What there is to warn of in a query. Places count in the query.
pub(super) fn of_query(plan: &Plan, catalogue: &Catalogue) -> Vec<Diagnostic> {
    let mut traps = Traps { plan, catalogue, present: BTreeSet::default(), found: Vec::new() };
    let mut is_sorted = false;
    for (number, step) in plan.steps.iter().enumerate() {
        let is_last = number + 1 == plan.steps.len();
        match step {
            Step::Filter(condition) => traps.filter(condition),
            Step::Sort(_) => is_sorted = true,
            Step::Limit(count) => traps.limit(*count, plan.step_spans[number], is_sorted || is_last),
            // Behind it rows are groups, whose columns were computed.
            Step::Stats { .. } => break,
            Step::Assign(_)
            | Step::Expand { .. }
            | Step::Dissect { .. }
            | Step::Grok { .. }
            | Step::InlineStats { .. } => {}
        }
    }
    traps.found
}

/// The keys of a rule that name a column which the query's rows do not have. `joins_document` says that an alert has the fields of
/// the event that its row is of.
pub(super) fn lost_columns(plan: &Plan, uses: &[FieldUse]) -> Vec<Diagnostic> {
    let joins_document = plan.keeps_documents();
    // That one is asked of events, not of rows.
    let is_of_rows = |named: &&FieldUse| named.key.as_deref() != Some("timestamp_override");
    let of_rows = uses.iter().filter(is_of_rows);
    let lost = of_rows.filter(|named| !joins_document && plan.column(&named.name).is_none());
    lost.map(|named| {
        let key = named.key.as_deref().unwrap_or_default();
        let message = format!("`{key}` names `{}`, which is no column of the query's rows", named.name);
        let found = Diagnostic::warning(codes::LOST_COLUMN, message);
        let found = match named.span {
            Some(span) => found.at(span, "not there in the alert"),
            None => found,
        };
        found.with_help("keep it: behind `BY` or in `VALUES(…)` of `STATS`, and in `KEEP`")
    })
    .collect()
}

struct Traps<'a> {
    plan: &'a Plan,
    catalogue: &'a Catalogue,
    /// The slots that have a value in all rows.
    present: BTreeSet<usize>,
    found: Vec<Diagnostic>,
}

impl Traps<'_> {
    fn filter(&mut self, condition: &Typed) {
        let parts: &[Typed] = match &condition.kind {
            TypedKind::And(parts) => parts,
            _ => std::slice::from_ref(condition),
        };
        // What one part asks to be there is there for all others.
        for part in parts.iter().filter(|part| !is_negation(part)) {
            required(part, &mut self.present);
        }
        for part in parts {
            self.part(part);
        }
        for part in parts {
            required(part, &mut self.present);
        }
    }

    fn part(&mut self, part: &Typed) {
        match &part.kind {
            TypedKind::And(parts) => parts.iter().for_each(|part| self.part(part)),
            TypedKind::Or(parts) => {
                // `x IS NULL OR x != "a"` has been thought of.
                let asked: Vec<usize> = parts.iter().filter_map(asked_for_nothing).collect();
                let added: Vec<usize> = asked.into_iter().filter(|slot| self.present.insert(*slot)).collect();
                parts.iter().for_each(|part| self.part(part));
                for slot in added {
                    self.present.remove(&slot);
                }
            }
            TypedKind::Not(inner) => match &inner.kind {
                TypedKind::IsNull(_) | TypedKind::And(_) => {}
                // None of them may hold: each is denied by itself.
                TypedKind::Or(parts) => {
                    for part in parts {
                        self.single_values(part);
                        self.negated(part, part.span);
                    }
                }
                _ => {
                    self.single_values(inner);
                    self.list_with_nothing(inner, true);
                    self.negated(inner, part.span);
                }
            },
            TypedKind::Compare(Comparison::NotEqual, ..) => {
                self.single_values(part);
                self.negated(part, part.span);
            }
            _ => {
                self.single_values(part);
                self.list_with_nothing(part, false);
            }
        }
    }

    /// A denial whose fields may be missing.
    fn negated(&mut self, inner: &Typed, span: Span) {
        let mut slots = BTreeSet::default();
        required(inner, &mut slots);
        let mut names: Vec<&str> = slots
            .iter()
            .filter(|slot| !self.present.contains(slot))
            .filter_map(|slot| self.field(*slot))
            .filter(|name| *name != "@timestamp")
            .collect();
        names.sort_unstable();
        if let Some(name) = names.first() {
            let message =
                format!("the denial drops rows without `{name}`: nothing is neither equal nor unequal");
            let help =
                format!("write `{name} IS NULL OR …` if such rows are meant, `{name} IS NOT NULL` if not");
            self.found.push(
                Diagnostic::warning(codes::DENIED_NOTHING, message)
                    .at(span, "unknown where the field is missing")
                    .with_help(help),
            );
        }
    }

    /// A comparison with a field that usually has several values.
    fn single_values(&mut self, part: &Typed) {
        let operands: [Option<&Typed>; 2] = match &part.kind {
            TypedKind::Compare(_, a, b) => [Some(a), Some(b)],
            TypedKind::In(value, _) | TypedKind::Like(value, _) => [Some(value), None],
            _ => return,
        };
        for operand in operands.into_iter().flatten() {
            if let TypedKind::Slot(slot) = operand.kind
                && let Some(name) = self.field(slot)
                && self.catalogue.is_array(name)
            {
                let message = format!(
                    "`{name}` may have several values: the condition is unknown then, and drops the row"
                );
                let help = format!("write `MV_CONTAINS({name}, …)`, or `MV_EXPAND {name}` in front");
                self.found.push(
                    Diagnostic::warning(codes::SEVERAL_VALUES, message)
                        .at(part.span, "asks for one value")
                        .with_help(help),
                );
            }
        }
    }

    /// `IN` with a null among its values.
    fn list_with_nothing(&mut self, part: &Typed, negated: bool) {
        if let TypedKind::In(_, list) = &part.kind
            && list.iter().any(|value| value.constant() == Some(&Cell::Null))
        {
            let message = if negated {
                "`NOT IN` with a null in its list is never true"
            } else {
                "the null in the list is equal to nothing"
            };
            self.found.push(
                Diagnostic::warning(codes::NULL_IN_LIST, message)
                    .at(part.span, "has a null")
                    .with_help("ask with `IS NULL`"),
            );
        }
    }

    fn limit(&mut self, count: u64, span: Span, is_in_order: bool) {
        if count > MOST_ROWS {
            let message = format!("Elasticsearch cuts `LIMIT {count}` to {MOST_ROWS} rows");
            self.found.push(Diagnostic::warning(codes::LIMITED, message).at(span, "more than it gives"));
        }
        if !is_in_order {
            let message = "`LIMIT` drops events before they are looked at, and no `SORT` says which";
            self.found
                .push(Diagnostic::warning(codes::LIMITED, message).at(span, "in front of other commands"));
        }
    }

    /// The field that a slot was read from.
    fn field(&self, slot: usize) -> Option<&str> {
        let read = self.plan.reads.iter().find(|read| read.slot == slot)?;
        let is_metadata = METADATA.iter().any(|(name, _)| *name == &*read.name);
        (!is_metadata).then_some(&*read.name)
    }
}

/// Whether a part is a denial.
fn is_negation(part: &Typed) -> bool {
    match &part.kind {
        TypedKind::Not(inner) => !matches!(inner.kind, TypedKind::IsNull(_)),
        TypedKind::Compare(Comparison::NotEqual, ..) => true,
        _ => false,
    }
}

/// The slot of `x` in `x IS NULL`.
fn asked_for_nothing(part: &Typed) -> Option<usize> {
    let TypedKind::IsNull(inner) = &part.kind else { return None };
    match inner.kind {
        TypedKind::Slot(slot) => Some(slot),
        _ => None,
    }
}

/// Adds the slots that must have a value for an expression to be anything but unknown.
fn required(typed: &Typed, slots: &mut BTreeSet<usize>) {
    match &typed.kind {
        TypedKind::Slot(slot) => {
            slots.insert(*slot);
        }
        TypedKind::Not(inner) => match &inner.kind {
            TypedKind::IsNull(value) => required(value, slots),
            _ => required(inner, slots),
        },
        TypedKind::Convert(inner, _)
        | TypedKind::ToIp(inner, _)
        | TypedKind::Negate(inner)
        | TypedKind::Like(inner, _)
        | TypedKind::In(inner, _) => required(inner, slots),
        TypedKind::Arithmetic(_, a, b)
        | TypedKind::Compare(_, a, b)
        | TypedKind::Moved { date: a, span: b, .. } => {
            required(a, slots);
            required(b, slots);
        }
        TypedKind::Call { arguments, .. } => arguments.iter().for_each(|argument| required(argument, slots)),
        TypedKind::And(parts) => parts.iter().for_each(|part| required(part, slots)),
        TypedKind::Constant(_)
        | TypedKind::Now
        | TypedKind::IsNull(_)
        | TypedKind::Match(..)
        | TypedKind::Or(_)
        | TypedKind::Case { .. }
        | TypedKind::Coalesce(_) => {}
    }
}
