//! The tests of this crate from outside.
//!
//! ```text
//!  tests/cases/valid/*.kql        one valid query each ──► snapshot of its tree
//!  tests/cases/grammar/*.kql      many short queries each ──► snapshot of trees or errors
//!  tests/cases/diagnostics/*.kql  one query each ──► snapshot of all diagnostics, full and on one line
//!  tests/cases/lucene*/*.kql      the same for Lucene's language
//! ```
//!
//! Every query of every kind is also checked by [`invariants`].

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod cases;
mod dump;
mod invariants;
mod limits;
mod lucene;
mod properties;
mod reference_grammar;
mod rule_corpus;
