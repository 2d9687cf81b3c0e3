//! Tests of the language: cases that are files, the rules, the conformance cases, and random texts and trees.

mod bare;
mod cases;
mod corpus;
mod limits;
mod properties;
