//! Expressions.

use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_esql::ast::{Arguments, Arithmetic, Comparison, Constant, Expr, ExprKind};

use super::Resolver;
use super::groups::{Grouping, whole};
use super::joined::joined;
use crate::aggregates::Aggregation;
use crate::codes;
use crate::convert::{LeadingZeros, convert, is_convertible};
use crate::functions::{Function, Parameter, Prepared, Returns};
use crate::like::TextPatterns;
use crate::matching::{Edits, Match};
use crate::plan::{DocumentTest, Typed, TypedKind};
use crate::run::Evaluator;
use crate::types::DataType;
use crate::value::{Cell, TimeSpan, Value};

/// Functions that have a form of their own, and so do not stand in the table.
pub const FORMS: [&str; 24] = [
    "CASE",
    "COALESCE",
    "NOW",
    "KQL",
    "MATCH",
    "TO_STRING",
    "TO_STR",
    "TO_INTEGER",
    "TO_INT",
    "TO_LONG",
    "TO_UNSIGNED_LONG",
    "TO_ULONG",
    "TO_DOUBLE",
    "TO_DBL",
    "TO_BOOLEAN",
    "TO_BOOL",
    "TO_DATETIME",
    "TO_DT",
    "TO_DATE_NANOS",
    "TO_IP",
    "TO_VERSION",
    "TO_VER",
    "TO_GEOPOINT",
    "TO_DATEPERIOD",
];

/// The type that a function converts to.
fn conversion(name: &str) -> Option<DataType> {
    Some(match name.to_ascii_uppercase().as_str() {
        "TO_STRING" | "TO_STR" => DataType::Keyword,
        "TO_INTEGER" | "TO_INT" => DataType::Integer,
        "TO_LONG" => DataType::Long,
        "TO_UNSIGNED_LONG" | "TO_ULONG" | "TO_UL" => DataType::UnsignedLong,
        "TO_DOUBLE" | "TO_DBL" => DataType::Double,
        "TO_BOOLEAN" | "TO_BOOL" => DataType::Boolean,
        "TO_DATETIME" | "TO_DT" => DataType::Date,
        "TO_DATE_NANOS" | "TO_DATENANOS" => DataType::DateNanos,
        "TO_IP" => DataType::Ip,
        "TO_VERSION" | "TO_VER" => DataType::Version,
        "TO_GEOPOINT" => DataType::GeoPoint,
        "TO_DATEPERIOD" => DataType::DatePeriod,
        "TO_TIMEDURATION" => DataType::TimeDuration,
        _ => return None,
    })
}

