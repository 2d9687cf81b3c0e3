//! All rules over a batch of events in one pass.
//!
//! ```text
//! conditions ──► RuleSetBuilder ──► RuleSet (interned leaves, one program per field, index by necessary leaf)
//!                                      │
//!                                   Matcher, one per thread (values seen so far and what they satisfy)
//!                                      │
//! EventBatch ──────────────────────────┴─► Matches: hits (rule, row) in order, evaluation errors
//!                                                     │
//!                                                     └─► correlate: sequences and samples of events
//! ```
//!
//! [`mod@explain`] tells why an event satisfies a condition or does not, by the reference.
//!
//! Two evaluators share nothing but the meaning of a single leaf: [`mod@reference`] walks the condition row by row and is
//! obvious; the [`Matcher`] works on distinct values and sets of rows and is fast. Property
//! tests hold them equal. This crate must not know rule files, query languages or sources.

mod alive_leaves;
pub mod correlate;
mod coverage;
pub mod explain;
mod field_program;
mod leaf_lists;
mod leaf_table;
mod matcher;
mod plan;
mod profile;
mod read_fields;
pub mod reference;
mod rows;
mod rule_set;
mod value_cache;

pub use coverage::{Coverage, impossible_without};
pub use matcher::{Hit, MatchError, Matcher, Matches};
pub use profile::{Clock, FieldCost, MatchProfile, MatchStage, RuleCost};
pub use read_fields::ReadFields;
pub use rule_set::{RuleIndex, RuleSet, RuleSetBuilder};
pub use value_cache::VALUE_CACHE_BYTES;
