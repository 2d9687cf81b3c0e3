//! Expressions over one row (esql-semantics §6 to §8).

use std::borrow::Cow;
use std::cmp::Ordering;

use watchfire_diagnostics::Span;
use watchfire_esql::ast::{Arithmetic, Comparison};

use super::Evaluator;
use crate::convert::{convert, ip_with_zeros};
use crate::functions::{Arguments, Body, Failure, Function, Prepared, SEVERAL_VALUES, moved};
use crate::plan::{Typed, TypedKind};
use crate::types::DataType;
use crate::value::{Cell, Value};

const OVERFLOW: Failure = "the number is out of range";
const DIVISION_BY_ZERO: Failure = "division by zero";

/// The value of an expression for a row.
pub(crate) fn evaluate<'r>(typed: &'r Typed, row: &'r [Cell], env: &Evaluator) -> Cow<'r, Cell> {
    let of = |typed: &'r Typed| evaluate(typed, row, env);
    let fail = |cause: Failure| {
        env.warn(typed.span, cause);
        Cell::Null
    };
    let cell = match &typed.kind {
        TypedKind::Constant(cell) => return Cow::Borrowed(cell),
        TypedKind::Slot(slot) => return Cow::Borrowed(&row[*slot]),
        TypedKind::Now => Value::Date(env.now()).into(),
        TypedKind::Call { function, arguments, prepared } => {
            call(function, arguments, prepared, row, typed.span, env)
        }
        TypedKind::Convert(inner, to) => {
            let inner = of(inner);
            inner.map(|value| match convert(value, *to) {
                Ok(value) => Some(value),
                Err(cause) => {
                    env.warn(typed.span, cause);
                    None
                }
            })
        }
        TypedKind::ToIp(inner, zeros) => {
            let inner = of(inner);
            inner.map(|value| {
                let address = match value {
                    Value::Ip(_) => Some(value.clone()),
                    _ => value.as_text().and_then(|text| ip_with_zeros(text, *zeros)),
                };
                if address.is_none() {
                    env.warn(typed.span, "the text is no address");
                }
                address
            })
        }
        TypedKind::Negate(inner) => match single(&of(inner), typed.span, env) {
            None => Cell::Null,
            Some(value) => match value {
                Value::Integer(number) => number.checked_neg().map(Value::Integer),
                Value::Long(number) => number.checked_neg().map(Value::Long),
                Value::Double(number) => Some(Value::Double(-number)),
                _ => None,
            }
            .map_or_else(|| fail(OVERFLOW), Cell::One),
        },
        TypedKind::Arithmetic(operator, a, b) => {
            let (a, b) = (of(a), of(b));
            match pair(&a, &b, typed.span, env) {
                None => Cell::Null,
                Some((a, b)) => arithmetic(*operator, a, b, typed.data_type).map_or_else(fail, Cell::One),
            }
        }
        TypedKind::Moved { date, span, back } => {
            let (date, by) = (of(date), of(span));
            match pair(&date, &by, typed.span, env) {
                Some((date, Value::Span(span))) => moved(date, *span, *back).map_or_else(fail, Cell::One),
                _ => Cell::Null,
            }
        }
        TypedKind::Compare(comparison, a, b) => {
            let (a, b) = (of(a), of(b));
            match pair(&a, &b, typed.span, env) {
                None => Cell::Null,
                Some((a, b)) => Cell::truth(compare(*comparison, a, b)),
            }
        }
        TypedKind::IsNull(inner) => Cell::truth(of(inner).is_null()),
        TypedKind::In(value, list) => {
            let value = of(value);
            let Some(value) = single(&value, typed.span, env) else { return Cow::Owned(Cell::Null) };
            let mut unknown = false;
            let mut found = false;
            for element in list {
                let element = of(element);
                match single(&element, typed.span, env) {
                    None => unknown = true,
                    Some(element) if element == value => {
                        found = true;
                        break;
                    }
                    Some(_) => {}
                }
            }
            if found || !unknown { Cell::truth(found) } else { Cell::Null }
        }
        TypedKind::Like(value, patterns) => {
            let value = of(value);
            match single(&value, typed.span, env).and_then(Value::as_text) {
                None => Cell::Null,
                Some(text) => Cell::truth(patterns.fits(text)),
            }
        }
        TypedKind::Match(field, sought) => Cell::truth(sought.finds(&of(field))),
        TypedKind::Not(inner) => match truth(&of(inner), inner.span, env) {
            None => Cell::Null,
            Some(truth) => Cell::truth(!truth),
        },
        TypedKind::And(list) => joined(list, false, row, env),
        TypedKind::Or(list) => joined(list, true, row, env),
        TypedKind::Case { branches, otherwise } => {
            for (condition, value) in branches {
                // Several truths are not one: the branch is not taken.
                if truth(&of(condition), condition.span, env) == Some(true) {
                    return of(value);
                }
            }
            return of(otherwise);
        }
        TypedKind::Coalesce(list) => {
            return list.iter().map(of).find(|cell| !cell.is_null()).unwrap_or(Cow::Owned(Cell::Null));
        }
    };
    Cow::Owned(cell)
}

