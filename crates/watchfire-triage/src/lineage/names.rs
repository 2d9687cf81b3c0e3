//! Texts that repeat, each kept once: of a million processes most of the cost is in their texts.

use std::hash::Hasher;
use std::num::NonZeroU32;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// The number of a text; from 1 on, so that none takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(NonZeroU32);

/// Texts by number, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    texts: String,
    /// By number, where each ends.
    ends: Vec<usize>,
    /// With their hashes, so that none is read again when the table grows.
    numbers: HashTable<(u64, Name)>,
}

impl Names {
    /// The number of a text; a new one if it has not been met.
    pub(super) fn number(&mut self, text: &str) -> Name {
        let hash = hash(text);
        if let Some(name) = self.find_by(hash, text) {
            return name;
        }
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        let number = u32::try_from(self.ends.len()).ok().and_then(NonZeroU32::new);
        let name = Name(number.expect("texts of more than 4 GiB do not fit into memory before"));
        self.numbers.insert_unique(hash, (hash, name), |(hash, _)| *hash);
        name
    }

    /// The number of a text that has been met.
    pub(super) fn find(&self, text: &str) -> Option<Name> {
        self.find_by(hash(text), text)
    }

    fn find_by(&self, hash: u64, text: &str) -> Option<Name> {
        let is_it = |(other, name): &(u64, Name)| *other == hash && self.text(*name) == text;
        self.numbers.find(hash, is_it).map(|(_, name)| *name)
    }

    /// A text.
    pub(super) fn text(&self, name: Name) -> &str {
        let at = name.0.get() as usize - 1;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start..self.ends[at]]
    }

    /// For each number of others the number of the same text here.
    pub(super) fn join(&mut self, others: &Self) -> Vec<Name> {
        let numbers = (1..=others.ends.len() as u32).filter_map(NonZeroU32::new);
        numbers.map(|number| self.number(others.text(Name(number)))).collect()
    }
}

impl Name {
    /// The number of the same text in other [`Names`], which [`Names::join`] gave.
    pub(super) fn translated(self, by: &[Self]) -> Self {
        by[self.0.get() as usize - 1]
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}
