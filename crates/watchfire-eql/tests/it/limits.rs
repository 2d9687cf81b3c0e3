//! The bounds: what lies within them is read, what lies beyond is refused with a word, and neither needs much stack or
//! time.

use std::time::{Duration, Instant};

use watchfire_eql::limits::{MAX_DIAGNOSTICS, MAX_NESTING, MAX_QUERY_BYTES};
use watchfire_eql::{parse, parse_expression};

use crate::invariants::parse_checked;

fn codes(text: &str) -> Vec<&'static str> {
    parse(text).diagnostics.iter().map(|problem| problem.code.as_str()).collect()
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("any where {}a{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn nesting_up_to_the_limit() {
    for (open, close) in [("(", ")"), ("not ", ""), ("-", ""), ("length(", ")"), ("a + (", ")")] {
        let deepest =
            (1..=MAX_NESTING).rev().find(|&depth| parse_checked(&nested(open, close, depth)).is_valid());
        assert!(deepest.is_some_and(|depth| depth >= MAX_NESTING / 2 - 1), "`{open}`: {deepest:?}");
        assert_eq!(codes(&nested(open, close, MAX_NESTING + 1)), ["EQL010"], "`{open}`");
    }
}

#[test]
fn hostile_nesting_needs_no_stack() {
    for (open, close) in [
        ("(", ")"),
        ("not ", ""),
        ("- ", ""),
        ("+ ", ""),
        ("! ", ""),
        ("length(", ")"),
        ("1 + ", ""),
        ("a == (", ")"),
        ("a in (", ")"),
        ("a : (", ")"),
        ("a:b(", ")"),
        ("child of [any where ", "]"),
        ("a and (b or ", ")"),
        ("?", ""),
        ("a < ", ""),
    ] {
        let text = nested(open, close, 100_000.min(MAX_QUERY_BYTES / (open.len() + close.len()) - 20));
        assert!(!parse(&text).is_valid(), "`{open}`");
        assert!(!parse_expression(&text["any where ".len()..]).is_valid(), "`{open}`");
    }
}

/// Text without end that costs more the more of it there is, if anything looks ahead or back too far.
#[test]
fn hostile_length_needs_no_patience() {
    for unit in [
        "\"\" ",
        "\"a\", ",
        "\"",
        "\"\"\"a\"\"\" ",
        "\"\"\"",
        "\"\\",
        "'a' ",
        "?\"a\" ",
        "“a” ",
        "“",
        "‘",
        "`a` ",
        "`",
        "``",
        "`a\n",
        "$a ",
        "#",
        "é ",
        "é",
        ";",
        "/*",
        "/* */",
        "//\n",
        " ",
        "\n",
        "a ",
        "a.",
        "a[0]",
        "1 ",
        ".1",
        "(",
        ")",
        "()",
        "[",
        "]",
        "![",
        ",",
        "|",
        "| head 1",
        "=",
        "==",
        "<",
        ":",
        "?",
        "~",
        "-",
        "!",
        "&&",
        "or ",
        "OR ",
        " and a",
        " or not a",
        "in ",
        "a in (1), ",
        "a : \"b\" ",
        "a : (1 ",
        "not like ",
        "f(",
        "f(a) ",
        "f(a, ",
        "a:b()",
        "by ",
        "by a, ",
        "with ",
        "with maxspan=1s ",
        "with runs=1 ",
        "until ",
        "as e ",
        "fork ",
        "[a where b] ",
        "[a where b] as e ",
        "child of [",
        "sequence ",
        "where ",
        "a contains b ",
        "a = b ",
        "1 < ",
        "NOT ",
        "a not : b ",
        "(a, ",
    ] {
        for prefix in ["any where a in (", "sequence by a "] {
            let read = |bytes: usize| {
                let text = format!("{prefix}{}", unit.repeat(bytes / unit.len()));
                let start = Instant::now();
                let parsed = parse(&text);
                assert!(parsed.diagnostics.len() <= MAX_DIAGNOSTICS + 1, "`{unit}`");
                start.elapsed()
            };
            let (short, long) = (MAX_QUERY_BYTES / 2048, MAX_QUERY_BYTES / 32);
            if read(long) < Duration::from_millis(100) {
                continue;
            }
            // 64 times the text takes 64 times the time if the time is linear, and 4,096 times if it is quadratic. The
            // least of several times is what the work takes; the rest is what else the machine does.
            let least = |bytes| (0..5).map(|_| read(bytes)).min().unwrap();
            let (least_short, least_long) = (least(short), least(long));
            assert!(
                least_long < least_short * 800,
                "`{prefix}` and `{unit}` without end: {least_short:?} became {least_long:?}"
            );
        }
    }
}