/// The one value of a cell; of several none, and a warning.
fn single<'c>(cell: &'c Cell, span: Span, env: &Evaluator) -> Option<&'c Value> {
    match cell {
        Cell::Null => None,
        Cell::One(value) => Some(value),
        Cell::Many(_) => {
            env.warn(span, SEVERAL_VALUES);
            None
        }
    }
}

fn pair<'c>(a: &'c Cell, b: &'c Cell, span: Span, env: &Evaluator) -> Option<(&'c Value, &'c Value)> {
    if a.is_null() || b.is_null() {
        return None;
    }
    Some((single(a, span, env)?, single(b, span, env)?))
}

fn truth(cell: &Cell, span: Span, env: &Evaluator) -> Option<bool> {
    match single(cell, span, env) {
        Some(Value::Boolean(truth)) => Some(*truth),
        _ => None,
    }
}

/// `AND` and `OR`: the truth that decides wins, then the unknown.
fn joined(operands: &[Typed], decisive: bool, row: &[Cell], env: &Evaluator) -> Cell {
    let mut unknown = false;
    for operand in operands {
        match truth(&evaluate(operand, row, env), operand.span, env) {
            Some(truth) if truth == decisive => return Cell::truth(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown { Cell::Null } else { Cell::truth(!decisive) }
}

fn compare(comparison: Comparison, a: &Value, b: &Value) -> bool {
    let order = a.order(b);
    match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    }
}

fn arithmetic(operator: Arithmetic, a: &Value, b: &Value, data_type: DataType) -> Result<Value, Failure> {
    if data_type == DataType::Double {
        let (a, b) = (a.as_double().unwrap_or_default(), b.as_double().unwrap_or_default());
        if b == 0.0 && matches!(operator, Arithmetic::Divide | Arithmetic::Modulo) {
            return Err(DIVISION_BY_ZERO);
        }
        let result = match operator {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
            Arithmetic::Modulo => a % b,
        };
        return if result.is_finite() { Ok(Value::Double(result)) } else { Err(OVERFLOW) };
    }
    let (Some(a), Some(b)) = (a.as_whole(), b.as_whole()) else { return Err(OVERFLOW) };
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Modulo if b == 0 => return Err(DIVISION_BY_ZERO),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => a.checked_rem(b),
    };
    let result = result.ok_or(OVERFLOW)?;
    match data_type {
        DataType::Integer => i32::try_from(result).map(Value::Integer),
        DataType::UnsignedLong => u64::try_from(result).map(Value::UnsignedLong),
        _ => i64::try_from(result).map(Value::Long),
    }
    .map_err(|_| OVERFLOW)
}

fn call(
    function: &Function,
    arguments: &[Typed],
    prepared: &Prepared,
    row: &[Cell],
    span: Span,
    env: &Evaluator,
) -> Cell {
    let fail = |cause: Failure| {
        env.warn(span, cause);
    };
    let cells: Vec<Cow<'_, Cell>> = arguments.iter().map(|argument| evaluate(argument, row, env)).collect();
    // The arguments behind the first, of functions that take all values of the first, are single too.
    let first = usize::from(matches!(function.body, Body::Each(_) | Body::List(_)));
    let mut values = Vec::with_capacity(cells.len());
    if let Body::Cells(body) = function.body {
        let cells: Vec<Cell> = cells.into_iter().map(Cow::into_owned).collect();
        return body(&cells).unwrap_or_else(|cause| {
            fail(cause);
            Cell::Null
        });
    }
    if cells.iter().any(|cell| cell.is_null()) {
        return Cell::Null;
    }
    for cell in &cells[first.min(cells.len())..] {
        match single(cell, span, env) {
            Some(value) => values.push(value.clone()),
            None => return Cell::Null,
        }
    }
    let result = match function.body {
        Body::Single(body) => body(&Arguments { values: &values, prepared }),
        Body::List(body) => body(cells[0].values(), &Arguments { values: &values, prepared }),
        Body::Each(body) => {
            values.insert(0, Value::Boolean(false));
            Ok(cells[0].map(|value| {
                values[0] = value.clone();
                match body(&Arguments { values: &values, prepared }) {
                    Ok(value) => Some(value),
                    Err(cause) => {
                        fail(cause);
                        None
                    }
                }
            }))
        }
        Body::Cells(_) => Ok(Cell::Null),
    };
    result.unwrap_or_else(|cause| {
        fail(cause);
        Cell::Null
    })
}
