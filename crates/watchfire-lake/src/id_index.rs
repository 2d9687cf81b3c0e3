//! Which ids have arrived lately: what tells a client that it sends an event again.
//!
//! Ids are kept as 128-bit hashes, by data stream and hour of arrival, the ids of an hour in parts of a certain size; whole
//! parts are forgotten. The index is no part of what is durable: it is made anew from the tables and the spool when a lake is opened.

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasherDefault;

use rustc_hash::{FxHashMap, FxHasher};
use watchfire_events::{DataStream, EventId, Timestamp};

/// Milliseconds in an hour.
const HOUR: i64 = 3_600_000;

/// How long and how many ids are remembered.
#[derive(Clone, Copy, Debug)]
pub struct IdIndexOptions {
    /// For how many hours after its arrival an id is known.
    pub hours: u32,
    /// How many ids are kept at most. Beyond that the oldest of them are forgotten early, an eighth at a time, which is
    /// counted.
    pub most_ids: usize,
}

impl Default for IdIndexOptions {
    fn default() -> Self {
        // An eighth of these just fits into a hash table of 2^20 places.
        Self { hours: 24, most_ids: 7_000_000 }
    }
}

type Hashes = HashSet<u128, BuildHasherDefault<FxHasher>>;

/// How many parts all ids make, if they come within an hour.
const PARTS: usize = 8;

/// Some ids of an hour.
#[derive(Debug, Default)]
struct Part {
    streams: FxHashMap<DataStream, Hashes>,
    ids: usize,
}

/// The ids of the last hours.
#[derive(Debug)]
pub(crate) struct IdIndex {
    options: IdIndexOptions,
    /// By hour and number within it.
    parts: BTreeMap<(i64, u32), Part>,
    ids: usize,
    forgotten_early: u64,
}

impl IdIndex {
    pub(crate) fn new(options: IdIndexOptions) -> Self {
        Self { options, parts: BTreeMap::new(), ids: 0, forgotten_early: 0 }
    }

    /// The first instant whose arrivals are still known at `now`.
    pub(crate) fn horizon(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis((now.millis().div_euclid(HOUR) - i64::from(self.options.hours)) * HOUR)
    }

    pub(crate) fn contains(&self, stream: &DataStream, id: &EventId) -> bool {
        let hash = hash(id);
        let has = |part: &Part| part.streams.get(stream).is_some_and(|hashes| hashes.contains(&hash));
        self.parts.values().any(has)
    }

    /// Notes an id that arrived at this instant.
    pub(crate) fn insert(&mut self, stream: &DataStream, id: &EventId, arrived: Timestamp) {
        let hour = arrived.millis().div_euclid(HOUR);
        let last = self.parts.range((hour, 0)..=(hour, u32::MAX)).next_back();
        let number = match last {
            Some((&(_, number), part)) if part.ids >= self.options.most_ids.div_ceil(PARTS) => number + 1,
            Some((&(_, number), _)) => number,
            None => 0,
        };
        let part = self.parts.entry((hour, number)).or_default();
        let hashes = match part.streams.get_mut(stream) {
            Some(hashes) => hashes,
            None => part.streams.entry(stream.clone()).or_default(),
        };
        let added = usize::from(hashes.insert(hash(id)));
        part.ids += added;
        self.ids += added;
        while self.ids > self.options.most_ids && self.parts.len() > 1 {
            self.forgotten_early += self.forget_oldest();
        }
    }

    /// Takes back an id whose event was not stored after all.
    pub(crate) fn remove(&mut self, stream: &DataStream, id: &EventId) {
        let hash = hash(id);
        for part in self.parts.values_mut() {
            if let Some(hashes) = part.streams.get_mut(stream) {
                let removed = usize::from(hashes.remove(&hash));
                part.ids -= removed;
                self.ids -= removed;
            }
        }
    }

    /// Forgets the hours that are past.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let horizon = self.horizon(now).millis().div_euclid(HOUR);
        while self.parts.first_key_value().is_some_and(|((hour, _), _)| *hour < horizon) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> u64 {
        let Some((_, part)) = self.parts.pop_first() else { return 0 };
        self.ids -= part.ids;
        part.ids as u64
    }

    /// How many ids it knows.
    pub(crate) fn len(&self) -> usize {
        self.ids
    }

    /// How many it has forgotten before their time, for want of room.
    pub(crate) fn forgotten_early(&self) -> u64 {
        self.forgotten_early
    }
}

/// Half of a SHA-256: nobody can make two ids that have the same.
fn hash(id: &EventId) -> u128 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(id.as_str().as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_for_their_hours() {
        let mut index = IdIndex::new(IdIndexOptions { hours: 2, most_ids: 3 });
        let (one, other) = (DataStream::new("one"), DataStream::new("other"));
        let at = |hour: i64| Timestamp::from_millis(hour * HOUR);
        let id = |text: &str| EventId::given(text);
        index.insert(&one, &id("a"), at(0));
        assert!(index.contains(&one, &id("a")) && !index.contains(&other, &id("a")));
        index.expire(at(2));
        assert!(index.contains(&one, &id("a")));
        index.expire(at(3));
        assert!(!index.contains(&one, &id("a")));
        for text in ["b", "c", "d"] {
            index.insert(&one, &id(text), at(4));
        }
        index.insert(&one, &id("e"), at(5));
        assert_eq!((index.len(), index.forgotten_early()), (3, 1), "the oldest goes");
        assert!(!index.contains(&one, &id("b")) && index.contains(&one, &id("c")));
        index.insert(&one, &id("f"), at(5));
        index.insert(&other, &id("f"), at(5));
        assert_eq!((index.len(), index.forgotten_early()), (3, 3));
        assert!(!index.contains(&one, &id("d")), "within an hour as well");
        index.remove(&one, &id("f"));
        index.remove(&other, &id("f"));
        index.remove(&one, &id("e"));
        assert_eq!(index.len(), 0);
    }
}
