//! Dates in queries: Elasticsearch's date formats and date arithmetic (kql-semantics §4).

use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use watchfire_events::{DateInterval, Timestamp};

/// To which side a date is completed that leaves something out or is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the first instant: `>=` and `<`.
    Down,
    /// To the last instant: `>` and `<=`.
    Up,
}

/// Why a text is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateError {
    /// It has none of the forms.
    NotADate,
    /// It counts from `now`, and nobody said when that is.
    NeedsNow,
}

/// Reads `now`, a date, or milliseconds since 1970 as digits, each with date arithmetic behind it (`now-1d/d`,
/// `2024-05-01||+1M/d`). A date with arithmetic is completed downwards before it is moved, as Elasticsearch does.
pub(crate) fn resolve(
    text: &str,
    now: Option<Timestamp>,
    rounding: Rounding,
) -> Result<Timestamp, DateError> {
    if let Some(arithmetic) = text.strip_prefix("now") {
        let start = now.ok_or(DateError::NeedsNow);
        // Wrong arithmetic is the same mistake at any time: it is found first.
        let moved = apply(start.unwrap_or_default(), arithmetic, rounding)?;
        return start.map(|_| moved);
    }
    match text.split_once("||") {
        Some((anchor, arithmetic)) => apply(read(anchor)?.start, arithmetic, rounding),
        None => read(text).map(|interval| match rounding {
            Rounding::Down => interval.start,
            Rounding::Up => interval.end,
        }),
    }
}

/// The time that a date stands for when it is compared for equality: from its downward to its upward completion.
pub(crate) fn interval(text: &str, now: Option<Timestamp>) -> Result<DateInterval, DateError> {
    Ok(DateInterval { start: resolve(text, now, Rounding::Down)?, end: resolve(text, now, Rounding::Up)? })
}

/// The first and the last instant of a date with arithmetic (`now-1d/d`, `2024-05-01||+1M/d`), where `now` is this instant;
/// `None` of a text that is none.
pub fn date_range(text: &str, now: Timestamp) -> Option<DateInterval> {
    interval(text, Some(now)).ok()
}

/// A date text without arithmetic. Four digits are a year; other digits are milliseconds.
fn read(text: &str) -> Result<DateInterval, DateError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() != 4 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let millis = text.parse().map_err(|_| DateError::NotADate)?;
        return Ok(DateInterval::instant(Timestamp::from_millis(millis)));
    }
    let interval = DateInterval::parse(text).ok_or(DateError::NotADate)?;
    // A fraction leaves nothing out, however few digits it has.
    Ok(if text.contains(['.', ',']) { DateInterval::instant(interval.start) } else { interval })
}

/// Applies `+1M`, `-2d`, `/d` one after the other.
fn apply(start: Timestamp, arithmetic: &str, rounding: Rounding) -> Result<Timestamp, DateError> {
    let mut at = civil_time(start).ok_or(DateError::NotADate)?;
    let mut rest = arithmetic;
    while let Some(operator) = rest.chars().next() {
        rest = &rest[operator.len_utf8()..];
        let count_length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, behind) = rest.split_at(count_length);
        let unit = behind.chars().next().ok_or(DateError::NotADate)?;
        rest = &behind[unit.len_utf8()..];
        let number = match count {
            "" => 1,
            digits => digits.parse::<i64>().map_err(|_| DateError::NotADate)?,
        };
        at = match operator {
            '+' => moved(at, unit, number),
            '-' => moved(at, unit, -number),
            '/' if count.is_empty() => rounded(at, unit, rounding),
            _ => None,
        }
        .ok_or(DateError::NotADate)?;
    }
    let zoned = at.to_zoned_datetime(TimeZone::UTC).map_err(|_| DateError::NotADate)?;
    Ok(Timestamp::from_nanos(zoned.timestamp().as_nanosecond()))
}

fn civil_time(at: Timestamp) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_nanosecond(at.nanos()).ok()?;
    Some(instant.to_zoned_datetime(TimeZone::UTC).datetime())
}

