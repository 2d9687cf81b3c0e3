//! What the ladder of `or`, `and` and `not` can be climbed with.

use watchfire_diagnostics::Span;

use super::Parser;
use crate::ast::{Expr, ExprKind, ValueExpr, ValueKind};

/// A condition, or a value in a group.
pub(super) trait Operand: Sized {
    /// Whether field names are out of place.
    const IN_VALUES: bool;

    fn span(&self) -> Span;
    fn and(operands: Vec<Self>, span: Span) -> Self;
    fn or(operands: Vec<Self>, span: Span) -> Self;
    /// `not`, which stands at `keyword`.
    fn not(keyword: Span, inner: Self) -> Self;
    /// Reads one without connectives.
    fn atom(parser: &mut Parser<'_>) -> Option<Self>;

    /// Joins two and more; leaves a single one as it is.
    fn joined(mut operands: Vec<Self>, join: impl Fn(Vec<Self>, Span) -> Self) -> Option<Self> {
        if operands.len() < 2 {
            return operands.pop();
        }
        let span = operands.iter().map(Self::span).reduce(Span::cover)?;
        Some(join(operands, span))
    }
}

impl Operand for Expr {
    const IN_VALUES: bool = false;

    fn span(&self) -> Span {
        self.span
    }

    fn and(operands: Vec<Self>, span: Span) -> Self {
        Self { kind: ExprKind::And(operands), span }
    }

    fn or(operands: Vec<Self>, span: Span) -> Self {
        Self { kind: ExprKind::Or(operands), span }
    }

    fn not(keyword: Span, inner: Self) -> Self {
        Self { span: keyword.cover(inner.span), kind: ExprKind::Not(Box::new(inner)) }
    }

    fn atom(parser: &mut Parser<'_>) -> Option<Self> {
        parser.condition()
    }
}

impl Operand for ValueExpr {
    const IN_VALUES: bool = true;

    fn span(&self) -> Span {
        self.span
    }

    fn and(operands: Vec<Self>, span: Span) -> Self {
        Self { kind: ValueKind::And(operands), span }
    }

    fn or(operands: Vec<Self>, span: Span) -> Self {
        Self { kind: ValueKind::Or(operands), span }
    }

    fn not(keyword: Span, inner: Self) -> Self {
        Self { span: keyword.cover(inner.span), kind: ValueKind::Not(Box::new(inner)) }
    }

    fn atom(parser: &mut Parser<'_>) -> Option<Self> {
        parser.values()
    }
}
