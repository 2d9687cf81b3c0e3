//! Instants, and the texts that stand for them.

use std::fmt;

use jiff::civil;
use jiff::fmt::temporal::DateTimePrinter;

/// Nanoseconds in a millisecond.
const MILLI: i128 = 1_000_000;
/// Nanoseconds in a second.
const SECOND: i128 = 1_000 * MILLI;

/// The first second of the year 0.
const YEAR_0: i64 = -62_167_219_200;

/// An instant in UTC, in nanoseconds since 1970.
///
/// The range is wider than any log needs; whoever prints one beyond the years 0 to 9999 gets the count of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i128);

impl Timestamp {
    /// From nanoseconds since 1970.
    pub const fn from_nanos(nanos: i128) -> Self {
        Self(nanos)
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis as i128 * MILLI)
    }

    /// From seconds since 1970, with a fraction.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e6).round() as i128 * 1_000)
    }

    /// From a Windows FILETIME: units of 100 ns since 1601.
    pub const fn from_filetime(filetime: u64) -> Self {
        Self(filetime as i128 * 100 - 11_644_473_600 * SECOND)
    }

    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> i128 {
        self.0
    }

    /// Bytes that sort as the instants do.
    pub const fn to_ordered_bytes(self) -> [u8; 16] {
        self.0.wrapping_sub(i128::MIN).to_be_bytes()
    }

    /// The instant of [`Self::to_ordered_bytes`].
    pub const fn from_ordered_bytes(bytes: [u8; 16]) -> Self {
        Self(i128::from_be_bytes(bytes).wrapping_add(i128::MIN))
    }

    /// Milliseconds since 1970, rounded down; saturates at the ends of 64 bits.
    pub fn millis(self) -> i64 {
        let millis = self.0.div_euclid(MILLI);
        i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
    }

    /// The instant cut to milliseconds, as Elasticsearch's `date` type keeps it.
    #[must_use]
    pub fn to_millisecond(self) -> Self {
        Self(self.0.div_euclid(MILLI) * MILLI)
    }

    /// This instant moved by `nanos`.
    #[must_use]
    pub fn plus_nanos(self, nanos: i128) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Reads a date in the forms of [`DateInterval::parse`]; what it leaves out is filled with the earliest value.
    pub fn parse(text: &str) -> Option<Self> {
        DateInterval::parse(text).map(|interval| interval.start)
    }

    /// As ISO 8601 with milliseconds and `Z`, the form of every timestamp that Watchfire writes.
    pub fn to_iso_millis(self) -> String {
        const MILLIS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let seconds = i64::try_from(self.0.div_euclid(SECOND)).ok().filter(|seconds| *seconds >= YEAR_0);
        let nanos = self.0.rem_euclid(SECOND) as i32;
        match seconds.and_then(|seconds| jiff::Timestamp::new(seconds, nanos).ok()) {
            Some(utc) => MILLIS.timestamp_to_string(&utc),
            None => self.millis().to_string(),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso_millis())
    }
}

/// The span of time that a date text covers: `2024-05-01T10` is that whole hour (eql-semantics §9, kql-semantics §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateInterval {
    /// First instant.
    pub start: Timestamp,
    /// Last instant, inclusive, to the nanosecond.
    pub end: Timestamp,
}

impl DateInterval {
    /// The interval of one instant.
    pub fn instant(at: Timestamp) -> Self {
        Self { start: at, end: at }
    }

