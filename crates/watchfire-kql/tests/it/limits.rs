//! The caps, and what happens beyond them.

use watchfire_kql::{MAX_DIAGNOSTICS, MAX_NESTING, MAX_QUERY_BYTES, parse};

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = parse(text).diagnostics.iter().map(|problem| problem.code.as_str()).collect();
    codes.dedup();
    codes
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}b: c{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn nesting_up_to_the_limit() {
    for (open, close, levels) in [("(", ")", 1), ("a: { ", " }", 1), ("not (", ")", 2)] {
        let depth = MAX_NESTING / levels;
        let most = parse(&nested(open, close, depth));
        assert!(most.is_valid(), "{open}: {:?}", most.diagnostics);
        assert_eq!(codes(&nested(open, close, depth + 1)), ["KQL002"], "{open}");
    }
    let values = |depth: usize| format!("a: {}b{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&values(MAX_NESTING)).is_valid());
    assert_eq!(codes(&values(MAX_NESTING + 1)), ["KQL002"]);
    let negations = |count: usize| format!("a: ({}b)", "not ".repeat(count));
    assert!(parse(&negations(MAX_NESTING - 1)).is_valid());
    assert_eq!(codes(&negations(MAX_NESTING)), ["KQL013", "KQL002"]);
}

#[test]
fn hostile_nesting_needs_no_stack() {
    for unit in
        ["(", "not (", "a: (", "a: {", "a: (not ", "not ", "{", "a: (b or (", ")", "}", "(}", "a:", "a > "]
    {
        let text = unit.repeat(100_000);
        let parsed = parse(&text);
        assert!(!parsed.is_valid(), "{unit}");
    }
}

#[test]
fn hostile_length_needs_no_patience() {
    for unit in [
        "\"", "\\", "\\\"", "\"\\", "\"a\\\" ", "not", "or ", " or", "and a ", "a:1 ", "(a)or ", "a b ", " ",
        "*", "'", "a not ", "\\u", "\"\n", "a=\"b\" ", "\u{a0}", "C:\\t", ", ",
    ] {
        let text = unit.repeat((MAX_QUERY_BYTES >> 3) / unit.len());
        let parsed = parse(&text);
        assert!(parsed.diagnostics.len() <= 2 * MAX_DIAGNOSTICS + 2, "{unit}");
        drop(parsed);
    }
}

#[test]
fn a_wide_query_is_fine() {
    let text = vec!["process.name: x"; 20_000].join(" or ");
    let parsed = parse(&text);
    assert!(parsed.is_valid());
    assert_eq!(parsed.query.unwrap().to_string(), text);
}

#[test]
fn length_up_to_the_limit() {
    let longest = "a".repeat(MAX_QUERY_BYTES);
    assert!(parse(&longest).is_valid());
    let parsed = parse(&format!("{longest}a"));
    assert!(!parsed.is_valid());
    assert!(parsed.query.is_none());
    assert_eq!(parsed.diagnostics[0].message, "the query has 1048577 bytes, 1 more than the limit");
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let text = "a: 1 OR ".repeat(MAX_DIAGNOSTICS + 5) + &"b: ) ".repeat(MAX_DIAGNOSTICS + 1);
    let parsed = parse(&text);
    assert_eq!(parsed.diagnostics.len(), 2 * MAX_DIAGNOSTICS + 2);
    let last: Vec<_> =
        parsed.diagnostics.iter().rev().take(2).map(|problem| problem.message.as_str()).collect();
    insta::assert_debug_snapshot!(last);
    assert!(!parsed.is_valid());
}
