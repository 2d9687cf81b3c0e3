//! The schedule's two kinds of time: intervals (`5m`) and date math (`now-48h/h`).

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::document::reader::from_node_by_text;

/// How often something happens, or how long it lasts: a positive number of seconds, minutes, hours or days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    count: u32,
    unit: IntervalUnit,
}

/// The unit of an [`Interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntervalUnit {
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
}

impl IntervalUnit {
    /// The letter of the unit.
    pub const fn letter(self) -> char {
        match self {
            Self::Seconds => 's',
            Self::Minutes => 'm',
            Self::Hours => 'h',
            Self::Days => 'd',
        }
    }

    /// The length of one.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => 3_600,
            Self::Days => 86_400,
        }
    }
}

impl Interval {
    /// The interval of `count` units. `None` if `count` is 0.
    pub const fn new(count: u32, unit: IntervalUnit) -> Option<Self> {
        if count == 0 { None } else { Some(Self { count, unit }) }
    }

    pub(crate) const fn minutes(count: u32) -> Self {
        Self { count, unit: IntervalUnit::Minutes }
    }

    /// How many units.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The unit.
    pub const fn unit(self) -> IntervalUnit {
        self.unit
    }

    /// The length in seconds.
    pub const fn seconds(self) -> u64 {
        self.count as u64 * self.unit.seconds()
    }
}

/// A text that is no interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an interval; expected a positive number followed by `s`, `m`, `h` or `d`, such as `5m`"
)]
pub struct NotAnInterval(String);

impl FromStr for Interval {
    type Err = NotAnInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || NotAnInterval(text.to_owned());
        let unit = match text.chars().last() {
            Some('s') => IntervalUnit::Seconds,
            Some('m') => IntervalUnit::Minutes,
            Some('h') => IntervalUnit::Hours,
            Some('d') => IntervalUnit::Days,
            _ => return Err(error()),
        };
        let digits = &text[..text.len() - 1];
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        digits.parse().ok().and_then(|count| Self::new(count, unit)).ok_or_else(error)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.letter())
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

from_node_by_text!(Interval);

/// A point in time relative to another one: `now-9m`, `now-48h/h`, or with a date, `2026-03-17||-1d`.
///
/// This is Elasticsearch's date math. The meaning of *now* is the caller's: the scheduled start of an execution, or an
/// alert's time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateMath {
    anchor: Anchor,
    steps: Vec<DateStep>,
}

/// What a [`DateMath`] starts from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// `now`
    Now,
    /// A date, in whatever format; not looked into here.
    Date(String),
}

/// One step of a [`DateMath`], applied from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateStep {
    /// `+2h`, `-9m`: the count carries the sign.
    Add(i64, DateUnit),
    /// `/d`: down to the start of the unit (or up to its end, where the date is an upper bound).
    Round(DateUnit),
}

/// The unit of a [`DateStep`]. Months and years have no fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateUnit {
    /// `y`
    Year,
    /// `M`
    Month,
    /// `w`
    Week,
    /// `d`
    Day,
    /// `h` or `H`
    Hour,
    /// `m`
    Minute,
    /// `s`
    Second,
}

impl DateUnit {
    fn from_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'y' => Self::Year,
            'M' => Self::Month,
            'w' => Self::Week,
            'd' => Self::Day,
            'h' | 'H' => Self::Hour,
            'm' => Self::Minute,
            's' => Self::Second,
            _ => return None,
        })
    }

    /// The letter of the unit.
    pub const fn letter(self) -> char {
        match self {
            Self::Year => 'y',
            Self::Month => 'M',
            Self::Week => 'w',
            Self::Day => 'd',
            Self::Hour => 'h',
            Self::Minute => 'm',
            Self::Second => 's',
        }
    }

    /// The length of one, where it is fixed.
    pub const fn seconds(self) -> Option<i64> {
        match self {
            Self::Year | Self::Month => None,
            Self::Week => Some(604_800),
            Self::Day => Some(86_400),
            Self::Hour => Some(3_600),
            Self::Minute => Some(60),
            Self::Second => Some(1),
        }
    }
}

impl DateMath {
    /// Now.
    pub const fn now() -> Self {
        Self { anchor: Anchor::Now, steps: Vec::new() }
    }

    pub(crate) fn minutes_ago(minutes: i64) -> Self {
        Self { anchor: Anchor::Now, steps: vec![DateStep::Add(-minutes, DateUnit::Minute)] }
    }

