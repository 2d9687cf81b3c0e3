//! A table that forgets what does not fit, the same whatever the order in which it is filled.
//!
//! Keys are ordered by a hash. The table keeps the longest beginning of that order that fits its bounds: a key that is
//! dropped once would not fit in the end either, since there is only ever more before it. So neither the order of records
//! nor the number of threads decides what is known.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use rustc_hash::{FxHashMap, FxHasher};

/// A table that does not change any more.
pub(super) type Table<V> = FxHashMap<Box<str>, V>;

/// What a table may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    /// Bytes of keys and values, with what an entry takes up besides.
    pub(super) bytes: usize,
}

/// What an entry takes up besides its texts.
const ENTRY_BYTES: usize = 64;

type Key = (u64, Box<str>);

/// A table being filled. Of several values of a key the greatest is kept.
#[derive(Debug)]
pub(super) struct BoundedTable<V> {
    bounds: Bounds,
    entries: BTreeMap<Key, Entry<V>>,
    bytes: usize,
    /// The first key that did not fit: none behind it fits either.
    limit: Option<Key>,
    left_out: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    /// Of the largest of its values: what an entry counts for only ever grows.
    bytes: usize,
    /// Values that were given for its key.
    given: u64,
}

fn key_of(text: &str) -> Key {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    (hasher.finish(), text.into())
}

impl<V: Ord> BoundedTable<V> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: BTreeMap::new(), bytes: 0, limit: None, left_out: 0 }
    }

    /// Takes a value; `bytes` is what its texts take up.
    pub(super) fn insert(&mut self, key: &str, value: V, bytes: usize) {
        let bytes = bytes + key.len() + ENTRY_BYTES;
        let key = key_of(key);
        if self.limit.as_ref().is_some_and(|limit| key >= *limit) {
            self.left_out += 1;
            return;
        }
        match self.entries.get_mut(&key) {
            Some(known) => {
                known.given += 1;
                self.bytes += bytes.saturating_sub(known.bytes);
                known.bytes = known.bytes.max(bytes);
                if value > known.value {
                    known.value = value;
                }
            }
            None => {
                self.bytes += bytes;
                self.entries.insert(key, Entry { value, bytes, given: 1 });
            }
        }
        self.fit();
    }

    fn fit(&mut self) {
        while (self.entries.len() > self.bounds.entries || self.bytes > self.bounds.bytes)
            && let Some((key, entry)) = self.entries.pop_last()
        {
            self.bytes -= entry.bytes;
            self.left_out += entry.given;
            self.limit = Some(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Values that were given for keys that did not fit.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn finish(self) -> Table<V> {
        self.entries.into_iter().map(|((_, key), entry)| (key, entry.value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(given: &[(u8, u16, usize)], bounds: Bounds) -> BoundedTable<u16> {
        let mut table = BoundedTable::new(bounds);
        for (key, value, bytes) in given {
            table.insert(&key.to_string(), *value, *bytes);
        }
        table
    }

    proptest! {
        /// What is kept and what is counted is the same in any order.
        #[test]
        fn order_does_not_matter(
            (given, shuffled) in prop::collection::vec((0_u8..40, 0_u16..9, 0_usize..200), 0..120)
                .prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle())),
            entries in 1_usize..50,
            bytes in 100_usize..6_000,
        ) {
            let bounds = Bounds { entries, bytes };
            let whole = filled(&given, bounds);
            let other = filled(&shuffled, bounds);
            let kept: u64 = whole.entries.values().map(|entry| entry.given).sum();
            prop_assert_eq!(kept + whole.left_out(), given.len() as u64);
            prop_assert!(whole.len() <= entries && whole.bytes <= bytes);
            prop_assert_eq!(whole.left_out(), other.left_out());
            prop_assert_eq!(whole.finish(), other.finish());
        }
    }
}
