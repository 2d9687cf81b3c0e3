//! What holds for every text and every tree.

use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span, render};
use watchfire_eql::ast::{Expr, ExprKind, FieldName, JoinKey, Query, QueryKind};
use watchfire_eql::{Parsed, TokenKind, parse, tokenize};

/// Parses the text and checks what must hold whatever it is: the tokens cover it, spans lie inside each other and on
/// characters, every diagnostic can be rendered, and a tree that was read completely survives printing.
pub(crate) fn parse_checked(text: &str) -> Parsed {
    check_tokens(text);
    let parsed = parse(text);
    check_diagnostics(text, &parsed.diagnostics);
    if let Some(query) = &parsed.query {
        check_spans(text, query, parsed.is_valid());
        if is_complete(query) {
            let again = check_round_trip(query);
            if parsed.is_valid() {
                assert!(again.is_valid(), "{text:?} printed as `{query}`: {:?}", again.diagnostics);
            }
        }
        assert!(is_complete(query) || !parsed.is_valid(), "{text:?} is valid with a hole in its tree");
    }
    parsed
}

/// The diagnostics that make a query unusable.
pub(crate) fn errors(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Tokens follow each other without gap or overlap from the first byte to the last.
fn check_tokens(text: &str) {
    let (tokens, _) = tokenize(text);
    let mut end = 0;
    for token in &tokens {
        assert_eq!(token.span.start, end, "{text:?}: {token:?}");
        assert!(text.is_char_boundary(token.span.end as usize), "{text:?}: {token:?}");
        assert_eq!(token.span.is_empty(), token.kind == TokenKind::End, "{text:?}: {token:?}");
        end = token.span.end;
    }
    assert_eq!(end as usize, text.len(), "{text:?}");
    let ends = tokens.iter().filter(|token| token.kind == TokenKind::End).count();
    assert_eq!((ends, tokens.last().unwrap().kind), (1, TokenKind::End), "{text:?}");
}

fn check_diagnostics(text: &str, diagnostics: &[Diagnostic]) {
    let source = SourceText::new("query", text);
    for problem in diagnostics {
        let edit = problem.edit.iter().map(|edit| edit.span);
        for span in problem.labels.iter().map(|label| label.span).chain(edit) {
            assert!(text.get(span.range()).is_some(), "{text:?}: {problem:?}");
        }
        let message = &problem.message;
        assert!(!message.is_empty() && !message.ends_with('.') && !message.contains('\n'), "{message:?}");
        assert!(problem.edit.is_none() || problem.help.is_some(), "an edit nobody is told of: {problem:?}");
        render::full(problem, &source, render::Colour::Never);
    }
}

/// A node lies inside of the one around it. The parts of a valid query also follow each other in the order in which
/// they are visited, without overlap.
fn check_spans(text: &str, query: &Query, valid: bool) {
    let mut around: Vec<Span> = vec![Span::new(0, text.len())];
    let mut end_of_last: Vec<u32> = vec![0];
    query.clone().for_each_span(&mut |depth, span| {
        around.truncate(depth + 1);
        end_of_last.truncate(depth + 1);
        let outer = around[depth];
        assert!(outer.contains(*span), "{text:?}: {span:?} at depth {depth} is not inside {outer:?}");
        assert!(text.get(span.range()).is_some(), "{text:?}: {span:?} is not at characters");
        if valid {
            assert!(end_of_last[depth] <= span.start, "{text:?}: {span:?} overlaps what comes before");
        }
        end_of_last[depth] = span.end;
        around.push(*span);
        end_of_last.push(span.start);
    });
}

/// Whether nothing of the tree stands for text that could not be read.
pub(crate) fn is_complete(query: &Query) -> bool {
    let mut fields: Vec<&FieldName> = keys(query).map(|key| &key.field).collect();
    let mut complete = query.pipes.iter().all(|pipe| !pipe.name.is_empty());
    query.for_each_expression(&mut |expr: &Expr| match &expr.kind {
        ExprKind::Field(field)
        | ExprKind::EventReference { field, .. }
        | ExprKind::Variable { field: Some(field), .. } => fields.push(field),
        ExprKind::Invalid => complete = false,
        _ => {}
    });
    complete && fields.iter().all(|field| field.parts.iter().all(|part| !part.text.is_empty()))
}

/// All keys of a query.
fn keys(query: &Query) -> Box<dyn Iterator<Item = &JoinKey> + '_> {
    match &query.kind {
        QueryKind::Event(_) => Box::new(std::iter::empty()),
        QueryKind::Sequence(sequence) => {
            let terms = sequence.terms.iter().chain(&sequence.until);
            Box::new(sequence.by.iter().chain(terms.flat_map(|term| &term.by)))
        }
        QueryKind::Sample(sample) => {
            Box::new(sample.by.iter().chain(sample.terms.iter().flat_map(|term| &term.by)))
        }
        QueryKind::Join(join) => {
            let terms = join.terms.iter().chain(&join.until);
            Box::new(join.by.iter().chain(terms.flat_map(|term| &term.by)))
        }
    }
}

/// Printing and parsing gives the same tree, spans aside. The diagnostics of the second reading are the caller's.
pub(crate) fn check_round_trip(query: &Query) -> Parsed {
    let printed = query.to_string();
    let again = parse(&printed);
    let tree = again.query.clone().map(Query::without_spans);
    assert_eq!(tree, Some(query.clone().without_spans()), "printed as `{printed}`: {:?}", again.diagnostics);
    again
}
