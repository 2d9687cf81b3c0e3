//! What conditions mean: the one intermediate representation of every query language, the schema catalogue, and the
//! resolution of syntax trees into it.
//!
//! ```text
//!  watchfire-eql tree ─┐
//!  watchfire-kql tree ─┼─ lower (names and types from a Schema) ──► Condition ──► engine
//!  Kibana filters ─────┘                                              │
//!                                     and / or / not over leaves; stable text dump
//! ```
//!
//! A [`Condition`] is plain set algebra over [`Leaf`]s, and a leaf is true or false of an event (design "One condition
//! IR"). Whatever a leaf means is said here, by [`Predicate::holds`]; how to evaluate many of them at once is the
//! engine's business. This crate must not know batches of events, rule files, or sources.

mod catalogue;
pub mod codes;
mod condition;
mod contradiction;
mod cost;
mod date_math;
mod eql;
mod exception_entry;
mod expression;
mod field_query;
mod filters;
mod implication;
mod kql;
mod leaf;
mod listed;
mod mapped_catalogue;
mod mapping;
mod pattern;
mod predicate;
mod regex;
mod schema;
mod tokens;

pub use catalogue::Catalogue;
pub use condition::{Condition, Node};
pub use contradiction::{Contradiction, MAX_CONTRADICTIONS, contradictions};
pub use cost::{Costly, costly};
pub use date_math::date_range;
pub use eql::{
    EqlOptions, EqlPlan, EventPlan, JoinKey, LoweredEql, MAX_EQL_DIAGNOSTICS, Pipe, SamplePlan, SequencePlan,
    StagePlan, UnmappedReading, lower_eql, lower_eql_expression,
};
pub use exception_entry::{EntryQuestion, ListForms, is_analysed, lower_entry, lower_nested_entry};
pub use expression::{
    ArithmeticOperator, ComparisonOperator, ComputedLeaf, EvaluationError, Expr, ExprError, ExprType,
    ExprView, Function, MAX_COMBINATIONS, Scalar, java_double,
};
pub use filters::{MAX_FILTER_DEPTH, lower_filter, lower_filters};
pub use implication::{MAX_REDUNDANCIES, Redundancy, implies, redundancies};
pub use kql::codes::CODES as KQL_CODES;
pub use kql::{KqlOptions, LoweredKql, MAX_EXPANDED_FIELDS, MAX_KQL_DIAGNOSTICS, lower_kql, lower_lucene};
pub use leaf::{AnyFieldLeaf, FieldLeaf, FieldTarget, Leaf, NestedLeaf};
pub use listed::ListedValues;
pub use mapped_catalogue::MappedCatalogue;
pub use mapping::{Mapping, MappingError};
pub use pattern::{Fold, Pattern, PatternPart};
pub use predicate::{Bound, Constant, Predicate, TextMatch};
pub use regex::{
    MAX_AUTOMATON_BYTES, MAX_REGEX_BYTES, MAX_REGEX_NESTING, MAX_REGEX_REPEAT, Regex, RegexError,
};
pub use schema::{ExactText, FieldRef, Resolution, Schema};
pub use tokens::{MAX_TOKEN_LENGTH, TokenMatch, ascii_word, tokenize};
