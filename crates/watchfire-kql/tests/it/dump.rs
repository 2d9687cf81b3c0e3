//! Trees as text, for snapshots.

use std::fmt::Write;

use watchfire_kql::ast::{
    Expr, ExprKind, FieldName, NamePattern, Value, ValueExpr, ValueKind, ValueLiteral, WildcardPart,
    WildcardPattern,
};

/// One node a line, indented, with its span.
pub(crate) fn dump(expr: Option<&Expr>) -> String {
    let mut out = String::new();
    match expr {
        Some(expr) => dump_expr(&mut out, expr, 0),
        None => out.push_str("(everything)\n"),
    }
    out
}

fn line(out: &mut String, depth: usize, span: watchfire_diagnostics::Span, text: &str) {
    writeln!(out, "{:depth$}{text}  @{}..{}", "", span.start, span.end, depth = depth * 2).unwrap();
}

fn dump_expr(out: &mut String, expr: &Expr, depth: usize) {
    let children: Vec<&Expr> = match &expr.kind {
        ExprKind::And(operands) => {
            line(out, depth, expr.span, "and");
            operands.iter().collect()
        }
        ExprKind::Or(operands) => {
            line(out, depth, expr.span, "or");
            operands.iter().collect()
        }
        ExprKind::Not(inner) => {
            line(out, depth, expr.span, "not");
            vec![inner]
        }
        ExprKind::Nested { path, inner } => {
            line(out, depth, expr.span, "nested");
            dump_field(out, path, depth + 1);
            vec![inner]
        }
        ExprKind::Field { field, values } => {
            line(out, depth, expr.span, "field");
            dump_field(out, field, depth + 1);
            dump_values(out, values, depth + 1);
            vec![]
        }
        ExprKind::Range { field, op, value, op_span } => {
            line(out, depth, expr.span, "range");
            dump_field(out, field, depth + 1);
            line(out, depth + 1, *op_span, op.as_str());
            dump_value(out, value, depth + 1);
            vec![]
        }
        ExprKind::FreeText(value) => {
            line(out, depth, expr.span, "free text");
            dump_value(out, value, depth + 1);
            vec![]
        }
    };
    for child in children {
        dump_expr(out, child, depth + 1);
    }
}

fn dump_values(out: &mut String, values: &ValueExpr, depth: usize) {
    let children: Vec<&ValueExpr> = match &values.kind {
        ValueKind::And(operands) => {
            line(out, depth, values.span, "and");
            operands.iter().collect()
        }
        ValueKind::Or(operands) => {
            line(out, depth, values.span, "or");
            operands.iter().collect()
        }
        ValueKind::Not(inner) => {
            line(out, depth, values.span, "not");
            vec![inner]
        }
        ValueKind::Value(value) => {
            dump_value(out, value, depth);
            vec![]
        }
    };
    for child in children {
        dump_values(out, child, depth + 1);
    }
}

fn dump_field(out: &mut String, field: &FieldName, depth: usize) {
    let name = match &field.name {
        NamePattern::Exact(name) => format!("{name:?}"),
        NamePattern::Pattern(pattern) => dump_pattern(pattern),
    };
    let quoted = if field.quoted { " quoted" } else { "" };
    line(out, depth, field.span, &format!("name{quoted} {name}"));
}

fn dump_value(out: &mut String, value: &Value, depth: usize) {
    let text = match &value.kind {
        ValueLiteral::Null => "null".to_owned(),
        ValueLiteral::Boolean(value) => value.to_string(),
        ValueLiteral::Text(text) => format!("text {text:?}"),
        ValueLiteral::Phrase(text) => format!("phrase {text:?}"),
        ValueLiteral::Wildcard(pattern) => format!("pattern {}", dump_pattern(pattern)),
        ValueLiteral::Exists => "exists".to_owned(),
    };
    line(out, depth, value.span, &text);
}

fn dump_pattern(pattern: &WildcardPattern) -> String {
    let parts = pattern.parts.iter().map(|part| match part {
        WildcardPart::Text(text) => format!("{text:?}"),
        WildcardPart::Any => "*".to_owned(),
    });
    parts.collect::<Vec<_>>().join(" ")
}
