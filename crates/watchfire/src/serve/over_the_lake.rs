//! Executions over a real lake: the scheduler, its database and the lake as the server puts them together, with a clock
//! that stands until it is set.

mod bench;
mod made;
mod same_alerts;
mod simulation;
mod stories;
