//! Tests of the resolution of queries as its callers see it.

mod eql;
mod eql_corpus;
mod eql_properties;
mod evaluator;
mod kql;
mod kql_corpus;
mod kql_evaluator;
mod kql_properties;
