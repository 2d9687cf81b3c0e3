//! What is held, by age: the queue from which the oldest leaves, because its time is over or because room is needed.
//!
//! Partial matches are moved and overwritten all the time. The queue does not follow that: an entry names what it stands
//! for by a stamp, and whoever takes an entry out looks whether the stamp is still there. Entries of things gone are
//! skipped when they come to the front, so that they make no difference, and swept out when they are the larger part.
//!
//! *Rejected:* a linked list through the machines, which is exact and makes every move touch its neighbours.

use std::collections::VecDeque;

use watchfire_events::Timestamp;

use super::key::KeyTuple;

/// Names one stored thing for ever; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp(pub(super) u64);

/// A stored thing: in the machine of these keys, under this stamp.
#[derive(Clone, Debug)]
pub(super) struct Aged {
    pub(super) stamp: Stamp,
    pub(super) keys: KeyTuple,
    /// From behind this instant on it can make no difference any more; `None` for never.
    pub(super) useful_until: Option<Timestamp>,
}

/// What is held, oldest first.
#[derive(Debug, Default)]
pub(super) struct AgeQueue {
    /// In order of their stamps.
    entries: VecDeque<Aged>,
    next: u64,
    /// Whether what the front entry stands for is known to be there.
    front_is_live: bool,
}

impl AgeQueue {
    /// Below this length the queue is not swept.
    const SWEEP_FROM: usize = 1024;

    /// Enters something just stored, and returns the stamp to store with it.
    pub(super) fn enter(&mut self, keys: &KeyTuple, useful_until: Option<Timestamp>) -> Stamp {
        let stamp = Stamp(self.next);
        self.next += 1;
        self.entries.push_back(Aged { stamp, keys: KeyTuple::clone(keys), useful_until });
        stamp
    }

    /// A queue of these entries, which are in order of their stamps; `next` is beyond all of them.
    pub(super) fn with_entries(entries: VecDeque<Aged>, next: u64) -> Self {
        Self { entries, next, front_is_live: false }
    }

    /// The stamp that is given next.
    pub(super) fn next_stamp(&self) -> u64 {
        self.next
    }

    /// Says that what was stored under this stamp is gone.
    pub(super) fn gone(&mut self, stamp: Stamp) {
        if self.entries.front().is_some_and(|front| front.stamp == stamp) {
            self.front_is_live = false;
        }
    }

    /// Takes out the oldest entry.
    pub(super) fn pop(&mut self) -> Option<Aged> {
        self.front_is_live = false;
        self.entries.pop_front()
    }

    /// Takes out the oldest entry of which something is left, if its time is over at `now`.
    ///
    /// A later entry may be over before an earlier one. It is then found when the earlier one is; both are within
    /// `maxspan` of the time they were stored, so what is kept in vain is bounded by what one `maxspan` brings.
    pub(super) fn pop_useless(&mut self, now: Timestamp, is_live: impl Fn(&Aged) -> bool) -> Option<Aged> {
        while !self.front_is_live {
            self.front_is_live = is_live(self.entries.front()?);
            if !self.front_is_live {
                self.entries.pop_front();
            }
        }
        let over = self.entries.front()?.useful_until.is_some_and(|until| until < now);
        if over { self.pop() } else { None }
    }

    /// Drops entries of which nothing is left, if they outnumber the `live` ones.
    pub(super) fn sweep(&mut self, live: usize, is_live: impl Fn(&Aged) -> bool) {
        if self.entries.len() > Self::SWEEP_FROM.max(2 * live) {
            self.front_is_live = false;
            self.entries.retain(is_live);
        }
    }
}
