//! What texts satisfy, remembered from batch to batch.
//!
//! A host repeats itself: the paths, command lines and registry keys of one batch are mostly those of the batches before
//! it. So the answer of a field program to a text is kept, by the text itself (never by its hash alone: who writes a log
//! must not choose what it is taken for). Room is bounded: what does not fit is evaluated and not kept, and the next batch
//! finds the cache empty again.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::leaf_lists::{LeafLists, ListId};

/// Bytes that the texts seen by one thread, and what they satisfy, may take up.
pub const VALUE_CACHE_BYTES: usize = 16 << 20;

/// Longer texts are not kept: scripts and messages, which fill the room and seldom come again.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// Of a known text.
#[derive(Clone, Copy, Debug)]
struct Known {
    start: u32,
    length: u32,
    list: ListId,
}

/// What one takes up beside its text; the table is half full on average.
const KNOWN_BYTES: usize = 2 * size_of::<Known>();

/// Texts that were seen, by field program, with the list of leaves that they satisfy.
#[derive(Debug)]
pub(crate) struct ValueCache {
    max_bytes: usize,
    bytes: usize,
    texts: Vec<u8>,
    tables: Vec<HashTable<Known>>,
    is_full: bool,
    lists: LeafLists,
    /// How often it was full and begun anew.
    restarts: u64,
}

impl ValueCache {
    /// A cache for so many programs.
    pub(crate) fn new(programs: usize, max_bytes: usize) -> Self {
        Self {
            // Places are kept in 32 bits.
            max_bytes: max_bytes.min(u32::MAX as usize),
            bytes: 0,
            texts: Vec::new(),
            tables: vec![HashTable::new(); programs],
            is_full: false,
            lists: LeafLists::default(),
            restarts: 0,
        }
    }

    /// Before a batch: forgets everything if there is no room left. Only here, since a batch that is being matched holds
    /// numbers of lists.
    pub(crate) fn begin_batch(&mut self) {
        if self.is_full || self.lists.bytes() > self.max_bytes {
            self.tables.iter_mut().for_each(HashTable::clear);
            self.texts.clear();
            self.lists = LeafLists::default();
            (self.bytes, self.is_full) = (0, false);
            self.restarts += 1;
        }
    }

    /// The lists that its numbers stand for.
    pub(crate) fn lists(&self) -> &LeafLists {
        &self.lists
    }

    /// The lists, to add to.
    pub(crate) fn lists_mut(&mut self) -> &mut LeafLists {
        &mut self.lists
    }

    /// How often it was full and begun anew.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What a text satisfies: as known, else as evaluated, which is remembered if there is room.
    pub(crate) fn list_of(
        &mut self,
        program: usize,
        text: &str,
        evaluate: impl FnOnce(&mut LeafLists) -> ListId,
    ) -> ListId {
        if text.len() > MAX_TEXT_BYTES {
            return evaluate(&mut self.lists);
        }
        let text = text.as_bytes();
        let hash = FxBuildHasher.hash_one(text);
        let texts = &self.texts;
        let of = |known: &Known| &texts[known.start as usize..][..known.length as usize];
        if let Some(known) = self.tables[program].find(hash, |known| of(known) == text) {
            return known.list;
        }
        let list = evaluate(&mut self.lists);
        let bytes = self.bytes + text.len() + KNOWN_BYTES;
        if bytes > self.max_bytes {
            self.is_full = true;
            return list;
        }
        let known = Known { start: texts.len() as u32, length: text.len() as u32, list };
        self.tables[program].insert_unique(hash, known, |known| FxBuildHasher.hash_one(of(known)));
        self.texts.extend_from_slice(text);
        self.bytes = bytes;
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf_table::LeafId;

    /// Asks for a text that satisfies the leaf of this number; gives whether it had to be evaluated.
    fn evaluated(cache: &mut ValueCache, program: usize, text: &str, leaf: u32) -> bool {
        let mut evaluated = false;
        let list = cache.list_of(program, text, |lists| {
            evaluated = true;
            lists.intern(&[LeafId(leaf)])
        });
        assert_eq!(cache.lists().get(list), [LeafId(leaf)], "{text}");
        evaluated
    }

    #[test]
    fn a_text_is_evaluated_once_by_each_program() {
        let mut cache = ValueCache::new(2, VALUE_CACHE_BYTES);
        assert!(evaluated(&mut cache, 0, "a", 1));
        assert!(evaluated(&mut cache, 1, "a", 2));
        cache.begin_batch();
        assert!(!evaluated(&mut cache, 0, "a", 1));
        assert!(!evaluated(&mut cache, 1, "a", 2));
        let long = "a".repeat(MAX_TEXT_BYTES + 1);
        assert!(evaluated(&mut cache, 0, &long, 1) && evaluated(&mut cache, 0, &long, 1));
        assert_eq!(cache.restarts(), 0);
    }

    #[test]
    fn what_does_not_fit_is_evaluated_and_the_next_batch_begins_anew() {
        let mut cache = ValueCache::new(1, KNOWN_BYTES + 1);
        assert!(evaluated(&mut cache, 0, "a", 1));
        assert!(evaluated(&mut cache, 0, "b", 2) && evaluated(&mut cache, 0, "b", 2));
        assert!(!evaluated(&mut cache, 0, "a", 1));
        cache.begin_batch();
        assert_eq!(cache.restarts(), 1);
        assert!(evaluated(&mut cache, 0, "b", 2) && !evaluated(&mut cache, 0, "b", 2));
    }
}
