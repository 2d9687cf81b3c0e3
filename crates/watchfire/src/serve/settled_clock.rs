//! The time that rules are executed by: that up to which all events can be read.

use std::sync::atomic::{AtomicI64, Ordering};

use watchfire_events::Timestamp;
use watchfire_lake::{Lake, LakeError};
use watchfire_state::{Clock, StateDatabase, StateError};

/// Shows the last instant of which it is known that each event that arrived by then has been committed. An execution of
/// that instant misses none of them; those that come later are stamped with a later time, even if the machine's clock goes
/// back.
#[derive(Debug, Default)]
pub(super) struct SettledClock(AtomicI64);

impl SettledClock {
    /// Begins at this instant. Events are stamped with it or a later time, and later than the last slot that rules have been
    /// executed for: the machine's clock may have gone back since.
    pub(super) async fn begin(
        &self,
        lake: &Lake,
        database: &StateDatabase,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let covered = database.covered().await?;
        let slots = covered.values().flat_map(|covered| covered.slots.spans());
        let behind = slots.map(|(_, last)| Timestamp::from_millis(last + 1)).max();
        lake.stamp_from(behind.map_or(now, |behind| behind.max(now)));
        self.settle_before(now);
        Ok(())
    }

    /// Commits all that has arrived, at this instant.
    pub(super) fn settle(&self, lake: &Lake, now: Timestamp) -> Result<(), LakeError> {
        // In this order: what arrives during the commit is stamped with this instant or a later one.
        lake.stamp_from(now);
        lake.commit()?;
        self.settle_before(now);
        Ok(())
    }

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
