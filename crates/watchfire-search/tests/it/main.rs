//! Searches against what they answer.

mod cases;
mod pruning;
mod stores;
