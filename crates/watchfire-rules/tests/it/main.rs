//! Tests of the rule formats as their callers see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod damaged;
mod export;
mod guide;
mod lint;
mod load;
mod page;
mod reading;
mod rule_tests;
