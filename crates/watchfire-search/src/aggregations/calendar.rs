//! Intervals of a date histogram: of a fixed length, or by the calendar of a time zone.

use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::SearchError;
use crate::body::{self, Object};
use crate::time_zone::zone_of;

/// An interval, and where it is counted from.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    length: Length,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Millis(i64),
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Interval {
    pub(super) fn parse(content: &Object, place: &str) -> Result<Self, SearchError> {
        let fixed = body::text(content, "fixed_interval")?;
        let calendar = body::text(content, "calendar_interval")?;
        let length = match (fixed, calendar) {
            (Some(text), None) => {
                let millis = body::duration_ms(text).and_then(|millis| i64::try_from(millis).ok());
                match millis.filter(|millis| *millis > 0) {
                    Some(millis) => Length::Millis(millis),
                    None => {
                        return Err(SearchError::illegal(format!(
                            "`{place}`: `{text}` is no fixed interval"
                        )));
                    }
                }
            }
            (None, Some(text)) => match text {
                "minute" | "1m" => Length::Minute,
                "hour" | "1h" => Length::Hour,
                "day" | "1d" => Length::Day,
                "week" | "1w" => Length::Week,
                "month" | "1M" => Length::Month,
                "quarter" | "1q" => Length::Quarter,
                "year" | "1y" => Length::Year,
                _ => {
                    return Err(SearchError::illegal(format!("`{place}`: `{text}` is no calendar interval")));
                }
            },
            _ => {
                return Err(SearchError::illegal(format!(
                    "`{place}` has either `fixed_interval` or `calendar_interval`"
                )));
            }
        };
        let zone = match body::text(content, "time_zone")? {
            None => TimeZone::UTC,
            Some(name) => zone_of(name)?,
        };
        Ok(Self { length, zone })
    }

    /// The beginning of the interval that an instant lies in, both in milliseconds; `None` beyond the calendar.
    pub(super) fn start(&self, millis: i64) -> Option<i64> {
        if let Length::Millis(length) = self.length {
            let offset = self.offset_millis(millis)?;
            return (millis.checked_add(offset)?.div_euclid(length) * length).checked_sub(offset);
        }
        let local = Timestamp::from_millisecond(millis).ok()?.to_zoned_datetime(self.zone.clone()).datetime();
        let (date, time) = (local.date(), local.time());
        let midnight = |date: civil::Date| date.to_datetime(civil::Time::midnight());
        let start: DateTime = match self.length {
            Length::Millis(_) => return None,
            Length::Minute => date.at(time.hour(), time.minute(), 0, 0),
            Length::Hour => date.at(time.hour(), 0, 0, 0),
            Length::Day => midnight(date),
            Length::Week => {
                let monday = i64::from(date.weekday().to_monday_zero_offset());
                midnight(date.checked_sub(monday.days()).ok()?)
            }
            Length::Month => midnight(date.first_of_month()),
            Length::Quarter => midnight(civil::date(date.year(), (date.month() - 1) / 3 * 3 + 1, 1)),
            Length::Year => midnight(civil::date(date.year(), 1, 1)),
        };
        // Of an hour that comes twice, the one that the instant lies in.
        if matches!(self.length, Length::Minute | Length::Hour) {
            let behind: i64 = i64::from(time.second()) * 1_000
                + i64::from(time.millisecond())
                + if self.length == Length::Hour { i64::from(time.minute()) * 60_000 } else { 0 };
            return millis.checked_sub(behind);
        }
        let start = start.to_zoned_datetime(self.zone.clone()).ok()?;
        Some(start.timestamp().as_millisecond())
    }

    /// The beginning of the interval behind the one that begins here.
    pub(super) fn next(&self, start: i64) -> Option<i64> {
        let behind = |days: i64| self.start(start.checked_add(days * 86_400_000)?);
        match self.length {
            Length::Millis(length) => start.checked_add(length),
            Length::Minute => start.checked_add(60_000),
            Length::Hour => start.checked_add(3_600_000),
            // A day has up to 25 hours, and at least 23.
            Length::Day => self.start(start.checked_add(36 * 3_600_000)?),
            Length::Week => behind(10),
            Length::Month => behind(40),
            Length::Quarter => behind(120),
            Length::Year => behind(400),
        }
    }

    fn offset_millis(&self, millis: i64) -> Option<i64> {
        let offset = self.zone.to_offset(Timestamp::from_millisecond(millis).ok()?);
        Some(i64::from(offset.seconds()) * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn starts(content: &serde_json::Value, at: &str) -> (String, String) {
        let content = content.as_object().expect("an object").clone();
        let interval = Interval::parse(&content, "x").expect("an interval");
        let at: Timestamp = at.parse().expect("an instant");
        let start = interval.start(at.as_millisecond()).expect("in the calendar");
        let next = interval.next(start).expect("in the calendar");
        let show = |millis| Timestamp::from_millisecond(millis).expect("in range").to_string();
        (show(start), show(next))
    }

    #[test]
    fn intervals_follow_the_calendar() {
        let at = "2026-03-29T12:34:56.789Z";
        let rows = [
            (json!({"fixed_interval": "30m"}), "2026-03-29T12:30:00Z", "2026-03-29T13:00:00Z"),
            (json!({"calendar_interval": "1d"}), "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
            // The day on which the clock is put forward has 23 hours.
            (
                json!({"calendar_interval": "1d", "time_zone": "Europe/Berlin"}),
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (json!({"calendar_interval": "week"}), "2026-03-23T00:00:00Z", "2026-03-30T00:00:00Z"),
            (json!({"calendar_interval": "month"}), "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            (json!({"calendar_interval": "quarter"}), "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            (json!({"calendar_interval": "year"}), "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (json!({"calendar_interval": "hour"}), "2026-03-29T12:00:00Z", "2026-03-29T13:00:00Z"),
            (json!({"calendar_interval": "minute"}), "2026-03-29T12:34:00Z", "2026-03-29T12:35:00Z"),
            (
                json!({"fixed_interval": "1d", "time_zone": "+05:30"}),
                "2026-03-28T18:30:00Z",
                "2026-03-29T18:30:00Z",
            ),
        ];
        for (content, start, next) in rows {
            assert_eq!(starts(&content, at), (start.to_owned(), next.to_owned()), "{content}");
        }
    }
}
