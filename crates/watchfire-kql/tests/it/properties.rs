//! Properties of random texts and random trees.

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_diagnostics::Span;
use watchfire_kql::ast::{
    Expr, ExprKind, FieldName, NamePattern, Query, RangeOp, Value, ValueExpr, ValueKind, ValueLiteral,
    WildcardPart, WildcardPattern,
};

use crate::invariants::{check_against_reference, check_round_trip, parse_checked};

const NOWHERE: Span = Span { start: 0, end: 0 };

/// Pieces that mean something to the language, so that random texts reach more than the first error.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "(", ")", "{", "}", ":", "<", "<=", ">", ">=", "\"", "\\", "*", "'", " ", "\n", "\t", "\u{a0}", "\u{3000}",
            "\u{feff}", "or", "and", "not", " or ", " and ", "not ", "OR", " And ", "null", "true", "false", "=", "==",
            "!=", "&&", "||", ",", "in", "like", "where", "\\t", "\\n", "\\u0041", "\\ud83d", "\\ude00", "\\\"", "\\\\",
            "\\or", "\\not", "C:\\", "a", "b.c", "?", "é", "🔥",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z.]{1,6}: ?\"?[a-z*]{0,5}\"?",
    ]
}

/// Texts with what needs escaping in them.
fn content() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "or", "and", "not", "OR", "Not", "cannot", "android", "null", "true", " ", "  ", "\t", "\n",
            "\r", "\u{a0}", "\u{3000}", "\\", "\"", "(", ")", ":", "<", ">", "*", "{", "}", "'", "?",
            "C:\\temp", "\u{1}", "\u{85}", "🔥", "\\t",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9.\\-]{1,4}",
        any::<char>().prop_map(String::from),
    ];
    vec(word, 0..8).prop_map(|words| words.concat())
}

/// What the language trims from the ends of unquoted text, which includes more than the standard library does.
fn trimmed(text: &str) -> String {
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}').to_owned()
}

fn pattern() -> impl Strategy<Value = WildcardPattern> {
    (content(), vec(content(), 1..4)).prop_map(|(first, rest)| {
        let mut parts = Vec::new();
        let count = rest.len();
        for (at, text) in std::iter::once(first).chain(rest).enumerate() {
            if at > 0 {
                parts.push(WildcardPart::Any);
            }
            let text = if at == 0 || at == count { trimmed(&text) } else { text };
            if !text.is_empty() {
                parts.push(WildcardPart::Text(text));
            }
        }
        WildcardPattern { parts }
    })
}

fn unquoted() -> impl Strategy<Value = String> {
    content()
        .prop_map(|text| trimmed(&text))
        .prop_filter("a constant", |text| !matches!(text.as_str(), "null" | "true" | "false"))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(ValueLiteral::Null),
        any::<bool>().prop_map(ValueLiteral::Boolean),
        unquoted().prop_map(ValueLiteral::Text),
        content().prop_map(ValueLiteral::Phrase),
        pattern().prop_map(|pattern| match pattern.parts.as_slice() {
            [WildcardPart::Any] => ValueLiteral::Exists,
            _ => ValueLiteral::Wildcard(pattern),
        }),
    ]
    .prop_map(|kind| Value { kind, span: NOWHERE })
}

fn field() -> impl Strategy<Value = FieldName> {
    prop_oneof![
        content().prop_map(|name| (NamePattern::Exact(name), true)),
        content().prop_map(|name| (NamePattern::Exact(trimmed(&name)), false)),
        pattern().prop_map(|pattern| (NamePattern::Pattern(pattern), false)),
    ]
    .prop_map(|(name, quoted)| FieldName { name, quoted, span: NOWHERE })
}

fn values() -> impl Strategy<Value = ValueExpr> {
    let leaf = value().prop_map(|value| ValueExpr { kind: ValueKind::Value(value), span: NOWHERE });
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(ValueKind::And),
            vec(inner.clone(), 2..4).prop_map(ValueKind::Or),
            inner.prop_map(|inner| ValueKind::Not(Box::new(inner))),
        ]
        .prop_map(|kind| ValueExpr { kind, span: NOWHERE })
    })
}

fn expr() -> impl Strategy<Value = Expr> {
    let operator = prop::sample::select(vec![RangeOp::Lt, RangeOp::Lte, RangeOp::Gt, RangeOp::Gte]);
    let leaf = prop_oneof![
        3 => (field(), values()).prop_map(|(field, values)| ExprKind::Field { field, values }),
        1 => (field(), operator, value())
            .prop_map(|(field, op, value)| ExprKind::Range { field, op, value, op_span: NOWHERE }),
        1 => value().prop_map(ExprKind::FreeText),
    ]
    .prop_map(|kind| Expr { kind, span: NOWHERE });
    leaf.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(ExprKind::And),
            vec(inner.clone(), 2..4).prop_map(ExprKind::Or),
            inner.clone().prop_map(|inner| ExprKind::Not(Box::new(inner))),
            (field(), inner).prop_map(|(path, inner)| ExprKind::Nested { path, inner: Box::new(inner) }),
        ]
        .prop_map(|kind| Expr { kind, span: NOWHERE })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        check_against_reference(&text, &parse_checked(&text));
    }

    #[test]
    fn any_sequence_of_pieces_is_read(pieces in vec(piece(), 0..40)) {
        parse_checked(&pieces.concat());
    }

    #[test]
    fn short_sequences_are_read_as_the_grammar_says(pieces in vec(piece(), 0..9)) {
        let text = pieces.concat();
        check_against_reference(&text, &parse_checked(&text));
    }

    #[test]
    fn slips_are_read_as_the_grammar_says(expr in expr(), place in any::<prop::sample::Index>(), slip in piece(), cut in 0..3_usize) {
        let mut text: Vec<char> = expr.to_string().chars().collect();
        let at = place.index(text.len() + 1);
        let end = (at + cut).min(text.len());
        text.splice(at..end, slip.chars());
        let text: String = text.into_iter().collect();
        check_against_reference(&text, &parse_checked(&text));
    }

    #[test]
    fn any_tree_survives_printing(expr in expr()) {
        check_round_trip(&Query { expr: Some(expr), span: NOWHERE });
    }
}
