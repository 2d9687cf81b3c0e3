//! Functions of numbers.

use super::{Arguments, Body, Failure, Function, Parameter, Returns, plain};
use crate::value::{Cell, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        optional: 1,
        ..plain("ROUND", &[Parameter::Number, Parameter::Whole], Returns::AsFirst, Body::Single(round))
    },
    plain("ABS", &[Parameter::Number], Returns::AsFirst, Body::Single(absolute)),
    plain("FLOOR", &[Parameter::Number], Returns::AsFirst, Body::Single(|a| Ok(whole(a, f64::floor)))),
    plain("CEIL", &[Parameter::Number], Returns::AsFirst, Body::Single(|a| Ok(whole(a, f64::ceil)))),
];

fn whole(arguments: &Arguments<'_>, how: fn(f64) -> f64) -> Cell {
    match arguments.values.first() {
        Some(Value::Double(number)) => Value::Double(how(*number)).into(),
        other => other.cloned().into(),
    }
}

/// Half away from zero; a negative number of digits rounds in front of the point.
fn round(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let digits = arguments.whole(1).unwrap_or(0).clamp(-400, 400) as i32;
    let value = match &arguments.values[0] {
        Value::Double(number) => Value::Double(round_double(*number, digits)),
        Value::Integer(number) if digits < 0 => {
            let rounded = round_whole(i128::from(*number), digits);
            Value::Integer(i32::try_from(rounded).map_err(|_| "the rounded number is out of range")?)
        }
        Value::Long(number) if digits < 0 => {
            let rounded = round_whole(i128::from(*number), digits);
            Value::Long(i64::try_from(rounded).map_err(|_| "the rounded number is out of range")?)
        }
        other => other.clone(),
    };
    Ok(value.into())
}

/// By the decimal digits that the number is written with, as `BigDecimal` rounds.
fn round_double(number: f64, digits: i32) -> f64 {
    if !number.is_finite() {
        return number;
    }
    if digits < 0 {
        let scale = 10_f64.powi(-digits);
        return (number / scale).round() * scale;
    }
    // The shortest text that reads back as the number, moved by whole digits: no product can lift a half over the edge.
    let moved = format!("{number:e}");
    let (mantissa, exponent) = moved.split_once('e').unwrap_or((&moved, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let scaled: f64 = format!("{mantissa}e{}", exponent + digits).parse().unwrap_or(number);
    if !scaled.is_finite() || scaled.abs() >= 9e15 {
        return number;
    }
    format!("{}e{}", scaled.round(), -digits).parse().unwrap_or(number)
}

fn round_whole(number: i128, digits: i32) -> i128 {
    let Some(scale) = 10_i128.checked_pow(digits.unsigned_abs()) else { return 0 };
    let half = if number < 0 { -scale / 2 } else { scale / 2 };
    (number + half) / scale * scale
}

fn absolute(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    const OUT: Failure = "the number has no counterpart of the other sign";
    let value = match &arguments.values[0] {
        Value::Integer(number) => Value::Integer(number.checked_abs().ok_or(OUT)?),
        Value::Long(number) => Value::Long(number.checked_abs().ok_or(OUT)?),
        Value::Double(number) => Value::Double(number.abs()),
        other => other.clone(),
    };
    Ok(value.into())
}