impl Resolver<'_> {
    /// An expression over the columns of a row.
    pub(super) fn expression(&mut self, expr: &Expr) -> Option<Typed> {
        self.settle(expr, None)
    }

    /// An expression over the columns of a row, or, with `grouping`, over aggregates and keys.
    pub(super) fn settle(&mut self, expr: &Expr, grouping: Option<&mut Grouping>) -> Option<Typed> {
        self.settle_unfolded(expr, grouping).map(folded)
    }

    fn settle_unfolded(&mut self, expr: &Expr, mut grouping: Option<&mut Grouping>) -> Option<Typed> {
        let span = expr.span;
        let typed = |kind, data_type| Some(Typed { kind, data_type, span });
        match &expr.kind {
            ExprKind::Constant(constant) => self.constant(constant, span),
            ExprKind::Column(column) => {
                if let Some(grouping) = grouping {
                    return self.key(&column.name, expr, grouping);
                }
                let found = self.find(&column.name, column.span)?;
                if !self.is_readable(&found, column.span) {
                    return None;
                }
                let slot = self.slot_of(found.place);
                typed(TypedKind::Slot(slot), found.data_type)
            }
            ExprKind::Cast(inner, name) => {
                let Some(to) = DataType::of_cast(name) else {
                    self.error(codes::WRONG_TYPE, span, format!("there is no type `{name}`"), "unknown type");
                    return None;
                };
                let inner = self.settle_to_convert(inner, to, grouping)?;
                self.converted(inner, to, span)
            }
            ExprKind::Negate(inner) => {
                let inner = self.settle(inner, grouping)?;
                if let Some(Cell::One(value)) = inner.constant()
                    && let Some(negative) = negate(value)
                {
                    return typed(TypedKind::Constant(negative.into()), inner.data_type);
                }
                if !inner.data_type.is_number() && inner.data_type != DataType::Null {
                    self.wrong_type(span, "`-` takes a number", inner.data_type);
                    return None;
                }
                let data_type = inner.data_type;
                typed(TypedKind::Negate(Box::new(inner)), data_type)
            }
            ExprKind::Arithmetic(operator, a, b) => {
                let (a, b) = (self.settle(a, grouping.as_deref_mut()), self.settle(b, grouping));
                self.arithmetic(*operator, a?, b?, span)
            }
            ExprKind::Compare(comparison, a, b) => {
                let (a, b) = (self.settle(a, grouping.as_deref_mut()), self.settle(b, grouping));
                let (a, b) = self.alike(a?, b?, span)?;
                if let (DataType::GeoPoint, false) =
                    (a.data_type, matches!(comparison, Comparison::Equal | Comparison::NotEqual))
                {
                    self.wrong_type(span, "points have no order", a.data_type);
                    return None;
                }
                typed(TypedKind::Compare(*comparison, Box::new(a), Box::new(b)), DataType::Boolean)
            }
            ExprKind::IsNull { value, negated } => {
                let value = self.settle(value, grouping)?;
                let test = TypedKind::IsNull(Box::new(value));
                Some(test_or_not(test, *negated, span))
            }
            ExprKind::In { value, list, negated } => {
                let mut value = self.settle(value, grouping.as_deref_mut())?;
                let mut settled = Vec::new();
                for element in list {
                    let element = self.settle(element, grouping.as_deref_mut())?;
                    let place = element.span;
                    let (changed, element) = self.alike(value, element, place)?;
                    value = changed;
                    settled.push(element);
                }
                Some(test_or_not(TypedKind::In(Box::new(value), settled), *negated, span))
            }
            ExprKind::Like { value, kind, patterns, negated } => {
                let value = self.settle(value, grouping)?;
                if !value.data_type.is_text() && value.data_type != DataType::Null {
                    self.wrong_type(value.span, &format!("`{}` takes a text", kind.text()), value.data_type);
                    return None;
                }
                match TextPatterns::parse(*kind, patterns) {
                    Err(why) => {
                        self.bad_pattern(span, kind.text(), &why);
                        None
                    }
                    Ok(patterns) if patterns.is_any() => {
                        let test = TypedKind::IsNull(Box::new(value));
                        Some(test_or_not(test, !*negated, span))
                    }
                    Ok(patterns) => Some(test_or_not(
                        TypedKind::Like(Box::new(value), Arc::new(patterns)),
                        *negated,
                        span,
                    )),
                }
            }
            ExprKind::Match(field, constant) => {
                let sought = self.constant(constant, span)?;
                self.search(field, &sought, &[], span)
            }
            ExprKind::Not(inner) => {
                let inner = self.truth(inner, grouping)?;
                typed(TypedKind::Not(Box::new(inner)), DataType::Boolean)
            }
            ExprKind::And(list) | ExprKind::Or(list) => {
                let mut settled = Vec::new();
                for operand in list {
                    settled.push(self.truth(operand, grouping.as_deref_mut()));
                }
                let settled = settled.into_iter().collect::<Option<Vec<_>>>()?;
                let is_and = matches!(expr.kind, ExprKind::And(_));
                if is_and {
                    return typed(TypedKind::And(settled), DataType::Boolean);
                }
                let mut joined = joined(settled);
                match joined.len() {
                    1 => joined.pop(),
                    _ => typed(TypedKind::Or(joined), DataType::Boolean),
                }
            }
            ExprKind::Call { name, arguments } => self.call(name, arguments, expr, grouping),
        }
    }

    /// An operand of `AND`, `OR`, `NOT`.
    fn truth(&mut self, expr: &Expr, grouping: Option<&mut Grouping>) -> Option<Typed> {
        let operand = self.settle(expr, grouping)?;
        let operand = self.settled_as(operand, DataType::Boolean);
        if !matches!(operand.data_type, DataType::Boolean | DataType::Null) {
            self.wrong_type(expr.span, "`AND`, `OR` and `NOT` take truths", operand.data_type);
            return None;
        }
        Some(operand)
    }

    fn constant(&mut self, constant: &Constant, span: Span) -> Option<Typed> {
        let (cell, data_type) = match constant {
            Constant::Null => (Cell::Null, DataType::Null),
            Constant::Boolean(truth) => (Cell::truth(*truth), DataType::Boolean),
            Constant::Whole(number) => match whole(*number) {
                Some(known) => known,
                None => {
                    self.error(
                        codes::INVALID_VALUE,
                        span,
                        format!("{number} has more than 64 bits"),
                        "too large",
                    );
                    return None;
                }
            },
            Constant::Double(number) => (Value::Double(*number).into(), DataType::Double),
            Constant::String(text) => (Value::text(text.as_str()).into(), DataType::Keyword),
            Constant::Span(count, unit) => {
                use watchfire_esql::ast::TimeUnit as U;
                let is_period = matches!(unit, U::Day | U::Week | U::Month | U::Quarter | U::Year);
                let data_type = if is_period { DataType::DatePeriod } else { DataType::TimeDuration };
                let length = i64::try_from(*count).ok().and_then(|count| TimeSpan::of(count, *unit));
                let Some(length) = length else {
                    self.error(codes::INVALID_VALUE, span, "the span of time is too long", "too long");
                    return None;
                };
                (Value::Span(length).into(), data_type)
            }
            Constant::Array(list) => {
                let mut cells = Vec::new();
                for element in list {
                    cells.push(self.constant(element, span)?);
                }
                let data_type = cells.iter().map(|cell| cell.data_type).max().unwrap_or(DataType::Null);
                let values = cells.iter().filter_map(|cell| cell.constant()?.values().first());
                let values = values.filter_map(|value| convert(value, data_type).ok()).collect();
                (Cell::of(values), data_type)
            }
        };
        Some(Typed { kind: TypedKind::Constant(cell), data_type, span })
    }

    /// A column whose type is open, in the type that is asked for; anything else as it is.
    pub(super) fn settled_as(&mut self, value: Typed, to: DataType) -> Typed {
        match value.kind {
            TypedKind::Slot(slot) if self.assumed.contains_key(&slot) && value.data_type != to => {
                if let Some(name) = self.assumed.get(&slot) {
                    self.demands.entry(Arc::clone(name)).or_insert(to);
                }
                let span = value.span;
                Typed { kind: TypedKind::Convert(Box::new(value), to), data_type: to, span }
            }
            _ => value,
        }
    }

    /// Two sides, of which one whose type is open takes that of the other.
    fn settled_alike(&mut self, a: Typed, b: Typed) -> (Typed, Typed) {
        let (of_a, of_b) = (a.data_type, b.data_type);
        let wanted = |of: DataType| if of.is_whole() { DataType::Double } else { of };
        if of_a.is_text() == of_b.is_text() || of_a == DataType::Null || of_b == DataType::Null {
            return (a, b);
        }
        if of_a.is_text() {
            (self.settled_as(a, wanted(of_b)), b)
        } else {
            (a, self.settled_as(b, wanted(of_a)))
        }
    }

    fn arithmetic(&mut self, operator: Arithmetic, a: Typed, b: Typed, span: Span) -> Option<Typed> {
        let is_sum = matches!(operator, Arithmetic::Add | Arithmetic::Subtract);
        let with_span = a.data_type.is_span() || b.data_type.is_span();
        let wanted = if with_span { DataType::Date } else { DataType::Double };
        let (a, b) = (self.settled_as(a, wanted), self.settled_as(b, wanted));
        if is_sum && (a.data_type.is_span() || b.data_type.is_span()) {
            return self.moved(operator, a, b, span);
        }
        let sides = (a.data_type, b.data_type);
        if is_sum
            && let (date, DataType::Null) | (DataType::Null, date) = sides
            && date.is_date()
        {
            return Some(Typed { kind: TypedKind::Constant(Cell::Null), data_type: date, span });
        }
        let is_fit = |side: &Typed| side.data_type.is_number() || side.data_type == DataType::Null;
        if !is_fit(&a) || !is_fit(&b) {
            let wrong = if is_fit(&a) { &b } else { &a };
            let message = format!(
                "`{}` takes numbers{}",
                operator.text(),
                if is_sum { ", or a date and a span of time" } else { "" }
            );
            self.wrong_type(wrong.span, &message, wrong.data_type);
            return None;
        }
        let data_type = match a.data_type.common(b.data_type) {
            Some(DataType::UnsignedLong) if a.data_type != b.data_type => {
                let message = "`unsigned_long` is computed with itself and `double` only";
                self.wrong_type(
                    span,
                    message,
                    if a.data_type == DataType::UnsignedLong { b.data_type } else { a.data_type },
                );
                return None;
            }
            Some(common) => common,
            None => return None,
        };
        Some(Typed { kind: TypedKind::Arithmetic(operator, Box::new(a), Box::new(b)), data_type, span })
    }

    /// Dates and spans of time.
    fn moved(&mut self, operator: Arithmetic, a: Typed, b: Typed, span: Span) -> Option<Typed> {
        let back = operator == Arithmetic::Subtract;
        let (date, by) = if b.data_type.is_span() {
            (a, b)
        } else if back {
            self.wrong_type(span, "nothing is taken from a span of time but another", b.data_type);
            return None;
        } else {
            (b, a)
        };
        let date = match (date.data_type, date.constant()) {
            (DataType::Keyword, Some(_)) => self.converted_constant(&date, DataType::Date)?,
            _ => date,
        };
        if date.data_type.is_span() {
            // Two spans of one kind make a third.
            let sum = match (date.constant(), by.constant()) {
                (Some(Cell::One(Value::Span(x))), Some(Cell::One(Value::Span(y))))
                    if date.data_type == by.data_type =>
                {
                    (if back { y.negated() } else { Some(*y) }).and_then(|y| x.plus(y))
                }
                _ => None,
            };
            let Some(sum) = sum else {
                self.wrong_type(span, "spans of the calendar and of the clock have no sum", by.data_type);
                return None;
            };
            let kind = TypedKind::Constant(Value::Span(sum).into());
            return Some(Typed { kind, data_type: date.data_type, span });
        }
        if !date.data_type.is_date() && date.data_type != DataType::Null {
            self.wrong_type(date.span, "a span of time is added to a date", date.data_type);
            return None;
        }
        let data_type = if date.data_type == DataType::Null { DataType::Date } else { date.data_type };
        Some(Typed {
            kind: TypedKind::Moved { date: Box::new(date), span: Box::new(by), back },
            data_type,
            span,
        })
    }

    /// Two sides that are compared: of types that mix, or a text in the query beside another type.
    fn alike(&mut self, a: Typed, b: Typed, span: Span) -> Option<(Typed, Typed)> {
        if a.data_type == DataType::Unsupported || b.data_type == DataType::Unsupported {
            return None;
        }
        let (a, b) = self.settled_alike(a, b);
        if a.data_type.common(b.data_type).is_some() {
            return Some((a, b));
        }
        let is_literal = |side: &Typed, other: &Typed| {
            side.data_type == DataType::Keyword
                && side.constant().is_some()
                && !other.data_type.is_number()
                && !other.data_type.is_text()
        };
        if is_literal(&b, &a) {
            let to = a.data_type;
            return Some((a, self.converted_constant(&b, to)?));
        }
        if is_literal(&a, &b) {
            let to = b.data_type;
            return Some((self.converted_constant(&a, to)?, b));
        }
        let message = format!("{} and {} are not compared", a.data_type, b.data_type);
        let problem = Diagnostic::error(codes::WRONG_TYPE, message)
            .at(span, format!("{} beside {}", a.data_type, b.data_type))
            .with_help(format!("convert one side: `x::{}`", a.data_type));
        self.push(problem);
        None
    }

    fn converted_constant(&mut self, constant: &Typed, to: DataType) -> Option<Typed> {
        let span = constant.span;
        let cell = constant.constant()?;
        let converted = cell.values().iter().map(|value| convert(value, to)).collect::<Result<Vec<_>, _>>();
        match converted {
            Ok(values) => Some(Typed { kind: TypedKind::Constant(Cell::of(values)), data_type: to, span }),
            Err(why) => {
                let text = cell.values().first().map(Value::to_text).unwrap_or_default();
                self.error(
                    codes::INVALID_VALUE,
                    span,
                    format!("`{text}` is no {to}: {why}"),
                    "no such value",
                );
                None
            }
        }
    }

    /// What is about to be converted: there, a field may have another type in each index.
    fn settle_to_convert(
        &mut self,
        inner: &Expr,
        to: DataType,
        grouping: Option<&mut Grouping>,
    ) -> Option<Typed> {
        if let (ExprKind::Column(column), None) = (&inner.kind, &grouping)
            && let Some(place) = self.place_in_source(&column.name)
            && let Some((slot, types)) = self.slot_by_index(place)
        {
            for (index, data_type) in types.iter() {
                if !is_convertible(*data_type, to) {
                    let message = format!("there is no way to {to} from what `{index}` has");
                    self.wrong_type(inner.span, &message, *data_type);
                    return None;
                }
            }
            let kind = TypedKind::Slot(slot);
            return Some(Typed { kind, data_type: DataType::Unsupported, span: inner.span });
        }
        self.settle(inner, grouping)
    }

    fn converted(&mut self, inner: Typed, to: DataType, span: Span) -> Option<Typed> {
        let is_by_index = inner.data_type == DataType::Unsupported;
        if !is_by_index && !is_convertible(inner.data_type, to) {
            self.wrong_type(inner.span, &format!("there is no way to {to}"), inner.data_type);
            return None;
        }
        if let Some(cell) = inner.constant()
            && let Ok(values) =
                cell.values().iter().map(|value| convert(value, to)).collect::<Result<Vec<_>, _>>()
        {
            return Some(Typed { kind: TypedKind::Constant(Cell::of(values)), data_type: to, span });
        }
        if inner.data_type == to {
            return Some(inner);
        }
        Some(Typed { kind: TypedKind::Convert(Box::new(inner), to), data_type: to, span })
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &Arguments,
        expr: &Expr,
        mut grouping: Option<&mut Grouping>,
    ) -> Option<Typed> {
        let span = expr.span;
        if let Some(aggregation) = Aggregation::of(name) {
            return match grouping {
                Some(grouping) => self.aggregation(aggregation, name, arguments, expr, grouping),
                None => {
                    let message = format!(
                        "`{}` stands in `STATS`, and not in another aggregate",
                        name.to_ascii_uppercase()
                    );
                    self.error(codes::MISPLACED_AGGREGATE, span, message, "no rows to compute over");
                    None
                }
            };
        }
        let (list, options): (&[Expr], &[(String, Constant)]) = match arguments {
            Arguments::Star => {
                self.error(
                    codes::WRONG_ARGUMENTS,
                    span,
                    format!("`{name}` takes no `*`"),
                    "no rows to count",
                );
                return None;
            }
            Arguments::List(list, options) => (list, options),
        };
        let upper = name.to_ascii_uppercase();
        if let Some(to) = conversion(name) {
            let [inner] = list else { return self.wrong_count(&upper, "one argument", list.len(), span) };
            let inner = self.settle_to_convert(inner, to, grouping)?;
            if to == DataType::Ip && !options.is_empty() {
                let zeros = self.leading_zeros(options, span)?;
                if inner.data_type != DataType::Ip {
                    return Some(Typed {
                        kind: TypedKind::ToIp(Box::new(inner), zeros),
                        data_type: to,
                        span,
                    });
                }
            }
            return self.converted(inner, to, span);
        }
        match upper.as_str() {
            "NOW" => {
                if !list.is_empty() {
                    return self.wrong_count(&upper, "nothing", list.len(), span);
                }
                return Some(Typed { kind: TypedKind::Now, data_type: DataType::Date, span });
            }
            "KQL" => return self.kql(list, options, span),
            "MATCH" => {
                let [field, sought] = list else {
                    return self.wrong_count(&upper, "two arguments", list.len(), span);
                };
                let sought = self.expression(sought)?;
                return self.search(field, &sought, options, span);
            }
            _ => {}
        }
        let mut settled = Vec::new();
        for argument in list {
            settled.push(self.settle(argument, grouping.as_deref_mut()));
        }
        let settled: Vec<Typed> = settled.into_iter().collect::<Option<_>>()?;
        match upper.as_str() {
            "CASE" => self.case(settled, span),
            "COALESCE" => {
                if settled.is_empty() {
                    return self.wrong_count(&upper, "one argument or more", 0, span);
                }
                let settled = self.settled_together(settled);
                let data_type = self.common(&settled)?;
                let widened = settled.into_iter().map(|value| widen(value, data_type)).collect();
                Some(Typed { kind: TypedKind::Coalesce(widened), data_type, span })
            }
            _ => match Function::of(name) {
                Some(function) => self.function(function, settled, span),
                None => {
                    self.unknown_function(name, span);
                    None
                }
            },
        }
    }

    fn case(&mut self, arguments: Vec<Typed>, span: Span) -> Option<Typed> {
        if arguments.len() < 2 {
            return self.wrong_count("CASE", "two arguments or more", arguments.len(), span);
        }
        let has_otherwise = arguments.len() % 2 == 1;
        let mut pairs = arguments.into_iter();
        let mut branches = Vec::new();
        let mut otherwise = None;
        let count = pairs.len() / 2;
        for _ in 0..count {
            let (Some(condition), Some(value)) = (pairs.next(), pairs.next()) else { break };
            let condition = self.settled_as(condition, DataType::Boolean);
            if !matches!(condition.data_type, DataType::Boolean | DataType::Null) {
                self.wrong_type(
                    condition.span,
                    "`CASE` takes conditions and values in turn",
                    condition.data_type,
                );
                return None;
            }
            branches.push((condition, value));
        }
        if has_otherwise {
            otherwise = pairs.next();
        }
        let (conditions, values): (Vec<Typed>, Vec<Typed>) = branches.into_iter().unzip();
        let mut values = self.settled_together(values.into_iter().chain(otherwise).collect());
        let data_type = self.common(&values)?;
        let otherwise = has_otherwise.then(|| values.pop()).flatten();
        let branches: Vec<(Typed, Typed)> = conditions.into_iter().zip(values).collect();
        let otherwise = otherwise.unwrap_or(Typed {
            kind: TypedKind::Constant(Cell::Null),
            data_type: DataType::Null,
            span,
        });
        let branches =
            branches.into_iter().map(|(condition, value)| (condition, widen(value, data_type))).collect();
        Some(Typed {
            kind: TypedKind::Case { branches, otherwise: Box::new(widen(otherwise, data_type)) },
            data_type,
            span,
        })
    }

    /// Values, of which those whose types are open take that of the first which has one.
    fn settled_together(&mut self, values: Vec<Typed>) -> Vec<Typed> {
        let is_open =
            |value: &Typed| matches!(value.kind, TypedKind::Slot(slot) if self.assumed.contains_key(&slot));
        let known = values.iter().filter(|value| !is_open(value) && value.data_type != DataType::Null);
        let Some(known) = known.map(|value| value.data_type).next() else { return values };
        if known.is_text() {
            return values;
        }
        values.into_iter().map(|value| self.settled_as(value, known)).collect()
    }

    /// The type that values have in common.
    fn common(&mut self, values: &[Typed]) -> Option<DataType> {
        let mut common = DataType::Null;
        for value in values {
            match common.common(value.data_type) {
                Some(wider) => common = wider,
                None => {
                    self.wrong_type(
                        value.span,
                        &format!("the values in front are of type {common}"),
                        value.data_type,
                    );
                    return None;
                }
            }
        }
        Some(common.computed())
    }

    fn function(&mut self, function: &'static Function, arguments: Vec<Typed>, span: Span) -> Option<Typed> {
        let most = function.parameters.len();
        let least = most - function.optional;
        // The last parameter of a function that repeats may be left out if there is one in front.
        let least = if function.repeats && most > 1 && function.name == "CONCAT" { most } else { least };
        if arguments.len() < least || (arguments.len() > most && !function.repeats) {
            let expected = if function.repeats {
                format!("{least} arguments or more")
            } else if least == most {
                format!("{most} arguments")
            } else {
                format!("{least} to {most} arguments")
            };
            return self.wrong_count(function.name, &expected, arguments.len(), span);
        }
        let mut fitting = Vec::new();
        let first = arguments[0].data_type;
        for (number, argument) in arguments.into_iter().enumerate() {
            let parameter = function.parameters[number.min(most - 1)];
            fitting.push(self.argument(function, parameter, argument, first)?);
        }
        let data_type = match function.returns {
            Returns::Type(data_type) => {
                if function.name == "DATE_TRUNC" && fitting[1].data_type == DataType::DateNanos {
                    DataType::DateNanos
                } else {
                    data_type
                }
            }
            Returns::AsFirst => fitting[0].data_type.computed(),
        };
        let constants: Vec<Option<&Cell>> = fitting.iter().map(Typed::constant).collect();
        let prepared = match function.prepare.map(|prepare| prepare(&constants)) {
            None => Prepared::Nothing,
            Some(Ok(prepared)) => prepared,
            Some(Err(why)) => {
                self.bad_pattern(span, function.name, &why);
                return None;
            }
        };
        Some(Typed { kind: TypedKind::Call { function, arguments: fitting, prepared }, data_type, span })
    }

    fn argument(
        &mut self,
        function: &Function,
        parameter: Parameter,
        argument: Typed,
        first: DataType,
    ) -> Option<Typed> {
        let argument = match parameter {
            Parameter::Whole | Parameter::Number => self.settled_as(argument, DataType::Double),
            Parameter::Date => self.settled_as(argument, DataType::Date),
            Parameter::Ip => self.settled_as(argument, DataType::Ip),
            Parameter::Point => self.settled_as(argument, DataType::GeoPoint),
            Parameter::AsFirst => self.settled_as(argument, first),
            Parameter::Text | Parameter::Span | Parameter::Any => argument,
        };
        let of = argument.data_type;
        let is_literal = of == DataType::Keyword && argument.constant().is_some();
        let (fits, to) = match parameter {
            Parameter::Text => (of.is_text(), None),
            Parameter::Whole => (of.is_whole(), None),
            Parameter::Number => (of.is_number(), None),
            Parameter::Date => (of.is_date(), Some(DataType::Date)),
            Parameter::Ip => (of == DataType::Ip, Some(DataType::Ip)),
            Parameter::Point => (of == DataType::GeoPoint, Some(DataType::GeoPoint)),
            Parameter::Span => (of.is_span(), Some(DataType::TimeDuration)),
            Parameter::Any => (of != DataType::Unsupported && !of.is_span(), None),
            Parameter::AsFirst => (of.common(first).is_some(), Some(first)),
        };
        if fits || of == DataType::Null {
            return Some(argument);
        }
        if is_literal && let Some(to) = to {
            return self.converted_constant(&argument, to);
        }
        let wanted = match parameter {
            Parameter::Text => "a text",
            Parameter::Whole => "a whole number",
            Parameter::Number => "a number",
            Parameter::Date => "a date",
            Parameter::Ip => "an address",
            Parameter::Point => "a point",
            Parameter::Span => "a span of time",
            Parameter::Any => "a value",
            Parameter::AsFirst => "values of one type",
        };
        self.wrong_type(argument.span, &format!("`{}` takes {wanted} here", function.name), of);
        None
    }

    fn kql(&mut self, list: &[Expr], options: &[(String, Constant)], span: Span) -> Option<Typed> {
        let [query] = list else { return self.wrong_count("KQL", "one argument", list.len(), span) };
        let ExprKind::Constant(Constant::String(text)) = &query.kind else {
            self.error(
                codes::NOT_CONSTANT,
                query.span,
                "the query in `KQL` must be written down",
                "not constant",
            );
            return None;
        };
        if !self.in_where || !self.on_documents {
            self.misplaced_search("KQL", span);
            return None;
        }
        let slot = match self.tests.iter().find(|test| *test.kql == **text && test.options == options) {
            Some(test) => test.slot,
            None => {
                let slot = self.new_slot();
                let (kql, options) = (text.as_str().into(), options.to_vec());
                self.tests.push(DocumentTest { kql, options, span: query.span, slot });
                slot
            }
        };
        Some(Typed { kind: TypedKind::Slot(slot), data_type: DataType::Boolean, span })
    }

    /// `field : sought` and `MATCH(field, sought, options)`.
    fn search(
        &mut self,
        field: &Expr,
        sought: &Typed,
        options: &[(String, Constant)],
        span: Span,
    ) -> Option<Typed> {
        if !self.in_where || !self.on_documents {
            self.misplaced_search("MATCH` and `:", span);
            return None;
        }
        let field = self.expression(field)?;
        if !matches!(field.kind, TypedKind::Slot(_) | TypedKind::Convert(..)) {
            self.misplaced_search("MATCH` and `:", span);
            return None;
        }
        let Some(Cell::One(value)) = sought.constant() else {
            self.error(
                codes::NOT_CONSTANT,
                sought.span,
                "what is sought must be one value that is written down",
                "not constant",
            );
            return None;
        };
        let (mut all, mut edits) = (false, Edits::None);
        for (name, option) in options {
            match (name.as_str(), option) {
                ("operator", Constant::String(text)) if text.eq_ignore_ascii_case("and") => all = true,
                ("operator", Constant::String(text)) if text.eq_ignore_ascii_case("or") => all = false,
                ("fuzziness", Constant::String(text)) if text.eq_ignore_ascii_case("auto") => {
                    edits = Edits::Auto;
                }
                ("fuzziness", Constant::String(text)) if matches!(text.as_str(), "0" | "1" | "2") => {
                    edits = Edits::UpTo(text.parse().unwrap_or(0));
                }
                ("fuzziness", Constant::Whole(number @ 0..=2)) => edits = Edits::UpTo(*number as usize),
                // Scores, and bounds on what an index expands: they do not change which rows there are.
                (
                    "max_expansions"
                    | "boost"
                    | "prefix_length"
                    | "fuzzy_transpositions"
                    | "lenient"
                    | "fuzzy_rewrite",
                    _,
                ) => {}
                _ => {
                    let message = format!("`MATCH` does not take the option `{name}` with this value");
                    self.error(codes::INVALID_VALUE, span, message, "unknown option");
                    return None;
                }
            }
        }
        let found = if field.data_type == DataType::Text {
            Match::words(&value.to_text(), all, edits)
        } else {
            match convert(value, field.data_type) {
                Ok(value) => Match::value(value, edits),
                Err(why) => {
                    let message = format!("`{}` is no {}: {why}", value.to_text(), field.data_type);
                    self.error(codes::INVALID_VALUE, sought.span, message, "no such value");
                    return None;
                }
            }
        };
        let kind = TypedKind::Match(Box::new(field), Arc::new(found));
        Some(Typed { kind, data_type: DataType::Boolean, span })
    }

    fn leading_zeros(&mut self, options: &[(String, Constant)], span: Span) -> Option<LeadingZeros> {
        let mut zeros = LeadingZeros::Reject;
        for (name, value) in options {
            zeros = match (name.as_str(), value) {
                ("leading_zeros", Constant::String(how)) if how == "reject" => LeadingZeros::Reject,
                ("leading_zeros", Constant::String(how)) if how == "octal" => LeadingZeros::Octal,
                ("leading_zeros", Constant::String(how)) if how == "decimal" => LeadingZeros::Decimal,
                _ => {
                    let message = "`TO_IP` takes the option `leading_zeros`: `reject`, `octal` or `decimal`";
                    self.error(codes::INVALID_VALUE, span, message, "unknown option");
                    return None;
                }
            };
        }
        Some(zeros)
    }

    fn misplaced_search(&mut self, what: &str, span: Span) {
        let message =
            format!("`{what}` stands in `WHERE`, while rows are documents, on columns of the index");
        self.error(codes::MISPLACED_SEARCH, span, message, "no index to ask here");
    }

    fn wrong_type(&mut self, span: Span, message: &str, found: DataType) {
        self.error(codes::WRONG_TYPE, span, format!("{message}, and this is of type {found}"), found.name());
    }

    fn wrong_count(&mut self, name: &str, expected: &str, found: usize, span: Span) -> Option<Typed> {
        let message = format!("`{name}` takes {expected}, and here are {found}");
        self.error(codes::WRONG_ARGUMENTS, span, message, "wrong number of arguments");
        None
    }
}

