//! Random queries over random events: on DataFusion, in any number of parts, they give what they give row by row, in the same
//! order and with the same warnings; and what a plain evaluator says, as far as it knows their commands.

use proptest::prelude::*;
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};
use watchfire_esql_plans::memory::Layout;
use watchfire_pipeline::DataType;
use watchfire_test_support::esql_queries::{
    Command, commands, document, event, expected, in_any_order, text,
};

use crate::table::{Table, both, objects, plan};

fn table() -> Table {
    Table(vec![
        ("k", DataType::Keyword),
        ("m.k", DataType::Keyword),
        ("m.n", DataType::Long),
        ("n", DataType::Long),
        ("t", DataType::Boolean),
    ])
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Commands that the plain evaluator does not know: in front of the others, and behind columns or groups.
const BEFORE: [&str; 3] = [
    "INLINE STATS of_k = COUNT(*), most = MAX(n) BY k",
    "SORT n DESC, m.k NULLS FIRST | LIMIT 5",
    "EVAL share = n / 2.0 | INLINE STATS shares = SUM(share) BY t",
];
const BEHIND_COLUMNS: [&str; 8] = [
    "SORT n DESC NULLS LAST, k",
    "SORT x | LIMIT 3",
    "LIMIT 4",
    "MV_EXPAND k | MV_EXPAND n | LIMIT 6",
    "INLINE STATS s = SUM(n), c = COUNT_DISTINCT(y) WHERE x > 0 BY k, x | SORT y | LIMIT 5",
    "STATS f = FIRST(n, x), l = LAST(k, n), t = TOP(n, 2, \"desc\"), a = AVG(x / 3.0), v = VALUES(y) BY k",
    "DISSECT y \"%{before}b%{behind}\" | STATS c = COUNT(before) BY behind",
    "GROK k \"%{WORD:word}\" | INLINE STATS w = VALUES(word) | SORT word DESC | LIMIT 7",
];
const BEHIND_GROUPS: [&str; 4] =
    ["SORT a0 DESC | LIMIT 2", "INLINE STATS all = COUNT(*) | LIMIT 3", "STATS c = COUNT(a0)", "LIMIT 1"];

/// Commands, and others around them.
fn queries() -> impl Strategy<Value = (Vec<Command>, String, bool)> {
    let before = prop::option::weighted(0.2, prop::sample::select(&BEFORE[..]));
    let behind = prop::option::weighted(0.6, any::<prop::sample::Index>());
    (commands(), before, behind).prop_map(|(commands, before, behind)| {
        let groups = commands.iter().any(|command| matches!(command, Command::Stats(..)));
        let others: &[&str] = if groups { &BEHIND_GROUPS } else { &BEHIND_COLUMNS };
        let is_plain = before.is_none() && behind.is_none();
        let mut query = text(&commands);
        if let Some(before) = before {
            query = query.replacen("FROM logs-*", &format!("FROM logs-* | {before}"), 1);
        }
        if let Some(behind) = behind {
            query = format!("{query} | {}", behind.get(others));
        }
        (commands, query, is_plain)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plans_give_what_rows_give(
        events in prop::collection::vec(event(), 0..14),
        (commands, query, is_plain) in queries(),
        partitions in 1_usize..4,
        batch_rows in 1_usize..6,
    ) {
        let plan = plan(&query, &table());
        let documents: Vec<Json> = events.iter().map(document).collect();
        let layout = Layout { partitions, batch_rows };
        let [planned, by_rows] = both(&plan, &documents, layout, &runtime());
        prop_assert_eq!(&planned, &by_rows, "{} in {:?}", query, layout);
        if is_plain {
            let rows = objects(&plan, planned.0);
            prop_assert_eq!(in_any_order(&rows), in_any_order(&expected(&commands, &events)), "{}", query);
        }
    }
}
