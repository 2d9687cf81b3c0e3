//! Trees without places, so that two texts of the same meaning have the same tree.

use watchfire_diagnostics::Span;
use watchfire_esql::ast::{
    Aggregate, Arguments, Column, CommandKind, Expr, ExprKind, Field, IndexPattern, NamePattern, Order,
    Query, Rename, Source, SourceKind,
};
use watchfire_esql::{Parsed, parse};

const NOWHERE: Span = Span { start: 0, end: 0 };

/// Parses a text, and holds what is printed of it against it: the same tree, and the same print.
pub(crate) fn parse_checked(text: &str) -> Parsed {
    let parsed = parse(text);
    assert!(parsed.query.is_some() || !parsed.is_valid());
    for problem in &parsed.diagnostics {
        for label in &problem.labels {
            let range = label.span.range();
            assert!(text.get(range.clone()).is_some(), "{range:?} is no place in {text:?}");
        }
    }
    if let Some(query) = parsed.query.as_ref().filter(|_| parsed.is_valid()) {
        let printed = query.to_string();
        let again = parse(&printed);
        assert!(again.is_valid(), "{printed}\n{:?}", again.diagnostics);
        let again = again.query.expect("it is valid");
        assert_eq!(again.to_string(), printed);
        assert_eq!(bare(again), bare(query.clone()), "{text}\n{printed}");
    }
    parsed
}

/// The tree without places.
pub(crate) fn bare(mut query: Query) -> Query {
    query.span = NOWHERE;
    source(&mut query.source);
    for command in &mut query.commands {
        command.span = NOWHERE;
        match &mut command.kind {
            CommandKind::Where(condition) => expr(condition),
            CommandKind::Eval(fields) => fields.iter_mut().for_each(field),
            CommandKind::Stats { aggregates, by, .. } => {
                for Aggregate { field: of, filter } in aggregates {
                    field(of);
                    filter.iter_mut().for_each(expr);
                }
                by.iter_mut().for_each(field);
            }
            CommandKind::Keep(patterns) | CommandKind::Drop(patterns) => {
                patterns.iter_mut().for_each(|NamePattern { span, .. }| *span = NOWHERE);
            }
            CommandKind::Rename(renames) => renames.iter_mut().for_each(|Rename { from, to }| {
                column(from);
                column(to);
            }),
            CommandKind::Sort(keys) => keys.iter_mut().for_each(|Order { key, .. }| expr(key)),
            CommandKind::MvExpand(of) => column(of),
            CommandKind::Dissect { input, .. } | CommandKind::Grok { input, .. } => expr(input),
            CommandKind::Completion { target, prompt, .. } => {
                target.iter_mut().for_each(column);
                expr(prompt);
            }
            CommandKind::Limit(_) | CommandKind::Unsupported(_) => {}
        }
    }
    query
}

fn source(source: &mut Source) {
    source.span = NOWHERE;
    match &mut source.kind {
        SourceKind::From { patterns, metadata } => {
            patterns.iter_mut().for_each(|IndexPattern { span, .. }| *span = NOWHERE);
            metadata.iter_mut().for_each(column);
        }
        SourceKind::Row(fields) => fields.iter_mut().for_each(field),
        SourceKind::Unsupported(_) => {}
    }
}

fn field(field: &mut Field) {
    field.name.iter_mut().for_each(column);
    // Of a column with a name, how its expression was written does not count.
    if field.name.is_some() {
        field.text.clear();
    }
    expr(&mut field.value);
}

fn column(column: &mut Column) {
    column.span = NOWHERE;
}

fn expr(of: &mut Expr) {
    of.span = NOWHERE;
    match &mut of.kind {
        ExprKind::Constant(_) => {}
        ExprKind::Column(name) => column(name),
        ExprKind::Call { arguments, .. } => match arguments {
            Arguments::Star => {}
            Arguments::List(list, _) => list.iter_mut().for_each(expr),
        },
        ExprKind::Cast(inner, _)
        | ExprKind::Negate(inner)
        | ExprKind::Match(inner, _)
        | ExprKind::Not(inner) => {
            expr(inner);
        }
        ExprKind::IsNull { value, .. } | ExprKind::Like { value, .. } => expr(value),
        ExprKind::Arithmetic(_, left, right) | ExprKind::Compare(_, left, right) => {
            expr(left);
            expr(right);
        }
        ExprKind::In { value, list, .. } => {
            expr(value);
            list.iter_mut().for_each(expr);
        }
        ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter_mut().for_each(expr),
    }
}
