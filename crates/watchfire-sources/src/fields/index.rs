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

/// Entries that are looked through one by one.
const MOST_FEW: usize = 8;

/// An index over a list of entries. Few entries need none. Nearly all events have some dozens of fields: a table of bytes
/// that is searched from slot to slot. Larger lists, which may be hostile, have a map.
#[derive(Clone, Debug, Default)]
pub(super) enum Index {
    #[default]
    Few,
    Small {
        slots: Box<[u8; SLOTS]>,
        used: usize,
    },
    Large(FxHashMap<FieldName, u32>),
}

impl Index {
    pub(super) fn of(entries: &Entries<'_>) -> Self {
        // Room for as many again before it has to be made anew.
        if entries.len() > MOST_USED / 2 {
            let numbered = entries.iter().enumerate();
            return Self::Large(numbered.map(|(at, (name, _))| (*name, at as u32)).collect());
        }
        if entries.len() <= MOST_FEW {
            return Self::Few;
        }
        let mut slots = Box::new([FREE; SLOTS]);
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
            Self::Few => entries.iter().position(|(known, _)| *known == name),
            Self::Small { slots, .. } => find_slot(slots, name, entries).map(|slot| slots[slot] as usize - 1),
            Self::Large(map) => map.get(&name).map(|&at| at as usize),
        }
    }

    /// Takes note of the last entry, which is new.
    pub(super) fn added(&mut self, entries: &Entries<'_>) {
        let Some((name, _)) = entries.last() else { return };
        match self {
            Self::Few if entries.len() <= MOST_FEW => {}
            Self::Small { slots, used } if *used < MOST_USED => {
                let mut slot = slot_of(*name);
                while !matches!(slots[slot], FREE | LEFT) {
                    slot = next(slot);
                }
                *used += usize::from(slots[slot] == FREE);
                slots[slot] = entries.len() as u8;
            }
            Self::Few | Self::Small { .. } => *self = Self::of(entries),
            Self::Large(map) => {
                map.insert(*name, entries.len() as u32 - 1);
            }
        }
    }

    /// Takes note that `name` was taken out at `at`, where now the entry is that was the last.
    pub(super) fn swap_removed(&mut self, name: FieldName, at: usize, entries: &Entries<'_>) {
        match self {
            Self::Few => {}
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
