//! The values that expressions are made of.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use watchfire_events::{FieldType, Timestamp, ValueRef};

use super::expr::ExprType;

/// One value inside an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// No value.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A 32-bit integer: a literal, a length, a position. Overflows as such.
    Integer(i32),
    /// A 64-bit integer: a large literal, or the value of a field.
    Long(i64),
    /// An integer beyond [`Scalar::Long`].
    Unsigned(u64),
    /// A floating-point number.
    Double(f64),
    /// A text; also addresses, in their canonical form, and versions.
    Text(Cow<'a, str>),
    /// An instant.
    Instant(Timestamp),
    /// The value of a field that no schema knows: a number or boolean wherever the other side is one and the text
    /// can be read so, a text otherwise.
    Loose(Cow<'a, str>),
}

impl Scalar<'static> {
    /// A text constant.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }
}

impl<'a> Scalar<'a> {
    /// The value of a field of this type.
    pub fn from_value(value: ValueRef<'a>, field_type: FieldType) -> Self {
        match value {
            ValueRef::Text(text) if field_type == FieldType::Dynamic => Self::Loose(Cow::Borrowed(text)),
            ValueRef::Text(text) => Self::Text(Cow::Borrowed(text)),
            ValueRef::Integer(number) => Self::Long(number),
            ValueRef::Unsigned(number) => i64::try_from(number).map_or(Self::Unsigned(number), Self::Long),
            ValueRef::Double(number) => Self::Double(number),
            ValueRef::Boolean(value) => Self::Boolean(value),
            ValueRef::Ip(_) => Self::Text(value.to_text()),
            ValueRef::Instant(at) => Self::Instant(at),
        }
    }

    /// The same value, borrowed.
    #[must_use]
    pub fn borrowed(&'a self) -> Self {
        match self {
            Self::Text(text) => Self::Text(Cow::Borrowed(text)),
            Self::Loose(text) => Self::Loose(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }

    /// The same value, owned.
    pub fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Null => Scalar::Null,
            Self::Boolean(value) => Scalar::Boolean(value),
            Self::Integer(number) => Scalar::Integer(number),
            Self::Long(number) => Scalar::Long(number),
            Self::Unsigned(number) => Scalar::Unsigned(number),
            Self::Double(number) => Scalar::Double(number),
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Self::Instant(at) => Scalar::Instant(at),
            Self::Loose(text) => Scalar::Loose(Cow::Owned(text.into_owned())),
        }
    }

    /// Its type.
    pub fn expr_type(&self) -> ExprType {
        match self {
            Self::Null => ExprType::Null,
            Self::Boolean(_) => ExprType::Boolean,
            Self::Integer(_) | Self::Long(_) | Self::Unsigned(_) | Self::Double(_) => ExprType::Number,
            Self::Text(_) => ExprType::Text,
            Self::Instant(_) => ExprType::Date,
            Self::Loose(_) => ExprType::Dynamic,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The value as an integer, if it is one.
    pub fn as_integer(&self) -> Option<i128> {
        match self.as_number() {
            Self::Integer(number) => Some(number.into()),
            Self::Long(number) => Some(number.into()),
            Self::Unsigned(number) => Some(number.into()),
            _ => None,
        }
    }

    /// The value as a boolean, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Loose(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The value as a text, if it is one; not converted from other types.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Loose(text) => Some(text),
            _ => None,
        }
    }

    /// The value itself; of a loose one the number that its text is, if it is one.
    pub(super) fn as_number(&self) -> Self {
        match self {
            Self::Loose(text) => match text.parse() {
                Ok(number) => Self::Long(number),
                Err(_) => match text.parse() {
                    Ok(number) if f64::is_finite(number) => Self::Double(number),
                    _ => self.clone(),
                },
            },
            other => other.clone(),
        }
    }

    /// The text that `concat` and `string` make of it (eql-semantics §10): numbers in Java's form. `None` of null.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Long(number) => Cow::Owned(number.to_string()),
            Self::Unsigned(number) => Cow::Owned(number.to_string()),
            Self::Double(number) => Cow::Owned(java_double(*number)),
            Self::Text(text) | Self::Loose(text) => Cow::Borrowed(text),
            Self::Instant(at) => Cow::Owned(at.to_iso_millis()),
        })
    }

    /// How two values stand to each other; `None` if either is null or they cannot be compared (eql-semantics §9).
    /// Texts are ordered by UTF-16 units, as Java does.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), b) | (b, Self::Boolean(a))
                if matches!(b, Self::Boolean(_) | Self::Loose(_)) =>
            {
                let b = b.as_boolean()?;
                Some(if matches!(self, Self::Boolean(_)) { a.cmp(&b) } else { b.cmp(a) })
            }
            (Self::Text(a) | Self::Loose(a), Self::Text(b) | Self::Loose(b)) => {
                Some(a.encode_utf16().cmp(b.encode_utf16()))
            }
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Text(b) | Self::Loose(b)) => Some(a.cmp(&Timestamp::parse(b)?)),
            (Self::Text(a) | Self::Loose(a), Self::Instant(b)) => Some(Timestamp::parse(a)?.cmp(b)),
            (a, b) => compare_numbers(&a.as_number(), &b.as_number()),
        }
    }

    pub(super) fn as_double(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(f64::from(*number)),
            Self::Long(number) => Some(*number as f64),
            Self::Unsigned(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }
}

fn compare_numbers(a: &Scalar<'_>, b: &Scalar<'_>) -> Option<Ordering> {
    match (a.as_integer(), b.as_integer()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_double()?.partial_cmp(&b.as_double()?),
    }
}

/// A floating-point number as Java prints it: between 10⁻³ and 10⁷ with a fraction, else in scientific notation.
pub fn java_double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let fraction = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{fraction}E{exponent}")
}

/// Constants as the dump shows them; the width of an integer is part of its meaning, so it shows.
impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Long(number) => write!(f, "{number}L"),
            Self::Unsigned(number) => write!(f, "{number}UL"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Instant(at) => write!(f, "@{}", at.nanos()),
            Self::Loose(text) => write!(f, "?{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (number, text) in [
            (1.0, "1.0"),
            (2.1828, "2.1828"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java_double(number), text);
        }
    }

    #[test]
    fn only_like_values_compare() {
        let text = |text: &'static str| Scalar::Text(Cow::Borrowed(text));
        let loose = |text: &'static str| Scalar::Loose(Cow::Borrowed(text));
        assert_eq!(Scalar::Integer(1).compare(&Scalar::Double(1.0)), Some(Ordering::Equal));
        assert_eq!(Scalar::Unsigned(u64::MAX).compare(&Scalar::Long(-1)), Some(Ordering::Greater));
        assert_eq!(text("1").compare(&Scalar::Integer(1)), None);
        assert_eq!(loose("1").compare(&Scalar::Integer(1)), Some(Ordering::Equal));
        assert_eq!(Scalar::Integer(2).compare(&loose("1.5")), Some(Ordering::Greater));
        assert_eq!(loose("x").compare(&Scalar::Integer(1)), None);
        assert_eq!(loose("true").compare(&Scalar::Boolean(true)), Some(Ordering::Equal));
        assert_eq!(Scalar::Boolean(false).compare(&loose("true")), Some(Ordering::Less));
        assert_eq!(Scalar::Boolean(false).compare(&text("false")), None);
        assert_eq!(Scalar::Null.compare(&Scalar::Null), None);
        // In UTF-16 a character beyond the basic plane sorts before U+E000.
        assert_eq!(text("\u{1f600}").compare(&text("\u{e000}")), Some(Ordering::Less));
    }
}
