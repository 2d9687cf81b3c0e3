//! Hashes of values, and the indicators that have them.

use std::collections::BTreeSet;

/// Hashes in each part of the directory, on average.
const HASHES_PER_PART: usize = 4;
/// Bits of the filter for each hash, at least; up to twice as many, as its words are a power of two.
const FILTER_BITS: usize = 12;
/// Bits of a word of the filter that a hash sets.
const BITS_OF_HASH: u32 = 4;

/// From hashes to numbers of indicators, in 12 bytes for each and a directory over them. In front is a filter: each hash sets
/// some bits of one word, so a hash that is not there is mostly known by one access to something small.
#[derive(Debug, Default)]
pub(super) struct HashTable {
    hashes: Vec<u64>,
    indicators: Vec<u32>,
    /// Where the hashes of each value of their upper bits begin.
    directory: Vec<u32>,
    shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
    /// The lengths of networks' prefixes that occur.
    pub(super) prefixes: BTreeSet<u8>,
}

impl HashTable {
    /// Of pairs in any order.
    pub(super) fn new(mut pairs: Vec<(u64, u32)>, prefixes: BTreeSet<u8>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let bits = (pairs.len() / HASHES_PER_PART).next_power_of_two().trailing_zeros().clamp(1, 31);
        let shift = u64::BITS - bits;
        let mut directory = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0;
        for part in 0..=1_u64 << bits {
            while pairs.get(at).is_some_and(|(hash, _)| hash >> shift < part) {
                at += 1;
            }
            directory.push(at as u32);
        }
        let words = (pairs.len() * FILTER_BITS / u64::BITS as usize).next_power_of_two().max(2);
        let filter_shift = u64::BITS - words.trailing_zeros();
        let mut filter = vec![0; words];
        for (hash, _) in &pairs {
            filter[(hash >> filter_shift) as usize] |= bits_of(*hash);
        }
        let (hashes, indicators) = pairs.into_iter().unzip();
        Self { hashes, indicators, directory, shift, filter, filter_shift, prefixes }
    }

    /// Whether a hash may be there. Of those that are not, about one in a hundred may.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let bits = bits_of(hash);
        self.filter[(hash >> self.filter_shift) as usize] & bits == bits
    }

    /// The indicators of a hash, in order.
    pub(super) fn get(&self, hash: u64) -> &[u32] {
        let part = (hash >> self.shift) as usize;
        let (start, end) = (self.directory[part] as usize, self.directory[part + 1] as usize);
        let hashes = &self.hashes[start..end];
        let first = hashes.partition_point(|of| *of < hash);
        let number = hashes[first..].iter().take_while(|of| **of == hash).count();
        &self.indicators[start + first..start + first + number]
    }

    /// Bytes it takes up.
    pub(super) fn bytes(&self) -> usize {
        self.hashes.len() * size_of::<u64>()
            + (self.indicators.len() + self.directory.len()) * size_of::<u32>()
            + self.filter.len() * size_of::<u64>()
    }
}

/// The bits of a hash in its word of the filter, by its lower bits: the upper ones tell the word.
fn bits_of(hash: u64) -> u64 {
    let bit =
        |number: u32| 1_u64 << (hash >> (number * u64::BITS.trailing_zeros()) & u64::from(u64::BITS - 1));
    (0..BITS_OF_HASH).map(bit).fold(0, |bits, bit| bits | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_lets_all_through_that_are_there_and_few_others() {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hash = |number: u64| BuildHasherDefault::<DefaultHasher>::default().hash_one(number);
        for number in [1, 1_000, 87_381, 100_000] {
            let table =
                HashTable::new((0..number).map(|at| (hash(at), at as u32)).collect(), BTreeSet::new());
            assert!((0..number).all(|at| table.may_have(hash(at))));
            let wrong = (number..number + 100_000).filter(|at| table.may_have(hash(*at))).count();
            assert!(wrong < 2_000, "{wrong} of 100000 with {number}");
        }
        assert!(!HashTable::new(Vec::new(), BTreeSet::new()).may_have(0));
    }

    #[test]
    fn every_hash_is_found_with_all_its_indicators() {
        for number in [0_u64, 1, 2, 7, 1_000] {
            let hash = |at: u64| (at % 300).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let pairs: Vec<(u64, u32)> = (0..number).map(|at| (hash(at), at as u32)).collect();
            let table = HashTable::new(pairs.clone(), BTreeSet::new());
            for at in 0..number.max(300) {
                let expected: Vec<u32> =
                    pairs.iter().filter(|(of, _)| *of == hash(at)).map(|(_, indicator)| *indicator).collect();
                assert_eq!(table.get(hash(at)), expected, "{number} {at}");
            }
            assert_eq!(table.get(u64::MAX), [0; 0]);
        }
    }
}
