//! Where the field of a name is in a list.

use rustc_hash::FxHashMap;
use watchfire_events::FieldName;

use super::FieldValue;

/// Slots of a small index; a byte tells where an entry is.
const SLOTS: usize = 256;
/// Most slots of a small index that are not free, so that a search ends soon.
const MOST_USED: usize = 160;
const FREE: u8 = 0;
/// The place of an entry that was taken out: a search goes on behind it.
const LEFT: u8 = u8::MAX;

type Entries<'a> = [(FieldName, FieldValue<'a>)];

/// An index over a list of entries. Nearly all events have some dozens of fields: a table of bytes that is searched from
/// slot to slot costs no allocation. Larger lists, which may be hostile, have a map.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are small, and are not to be allocated")]
pub(super) enum Index {
    Small { slots: [u8; SLOTS], used: usize },
    Large(FxHashMap<FieldName, u32>),
}

impl Default for Index {
    fn default() -> Self {
        Self::Small { slots: [FREE; SLOTS], used: 0 }
    }
}

impl Index {
    pub(super) fn of(entries: &Entries<'_>) -> Self {
        // Room for as many again before it has to be made anew.
        if entries.len() > MOST_USED / 2 {
            let numbered = entries.iter().enumerate();
            return Self::Large(numbered.map(|(at, (name, _))| (*name, at as u32)).collect());
        }
        let mut slots = [FREE; SLOTS];
        for (at, (name, _)) in entries.iter().enumerate() {
            let mut slot = slot_of(*name);
            while slots[slot] != FREE {
                slot = next(slot);
            }
            slots[slot] = at as u8 + 1;
        }
        Self::Small { slots, used: entries.len() }
    }

    pub(super) fn find(&self, name: FieldName, entries: &Entries<'_>) -> Option<usize> {
        match self {
            Self::Small { slots, .. } => find_slot(slots, name, entries).map(|slot| slots[slot] as usize - 1),
            Self::Large(map) => map.get(&name).map(|&at| at as usize),
        }
    }

    /// Takes note of the last entry, which is new.
    pub(super) fn added(&mut self, entries: &Entries<'_>) {
        let Some((name, _)) = entries.last() else { return };
        match self {
            Self::Small { slots, used } if *used < MOST_USED => {
                let mut slot = slot_of(*name);
                while !matches!(slots[slot], FREE | LEFT) {
                    slot = next(slot);
                }
                *used += usize::from(slots[slot] == FREE);
                slots[slot] = entries.len() as u8;
            }
            Self::Small { .. } => *self = Self::of(entries),
            Self::Large(map) => {
                map.insert(*name, entries.len() as u32 - 1);
            }
        }
    }

    /// Takes note that `name` was taken out at `at`, where now the entry is that was the last.
    pub(super) fn swap_removed(&mut self, name: FieldName, at: usize, entries: &Entries<'_>) {
        match self {
            Self::Small { slots, .. } => {
                // The name is sought by its place, since it is in no entry any more.
                let mut slot = slot_of(name);
                while slots[slot] as usize != at + 1 {
                    slot = next(slot);
                }
                slots[slot] = LEFT;
                if let Some((moved, _)) = entries.get(at) {
                    let mut slot = slot_of(*moved);
                    while slots[slot] as usize != entries.len() + 1 {
                        slot = next(slot);
                    }
                    slots[slot] = at as u8 + 1;
                }
            }
            Self::Large(map) => {
                map.remove(&name);
                if let Some((moved, _)) = entries.get(at) {
                    map.insert(*moved, at as u32);
                }
            }
        }
    }
}

fn find_slot(slots: &[u8; SLOTS], name: FieldName, entries: &Entries<'_>) -> Option<usize> {
    let mut slot = slot_of(name);
    loop {
        match slots[slot] {
            FREE => return None,
            LEFT => {}
            at if entries[at as usize - 1].0 == name => return Some(slot),
            _ => {}
        }
        slot = next(slot);
    }
}

/// Numbers of names follow each other; multiplying spreads them.
fn slot_of(name: FieldName) -> usize {
    ((name.at() as u32).wrapping_mul(0x9e37_79b1) >> 24) as usize
}

fn next(slot: usize) -> usize {
    (slot + 1) % SLOTS
}
