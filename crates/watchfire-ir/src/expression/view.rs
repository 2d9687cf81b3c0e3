//! The inside of an expression, for those who read it without evaluating it.

use watchfire_events::IpBlock;

use super::expr::{ArithmeticOperator, ComparisonOperator, Expr, Node};
use super::function::Function;
use super::scalar::Scalar;
use crate::{FieldRef, Regex};

/// What an [`Expr`] is at its top.
#[derive(Clone, Copy, Debug)]
pub enum ExprView<'a> {
    /// A constant.
    Constant(&'a Scalar<'static>),
    /// The value of a field.
    Field(&'a FieldRef),
    /// Three-valued `not`.
    Not(&'a Expr),
    /// Three-valued `and`.
    And(&'a [Expr]),
    /// Three-valued `or`.
    Or(&'a [Expr]),
    /// Whether it is null.
    IsNull(&'a Expr),
    /// A comparison.
    Compare(ComparisonOperator, &'a Expr, &'a Expr),
    /// Equality of texts without regard to case.
    EqualIgnoringCase(&'a Expr, &'a Expr),
    /// Arithmetic.
    Arithmetic(ArithmeticOperator, &'a Expr, &'a Expr),
    /// `-operand`.
    Negate(&'a Expr),
    /// Whether the first is one of the others.
    In(&'a Expr, &'a [Expr]),
    /// Whether its whole text fits.
    Fits(&'a Expr, &'a Regex),
    /// Whether it is an address in one of the blocks.
    Within(&'a Expr, &'a [IpBlock]),
    /// A call: function, whether it ignores case, arguments.
    Call(Function, bool, &'a [Expr]),
}

impl Expr {
    /// What it is at its top.
    pub fn view(&self) -> ExprView<'_> {
        match &self.0 {
            Node::Constant(value) => ExprView::Constant(value),
            Node::Field(field) => ExprView::Field(field),
            Node::Not(inner) => ExprView::Not(inner),
            Node::And(operands) => ExprView::And(operands),
            Node::Or(operands) => ExprView::Or(operands),
            Node::IsNull(inner) => ExprView::IsNull(inner),
            Node::Compare { operator, left, right } => ExprView::Compare(*operator, left, right),
            Node::EqualIgnoringCase { left, right } => ExprView::EqualIgnoringCase(left, right),
            Node::Arithmetic { operator, left, right } => ExprView::Arithmetic(*operator, left, right),
            Node::Negate(inner) => ExprView::Negate(inner),
            Node::In { subject, list } => ExprView::In(subject, list),
            Node::Fits { subject, regex } => ExprView::Fits(subject, regex),
            Node::Within { subject, blocks } => ExprView::Within(subject, blocks),
            Node::Call { function, ignore_case, arguments } => {
                ExprView::Call(*function, *ignore_case, arguments)
            }
        }
    }
}
