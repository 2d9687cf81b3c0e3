//! Lucene's query-string language.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_diagnostics::{SourceText, Span, render};
use watchfire_kql::ast::{FieldName, NamePattern, WildcardPart};
use watchfire_kql::lucene::{
    LuceneBound, LuceneExpr, LuceneKind, LucenePart, LuceneTest, Occur, ParsedLucene, parse,
};
use watchfire_kql::{MAX_NESTING, MAX_QUERY_BYTES};

use crate::cases;

/// Parses the text and checks that spans lie inside each other and on characters.
fn parse_checked(text: &str) -> ParsedLucene {
    let parsed = parse(text);
    let source = SourceText::new("query", text);
    for problem in &parsed.diagnostics {
        for label in &problem.labels {
            assert!(text.get(label.span.range()).is_some(), "{:?} of {text:?}", label.span);
        }
        render::full(problem, &source, render::Colour::Never);
    }
    if let Some(expr) = parsed.query.as_ref().and_then(|query| query.expr.as_ref()) {
        check_spans(text, Span::new(0, text.len()), expr);
    }
    parsed
}

fn check_spans(text: &str, outer: Span, expr: &LuceneExpr) {
    assert!(
        outer.contains(expr.span) && text.get(expr.span.range()).is_some(),
        "{:?} of {text:?}",
        expr.span
    );
    match &expr.kind {
        LuceneKind::Boolean(clauses) => {
            assert!(clauses.len() > 1 || clauses[0].occur == Occur::MustNot);
            for clause in clauses {
                check_spans(text, expr.span, &clause.expr);
            }
        }
        LuceneKind::Scoped { field, inner } => {
            assert!(expr.span.contains(field.span));
            check_spans(text, expr.span, inner);
        }
        LuceneKind::Leaf { field, .. } => {
            assert!(field.as_ref().is_none_or(|field| expr.span.contains(field.span)));
        }
    }
}

fn dump(expr: Option<&LuceneExpr>) -> String {
    let mut out = String::new();
    match expr {
        Some(expr) => dump_expr(&mut out, expr, "", 0),
        None => out.push_str("(everything)\n"),
    }
    out
}

fn dump_expr(out: &mut String, expr: &LuceneExpr, occur: &str, depth: usize) {
    let head = match &expr.kind {
        LuceneKind::Boolean(_) => "group".to_owned(),
        LuceneKind::Scoped { field, .. } => format!("in field {}", dump_field(field)),
        LuceneKind::Leaf { field, test } => {
            let field = field.as_ref().map_or_else(|| "free text".to_owned(), dump_field);
            format!("{field} {}", dump_test(test))
        }
    };
    let Span { start, end } = expr.span;
    writeln!(out, "{:depth$}{occur}{head}  @{start}..{end}", "", depth = depth * 2).unwrap();
    match &expr.kind {
        LuceneKind::Boolean(clauses) => {
            for clause in clauses {
                let occur = match clause.occur {
                    Occur::Must => "must ",
                    Occur::Should => "should ",
                    Occur::MustNot => "must not ",
                };
                dump_expr(out, &clause.expr, occur, depth + 1);
            }
        }
        LuceneKind::Scoped { inner, .. } => dump_expr(out, inner, "", depth + 1),
        LuceneKind::Leaf { .. } => {}
    }
}

fn dump_field(field: &FieldName) -> String {
    match &field.name {
        NamePattern::Exact(name) => format!("{name:?}"),
        NamePattern::Pattern(pattern) => {
            let parts = pattern.parts.iter().map(|part| match part {
                WildcardPart::Text(text) => format!("{text:?}"),
                WildcardPart::Any => "*".to_owned(),
            });
            parts.collect::<Vec<_>>().join(" ")
        }
    }
}

fn dump_test(test: &LuceneTest) -> String {
    match test {
        LuceneTest::Text(text) => format!("text {text:?}"),
        LuceneTest::Phrase(text) => format!("phrase {text:?}"),
        LuceneTest::Wildcard(pattern) => {
            let parts = pattern.parts.iter().map(|part| match part {
                LucenePart::Text(text) => format!("{text:?}"),
                LucenePart::Any => "*".to_owned(),
                LucenePart::One => "?".to_owned(),
            });
            format!("pattern {}", parts.collect::<Vec<_>>().join(" "))
        }
        LuceneTest::Regex(expression) => format!("regex {expression:?}"),
        LuceneTest::Range { lower, upper } => {
            let lower = dump_bound(lower, ">=", ">");
            let upper = dump_bound(upper, "<=", "<");
            format!("range {}", [lower, upper].into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
        LuceneTest::Exists => "exists".to_owned(),
    }
}

fn dump_bound(bound: &LuceneBound, inclusive: &str, exclusive: &str) -> Option<String> {
    match bound {
        LuceneBound::Unbounded => None,
        LuceneBound::Inclusive(value) => Some(format!("{inclusive} {value:?}")),
        LuceneBound::Exclusive(value) => Some(format!("{exclusive} {value:?}")),
    }
}

#[test]
fn grammar() {
    cases::many("lucene", |text| {
        let parsed = parse_checked(text);
        let tree = parsed.is_valid().then(|| dump(parsed.query.unwrap().expr.as_ref()));
        (parsed.diagnostics, tree)
    });
}

#[test]
fn every_code_is_shown_by_a_case() {
    cases::diagnostics("lucene_diagnostics", watchfire_kql::lucene::CODES, |text| {
        parse_checked(text).diagnostics
    });
}

#[test]
fn nesting_up_to_the_limit() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_NESTING)).is_valid());
    let beyond = parse(&nested(MAX_NESTING + 1));
    assert_eq!(beyond.diagnostics.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["LUC002"]);
}

#[test]
fn hostile_queries_need_neither_stack_nor_patience() {
    for unit in [
        "(",
        "a:(",
        "+",
        "NOT ",
        "NOT (",
        "\"",
        "/",
        "[",
        "a ",
        "a:",
        "~",
        ")",
        "\\",
        "AND ",
        "* ",
        "[a TO b] ",
    ] {
        let text = unit.repeat(100_000);
        let parsed = parse(&text);
        assert!(parsed.query.is_some(), "{unit}");
    }
    assert!(parse(&"a".repeat(MAX_QUERY_BYTES)).is_valid());
    assert!(parse(&"a".repeat(MAX_QUERY_BYTES + 1)).query.is_none());
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", ":", "\"", "\\", "/", "*", "?", "~", "^2", "+", "-", "!", " ", "\u{3000}", "AND",
            "OR", "NOT", " AND ", " OR ", " NOT ", "&&", "||", "TO", " TO ", "a", "b.c:", "_exists_:", ">", ">=5", "\\u0041",
            "\\u", "and", "🔥",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(pieces in vec(piece(), 0..30)) {
        parse_checked(&pieces.concat());
    }
}
