//! Whether two questions about one value exclude each other, or one of them answers the other.
//!
//! Only what is certain is said; `false` means that nothing is known.

use std::cmp::Ordering;

use watchfire_events::ValueRef;

use crate::{Bound, Constant, Fold, Predicate, TextMatch};

/// Whether it is certain that no value satisfies both.
pub(crate) fn excludes(a: &Predicate, b: &Predicate) -> bool {
    match (a, b) {
        (Predicate::Text(a), Predicate::Text(b)) => none_of(a, b) || none_of(b, a),
        (Predicate::Text(texts), Predicate::Listed(list))
        | (Predicate::Listed(list), Predicate::Text(texts)) => {
            texts.fold() == Fold::None
                && texts.patterns().is_empty()
                && !texts.exact().iter().any(|text| list.holds(ValueRef::Text(text)))
        }
        (Predicate::Equals(constant), other) | (other, Predicate::Equals(constant)) => {
            value_of(constant).is_some_and(|value| !other.holds(value))
        }
        (Predicate::Range { low: a_low, high: a_high }, Predicate::Range { low: b_low, high: b_high }) => {
            is_below(a_high, b_low) || is_below(b_high, a_low)
        }
        _ => false,
    }
}

/// Whether `a` names only whole texts, none of which satisfies `b`. A folded text stands for others too, of which `b`
/// may want one that is not folded; then nothing is certain.
fn none_of(a: &TextMatch, b: &TextMatch) -> bool {
    let comparable = a.fold() == b.fold() || a.fold() == Fold::None;
    comparable && a.patterns().is_empty() && !a.exact().iter().any(|text| b.holds(text))
}

fn value_of(constant: &Constant) -> Option<ValueRef<'_>> {
    Some(match constant {
        Constant::Text(text) => ValueRef::Text(text),
        Constant::Integer(number) => ValueRef::Integer(i64::try_from(*number).ok()?),
        Constant::Double(number) => ValueRef::Double(*number),
        Constant::Boolean(value) => ValueRef::Boolean(*value),
        Constant::Ip(address) => ValueRef::Ip(*address),
        Constant::Instant(at) => ValueRef::Instant(*at),
        Constant::Version(version) => ValueRef::Text(version.as_str()),
    })
}

/// Whether everything under the upper end `high` lies under the lower end `low`.
fn is_below(high: &Bound, low: &Bound) -> bool {
    let (high, high_included) = match high {
        Bound::Unbounded => return false,
        Bound::Included(limit) => (limit, true),
        Bound::Excluded(limit) => (limit, false),
    };
    let (low, low_included) = match low {
        Bound::Unbounded => return false,
        Bound::Included(limit) => (limit, true),
        Bound::Excluded(limit) => (limit, false),
    };
    match (value_of(high), low) {
        (Some(value), limit) => match order(value, limit) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !(high_included && low_included),
            Some(Ordering::Greater) | None => false,
        },
        (None, _) => false,
    }
}

fn order(value: ValueRef<'_>, limit: &Constant) -> Option<Ordering> {
    let holds = |low: Bound, high: Bound| Predicate::Range { low, high }.holds(value);
    if holds(Bound::Included(limit.clone()), Bound::Included(limit.clone())) {
        Some(Ordering::Equal)
    } else if holds(Bound::Unbounded, Bound::Excluded(limit.clone())) {
        Some(Ordering::Less)
    } else if holds(Bound::Excluded(limit.clone()), Bound::Unbounded) {
        Some(Ordering::Greater)
    } else {
        None
    }
}

/// Whether it is certain that no value satisfies the predicate.
pub(super) fn is_empty(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::Range { low, high } if is_below(high, low))
}

/// Whether it is certain that each value that satisfies `narrow` satisfies `wide`.
pub(crate) fn implies(narrow: &Predicate, wide: &Predicate) -> bool {
    match (narrow, wide) {
        (_, Predicate::Exists) => true,
        (narrow, wide) if narrow == wide => true,
        (Predicate::Text(narrow), Predicate::Text(wide)) => {
            let comparable = narrow.fold() == wide.fold() || narrow.fold() == Fold::None;
            comparable && narrow.patterns().is_empty() && narrow.exact().iter().all(|text| wide.holds(text))
        }
        (Predicate::Equals(constant), wide) => value_of(constant).is_some_and(|value| wide.holds(value)),
        _ => false,
    }
}

/// About how many comparisons it takes to compare the two.
pub(crate) fn cost(a: &Predicate, b: &Predicate) -> usize {
    match (a, b) {
        (Predicate::Text(a), Predicate::Text(b)) => {
            let texts = |list: &TextMatch| list.exact().len() + list.patterns().len();
            1 + texts(a) * (1 + b.patterns().len()) + texts(b) * (1 + a.patterns().len())
        }
        _ => 1,
    }
}
