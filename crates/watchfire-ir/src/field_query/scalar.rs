//! Questions to fields of numbers, booleans, addresses and dates, and ranges.

use std::sync::Arc;

use watchfire_events::{FieldType, IpBlock, Timestamp, Version, parse_ip};

use super::{Limit, Misfit, leaf};
use crate::date_math::{self, DateError, Rounding};
use crate::{Bound, Condition, Constant, FieldRef, Predicate};

pub(super) fn number(field: &FieldRef, value: &str) -> Result<Condition, Misfit> {
    let constant = number_constant(value).ok_or_else(|| Misfit::NotANumber(value.to_owned()))?;
    match constant {
        Constant::Double(number) if field.field_type != FieldType::Double && number.fract() != 0.0 => {
            Err(Misfit::NotAnInteger(value.to_owned()))
        }
        constant => Ok(leaf(field, Predicate::Equals(constant))),
    }
}

/// Below this every integer has a floating-point number of its own.
const LARGEST_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// The number that a text is: an integer where it is written as one.
fn number_constant(text: &str) -> Option<Constant> {
    let text = text.trim();
    if let Ok(integer) = text.parse::<i128>() {
        return Some(Constant::Integer(integer));
    }
    // Words such as `nan` and `inf` are numbers only to the parser.
    let begins = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.parse::<f64>().ok().filter(|number| begins && number.is_finite())?;
    // `5.0` is the integer, so that equal questions look equal.
    let whole = number.fract() == 0.0 && number.abs() < LARGEST_EXACT_INTEGER;
    Some(if whole { Constant::Integer(number as i128) } else { Constant::Double(number) })
}

pub(super) fn boolean(field: &FieldRef, value: &str) -> Result<Condition, Misfit> {
    let constant = boolean_constant(value).ok_or_else(|| Misfit::NotABoolean(value.to_owned()))?;
    Ok(leaf(field, Predicate::Equals(constant)))
}

fn boolean_constant(text: &str) -> Option<Constant> {
    text.parse().ok().map(Constant::Boolean)
}

pub(super) fn address(field: &FieldRef, value: &str) -> Result<Condition, Misfit> {
    let block = IpBlock::of(value);
    let block = block.ok_or_else(|| Misfit::NotAnAddress(value.to_owned()))?;
    Ok(leaf(field, Predicate::Within(vec![block])))
}

pub(super) fn date(field: &FieldRef, value: &str, now: Option<Timestamp>) -> Result<Condition, Misfit> {
    let interval = date_math::interval(value, now).map_err(|error| date_misfit(error, value))?;
    let bound = |at| Bound::Included(Constant::Instant(at));
    Ok(leaf(field, Predicate::Range { low: bound(interval.start), high: bound(interval.end) }))
}

fn date_misfit(error: DateError, value: &str) -> Misfit {
    match error {
        DateError::NotADate => Misfit::NotADate(value.to_owned()),
        DateError::NeedsNow => Misfit::NeedsNow(value.to_owned()),
    }
}

/// Which end of a range a limit is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Low,
    High,
}

/// The field's value lies between two limits, in the order of its type (kql-semantics §4).
pub(super) fn between(
    field: &FieldRef,
    low: Option<Limit<'_>>,
    high: Option<Limit<'_>>,
    now: Option<Timestamp>,
) -> Result<Condition, Misfit> {
    let bound = |limit: Option<Limit<'_>>, end: End| match limit {
        None => Ok(Bound::Unbounded),
        Some(limit) => {
            let constant = constant(field.field_type, limit, end, now)?;
            Ok(if limit.inclusive { Bound::Included(constant) } else { Bound::Excluded(constant) })
        }
    };
    let predicate = Predicate::Range { low: bound(low, End::Low)?, high: bound(high, End::High)? };
    Ok(match predicate {
        Predicate::Range { low: Bound::Unbounded, high: Bound::Unbounded } => super::exists(field),
        predicate => leaf(field, predicate),
    })
}

fn constant(
    field_type: FieldType,
    limit: Limit<'_>,
    end: End,
    now: Option<Timestamp>,
) -> Result<Constant, Misfit> {
    let text = limit.text;
    // `>` and `<=` round up, `>=` and `<` round down.
    let rounding = if (end == End::High) == limit.inclusive { Rounding::Up } else { Rounding::Down };
    match field_type {
        FieldType::Keyword | FieldType::ConstantKeyword | FieldType::Wildcard | FieldType::Flattened => {
            Ok(Constant::Text(text.into()))
        }
        FieldType::Version => Ok(Constant::Version(Version::new(text))),
        FieldType::Long | FieldType::UnsignedLong | FieldType::Double => {
            number_constant(text).ok_or_else(|| Misfit::NotANumber(text.to_owned()))
        }
        FieldType::Boolean => boolean_constant(text).ok_or_else(|| Misfit::NotABoolean(text.to_owned())),
        FieldType::Ip => {
            parse_ip(text).map(Constant::Ip).ok_or_else(|| Misfit::NotAnAddress(text.to_owned()))
        }
        FieldType::Date | FieldType::DateNanos => date_math::resolve(text, now, rounding)
            .map(Constant::Instant)
            .map_err(|error| date_misfit(error, text)),
        FieldType::Object | FieldType::Nested => Err(Misfit::Object),
        FieldType::Unsupported => Err(Misfit::UnreadType),
        FieldType::Text | FieldType::MatchOnlyText | FieldType::CaselessKeyword => {
            Err(Misfit::NoOrder(field_type))
        }
        FieldType::Dynamic => dynamic_constant(text, rounding, now),
    }
}

/// The constant of a range on a field that no schema knows: what the text looks like.
fn dynamic_constant(text: &str, rounding: Rounding, now: Option<Timestamp>) -> Result<Constant, Misfit> {
    if let Some(number) = number_constant(text) {
        return Ok(number);
    }
    if let Some(address) = parse_ip(text) {
        return Ok(Constant::Ip(address));
    }
    match date_math::resolve(text, now, rounding) {
        Ok(at) => Ok(Constant::Instant(at)),
        Err(DateError::NeedsNow) => Err(Misfit::NeedsNow(text.to_owned())),
        Err(DateError::NotADate) => Ok(Constant::Text(Arc::from(text))),
    }
}
