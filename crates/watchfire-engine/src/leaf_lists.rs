//! Lists of leaves, each under one number.
//!
//! What a value satisfies is a short list of leaves, and most values of a field satisfy one of few such lists. So a list
//! is kept once, and a value costs four bytes.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::leaf_table::LeafId;

/// The number of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(u32);

impl ListId {
    /// The list without leaves.
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Lists of leaves in ascending order.
#[derive(Debug)]
pub(crate) struct LeafLists {
    leaves: Vec<LeafId>,
    /// Where each list ends in `leaves`; it starts where the one before it ends.
    ends: Vec<u32>,
    numbers: HashTable<ListId>,
}

impl Default for LeafLists {
    fn default() -> Self {
        Self { leaves: Vec::new(), ends: vec![0], numbers: HashTable::new() }
    }
}

impl LeafLists {
    /// The number of a list, which is in ascending order.
    pub(crate) fn intern(&mut self, list: &[LeafId]) -> ListId {
        if list.is_empty() {
            return ListId::EMPTY;
        }
        let hash = |list: &[LeafId]| FxBuildHasher.hash_one(list);
        let (leaves, ends) = (&mut self.leaves, &mut self.ends);
        let entry = self.numbers.entry(
            hash(list),
            |&known| slice(leaves, ends, known) == list,
            |&known| hash(slice(leaves, ends, known)),
        );
        *entry
            .or_insert_with(|| {
                let number = ListId(ends.len() as u32);
                leaves.extend_from_slice(list);
                ends.push(leaves.len() as u32);
                number
            })
            .get()
    }

    /// The leaves of a list.
    pub(crate) fn get(&self, list: ListId) -> &[LeafId] {
        slice(&self.leaves, &self.ends, list)
    }

    /// Number of lists, the empty one included.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// About how many bytes it takes up.
    pub(crate) fn bytes(&self) -> usize {
        self.leaves.len() * size_of::<LeafId>() + self.ends.len() * (size_of::<u32>() + size_of::<ListId>())
    }
}

fn slice<'a>(leaves: &'a [LeafId], ends: &[u32], list: ListId) -> &'a [LeafId] {
    let start = list.at().checked_sub(1).map_or(0, |before| ends[before]);
    &leaves[start as usize..ends[list.at()] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_are_one() {
        let mut lists = LeafLists::default();
        let [one, two] = [[LeafId(3), LeafId(5)].as_slice(), &[LeafId(3)]].map(|list| lists.intern(list));
        assert_ne!(one, two);
        assert_eq!(lists.intern(&[LeafId(3), LeafId(5)]), one);
        assert_eq!(lists.intern(&[]), ListId::EMPTY);
        assert_eq!((lists.get(one), lists.get(two)), (&[LeafId(3), LeafId(5)][..], &[LeafId(3)][..]));
        assert!(lists.get(ListId::EMPTY).is_empty());
        assert_eq!(lists.len(), 3);
    }
}
