//! Integration tests of the inputs: one binary, a module per topic.

mod decode;
mod fixture_comparison;
mod normalise;
mod shared_data;
