//! Sequences and samples: pictures of our own, Elasticsearch's pictures, random streams against the definition, and
//! streams that are interrupted.

mod bounds;
mod case;
mod cases;
mod definition;
mod ordered_bytes;
mod pictures;
mod properties;
mod snapshots;
mod streams;
