//! Guides are answered as the cases say, and those of the public rules can all be asked.

mod cases;
mod corpus;
mod lineage;
