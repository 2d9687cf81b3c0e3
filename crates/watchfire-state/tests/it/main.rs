//! The public interface of the crate, over databases as they are: SQLite always, PostgreSQL where
//! `WATCHFIRE_TEST_POSTGRES` has the address of a server.

mod any_grid;
mod changes;
mod databases;
mod founding_rule;
mod looks;
mod scenarios;
mod simulation;
mod state;
mod support;
