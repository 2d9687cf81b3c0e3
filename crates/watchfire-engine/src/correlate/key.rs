//! The values by which events are joined.

use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use watchfire_events::{Timestamp, ValueRef};

/// The values of all keys of an event at a stage, in the order of the query.
pub type KeyTuple = Arc<[KeyValue]>;

/// Doubles from here on are kept as they are; below, a whole one is the same key as the integer.
const MAX_WHOLE: f64 = 1e30;

/// The value of one key. Equal values join: exactly, with regard to case, and numbers by what they are worth.
///
/// The order is that of results (eql-semantics §12): null first, then by value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// The field is missing, which an optional key takes as a value of its own.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer, or a floating-point number that is whole.
    Integer(i128),
    /// Any other floating-point number.
    Fraction(Fraction),
    /// An address.
    Ip(Ipv6Addr),
    /// An instant.
    Instant(Timestamp),
    /// A text, or whatever is compared as one.
    Text(Arc<str>),
}

/// A floating-point number that is not whole, or too large to be kept as an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction(u64);

impl Fraction {
    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl KeyValue {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A floating-point number. Whole ones are integers here, and there is one NaN and one zero.
    pub fn double(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() < MAX_WHOLE {
            return Self::Integer(number as i128);
        }
        let number = if number.is_nan() { f64::NAN } else { number };
        Self::Fraction(Fraction(number.to_bits()))
    }

    /// The text that stands for the value in an answer; `None` for null.
    pub fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Fraction(number) => format!("{:?}", number.get()),
            Self::Ip(address) => address.to_canonical().to_string(),
            Self::Instant(at) => at.to_iso_millis(),
            Self::Text(text) => text.to_string(),
        })
    }

    /// The place of each kind of value in the order; a key field has values of one kind, or of kinds that compare.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Fraction(_) => 2,
            Self::Ip(_) => 3,
            Self::Instant(_) => 4,
            Self::Text(_) => 5,
        }
    }
}

impl From<ValueRef<'_>> for KeyValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(text) => Self::text(text),
            ValueRef::Integer(number) => Self::Integer(number.into()),
            ValueRef::Unsigned(number) => Self::Integer(number.into()),
            ValueRef::Double(number) => Self::double(number),
            ValueRef::Boolean(value) => Self::Boolean(value),
            ValueRef::Ip(address) => Self::Ip(address),
            ValueRef::Instant(at) => Self::Instant(at),
        }
    }
}

impl Ord for KeyValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Fraction(a), Self::Fraction(b)) => a.get().total_cmp(&b.get()),
            // Rounding the integer cannot carry it past the other: a fraction is small, or beyond all integers here.
            (Self::Integer(a), Self::Fraction(b)) => (*a as f64).total_cmp(&b.get()),
            (Self::Fraction(a), Self::Integer(b)) => a.get().total_cmp(&(*b as f64)),
            (Self::Ip(a), Self::Ip(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for KeyValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_deref().unwrap_or("null"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_they_are_worth() {
        assert_eq!(KeyValue::double(5.0), KeyValue::from(ValueRef::Integer(5)));
        assert_eq!(KeyValue::double(-0.0), KeyValue::double(0.0));
        assert_eq!(KeyValue::double(f64::NAN), KeyValue::double(-f64::NAN));
        assert_ne!(KeyValue::double(5.5), KeyValue::double(5.25));
    }

    #[test]
    fn null_comes_first_and_numbers_by_value() {
        let ordered = [
            KeyValue::Null,
            KeyValue::double(f64::NEG_INFINITY),
            KeyValue::double(-1.5),
            KeyValue::Integer(0),
            KeyValue::double(0.5),
            KeyValue::Integer(1),
            KeyValue::from(ValueRef::Unsigned(u64::MAX)),
            KeyValue::double(1e300),
            KeyValue::text("B"),
            KeyValue::text("a"),
        ];
        assert!(ordered.is_sorted());
    }
}
