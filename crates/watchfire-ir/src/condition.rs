//! The tree above the leaves.

use std::fmt;

use rustc_hash::FxHashSet;

use crate::Leaf;

/// From this many operands on, repetitions are found by hashing.
const LONG_LIST: usize = 32;

/// A condition on one event: leaves under `and`, `or` and `not`, as sets of events.
///
/// Made only by the constructors below, which keep it in a simple form: no constant below an operator, no `and`
/// directly inside an `and` (likewise `or`), no double `not`, at least two operands, none of them twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Node);

/// What a [`Condition`] is at its top.
#[expect(
    clippy::large_enum_variant,
    reason = "a tree has some dozen nodes, most of them leaves; boxing saves nothing"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Holds for every event (`true`) or for none.
    Constant(bool),
    /// A question about the event.
    Leaf(Leaf),
    /// Holds where the operand does not.
    Not(Box<Condition>),
    /// Holds where every operand does.
    And(Vec<Condition>),
    /// Holds where any operand does.
    Or(Vec<Condition>),
}

impl Condition {
    /// The condition that always, or never, holds.
    pub fn constant(value: bool) -> Self {
        Self(Node::Constant(value))
    }

    /// A single leaf.
    pub fn leaf(leaf: impl Into<Leaf>) -> Self {
        Self(Node::Leaf(leaf.into()))
    }

    /// The complement.
    #[must_use]
    pub fn negate(self) -> Self {
        match self.0 {
            Node::Constant(value) => Self::constant(!value),
            Node::Not(inner) => *inner,
            other => Self(Node::Not(Box::new(Self(other)))),
        }
    }

    /// The intersection; of nothing, everything.
    pub fn all(operands: impl IntoIterator<Item = Self>) -> Self {
        match gather(operands, false) {
            None => Self::constant(false),
            Some(mut list) => match list.len() {
                0 => Self::constant(true),
                1 => list.remove(0),
                _ => Self(Node::And(list)),
            },
        }
    }

    /// The union; of nothing, nothing.
    pub fn any(operands: impl IntoIterator<Item = Self>) -> Self {
        match gather(operands, true) {
            None => Self::constant(true),
            Some(mut list) => match list.len() {
                0 => Self::constant(false),
                1 => list.remove(0),
                _ => Self(Node::Or(list)),
            },
        }
    }

    /// What it is at its top.
    pub fn node(&self) -> &Node {
        &self.0
    }

    /// Calls `visit` with each leaf and whether it stands under an odd number of `not`s, from left to right.
    pub fn for_each_leaf<'a>(&'a self, visit: &mut dyn FnMut(&'a Leaf, bool)) {
        self.walk(false, visit);
    }

    fn walk<'a>(&'a self, negated: bool, visit: &mut dyn FnMut(&'a Leaf, bool)) {
        match &self.0 {
            Node::Constant(_) => {}
            Node::Leaf(leaf) => visit(leaf, negated),
            Node::Not(inner) => inner.walk(!negated, visit),
            Node::And(operands) | Node::Or(operands) => {
                for operand in operands {
                    operand.walk(negated, visit);
                }
            }
        }
    }
}

/// The operands of one `and` (`absorbing` false) or `or` (`absorbing` true), flattened, without neutral elements and
/// repetitions. `None` if an operand decides the whole.
fn gather(operands: impl IntoIterator<Item = Condition>, absorbing: bool) -> Option<Vec<Condition>> {
    let mut list: Vec<Condition> = Vec::new();
    let mut dumps: FxHashSet<String> = FxHashSet::default();
    for operand in operands {
        let nested = match operand.0 {
            Node::Constant(value) if value == absorbing => return None,
            Node::Constant(_) => continue,
            Node::And(inner) if !absorbing => inner,
            Node::Or(inner) if absorbing => inner,
            other => vec![Condition(other)],
        };
        for operand in nested {
            // Long lists would take quadratic time to compare one by one; equal conditions have equal dumps.
            let known = if list.len() < LONG_LIST {
                list.contains(&operand)
            } else {
                if dumps.is_empty() {
                    dumps.extend(list.iter().map(ToString::to_string));
                }
                !dumps.insert(operand.to_string())
            };
            if !known {
                list.push(operand);
            }
        }
    }
    Some(list)
}

/// The dump: stable, one line, every operator parenthesised.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, operands: &[Self]| {
            write!(f, "({name}")?;
            for operand in operands {
                write!(f, " {operand}")?;
            }
            f.write_str(")")
        };
        match &self.0 {
            Node::Constant(value) => write!(f, "{value}"),
            Node::Leaf(leaf) => write!(f, "{leaf}"),
            Node::Not(inner) => write!(f, "(not {inner})"),
            Node::And(operands) => list(f, "and", operands),
            Node::Or(operands) => list(f, "or", operands),
        }
    }
}
