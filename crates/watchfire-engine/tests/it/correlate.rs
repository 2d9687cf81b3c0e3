//! Sequences and samples: pictures of our own, random streams against the definition, and
//! streams that are interrupted.

mod bounds;
mod case;
mod cases;
mod counting;
mod definition;
mod ordered_bytes;
mod properties;
mod snapshots;
mod streams;
