//! What is sent of alerts, from the events on: each file of `tests/cases` has rules, connectors and a course of time, and beside
//! it stands what local receivers got.

mod cases;
mod crashes;
mod receivers;
mod world;
