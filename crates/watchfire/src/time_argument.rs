//! Times on the command line, and the one clock of the command.

use jiff::civil;
use jiff::tz::TimeZone;
use watchfire_events::{DateInterval, Timestamp};

/// What `now` stands for in queries: the time of the run.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_nanos(jiff::Timestamp::now().as_nanosecond())
}

/// What `--year` stands for if it is not given: the year of the run, in UTC.
pub(crate) fn current_year() -> i16 {
    TimeZone::UTC.to_datetime(jiff::Timestamp::now()).year()
}

/// What `--tz` takes: a name of the time-zone database such as `Europe/Berlin`, `UTC`, or an offset such as `+02:00`.
pub(crate) fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).ok().or_else(|| offset(text)).ok_or_else(|| {
        format!("there is no time zone `{text}`; write for example `Europe/Berlin` or `+02:00`")
    })
}

/// `±hh` or `±hh:mm`.
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(sign * seconds).ok()?))
}

/// The span of time that a date covers: `2026-03-02` is that whole day in `zone`, unless the text has a zone itself.
pub(crate) fn interval(text: &str, zone: Option<&TimeZone>) -> Result<DateInterval, String> {
    let wrong = || {
        format!(
            "`{text}` is no date; write for example `2026-03-02`, `2026-03-02T14:30` or `2026-03-02T14:30:00Z`"
        )
    };
    let utc = DateInterval::parse(text).ok_or_else(wrong)?;
    let Some(zone) = zone.filter(|_| !has_zone(text)) else { return Ok(utc) };
    let local = |at: Timestamp| -> Option<Timestamp> {
        let clock = jiff::Timestamp::from_nanosecond(at.nanos()).ok()?;
        let civil: civil::DateTime = TimeZone::UTC.to_datetime(clock);
        let instant = zone.to_timestamp(civil).ok()?;
        Some(Timestamp::from_nanos(instant.as_nanosecond()))
    };
    match (local(utc.start), local(utc.end)) {
        (Some(start), Some(end)) => Ok(DateInterval { start, end }),
        _ => Err(wrong()),
    }
}

/// The first instant that a text means.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    interval(text, None).map(|interval| interval.start)
}

/// An instant; of a day, an hour or a minute its last, so that all of it has passed.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    interval(text, None).map(|interval| interval.end)
}

/// Whether the text of a date names a zone: `Z`, or an offset behind the time of day.
fn has_zone(text: &str) -> bool {
    let time = text.trim().find(['T', 't', ' ']).map_or("", |at| &text.trim()[at + 1..]);
    time.contains(['Z', 'z', '+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_its_zone() {
        let berlin = time_zone("Europe/Berlin").expect("a zone");
        let shown = |text: &str, zone: Option<&TimeZone>| {
            let interval = interval(text, zone).expect("a date");
            format!("{} {}", interval.start, interval.end)
        };
        assert_eq!(shown("2026-03-02", None), "2026-03-02T00:00:00.000Z 2026-03-02T23:59:59.999Z");
        assert_eq!(shown("2026-03-02", Some(&berlin)), "2026-03-01T23:00:00.000Z 2026-03-02T22:59:59.999Z");
        assert_eq!(
            shown("2026-07-02T10:00:00Z", Some(&berlin)),
            "2026-07-02T10:00:00.000Z 2026-07-02T10:00:00.999Z"
        );
        assert_eq!(
            shown("2026-07-02T10:30+05:30", Some(&berlin)),
            "2026-07-02T05:00:00.000Z 2026-07-02T05:00:59.999Z"
        );
        for wrong in ["yesterday", "2026-13-01", "02.03.2026", ""] {
            assert!(interval(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn zones_have_names_or_offsets() {
        for right in ["UTC", "Europe/Berlin", "+02:00", "-05:30", "+2"] {
            assert!(time_zone(right).is_ok(), "{right}");
        }
        for wrong in ["Berlin/Europe", "+99:00", "x", ""] {
            assert!(time_zone(wrong).is_err(), "{wrong}");
        }
    }
}
