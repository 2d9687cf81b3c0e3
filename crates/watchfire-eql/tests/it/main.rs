//! The tests of this crate from outside.
//!
//! ```text
//!  tests/cases/valid/*.eql     one valid query each ──► snapshot of its printed form and its tree
//!  tests/cases/invalid/*.eql   one query each, named for the code it shows ──► snapshot of all diagnostics and edits
//!  tests/cases/recovery/*.eql  queries with several mistakes ──► the same, and each mistake is found once
//! ```
//!
//! Every query of every kind, random ones included, is also held to [`invariants`].

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod cases;
mod dump;
mod edits;
mod invariants;
mod limits;
mod properties;
mod random_trees;
mod rule_corpus;
mod upstream_queries;
