//! All rules over a batch of events in one pass.
//!
//! ```text
//! conditions ──► RuleSetBuilder ──► RuleSet (interned leaves, one program per field, index by necessary leaf)
//!                                      │
//! EventBatch ──────────────────────────┴─► Matches: hits (rule, row) in order, evaluation errors
//!                                                     │
//!                                                     └─► correlate: sequences and samples of events
//! ```
//!
//! Two evaluators share nothing but the meaning of a single leaf: [`mod@reference`] walks the condition row by row and is
//! obvious; the matcher ([`RuleSet::match_batch`]) works on distinct values and sets of rows and is fast. Property
//! tests hold them equal. This crate must not know rule files, query languages or sources.

pub mod correlate;
mod coverage;
mod field_program;
mod leaf_table;
mod matcher;
mod read_fields;
pub mod reference;
mod rows;
mod rule_set;

pub use coverage::{Coverage, impossible_without};
pub use matcher::{Hit, MatchError, Matches};
pub use read_fields::ReadFields;
pub use rule_set::{RuleIndex, RuleSet, RuleSetBuilder};
