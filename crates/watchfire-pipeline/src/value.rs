//! Values, and the cells of a table.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::net::Ipv6Addr;
use std::sync::Arc;

use watchfire_esql::ast::TimeUnit;
use watchfire_events::{Timestamp, Version};
use watchfire_ir::java_double;

/// One value.
#[derive(Clone, Debug)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// A whole number of 64 bits.
    Long(i64),
    /// A whole number of 64 bits without sign.
    UnsignedLong(u64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// An instant, in milliseconds since 1970.
    Date(i64),
    /// An instant, in nanoseconds since 1970.
    DateNanos(i64),
    /// An address.
    Ip(Ipv6Addr),
    /// A software version.
    Version(Arc<Version>),
    /// A point on earth: longitude and latitude in degrees.
    Point(f64, f64),
    /// A span of time.
    Span(TimeSpan),
}

/// A span of time, forward or back: months and days of the calendar, and milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeSpan {
    /// Months; a year has twelve.
    pub months: i64,
    /// Days; a week has seven.
    pub days: i64,
    /// Milliseconds; an hour has 3,600,000.
    pub millis: i64,
}

/// What a row has in a column: nothing, a value, or several. A list has two values or more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cell {
    /// Nothing.
    #[default]
    Null,
    /// One value.
    One(Value),
    /// Several values, in their order.
    Many(Arc<[Value]>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The text, of one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number as a floating-point number, of one.
    pub fn as_double(&self) -> Option<f64> {
        Some(match self {
            Self::Integer(number) => f64::from(*number),
            Self::Long(number) => *number as f64,
            Self::UnsignedLong(number) => *number as f64,
            Self::Double(number) => *number,
            _ => return None,
        })
    }

    /// The whole number, of one.
    pub fn as_whole(&self) -> Option<i128> {
        Some(match self {
            Self::Integer(number) => i128::from(*number),
            Self::Long(number) => i128::from(*number),
            Self::UnsignedLong(number) => i128::from(*number),
            _ => return None,
        })
    }

    /// The instant in nanoseconds, of one.
    pub fn as_nanos(&self) -> Option<i128> {
        Some(match self {
            Self::Date(millis) => i128::from(*millis) * 1_000_000,
            Self::DateNanos(nanos) => i128::from(*nanos),
            _ => return None,
        })
    }

    /// The order of values of one type, or of types that mix: texts by their bytes, addresses as numbers of 128 bits, false
    /// before true (esql-semantics §8). Values of types that do not mix are in the order of their types.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Ip(a), Self::Ip(b)) => a.octets().cmp(&b.octets()),
            (Self::Version(a), Self::Version(b)) => a.cmp(b),
            (Self::Point(a, b), Self::Point(x, y)) => a.total_cmp(x).then(b.total_cmp(y)),
            (Self::Span(a), Self::Span(b)) => a.cmp(b),
            _ => {
                if let (Some(a), Some(b)) = (self.as_whole(), other.as_whole()) {
                    return a.cmp(&b);
                }
                if let (Some(a), Some(b)) = (self.as_double(), other.as_double()) {
                    return if a == b { Ordering::Equal } else { a.total_cmp(&b) };
                }
                if let (Some(a), Some(b)) = (self.as_nanos(), other.as_nanos()) {
                    return a.cmp(&b);
                }
                self.rank().cmp(&other.rank())
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Boolean(_) => 0,
            Self::Integer(_) | Self::Long(_) | Self::UnsignedLong(_) | Self::Double(_) => 1,
            Self::Text(_) => 2,
            Self::Date(_) | Self::DateNanos(_) => 3,
            Self::Ip(_) => 4,
            Self::Version(_) => 5,
            Self::Point(..) => 6,
            Self::Span(..) => 7,
        }
    }

    /// The value as `TO_STRING` writes it.
    pub fn to_text(&self) -> Arc<str> {
        match self {
            Self::Boolean(truth) => if *truth { "true" } else { "false" }.into(),
            Self::Integer(number) => number.to_string().into(),
            Self::Long(number) => number.to_string().into(),
            Self::UnsignedLong(number) => number.to_string().into(),
            Self::Double(number) => java_double(*number).into(),
            Self::Text(text) => text.clone(),
            Self::Date(millis) => Timestamp::from_millis(*millis).to_iso_millis().into(),
            Self::DateNanos(nanos) => iso_nanos(*nanos).into(),
            Self::Ip(address) => address.to_canonical().to_string().into(),
            Self::Version(version) => version.as_str().into(),
            Self::Point(x, y) => format!("POINT ({} {})", java_double(*x), java_double(*y)).into(),
            Self::Span(span) => span.to_string().into(),
        }
    }

    /// The value in an answer as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Boolean(truth) => (*truth).into(),
            Self::Integer(number) => (*number).into(),
            Self::Long(number) => (*number).into(),
            Self::UnsignedLong(number) => (*number).into(),
            Self::Double(number) => (*number).into(),
            _ => (*self.to_text()).into(),
        }
    }
}

