//! Detection rules: their model, the formats they come in, and what can be said about them without running them.

pub mod testing;
