//! The event lake: events of each data stream in a table that any tool can read, behind a spool that loses nothing.
//!
//! ```text
//! Lake (one writer)                                          LakeReader (any number of processes)
//!   append ─► spool (flushed) ─► commit ─► Delta tables ─►     scan ─► EventBatch ─► matcher
//!   compact · expire · vacuum · repair                         query (SQL, conditions and rules in it) · esql · export · check
//! ```
//!
//! - **An event that was acknowledged is durable** ([`Lake::append`]), and is in its table once: each commit says up to
//!   which number of the spool it has the events.
//! - **A field has one shape for ever** ([`Shape`]): what does not fit lies in a side column, is counted, and is read back
//!   with the rest.
//! - **What is passed over could not have held what was asked for** ([`Scan`]).
//! - Time comes from a [`LakeClock`]; nothing here reads the environment, prints, or runs by itself.
//!
//! The tables are written without the library's own writer and optimiser, because these keep no order of rows:
//! `docs/lake.md` has what was measured. This crate must not know rule files, the text of queries or sources.

mod cells;
mod check;
mod clock;
mod columnise;
mod compact;
mod data_file;
mod error;
mod esql;
mod export;
mod id_index;
mod lake;
mod layout;
mod operators;
mod query;
mod reader;
mod repair;
mod runtime;
mod scan;
mod shape;
mod spool;
mod stored;
mod table;

pub use check::{CheckDepth, CheckReport, Problem, TableCheck};
pub use clock::{LakeClock, SetClock};
pub use compact::{CompactionOptions, CompactionReport};
pub use error::LakeError;
pub use esql::{EsqlNotes, EsqlQuery};
pub use id_index::IdIndexOptions;
pub use lake::{
    Appended, CommitReport, ExpiryReport, INGESTED_BY_CLIENT, Lake, LakeOptions, LakeState, OpenReport,
    RepairReport, VacuumReport,
};
pub use operators::{HitRule, HitRules, QueryConditions, RULE_HITS, ReadCondition};
pub use query::{QueryOptions, QueryResult};
pub use reader::{LakeReader, TableStatistics};
pub use scan::{Considered, LookUp, Needed, Scan, ScanCounts, ScanFiles, Selection, TimeField, Window};
pub use shape::{
    ARRIVAL_DATE, DIVERTED, ID, INDEX, INGESTED, LOOK_UP_FIELDS, LakeSchema, SEQUENCE, SOURCE, Shape,
    TIMESTAMP, ValueKind,
};
pub use spool::{Damage, DamageKind, Spool, SpoolOptions, SpoolRecovery};
