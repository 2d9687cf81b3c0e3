//! Tests of the command as its users see it: one binary, a module per topic.

mod cases;
mod scan;
