//! Queries over events as users run them.

mod against_reference;
mod queries;
