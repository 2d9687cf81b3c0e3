//! How many distinct values there are: exactly as long as they are few, and then by estimate.
//!
//! Kept are the smallest of the values' hashes. While all of them fit, their number is exact. Beyond, the greatest one
//! kept tells how densely the hashes lie: with *k* kept out of *n* values, it lies near *k / n* of the whole range, and the
//! standard error is 1 / √(k − 2).
//!
//! *Rejected:* HyperLogLog. It needs a second structure where the count is to be exact, its registers cannot be checked when
//! they come back from a file, and the room it saves does not matter here.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::key::KeyValue;

/// Up to so many distinct values are counted exactly; beyond, the standard error is 1 %.
pub const MAX_EXACT_DISTINCT: usize = 10_000;

/// A number of distinct values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distinct {
    /// The number.
    pub number: u64,
    /// Whether it is an estimate.
    pub is_estimate: bool,
}

/// Values, to be counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinctCounter {
    least: BTreeSet<u64>,
    is_full: bool,
}

/// What stands for a value.
pub(super) fn hash(value: &KeyValue) -> u64 {
    let mut bytes = Vec::new();
    value.write_ordered(&mut bytes);
    let digest = Sha256::digest(&bytes);
    u64::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes"))
}

impl DistinctCounter {
    /// Counts a value.
    pub fn add(&mut self, value: &KeyValue) {
        self.insert(hash(value));
    }

    /// Counts a value by its hash, which must be spread over all its bits.
    pub fn insert(&mut self, hash: u64) {
        if self.is_full && self.least.last().is_some_and(|greatest| hash > *greatest) {
            return;
        }
        self.least.insert(hash);
        if self.least.len() > MAX_EXACT_DISTINCT {
            self.least.pop_last();
            self.is_full = true;
        }
    }

    /// How many there are.
    pub fn number(&self) -> Distinct {
        let kept = self.least.len() as u64;
        match self.least.last() {
            Some(greatest) if self.is_full => {
                let share = (*greatest as f64 + 1.0) / (u64::MAX as f64 + 1.0);
                Distinct { number: ((kept as f64 - 1.0) / share).round() as u64, is_estimate: true }
            }
            _ => Distinct { number: kept, is_estimate: false },
        }
    }

    /// How many hashes are kept.
    pub fn kept(&self) -> usize {
        self.least.len()
    }

    /// Counts what another one has counted: the result is that of one which has counted all of it.
    pub fn merge(&mut self, other: &Self) {
        // Each has the least of what it has counted, so that together they have the least of all.
        self.is_full |= other.is_full;
        self.least.extend(&other.least);
        while self.least.len() > MAX_EXACT_DISTINCT {
            self.least.pop_last();
            self.is_full = true;
        }
    }

    /// Appends bytes of what it has counted, for [`Self::read`].
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_full));
        self.least.iter().for_each(|hash| out.extend(hash.to_be_bytes()));
    }

    /// What [`Self::write`] wrote; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (is_full, hashes) = bytes.split_first()?;
        let (hashes, rest) = hashes.as_chunks::<8>();
        let least = hashes.iter().map(|hash| u64::from_be_bytes(*hash)).collect();
        rest.is_empty().then_some(Self { least, is_full: *is_full != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: i128) -> Distinct {
        let mut counter = DistinctCounter::default();
        for value in (0..values).chain(0..values) {
            counter.insert(hash(&KeyValue::Integer(value)));
        }
        counter.number()
    }

    #[test]
    fn parts_count_as_the_whole_does() {
        for many in [50, MAX_EXACT_DISTINCT as i128, 3 * MAX_EXACT_DISTINCT as i128] {
            let mut whole = DistinctCounter::default();
            let mut parts = vec![DistinctCounter::default(); 3];
            for value in 0..many {
                whole.insert(hash(&KeyValue::Integer(value)));
                // The parts have values in common.
                parts[(value % 3) as usize].insert(hash(&KeyValue::Integer(value)));
                parts[(value % 2) as usize].insert(hash(&KeyValue::Integer(value)));
            }
            let mut merged = DistinctCounter::default();
            for part in &parts {
                let mut bytes = Vec::new();
                part.write(&mut bytes);
                merged.merge(&DistinctCounter::read(&bytes).expect("what was written"));
            }
            assert_eq!(merged, whole, "of {many}");
        }
    }

    #[test]
    fn few_are_counted_and_many_estimated() {
        for few in [0, 1, 7, MAX_EXACT_DISTINCT as i128] {
            assert_eq!(counted(few), Distinct { number: few as u64, is_estimate: false });
        }
        for many in [MAX_EXACT_DISTINCT as i128 + 1, 60_000] {
            let Distinct { number, is_estimate } = counted(many);
            let error = (number as f64 / many as f64 - 1.0).abs();
            assert!(is_estimate && error < 0.04, "{number} of {many}");
        }
    }
}