impl TimeSpan {
    /// So many of a unit; `None` if they are too many.
    pub fn of(count: i64, unit: TimeUnit) -> Option<Self> {
        let nothing = Self::default();
        let times = |by: i64| count.checked_mul(by);
        Some(match unit {
            TimeUnit::Millisecond => Self { millis: count, ..nothing },
            TimeUnit::Second => Self { millis: times(1_000)?, ..nothing },
            TimeUnit::Minute => Self { millis: times(60_000)?, ..nothing },
            TimeUnit::Hour => Self { millis: times(3_600_000)?, ..nothing },
            TimeUnit::Day => Self { days: count, ..nothing },
            TimeUnit::Week => Self { days: times(7)?, ..nothing },
            TimeUnit::Month => Self { months: count, ..nothing },
            TimeUnit::Quarter => Self { months: times(3)?, ..nothing },
            TimeUnit::Year => Self { months: times(12)?, ..nothing },
        })
    }

    /// Both, one behind the other; `None` if that is too long.
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            millis: self.millis.checked_add(other.millis)?,
        })
    }

    /// The span in the other direction.
    pub fn negated(self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            millis: self.millis.checked_neg()?,
        })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.months, "months"), (self.days, "days"), (self.millis, "milliseconds")];
        let mut parts = parts.iter().filter(|(count, _)| *count != 0);
        match parts.next() {
            None => f.write_str("0 milliseconds"),
            Some((count, unit)) => {
                write!(f, "{count} {unit}")?;
                parts.try_for_each(|(count, unit)| write!(f, " {count} {unit}"))
            }
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank());
        match self {
            Self::Boolean(truth) => truth.hash(state),
            // Numbers that are equal hash equally, whatever their types: as the nearest floating-point number.
            Self::Integer(_) | Self::Long(_) | Self::UnsignedLong(_) | Self::Double(_) => {
                let number = self.as_double().unwrap_or_default();
                (if number == 0.0 { 0.0 } else { number }).to_bits().hash(state);
            }
            Self::Text(text) => text.hash(state),
            Self::Date(_) | Self::DateNanos(_) => self.as_nanos().hash(state),
            Self::Ip(address) => address.hash(state),
            Self::Version(version) => version.as_str().hash(state),
            Self::Point(x, y) => (x.to_bits(), y.to_bits()).hash(state),
            Self::Span(span) => span.hash(state),
        }
    }
}

impl Cell {
    /// A cell of these values, in their order.
    pub fn of(mut values: Vec<Value>) -> Self {
        match values.len() {
            0 => Self::Null,
            1 => Self::One(values.remove(0)),
            _ => Self::Many(values.into()),
        }
    }

    /// A cell of one truth.
    pub fn truth(truth: bool) -> Self {
        Self::One(Value::Boolean(truth))
    }

    /// Its values, in their order.
    pub fn values(&self) -> &[Value] {
        match self {
            Self::Null => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Whether it has no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is true, and nothing else.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::One(Value::Boolean(true)))
    }

    /// The cell with each value made into another, without those that are made into none.
    #[must_use]
    pub fn map(&self, mut each: impl FnMut(&Value) -> Option<Value>) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::One(value) => each(value).map_or(Self::Null, Self::One),
            Self::Many(values) => Self::of(values.iter().filter_map(each).collect()),
        }
    }

    /// Its values in an answer as JSON: null, a value, or an array of several.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::One(value) => value.to_json(),
            Self::Many(values) => values.iter().map(Value::to_json).collect(),
        }
    }

    /// An order of cells for an output that is the same each time: by their values, nothing last.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            _ => {
                let mut pairs = self.values().iter().zip(other.values());
                let first = pairs.find_map(|(a, b)| Some(a.order(b)).filter(|order| order.is_ne()));
                first.unwrap_or_else(|| self.values().len().cmp(&other.values().len()))
            }
        }
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self::One(value)
    }
}

impl From<Option<Value>> for Cell {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Null, Self::One)
    }
}

/// An instant with as much of its fraction as it has, and milliseconds at least.
fn iso_nanos(nanos: i64) -> String {
    let millis = nanos.div_euclid(1_000_000);
    let mut text = Timestamp::from_millis(millis).to_iso_millis();
    let rest = nanos.rem_euclid(1_000_000);
    if rest > 0 && text.ends_with('Z') {
        text.pop();
        let _ = write!(text, "{rest:06}Z");
        let kept = text.trim_end_matches('Z').trim_end_matches('0').len();
        text.truncate(kept);
        text.push('Z');
    }
    text
}
