//! ES|QL over events: a query settled against a schema, what it asks of single events before anything else, and its run over
//! documents.
//!
//! ```text
//!  Query ──EsqlProgram::new──► condition: what each event must satisfy ──► the matcher, with all other rules
//!                          └─► Plan ──EsqlRun: documents of the events that did──► rows
//! ```

mod columns;
mod condition;
mod program;

pub use crate::columns::{DataColumns, SeenFields};
pub use crate::program::{EsqlProgram, EsqlRun, SlotSource, VERSION, document_text};

/// Whether a column of a source is none of its fields (`_id`, `_index` and their like).
pub fn is_metadata(name: &str) -> bool {
    watchfire_pipeline::METADATA.iter().any(|(metadata, _)| *metadata == name)
}
