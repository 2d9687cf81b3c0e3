//! Sequences and samples: pictures of our own, Elasticsearch's pictures, and random streams against the definition.

mod bounds;
mod case;
mod cases;
mod definition;
mod ordered_bytes;
mod pictures;
mod properties;