    /// What it starts from.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The steps from there, in order.
    pub fn steps(&self) -> &[DateStep] {
        &self.steps
    }

    /// How many seconds before now it lies (negative: after), if that does not depend on the calendar: no date, no
    /// rounding, no months or years.
    pub fn seconds_before_now(&self) -> Option<i64> {
        if self.anchor != Anchor::Now {
            return None;
        }
        self.steps.iter().try_fold(0_i64, |sum, step| match step {
            DateStep::Add(count, unit) => sum.checked_sub(count.checked_mul(unit.seconds()?)?),
            DateStep::Round(_) => None,
        })
    }
}

/// A text that is no date math.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date expression: {why}; expected something like `now-9m` or `now-2d/d`")]
pub struct NotDateMath {
    text: String,
    why: &'static str,
}

impl FromStr for DateMath {
    type Err = NotDateMath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |why| NotDateMath { text: text.to_owned(), why };
        let (anchor, rest) = if let Some(rest) = text.strip_prefix("now") {
            (Anchor::Now, rest)
        } else if text.get(..4).is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit())) {
            let (date, rest) = text.split_once("||").unwrap_or((text, ""));
            (Anchor::Date(date.to_owned()), rest)
        } else {
            return Err(error("it starts neither with `now` nor with a date"));
        };
        let mut steps = Vec::new();
        let mut characters = rest.chars().peekable();
        while let Some(sign) = characters.next() {
            let mut digits = String::new();
            while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            let unit = characters
                .next()
                .and_then(DateUnit::from_letter)
                .ok_or_else(|| error("a unit must be one of `y`, `M`, `w`, `d`, `h`, `H`, `m`, `s`"))?;
            let count = match digits.as_str() {
                "" => 1,
                digits => digits.parse::<i64>().map_err(|_| error("a number is too large"))?,
            };
            steps.push(match sign {
                '+' => DateStep::Add(count, unit),
                '-' => DateStep::Add(-count, unit),
                '/' if digits.is_empty() => DateStep::Round(unit),
                '/' => return Err(error("rounding takes no number")),
                _ => return Err(error("a step must start with `+`, `-` or `/`")),
            });
        }
        Ok(Self { anchor, steps })
    }
}

impl fmt::Display for DateMath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.anchor {
            Anchor::Now => f.write_str("now")?,
            Anchor::Date(date) => {
                f.write_str(date)?;
                if !self.steps.is_empty() {
                    f.write_str("||")?;
                }
            }
        }
        for step in &self.steps {
            match step {
                DateStep::Add(count, unit) => write!(f, "{count:+}{}", unit.letter())?,
                DateStep::Round(unit) => write!(f, "/{}", unit.letter())?,
            }
        }
        Ok(())
    }
}

impl Serialize for DateMath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

from_node_by_text!(DateMath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_intervals() {
        for text in ["5m", "1s", "24h", "7d"] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        for text in ["", "m", "5", "0m", "-5m", "5w", "5 m", "+5m", "99999999999m", "5M", "٥m"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
        assert_eq!("2h".parse::<Interval>().unwrap().seconds(), 7_200);
    }

    #[test]
    fn reads_and_writes_date_math() {
        for text in ["now", "now-9m", "now-48h/h", "now+1d", "now-1y/M", "2026-03-17||-1d", "2026-03-17"] {
            assert_eq!(text.parse::<DateMath>().unwrap().to_string(), text);
        }
        assert_eq!("now-1H".parse::<DateMath>().unwrap().to_string(), "now-1h");
        assert_eq!("now-d".parse::<DateMath>().unwrap().to_string(), "now-1d");
        for text in [
            "",
            "9m",
            "now-",
            "now-9",
            "now 9m",
            "now-9x",
            "now/2d",
            "yesterday",
            "now-99999999999999999999d",
        ] {
            assert!(text.parse::<DateMath>().is_err(), "{text}");
        }
    }

    #[test]
    fn tells_the_fixed_distance_from_now() {
        let seconds = |text: &str| text.parse::<DateMath>().unwrap().seconds_before_now();
        assert_eq!(seconds("now-9m"), Some(540));
        assert_eq!(seconds("now-1d+1h"), Some(82_800));
        assert_eq!(seconds("now"), Some(0));
        assert_eq!(seconds("now-1M"), None);
        assert_eq!(seconds("now-1d/d"), None);
        assert_eq!(seconds("2026-01-01"), None);
        assert_eq!(seconds("now-9223372036854775807w"), None);
    }
}
