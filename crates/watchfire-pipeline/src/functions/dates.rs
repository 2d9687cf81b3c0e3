//! Functions of instants.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

use super::{Arguments, Body, Failure, Function, Parameter, Returns, plain};
use crate::types::DataType;
use crate::value::{Cell, TimeSpan, Value};

const OUT_OF_RANGE: Failure = "the date is out of range";
const DAY: i64 = 86_400_000;

pub(super) const FUNCTIONS: &[Function] = &[
    plain(
        "DATE_TRUNC",
        &[Parameter::Span, Parameter::Date],
        Returns::Type(DataType::Date),
        Body::Single(truncate),
    ),
    plain(
        "DATE_DIFF",
        &[Parameter::Text, Parameter::Date, Parameter::Date],
        Returns::Type(DataType::Integer),
        Body::Single(difference),
    ),
    plain(
        "DATE_FORMAT",
        &[Parameter::Text, Parameter::Date],
        Returns::Type(DataType::Keyword),
        Body::Single(format),
    ),
];

fn civil(nanos: i128) -> Result<DateTime, Failure> {
    let instant = Timestamp::from_nanosecond(nanos).map_err(|_| OUT_OF_RANGE)?;
    Ok(TimeZone::UTC.to_datetime(instant))
}

fn nanos_of(datetime: DateTime) -> Result<i128, Failure> {
    let instant = TimeZone::UTC.to_timestamp(datetime).map_err(|_| OUT_OF_RANGE)?;
    Ok(instant.as_nanosecond())
}

/// The value of an instant, of the type of another.
fn like(pattern: &Value, nanos: i128) -> Result<Value, Failure> {
    match pattern {
        Value::DateNanos(_) => i64::try_from(nanos).map(Value::DateNanos).map_err(|_| OUT_OF_RANGE),
        _ => i64::try_from(nanos.div_euclid(1_000_000)).map(Value::Date).map_err(|_| OUT_OF_RANGE),
    }
}

/// An instant moved by a span; months are clipped to their last day.
pub(crate) fn moved(date: &Value, span: TimeSpan, back: bool) -> Result<Value, Failure> {
    let span = if back { span.negated().ok_or(OUT_OF_RANGE)? } else { span };
    let mut nanos = date.as_nanos().ok_or(OUT_OF_RANGE)?;
    if span.months != 0 {
        let months = i32::try_from(span.months).map_err(|_| OUT_OF_RANGE)?;
        let months = Span::new().try_months(months).map_err(|_| OUT_OF_RANGE)?;
        nanos = nanos_of(civil(nanos)?.checked_add(months).map_err(|_| OUT_OF_RANGE)?)?;
    }
    let millis = i128::from(span.days) * i128::from(DAY) + i128::from(span.millis);
    like(date, nanos + millis * 1_000_000)
}

fn truncate(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let [Value::Span(span), date] = arguments.values else { return Ok(Cell::Null) };
    let nanos = date.as_nanos().ok_or(OUT_OF_RANGE)?;
    let midnight = jiff::civil::Time::midnight();
    let cut = match *span {
        TimeSpan { months: 0, days: 7, millis: 0 } => {
            let day = civil(nanos)?.date();
            let monday = day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days());
            nanos_of(monday.map_err(|_| OUT_OF_RANGE)?.to_datetime(midnight))?
        }
        TimeSpan { months: 0, days, millis } if days >= 0 && millis >= 0 && days + millis > 0 => {
            let step = (i128::from(days) * i128::from(DAY) + i128::from(millis)) * 1_000_000;
            nanos.div_euclid(step) * step
        }
        TimeSpan { months: step, days: 0, millis: 0 } if step > 0 => {
            let day = civil(nanos)?.date();
            let months = (i64::from(day.year()) - 1) * 12 + i64::from(day.month()) - 1;
            let months = months.div_euclid(step) * step;
            let year = i16::try_from(months.div_euclid(12) + 1).map_err(|_| OUT_OF_RANGE)?;
            let month = (months.rem_euclid(12) + 1) as i8;
            let first = Date::new(year, month, 1).map_err(|_| OUT_OF_RANGE)?;
            nanos_of(first.to_datetime(midnight))?
        }
        _ => return Err("DATE_TRUNC takes a span of one kind, longer than nothing"),
    };
    Ok(like(date, cut)?.into())
}

