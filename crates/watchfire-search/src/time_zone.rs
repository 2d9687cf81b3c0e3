//! Time zones of requests: dates without a zone of their own are those of the zone that a `range` names.

use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};
use watchfire_events::{DateInterval, Timestamp};

use crate::SearchError;

/// A zone by its name, or by its distance from UTC.
pub(crate) fn zone_of(name: &str) -> Result<TimeZone, SearchError> {
    let unknown = || SearchError::illegal(format!("`{name}` is no time zone"));
    if matches!(name, "Z" | "UTC") {
        return Ok(TimeZone::UTC);
    }
    let (sign, rest) = match name.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return TimeZone::get(name).map_err(|_| unknown()),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let number = |text: &str| text.parse::<i32>().ok().filter(|number| (0..60).contains(number));
    let seconds = number(hours).zip(number(minutes)).map(|(hours, minutes)| hours * 3_600 + minutes * 60);
    let offset = seconds.and_then(|seconds| Offset::from_seconds(sign * seconds).ok());
    offset.map(TimeZone::fixed).ok_or_else(unknown)
}

/// The clause with every `range` in UTC.
pub(crate) fn in_utc(clause: &Value) -> Result<Value, SearchError> {
    Ok(match clause {
        Value::Array(values) => Value::Array(values.iter().map(in_utc).collect::<Result<_, _>>()?),
        Value::Object(object) => {
            let mut converted = Map::new();
            for (key, value) in object {
                let value = match value {
                    Value::Object(fields) if key == "range" => {
                        let mut ranges = Map::new();
                        for (field, limits) in fields {
                            ranges.insert(field.clone(), range_in_utc(limits)?);
                        }
                        Value::Object(ranges)
                    }
                    value => in_utc(value)?,
                };
                converted.insert(key.clone(), value);
            }
            Value::Object(converted)
        }
        value => value.clone(),
    })
}

fn range_in_utc(limits: &Value) -> Result<Value, SearchError> {
    let Some(object) = limits.as_object().filter(|object| object.contains_key("time_zone")) else {
        return Ok(limits.clone());
    };
    let Some(name) = object["time_zone"].as_str() else {
        return Err(SearchError::parsing("`time_zone` is not a text"));
    };
    let zone = zone_of(name)?;
    let mut converted = Map::new();
    for (key, value) in object.iter().filter(|(key, _)| *key != "time_zone") {
        let rounds_up = match key.as_str() {
            "gte" | "lt" | "from" => Some(false),
            "gt" | "lte" | "to" => Some(true),
            _ => None,
        };
        let value = match (rounds_up, value) {
            (Some(up), Value::String(text)) if zone != TimeZone::UTC => json!(date_in_utc(text, up, &zone)?),
            (_, value) => value.clone(),
        };
        converted.insert(key.clone(), value);
    }
    Ok(Value::Object(converted))
}

/// A date of a zone as one of UTC. One that says its zone itself, counts from `now` or is a number stays as it is.
fn date_in_utc(text: &str, rounds_up: bool, zone: &TimeZone) -> Result<String, SearchError> {
    if text.contains("||") || (text.starts_with("now") && text.contains('/')) {
        return Err(SearchError::unsupported(format!("the date arithmetic `{text}` with a `time_zone`")));
    }
    let time = text.split_once(['T', ' ']).map_or("", |(_, time)| time);
    let has_zone = text.ends_with(['Z', 'z']) || time.contains(['+', '-']);
    let is_number = text.len() != 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text.starts_with("now") || has_zone || is_number {
        return Ok(text.to_owned());
    }
    // What is no date is told by whoever reads the clause.
    let Some(interval) = DateInterval::parse(text) else { return Ok(text.to_owned()) };
    let local = if rounds_up { interval.end } else { interval.start };
    let instant = jiff::Timestamp::from_nanosecond(local.nanos())
        .and_then(|at| at.to_zoned_datetime(TimeZone::UTC).datetime().to_zoned_datetime(zone.clone()))
        .map_err(|_| SearchError::illegal(format!("`{text}` lies beyond the calendar")))?;
    Ok(Timestamp::from_nanos(instant.timestamp().as_nanosecond()).to_iso_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_a_zone_come_to_utc() {
        let berlin = zone_of("Europe/Berlin").expect("a zone");
        let rows = [
            ("2026-03-02", false, "2026-03-01T23:00:00.000Z"),
            ("2026-03-02", true, "2026-03-02T22:59:59.999Z"),
            ("2026-07-02T10:30", false, "2026-07-02T08:30:00.000Z"),
            ("2026-03-02T10:00:00Z", false, "2026-03-02T10:00:00Z"),
            ("2026-03-02T10:00:00-05:00", false, "2026-03-02T10:00:00-05:00"),
            ("now-1h", false, "now-1h"),
            ("1772445600000", true, "1772445600000"),
            ("2026", false, "2025-12-31T23:00:00.000Z"),
            ("nonsense", false, "nonsense"),
        ];
        for (text, up, utc) in rows {
            assert_eq!(date_in_utc(text, up, &berlin).as_deref(), Ok(utc), "{text}");
        }
        assert!(date_in_utc("now/d", false, &berlin).is_err());
        assert!(date_in_utc("2026-03-02||/d", false, &berlin).is_err());
        for name in ["Nowhere/Here", "+x", "+90:00", "-01:99", ""] {
            assert!(zone_of(name).is_err(), "{name}");
        }
        assert_eq!(zone_of("+05:30").ok(), Offset::from_seconds(19_800).ok().map(TimeZone::fixed));
    }
}
