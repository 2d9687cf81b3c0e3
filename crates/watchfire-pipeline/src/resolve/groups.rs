//! `STATS` and `INLINE STATS`.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_esql::ast::{Aggregate, Arguments, Expr, ExprKind, Field};

use super::commands::name_of;
use super::{Place, Resolver, ScopeColumn};
use crate::aggregates::Aggregation;
use crate::codes;
use crate::plan::{Aggregated, Groups, Step, Typed, TypedKind};
use crate::types::DataType;
use crate::value::{Cell, Value};

/// What stands for aggregates while the expressions around them are settled.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    pub(super) aggregations: Vec<Aggregated>,
    filter: Option<Arc<Typed>>,
    /// The columns of the keys, by name and type.
    keys: Vec<(Arc<str>, DataType)>,
    /// The slot of the first aggregation, and of the first key.
    first: (usize, usize),
}

/// A column behind `STATS` on its way.
struct Output {
    name: Arc<str>,
    data_type: DataType,
    slot: usize,
    is_key: bool,
}

impl Resolver<'_> {
    pub(super) fn resolve_stats(&mut self, aggregates: &[Aggregate], by: &[Field], inline: bool) {
        // Keys first: aggregates may name them.
        let before = self.scope.clone();
        let mut keys = Vec::new();
        let mut grouping = Grouping::default();
        let mut assigned = Vec::new();
        for (number, field) in by.iter().enumerate() {
            let name = name_of(field);
            if by[number + 1..].iter().any(|later| name_of(later) == name) {
                self.shadowed(&name, field.value.span);
                continue;
            }
            let Some(key) = self.expression(&field.value) else {
                grouping.keys.push((name, DataType::Null));
                continue;
            };
            if field.name.is_some() {
                // Under its name a key is a column of the rows too.
                let slot = match key.kind {
                    TypedKind::Slot(slot) => slot,
                    _ => {
                        let slot = self.new_slot();
                        assigned.push((slot, key.clone()));
                        slot
                    }
                };
                self.replace(ScopeColumn {
                    name: name.clone(),
                    data_type: key.data_type,
                    place: Place::Slot(slot),
                });
                keys.push(Typed { kind: TypedKind::Slot(slot), ..key.clone() });
            } else {
                keys.push(key.clone());
            }
            grouping.keys.push((name, key.data_type));
        }
        if !assigned.is_empty() {
            self.step(Step::Assign(assigned));
        }
        // How many aggregations there are is known before any is settled: their slots come first.
        let count =
            aggregates.iter().map(|aggregate| count_aggregates(&aggregate.field.value)).sum::<usize>();
        let base = if inline { self.slots } else { 0 };
        grouping.first = (base, base + count);
        let mut outputs: Vec<Output> = Vec::new();
        let mut computed: Vec<(usize, Typed)> = Vec::new();
        let mut next = base + count + grouping.keys.len();
        if inline {
            // Arguments may still read columns of the source, whose slots must not be these.
            self.slots = next + aggregates.len();
        }
        for aggregate in aggregates {
            grouping.filter = match &aggregate.filter {
                None => None,
                Some(filter) => self.condition(filter).map(Arc::new),
            };
            let name = name_of(&aggregate.field);
            let Some(value) = self.over_rows(&aggregate.field.value, &mut grouping) else {
                outputs.push(Output { name, data_type: DataType::Null, slot: 0, is_key: false });
                continue;
            };
            let data_type = value.data_type;
            let slot = match value.kind {
                TypedKind::Slot(slot) => slot,
                _ => {
                    computed.push((next, value));
                    next += 1;
                    next - 1
                }
            };
            outputs.push(Output { name, data_type, slot, is_key: false });
        }
        for (number, (name, data_type)) in grouping.keys.iter().enumerate() {
            let slot = grouping.first.1 + number;
            outputs.push(Output { name: name.clone(), data_type: data_type.computed(), slot, is_key: true });
        }
        for (number, output) in outputs.iter().enumerate().filter(|(_, output)| !output.is_key) {
            if outputs[number + 1..].iter().any(|later| later.name == output.name) {
                self.shadowed(&output.name, aggregates[number].field.value.span);
            }
        }
        let outputs = last_of_each_name(outputs);
        let groups = Groups { keys, aggregations: grouping.aggregations };
        if inline {
            self.step(Step::InlineStats { groups, first: base });
            self.scope = before;
        } else {
            self.close_segment();
            let assumed = self.still_assumed(&groups, grouping.first);
            self.step(Step::Stats { groups, slots: 0 });
            self.segment = Some(self.steps.len() - 1);
            self.slots = next;
            self.assumed = assumed;
            self.scope.clear();
            self.is_open = false;
            self.origin = None;
            self.identity = (grouping.first.1..grouping.first.1 + grouping.keys.len()).collect();
        }
        if !computed.is_empty() {
            self.step(Step::Assign(computed));
        }
        self.on_documents = false;
        for output in outputs {
            self.replace(ScopeColumn {
                name: output.name,
                data_type: output.data_type,
                place: Place::Slot(output.slot),
            });
        }
    }

    /// The slots of groups whose types are as open as those of columns in front.
    fn still_assumed(&self, groups: &Groups, first: (usize, usize)) -> BTreeMap<usize, Arc<str>> {
        let field = |typed: &Typed| match typed.kind {
            TypedKind::Slot(slot) => self.assumed.get(&slot).cloned(),
            _ => None,
        };
        let aggregations = groups.aggregations.iter().enumerate().filter_map(|(number, aggregated)| {
            let keeps_type = matches!(
                aggregated.aggregation,
                Aggregation::Min
                    | Aggregation::Max
                    | Aggregation::Values
                    | Aggregation::Top { .. }
                    | Aggregation::First
                    | Aggregation::Last
            );
            Some((first.0 + number, field(aggregated.arguments.first().filter(|_| keeps_type)?)?))
        });
        let keys =
            groups.keys.iter().enumerate().filter_map(|(number, key)| Some((first.1 + number, field(key)?)));
        aggregations.chain(keys).collect()
    }

    fn shadowed(&mut self, name: &str, span: Span) {
        let message = format!("`{name}` is named again behind, and only the last one stays");
        self.push(Diagnostic::warning(codes::SHADOWED, message).at(span, "is lost"));
    }

    /// An expression over aggregates, keys and constants.
    fn over_rows(&mut self, expr: &Expr, grouping: &mut Grouping) -> Option<Typed> {
        if let ExprKind::Call { name, arguments } = &expr.kind
            && let Some(aggregation) = Aggregation::of(name)
        {
            return self.aggregation(aggregation, name, arguments, expr, grouping);
        }
        self.settle(expr, Some(grouping))
    }

    /// A key by its name, where a column stands outside of aggregates.
    pub(super) fn key(&mut self, name: &str, expr: &Expr, grouping: &Grouping) -> Option<Typed> {
        match grouping.keys.iter().position(|(key, _)| **key == *name) {
            Some(number) => Some(Typed {
                kind: TypedKind::Slot(grouping.first.1 + number),
                data_type: grouping.keys[number].1.computed(),
                span: expr.span,
            }),
            None => {
                let message = format!("`{name}` is no key: it must stand within an aggregate or behind `BY`");
                self.error(codes::NOT_GROUPED, expr.span, message, "which row's?");
                None
            }
        }
    }

    pub(super) fn aggregation(
        &mut self,
        aggregation: Aggregation,
        name: &str,
        arguments: &Arguments,
        expr: &Expr,
        grouping: &mut Grouping,
    ) -> Option<Typed> {
        let list: &[Expr] = match arguments {
            Arguments::Star => &[],
            Arguments::List(list, _) => list,
        };
        let upper = name.to_ascii_uppercase();
        let (least, most) = match aggregation {
            Aggregation::Count => (0, 1),
            Aggregation::CountDistinct => (1, 2),
            Aggregation::Top { .. } => (2, 4),
            Aggregation::First | Aggregation::Last => (2, 2),
            _ => (1, 1),
        };
        if list.len() < least || list.len() > most {
            let message = format!("`{upper}` takes {}, and here are {}", between(least, most), list.len());
            self.error(codes::WRONG_ARGUMENTS, expr.span, message, "wrong number of arguments");
            return None;
        }
        let mut settled = Vec::new();
        for argument in list {
            settled.push(self.expression(argument));
        }
        let mut settled: Vec<Typed> = settled.into_iter().collect::<Option<_>>()?;
        let mut aggregation = aggregation;
        match &mut aggregation {
            Aggregation::Count if settled.is_empty() => aggregation = Aggregation::CountRows,
            Aggregation::CountDistinct => {
                if let Some(precision) = settled.get(1)
                    && precision.constant().is_none()
                {
                    let span = precision.span;
                    self.error(codes::NOT_CONSTANT, span, "the precision must be constant", "not constant");
                    return None;
                }
                settled.truncate(1);
            }
            Aggregation::Top { count, descending } => {
                let limit = settled[1].constant().and_then(|cell| cell.values().first()?.as_whole());
                let Some(limit) = limit.filter(|limit| (1..=1_000_000).contains(limit)) else {
                    let message = "`TOP` takes a constant number of values, from 1 on";
                    self.error(codes::NOT_CONSTANT, settled[1].span, message, "how many");
                    return None;
                };
                *count = limit as usize;
                if let Some(order) = settled.get(2) {
                    let text = order.constant().and_then(|cell| Some(cell.values().first()?.to_text()));
                    match text.as_deref().map(str::to_ascii_lowercase).as_deref() {
                        Some("asc") => *descending = false,
                        Some("desc") => *descending = true,
                        _ => {
                            let message = "`TOP` takes the orders `\"asc\"` and `\"desc\"`";
                            self.error(codes::NOT_CONSTANT, order.span, message, "which order");
                            return None;
                        }
                    }
                }
                let out = (settled.len() > 3).then(|| settled.remove(3));
                settled.truncate(1);
                settled.extend(out);
            }
            _ => {}
        }
        if matches!(aggregation, Aggregation::Sum | Aggregation::Average) {
            let number = settled.remove(0);
            settled.insert(0, self.settled_as(number, DataType::Double));
        }
        let of = settled.first().map_or(DataType::Null, |argument| argument.data_type);
        let Some(mut data_type) = aggregation.returns(of) else {
            let message = format!("`{upper}` takes no values of type {of}");
            self.error(codes::WRONG_TYPE, expr.span, message, of.name());
            return None;
        };
        if let (Aggregation::Top { .. }, Some(out)) = (aggregation, settled.get(1)) {
            data_type = out.data_type.computed();
        }
        grouping.aggregations.push(Aggregated {
            aggregation,
            arguments: settled,
            filter: grouping.filter.clone(),
            span: expr.span,
        });
        let slot = grouping.first.0 + grouping.aggregations.len() - 1;
        Some(Typed { kind: TypedKind::Slot(slot), data_type, span: expr.span })
    }
}

