//! Values for computed leaves, found by trying combinations.

use watchfire_events::{FieldType, ValueRef};
use watchfire_ir::{ComputedLeaf, FieldRef};

use super::state::State;
use super::value::Value;

/// Values for the fields of computed leaves, tried one after the other.
pub(super) struct Trying<'t> {
    pub(super) fields: &'t [(&'t FieldRef, usize)],
    pub(super) options: &'t [Vec<Vec<Value>>],
    pub(super) leaves: &'t [(&'t ComputedLeaf, bool)],
    pub(super) left: usize,
}

impl Trying<'_> {
    pub(super) fn choose(&mut self, chosen: &mut Vec<usize>, state: &State<'_>) -> bool {
        if chosen.len() == self.fields.len() {
            return true;
        }
        for at in 0..self.options[chosen.len()].len() {
            if self.left == 0 {
                return false;
            }
            self.left -= 1;
            chosen.push(at);
            if self.leaves.iter().all(|(leaf, want)| self.is_possible(leaf, *want, chosen, state))
                && self.choose(chosen, state)
            {
                return true;
            }
            chosen.pop();
        }
        false
    }

    /// Whether a leaf comes out as it must, if all of its fields have been chosen.
    fn is_possible(&self, leaf: &ComputedLeaf, want: bool, chosen: &[usize], state: &State<'_>) -> bool {
        let mut values: Vec<(FieldType, &[Value])> = Vec::new();
        for field in leaf.fields() {
            let at = self.fields.iter().position(|(other, _)| other.name == field.name);
            let Some((at, &option)) = at.and_then(|at| Some((at, chosen.get(at)?))) else { return true };
            values.push((state.needs[self.fields[at].1].column, &self.options[at][option]));
        }
        // Only the last one chosen can have changed anything, but the leaves are few.
        ask(leaf, &values) == want
    }
}

/// Whether a computed leaf holds for the values of its fields; what cannot be computed does not hold.
fn ask(leaf: &ComputedLeaf, values: &[(FieldType, &[Value])]) -> bool {
    fn go(leaf: &ComputedLeaf, rest: &[(FieldType, &[Value])], done: &mut Vec<Vec<ValueRef<'_>>>) -> bool {
        let Some(((column, values), rest)) = rest.split_first() else {
            return leaf.holds(done).unwrap_or(false);
        };
        // One value is enough here: fields of computed leaves are given no more.
        match values.first() {
            None => {
                let mut longer = done.clone();
                longer.push(Vec::new());
                go(leaf, rest, &mut longer)
            }
            Some(value) => value
                .in_column(*column, |value| {
                    let mut longer: Vec<Vec<ValueRef<'_>>> = done.clone();
                    longer.push(vec![value]);
                    go(leaf, rest, &mut longer)
                })
                .unwrap_or(false),
        }
    }
    go(leaf, values, &mut Vec::new())
}
