//! Events between their arrival and the look at them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_events::WrittenEvent;
use watchfire_state::Arrived;

/// Most events that wait for a look; executions find what is beyond.
const MOST_WAITING: usize = 32_768;

/// Events that are durable and have not been looked at.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    waiting: Mutex<Arrived>,
    there: Condvar,
}

impl Arrivals {
    /// Adds events. Those that there is no room for are counted instead.
    pub(super) fn add(&self, events: Vec<WrittenEvent>) {
        let mut waiting = self.waiting();
        for event in events {
            if waiting.events.len() < MOST_WAITING {
                waiting.events.push(event);
            } else {
                waiting.left_out += 1;
            }
        }
        drop(waiting);
        self.there.notify_one();
    }

    /// Takes what is there, waiting for so long if that is nothing.
    pub(super) fn take(&self, patience: Duration) -> Arrived {
        let is_empty = |arrived: &mut Arrived| arrived.events.is_empty() && arrived.left_out == 0;
        let waited = self.there.wait_timeout_while(self.waiting(), patience, is_empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }

    fn waiting(&self) -> MutexGuard<'_, Arrived> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
