//! Searches against what they answer.

mod cases;
mod garbage;
mod pruning;
mod stores;
