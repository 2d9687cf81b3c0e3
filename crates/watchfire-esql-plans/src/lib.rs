//! ES|QL queries as logical plans of DataFusion.
//!
//! ```text
//!  Plan (names and types settled) ──logical_plan──► Filter · Projection · Unnest · Aggregate · Join · Sort · Limit ──► rows
//!                                    │                 functions that evaluate expressions, aggregates that merge
//!                                    └─ input: a column for each slot that the plan reads, and one for the order of rows
//! ```
//!
//! What DataFusion brings: several threads, sorts and groups that go to disk, and columns that nobody asks for are not read.
//! What an expression *means* is not said here: the functions of a plan call the evaluator of `watchfire-pipeline`, so that a
//! query gives the same rows as with its [`Run`](watchfire_pipeline::Run), in the same order, with the same warnings.
//!
//! A column of a plan is a list of values, null for nothing, and never empty (esql-semantics §13). Keys of groups and orders are
//! single values. A query is planned so:
//!
//! | step | nodes |
//! |---|---|
//! | conditions one behind the other | `Filter` |
//! | computed columns, `DISSECT`, `GROK` | `Projection`, one for each |
//! | `MV_EXPAND` | `Unnest` of the values, with their places |
//! | `STATS` | `Projection` of arguments and keys, `Unnest` of the keys, `Aggregate` |
//! | `INLINE STATS` | the rows joined with their `Aggregate`; nulls are equal |
//! | `SORT` | nothing: it only says what comes first |
//! | `LIMIT`, and the end | `Sort` by what comes first, then as rows came; `Limit` |

mod aggregate;
mod columns;
mod functions;
pub mod memory;
mod session;
mod translate;

use std::sync::{Arc, Mutex, PoisonError};

use watchfire_pipeline::{Evaluator, Warnings};

pub use crate::columns::{CellsBuilder, ColumnType, cell_at, list_of, rows};
pub use crate::session::session;
pub use crate::translate::{
    MAX_INLINE_STATS, ORDER, PlanError, can_plan, logical_plan, needs_order, slot_column,
};

/// What a query is evaluated with, and what is found out on the way.
#[derive(Clone, Debug)]
pub struct Evaluation {
    now: i64,
    /// Nobody is told of what is evaluated a second time.
    told: Option<Arc<Mutex<Warnings>>>,
}

impl Evaluation {
    /// `now` is what `NOW()` gives, in milliseconds since 1970.
    pub fn new(now: i64) -> Self {
        Self { now, told: Some(Arc::default()) }
    }

    /// The same, but nobody is told.
    fn unheard(&self) -> Self {
        Self { told: None, ..self.clone() }
    }

    /// What could not be computed so far. Where a query has a `LIMIT`, more rows may have been looked at than it needs.
    pub fn warnings(&self) -> Warnings {
        let told = self.told.as_ref();
        told.map(|told| told.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    fn evaluator(&self) -> Evaluator {
        Evaluator::new(self.now)
    }

    fn tell(&self, evaluator: Evaluator) {
        let warnings = evaluator.into_warnings();
        if let Some(told) = &self.told
            && !warnings.is_empty()
        {
            told.lock().unwrap_or_else(PoisonError::into_inner).merge(warnings);
        }
    }
}
