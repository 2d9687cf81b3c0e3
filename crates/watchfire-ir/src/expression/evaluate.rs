//! Running an expression over one value per field.

use std::borrow::Cow;

use thiserror::Error;
use watchfire_events::parse_ip;

use super::arithmetic::{calculate, negate};
use super::expr::{Expr, Node};
use super::function::Function;
use super::scalar::Scalar;
use super::text;
use crate::FieldRef;

/// What went wrong on a value. Upstream it fails the whole query; here the leaf is false for that event, and the error
/// is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum EvaluationError {
    /// The result is no integer of the width of its operands.
    #[error("integer overflow")]
    Overflow,
    /// An integer was divided by zero.
    #[error("integer division by zero")]
    DivisionByZero,
    /// The text given to `number` is not a number of that base.
    #[error("`number` got a text that is not a number of base {base}")]
    NotANumber {
        /// The base.
        base: i64,
    },
    /// A function got null where it cannot do without a value.
    #[error("`{function}` got null as an argument that it needs")]
    NullArgument {
        /// The function.
        function: &'static str,
    },
    /// The fields of a leaf have too many values to try all combinations.
    #[error("the values of the fields have {combinations} combinations, more than the limit of {limit}")]
    TooManyCombinations {
        /// How many there are; the largest number stands for more.
        combinations: u64,
        /// The limit.
        limit: u64,
    },
}

/// One value for each field of an expression.
pub(super) struct Scope<'a> {
    pub(super) fields: &'a [FieldRef],
    pub(super) values: &'a [Scalar<'a>],
}

impl Scope<'_> {
    pub(super) fn empty() -> Self {
        Self { fields: &[], values: &[] }
    }
}

impl Expr {
    /// The value of the expression where each of `fields` has the value at the same place in `values`; a field that is
    /// not among them is null.
    ///
    /// # Errors
    /// Some part cannot be computed of these values.
    pub fn evaluate(
        &self,
        fields: &[FieldRef],
        values: &[Scalar<'_>],
    ) -> Result<Scalar<'static>, EvaluationError> {
        self.evaluate_in(&Scope { fields, values }).map(Scalar::into_owned)
    }

    pub(super) fn evaluate_in<'a>(&'a self, scope: &'a Scope<'a>) -> Result<Scalar<'a>, EvaluationError> {
        Ok(match &self.0 {
            Node::Constant(value) => value.borrowed(),
            Node::Field(field) => {
                let at = scope.fields.iter().position(|candidate| candidate == field);
                at.and_then(|at| scope.values.get(at)).map_or(Scalar::Null, Scalar::borrowed)
            }
            Node::Not(inner) => truth(inner.evaluate_in(scope)?.as_boolean().map(|value| !value)),
            Node::And(operands) => truth(logical(operands, scope, false)?),
            Node::Or(operands) => truth(logical(operands, scope, true)?),
            Node::IsNull(inner) => Scalar::Boolean(inner.evaluate_in(scope)?.is_null()),
            Node::Compare { operator, left, right } => {
                let order = left.evaluate_in(scope)?.compare(&right.evaluate_in(scope)?);
                truth(order.map(|order| operator.accepts(order)))
            }
            Node::EqualIgnoringCase { left, right } => {
                let (left, right) = (left.evaluate_in(scope)?, right.evaluate_in(scope)?);
                truth(both_texts(&left, &right).map(|(left, right)| text::equal_ignoring_case(left, right)))
            }
            Node::Arithmetic { operator, left, right } => {
                calculate(*operator, &left.evaluate_in(scope)?, &right.evaluate_in(scope)?)?
            }
            Node::Negate(inner) => negate(&inner.evaluate_in(scope)?)?,
            Node::In { subject, list } => {
                let subject = subject.evaluate_in(scope)?;
                let mut result = Some(false);
                for element in list {
                    match subject.compare(&element.evaluate_in(scope)?) {
                        Some(order) if order.is_eq() => return Ok(Scalar::Boolean(true)),
                        Some(_) => {}
                        None => result = None,
                    }
                }
                truth(result)
            }
            Node::Fits { subject, regex } => {
                truth(subject.evaluate_in(scope)?.as_text().map(|text| regex.fits(text)))
            }
            Node::Within { subject, blocks } => {
                let subject = subject.evaluate_in(scope)?;
                truth(subject.as_text().map(|text| {
                    parse_ip(text).is_some_and(|ip| blocks.iter().any(|block| block.contains(ip)))
                }))
            }
            Node::Call { function, ignore_case, arguments } => {
                let arguments = arguments
                    .iter()
                    .map(|argument| argument.evaluate_in(scope))
                    .collect::<Result<Vec<_>, _>>()?;
                call(*function, *ignore_case, &arguments)?
            }
        })
    }
}