    /// Reads `strict_date_optional_time`: a year with four digits, then month, day, `T` or blank, hour, minute, second
    /// and fraction (1 to 9 digits behind `.` or `,`), each optional from the right, and a zone `Z`, `±hh`, `±hhmm` or
    /// `±hh:mm` behind a time of day (UTC where absent).
    ///
    /// A missing month or day is the first one, also at the upper end, as Elasticsearch fills them; what is missing of
    /// the time of day is rounded up at the end.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_usual(text.as_bytes()).or_else(|| Self::parse_any(text))
    }

    /// Reads the form that nearly all logs have, `2024-05-01T10:11:12.345Z` with a fraction of 1 to 9 digits or none;
    /// `None` of any other and of one that is no date.
    fn parse_usual(text: &[u8]) -> Option<Self> {
        let (first, rest) = text.split_first_chunk::<19>()?;
        let rest = rest.strip_suffix(b"Z")?;
        let [.., b'-', _, _, b'-', _, _, b'T', _, _, b':', _, _, b':', _, _] = first else { return None };
        let number = |from: usize, width: usize| {
            first[from..from + width].iter().try_fold(0_i64, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
            })
        };
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let (fraction, unit) = match rest {
            [] => (0, 1_000_000_000),
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                let fraction = digits.iter().try_fold(0_i64, |number, byte| {
                    byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
                })?;
                let unit = 10_i64.pow(9 - digits.len() as u32);
                (fraction * unit, unit)
            }
            _ => return None,
        };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let date = civil::Date::new(year as i16, month as i8, day as i8).ok()?;
        let seconds = days_since_1970(date) * 86_400 + hour * 3600 + minute * 60 + second;
        let start = Timestamp(i128::from(seconds) * SECOND + i128::from(fraction));
        Some(Self { start, end: start.plus_nanos(i128::from(unit - 1)) })
    }

    fn parse_any(text: &str) -> Option<Self> {
        let mut rest = Digits(text.trim());
        let year = rest.number(4)?;
        let (mut month, mut day) = (1, 1);
        if rest.take("-") {
            month = rest.number(2)?;
            if rest.take("-") {
                day = rest.number(2)?;
            }
        }
        let (mut low, mut high) = ([0_i64; 4], [23, 59, 59, 999_999_999]);
        let mut offset_seconds = 0;
        if rest.take("T") || rest.take("t") || rest.take(" ") {
            for (part, limit) in [24, 60, 61].into_iter().enumerate() {
                if part > 0 && !rest.take(":") {
                    break;
                }
                let value = rest.number(2)?;
                if value >= limit {
                    return None;
                }
                // A leap second is read as the second before it.
                low[part] = value.min(59).min(limit - 1);
                high[part] = low[part];
                if part == 2 && (rest.take(".") || rest.take(",")) {
                    let (value, width) = rest.fraction()?;
                    let unit = 10_i64.pow(9 - width);
                    low[3] = value * unit;
                    high[3] = low[3] + unit - 1;
                }
            }
            offset_seconds = rest.zone()?;
        } else if rest.0 == "Z" {
            rest = Digits("");
        }
        if !rest.0.is_empty() {
            return None;
        }
        let days = i128::from(days_since_1970(civil::Date::new(year as i16, month as i8, day as i8).ok()?));
        let at = |part: [i64; 4]| {
            let seconds = part[0] * 3600 + part[1] * 60 + part[2] - offset_seconds;
            Timestamp((days * 86_400 + i128::from(seconds)) * SECOND + i128::from(part[3]))
        };
        Some(Self { start: at(low), end: at(high) })
    }
}

/// Days from 1970 to a date of the years 0 to 9999. A span of time, which the library would make of it, costs more than
/// all the rest of reading a date.
fn days_since_1970(date: civil::Date) -> i64 {
    /// Days before March of year 0, when every leap day is the last of its year.
    const DAYS_BEFORE_1970: i64 = 719_468;
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    // Years that begin in March: January and February belong to the one before.
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - DAYS_BEFORE_1970
}

/// What is left of a date text.
struct Digits<'a>(&'a str);

