//! The syntax tree of a query.
//!
//! The tree keeps what the author wrote, not what it will mean: digits stay text, a value group stays a group, and a
//! quoted value is told apart from an unquoted one, because the type of the field decides later what either of them
//! asks for (kql-semantics §3). Every node carries its span in the query text. A parenthesised expression's span
//! includes its parentheses.
//!
//! Invariants of a tree made by the parser, which a tree made by hand should keep if it is to be printed:
//!
//! - `And` and `Or` hold at least two operands;
//! - a [`ValueLiteral::Text`] has no white space at its ends and is not `null`, `true` or `false`;
//! - a [`WildcardPattern`] holds at least one [`WildcardPart::Any`], no empty text, and no two texts in a row; as a
//!   value it is more than one lone `Any`, which is [`ValueLiteral::Exists`].

use watchfire_diagnostics::Span;

/// A whole query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The condition; `None` is the empty query, which matches every event.
    pub expr: Option<Expr>,
    /// The whole text.
    pub span: Span,
}

/// A condition on one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, parentheses around it included.
    pub span: Span,
}

/// The kinds of conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// `a and b and …`.
    And(Vec<Expr>),
    /// `a or b or …`.
    Or(Vec<Expr>),
    /// `not a`.
    Not(Box<Expr>),
    /// `path: { … }`: one object under `path` satisfies the whole inner condition (kql-semantics §5). Field names
    /// inside are relative to the path.
    Nested {
        /// The field that holds the objects.
        path: FieldName,
        /// The condition on one object.
        inner: Box<Expr>,
    },
    /// `field: value` or `field: (value or …)`.
    Field {
        /// The field.
        field: FieldName,
        /// The value, or the group of values (kql-semantics §3.4).
        values: ValueExpr,
    },
    /// `field > value` and its like.
    Range {
        /// The field.
        field: FieldName,
        /// The comparison.
        op: RangeOp,
        /// The bound.
        value: Value,
        /// Where the operator stands.
        op_span: Span,
    },
    /// A value without a field, looked for in all searched fields (kql-semantics §6).
    FreeText(Value),
}

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeOp {
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

impl RangeOp {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }
}

/// A value of a field, or several under `and`, `or`, `not`.
///
/// Each value stands for a leaf of its own: `f: (a and not b)` means `f: a and not f: b` (kql-semantics §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueExpr {
    /// What it is.
    pub kind: ValueKind,
    /// Where it stands, parentheses around it included.
    pub span: Span,
}

/// The kinds of value expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `a and b and …`.
    And(Vec<ValueExpr>),
    /// `a or b or …`.
    Or(Vec<ValueExpr>),
    /// `not a`.
    Not(Box<ValueExpr>),
    /// One value.
    Value(Value),
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What it is.
    pub kind: ValueLiteral,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// The kinds of values (kql-semantics §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueLiteral {
    /// `null`, unquoted.
    Null,
    /// `true` or `false`, unquoted.
    Boolean(bool),
    /// Any other unquoted text; digits stay text.
    Text(String),
    /// A quoted text.
    Phrase(String),
    /// An unquoted text with `*` in it.
    Wildcard(WildcardPattern),
    /// A lone `*`: the field has a value (kql-semantics §3.3).
    Exists,
}

/// A text with `*` in it.
///
/// An escaped `\*` is part of a text, and so is `?`, which is a plain character in this language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WildcardPattern {
    /// The texts and the stars between them, in order.
    pub parts: Vec<WildcardPart>,
}

impl WildcardPattern {
    /// Whether any of its texts holds white space.
    ///
    /// On fields that Elasticsearch searches with `query_string`, such a pattern falls apart into one pattern per word,
    /// joined by *or* (kql-semantics §3.2). Only the type of the field can tell, so the warning belongs to whoever
    /// knows it.
    pub fn holds_whitespace(&self) -> bool {
        self.parts.iter().any(|part| match part {
            WildcardPart::Text(text) => text.contains(char::is_whitespace),
            WildcardPart::Any => false,
        })
    }
}

/// A piece of a [`WildcardPattern`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WildcardPart {
    /// These characters, exactly.
    Text(String),
    /// `*`: any run of characters, also none.
    Any,
}

/// The name of a field, or a pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// The name without quotes and escapes.
    pub name: NamePattern,
    /// Whether it is written in quotes.
    pub quoted: bool,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// One name, or all names of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePattern {
    /// This name.
    Exact(String),
    /// Every known field whose dotted name fits; `*` crosses dots (kql-semantics §3.5).
    Pattern(WildcardPattern),
}

impl NamePattern {
    /// The name, if it is a single one.
    pub fn as_exact(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name),
            Self::Pattern(_) => None,
        }
    }
}
