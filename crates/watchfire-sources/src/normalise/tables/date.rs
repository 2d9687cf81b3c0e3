//! Times in the forms that sources write them.

use jiff::tz::TimeZone;
use watchfire_events::{Scalar, Timestamp};

use super::intern;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateForm {
    /// ISO 8601 and its kin, or a number since 1970 whose size tells its unit.
    Any,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Units of 100 ns since 1601.
    Filetime,
    /// Seconds since 1970, or units of 100 ns since 1601: the size tells which.
    SecondsOrFiletime,
    /// A pattern of `strftime`.
    Pattern(&'static str),
}

impl DateForm {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "any" => Self::Any,
            "seconds" => Self::Seconds,
            "milliseconds" => Self::Milliseconds,
            "microseconds" => Self::Microseconds,
            "nanoseconds" => Self::Nanoseconds,
            "filetime" => Self::Filetime,
            "seconds_or_filetime" => Self::SecondsOrFiletime,
            pattern if pattern.contains('%') => Self::Pattern(intern(pattern)),
            _ => return None,
        })
    }
}

/// Nanoseconds of a number in a unit, and what a unit is.
fn since_1970(scalar: Scalar<'_>, unit: i128) -> Option<Timestamp> {
    let exact = match scalar {
        Scalar::Integer(number) => i128::from(number).checked_mul(unit),
        Scalar::Unsigned(number) => i128::from(number).checked_mul(unit),
        Scalar::Text(text) => decimal(text.trim(), unit),
        // The shortest digits of a number are those that the record had.
        Scalar::Double(number) => decimal(&number.to_string(), unit),
        Scalar::Boolean(_) => None,
    };
    match exact {
        Some(nanos) => in_range(nanos),
        // Whole and fraction apart: together they have more digits than a float, of which six are kept.
        None => {
            let number = number(scalar)?;
            let fraction = (number.fract() * unit as f64 / 1_000.0).round() as i128 * 1_000;
            in_range((number.trunc() as i128).checked_mul(unit)? + fraction)
        }
    }
}

/// A decimal number times a unit. As a binary fraction `1700000000.137` is a little less, and would lose a millisecond.
fn decimal(text: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut nanos = whole.parse::<i128>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        place /= 10;
        nanos += i128::from(digit - b'0') * place;
    }
    Some(nanos)
}

/// Years beyond these are no times of events.
const MOST_NANOS: i128 = 253_402_300_800 * SECOND;

fn in_range(nanos: i128) -> Option<Timestamp> {
    (0 < nanos && nanos < MOST_NANOS).then(|| Timestamp::from_nanos(nanos))
}

fn number(scalar: Scalar<'_>) -> Option<f64> {
    let number = match scalar {
        Scalar::Text(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    number.is_finite().then_some(number)
}

const SECOND: i128 = 1_000_000_000;

/// The time that a value says; of a time without a zone, that in `zone`, else UTC.
pub(super) fn read(form: &DateForm, scalar: Scalar<'_>, zone: Option<&TimeZone>) -> Option<Timestamp> {
    match form {
        DateForm::Any => match number(scalar) {
            // Each unit is told from the next by the years it would otherwise be in.
            Some(size) if size < 1e11 => since_1970(scalar, SECOND),
            Some(size) if size < 1e14 => since_1970(scalar, SECOND / 1_000),
            Some(size) if size < 1e17 => since_1970(scalar, SECOND / 1_000_000),
            Some(_) => since_1970(scalar, 1),
            None => match scalar {
                Scalar::Text(text) => text_in_zone(text, zone),
                _ => None,
            },
        },
        DateForm::Seconds => since_1970(scalar, SECOND),
        DateForm::Milliseconds => since_1970(scalar, SECOND / 1_000),
        DateForm::Microseconds => since_1970(scalar, SECOND / 1_000_000),
        DateForm::Nanoseconds => since_1970(scalar, 1),
        DateForm::SecondsOrFiletime => {
            let form = match number(scalar)? {
                size if size > 2f64.powi(56) => DateForm::Filetime,
                _ => DateForm::Seconds,
            };
            read(&form, scalar, zone)
        }
        DateForm::Filetime => {
            let number = match scalar {
                Scalar::Integer(number) => u64::try_from(number).ok()?,
                Scalar::Unsigned(number) => number,
                Scalar::Text(text) => text.trim().parse().ok()?,
                _ => return None,
            };
            (number > 0).then(|| Timestamp::from_filetime(number))
        }
        DateForm::Pattern(pattern) => {
            let Scalar::Text(text) = scalar else { return None };
            let parsed = jiff::fmt::strtime::parse(pattern, text.trim()).ok()?;
            let time = match parsed.to_timestamp() {
                Ok(time) => time,
                Err(_) => {
                    let local = parsed.to_datetime().ok()?;
                    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
                    zone.to_timestamp(local).ok()?
                }
            };
            Some(Timestamp::from_nanos(time.as_nanosecond()))
        }
    }
}

fn text_in_zone(text: &str, zone: Option<&TimeZone>) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(zone) = zone
        && let Ok(local) = text.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>()
        && text.parse::<jiff::Timestamp>().is_err()
    {
        return Some(Timestamp::from_nanos(zone.to_timestamp(local).ok()?.as_nanosecond()));
    }
    Timestamp::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(form: &str, scalar: Scalar<'_>) -> Option<String> {
        read(&DateForm::parse(form).unwrap(), scalar, None).map(Timestamp::to_iso_millis)
    }

    #[test]
    fn numbers_tell_their_unit_by_their_size() {
        let expected = Some("2026-03-02T09:15:30.250Z".to_owned());
        for (form, text) in [
            ("any", "1772442930.25"),
            ("any", "1772442930250"),
            ("any", "1772442930250000"),
            ("any", "1772442930250000000"),
            ("any", "2026-03-02T09:15:30.25Z"),
            ("milliseconds", "1772442930250"),
            ("filetime", "134169165302500000"),
            ("seconds_or_filetime", "134169165302500000"),
            ("seconds_or_filetime", "1772442930.25"),
            ("%d/%b/%Y:%H:%M:%S%.f %z", "02/Mar/2026:10:15:30.25 +0100"),
            ("%Y-%m-%d %H:%M:%S%.f", "2026-03-02 09:15:30.25"),
        ] {
            assert_eq!(iso(form, Scalar::Text(text)), expected, "{form} {text}");
        }
        assert_eq!(iso("any", Scalar::Integer(1_772_442_930_250)), expected);
        assert_eq!(iso("any", Scalar::Text("yesterday")), None);
        assert_eq!(iso("seconds", Scalar::Text("99999999999999999999999999")), None);
        assert_eq!(iso("any", Scalar::Integer(0)), None);
        assert_eq!(iso("any", Scalar::Double(1e300)), None);
    }

    #[test]
    fn fractions_lose_no_millisecond() {
        let expected = Some("2021-07-07T17:05:21.137Z".to_owned());
        assert_eq!(iso("seconds", Scalar::Text("1625677521.137")), expected);
        assert_eq!(iso("any", Scalar::Text("1625677521.1379999")), expected);
        assert_eq!(iso("seconds", Scalar::Double(1_625_677_521.137)), expected);
        assert_eq!(iso("seconds", Scalar::Text("1625677521.x")), None);
    }

    #[test]
    fn local_times_are_in_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let time = read(&DateForm::Any, Scalar::Text("2026-03-02 10:15:30"), Some(&zone)).unwrap();
        assert_eq!(time.to_iso_millis(), "2026-03-02T09:15:30.000Z");
    }
}
