//! What a field leaf asks of one value.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use watchfire_events::{IpBlock, Timestamp, ValueRef, Version, parse_ip};

use crate::{Fold, ListedValues, Pattern, Regex, TokenMatch};

/// A constant of a type that fits its field.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// A text.
    Text(Arc<str>),
    /// An integer; wide enough for `long` and `unsigned_long`.
    Integer(i128),
    /// A floating-point number; never NaN.
    Double(f64),
    /// A boolean.
    Boolean(bool),
    /// An address.
    Ip(Ipv6Addr),
    /// An instant.
    Instant(Timestamp),
    /// A version.
    Version(Version),
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Open: no limit.
    Unbounded,
    /// The limit itself belongs to the range.
    Included(Constant),
    /// The limit itself does not.
    Excluded(Constant),
}

/// So few texts are compared one by one, without a copy of what is compared.
const FEW_TEXTS: usize = 4;

/// A text is one of these, or fits one of these patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMatch {
    fold: Fold,
    exact: Vec<Arc<str>>,
    patterns: Vec<Pattern>,
}

impl TextMatch {
    /// Texts and patterns under a folding. Patterns without a wildcard count as texts; texts and patterns are folded,
    /// sorted and freed of repetitions.
    pub fn new(fold: Fold, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let (mut exact, mut rest) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match pattern.as_literal() {
                Some(text) => exact.push(fold.apply(text).into()),
                None => rest.push(pattern.folded(fold)),
            }
        }
        exact.sort_unstable();
        exact.dedup();
        rest.sort_unstable();
        rest.dedup();
        Self { fold, exact, patterns: rest }
    }

    /// One text, exactly.
    pub fn equal(text: &str) -> Self {
        Self::new(Fold::None, [Pattern::literal(text)])
    }

    /// Which differences of case do not count.
    pub fn fold(&self) -> Fold {
        self.fold
    }

    /// The texts, folded, in order.
    pub fn exact(&self) -> &[Arc<str>] {
        &self.exact
    }

    /// The patterns with wildcards, folded, in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Either of two, if they fold alike.
    pub fn union(&self, other: &Self) -> Option<Self> {
        (self.fold == other.fold).then(|| {
            let literals = self.exact.iter().chain(&other.exact).map(|text| Pattern::literal(text));
            Self::new(self.fold, literals.chain(self.patterns.iter().chain(&other.patterns).cloned()))
        })
    }

    /// Whether the text is one of these.
    pub fn holds(&self, text: &str) -> bool {
        if self.fold == Fold::Ascii && self.exact.len() <= FEW_TEXTS {
            if self.exact.iter().any(|candidate| candidate.eq_ignore_ascii_case(text)) {
                return true;
            }
            if !self.patterns.iter().any(|pattern| pattern.ends_fit_ascii(text)) {
                return false;
            }
        }
        let folded = match self.fold {
            Fold::None => Cow::Borrowed(text),
            fold => Cow::Owned(fold.apply(text)),
        };
        self.exact.binary_search_by(|candidate| (**candidate).cmp(&folded)).is_ok()
            || self.patterns.iter().any(|pattern| pattern.fits(&folded))
    }
}

/// What one value of a field must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// There is a value.
    Exists,
    /// The value's text is one of these.
    Text(TextMatch),
    /// The value's whole text fits a regular expression.
    Regex(Regex),
    /// The value equals the constant: numbers by value, booleans, versions, instants.
    Equals(Constant),
    /// The value lies between the bounds, in the order of its type.
    Range {
        /// Lower end.
        low: Bound,
        /// Upper end.
        high: Bound,
    },
    /// The address lies in one of the blocks.
    Within(Vec<IpBlock>),
    /// The analysed text holds tokens.
    Tokens(TokenMatch),
    /// The value is in a value list.
    Listed(ListedValues),
}

impl Predicate {
    /// Whether the value satisfies it. Total: of a value that it does not fit, it does not hold (design: a leaf that
    /// cannot match is false).
    pub fn holds(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Text(texts) => texts.holds(&value.to_text()),
            Self::Regex(regex) => regex.fits(&value.to_text()),
            Self::Equals(constant) => compare(value, constant) == Some(Ordering::Equal),
            Self::Range { low, high } => above(value, low) && below(value, high),
            Self::Within(blocks) => {
                address_of(value).is_some_and(|ip| blocks.iter().any(|block| block.contains(ip)))
            }
            Self::Tokens(tokens) => tokens.holds(&value.to_text()),
            Self::Listed(list) => list.holds(value),
        }
    }
}

/// The address that a value is.
pub(crate) fn address_of(value: ValueRef<'_>) -> Option<Ipv6Addr> {
    match value {
        ValueRef::Ip(address) => Some(address),
        ValueRef::Text(text) => parse_ip(text),
        _ => None,
    }
}