fn truth(value: Option<bool>) -> Scalar<'static> {
    value.map_or(Scalar::Null, Scalar::Boolean)
}

/// `and` (`deciding` false) and `or` (`deciding` true): the deciding value wins over null.
fn logical<'a>(
    operands: &'a [Expr],
    scope: &'a Scope<'a>,
    deciding: bool,
) -> Result<Option<bool>, EvaluationError> {
    let mut result = Some(!deciding);
    for operand in operands {
        match operand.evaluate_in(scope)?.as_boolean() {
            Some(value) if value == deciding => return Ok(Some(deciding)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

fn both_texts<'s>(left: &'s Scalar<'_>, right: &'s Scalar<'_>) -> Option<(&'s str, &'s str)> {
    Some((left.as_text()?, right.as_text()?))
}

fn owned(text: &str) -> Scalar<'static> {
    Scalar::text(text)
}

fn count(number: usize) -> Scalar<'static> {
    i32::try_from(number).map_or(Scalar::Long(number as i64), Scalar::Integer)
}

/// A call with its arguments, whose number was checked when the expression was made.
fn call<'a>(
    function: Function,
    ignore_case: bool,
    arguments: &[Scalar<'a>],
) -> Result<Scalar<'a>, EvaluationError> {
    let first = arguments.first().unwrap_or(&Scalar::Null);
    let second = arguments.get(1).unwrap_or(&Scalar::Null);
    let third = arguments.get(2).unwrap_or(&Scalar::Null);
    let tested = |test: fn(&str, &str, bool) -> bool| {
        truth(both_texts(first, second).map(|(subject, part)| test(subject, part, ignore_case)))
    };
    Ok(match function {
        Function::StartsWith => tested(text::starts_with),
        Function::EndsWith => tested(text::ends_with),
        Function::StringContains => tested(text::contains),
        Function::Length => first.as_text().map_or(Scalar::Null, |subject| count(text::length(subject))),
        Function::String => first.to_text().map_or(Scalar::Null, |subject| owned(&subject)),
        Function::Concat => {
            let texts: Option<Vec<Cow<'_, str>>> = arguments.iter().map(Scalar::to_text).collect();
            texts.map_or(Scalar::Null, |texts| Scalar::text(texts.concat()))
        }
        Function::IndexOf => {
            let start = third.as_integer().unwrap_or(0);
            let found = both_texts(first, second)
                .and_then(|(subject, part)| text::index_of(subject, part, start, ignore_case));
            found.map_or(Scalar::Null, count)
        }
        Function::Substring => match (first.as_text(), second.as_integer()) {
            (None, _) => Scalar::Null,
            (Some(subject), None) => owned(subject),
            (Some(subject), Some(start)) => owned(&text::substring(subject, start, third.as_integer())),
        },
        Function::Between => {
            let Some(subject) = first.as_text() else { return Ok(Scalar::Null) };
            let (Some(left), Some(right)) = (second.as_text(), third.as_text()) else {
                return Err(EvaluationError::NullArgument { function: function.name() });
            };
            let greedy = match arguments.get(3) {
                None => false,
                Some(value) => {
                    value.as_boolean().ok_or(EvaluationError::NullArgument { function: function.name() })?
                }
            };
            owned(&text::between(subject, left, right, greedy, ignore_case))
        }
        Function::Number => match first.as_text() {
            None => Scalar::Null,
            Some(subject) => number(subject, second)?,
        },
    })
}

/// `number(s, base)`: without a base 16 for `0x…`, else 10; in base 10 an integer if it is one, else a double.
fn number(subject: &str, base: &Scalar<'_>) -> Result<Scalar<'static>, EvaluationError> {
    let hexadecimal = subject.strip_prefix("0x").or_else(|| subject.strip_prefix("0X"));
    let base = match base {
        Scalar::Null if hexadecimal.is_some() => 16,
        Scalar::Null => 10,
        other => other.as_integer().and_then(|base| i64::try_from(base).ok()).unwrap_or(-1),
    };
    let error = EvaluationError::NotANumber { base };
    if !(2..=36).contains(&base) {
        return Err(error);
    }
    let digits = if base == 16 { hexadecimal.unwrap_or(subject) } else { subject };
    if let Ok(integer) = i64::from_str_radix(digits, base as u32) {
        return Ok(Scalar::Long(integer));
    }
    match subject.trim().parse::<f64>() {
        Ok(double) if base == 10 => Ok(Scalar::Double(double)),
        _ => Err(error),
    }
}
