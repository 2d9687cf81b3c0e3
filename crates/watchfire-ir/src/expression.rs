//! Scalar expressions: what a computed leaf runs over the values of an event (eql-semantics §5 to §10).
//!
//! ```text
//!  constructors of Expr ── check types, compute constant parts ──► Expr ──► ComputedLeaf ── holds(values) ──► bool
//! ```
//!
//! Inside an expression logic has three values: a comparison with null is null, and `and`, `or`, `not` follow Kleene.
//! At the leaf null is false. An expression is made only by its constructors, so one that exists is well typed; what
//! can still go wrong on a value (an overflow, a text that is no number) is an [`EvaluationError`].

mod arithmetic;
mod computed_leaf;
mod evaluate;
mod expr;
mod function;
mod print;
mod scalar;
mod text;
mod view;

pub use computed_leaf::{ComputedLeaf, MAX_COMBINATIONS};
pub use evaluate::EvaluationError;
pub use expr::{ArithmeticOperator, ComparisonOperator, Expr, ExprError, ExprType};
pub use function::Function;
pub use scalar::{Scalar, java_double};
pub use view::ExprView;
