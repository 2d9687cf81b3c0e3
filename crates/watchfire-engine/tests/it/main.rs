//! Tests of the engine as its callers see it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod agreement;
mod correlate;
mod coverage;
mod read_fields;
