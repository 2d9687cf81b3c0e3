//! Properties of random texts and random trees.

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_eql::ast::{EventQuery, Expr, Query, QueryKind};
use watchfire_eql::{parse_expression, tokenize};

use crate::cases::files;
use crate::invariants::{check_round_trip, errors, is_complete, parse_checked};
use crate::random_trees::{Dialect, expression, query};

/// Pieces of queries, so that random texts go deep into the grammar.
const PIECES: &[&str] = &[
    "process",
    "any",
    "where",
    "a",
    "a.b",
    "?a",
    "?",
    "`a b`",
    "``",
    "`",
    "==",
    "=",
    "!=",
    "<",
    "<>",
    ">=",
    ":",
    "like",
    "like~",
    "regex",
    "in",
    "in~",
    "IN",
    "not",
    "NOT",
    "!",
    "and",
    "AND",
    "&&",
    "or",
    "||",
    "(",
    ")",
    "()",
    "[",
    "]",
    "![",
    "! [",
    ",",
    ".",
    "..",
    "\"x*\"",
    "\"\"\"y\"\"\"",
    "\"\"",
    "\"",
    "\"\"\"",
    "1",
    "2.5",
    ".5",
    "1.",
    "1e9",
    "1e999",
    "007",
    "null",
    "TRUE",
    "true",
    "length(a)",
    "length~(a)",
    "concat(",
    "wildcard(a, \"b\")",
    "+",
    "-",
    "*",
    "/",
    "%",
    "~",
    "$x",
    "sequence",
    "SEQUENCE",
    "sample",
    "join",
    "by",
    "by a, ?b",
    "with",
    "with maxspan=5m",
    "with maxspan=-1",
    "maxspan",
    "with runs=3",
    "runs",
    "until",
    "as e",
    "e.a",
    "fork",
    "fork=true",
    "|",
    "head 3",
    "unique a",
    "limit 1",
    "child of",
    "descendant of [",
    "a[0]",
    "a:b()",
    "\"C:\\W\"",
    "'q'",
    "?'r'",
    "“t”",
    "‘",
    "//",
    "/*",
    "*/",
    "\n",
    "#",
    ";",
    "é",
    "🔥",
    "\u{a0}",
    "\u{0}",
    "is not null",
    "contains",
    "[process where true]",
];

fn pieces() -> impl Strategy<Value = String> {
    let separator = prop::sample::select(vec![" ", " ", "", "\n"]);
    vec((prop::sample::select(PIECES), separator), 0..30)
        .prop_map(|pieces| pieces.into_iter().flat_map(|(piece, separator)| [piece, separator]).collect())
}

/// One of the cases with some tokens removed, doubled, swapped or replaced by pieces.
fn slips() -> impl Strategy<Value = String> {
    let texts: Vec<String> = files("valid").into_iter().map(|(_, text)| text).collect();
    let slip = (any::<prop::sample::Index>(), 0..4_u8, prop::sample::select(PIECES));
    (prop::sample::select(texts), vec(slip, 1..4)).prop_map(|(text, slips)| {
        let (tokens, _) = tokenize(&text);
        let mut words: Vec<&str> = tokens.iter().map(|token| &text[token.span.range()]).collect();
        for (place, what, piece) in slips {
            let at = place.index(words.len());
            match what {
                0 => words[at] = "",
                1 => words.insert(at, words[at]),
                2 => words.swap(at, 0),
                _ => words[at] = piece,
            }
        }
        words.concat()
    })
}

/// One of the cases, cut off.
fn beginnings() -> impl Strategy<Value = String> {
    let texts: Vec<String> = files("valid").into_iter().map(|(_, text)| text).collect();
    (prop::sample::select(texts), any::<prop::sample::Index>()).prop_map(|(text, end)| {
        let count = end.index(text.chars().count());
        text.chars().take(count).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        parse_checked(&text);
        let _ = parse_expression(&text);
    }

    #[test]
    fn any_bytes_that_are_text_are_read(bytes in vec(any::<u8>(), 0..80)) {
        parse_checked(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_sequence_of_pieces_is_read(text in pieces()) {
        parse_checked(&text);
        let _ = parse_expression(&text);
    }

    #[test]
    fn slips_are_read(text in slips()) {
        parse_checked(&text);
    }

    #[test]
    fn beginnings_are_read(text in beginnings()) {
        parse_checked(&text);
    }

    #[test]
    fn plain_trees_survive_printing(query in query(Dialect::Plain)) {
        assert!(is_complete(&query));
        let parsed = check_round_trip(&query);
        let first = errors(&parsed.diagnostics).next();
        assert_eq!(first, None, "{query}");
    }

    #[test]
    fn extended_trees_survive_printing(query in query(Dialect::Extended)) {
        let parsed = check_round_trip(&query);
        // What is refused is understood: there is nothing to say about its syntax.
        let first = errors(&parsed.diagnostics).find(|problem| problem.code.as_str() < "EQL060");
        assert_eq!(first, None, "{query}");
        parse_checked(&query.to_string());
    }

    #[test]
    fn lone_expressions_survive_printing(expression in expression(Dialect::Plain)) {
        let parsed = parse_expression(&expression.to_string());
        assert_eq!(parsed.expression.map(Expr::without_spans), Some(expression.clone().without_spans()));
        assert_eq!(errors(&parsed.diagnostics).next(), None, "{expression}");
    }
}

/// The generators above are of use only if they reach what they are for.
#[test]
fn random_trees_reach_every_kind_of_query() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let tree = query(Dialect::Extended).new_tree(&mut runner).unwrap();
        let Query { kind, pipes, .. } = proptest::strategy::ValueTree::current(&tree);
        reached.insert(match kind {
            QueryKind::Event(EventQuery { .. }) => "event",
            QueryKind::Sequence(_) => "sequence",
            QueryKind::Sample(_) => "sample",
            QueryKind::Join(_) => "join",
        });
        reached.extend((!pipes.is_empty()).then_some("pipes"));
    }
    assert_eq!(reached.len(), 5, "{reached:?}");
}
