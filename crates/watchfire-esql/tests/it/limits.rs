//! The caps, and what happens beyond them.

use watchfire_esql::{MAX_DIAGNOSTICS, MAX_NESTING, MAX_QUERY_BYTES, parse};

use crate::bare::parse_checked;

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = parse(text).diagnostics.iter().map(|problem| problem.code.as_str()).collect();
    codes.dedup();
    codes
}

#[test]
fn nesting_up_to_the_limit() {
    for (open, close) in [("(", ")"), ("f(", ")"), ("NOT ", ""), ("-", "")] {
        let text = |depth: usize| format!("FROM a | WHERE {}b{}", open.repeat(depth), close.repeat(depth));
        assert!(parse_checked(&text(MAX_NESTING - 2)).is_valid(), "{open}");
        assert_eq!(codes(&text(MAX_NESTING + 1)), ["ESQ002"], "{open}");
    }
    let sum = |length: usize| format!("FROM a | WHERE b{}", " + b".repeat(length));
    assert!(parse_checked(&sum(MAX_NESTING - 1)).is_valid());
    assert_eq!(codes(&sum(MAX_NESTING)), ["ESQ002"]);
    let casts = |length: usize| format!("FROM a | WHERE b{}", "::string".repeat(length));
    assert_eq!(codes(&casts(MAX_NESTING)), ["ESQ002"]);
}

#[test]
fn hostile_nesting_needs_no_stack() {
    for unit in ["(", "f(", "not ", "-", "[", "{", "a::", "a.", "/*", "|", "x in (", "case(a,", ")", "a + "] {
        let parsed = parse(&format!("FROM a | WHERE {}", unit.repeat(100_000)));
        assert!(!parsed.is_valid(), "{unit}");
    }
}

#[test]
fn long_lists_are_no_nesting() {
    for (unit, between) in [("a == 1", " OR "), ("a == 1", " AND ")] {
        let text = format!("FROM a | WHERE {}", vec![unit; 10_000].join(between));
        assert!(parse_checked(&text).is_valid());
    }
    let list = format!("FROM a | WHERE a IN ({})", vec!["1"; 10_000].join(", "));
    assert!(parse_checked(&list).is_valid());
}

#[test]
fn long_queries_are_refused_and_problems_counted() {
    assert_eq!(codes(&" ".repeat(MAX_QUERY_BYTES + 1)), ["ESQ001"]);
    let many = parse(&format!("FROM a{}", " | x".repeat(MAX_DIAGNOSTICS * 3)));
    assert_eq!(many.diagnostics.len(), MAX_DIAGNOSTICS + 1);
    assert_eq!(many.diagnostics.last().map(|one| one.code.as_str()), Some("ESQ016"));
}
