//! Whether every event that satisfies one condition satisfies another; and parts of a condition that change nothing.
//!
//! Only what is certain is said: `false` means that nothing is known. Conditions are taken apart by their operators,
//! leaves by what they ask of a field; what follows only from several leaves together is not found.

use std::sync::Arc;

use crate::contradiction::exclusion;
use crate::{Condition, FieldLeaf, FieldTarget, Leaf, Node, Predicate};

/// Beyond about this many comparisons nothing more is looked for: this is advice.
const MAX_STEPS: usize = 20_000;
/// Most parts without effect that are told of one condition.
pub const MAX_REDUNDANCIES: usize = 20;

/// Whether it is certain that each event that satisfies `narrow` satisfies `wide`.
pub fn implies(narrow: &Condition, wide: &Condition) -> bool {
    Comparison { steps: MAX_STEPS }.implies(narrow, wide)
}

/// A part of a condition without which it would hold of the same events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redundancy {
    /// The part, as it is dumped.
    pub part: String,
    /// The part beside it that makes it so.
    pub other: String,
    /// Whether the two are operands of an `or`; else of an `and`.
    pub alternative: bool,
    /// The fields of the part.
    pub fields: Vec<Arc<str>>,
}

/// All parts of a condition that change nothing, from the outside in. That a field has a value is not told: it is often
/// only implied by how another question about it is written.
pub fn redundancies(condition: &Condition) -> Vec<Redundancy> {
    let mut found = Vec::new();
    let mut comparison = Comparison { steps: MAX_STEPS };
    let mut open = vec![condition];
    while let Some(condition) = open.pop() {
        let (operands, alternative) = match condition.node() {
            Node::Constant(_) | Node::Leaf(_) => continue,
            Node::Not(inner) => {
                open.push(inner);
                continue;
            }
            Node::And(operands) => (operands, false),
            Node::Or(operands) => (operands, true),
        };
        let mut dropped = vec![false; operands.len()];
        for (at, part) in operands.iter().enumerate() {
            let without_effect = |other: usize, comparison: &mut Comparison| {
                let other = &operands[other];
                if alternative { comparison.implies(part, other) } else { comparison.implies(other, part) }
            };
            // Of two that say the same, one stays.
            let other = (0..operands.len())
                .filter(|other| *other != at && !dropped[*other])
                .find(|other| without_effect(*other, &mut comparison));
            let Some(other) = other.filter(|_| !is_exists(part)) else { continue };
            dropped[at] = true;
            if found.len() < MAX_REDUNDANCIES {
                let (part, other) = (part.to_string(), operands[other].to_string());
                found.push(Redundancy { part, other, alternative, fields: fields(&operands[at]) });
            }
        }
        let left = operands.iter().zip(&dropped).filter(|(_, dropped)| !**dropped);
        open.extend(left.map(|(operand, _)| operand).rev());
    }
    found
}

fn is_exists(condition: &Condition) -> bool {
    matches!(condition.node(), Node::Leaf(Leaf::Field(FieldLeaf { predicate: Predicate::Exists, .. })))
}

fn fields(condition: &Condition) -> Vec<Arc<str>> {
    let mut fields = Vec::new();
    condition.for_each_leaf(&mut |leaf, _| {
        if let Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), .. }) = leaf {
            fields.push(Arc::clone(&field.name));
        }
    });
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// A comparison with an end.
struct Comparison {
    steps: usize,
}

impl Comparison {
    fn implies(&mut self, narrow: &Condition, wide: &Condition) -> bool {
        let Some(left) = self.steps.checked_sub(1) else { return false };
        self.steps = left;
        match (narrow.node(), wide.node()) {
            (Node::Constant(false), _) | (_, Node::Constant(true)) => true,
            (_, Node::And(operands)) => operands.iter().all(|wide| self.implies(narrow, wide)),
            (Node::Or(operands), _) => operands.iter().all(|narrow| self.implies(narrow, wide)),
            (Node::Leaf(narrow), Node::Leaf(wide)) => self.leaf_implies(narrow, wide),
            (Node::Not(narrow), Node::Not(wide)) => self.implies(wide, narrow),
            (Node::And(operands), Node::Or(sides)) => {
                sides.iter().any(|wide| self.implies(narrow, wide))
                    || operands.iter().any(|narrow| self.implies(narrow, wide))
            }
            (Node::And(operands), _) => operands.iter().any(|narrow| self.implies(narrow, wide)),
            (_, Node::Or(sides)) => sides.iter().any(|wide| self.implies(narrow, wide)),
            (Node::Constant(true), _)
            | (_, Node::Constant(false))
            | (Node::Leaf(_), Node::Not(_))
            | (Node::Not(_), Node::Leaf(_)) => false,
        }
    }

