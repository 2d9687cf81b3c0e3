//! Integration tests of the inputs: one binary, a module per topic.

mod decode;
mod normalise;
