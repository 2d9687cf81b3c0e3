//! Distinct leaves, each under one number, and how each is evaluated.

use rustc_hash::FxHashMap;
use watchfire_ir::{FieldLeaf, FieldTarget, Leaf, Predicate};

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
    Program,
    /// By the second program of its field, once per distinct value in the rows that were left over.
    Deferred,
    /// By itself, on the rows that everything cheaper left over.
    OnDemand,
}

#[derive(Debug)]
pub(crate) struct LeafEntry {
    pub(crate) leaf: Leaf,
    /// How many rules name it.
    pub(crate) rules: u32,
    /// Whether some rule asks for it positively.
    pub(crate) positive: bool,
    /// The number of its field program; without meaning for leaves on demand.
    pub(crate) program: u32,
    /// The leaf that asks only whether its field has a value, where that is asked first.
    pub(crate) existence: Option<LeafId>,
}

impl LeafEntry {
    /// What only excludes is deferred, and what takes time for each byte of a text whatever the text is: the words of a
    /// message are asked for where all else fits.
    pub(crate) fn route(&self) -> Route {
        match &self.leaf {
            Leaf::Field(FieldLeaf { target: FieldTarget::Field(_), predicate }) => {
                let is_costly = matches!(predicate, Predicate::Tokens(_) | Predicate::Regex(_));
                if self.positive && !is_costly { Route::Program } else { Route::Deferred }
            }
            _ => Route::OnDemand,
        }
    }

    /// Whether it asks only that there is a value, which is known without looking at it.
    pub(crate) fn is_existence(&self) -> bool {
        matches!(&self.leaf, Leaf::Field(leaf) if leaf.predicate == Predicate::Exists)
    }
}

/// All leaves of a rule set.
#[derive(Debug, Default)]
pub(crate) struct LeafTable {
    entries: Vec<LeafEntry>,
}

/// Gives numbers to leaves. Two leaves with the same dump are one.
#[derive(Debug, Default)]
pub(crate) struct LeafInterner {
    table: LeafTable,
    by_dump: FxHashMap<String, LeafId>,
}

impl LeafInterner {
    pub(crate) fn intern(&mut self, leaf: &Leaf) -> LeafId {
        let next = LeafId(self.table.entries.len() as u32);
        let id = *self.by_dump.entry(leaf.to_string()).or_insert(next);
        if id == next {
            let (leaf, existence) = (leaf.clone(), None);
            self.table.entries.push(LeafEntry { leaf, rules: 0, positive: false, program: 0, existence });
        }
        id
    }

    /// Gives each leaf that rules ask for, but that is deferred, a leaf that says whether its field has a value at all.
    pub(crate) fn add_existence(&mut self) {
        for at in 0..self.table.entries.len() {
            let entry = &self.table.entries[at];
            let Leaf::Field(leaf) = &entry.leaf else { continue };
            if !entry.positive || entry.route() != Route::Deferred {
                continue;
            }
            let rules = entry.rules;
            let exists = FieldLeaf { target: leaf.target.clone(), predicate: Predicate::Exists };
            let id = self.intern(&exists.into());
            let existence = self.entry_mut(id);
            existence.positive = true;
            existence.rules += rules;
            self.table.entries[at].existence = Some(id);
        }
    }

    pub(crate) fn entry_mut(&mut self, id: LeafId) -> &mut LeafEntry {
        &mut self.table.entries[id.at()]
    }

    pub(crate) fn len(&self) -> usize {
        self.table.entries.len()
    }

    pub(crate) fn finish(self) -> LeafTable {
        self.table
    }
}

impl LeafTable {
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
