//! Where the time comes from.

use watchfire_events::Timestamp;

/// Tells the time. Nothing here looks at the machine's own clock, so that a run can be repeated.
pub trait Clock: Send + Sync + 'static {
    /// The time. It may jump in both directions; what has been searched is kept by the time for which it was meant.
    fn now(&self) -> Timestamp;
}
