//! Any text is read: nothing panics, spans lie in the text, and what is printed parses to the same print.

use proptest::prelude::*;
use watchfire_eql::{parse, parse_expression};

/// Pieces of queries, so that random texts go deep into the grammar.
const PIECES: [&str; 44] = [
    "process",
    "any",
    "where",
    "a",
    "a.b",
    "?a",
    "`a b`",
    "==",
    "!=",
    "<",
    ":",
    "like~",
    "regex",
    "in",
    "not",
    "and",
    "or",
    "(",
    ")",
    "[",
    "]",
    "![",
    ",",
    "\"x*\"",
    "\"\"\"y\"\"\"",
    "1",
    "2.5",
    "null",
    "true",
    "length(a)",
    "concat(",
    "+",
    "-",
    "*",
    "sequence",
    "by",
    "with maxspan=5m",
    "with runs=3",
    "until",
    "sample",
    "|",
    "head 3",
    "\"C:\\W\"",
    "'q'",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_text_is_read(text in "\\PC{0,60}") {
        check(&text);
    }

    #[test]
    fn any_sequence_of_pieces_is_read(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24)) {
        check(&pieces.join(" "));
    }
}

fn check(text: &str) {
    let parsed = parse(text);
    for label in parsed.diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
        assert!(text.get(label.span.range()).is_some(), "{text:?}: {label:?}");
    }
    let _ = parse_expression(text);
    if parsed.is_valid() {
        let printed = parsed.query.expect("a valid query has a tree").to_string();
        let again = parse(&printed);
        assert!(again.is_valid(), "{text:?} printed as {printed:?}: {:?}", again.diagnostics);
        assert_eq!(again.query.expect("a tree").to_string(), printed);
    }
}

#[test]
fn deep_and_long_queries_are_read_or_refused() {
    let many = 100_000;
    for text in [
        format!("a where {}", "(".repeat(many)),
        format!("a where {} b", "not ".repeat(many)),
        format!("a where {} 1 == b", "-".repeat(many)),
        format!("a where {} 1 == b", "1 + ".repeat(many)),
        format!("a where {}", "f(".repeat(many)),
    ] {
        assert!(!parse(&text).is_valid());
    }
    let chain = format!("a where b == 1{}", " and b == 1".repeat(50_000));
    assert!(parse(&chain).is_valid());
}
