//! From raw records to normalised events.
//!
//! [`decode`] reads files of any format into raw records; [`windows`] reads Windows events in every form they are shipped
//! in; [`normalise`] recognises the source of a record, maps its fields to the Elastic Common Schema, and names its data
//! stream.
//!
//! This crate must not know rules, queries or the engine; of the crate of meaning it takes the schema catalogue alone.

pub mod decode;
mod fields;
pub mod indicators;
pub mod normalise;
mod syslog;
pub use watchfire_events::tape;
pub mod windows;
