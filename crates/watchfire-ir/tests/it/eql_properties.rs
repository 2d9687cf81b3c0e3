//! What holds of every query and pattern, however strange.

use proptest::prelude::*;
use serde_json::json;
use watchfire_diagnostics::Severity;
use watchfire_ir::{
    Catalogue, ComputedLeaf, EqlOptions, EqlPlan, Expr, FieldRef, Fold, Mapping, Pattern, Regex, Schema,
    UnmappedReading, lower_eql,
};

use crate::evaluator;

const FIELDS: &str = r#"{"properties": {"k": {"type": "keyword"}, "l": {"type": "keyword"}, "n": {"type": "long"},
    "d": {"type": "double"}, "b": {"type": "boolean"}, "ip": {"type": "ip"}, "at": {"type": "date"}}}"#;

fn mapping() -> Mapping {
    Mapping::parse(FIELDS).expect("a mapping")
}

/// Values, of types that fit or not.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("k".to_owned()),
        Just("l".to_owned()),
        Just("n".to_owned()),
        Just("d".to_owned()),
        Just("b".to_owned()),
        Just("ip".to_owned()),
        Just("at".to_owned()),
        Just("?u".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("7".to_owned()),
        Just("2147483647".to_owned()),
        Just("1.5".to_owned()),
        Just("\"a*\"".to_owned()),
        Just("\"10.0.0.0/8\"".to_owned()),
        Just("\"2024-05-01\"".to_owned()),
        Just("\"\"".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                inner.clone(),
                prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%")]
            )
                .prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            (inner.clone(), prop_oneof![Just("length"), Just("string"), Just("number")])
                .prop_map(|(a, name)| format!("{name}({a})")),
            (
                inner.clone(),
                inner.clone(),
                prop_oneof![
                    Just("concat"),
                    Just("indexOf~"),
                    Just("substring"),
                    Just("startsWith"),
                    Just("cidrMatch")
                ]
            )
                .prop_map(|(a, b, name)| format!("{name}({a}, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("between({a}, \"x\", {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} == {b})")),
        ]
    })
}

/// Conditions over such values.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (value(), value(), prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")])
            .prop_map(|(a, b, op)| format!("{a} {op} {b}")),
        (value(), prop_oneof![Just(":"), Just("like"), Just("like~"), Just("regex"), Just("regex~")])
            .prop_map(|(a, op)| format!("{a} {op} (\"a*\", \"b\")")),
        (value(), value(), prop_oneof![Just("in"), Just("in~"), Just("not in")])
            .prop_map(|(a, b, op)| format!("{a} {op} ({b}, \"a\")")),
        value(),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn documents() -> Vec<serde_json::Value> {
    vec![
        json!({}),
        json!({"k": "a", "l": "B", "n": 7, "d": 1.5, "b": true, "ip": "10.1.1.1", "at": "2024-05-01T10:00:00Z"}),
        json!({"k": ["", "ab", "10.0.0.1"], "n": [i64::MAX, -1], "d": -0.0, "b": [true, false], "ip": "::1"}),
        json!({"k": "\u{1f600}*", "l": ["7", "0x10"], "n": 0, "at": 0}),
    ]
}

fn lower(query: &str, schema: &dyn Schema, unmapped: UnmappedReading) -> Option<EqlPlan> {
    let parsed = watchfire_eql::parse(query);
    let tree = parsed.query.as_ref().expect("a tree");
    let lowered = lower_eql(tree, schema, &EqlOptions { unmapped, ..EqlOptions::default() });
    let failed = lowered.diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(lowered.plan.is_none(), failed, "{query}: {:?}", lowered.diagnostics);
    for diagnostic in &lowered.diagnostics {
        let span = diagnostic.primary_span().expect("every diagnostic has a place");
        assert!(query.get(span.range()).is_some(), "{query}: {diagnostic:?}");
    }
    lowered.plan
}

proptest! {
    #[test]
    fn every_query_resolves_or_says_why(text in condition()) {
        let query = format!("any where {text}");
        for schema in [&mapping() as &dyn Schema, &Catalogue::ecs()] {
            for unmapped in [UnmappedReading::AsElasticsearch, UnmappedReading::AsMissing] {
                let Some(EqlPlan::Event(plan)) = lower(&query, schema, unmapped) else { continue };
                let batch = evaluator::batch(&documents(), schema);
                for row in 0..batch.len() {
                    // Whether it holds or cannot be computed: no answer is a panic, and the dump is one line.
                    drop(evaluator::holds(&plan.condition, &batch, row));
                }
                prop_assert_eq!(plan.condition.to_string().lines().count(), 1);
            }
        }
    }

    /// What the field leaf of a condition says, its negation denies, of every event.
    #[test]
    fn not_is_the_complement(text in condition()) {
        let schema = mapping();
        let plain = lower(&format!("any where {text}"), &schema, UnmappedReading::AsMissing);
        let negated = lower(&format!("any where not ({text})"), &schema, UnmappedReading::AsMissing);
        let (Some(EqlPlan::Event(plain)), Some(EqlPlan::Event(negated))) = (plain, negated) else { return Ok(()) };
        // A condition that comes to null without any unmapped field selects nothing, negated or not.
        prop_assume!(!text.contains("null"));
        prop_assume!(plain.condition.to_string() != "false" || negated.condition.to_string() != "false");
        let batch = evaluator::batch(&documents(), &schema);
        for row in 0..batch.len() {
            let (a, b) = (evaluator::holds(&plain.condition, &batch, row), evaluator::holds(&negated.condition, &batch, row));
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert!(!(a && b), "{} and {} on row {}", plain.condition, negated.condition, row);
            }
        }
    }

    #[test]
    fn no_pattern_panics(text in "[a-c\\\\.*+?{}()\\[\\]|&~@#<>\"0-9,^$:!=\\-dwsbQExup]{0,24}", subject in "[a-c0-9]{0,6}") {
        for fold in [Fold::None, Fold::Ascii, Fold::Lowercase] {
            for regex in [Regex::lucene(&text, fold), Regex::java(&text, fold), Regex::wildcard(&text, fold)].into_iter().flatten() {
                let fits = regex.fits(&subject);
                if let Some(literals) = regex.literals() && fold == Fold::None {
                    prop_assert_eq!(fits, literals.contains(&subject));
                }
                if regex.is_everything() {
                    prop_assert!(fits);
                }
            }
        }
    }

    /// A pattern means the same in a field leaf, as a regular expression, and in a computed leaf, line breaks aside.
    #[test]
    fn wildcards_agree(pattern in "[abA*?.]{0,8}", text in "[abAB.]{0,8}") {
        let escaped: String = pattern
            .chars()
            .map(|character| match character {
                '*' => ".*".to_owned(),
                '?' => ".".to_owned(),
                '.' => "\\.".to_owned(),
                other => other.to_string(),
            })
            .collect();
        for fold in [Fold::None, Fold::Ascii] {
            let expected = Pattern::from_eql(&pattern).folded(fold).fits(&fold.apply(&text));
            prop_assert_eq!(Regex::lucene(&escaped, fold).expect("a pattern").fits(&text), expected);
            prop_assert_eq!(Regex::java(&escaped, fold).expect("a pattern").fits(&text), expected);
            let field = FieldRef { name: "k".into(), field_type: watchfire_events::FieldType::Keyword };
            let like = Expr::like(Expr::field(field).expect("a text"), &pattern, fold).expect("a pattern");
            let leaf = ComputedLeaf::new(like).expect("a condition");
            prop_assert_eq!(leaf.holds(&[vec![watchfire_events::ValueRef::Text(&text)]]), Ok(expected));
        }
    }
}
