//! The leaves of a condition.

use std::fmt;
use std::sync::Arc;

use crate::{ComputedLeaf, Condition, FieldRef, Pattern, Predicate, TokenMatch};

/// A question about one event, answered with yes or no.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// Does any value of a field satisfy a predicate?
    Field(FieldLeaf),
    /// Does one object of a nested field satisfy a whole condition?
    Nested(NestedLeaf),
    /// Does any field hold this text?
    AnyField(AnyFieldLeaf),
    /// Does some combination of values make an expression true?
    Computed(ComputedLeaf),
}

/// A field, or several that one name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldTarget {
    /// One field.
    Field(FieldRef),
    /// Every field whose dotted name fits the pattern (kql-semantics §3.5). Each is asked by its own type.
    Names(Pattern),
    /// The field of this name, or any field below it (`exists` on an object, kql-semantics §3.3).
    Below(Arc<str>),
}

/// Does any value of the target satisfy the predicate?
#[derive(Clone, Debug, PartialEq)]
pub struct FieldLeaf {
    /// Which field.
    pub target: FieldTarget,
    /// What its value must be.
    pub predicate: Predicate,
}

/// Does one of the objects under `path` satisfy `condition`, whose fields carry their full names?
#[derive(Clone, Debug, PartialEq)]
pub struct NestedLeaf {
    /// Dotted name of the list of objects.
    pub path: Arc<str>,
    /// What one object must satisfy.
    pub condition: Box<Condition>,
}

/// Free text (kql-semantics §6): exact in fields of exact text, numbers and booleans, by tokens in analysed ones.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyFieldLeaf {
    /// For fields that are not analysed: the whole value.
    pub whole: Pattern,
    /// For analysed fields.
    pub tokens: TokenMatch,
}

impl From<FieldLeaf> for Leaf {
    fn from(leaf: FieldLeaf) -> Self {
        Self::Field(leaf)
    }
}

impl From<NestedLeaf> for Leaf {
    fn from(leaf: NestedLeaf) -> Self {
        Self::Nested(leaf)
    }
}

impl From<AnyFieldLeaf> for Leaf {
    fn from(leaf: AnyFieldLeaf) -> Self {
        Self::AnyField(leaf)
    }
}

impl From<ComputedLeaf> for Leaf {
    fn from(leaf: ComputedLeaf) -> Self {
        Self::Computed(leaf)
    }
}

impl FieldLeaf {
    /// A leaf on one field.
    pub fn new(field: FieldRef, predicate: Predicate) -> Self {
        Self { target: FieldTarget::Field(field), predicate }
    }
}

impl fmt::Display for FieldTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => write!(f, "{field}"),
            Self::Names(pattern) => write!(f, "names({pattern})"),
            Self::Below(name) => write!(f, "below({name})"),
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(leaf) => write!(f, "[{} {}]", leaf.target, leaf.predicate),
            Self::Nested(leaf) => write!(f, "[nested {} {}]", leaf.path, leaf.condition),
            Self::AnyField(leaf) => write!(f, "[any-field {} {}]", leaf.whole, leaf.tokens),
            Self::Computed(leaf) => write!(f, "[{leaf}]"),
        }
    }
}
