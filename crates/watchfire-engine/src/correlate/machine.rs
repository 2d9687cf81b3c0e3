//! What is held for one key tuple: a slot per position, and what waits for missing events.

use watchfire_events::Timestamp;

use super::age::Stamp;
use super::hit::Ordinal;

/// A sequence that has begun.
#[derive(Clone, Debug)]
pub(super) struct Partial<T> {
    /// The events so far, in order.
    pub(super) events: Vec<T>,
    /// The time of the first event.
    pub(super) first: Timestamp,
    /// The ordinal of the last event.
    pub(super) last: Ordinal,
    /// The latest leading event before the first, in milliseconds.
    pub(super) lead: Option<i64>,
    /// The earliest event of a missing clause behind the last event, in milliseconds: the next one must not lie behind.
    pub(super) barrier: Option<i64>,
    /// Whether an event lay where a missing clause says there is none. It is kept all the same, and dropped when
    /// complete: what it pushed aside does not come back.
    pub(super) spoiled: bool,
}

/// A complete sequence that waits until no trailing event can spoil it.
#[derive(Clone, Debug)]
pub(super) struct Candidate<T> {
    pub(super) stamp: Stamp,
    pub(super) events: Vec<T>,
    pub(super) last: Ordinal,
    /// The last millisecond in which a trailing event spoils it.
    pub(super) deadline: i64,
}

/// The two latest milliseconds that had a leading event. A first event in the latest one looks at the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    pub(super) stamp: Stamp,
    pub(super) latest: i64,
    pub(super) before: Option<i64>,
}

impl Lead {
    pub(super) fn new(stamp: Stamp, at: i64) -> Self {
        Self { stamp, latest: at, before: None }
    }

    /// The same with a later event.
    pub(super) fn followed_by(self, stamp: Stamp, at: i64) -> Self {
        let before = if at == self.latest { self.before } else { Some(self.latest) };
        Self { stamp, latest: at, before }
    }

    /// The latest strictly before this millisecond.
    pub(super) fn before(self, at: i64) -> Option<i64> {
        if self.latest < at { Some(self.latest) } else { self.before }
    }
}

/// The state of one key tuple.
#[derive(Debug)]
pub(super) struct Machine<T> {
    /// The partial that has filled a position last, by position. At most one each; few, so a list.
    pub(super) slots: Vec<(u16, Stamp, Partial<T>)>,
    pub(super) candidates: Vec<Candidate<T>>,
    pub(super) lead: Option<Lead>,
}

impl<T> Default for Machine<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), candidates: Vec::new(), lead: None }
    }
}

impl<T> Machine<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.candidates.is_empty() && self.lead.is_none()
    }

    /// Number of events held, a lead being one.
    pub(super) fn held(&self) -> usize {
        self.slots.iter().map(|(_, _, partial)| partial.events.len()).sum::<usize>()
            + self.candidates.iter().map(|candidate| candidate.events.len()).sum::<usize>()
            + usize::from(self.lead.is_some())
    }

    pub(super) fn slot_mut(&mut self, position: u16) -> Option<&mut Partial<T>> {
        self.slots.iter_mut().find(|(at, _, _)| *at == position).map(|(_, _, partial)| partial)
    }

    /// Takes the partial out of a slot, with its stamp.
    pub(super) fn take_slot(&mut self, position: u16) -> Option<(Stamp, Partial<T>)> {
        let at = self.slots.iter().position(|(of, _, _)| *of == position)?;
        let (_, stamp, partial) = self.slots.swap_remove(at);
        Some((stamp, partial))
    }

    /// Puts a partial into a slot, and takes out the one that was there.
    pub(super) fn put(
        &mut self,
        position: u16,
        stamp: Stamp,
        partial: Partial<T>,
    ) -> Option<(Stamp, Partial<T>)> {
        if let Some((_, old_stamp, old)) = self.slots.iter_mut().find(|(of, _, _)| *of == position) {
            return Some((std::mem::replace(old_stamp, stamp), std::mem::replace(old, partial)));
        }
        if self.slots.is_empty() {
            // Most machines never have a second one, and there may be very many.
            self.slots.reserve_exact(1);
        }
        self.slots.push((position, stamp, partial));
        None
    }

    /// Takes out the partial stored under a stamp.
    pub(super) fn take_partial(&mut self, stamp: Stamp) -> Option<Partial<T>> {
        let at = self.slots.iter().position(|(_, of, _)| *of == stamp)?;
        Some(self.slots.swap_remove(at).2)
    }

    /// Takes out the candidate stored under a stamp.
    pub(super) fn take_candidate(&mut self, stamp: Stamp) -> Option<Candidate<T>> {
        let at = self.candidates.iter().position(|candidate| candidate.stamp == stamp)?;
        Some(self.candidates.remove(at))
    }

    /// Empties all slots.
    pub(super) fn take_slots(&mut self) -> impl Iterator<Item = (Stamp, Partial<T>)> + '_ {
        self.slots.drain(..).map(|(_, stamp, partial)| (stamp, partial))
    }
}
