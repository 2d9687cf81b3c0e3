//! What the members of flat records are, remembered by their names.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::tape::TapeObject;
use crate::windows::Layout;

/// Layouts of records that came before: records of one kind have the same members in the same order.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    /// By the hash of some of their names.
    known: FxHashMap<u64, Vec<Known>>,
    number: usize,
    /// That of the present record, if it was known.
    pub(super) present: Option<Arc<Layout>>,
}

/// The names of a record's members in their order, and the layout of such records.
type Known = (Vec<Box<str>>, Arc<Layout>);

impl Layouts {
    /// Whether the layout of a record is known.
    pub(super) fn find(&mut self, record: TapeObject<'_>) -> bool {
        self.present = None;
        if !self.known.is_empty() {
            let known = self.known.get(&Self::hash(record)).into_iter().flatten();
            let mut known = known.filter(|(names, _)| {
                names.iter().map(|name| &**name).eq(record.iter().map(|(name, _)| name))
            });
            self.present = known.next().map(|(_, layout)| Arc::clone(layout));
        }
        self.present.is_some()
    }

    /// Keeps the layout of a record, if the names of its members are what tells it.
    pub(super) fn remember(&mut self, record: TapeObject<'_>, layout: &Arc<Layout>) {
        if !layout.is_told_by_names() {
            return;
        }
        if self.number >= Self::MOST {
            *self = Self::default();
        }
        let names = record.iter().map(|(name, _)| name.into()).collect();
        let same = self.known.entry(Self::hash(record)).or_default();
        if same.len() < Self::MOST_SAME {
            same.push((names, Arc::clone(layout)));
            self.number += 1;
        }
    }

    /// More are hostile, or so many that they do not matter.
    const MOST: usize = 2048;

    /// Of one hash.
    const MOST_SAME: usize = 8;

    /// Of every third name, as these are compared in any case.
    fn hash(record: TapeObject<'_>) -> u64 {
        let (mut hash, mut number) = (0u64, 0);
        for (name, _) in record.iter() {
            number += 1;
            if number % 3 == 0 {
                let bytes = name.as_bytes();
                let start = bytes.first_chunk::<8>().map_or(0, |start| u64::from_le_bytes(*start));
                let end = bytes.last().copied().map_or(0, u64::from);
                let part = start ^ (bytes.len() as u64).rotate_right(8) ^ end.rotate_right(16);
                hash = (hash.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
            }
        }
        hash ^ number
    }
}