/// A test, or its negation.
fn test_or_not(test: TypedKind, negated: bool, span: Span) -> Typed {
    let test = Typed { kind: test, data_type: DataType::Boolean, span };
    if negated {
        return Typed { kind: TypedKind::Not(Box::new(test)), data_type: DataType::Boolean, span };
    }
    test
}

/// An expression of constants is a constant, unless there is something to warn of for each row.
fn folded(typed: Typed) -> Typed {
    let is_constant = |of: &Typed| of.constant().is_some();
    let foldable = match &typed.kind {
        TypedKind::Call { arguments, .. } => arguments.iter().all(is_constant),
        TypedKind::Arithmetic(_, a, b) => is_constant(a) && is_constant(b),
        TypedKind::Moved { date, span, .. } => is_constant(date) && is_constant(span),
        TypedKind::Negate(inner) | TypedKind::Convert(inner, _) => is_constant(inner),
        _ => false,
    };
    if !foldable {
        return typed;
    }
    let evaluator = Evaluator::default();
    let cell = evaluator.cell(&typed, &[]);
    if !evaluator.into_warnings().is_empty() {
        return typed;
    }
    Typed { kind: TypedKind::Constant(cell), ..typed }
}

/// The value in a wider type of numbers, or of instants.
fn widen(value: Typed, to: DataType) -> Typed {
    let of = value.data_type;
    if of == to || of == DataType::Null || of.is_text() {
        return value;
    }
    let span = value.span;
    Typed { kind: TypedKind::Convert(Box::new(value), to), data_type: to, span }
}

fn negate(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Integer(number) => Value::Integer(number.checked_neg()?),
        Value::Long(number) => Value::Long(number.checked_neg()?),
        Value::Double(number) => Value::Double(-number),
        Value::Span(span) => Value::Span(span.negated()?),
        _ => return None,
    })
}