/// In whole units, toward zero.
fn difference(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let (Some(start), Some(end)) = (
        arguments.values.get(1).and_then(Value::as_nanos),
        arguments.values.get(2).and_then(Value::as_nanos),
    ) else {
        return Ok(Cell::Null);
    };
    let elapsed = end - start;
    let whole = match arguments.text(0).to_ascii_lowercase().as_str() {
        "nanosecond" | "nanoseconds" | "ns" => elapsed,
        "microsecond" | "microseconds" | "mcs" => elapsed / 1_000,
        "millisecond" | "milliseconds" | "ms" => elapsed / 1_000_000,
        "second" | "seconds" | "ss" | "s" => elapsed / 1_000_000_000,
        "minute" | "minutes" | "mi" | "n" => elapsed / 60_000_000_000,
        "hour" | "hours" | "hh" => elapsed / 3_600_000_000_000,
        "day" | "days" | "dd" | "d" | "dayofyear" | "dy" | "y" | "weekday" | "weekdays" | "dw" => {
            elapsed / (i128::from(DAY) * 1_000_000)
        }
        "week" | "weeks" | "wk" | "ww" => elapsed / (i128::from(DAY) * 7_000_000),
        "month" | "months" | "mm" | "m" => months(start, end)?,
        "quarter" | "quarters" | "qq" | "q" => months(start, end)? / 3,
        "year" | "years" | "yyyy" | "yy" => months(start, end)? / 12,
        _ => return Err("DATE_DIFF does not know the unit"),
    };
    let whole = i32::try_from(whole).map_err(|_| "the difference is out of range")?;
    Ok(Value::Integer(whole).into())
}

/// Full months from one instant to another.
fn months(start: i128, end: i128) -> Result<i128, Failure> {
    let (start, end) = (civil(start)?, civil(end)?);
    let count = |at: DateTime| i128::from(at.year()) * 12 + i128::from(at.month());
    let within = |at: DateTime| (at.day(), at.time());
    let months = count(end) - count(start);
    Ok(match within(end).cmp(&within(start)) {
        std::cmp::Ordering::Less if months > 0 => months - 1,
        std::cmp::Ordering::Greater if months < 0 => months + 1,
        _ => months,
    })
}

/// By a pattern of Java's `DateTimeFormatter`: years, months, days, hours, minutes, seconds, fractions, weekdays, half days, zones, and
/// texts in single quotes.
fn format(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let nanos = arguments.values.get(1).and_then(Value::as_nanos).ok_or(OUT_OF_RANGE)?;
    let at = civil(nanos)?;
    let mut out = String::new();
    let mut characters = arguments.text(0).chars().peekable();
    while let Some(letter) = characters.next() {
        if letter == '\'' {
            let mut any = false;
            for character in characters.by_ref() {
                if character == '\'' {
                    break;
                }
                any = true;
                out.push(character);
            }
            if !any {
                out.push('\'');
            }
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            out.push(letter);
            continue;
        }
        let mut width = 1;
        while characters.next_if_eq(&letter).is_some() {
            width += 1;
        }
        let number = match letter {
            'y' | 'u' if width == 2 => i64::from(at.year()).rem_euclid(100),
            'y' | 'u' => i64::from(at.year()),
            'M' | 'L' if width == 3 => {
                out.push_str(&at.strftime("%b").to_string());
                continue;
            }
            'M' | 'L' if width > 3 => {
                out.push_str(&at.strftime("%B").to_string());
                continue;
            }
            'M' | 'L' => i64::from(at.month()),
            'd' => i64::from(at.day()),
            'D' => i64::from(at.date().day_of_year()),
            'H' => i64::from(at.hour()),
            'h' => i64::from((at.hour() + 11) % 12 + 1),
            'm' => i64::from(at.minute()),
            's' => i64::from(at.second()),
            'S' => {
                let fraction = format!("{:09}", at.subsec_nanosecond());
                out.push_str(&fraction[..width.min(9)]);
                continue;
            }
            'E' => {
                out.push_str(&at.strftime(if width > 3 { "%A" } else { "%a" }).to_string());
                continue;
            }
            'a' => {
                out.push_str(if at.hour() < 12 { "AM" } else { "PM" });
                continue;
            }
            'Q' | 'q' => i64::from((at.month() - 1) / 3 + 1),
            'e' => i64::from(at.date().weekday().to_monday_one_offset()),
            'X' => {
                out.push('Z');
                continue;
            }
            'Z' | 'x' => {
                out.push_str(if width == 3 { "+00:00" } else { "+0000" });
                continue;
            }
            _ => return Err("DATE_FORMAT does not know a letter of its pattern"),
        };
        let _ = write!(out, "{number:0width$}");
    }
    Ok(Value::text(out).into())
}
