//! Tests of the engine as its callers see it.

mod agreement;
mod coverage;
