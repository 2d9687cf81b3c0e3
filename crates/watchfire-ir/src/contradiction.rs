//! Conditions, and parts of conditions, that no event satisfies.
//!
//! ```text
//!  (and A (or B C))      A with B excluded, A with C not:  B is a dead side of the `or`
//!       │    └┴── alternatives: each is looked at together with what stands around it
//!       └─ demands: leaves and negated leaves, compared with each other
//! ```
//!
//! Two demands exclude each other if
//!
//! - both want a value of a field that has one value per event, and no value satisfies both;
//! - one wants a value, and the other refuses all such values (a field of many values makes no difference here).
//!
//! Only what is certain is said, and the work is bounded: this is advice.

pub(crate) mod exclusion;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::exclusion::{cost, excludes, implies, is_empty};
use crate::{Condition, FieldLeaf, FieldTarget, Leaf, Node, Predicate, Schema};

/// Most contradictions that are told of one condition.
pub const MAX_CONTRADICTIONS: usize = 20;
/// Beyond about this many comparisons of values nothing more is looked for.
const MAX_COMPARISONS: usize = 1_000_000;

/// Two demands that exclude each other; or one that no value satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The field of which both are.
    pub field: Arc<str>,
    /// The demands as they are dumped, the outer one first.
    pub demands: Vec<String>,
    /// Whether with them the whole condition holds of no event; else it is one side of an `or`.
    pub decides: bool,
}

/// All contradictions in a condition, from the outside in.
pub fn contradictions(condition: &Condition, schema: &dyn Schema) -> Vec<Contradiction> {
    let mut search =
        Search { schema, demands: FxHashMap::default(), budget: MAX_COMPARISONS, found: Vec::new() };
    search.conjunction((condition, false), true);
    search.found
}

/// A leaf on one field that must, or if `negated` must not, hold.
#[derive(Clone, Copy)]
struct Demand<'a> {
    field: &'a Arc<str>,
    leaf: &'a FieldLeaf,
    negated: bool,
}

/// A part of the condition, and whether it stands under an odd number of `not`s.
type Part<'a> = (&'a Condition, bool);

struct Search<'a> {
    schema: &'a dyn Schema,
    /// What must hold around the place that is looked at, by field.
    demands: FxHashMap<&'a str, Vec<Demand<'a>>>,
    budget: usize,
    found: Vec<Contradiction>,
}

impl<'a> Search<'a> {
    /// Looks at a part that must hold, as [`Search::demands`] must. `decides` tells whether nothing else could hold in
    /// its place.
    fn conjunction(&mut self, part: Part<'a>, decides: bool) {
        let mut added = Vec::new();
        if let Some(alternatives) = self.demand_all(part, decides, &mut added) {
            for side in alternatives {
                if self.budget == 0 || self.found.len() >= MAX_CONTRADICTIONS {
                    break;
                }
                self.conjunction(side, false);
            }
        }
        for field in added {
            self.demands.get_mut(field).and_then(Vec::pop);
        }
    }

    /// Adds the demands of a part, the fields of which go to `added`, and returns the sides of every `or` in it. `None`
    /// after a contradiction, behind which nothing more is worth saying.
    fn demand_all(
        &mut self,
        part: Part<'a>,
        decides: bool,
        added: &mut Vec<&'a str>,
    ) -> Option<Vec<Part<'a>>> {
        let mut alternatives = Vec::new();
        let mut open = vec![part];
        while let Some((condition, negated)) = open.pop() {
            match condition.node() {
                Node::Not(inner) => open.push((inner, !negated)),
                Node::Leaf(Leaf::Field(leaf)) => {
                    let FieldTarget::Field(field) = &leaf.target else { continue };
                    let demand = Demand { field: &field.name, leaf, negated };
                    let mut around = self.demands.remove(&*field.name).unwrap_or_default();
                    let earlier = around.iter().find(|earlier| self.exclude(**earlier, demand)).copied();
                    let contradicts = earlier.is_some() || (!negated && is_empty(&leaf.predicate));
                    around.push(demand);
                    self.demands.insert(&field.name, around);
                    added.push(&field.name);
                    if contradicts {
                        self.report(earlier, demand, decides);
                        return None;
                    }
                }
                // The objects of a list are many, and other leaves have no one field.
                Node::Leaf(_) | Node::Constant(_) => {}
                Node::And(operands) | Node::Or(operands) => {
                    let each = operands.iter().map(|operand| (operand, negated));
                    match (condition.node(), negated) {
                        (Node::And(_), false) | (Node::Or(_), true) => open.extend(each.rev()),
                        (Node::Or(_), false) => alternatives.extend(each),
                        // An exclusion that repeats what is demanded around it says too much, but nothing wrong.
                        _ => {}
                    }
                }
            }
        }
        Some(alternatives)
    }

    fn exclude(&mut self, a: Demand<'_>, b: Demand<'_>) -> bool {
        if a.negated && b.negated {
            return false;
        }
        let (left, right) = (&a.leaf.predicate, &b.leaf.predicate);
        let cost = cost(left, right);
        if cost > self.budget {
            self.budget = 0;
            return false;
        }
        self.budget -= cost;
        match (a.negated, b.negated) {
            (false, false) => {
                a.leaf.target == b.leaf.target
                    && self.schema.is_single_valued(a.field)
                    && excludes(left, right)
            }
            (true, _) => refuses(a, b),
            (_, true) => refuses(b, a),
        }
    }

    fn report(&mut self, earlier: Option<Demand<'_>>, demand: Demand<'_>, decides: bool) {
        let dump = |demand: Demand<'_>| {
            let leaf = Condition::leaf(demand.leaf.clone());
            if demand.negated { leaf.negate() } else { leaf }.to_string()
        };
        let demands = earlier.into_iter().chain([demand]).map(dump).collect();
        let found = Contradiction { field: Arc::clone(demand.field), demands, decides };
        if self.found.len() < MAX_CONTRADICTIONS && !self.found.contains(&found) {
            self.found.push(found);
        }
    }
}

