//! The typed syntax tree of an EQL query.
//!
//! Every node knows its [`Span`] in the query text, operators, names and list elements included. The tree holds what the
//! author wrote, with four simplifications that lose no meaning, so that equal queries have equal trees:
//!
//! * parentheses are gone (the span of an expression includes those around it);
//! * a unary plus is gone;
//! * `a and b and c` is *one* [`And`](ExprKind::And) with three operands, likewise `or`; `(a and b) and c` stays nested;
//! * back-quotes of names are gone, and a quoted part that holds dots is cut at them.
//!
//! What the language parses only to refuse (`join`, array indexes, process relations, method calls) and the extensions
//! of Elastic Defend are nodes too. A tree that holds an error diagnostic beside it may contain them and
//! [`ExprKind::Invalid`]; the tree of a [valid](crate::Parsed::is_valid) query never does.

mod expression;
mod query;
mod spans;
mod walk;

pub use expression::{
    ArithmeticOp, ArrayIndex, CompareOp, Constant, Expr, ExprKind, FieldName, Literal, MatchOp, NamePart,
    Number, NumberValue, ProcessRelation, StringLiteral,
};
pub use query::{
    Alias, Category, EventQuery, Join, JoinKey, MaxSpan, Pipe, PipeKind, Query, QueryKind, Runs, Sample,
    SampleTerm, Sequence, SequenceTerm, TimeUnit,
};
pub use watchfire_diagnostics::Span;
