//! What holds for every query text and every tree.

use watchfire_diagnostics::{SourceText, Span, render};
use watchfire_kql::ast::{Expr, ExprKind, Query, Value, ValueExpr, ValueKind};
use watchfire_kql::{Parsed, parse};

use crate::reference_grammar;

/// Parses the text and checks what must hold whatever it is: spans lie inside each other and on characters, every
/// diagnostic can be rendered, and a valid query survives printing.
pub(crate) fn parse_checked(text: &str) -> Parsed {
    let parsed = parse(text);
    let source = SourceText::new("query", text);
    for problem in &parsed.diagnostics {
        let edit = problem.edit.iter().map(|edit| edit.span);
        for span in problem.labels.iter().map(|label| label.span).chain(edit) {
            check_span(text, Span::new(0, text.len()), span);
        }
        assert!(!problem.message.is_empty());
        render::full(problem, &source, render::Colour::Never);
    }
    if let Some(query) = &parsed.query {
        check_query(text, query);
        if parsed.is_valid() {
            check_round_trip(query);
        }
    }
    parsed
}

/// Whether the text is in the language, and its tree, are what the reference grammar finds.
///
/// One construct is let in on purpose although Kibana refuses it: a repeated `not` before a value, which is warned of.
/// The reference grammar goes back and forth, which takes long in deep brackets; `text` should not be deep.
pub(crate) fn check_against_reference(text: &str, parsed: &Parsed) {
    if parsed.diagnostics.iter().any(|problem| problem.code.as_str() == "KQL013") {
        return;
    }
    let expected = reference_grammar::parse(text);
    let mut found = parsed.query.clone().filter(|_| parsed.is_valid());
    if let Some(query) = &mut found {
        erase_spans(query);
    }
    assert_eq!(found, expected, "{text:?}");
}

/// Printing and parsing gives the same tree, spans aside.
pub(crate) fn check_round_trip(query: &Query) {
    let printed = query.to_string();
    let again = parse(&printed);
    let errors: Vec<_> = again.diagnostics.iter().map(|problem| &problem.message).collect();
    assert!(again.is_valid(), "{printed:?} does not parse: {errors:?}");
    let (mut before, mut after) = (query.clone(), again.query.unwrap());
    erase_spans(&mut before);
    erase_spans(&mut after);
    assert_eq!(before, after, "printed as {printed:?}");
}

fn check_span(text: &str, outer: Span, inner: Span) {
    assert!(outer.contains(inner), "{inner:?} is not inside {outer:?} of {text:?}");
    assert!(text.get(inner.range()).is_some(), "{inner:?} is not at characters of {text:?}");
}

fn check_query(text: &str, query: &Query) {
    assert_eq!(query.span, Span::new(0, text.len()));
    if let Some(expr) = &query.expr {
        check_expr(text, query.span, expr);
    }
}

fn check_in_order(spans: impl Iterator<Item = Span>) {
    let spans: Vec<Span> = spans.collect();
    for pair in spans.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{:?} and {:?} overlap", pair[0], pair[1]);
    }
}

fn check_expr(text: &str, outer: Span, expr: &Expr) {
    check_span(text, outer, expr.span);
    match &expr.kind {
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            assert!(operands.len() > 1);
            check_in_order(operands.iter().map(|operand| operand.span));
            for operand in operands {
                check_expr(text, expr.span, operand);
            }
        }
        ExprKind::Not(inner) => check_expr(text, expr.span, inner),
        ExprKind::Nested { path, inner } => {
            check_in_order([path.span, inner.span].into_iter());
            check_span(text, expr.span, path.span);
            check_expr(text, expr.span, inner);
        }
        ExprKind::Field { field, values } => {
            check_in_order([field.span, values.span].into_iter());
            check_span(text, expr.span, field.span);
            check_values(text, expr.span, values);
        }
        ExprKind::Range { field, op, value, op_span } => {
            check_in_order([field.span, *op_span, value.span].into_iter());
            check_span(text, expr.span, field.span);
            assert_eq!(&text[op_span.range()], op.as_str());
            check_value(text, expr.span, value);
        }
        ExprKind::FreeText(value) => check_value(text, expr.span, value),
    }
}

fn check_values(text: &str, outer: Span, values: &ValueExpr) {
    check_span(text, outer, values.span);
    match &values.kind {
        ValueKind::And(operands) | ValueKind::Or(operands) => {
            assert!(operands.len() > 1);
            check_in_order(operands.iter().map(|operand| operand.span));
            for operand in operands {
                check_values(text, values.span, operand);
            }
        }
        ValueKind::Not(inner) => check_values(text, values.span, inner),
        ValueKind::Value(value) => check_value(text, values.span, value),
    }
}

fn check_value(text: &str, outer: Span, value: &Value) {
    check_span(text, outer, value.span);
    assert!(!value.span.is_empty());
}

/// Sets every span to the default.
pub(crate) fn erase_spans(query: &mut Query) {
    query.span = Span::default();
    if let Some(expr) = &mut query.expr {
        erase_expr(expr);
    }
}

fn erase_expr(expr: &mut Expr) {
    expr.span = Span::default();
    match &mut expr.kind {
        ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter_mut().for_each(erase_expr),
        ExprKind::Not(inner) => erase_expr(inner),
        ExprKind::Nested { path, inner } => {
            path.span = Span::default();
            erase_expr(inner);
        }
        ExprKind::Field { field, values } => {
            field.span = Span::default();
            erase_values(values);
        }
        ExprKind::Range { field, value, op_span, .. } => {
            field.span = Span::default();
            *op_span = Span::default();
            value.span = Span::default();
        }
        ExprKind::FreeText(value) => value.span = Span::default(),
    }
}

fn erase_values(values: &mut ValueExpr) {
    values.span = Span::default();
    match &mut values.kind {
        ValueKind::And(operands) | ValueKind::Or(operands) => operands.iter_mut().for_each(erase_values),
        ValueKind::Not(inner) => erase_values(inner),
        ValueKind::Value(value) => value.span = Span::default(),
    }
}