impl Digits<'_> {
    fn take(&mut self, prefix: &str) -> bool {
        match self.0.strip_prefix(prefix) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self, width: usize) -> Option<i64> {
        let digits = self.0.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.0 = &self.0[width..];
        digits.parse().ok()
    }

    /// A fraction of a second: its digits as number, and how many of them count (nine at most; more are cut).
    fn fraction(&mut self) -> Option<(i64, u32)> {
        let width = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let value = self.0.get(..width.min(9)).filter(|digits| !digits.is_empty())?.parse().ok()?;
        self.0 = &self.0[width..];
        Some((value, width.min(9) as u32))
    }

    /// Seconds east of UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.take("Z") || self.take("z") {
            return Some(0);
        }
        let sign = if self.take("+") {
            1
        } else if self.take("-") {
            -1
        } else {
            return None;
        };
        let hours = self.number(2)?;
        self.take(":");
        let minutes = if self.0.is_empty() { 0 } else { self.number(2)? };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(text: &str) -> Option<(String, String)> {
        DateInterval::parse(text).map(|found| (found.start.to_iso_millis(), found.end.to_iso_millis()))
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let mut date = civil::date(0, 1, 1);
        let first = date.since(civil::date(1970, 1, 1)).expect("in range").get_days();
        let mut days = i64::from(first);
        while date < civil::date(9999, 12, 31) {
            assert_eq!(days_since_1970(date), days, "{date}");
            date = date.tomorrow().expect("before the last day");
            days += 1;
        }
    }

    #[test]
    fn bytes_sort_as_instants() {
        let instants = [i128::MIN, -1_000_000_000_000, -1, 0, 1, 1_772_438_400_000_000_000, i128::MAX];
        let bytes = instants.map(|nanos| Timestamp::from_nanos(nanos).to_ordered_bytes());
        assert!(bytes.is_sorted() && bytes[0] != bytes[1]);
    }

    #[test]
    fn covers_what_is_left_out() {
        let both = |start: &str, end: &str| Some((start.to_owned(), end.to_owned()));
        assert_eq!(interval("2024-05-01"), both("2024-05-01T00:00:00.000Z", "2024-05-01T23:59:59.999Z"));
        assert_eq!(interval("2024-05-01T10"), both("2024-05-01T10:00:00.000Z", "2024-05-01T10:59:59.999Z"));
        assert_eq!(interval("2024-05"), both("2024-05-01T00:00:00.000Z", "2024-05-01T23:59:59.999Z"));
        assert_eq!(
            interval("2024-05-01T10:11:12.5+02:00"),
            both("2024-05-01T08:11:12.500Z", "2024-05-01T08:11:12.599Z")
        );
        for bad in [
            "",
            "24-05-01",
            "2024-13-01",
            "2024-05-01T25",
            "2024-05-01x",
            "now",
            "2024-02-30",
            "2024-05-01T10:11:12+x",
        ] {
            assert_eq!(interval(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_usual_form_is_read_as_any() {
        let day = [
            "2024-02-29",
            "2023-02-29",
            "0000-01-01",
            "9999-12-31",
            "2024-13-01",
            "2024-00-10",
            "202a-01-01",
        ];
        let time =
            ["T00:00:00", "T23:59:59", "T23:59:60", "T24:00:00", "T10:60:00", "T1:00:000", "t10:11:12"];
        let end =
            ["Z", ".1Z", ".123456789Z", ".1234567890Z", ".Z", ",5Z", ".12xZ", "z", "+02:00", "", " Z", "Z "];
        for text in day.iter().flat_map(|day| time.map(|time| format!("{day}{time}"))) {
            for text in end.map(|end| format!("{text}{end}")) {
                let usual = DateInterval::parse_usual(text.as_bytes());
                let any = DateInterval::parse_any(&text);
                assert_eq!(usual.or(any), any, "{text}");
            }
        }
        assert!(DateInterval::parse_usual(b"2024-02-29T23:59:59.123Z").is_some());
    }

    #[test]
    fn milliseconds_are_cut_not_rounded() {
        let shown = |nanos| Timestamp::from_nanos(nanos).to_iso_millis();
        assert_eq!(shown(1_999_999), "1970-01-01T00:00:00.001Z");
        assert_eq!(shown(999_999_999), "1970-01-01T00:00:00.999Z");
        assert_eq!(shown(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(shown(-62_167_219_200_000_000_000), "0000-01-01T00:00:00.000Z");
        assert_eq!(shown(-62_167_219_200_000_000_001), "-62167219200001");
    }

    #[test]
    fn reads_windows_times() {
        let at = Timestamp::from_filetime(131_883_573_237_130_000);
        assert_eq!(at.to_iso_millis(), "2018-12-04T00:35:23.713Z");
        assert_eq!(Timestamp::from_filetime(0).to_iso_millis(), "1601-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(-1).millis(), -1);
    }
}
