//! What is said otherwise in Endgame's EQL, said in Elasticsearch's (eql-semantics §16).
//!
//! Only what keeps its meaning: `match` is not rewritten, since the two dialects have different regular expressions.

use watchfire_diagnostics::Span;

use crate::ast::{Constant, Expr, ExprKind, Literal, MatchOp};

/// An expression of the same meaning as a call of a function that only Endgame's EQL has.
pub(crate) fn rewrite_call(name: &str, arguments: &[Expr]) -> Option<String> {
    let kind = match (name.to_ascii_lowercase().as_str(), arguments) {
        ("wildcard", [subject, patterns @ ..]) => ExprKind::Match {
            subject: Box::new(subject.clone()),
            op: MatchOp::Colon,
            op_span: Span::default(),
            patterns: constants(patterns)?,
        },
        ("arraycontains", [subject, elements @ ..]) => {
            constants(elements)?;
            ExprKind::In {
                subject: Box::new(subject.clone()),
                ignore_case: true,
                negated: false,
                op_span: Span::default(),
                list: elements.to_vec(),
            }
        }
        ("safe", [operand]) => return Some(format!("({operand})")),
        _ => return None,
    };
    Some(Expr::new(kind, Span::default()).to_string())
}

/// `receiver:name(argument, …)` as a call.
pub(crate) fn rewrite_method(receiver: &Expr, name: &str, name_span: Span, arguments: &[Expr]) -> String {
    let arguments = std::iter::once(receiver).chain(arguments).cloned().collect();
    let kind = ExprKind::Call { name: name.to_owned(), name_span, ignore_case: false, arguments };
    Expr::new(kind, Span::default()).to_string()
}

/// The constants that the expressions are; `None` if one is something else, or there is none.
fn constants(expressions: &[Expr]) -> Option<Vec<Constant>> {
    let constant = |expression: &Expr| match &expression.kind {
        ExprKind::Literal(literal @ Literal::String(_)) => {
            Some(Constant { literal: literal.clone(), span: expression.span })
        }
        _ => None,
    };
    let constants: Option<Vec<_>> = expressions.iter().map(constant).collect();
    constants.filter(|constants| !constants.is_empty())
}
