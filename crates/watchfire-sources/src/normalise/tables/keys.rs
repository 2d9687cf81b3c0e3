//! Which names a record has, as bits: most tests of most tables ask for a name that a record does not have, which is
//! told without looking for it.

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

use crate::tape::TapeObject;

/// The names of the members of a record; a name that is not among them may seem to be, never the other way round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys([u64; 4]);

/// The bits of which a record must have one to have a field: the field's path, or what it begins with, is a member.
#[derive(Debug)]
pub(super) struct Needed(Keys);

impl Keys {
    pub(crate) fn of(record: TapeObject<'_>) -> Self {
        let mut keys = Self::default();
        record.iter().for_each(|(name, _)| keys.add(name));
        keys
    }

    fn add(&mut self, name: &str) {
        let hash = FxBuildHasher.hash_one(name);
        // The upper bits are the better ones.
        let bit = (hash >> 56) as usize;
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether there may be a field.
    pub(super) fn may_have(&self, needed: &Needed) -> bool {
        self.0.iter().zip(needed.0.0).any(|(have, need)| have & need != 0)
    }
}

impl Needed {
    pub(super) fn of(path: &str) -> Self {
        let mut keys = Keys::default();
        keys.add(path);
        path.match_indices('.').for_each(|(dot, _)| keys.add(&path[..dot]));
        Self(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Tape;
    use serde_json::json;

    #[test]
    fn what_is_there_is_never_missed() {
        let record = json!({"a": {"b": {"c": 1}}, "d.e": 2, "f.g": {"h": 3}, "i": null});
        let tape = Tape::of(&record);
        let keys = Keys::of(tape.first().as_object().unwrap());
        for path in ["a", "a.b", "a.b.c", "d.e", "f.g", "f.g.h", "i"] {
            assert!(keys.may_have(&Needed::of(path)), "{path}");
        }
        let absent = (0..100).filter(|number| !keys.may_have(&Needed::of(&format!("x{number}")))).count();
        assert!(absent > 90, "{absent}");
    }
}