/// Of columns of one name the last stays; a key before an aggregate.
fn last_of_each_name(outputs: Vec<Output>) -> Vec<Output> {
    let mut kept: Vec<Output> = Vec::new();
    for output in outputs {
        kept.retain(|other| other.name != output.name || (other.is_key && !output.is_key));
        if !kept.iter().any(|other| other.name == output.name) {
            kept.push(output);
        }
    }
    kept
}

fn between(least: usize, most: usize) -> String {
    if least == most { format!("{least} arguments") } else { format!("{least} to {most} arguments") }
}

/// How many aggregates an expression has.
fn count_aggregates(expr: &Expr) -> usize {
    let of = |list: &[Expr]| list.iter().map(count_aggregates).sum::<usize>();
    match &expr.kind {
        ExprKind::Call { name, .. } if Aggregation::of(name).is_some() => 1,
        ExprKind::Call { arguments: Arguments::Star, .. } | ExprKind::Constant(_) | ExprKind::Column(_) => 0,
        ExprKind::Cast(inner, _)
        | ExprKind::Negate(inner)
        | ExprKind::Not(inner)
        | ExprKind::Match(inner, _) => count_aggregates(inner),
        ExprKind::IsNull { value, .. } | ExprKind::Like { value, .. } => count_aggregates(value),
        ExprKind::Arithmetic(_, a, b) | ExprKind::Compare(_, a, b) => {
            count_aggregates(a) + count_aggregates(b)
        }
        ExprKind::In { value, list, .. } => count_aggregates(value) + of(list),
        ExprKind::And(list)
        | ExprKind::Or(list)
        | ExprKind::Call { arguments: Arguments::List(list, _), .. } => of(list),
    }
}

/// A value of the language's whole numbers, in the smallest type that holds it.
pub(super) fn whole(number: i128) -> Option<(Cell, DataType)> {
    if let Ok(number) = i32::try_from(number) {
        return Some((Value::Integer(number).into(), DataType::Integer));
    }
    if let Ok(number) = i64::try_from(number) {
        return Some((Value::Long(number).into(), DataType::Long));
    }
    u64::try_from(number).ok().map(|number| (Value::UnsignedLong(number).into(), DataType::UnsignedLong))
}