/// Whether the refusal lets through no value that the wish could be satisfied with.
fn refuses(refusal: Demand<'_>, wish: Demand<'_>) -> bool {
    let same_reading = refusal.leaf.target == wish.leaf.target || refusal.leaf.predicate == Predicate::Exists;
    same_reading && implies(&wish.leaf.predicate, &refusal.leaf.predicate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalogue, EqlOptions, lower_eql};

    /// `field: demands` of each contradiction, with `!` before those that decide.
    fn found(condition: &str) -> Vec<String> {
        let parsed = watchfire_eql::parse(&format!("any where {condition}"));
        let catalogue = Catalogue::ecs();
        let lowered = lower_eql(&parsed.query.unwrap(), &catalogue, &EqlOptions::default());
        let plan = lowered.plan.unwrap_or_else(|| panic!("{condition}: {:?}", lowered.diagnostics));
        let all = plan.conditions().into_iter().flat_map(|condition| contradictions(condition, &catalogue));
        all.map(|found| {
            let decides = if found.decides { "!" } else { "" };
            format!("{decides}{}: {}", found.field, found.demands.join(" "))
        })
        .collect()
    }

    #[test]
    fn says_what_is_certain() {
        let pid_1_2 = "!process.pid: [process.pid:long = 1] [process.pid:long = 2]";
        for (condition, expected) in [
            ("process.pid == 1 and process.pid == 2", vec![pid_1_2]),
            ("process.pid == 1 and not (process.pid != 2 or process.name == \"a\")", vec![pid_1_2]),
            (
                "process.pid > 5 and process.pid < 3",
                vec!["!process.pid: [process.pid:long in (5, ∞)] [process.pid:long in (-∞, 3)]"],
            ),
            (
                "process.pid == 1 and (process.pid == 2 or process.name == \"a\")",
                vec!["process.pid: [process.pid:long = 1] [process.pid:long = 2]"],
            ),
            // Fields of many values: only what is both wanted and refused.
            ("process.args == \"a\" and process.args == \"b\"", vec![]),
            (
                "process.args == \"a\" and not process.args in (\"a\", \"b\")",
                vec![
                    "!process.args: [process.args:keyword is \"a\"] (not [process.args:keyword is \"a\" \"b\"])",
                ],
            ),
            (
                "process.name : \"a*\" and process.name == null",
                vec!["!process.name: [process.name:keyword is~ `a*`] (not [process.name:keyword exists])"],
            ),
            // What the other side lets through.
            ("process.args in (\"a\", \"b\") and not process.args == \"a\"", vec![]),
            ("process.name : \"a\" and process.name == \"A\"", vec![]),
            ("process.name : \"a*\" and not process.name : \"ab*\"", vec![]),
            ("process.pid == 1 or process.pid == 2", vec![]),
            ("process.pid >= 3 and process.pid <= 3", vec![]),
        ] {
            assert_eq!(found(condition), expected, "{condition}");
        }
    }

    #[test]
    fn the_work_is_bounded() {
        let list = |count: usize, form: &dyn Fn(usize) -> String, operator: &str| {
            (0..count).map(form).collect::<Vec<_>>().join(operator)
        };
        let many = list(10_000, &|at| format!("process.pid != {at}"), " and ");
        assert!(found(&many).is_empty());
        let sides = list(2_000, &|at| format!("(process.pid == {at} and user.id == \"a\")"), " or ");
        assert_eq!(found(&format!("process.pid == 1000000 and ({sides})")).len(), MAX_CONTRADICTIONS);
    }
}