#[test]
fn wide_queries_are_fine() {
    let chain = format!("any where {}", vec!["a == 1"; 50_000].join(" and "));
    assert!(parse(&chain).is_valid());
    let list = format!("any where a in ({})", vec!["\"x\\u{41}\""; 50_000].join(", "));
    assert!(parse(&list).is_valid());
    let calls = format!("any where a == concat({})", vec!["1"; 100_000].join(", "));
    assert!(parse(&calls).is_valid());
    let stages = format!("sequence by a {}", "[any where b] by c ".repeat(10_000));
    assert!(parse(&stages).is_valid());
    let pipes = format!("any where a{}", " | head 1".repeat(10_000));
    assert!(parse(&pipes).is_valid());
}

#[test]
fn length_up_to_the_limit() {
    let with_string = |bytes: usize| {
        let frame = "any where a == \"\"";
        format!("any where a == \"{}\"", "x".repeat(bytes - frame.len()))
    };
    assert!(parse(&with_string(MAX_QUERY_BYTES)).is_valid());
    for bytes in [MAX_QUERY_BYTES + 1, 10 << 20] {
        let parsed = parse(&with_string(bytes));
        assert_eq!(parsed.query, None);
        let [problem] = parsed.diagnostics.as_slice() else { panic!("one diagnostic") };
        assert_eq!(problem.code.as_str(), "EQL009");
        assert_eq!(problem.message, format!("the query has {bytes} bytes, more than the 1048576 allowed"));
    }
}

/// A diagnostic repeats no more of a query than a line can hold, but for edits.
#[test]
fn messages_stay_short() {
    let long = "x".repeat(100_000);
    for text in [
        format!("any where {long} = 'a'"),
        format!("any where {long}(a) == 1"),
        format!("any where a:{long}() == 1"),
        format!("any where {long}:length() == 1"),
        format!("any where a == 1 {long}"),
        format!("any where a | {long} 1"),
        format!("any where ${long} == 1"),
        format!("any where a < {long} < 1"),
        format!("any where {long} of [any where true]"),
        format!("any where ${long}"),
        format!("any where 1{}", "0".repeat(100_000)),
        format!("any where \"\\u{long}\" == a"),
        format!("any where a == \"\\u{{{}}}\"", "1".repeat(100_000)),
        format!("any where é{long} == 1"),
        format!("any where `{long}` like a"),
        format!("sequence by a with maxspan=5{long} [any where b] [any where c]"),
        format!("sequence by a with maxspan=5{}s [any where b] [any where c]", "0".repeat(100_000)),
        format!("sequence by a with {long}=5 [any where b] [any where c]"),
        format!("sequence by length({long}) [any where b] [any where c]"),
        format!("sequence by a [any where b] as {long} [any where {long}.c == 1]"),
        format!("sequence by a [any where b] with runs={} [any where c]", "1".repeat(100_000)),
        format!("any where a.0{long} == 1"),
        format!("{long}.a == 1"),
        format!("any where {long}.where == 1"),
    ] {
        let parsed = parse(&text);
        let shown: String = text.chars().take(40).collect();
        assert!(!parsed.diagnostics.is_empty(), "{shown}");
        for problem in parsed.diagnostics {
            let labels = problem.labels.iter().map(|label| &label.message);
            let said =
                [&problem.message].into_iter().chain(labels).chain(&problem.notes).chain(&problem.help);
            for text in said {
                assert!(text.chars().count() < 250, "{shown}: {text}");
            }
        }
    }
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let further = 7;
    let text = format!("any where a{}", " AND a".repeat(MAX_DIAGNOSTICS + further));
    let parsed = parse(&text);
    assert_eq!(parsed.diagnostics.len(), MAX_DIAGNOSTICS + 1);
    assert_eq!(parsed.diagnostics.last().unwrap().message, "7 further diagnostics are left out");
    assert!(!parsed.is_valid());
}
