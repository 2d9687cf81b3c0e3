//! Leaves on numbers, booleans, instants, versions and addresses, and regular expressions.

use rustc_hash::FxHashMap;
use watchfire_events::ValueRef;
use watchfire_ir::{Constant, Predicate};

use crate::leaf_table::LeafId;

/// Leaves that are not about the text of a value, and regular expressions, which are asked one by one.
#[derive(Debug, Default)]
pub(super) struct ScalarLeaves {
    /// Equality with an integer, for values that are integers.
    integers: FxHashMap<i128, Vec<LeafId>>,
    /// The same leaves, for other values: a text can be a number too.
    integer_leaves: Vec<(LeafId, Predicate)>,
    single: Vec<(LeafId, Predicate)>,
}

impl ScalarLeaves {
    pub(super) fn insert(&mut self, id: LeafId, predicate: &Predicate) {
        if let Predicate::Equals(Constant::Integer(number)) = predicate {
            self.integers.entry(*number).or_default().push(id);
            self.integer_leaves.push((id, predicate.clone()));
        } else {
            self.single.push((id, predicate.clone()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.integer_leaves.is_empty() && self.single.is_empty()
    }

    /// Whether a text takes longer to be asked than to be looked up.
    pub(super) fn is_costly(&self) -> bool {
        !self.is_empty()
    }

    pub(super) fn run(&self, value: ValueRef<'_>, holding: &mut Vec<LeafId>) {
        let mut ask = |leaves: &[(LeafId, Predicate)]| {
            holding.extend(leaves.iter().filter(|(_, predicate)| predicate.holds(value)).map(|&(id, _)| id));
        };
        ask(&self.single);
        let equal = match value {
            ValueRef::Integer(number) => self.integers.get(&i128::from(number)),
            ValueRef::Unsigned(number) => self.integers.get(&i128::from(number)),
            _ => return ask(&self.integer_leaves),
        };
        holding.extend(equal.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_found_as_they_are_asked() {
        let mut leaves = ScalarLeaves::default();
        let predicates: Vec<Predicate> = [4, 5, -1, i128::from(u64::MAX)]
            .map(|number| Predicate::Equals(Constant::Integer(number)))
            .into();
        for (at, predicate) in (0..).zip(&predicates) {
            leaves.insert(LeafId(at), predicate);
        }
        for value in [
            ValueRef::Integer(5),
            ValueRef::Integer(-1),
            ValueRef::Integer(7),
            ValueRef::Unsigned(u64::MAX),
            ValueRef::Double(4.0),
            ValueRef::Text("5.0"),
            ValueRef::Boolean(true),
        ] {
            let mut found = Vec::new();
            leaves.run(value, &mut found);
            let asked = (0..).zip(&predicates).filter(|(_, predicate)| predicate.holds(value));
            assert_eq!(found, asked.map(|(at, _)| LeafId(at)).collect::<Vec<_>>(), "{value:?}");
        }
    }
}
