//! Tests of the EQL parser as its callers see it.

mod corpus;
mod properties;
