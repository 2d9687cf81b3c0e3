//! The vocabulary of data: events, field types, values, time, identity, and the columnar [`EventBatch`].
//!
//! ```text
//! watchfire-sources ─┬► Event { id, data stream, document } ─┬► BatchBuilder ──► EventBatch (Arrow) ──► engine
//!                    └► fields, and how to make the event ───┘  field types: FieldTypes (the schema catalogue)
//! ```
//!
//! This crate must not know any source, rule or query language. It has no dependency inside the workspace.

mod batch;
mod data_stream;
mod document;
mod event;
mod field_names;
mod field_type;
mod ip;
pub mod tape;
mod time;
mod version;
mod written;

pub use batch::{
    BatchBuilder, Column, DeferredEvents, EventBatch, FieldSelection, FieldTypes, Misfits, RestoreEvent,
    RestoreEventError, RowEvent, Scalar, ValueRef,
};
pub use data_stream::{DataStream, IndexPattern, IndexPatterns};
pub use document::{Document, MAX_FLATTENED_DEPTH, flatten, get_field, nesting_part, set_field};
pub use event::{Event, EventId, Place};
pub use field_names::{FieldName, FieldNames};
pub use field_type::{FieldType, TypeFamily};
pub use ip::{IpBlock, parse_ip};
pub use time::{DateInterval, Timestamp};
pub use version::Version;
pub use written::{NoDocument, TapedEvent, WrittenEvent, WrittenEvents, read_document};
