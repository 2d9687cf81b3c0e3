//! Events between their arrival and the look at them.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use watchfire_events::WrittenEvent;
use watchfire_state::Arrived;

/// Most events that wait for a look; executions find what is beyond.
const MOST_WAITING: usize = 65_536;

/// Events that are durable and have not been looked at.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    state: Mutex<State>,
    /// Something has come, or has been looked at.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Arrived,
    /// Those who store events at this moment.
    storing: BTreeSet<u64>,
    /// The number of the next one of them.
    next: u64,
    /// How often events were added; of these, how many are on their way to a look, and have been looked at.
    added: u64,
    taken: u64,
    looked: u64,
}

/// Somebody who stores events: until it is dropped, they are waited for.
#[derive(Debug)]
pub(super) struct Storing<'a> {
    arrivals: &'a Arrivals,
    number: u64,
}

impl Arrivals {
    /// To be called before events are stored.
    pub(super) fn storing(&self) -> Storing<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.storing.insert(number);
        Storing { arrivals: self, number }
    }

    /// Takes what is there, waiting for so long if that is nothing.
    pub(super) fn take(&self, patience: Duration) -> Arrived {
        let is_empty = |state: &mut State| state.waiting.events.is_empty() && state.waiting.left_out == 0;
        let waited = self.changed.wait_timeout_while(self.state(), patience, is_empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.taken = state.added;
        std::mem::take(&mut state.waiting)
    }

    /// What was taken has been looked at.
    pub(super) fn done(&self) {
        let mut state = self.state();
        state.looked = state.taken;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until all that is stored, or on its way to be, has been looked at; false if that takes longer than so long.
    pub(super) fn wait_until_looked(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let state = self.state();
        let from = state.next;
        let stored = |state: &State| state.storing.first().is_none_or(|first| *first >= from);
        let Some(state) = self.wait(state, deadline, &stored) else { return false };
        let all = state.added;
        self.wait(state, deadline, &|state| state.looked >= all).is_some()
    }

    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        deadline: Instant,
        is_so: &dyn Fn(&State) -> bool,
    ) -> Option<MutexGuard<'s, State>> {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(state, left, |state| !is_so(state));
        let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
        (!result.timed_out() || is_so(&state)).then_some(state)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storing<'_> {
    /// Adds events. Those that there is no room for are counted instead.
    pub(super) fn add(&self, events: Vec<WrittenEvent>) {
        let mut state = self.arrivals.state();
        state.added += 1;
        let room = MOST_WAITING.saturating_sub(state.waiting.events.len());
        state.waiting.left_out += events.len().saturating_sub(room) as u64;
        state.waiting.events.extend(events.into_iter().take(room));
    }

    /// So many events may have been stored, and are not known: they count as events that there was no room for.
    pub(super) fn lose(&self, events: usize) {
        let mut state = self.arrivals.state();
        state.added += 1;
        state.waiting.left_out += events as u64;
    }
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.arrivals.state().storing.remove(&self.number);
        self.arrivals.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use watchfire_events::{DataStream, EventId, Place};

    use super::*;

    fn event() -> WrittenEvent {
        WrittenEvent {
            id: EventId::given("a"),
            data_stream: DataStream::logs("x", "default"),
            document: "{}".into(),
            place: Place { input: "lake".into(), record: 1, line: None, offset: None },
        }
    }

    #[test]
    fn who_waits_waits_for_what_is_stored_at_that_moment() {
        let arrivals = Arc::new(Arrivals::default());
        assert!(arrivals.wait_until_looked(Duration::ZERO), "nothing is there");
        let storing = arrivals.storing();
        assert!(!arrivals.wait_until_looked(Duration::ZERO), "something is on its way");
        storing.add(vec![event()]);
        drop(storing);
        assert!(!arrivals.wait_until_looked(Duration::ZERO), "it has not been looked at");
        assert_eq!(arrivals.take(Duration::ZERO).events.len(), 1);
        assert!(!arrivals.wait_until_looked(Duration::ZERO), "it is being looked at");
        arrivals.done();
        assert!(arrivals.wait_until_looked(Duration::ZERO));
        arrivals.storing().lose(2);
        let lost = arrivals.take(Duration::ZERO);
        assert_eq!((lost.events.len(), lost.left_out), (0, 2));
        arrivals.done();
        let waiting = Arc::clone(&arrivals);
        arrivals.storing().add(vec![event(); MOST_WAITING + 3]);
        let waits = std::thread::spawn(move || waiting.wait_until_looked(Duration::from_mins(1)));
        let taken = arrivals.take(Duration::ZERO);
        assert_eq!((taken.events.len(), taken.left_out), (MOST_WAITING, 3));
        arrivals.done();
        assert!(waits.join().expect("it does not panic"));
    }
}
