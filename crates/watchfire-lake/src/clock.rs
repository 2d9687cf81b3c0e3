//! Time comes from outside.

use std::fmt::Debug;
use std::sync::Mutex;

use watchfire_events::Timestamp;

/// What tells the time that events are stamped with.
pub trait LakeClock: Debug + Send + Sync {
    /// The present instant. It may jump; stamps do not go back with it.
    fn now(&self) -> Timestamp;
}

/// A clock that stands until it is set.
#[derive(Debug)]
pub struct SetClock(Mutex<Timestamp>);

impl SetClock {
    /// A clock that shows this instant.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}

impl LakeClock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
