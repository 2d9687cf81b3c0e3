//! Conversions of one value to another type: `TO_…`, `::`, and what a text in a query becomes beside a typed column
//! (esql-semantics §5, §10).

use std::sync::Arc;

use watchfire_esql::ast::TimeUnit;
use watchfire_events::{Timestamp, Version, parse_ip};

use crate::functions::Failure;
use crate::types::DataType;
use crate::value::{TimeSpan, Value};

/// Whether values of a type can be converted at all.
pub fn is_convertible(from: DataType, to: DataType) -> bool {
    use DataType as T;
    match to {
        _ if from == to || from == T::Null => true,
        T::Keyword | T::Text => from != T::Unsupported,
        T::Boolean => from.is_number() || from.is_text(),
        T::Integer | T::Long | T::UnsignedLong | T::Double => {
            from.is_number() || from.is_text() || from == T::Boolean || from.is_date()
        }
        T::Date | T::DateNanos => from.is_text() || from.is_whole() || from == T::Double || from.is_date(),
        T::Ip | T::Version | T::GeoPoint | T::DatePeriod | T::TimeDuration => from.is_text(),
        T::Null | T::Unsupported => false,
    }
}

/// The value in another type.
///
/// # Errors
/// It has no counterpart there.
pub fn convert(value: &Value, to: DataType) -> Result<Value, Failure> {
    let text = value.as_text();
    Ok(match to {
        DataType::Keyword | DataType::Text => match value {
            Value::Text(_) => value.clone(),
            other => Value::Text(other.to_text()),
        },
        DataType::Boolean => Value::Boolean(match value {
            Value::Boolean(truth) => *truth,
            Value::Text(text) => text.eq_ignore_ascii_case("true"),
            other => other.as_double().is_some_and(|number| number != 0.0),
        }),
        DataType::Integer => Value::Integer(
            i32::try_from(whole(value)?).map_err(|_| "the number is out of range of integers")?,
        ),
        DataType::Long => {
            Value::Long(i64::try_from(whole(value)?).map_err(|_| "the number is out of range")?)
        }
        DataType::UnsignedLong => {
            Value::UnsignedLong(u64::try_from(whole(value)?).map_err(|_| "the number is out of range")?)
        }
        DataType::Double => Value::Double(match (value, text) {
            (Value::Boolean(truth), _) => f64::from(u8::from(*truth)),
            (Value::Date(millis), _) => *millis as f64,
            (Value::DateNanos(nanos), _) => *nanos as f64,
            (_, Some(text)) => text.trim().parse().map_err(|_| "the text is no number")?,
            (other, None) => other.as_double().ok_or("the value is no number")?,
        }),
        DataType::Date => Value::Date(match (value, text) {
            (Value::Date(millis), _) => *millis,
            (Value::DateNanos(nanos), _) => nanos.div_euclid(1_000_000),
            (_, Some(text)) => date(text).ok_or("the text is no date")?.millis(),
            (other, None) => i64::try_from(whole(other)?).map_err(|_| "the number is out of range")?,
        }),
        DataType::DateNanos => {
            let nanos = match (value, text) {
                (_, Some(text)) => date(text).ok_or("the text is no date")?.nanos(),
                (other, None) => match other.as_nanos() {
                    Some(nanos) => nanos,
                    None => whole(other)?,
                },
            };
            Value::DateNanos(i64::try_from(nanos).map_err(|_| "the date is out of range of nanoseconds")?)
        }
        DataType::Ip => match value {
            Value::Ip(address) => Value::Ip(*address),
            _ => Value::Ip(text.and_then(parse_ip).ok_or("the text is no address")?),
        },
        DataType::Version => match value {
            Value::Version(version) => Value::Version(version.clone()),
            _ => Value::Version(Arc::new(Version::new(text.unwrap_or_default()))),
        },
        DataType::GeoPoint => match value {
            Value::Point(x, y) => Value::Point(*x, *y),
            _ => text.and_then(point).ok_or("the text is no point")?,
        },
        DataType::DatePeriod | DataType::TimeDuration => match value {
            Value::Span(span) => Value::Span(*span),
            _ => text.and_then(span).ok_or("the text is no span of time")?,
        },
        DataType::Null | DataType::Unsupported => return Err("the type has no values"),
    })
}

/// What to do with zeros in front of the parts of an address (`TO_IP`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeadingZeros {
    /// Such an address is none.
    #[default]
    Reject,
    /// The part is octal.
    Octal,
    /// The part is decimal.
    Decimal,
}

/// An address whose parts may have zeros in front.
pub fn ip_with_zeros(text: &str, zeros: LeadingZeros) -> Option<Value> {
    if zeros == LeadingZeros::Reject || text.contains(':') {
        return parse_ip(text).map(Value::Ip);
    }
    let part = |part: &str| -> Option<String> {
        if !part.bytes().all(|byte| byte.is_ascii_digit()) || part.is_empty() {
            return None;
        }
        let radix =
            if zeros == LeadingZeros::Octal && part.len() > 1 && part.starts_with('0') { 8 } else { 10 };
        Some(u32::from_str_radix(part, radix).ok()?.to_string())
    };
    let parts = text.split('.').map(part).collect::<Option<Vec<_>>>()?;
    parse_ip(&parts.join(".")).map(Value::Ip)
}

/// A date as Elasticsearch reads it: behind the day only a `T` begins a time.
fn date(text: &str) -> Option<Timestamp> {
    if text.contains(' ') {
        return None;
    }
    Timestamp::parse(text)
}

/// A whole number: of a text, a truth, an instant; with a fraction, the nearest.
fn whole(value: &Value) -> Result<i128, Failure> {
    match value {
        Value::Boolean(truth) => Ok(i128::from(*truth)),
        Value::Date(millis) => Ok(i128::from(*millis)),
        Value::DateNanos(nanos) => Ok(i128::from(*nanos)),
        Value::Double(number) => nearest(*number),
        Value::Text(text) => match text.trim().parse::<i128>() {
            Ok(number) => Ok(number),
            Err(_) => nearest(text.trim().parse::<f64>().map_err(|_| "the text is no number")?),
        },
        other => other.as_whole().ok_or("the value is no number"),
    }
}

fn nearest(number: f64) -> Result<i128, Failure> {
    if !number.is_finite() || number.abs() >= 2e19 {
        return Err("the number is out of range");
    }
    Ok((number + 0.5).floor() as i128)
}

/// `POINT (x y)`.
fn point(text: &str) -> Option<Value> {
    let text = text.trim();
    let word = text.get(..5)?;
    if !word.eq_ignore_ascii_case("point") {
        return None;
    }
    let inner = text[5..].trim().strip_prefix('(')?.strip_suffix(')')?;
    let mut numbers = inner.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(x)), Some(Ok(y)), None) = (numbers.next(), numbers.next(), numbers.next()) else {
        return None;
    };
    (x.is_finite() && y.is_finite()).then_some(Value::Point(x, y))
}

/// `5 minutes`.
pub fn span(text: &str) -> Option<Value> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '-')?;
    let count = text[..end].parse().ok()?;
    TimeSpan::of(count, TimeUnit::of(text[end..].trim())?).map(Value::Span)
}
