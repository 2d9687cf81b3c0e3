//! Whatever a request holds, it is answered or refused.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_search::{SearchError, SearchOptions, Searcher};

use crate::cases::{ask, read_events, searcher};

/// The requests of all cases that have a body of JSON: what they ask, and the body.
static REQUESTS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut requests = Vec::new();
    for entry in fs::read_dir(folder).expect("the cases are there") {
        let text = fs::read_to_string(entry.expect("the folder can be read").path()).expect("a case is text");
        for part in text.split("===\n").skip(1) {
            let request = part.split("---\n").next().unwrap_or_default();
            if let Some((head, body)) = request.split_once("\n\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                requests.push((head.to_owned(), body));
            }
        }
    }
    requests
});

static SEARCHER: LazyLock<Searcher> =
    LazyLock::new(|| searcher(read_events("@shared.events"), SearchOptions::default()));

/// Values that stand where others are expected.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(0)),
        Just(json!(i64::MIN)),
        Just(json!(u64::MAX)),
        Just(json!(1.5e300)),
        Just(json!("")),
        Just(json!("*")),
        Just(json!("now-1d/d")),
        Just(json!("@timestamp")),
        Just(json!("9999-12-31T23:59:59.999Z")),
        Just(json!("0000-01-01")),
        Just(json!("-9223372036854775808")),
        Just(json!("ä\u{0}\n")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[{}]])),
        Just(json!({ "field": "network.bytes" })),
        Just(json!({ "match_all": {} })),
    ]
}

/// The number of values in a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(object) => object.values().map(size).sum(),
        _ => 0,
    }
}

/// Puts another value in the place of the one with this number.
fn replace(value: &mut Value, number: &mut usize, with: &Value) -> bool {
    if *number == 0 {
        value.clone_from(with);
        return true;
    }
    *number -= 1;
    match value {
        Value::Array(values) => values.iter_mut().any(|value| replace(value, number, with)),
        Value::Object(object) => object.values_mut().any(|value| replace(value, number, with)),
        _ => false,
    }
}

/// An answer is an object, and a refusal has a status of one.
fn is_sound(answer: &Result<Value, SearchError>) -> bool {
    match answer {
        Ok(answer) => answer.is_object(),
        Err(error) => (400..600).contains(&error.status) && !error.reason.is_empty(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn a_request_with_an_odd_value_is_answered_or_refused(
        request in 0..1_000_000_usize,
        changes in prop::collection::vec((0..1_000_000_usize, odd()), 1..3),
    ) {
        let (head, body) = &REQUESTS[request % REQUESTS.len()];
        let mut body = body.clone();
        for (number, with) in changes {
            // The whole body is left in its place: of another one not much is read.
            let mut number = 1 + number % (size(&body) - 1).max(1);
            replace(&mut body, &mut number, &with);
        }
        let answer = ask(&SEARCHER, &format!("{head}\n\n{body}"));
        prop_assert!(is_sound(&answer), "{answer:?}");
    }
}
