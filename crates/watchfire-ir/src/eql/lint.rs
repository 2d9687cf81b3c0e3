//! Conditions that are well formed and never hold.

use std::cmp::Ordering;

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_events::ValueRef;

use crate::{
    Bound, Condition, Constant, FieldLeaf, FieldTarget, Fold, Leaf, Node, Predicate, Schema, TextMatch, codes,
};

/// What the Elastic Common Schema allows in `event.category`.
pub(super) const ECS_CATEGORIES: [&str; 20] = [
    "api",
    "authentication",
    "configuration",
    "database",
    "driver",
    "email",
    "file",
    "host",
    "iam",
    "intrusion_detection",
    "library",
    "malware",
    "network",
    "package",
    "process",
    "registry",
    "session",
    "threat",
    "vulnerability",
    "web",
];

/// Operands of one `and` beyond this many are not compared with each other: the time is quadratic.
const MAX_COMPARED: usize = 500;

/// Warnings for operands of one `and` that exclude each other: leaves on a field that has one value per event, of
/// which no value satisfies both. Only what is certain is said.
pub(super) fn contradictions(operands: &[(Span, &Condition)], schema: &dyn Schema) -> Vec<Diagnostic> {
    let leaves: Vec<(Span, &FieldLeaf)> = operands
        .iter()
        .filter_map(|&(span, condition)| match condition.node() {
            Node::Leaf(Leaf::Field(leaf)) => Some((span, leaf)),
            _ => None,
        })
        .take(MAX_COMPARED)
        .collect();
    let mut warnings = Vec::new();
    for (at, &(second_span, second)) in leaves.iter().enumerate() {
        for &(first_span, first) in &leaves[..at] {
            let FieldTarget::Field(field) = &first.target else { continue };
            if first.target == second.target
                && excludes(&first.predicate, &second.predicate)
                && schema.is_single_valued(&field.name)
            {
                let message = format!("these two conditions on `{}` exclude each other", field.name);
                warnings.push(
                    Diagnostic::warning(codes::CONTRADICTION, message)
                        .at(second_span, "never holds")
                        .at(first_span, "together with this"),
                );
            }
        }
    }
    warnings
}

/// Whether it is certain that no value satisfies both.
fn excludes(a: &Predicate, b: &Predicate) -> bool {
    match (a, b) {
        (Predicate::Text(a), Predicate::Text(b)) => none_of(a, b) || none_of(b, a),
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
