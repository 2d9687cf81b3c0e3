//! What is held, by age: the queue from which the oldest leaves, because its time is over or because room is needed.
//!
//! Each thing stored has a stamp, in rising order, and an entry under it. When the thing goes before its turn, its entry
//! is marked; marked entries leave when they come to the front, or are swept out when they are the larger part. So the
//! entry in front always stands for something that is there, and nothing has to be looked up to know.
//!
//! *Rejected:* a linked list through the machines, which is exact too and makes every move touch its neighbours.

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
    /// In order of their stamps, the first one of a thing that is there; `None` instead of what is gone.
    entries: VecDeque<(Stamp, Option<Aged>)>,
    /// How many of them are of things that are gone.
    gone: usize,
    /// The stamp that is given next.
    next: u64,
}

impl AgeQueue {
    /// With fewer marked entries, the queue is not swept.
    const SWEEP_FROM: usize = 1024;

    /// A queue of these entries, which are in order of their stamps; `next` is beyond all of them.
    pub(super) fn with_entries(entries: Vec<Aged>, next: u64) -> Self {
        let entries = entries.into_iter().map(|aged| (aged.stamp, Some(aged))).collect();
        Self { entries, gone: 0, next }
    }

    /// The stamp that is given next.
    pub(super) fn next_stamp(&self) -> u64 {
        self.next
    }

    /// Enters something just stored, and returns the stamp to store with it.
    pub(super) fn enter(&mut self, keys: &KeyTuple, useful_until: Option<Timestamp>) -> Stamp {
        let stamp = Stamp(self.next);
        self.next += 1;
        self.entries.push_back((stamp, Some(Aged { stamp, keys: KeyTuple::clone(keys), useful_until })));
        stamp
    }

    /// Says that what was stored under this stamp is gone.
    pub(super) fn remove(&mut self, stamp: Stamp) {
        let Some((_, entry)) = self.position(stamp).and_then(|at| self.entries.get_mut(at)) else { return };
        self.gone += usize::from(entry.take().is_some());
        self.trim();
        if self.gone > Self::SWEEP_FROM.max(self.entries.len() / 2) {
            self.entries.retain(|(_, entry)| entry.is_some());
            self.gone = 0;
        }
    }

    /// Takes out the oldest entry.
    pub(super) fn pop(&mut self) -> Option<Aged> {
        let (_, oldest) = self.entries.pop_front()?;
        self.trim();
        oldest
    }

    /// Takes out the oldest entry if its time is over at `now`.
    ///
    /// A later entry may be over before an earlier one. It is then found when the earlier one is; both are within
    /// `maxspan` of the time they were stored, so what is kept in vain is bounded by what one `maxspan` brings.
    pub(super) fn pop_useless(&mut self, now: Timestamp) -> Option<Aged> {
        let (_, oldest) = self.entries.front()?;
        let over = oldest.as_ref()?.useful_until.is_some_and(|until| until < now);
        if over { self.pop() } else { None }
    }

    /// Drops marked entries from the front.
    fn trim(&mut self) {
        while self.entries.pop_front_if(|(_, entry)| entry.is_none()).is_some() {
            self.gone -= 1;
        }
    }

    /// Where the entry of a stamp is: so far behind the front as their stamps are apart, unless the queue was swept
    /// between them, and then nearer.
    fn position(&self, stamp: Stamp) -> Option<usize> {
        let (Stamp(front), _) = *self.entries.front()?;
        let apart = stamp.0.checked_sub(front)? as usize;
        match self.entries.get(apart) {
            Some((found, _)) if *found == stamp => Some(apart),
            _ => self.entries.binary_search_by_key(&stamp, |(found, _)| *found).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_there_whatever_goes_before_its_turn() {
        let keys = KeyTuple::from([]);
        let mut queue = AgeQueue::default();
        let stamps: Vec<Stamp> = (0..10_000).map(|_| queue.enter(&keys, None)).collect();
        // Three of four go, which sweeps the queue more than once; the stamps left are found all the same.
        for stamp in stamps.iter().filter(|stamp| stamp.0 % 4 != 3) {
            queue.remove(*stamp);
        }
        assert!(queue.entries.len() < 5_000, "{}", queue.entries.len());
        queue.remove(Stamp(3));
        queue.remove(Stamp(11));
        queue.remove(Stamp(11));
        let left: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|aged| aged.stamp.0).collect();
        let expected: Vec<u64> = (0..10_000).filter(|at| at % 4 == 3 && ![3, 11].contains(at)).collect();
        assert_eq!(left, expected);
        assert_eq!((queue.entries.len(), queue.gone), (0, 0));
    }
}
