//! What an ES|QL query means, and what it gives for rows.
//!
//! ```text
//!  Query ──resolve (against the columns of indices)──► Plan ──Run (row by row)──► rows, warnings, row counts
//!            │ all that is wrong, at once                      documents: cells as an index keeps them
//! ```
//!
//! A cell is nothing, one value, or several (`value`). Expressions take single values, and are nothing where there are several
//! (`run`); functions are in one table (`functions`), what is computed over rows in another (`aggregates`). The source of all
//! behaviour is esql-semantics; where it leaves something open, the item that decides says how.

pub mod aggregates;
pub mod bytes;
pub mod codes;
pub mod convert;
mod dissect;
pub mod documents;
pub mod functions;
mod grok;
mod like;
mod matching;
pub mod plan;
mod resolve;
mod run;
mod types;
mod value;

pub use crate::codes::CODES;
pub use crate::dissect::Dissect;
pub use crate::grok::{Grok, GrokFailure};
pub use crate::like::TextPatterns;
pub use crate::plan::Plan;
pub use crate::resolve::{METADATA, Resolved, Source, SourceColumn, TypesByIndex, lists_columns, resolve};
pub use crate::run::{
    Answer, Evaluator, Fate, LateCells, MAX_GROUPS_OF_ROW, Node, NodeId, NodeOf, Reason, Row, RowSource, Run,
    Trace, Warning, Warnings,
};
pub use crate::types::DataType;
pub use crate::value::{Cell, TimeSpan, Value};
