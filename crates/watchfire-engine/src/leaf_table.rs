//! Distinct leaves, each under one number.

use rustc_hash::FxHashMap;
use watchfire_ir::{FieldTarget, Leaf};

/// The number of a distinct leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LeafId(pub(crate) u32);

impl LeafId {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// How a leaf is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// By the program of its field, once per distinct value of the batch.
    FieldProgram,
    /// By itself, on the rows that everything cheaper left over.
    OnDemand,
}

#[derive(Debug)]
pub(crate) struct LeafEntry {
    pub(crate) leaf: Leaf,
    /// How many rules name it.
    pub(crate) rules: u32,
    /// Whether some rule asks for it positively; an exclusion alone is evaluated on demand.
    pub(crate) positive: bool,
}

impl LeafEntry {
    pub(crate) fn route(&self) -> Route {
        match &self.leaf {
            Leaf::Field(leaf) if self.positive && matches!(leaf.target, FieldTarget::Field(_)) => {
                Route::FieldProgram
            }
            _ => Route::OnDemand,
        }
    }
}

/// All leaves of a rule set. Two leaves with the same dump are one.
#[derive(Debug, Default)]
pub(crate) struct LeafTable {
    entries: Vec<LeafEntry>,
    by_dump: FxHashMap<String, LeafId>,
}

impl LeafTable {
    pub(crate) fn intern(&mut self, leaf: &Leaf) -> LeafId {
        let next = LeafId(self.entries.len() as u32);
        let id = *self.by_dump.entry(leaf.to_string()).or_insert(next);
        if id == next {
            self.entries.push(LeafEntry { leaf: leaf.clone(), rules: 0, positive: false });
        }
        id
    }

    pub(crate) fn entry_mut(&mut self, id: LeafId) -> &mut LeafEntry {
        &mut self.entries[id.at()]
    }

    pub(crate) fn entry(&self, id: LeafId) -> &LeafEntry {
        &self.entries[id.at()]
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeafId, &LeafEntry)> {
        self.entries.iter().enumerate().map(|(at, entry)| (LeafId(at as u32), entry))
    }
}
