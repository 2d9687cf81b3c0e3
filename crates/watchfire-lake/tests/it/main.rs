//! The lake as its users see it.

mod crash;
mod damage;
mod esql;
mod ingest;
mod maintenance;
mod queries;
mod round_trip;
mod support;