    fn leaf_implies(&mut self, narrow: &Leaf, wide: &Leaf) -> bool {
        match (narrow, wide) {
            (Leaf::Field(narrow), Leaf::Field(wide)) => {
                if narrow.target != wide.target {
                    return false;
                }
                self.steps = self.steps.saturating_sub(exclusion::cost(&narrow.predicate, &wide.predicate));
                exclusion::implies(&narrow.predicate, &wide.predicate)
            }
            (Leaf::Nested(narrow), Leaf::Nested(wide)) => {
                narrow.path == wide.path && self.implies(&narrow.condition, &wide.condition)
            }
            (narrow, wide) => narrow == wide,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalogue, KqlOptions, lower_kql};

    fn condition(query: &str) -> Condition {
        let parsed = watchfire_kql::parse(query);
        let lowered = lower_kql(&parsed.query.expect("a query"), &Catalogue::ecs(), &KqlOptions::default());
        lowered.condition
    }

    #[test]
    fn what_follows_from_what() {
        for (narrow, wide, expected) in [
            ("host.id: a and user.id: b", "host.id: a", true),
            ("host.id: a", "host.id: a and user.id: b", false),
            ("host.id: a", "host.id: a or user.id: b", true),
            ("host.id: (a or b)", "host.id: (c or b or a)", true),
            ("host.id: (a or d)", "host.id: (c or b or a)", false),
            ("host.id: abc", "host.id: a*", true),
            ("host.id: a*", "host.id: abc", false),
            ("host.id: a", "host.id: *", true),
            ("not host.id: *", "not host.id: a", true),
            ("not host.id: a", "not host.id: *", false),
            ("(host.id: a and user.id: b) or host.id: c", "host.id: (a or c)", true),
            ("(host.id: a or host.id: c) and user.id: b", "user.id: (b or d) and host.id: (c or a)", true),
            ("process.pid: 5", "process.pid >= 5", true),
            ("host.id: a", "user.id: a", false),
            ("host.id: a", "not host.id: b", false),
        ] {
            assert_eq!(implies(&condition(narrow), &condition(wide)), expected, "{narrow} => {wide}");
        }
    }

    #[test]
    fn parts_that_change_nothing() {
        let of = |query: &str| -> Vec<(String, bool)> {
            let found = redundancies(&condition(query));
            found.into_iter().map(|found| (found.fields.join(","), found.alternative)).collect()
        };
        assert_eq!(of("host.id: a and user.id: b"), []);
        assert_eq!(of("host.id: a and host.id: * and user.id: b"), []);
        assert_eq!(of("host.id: abc and host.id: a*"), [("host.id".to_owned(), false)]);
        assert_eq!(of("host.id: a or (host.id: a and user.id: b)"), [("host.id,user.id".to_owned(), true)]);
        assert_eq!(of("user.id: c and (process.pid: 5 or process.pid >= 3)").len(), 1);
        assert_eq!(of("not (host.id: abc and host.id: a* and user.id: b)"), [("host.id".to_owned(), false)]);
    }

    #[test]
    fn the_work_has_an_end() {
        let deep = |depth: usize, leaf: &str| {
            (0..depth)
                .fold(leaf.to_owned(), |text, at| format!("(user.id: u{at} and (host.id: h{at} or {text}))"))
        };
        assert!(!implies(&condition(&deep(40, "user.name: a")), &condition(&deep(40, "user.name: b"))));
    }
}
