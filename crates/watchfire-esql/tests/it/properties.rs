//! Random texts, which never make the parser fail, and random trees, which are what is read of their print.

use proptest::prelude::*;

use crate::bare::parse_checked;

/// Pieces of the language, and some of others.
const PIECES: [&str; 64] = [
    "FROM",
    "from",
    "logs-*",
    "a",
    "b.c",
    "`d e`",
    "@timestamp",
    "_id",
    "METADATA",
    "|",
    "WHERE",
    "EVAL",
    "STATS",
    "INLINE",
    "BY",
    "KEEP",
    "DROP",
    "RENAME",
    "AS",
    "SORT",
    "DESC",
    "NULLS FIRST",
    "LIMIT",
    "10",
    "MV_EXPAND",
    "DISSECT",
    "GROK",
    "\"%{x}\"",
    "COMPLETION",
    "WITH",
    "{",
    "}",
    "\"k\"",
    ":",
    "==",
    "!=",
    "<",
    "<=",
    "AND",
    "OR",
    "NOT",
    "IS",
    "NULL",
    "IN",
    "(",
    ")",
    ",",
    "LIKE",
    "RLIKE",
    "\"\"\"a\\b\"\"\"",
    "+",
    "-",
    "*",
    "/",
    "::ip",
    "f(",
    "count(*)",
    "1.5",
    "5 minutes",
    "[1, 2]",
    "// c\n",
    "/* d */",
    "'",
    "=~",
];

fn column() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_@][a-z0-9_]{1,6}(\\.[a-z][a-z0-9]{0,3}){0,2}",
        Just("`a b`".to_owned()),
        Just("`last`.`x``y`".to_owned()),
    ]
    .prop_filter("no word of the language", |name| {
        name.starts_with('`')
            || name.split('.').all(|part| {
                ![
                    "and", "asc", "by", "desc", "false", "first", "in", "is", "last", "like", "not", "null",
                    "nulls", "on", "or", "rlike", "true", "where", "with", "as",
                ]
                .contains(&part)
            })
    })
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        column(),
        (-9_i64..99).prop_map(|number| number.to_string()),
        (0_u32..50).prop_map(|number| format!("{:?}", f64::from(number) / 4.0)),
        "[a-z*?]{0,5}".prop_map(|text| format!("\"{text}\"")),
        Just("\"\"\"a\\*\"\"\"".to_owned()),
        Just("null".to_owned()),
        Just("3 hours".to_owned()),
        Just("[\"a\", \"b\"]".to_owned()),
    ]
}

/// An expression, its operands in brackets only where they have to be.
fn expression() -> impl Strategy<Value = String> {
    value().prop_recursive(4, 40, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|one| format!("({one})")),
            inner.clone().prop_map(|one| format!("NOT ({one})")),
            inner.clone().prop_map(|one| format!("-({one})")),
            inner.clone().prop_map(|one| format!("({one})::string")),
            inner.clone().prop_map(|one| format!("({one}) IS NOT NULL")),
            inner.clone().prop_map(|one| format!("({one}) NOT LIKE (\"a*\", \"b\")")),
            inner.clone().prop_map(|one| format!("({one}) RLIKE \"a.*\"")),
            (two.clone(), prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%")])
                .prop_map(|((left, right), sign)| format!("({left}) {sign} ({right})")),
            (two.clone(), prop_oneof![Just("=="), Just("<"), Just(">=")])
                .prop_map(|((left, right), sign)| format!("({left}) {sign} ({right})")),
            (two.clone(), prop_oneof![Just("AND"), Just("OR")])
                .prop_map(|((left, right), word)| format!("({left}) {word} ({right})")),
            two.clone().prop_map(|(left, right)| format!("({left}) IN (({right}), 1)")),
            two.prop_map(|(left, right)| format!("CASE({left}, {right}, {{\"k\": 1}})")),
        ]
    })
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        expression().prop_map(|one| format!("WHERE {one}")),
        (column(), expression(), expression())
            .prop_map(|(name, one, two)| format!("EVAL {name} = {one}, {two}")),
        (column(), expression(), column(), expression()).prop_map(|(name, one, by, filter)| format!(
            "STATS {name} = max({one}) WHERE {filter}, count(*) BY {by}"
        )),
        (column(), column()).prop_map(|(one, two)| format!("INLINE STATS {one} = count(*) BY {two}")),
        (column(), column()).prop_map(|(one, two)| format!("KEEP {one}, x.*, *y*, {two}")),
        column().prop_map(|one| format!("DROP {one}")),
        (column(), column()).prop_map(|(one, two)| format!("RENAME {one} AS {two}")),
        (expression(), column()).prop_map(|(one, two)| format!("SORT {one} DESC NULLS LAST, {two}")),
        (0_u32..9).prop_map(|number| format!("LIMIT {number}")),
        column().prop_map(|one| format!("MV_EXPAND {one}")),
        column().prop_map(|one| format!("DISSECT {one} \"%{{a}} %{{b}}\" APPEND_SEPARATOR = \",\"")),
        column().prop_map(|one| format!("GROK {one} \"%{{IP:ip}}\", \"\"\"\\d+\"\"\"")),
        (column(), column())
            .prop_map(|(one, two)| format!("COMPLETION {one} = {two} WITH {{\"inference_id\": \"m\"}}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_failing(text in "\\PC{0,80}") {
        parse_checked(&text);
        parse_checked(&format!("FROM a | WHERE {text}"));
    }

    #[test]
    fn any_pieces_are_read_without_failing(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24)) {
        parse_checked(&pieces.join(" "));
        parse_checked(&format!("FROM a | {}", pieces.concat()));
    }

    #[test]
    fn what_is_printed_is_what_was_read(commands in prop::collection::vec(command(), 0..5)) {
        let text = format!("FROM logs-*, -b METADATA _id, _index\n| {}", commands.join("\n| "));
        let text = if commands.is_empty() { "FROM a".to_owned() } else { text };
        let parsed = parse_checked(&text);
        prop_assert!(parsed.is_valid(), "{text}\n{:?}", parsed.diagnostics);
    }
}
