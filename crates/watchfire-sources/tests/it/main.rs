//! Integration tests of the inputs: one binary, a module per topic.

mod columns;
mod decode;
mod geo;
mod knowledge;
mod normalise;
