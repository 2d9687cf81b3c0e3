//! Properties of the lowering of KQL and filters: it takes anything, and what it merges means the same as before.

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_ir::{
    Catalogue, Condition, KqlOptions, Mapping, Schema, lower_filters, lower_kql, lower_lucene,
};

use crate::kql_evaluator;

const FIELDS: [&str; 10] = ["k", "lower", "t", "n", "r", "b", "i", "d", "flat", "o.v"];
const WORDS: [&str; 22] = [
    "a",
    "A",
    "b",
    "\"a b\"",
    "a b",
    "a*",
    "*b",
    "*",
    "5",
    "5.0",
    "05",
    "\"5\"",
    "true",
    "null",
    "10.0.0.1",
    "10.0.0.0/8",
    "\"2024-05-01\"",
    "\"2024-05-01T10\"",
    "now-1d",
    "ab",
    "**",
    "*a b*",
];

fn mapping() -> Mapping {
    let mapping = json!({ "properties": {
        "k": { "type": "keyword" }, "lower": { "type": "keyword", "normalizer": "lowercase" },
        "t": { "type": "text" }, "n": { "type": "long" }, "r": { "type": "double" }, "b": { "type": "boolean" },
        "i": { "type": "ip" }, "d": { "type": "date" }, "flat": { "type": "flattened" },
        "o": { "properties": { "v": { "type": "keyword" } } },
        "x": { "type": "nested", "properties": { "k": { "type": "keyword" } } },
    }});
    Mapping::parse(&mapping.to_string()).expect("a mapping")
}

fn condition(query: &str, schema: &dyn Schema) -> Condition {
    let parsed = watchfire_kql::parse(query);
    assert!(parsed.is_valid(), "{query}: {:?}", parsed.diagnostics);
    let now = watchfire_events::Timestamp::parse("2024-05-02T10:00:00Z");
    let options = KqlOptions { now, ..KqlOptions::default() };
    lower_kql(parsed.query.as_ref().expect("a tree"), schema, &options).condition
}

fn scalar() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("a"),
        json!("A"),
        json!("ab"),
        json!("a b"),
        json!("xa by"),
        json!(5),
        json!(5.0),
        json!("5"),
        json!(true),
        json!("10.0.0.1"),
        json!("2024-05-01T10:30:00Z"),
        json!("2024-05-01"),
        json!(null),
        json!({ "deep": "a" }),
    ])
}

fn document() -> impl Strategy<Value = Value> {
    let field = (prop::sample::select(&FIELDS[..]), prop::collection::vec(scalar(), 0..3));
    prop::collection::vec(field, 0..4).prop_map(|fields| {
        Value::Object(
            fields.into_iter().map(|(name, values)| (name.to_owned(), Value::Array(values))).collect(),
        )
    })
}

fn leaf() -> impl Strategy<Value = (&'static str, &'static str)> {
    (
        prop::sample::select(
            &["k", "lower", "t", "n", "r", "b", "i", "d", "flat", "o.v", "o*", "*", "zzz"][..],
        ),
        prop::sample::select(&WORDS[..]),
    )
}

proptest! {
    /// `f: (a or b …)` is the union of `f: a`, `f: b`, …; so is `or` over leaves of any fields.
    #[test]
    fn groups_mean_what_their_parts_mean(
        field in prop::sample::select(&FIELDS[..]),
        values in prop::collection::vec(prop::sample::select(&WORDS[..]), 1..6),
        leaves in prop::collection::vec(leaf(), 1..6),
        document in document(),
    ) {
        let schemas: [&dyn Schema; 2] = [&mapping(), &Catalogue::ecs()];
        for schema in schemas {
            let holds = |query: &str| kql_evaluator::holds(&condition(query, schema), &document, schema);
            let each: Vec<bool> = values.iter().map(|value| holds(&format!("{field}: {value}"))).collect();
            let group = |operator: &str| format!("{field}: ({})", values.join(operator));
            prop_assert_eq!(holds(&group(" or ")), each.contains(&true), "{} on {}", group(" or "), document);
            prop_assert_eq!(holds(&group(" and ")), !each.contains(&false), "{} on {}", group(" and "), document);
            prop_assert_eq!(holds(&format!("not {}", group(" or "))), !each.contains(&true));

            let leaves: Vec<String> = leaves.iter().map(|(field, value)| format!("{field}: {value}")).collect();
            let each: Vec<bool> = leaves.iter().map(|leaf| holds(leaf)).collect();
            prop_assert_eq!(holds(&leaves.join(" or ")), each.contains(&true), "{:?} on {}", leaves, document);
            prop_assert_eq!(holds(&leaves.join(" and ")), !each.contains(&false), "{:?} on {}", leaves, document);
        }
    }

    /// Whatever the parser makes of a text can be lowered, and asked of a document.
    #[test]
    fn any_text_is_lowered(
        pieces in prop::collection::vec(
            prop_oneof![
                4 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned),
                4 => prop::sample::select(&[
                    "k:", "t:", "n>", "d<=", "i:", "x:{", "}", "(", ")", " and ", " or ", "not ", "\\", "\"", "*:", "o*:",
                    "_id:", "AND", "NOT ", "+", "-", "[", " TO ", "]", "/", "_exists_:", "now", "||", ":", "<", "b:",
                ][..]).prop_map(str::to_owned),
                1 => any::<String>(),
            ],
            0..12,
        ),
        document in document(),
    ) {
        let text = pieces.concat();
        let schemas: [&dyn Schema; 2] = [&mapping(), &Catalogue::ecs()];
        for schema in schemas {
            let options = KqlOptions::default();
            let mut conditions = Vec::new();
            if let Some(query) = watchfire_kql::parse(&text).query {
                conditions.push(lower_kql(&query, schema, &options).condition);
            }
            if let Some(query) = watchfire_kql::lucene::parse(&text).query {
                conditions.push(lower_lucene(&query, schema, &options).condition);
            }
            for condition in conditions {
                let holds = kql_evaluator::holds(&condition, &document, schema);
                prop_assert_ne!(holds, kql_evaluator::holds(&condition.negate(), &document, schema));
            }
        }
    }

    /// Any JSON is taken for filters; what is no filter is said to be none.
    #[test]
    fn any_json_is_taken_for_filters(filters in filters()) {
        let (_, said) = lower_filters(&filters, &mapping(), &KqlOptions::default());
        let is_list = filters.is_array() || filters.is_null();
        prop_assert!(is_list || !said.is_empty());
    }
}

/// JSON that is made of the words of filters.
fn filters() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(
        &[
            "meta",
            "query",
            "bool",
            "must",
            "should",
            "must_not",
            "filter",
            "match",
            "match_phrase",
            "term",
            "terms",
            "range",
            "wildcard",
            "regexp",
            "prefix",
            "exists",
            "field",
            "nested",
            "path",
            "query_string",
            "multi_match",
            "fields",
            "k",
            "t",
            "n",
            "x",
            "value",
            "type",
            "params",
            "relation",
            "negate",
            "disabled",
            "gte",
            "lt",
            "minimum_should_match",
            "key",
        ][..],
    );
    let text = prop::sample::select(
        &["a", "*", "k", "x", "combined", "AND", "OR", "phrase", "(", "k:a OR", "[", "now/d"][..],
    );
    let leaf = prop_oneof![
        text.prop_map(|text| json!(text)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|value| json!(value)),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}
