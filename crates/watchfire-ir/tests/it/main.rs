//! Tests of the resolution of queries as its callers see it.

mod eql;
mod eql_corpus;
mod kql;
mod shared;
