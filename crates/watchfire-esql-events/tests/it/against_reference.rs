//! Random queries over random events: what comes of them on the way that scans take is what a plain evaluator says.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use watchfire_ir::Mapping;
use watchfire_test_support::esql_queries::{
    commands, document, event, expected, in_any_order, properties, text,
};

use crate::queries;

fn mapping() -> Mapping {
    Mapping::parse(&json!({ "properties": properties() }).to_string()).expect("a mapping")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queries_give_what_the_reference_gives(
        events in prop::collection::vec(event(), 0..12),
        commands in commands(),
    ) {
        let text = text(&commands);
        let documents: Vec<Json> = events.iter().map(document).collect();
        let found = queries::rows(&text, &mapping(), &documents);
        prop_assert_eq!(in_any_order(&found), in_any_order(&expected(&commands, &events)), "{}", text);
    }
}
