//! The time that rules are executed by: that up to which all events can be read.

use std::sync::atomic::{AtomicI64, Ordering};

use watchfire_events::Timestamp;
use watchfire_state::Clock;

/// Shows the last instant of which it is known that each event that arrived by then has been committed. An execution of
/// that instant misses none of them; those that come later are stamped with a later time.
#[derive(Debug, Default)]
pub(super) struct SettledClock(AtomicI64);

impl SettledClock {
    /// All that arrived before this instant has been committed.
    pub(super) fn settle_before(&self, instant: Timestamp) {
        self.0.store(instant.millis().saturating_sub(1), Ordering::Release);
    }
}

impl Clock for SettledClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Acquire))
    }
}
