//! What a query asks of one field, by the type of the field.
//!
//! KQL, Lucene's query strings and the clauses of Elasticsearch's query DSL differ in how they are written; once a
//! field, an operator and a text are known they mean the same, and what they mean depends on the mapping type of the
//! field alone (kql-semantics §3.1–3.3, §4). Here it is said once. The answer is a [`Condition`], or the [`Misfit`]
//! for which the question can never be answered with yes.

mod scalar;
mod text;

use std::sync::Arc;

use thiserror::Error;
use watchfire_events::{FieldType, Timestamp};

pub(crate) use self::text::{PatternOnText, pieces};
use crate::{Condition, FieldLeaf, FieldRef, FieldTarget, Fold, Pattern, Predicate, Regex, RegexError};

/// How the words of a value count on an analysed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// One of them occurs: `match`.
    Any,
    /// All of them occur, in any order: `match` with the operator `and`.
    All,
    /// They occur as they stand, adjacent and in order: `match_phrase`.
    Phrase,
    /// The value is not analysed, and a token equals it: `term`.
    Term,
}

/// One end of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit<'a> {
    /// The value as written.
    pub(crate) text: &'a str,
    /// Whether the value itself belongs to the range.
    pub(crate) inclusive: bool,
}

/// Why a question can never be answered with yes.
///
/// Most of these make Elasticsearch fail the search; here the leaf is false (kql-semantics §7) and whoever asks says
/// so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Misfit {
    /// A text for a numeric field.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// A fraction for a field of integers.
    #[error("`{0}` is not an integer")]
    NotAnInteger(String),
    /// A text for a boolean field.
    #[error("`{0}` is neither `true` nor `false`")]
    NotABoolean(String),
    /// A text for a field of addresses.
    #[error("`{0}` is not an IP address or CIDR block")]
    NotAnAddress(String),
    /// A text for a field of dates.
    #[error("`{0}` is not a date")]
    NotADate(String),
    /// Date arithmetic on `now` without a time to start from.
    #[error("`{0}` needs a time to count from")]
    NeedsNow(String),
    /// A pattern for a field that holds no text.
    #[error("a field of type `{0}` has no text that a pattern could fit")]
    NoText(FieldType),
    /// A value without any token for an analysed field.
    #[error("`{0}` holds no word to look for")]
    NoWord(String),
    /// The field is an object.
    #[error("the field is an object and has no value of its own")]
    Object,
    /// The field is of a type that no query reads.
    #[error("fields of this type cannot be searched by value")]
    UnreadType,
    /// A regular expression for an analysed field.
    #[error("regular expressions on fields of type `{0}` are not supported")]
    NoRegex(FieldType),
    /// The type has no order that we evaluate.
    #[error("ranges on fields of type `{0}` are not supported")]
    NoOrder(FieldType),
}

impl Misfit {
    /// Whether the rule would find something elsewhere, so that a leaf that is false would be a silent loss.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::NeedsNow(_) | Self::NoOrder(_) | Self::NoRegex(_))
    }
}

/// The field's value is this one.
pub(crate) fn equals(
    field: &FieldRef,
    value: &str,
    words: Words,
    fold: Fold,
    now: Option<Timestamp>,
) -> Result<Condition, Misfit> {
    match field.field_type {
        FieldType::Keyword
        | FieldType::ConstantKeyword
        | FieldType::Wildcard
        | FieldType::CaselessKeyword
        | FieldType::Version
        | FieldType::Flattened => Ok(text::whole(field, [Pattern::literal(value)], fold)),
        FieldType::Text | FieldType::MatchOnlyText => text::words(field, value, words),
        FieldType::Long | FieldType::UnsignedLong | FieldType::Double => scalar::number(field, value),
        FieldType::Boolean => scalar::boolean(field, value),
        FieldType::Ip => scalar::address(field, value),
        FieldType::Date | FieldType::DateNanos => scalar::date(field, value, now),
        FieldType::Object | FieldType::Nested => Err(Misfit::Object),
        FieldType::Unsupported => Err(Misfit::UnreadType),
        FieldType::Dynamic => Ok(text::dynamic(field, value, fold)),
    }
}

/// The field's value fits this pattern; on an analysed field, what `analysed` makes of the pattern.
pub(crate) fn fits(
    field: &FieldRef,
    pattern: &Pattern,
    fold: Fold,
    analysed: PatternOnText,
) -> Result<Condition, Misfit> {
    match field.field_type {
        FieldType::Keyword
        | FieldType::ConstantKeyword
        | FieldType::Wildcard
        | FieldType::CaselessKeyword
        | FieldType::Version
        | FieldType::Flattened
        | FieldType::Dynamic => Ok(text::whole(field, [pattern.clone()], fold)),
        FieldType::Text | FieldType::MatchOnlyText => text::pattern(field, pattern, analysed),
        FieldType::Object | FieldType::Nested => Err(Misfit::Object),
        FieldType::Unsupported => Err(Misfit::UnreadType),
        other => Err(Misfit::NoText(other)),
    }
}

/// The field's whole value fits a regular expression of Lucene's dialect.
pub(crate) fn fits_regex(
    field: &FieldRef,
    source: &str,
    fold: Fold,
) -> Result<Result<Condition, Misfit>, RegexError> {
    let fold = if field.field_type == FieldType::CaselessKeyword { Fold::Ascii } else { fold };
    let regex = Regex::lucene(source, fold)?;
    Ok(match field.field_type {
        FieldType::Keyword
        | FieldType::ConstantKeyword
        | FieldType::Wildcard
        | FieldType::CaselessKeyword
        | FieldType::Version
        | FieldType::Dynamic
        | FieldType::Flattened => Ok(leaf(field, Predicate::Regex(regex))),
        FieldType::Object | FieldType::Nested => Err(Misfit::Object),
        FieldType::Unsupported => Err(Misfit::UnreadType),
        FieldType::Text | FieldType::MatchOnlyText => Err(Misfit::NoRegex(field.field_type)),
        other => Err(Misfit::NoText(other)),
    })
}

/// The field's value lies between two limits.
pub(crate) fn between(
    field: &FieldRef,
    low: Option<Limit<'_>>,
    high: Option<Limit<'_>>,
    now: Option<Timestamp>,
) -> Result<Condition, Misfit> {
    scalar::between(field, low, high, now)
}

/// The field of this name has a value; on an object, any field below it does (kql-semantics §3.3).
pub(crate) fn exists(field: &FieldRef) -> Condition {
    let target = match field.field_type {
        FieldType::Flattened
        | FieldType::Object
        | FieldType::Nested
        | FieldType::Unsupported
        | FieldType::Dynamic => FieldTarget::Below(Arc::clone(&field.name)),
        _ => FieldTarget::Field(field.clone()),
    };
    Condition::leaf(FieldLeaf { target, predicate: Predicate::Exists })
}

fn leaf(field: &FieldRef, predicate: Predicate) -> Condition {
    let target = match field.field_type {
        // Its values are those of the fields below it (kql-semantics §3.1).
        FieldType::Flattened => FieldTarget::Below(Arc::clone(&field.name)),
        _ => FieldTarget::Field(field.clone()),
    };
    Condition::leaf(FieldLeaf { target, predicate })
}
