//! Rules on schedule: which executions are owed, what they find, and what is kept of it in a database.
//!
//! ```text
//!                       Clock
//!                         │
//! StateDatabase ─ rules ─ Scheduler ─ owed slots ─► pass ─ finds ─► settle ─► one transaction ─► StateDatabase
//!   rules · exceptions       ▲                       ▲               ▲                             alerts · history
//!   executions · covered     │                       │               └ what is known of before     executions · covered
//!   alerts                   ├ preview, run_range    └ StoredEvents                                …
//!                            └ look: the slot to come, over events as they arrive
//! ```
//!
//! What a rule means, how hits are joined, suppressed and made alerts is said in `watchfire-detect`, for scans as for this:
//! an execution here and one of `scan --as-scheduled` are the same code ([`watchfire_detect::RuleSchedule`]). This crate adds
//! the memory from one run to the next. It must not know how events are stored, nor HTTP.
//!
//! Invariants:
//!
//! - All that an execution changes is one transaction: its alerts, what it found, marks of buckets, groups under
//!   suppression, the queue of alerts that wait, and that its slot is done. So a crash at any place leaves a slot that is owed
//!   or one that is done.
//! - An alert's id depends on what was found alone, and what was found is known by its id. So running a slot again, by whoever
//!   and in whatever order, neither loses nor doubles an alert.
//! - Of two runs that began from the same state of a rule, the second cannot be settled ([`StateError::Overtaken`]).
//! - Nothing looks at the machine's clock ([`Clock`]).
//!
//! `docs/executions.md` is the page for users.

mod alerts;
mod audit;
mod changes;
mod clock;
mod database;
mod engine;
mod error;
mod exceptions;
mod execution;
mod executions;
mod memory_events;
mod objects;
mod outbox;
mod pass;
mod range_set;
mod rebuild;
mod rules;
mod scheduler;
mod settle;
mod settlements;
mod stored_events;

pub use alerts::{
    ALERTS_STREAM, AlertChange, AlertOrder, AlertQuery, AlertStatus, KeptAlert, Triage, Triaged,
};
pub use audit::{Actor, AuditEntry};
pub use changes::StateChange;
pub use clock::Clock;
pub use database::{Backend, StateDatabase, StateOptions, StatementGate};
pub use error::StateError;
pub use execution::{ExecutionKind, ExecutionMessage, ExecutionRecord, ExecutionStatus};
pub use executions::Covered;
pub use memory_events::MemoryEvents;
pub use outbox::{
    Attempt, ChangedDeliveries, DeadDelivery, Decision, Delivery, DeliveryStatus, FreshAlert, GatheredAlert,
    OutboxCounts,
};
pub use range_set::RangeSet;
pub use rules::{BESIDE_CONTENT, Installed, KeptRule};
pub use scheduler::{
    Arrived, LookReport, Preview, PreviewError, RecentLimits, Scheduler, SchedulerSettings, TickReport,
};
pub use stored_events::{EventQuery, LateQuery, LatestTimes, Reading, StoredEvents};
