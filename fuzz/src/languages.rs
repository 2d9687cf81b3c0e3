//! The query languages: any text is read, places are places in it, and what is printed reads as the same query.

use watchfire_diagnostics::{Severity, Span};
use watchfire_kql::ast::{Expr, ExprKind, Value, ValueExpr, ValueKind};
use watchfire_kql::lucene::{LuceneExpr, LuceneKind};

use crate::spans::{check_diagnostics, check_inside, check_span};

/// EQL: `eql::parse` and `eql::parse_expression`.
///
/// Spans nest; a valid query printed and parsed is the same tree, and prints the same.
pub fn eql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = watchfire_eql::parse(text);
    check_diagnostics(text, &parsed.diagnostics);
    let valid = parsed.is_valid();
    if let Some(mut query) = parsed.query {
        let mut around: Vec<Span> = Vec::new();
        query.for_each_span(&mut |depth, span| {
            around.truncate(depth);
            match around.last() {
                Some(&outer) => check_inside(text, outer, *span),
                None => check_span(text, *span),
            }
            around.push(*span);
        });
        if valid {
            let printed = query.to_string();
            let again = watchfire_eql::parse(&printed);
            assert!(again.is_valid(), "{text:?} is printed as {printed:?}: {:?}", again.diagnostics);
            let again = again.query.expect("a valid query has a tree");
            assert_eq!(again.to_string(), printed, "of {text:?}");
            assert_eq!(again.without_spans(), query.without_spans(), "{text:?} is printed as {printed:?}");
        }
    } else {
        assert!(!valid, "{text:?} is valid, and has no tree");
    }
    eql_expression(text);
}

fn eql_expression(text: &str) {
    let parsed = watchfire_eql::parse_expression(text);
    check_diagnostics(text, &parsed.diagnostics);
    let valid = parsed.is_valid();
    if let Some(expression) = parsed.expression.filter(|_| valid) {
        let printed = expression.to_string();
        let again = watchfire_eql::parse_expression(&printed);
        assert!(again.is_valid(), "{text:?} is printed as {printed:?}: {:?}", again.diagnostics);
        let again = again.expression.expect("a valid expression has a tree");
        assert_eq!(again.without_spans(), expression.without_spans(), "{text:?} is printed as {printed:?}");
    }
}

/// KQL: `kql::parse`.
///
/// Spans nest; a valid query printed and parsed prints the same.
pub fn kql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = watchfire_kql::parse(text);
    check_diagnostics(text, &parsed.diagnostics);
    let Some(query) = &parsed.query else { return };
    assert_eq!(query.span, Span::new(0, text.len()));
    if let Some(expr) = &query.expr {
        kql_spans(text, query.span, expr);
    }
    if parsed.is_valid() {
        let printed = query.to_string();
        let again = watchfire_kql::parse(&printed);
        assert!(again.is_valid(), "{text:?} is printed as {printed:?}: {:?}", again.diagnostics);
        let again = again.query.expect("a valid query has a tree").to_string();
        assert_eq!(again, printed, "of {text:?}");
    }
}

/// Reads ES|QL; what is printed of a query is the same query.
pub fn esql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = watchfire_esql::parse(text);
    check_diagnostics(text, &parsed.diagnostics);
    let Some(query) = &parsed.query else { return };
    assert_eq!(query.span, Span::new(0, text.len()));
    for command in &query.commands {
        check_inside(text, query.span, command.span);
    }
    if parsed.is_valid() {
        let printed = query.to_string();
        let again = watchfire_esql::parse(&printed);
        assert!(again.is_valid(), "{text:?} is printed as {printed:?}: {:?}", again.diagnostics);
        assert_eq!(again.query.map(|query| query.to_string()), Some(printed));
    }
}

fn kql_spans(text: &str, outer: Span, expr: &Expr) {
    check_inside(text, outer, expr.span);
    match &expr.kind {
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            for operand in operands {
                kql_spans(text, expr.span, operand);
            }
        }
        ExprKind::Not(inner) => kql_spans(text, expr.span, inner),
        ExprKind::Nested { path, inner } => {
            check_inside(text, expr.span, path.span);
            kql_spans(text, expr.span, inner);
        }
        ExprKind::Field { field, values } => {
            check_inside(text, expr.span, field.span);
            kql_value_spans(text, expr.span, values);
        }
        ExprKind::Range { field, op, value, op_span } => {
            check_inside(text, expr.span, field.span);
            check_inside(text, expr.span, value.span);
            assert_eq!(&text[op_span.range()], op.as_str());
        }
        ExprKind::FreeText(Value { span, .. }) => check_inside(text, expr.span, *span),
    }
}

fn kql_value_spans(text: &str, outer: Span, values: &ValueExpr) {
    check_inside(text, outer, values.span);
    match &values.kind {
        ValueKind::And(operands) | ValueKind::Or(operands) => {
            for operand in operands {
                kql_value_spans(text, values.span, operand);
            }
        }
        ValueKind::Not(inner) => kql_value_spans(text, values.span, inner),
        ValueKind::Value(value) => check_inside(text, values.span, value.span),
    }
}

/// Lucene's query strings: `kql::lucene::parse`.
///
/// Spans nest; without an error there is a tree. The language has no printer to go round by.
pub fn lucene(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = watchfire_kql::lucene::parse(text);
    check_diagnostics(text, &parsed.diagnostics);
    let failed = parsed.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    assert!(failed || parsed.query.is_some(), "{text:?} has neither an error nor a tree");
    if let Some(expr) = parsed.query.as_ref().and_then(|query| query.expr.as_ref()) {
        lucene_spans(text, Span::new(0, text.len()), expr);
    }
}

fn lucene_spans(text: &str, outer: Span, expr: &LuceneExpr) {
    check_inside(text, outer, expr.span);
    match &expr.kind {
        LuceneKind::Boolean(clauses) => {
            for clause in clauses {
                lucene_spans(text, expr.span, &clause.expr);
            }
        }
        LuceneKind::Scoped { field, inner } => {
            check_inside(text, expr.span, field.span);
            lucene_spans(text, expr.span, inner);
        }
        LuceneKind::Leaf { field, .. } => {
            if let Some(field) = field {
                check_inside(text, expr.span, field.span);
            }
        }
    }
}