fn moved(at: DateTime, unit: char, count: i64) -> Option<DateTime> {
    let span = match unit {
        'y' => Span::new().try_years(count),
        'M' => Span::new().try_months(count),
        'w' => Span::new().try_weeks(count),
        'd' => Span::new().try_days(count),
        'h' | 'H' => Span::new().try_hours(count),
        'm' => Span::new().try_minutes(count),
        's' => Span::new().try_seconds(count),
        _ => return None,
    };
    at.checked_add(span.ok()?).ok()
}

/// The beginning of the unit that `at` lies in, or the last millisecond of it.
fn rounded(at: DateTime, unit: char, rounding: Rounding) -> Option<DateTime> {
    let day = at.date();
    let midnight = |date: civil::Date| date.to_datetime(civil::Time::midnight());
    let start = match unit {
        'y' => midnight(civil::date(day.year(), 1, 1)),
        'M' => midnight(day.first_of_month()),
        'w' => {
            let monday = day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).ok()?;
            midnight(monday)
        }
        'd' => midnight(day),
        'h' | 'H' => day.at(at.hour(), 0, 0, 0),
        'm' => day.at(at.hour(), at.minute(), 0, 0),
        's' => day.at(at.hour(), at.minute(), at.second(), 0),
        _ => return None,
    };
    match rounding {
        Rounding::Down => Some(start),
        Rounding::Up => moved(start, unit, 1)?.checked_sub(1.millisecond()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> Result<(String, String), DateError> {
        let now = Timestamp::parse("2024-05-15T10:20:30.400Z");
        interval(text, now).map(|found| (found.start.to_iso_millis(), found.end.to_iso_millis()))
    }

    #[test]
    fn completes_moves_and_rounds() {
        let rows = [
            ("2024-05-01", "2024-05-01T00:00:00.000Z", "2024-05-01T23:59:59.999Z"),
            ("2024-05-01T10", "2024-05-01T10:00:00.000Z", "2024-05-01T10:59:59.999Z"),
            ("2024-05", "2024-05-01T00:00:00.000Z", "2024-05-01T23:59:59.999Z"),
            ("2024", "2024-01-01T00:00:00.000Z", "2024-01-01T23:59:59.999Z"),
            ("2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00.500Z", "2024-05-01T10:00:00.500Z"),
            ("1000", "1000-01-01T00:00:00.000Z", "1000-01-01T23:59:59.999Z"),
            ("10000", "1970-01-01T00:00:10.000Z", "1970-01-01T00:00:10.000Z"),
            ("-1", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("now", "2024-05-15T10:20:30.400Z", "2024-05-15T10:20:30.400Z"),
            ("now-30d/d", "2024-04-15T00:00:00.000Z", "2024-04-15T23:59:59.999Z"),
            ("now/w", "2024-05-13T00:00:00.000Z", "2024-05-19T23:59:59.999Z"),
            ("now/h+1m", "2024-05-15T10:01:00.000Z", "2024-05-15T11:00:59.999Z"),
            ("now+d", "2024-05-16T10:20:30.400Z", "2024-05-16T10:20:30.400Z"),
            ("2024-01-31||+1M", "2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z"),
            ("2024-05-01||+1M/M", "2024-06-01T00:00:00.000Z", "2024-06-30T23:59:59.999Z"),
            ("2024-05-17||/y", "2024-01-01T00:00:00.000Z", "2024-12-31T23:59:59.999Z"),
        ];
        for (text, start, end) in rows {
            assert_eq!(both(text), Ok((start.to_owned(), end.to_owned())), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "yesterday",
            "now-",
            "now-1",
            "now-1x",
            "now/2d",
            "now-99999999999999999999d",
            "now+9999999y",
            "x||+1d",
            "now%1d",
        ] {
            let expected =
                if text == "2024-05-01||" { both("2024-05-01T00:00:00.0") } else { Err(DateError::NotADate) };
            assert_eq!(both(text), expected, "{text}");
        }
        assert_eq!(interval("now-1d", None), Err(DateError::NeedsNow));
        assert_eq!(interval("now-1x", None), Err(DateError::NotADate));
    }
}
