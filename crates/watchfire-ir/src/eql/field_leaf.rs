//! Field leaves of comparisons and lists: what a constant means opposite a field of each type (eql-semantics §9).

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_events::{DateInterval, FieldType, IpBlock, Timestamp, TypeFamily, Version, parse_ip};

use super::Lowering;
use super::value::block_of;
use crate::date_math::{self, DateError};
use crate::{
    Bound, ComparisonOperator, Condition, Constant, FieldLeaf, FieldRef, Fold, Pattern, Predicate, Scalar,
    TextMatch, codes,
};

/// Nanoseconds in a millisecond.
const MILLI: i128 = 1_000_000;

/// A constant as a value of a field's type.
enum Operand {
    /// One value.
    Value(Constant),
    /// A text of a date stands for the time that it leaves open.
    Dates(DateInterval),
    /// A block of addresses.
    Block(IpBlock),
}

impl Lowering<'_> {
    /// `field == constant`.
    pub(super) fn field_equals(
        &mut self,
        field: &FieldRef,
        constant: &Scalar<'static>,
        span: Span,
        field_span: Span,
    ) -> Option<Condition> {
        let predicate = match self.operand(field, constant, span)? {
            Operand::Value(Constant::Text(text)) => {
                Predicate::Text(TextMatch::new(own_fold(field, Fold::None), [Pattern::literal(&text)]))
            }
            Operand::Value(value) => {
                if is_fraction(&value) && is_integer(field.field_type) {
                    self.never_holds(field, field_span, span, "holds integers");
                }
                Predicate::Equals(value)
            }
            Operand::Dates(dates) => Predicate::Range {
                low: Bound::Included(Constant::Instant(dates.start)),
                high: Bound::Included(Constant::Instant(dates.end)),
            },
            Operand::Block(block) => Predicate::Within(vec![block]),
        };
        Some(Condition::leaf(FieldLeaf::new(field.clone(), predicate)))
    }

    /// `field in (constant, …)`, with or without regard to case.
    pub(super) fn field_in(
        &mut self,
        field: &FieldRef,
        constants: &[(&Scalar<'static>, Span)],
        ignore_case: bool,
        field_span: Span,
    ) -> Option<Condition> {
        let mut texts = Vec::new();
        let mut blocks = Vec::new();
        let mut others = Vec::new();
        let mut failed = false;
        for &(constant, span) in constants {
            match self.operand(field, constant, span) {
                None => failed = true,
                Some(Operand::Value(Constant::Text(text))) => texts.push(Pattern::literal(&text)),
                Some(Operand::Block(block)) => blocks.push(block),
                Some(_) => match self.field_equals(field, constant, span, field_span) {
                    Some(condition) => others.push(condition),
                    None => failed = true,
                },
            }
        }
        if failed {
            return None;
        }
        let leaf = |predicate| Condition::leaf(FieldLeaf::new(field.clone(), predicate));
        if !texts.is_empty() {
            let fold = if ignore_case { Fold::Ascii } else { Fold::None };
            others.push(leaf(Predicate::Text(TextMatch::new(own_fold(field, fold), texts))));
        }
        if !blocks.is_empty() {
            others.push(leaf(Predicate::Within(blocks)));
        }
        Some(Condition::any(others))
    }

    /// `field < constant` and its like.
    pub(super) fn field_range(
        &mut self,
        field: &FieldRef,
        operator: ComparisonOperator,
        constant: &Scalar<'static>,
        span: Span,
        field_span: Span,
    ) -> Option<Condition> {
        if field.field_type.family() == TypeFamily::Boolean || field.field_type == FieldType::CaselessKeyword
        {
            let message = format!("fields of type {} have no order here", field.field_type);
            return self.fail(
                Diagnostic::error(codes::NO_ORDER, message)
                    .at(field_span, "only `==` and `!=` compare this field"),
            );
        }
        let (low, high) = match self.operand(field, constant, span)? {
            Operand::Value(value) => (value.clone(), value),
            Operand::Dates(dates) => (Constant::Instant(dates.start), Constant::Instant(dates.end)),
            Operand::Block(_) => {
                return self.fail(
                    Diagnostic::error(codes::VALUE_DOES_NOT_FIT, "a block of addresses has no order")
                        .at(span, "must be a single address"),
                );
            }
        };
        let (low, high) = match operator {
            ComparisonOperator::Equal => (Bound::Included(low), Bound::Included(high)),
            ComparisonOperator::Less => (Bound::Unbounded, Bound::Excluded(low)),
            ComparisonOperator::LessOrEqual => (Bound::Unbounded, Bound::Included(high)),
            ComparisonOperator::Greater => (Bound::Excluded(high), Bound::Unbounded),
            ComparisonOperator::GreaterOrEqual => (Bound::Included(low), Bound::Unbounded),
        };
        Some(Condition::leaf(FieldLeaf::new(field.clone(), Predicate::Range { low, high })))
    }

    /// The constant as the field's type takes it; `None`, reported, if it does not fit.
    fn operand(&mut self, field: &FieldRef, constant: &Scalar<'static>, span: Span) -> Option<Operand> {
        let text = constant.as_text();
        let found = match field.field_type.family() {
            TypeFamily::Text | TypeFamily::AnalysedText => {
                constant.to_text().map(|text| Operand::Value(Constant::Text((&*text).into())))
            }
            TypeFamily::Version => {
                constant.to_text().map(|text| Operand::Value(Constant::Version(Version::new(&text))))
            }
            TypeFamily::Dynamic => dynamic(constant).map(Operand::Value),
            TypeFamily::Number => number(constant).map(Operand::Value),
            TypeFamily::Boolean => {
                let value = constant.as_boolean().or_else(|| text?.parse().ok());
                value.map(|value| Operand::Value(Constant::Boolean(value)))
            }
            TypeFamily::Ip => text.and_then(|text| {
                if text.contains('/') {
                    block_of(text).map(Operand::Block)
                } else {
                    parse_ip(text).map(|address| Operand::Value(Constant::Ip(address)))
                }
            }),
            TypeFamily::Date => match text {
                Some(text) => match date_math::interval(text, self.options.now) {
                    Ok(dates) => Some(Operand::Dates(whole_millisecond(dates))),
                    Err(DateError::NotADate) => None,
                    Err(DateError::NeedsNow) => {
                        let message = format!("`{text}` needs a time to count from");
                        return self.fail(
                            Diagnostic::error(codes::VALUE_DOES_NOT_FIT, message)
                                .at(span, "no time is given"),
                        );
                    }
                },
                None => constant.as_integer().and_then(|millis| i64::try_from(millis).ok()).map(|millis| {
                    Operand::Dates(whole_millisecond(DateInterval::instant(Timestamp::from_millis(millis))))
                }),
            },
            TypeFamily::Other => None,
        };
        if found.is_none() {
            let wanted = match field.field_type.family() {
                TypeFamily::Number => "a number",
                TypeFamily::Boolean => "`true` or `false`",
                TypeFamily::Ip => "an address or a block of addresses",
                TypeFamily::Date => "a date",
                _ => "a value of this field",
            };
            let shown = constant.to_text().unwrap_or_default().into_owned();
            self.does_not_fit(&shown, wanted, span);
        }
        found
    }

    pub(super) fn never_holds(&mut self, field: &FieldRef, field_span: Span, span: Span, why: &str) {
        let message = format!("no value of `{}` can satisfy this", field.name);
        self.report(
            Diagnostic::warning(codes::NEVER_HOLDS, message).at(span, "never the value").at(field_span, why),
        );
    }
}

/// The folding of a leaf on this field: an index that folds to lower case leaves no other.
pub(super) fn own_fold(field: &FieldRef, asked: Fold) -> Fold {
    if field.field_type == FieldType::CaselessKeyword { Fold::Lowercase } else { asked }
}

/// What is given to the millisecond covers that whole millisecond of a field in nanoseconds.
fn whole_millisecond(dates: DateInterval) -> DateInterval {
    if dates.start == dates.end && dates.start == dates.start.to_millisecond() {
        DateInterval { start: dates.start, end: dates.end.plus_nanos(MILLI - 1) }
    } else {
        dates
    }
}

fn is_integer(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::Long | FieldType::UnsignedLong)
}

fn is_fraction(constant: &Constant) -> bool {
    matches!(constant, Constant::Double(number) if number.fract() != 0.0)
}

/// A number, or a text that is one.
fn number(constant: &Scalar<'_>) -> Option<Constant> {
    let Some(text) = constant.as_text() else {
        return match (constant.as_integer(), constant) {
            (Some(integer), _) => Some(Constant::Integer(integer)),
            (None, Scalar::Double(number)) if !number.is_nan() => Some(Constant::Double(*number)),
            (None, _) => None,
        };
    };
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let double = || text.parse().ok().filter(|number: &f64| number.is_finite()).map(Constant::Double);
    text.parse().ok().map(Constant::Integer).or_else(double)
}

/// What a field without a known type is compared with: a text as text, a number by value.
fn dynamic(constant: &Scalar<'_>) -> Option<Constant> {
    match constant {
        Scalar::Text(text) => Some(Constant::Text((&**text).into())),
        Scalar::Boolean(value) => Some(Constant::Boolean(*value)),
        other => number(other),
    }
}