/// How a value stands to a constant; `None` if they cannot be compared.
fn compare(value: ValueRef<'_>, constant: &Constant) -> Option<Ordering> {
    match (value, constant) {
        (ValueRef::Text(text), Constant::Text(other)) => Some(text.as_bytes().cmp(other.as_bytes())),
        (ValueRef::Text(text), Constant::Version(other)) => Some(Version::new(text).cmp(other)),
        (ValueRef::Text(text), Constant::Boolean(other)) => {
            text.parse::<bool>().ok().map(|found| found.cmp(other))
        }
        // A dynamic field: a number by value, if the text is one.
        (ValueRef::Text(text), Constant::Integer(other)) => match text.parse::<i128>() {
            Ok(number) => Some(number.cmp(other)),
            Err(_) => text.parse::<f64>().ok()?.partial_cmp(&(*other as f64)),
        },
        (ValueRef::Text(text), Constant::Double(other)) => text.parse::<f64>().ok()?.partial_cmp(other),
        (ValueRef::Text(_), Constant::Ip(other)) => address_of(value).map(|address| address.cmp(other)),
        (ValueRef::Text(text), Constant::Instant(other)) => Timestamp::parse(text).map(|at| at.cmp(other)),
        (ValueRef::Integer(number), Constant::Integer(other)) => Some(i128::from(number).cmp(other)),
        (ValueRef::Unsigned(number), Constant::Integer(other)) => Some(i128::from(number).cmp(other)),
        (ValueRef::Integer(number), Constant::Double(other)) => order_integer(i128::from(number), *other),
        (ValueRef::Unsigned(number), Constant::Double(other)) => order_integer(i128::from(number), *other),
        (ValueRef::Double(number), Constant::Integer(other)) => {
            order_integer(*other, number).map(Ordering::reverse)
        }
        (ValueRef::Double(number), Constant::Double(other)) => number.partial_cmp(other),
        (ValueRef::Boolean(value), Constant::Boolean(other)) => Some(value.cmp(other)),
        (ValueRef::Ip(address), Constant::Ip(other)) => Some(address.cmp(other)),
        (ValueRef::Instant(at), Constant::Instant(other)) => Some(at.cmp(other)),
        _ => None,
    }
}

/// An integer against a floating-point number, exactly.
fn order_integer(integer: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Beyond ±1e19 the number is larger than any field value, and the conversion of it saturates in the right order.
    let floor = double.floor();
    let order = integer.cmp(&(floor as i128));
    Some(if order == Ordering::Equal && double > floor { Ordering::Less } else { order })
}

fn above(value: ValueRef<'_>, low: &Bound) -> bool {
    match low {
        Bound::Unbounded => true,
        Bound::Included(limit) => compare(value, limit).is_some_and(Ordering::is_ge),
        Bound::Excluded(limit) => compare(value, limit).is_some_and(Ordering::is_gt),
    }
}

fn below(value: ValueRef<'_>, high: &Bound) -> bool {
    match high {
        Bound::Unbounded => true,
        Bound::Included(limit) => compare(value, limit).is_some_and(Ordering::is_le),
        Bound::Excluded(limit) => compare(value, limit).is_some_and(Ordering::is_lt),
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Ip(address) => write!(f, "{}", address.to_canonical()),
            Self::Instant(at) => write!(f, "@{}", at.nanos()),
            Self::Version(version) => write!(f, "v{:?}", version.as_str()),
        }
    }
}

impl fmt::Display for TextMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.fold {
            Fold::None => "is",
            Fold::Ascii => "is~",
            Fold::Lowercase => "is~~",
        })?;
        for text in &self.exact {
            write!(f, " {text:?}")?;
        }
        for pattern in &self.patterns {
            write!(f, " {pattern}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("exists"),
            Self::Text(texts) => write!(f, "{texts}"),
            Self::Regex(regex) => write!(f, "{regex}"),
            Self::Equals(constant) => write!(f, "= {constant}"),
            Self::Range { low, high } => {
                match low {
                    Bound::Unbounded => f.write_str("in (-∞")?,
                    Bound::Included(limit) => write!(f, "in [{limit}")?,
                    Bound::Excluded(limit) => write!(f, "in ({limit}")?,
                }
                match high {
                    Bound::Unbounded => f.write_str(", ∞)"),
                    Bound::Included(limit) => write!(f, ", {limit}]"),
                    Bound::Excluded(limit) => write!(f, ", {limit})"),
                }
            }
            Self::Within(blocks) => {
                f.write_str("within")?;
                blocks.iter().try_for_each(|block| write!(f, " {block}"))
            }
            Self::Tokens(tokens) => write!(f, "{tokens}"),
            Self::Listed(list) => write!(f, "{list}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value() {
        let equals = |value, constant| Predicate::Equals(constant).holds(value);
        assert!(equals(ValueRef::Integer(5), Constant::Double(5.0)));
        assert!(!equals(ValueRef::Integer(5), Constant::Double(5.5)));
        assert!(equals(ValueRef::Text("5.0"), Constant::Integer(5)));
        assert!(!equals(ValueRef::Text("five"), Constant::Integer(5)));
        let over = Predicate::Range { low: Bound::Excluded(Constant::Double(4.5)), high: Bound::Unbounded };
        assert!(over.holds(ValueRef::Integer(5)) && !over.holds(ValueRef::Integer(4)));
        assert!(!over.holds(ValueRef::Boolean(true)));
    }

    #[test]
    fn texts_fold() {
        let texts =
            TextMatch::new(Fold::Ascii, [Pattern::from_eql("CMD.exe"), Pattern::from_eql("*\\Temp\\*")]);
        assert!(texts.holds("cmd.EXE") && texts.holds("C:\\TEMP\\x") && !texts.holds("cmd"));
        assert_eq!(texts.to_string(), r#"is~ "cmd.exe" `*\\temp\\*`"#);
    }
}
