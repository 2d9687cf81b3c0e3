//! The engine: the matcher finds what the reference evaluator finds.

use std::sync::LazyLock;

use serde_json::Value;
use watchfire_engine::{Hit, RuleIndex, RuleSetBuilder, reference};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, IndexPatterns, Place};
use watchfire_ir::{Condition, EqlOptions, EqlPlan, KqlOptions, Mapping, lower_eql, lower_kql, lower_lucene};

/// A field of each type under a short name, so that queries and documents meet.
static FIELDS: LazyLock<Mapping> = LazyLock::new(|| {
    Mapping::parse(
        r#"{"properties": {
            "k": {"type": "keyword", "fields": {"text": {"type": "text"}}}, "w": {"type": "wildcard"},
            "n": {"type": "long"}, "d": {"type": "double"}, "b": {"type": "boolean"}, "i": {"type": "ip"},
            "at": {"type": "date"}, "v": {"type": "version"}, "t": {"type": "text"}, "f": {"type": "flattened"},
            "event": {"properties": {"category": {"type": "keyword"}}},
            "x": {"type": "nested", "properties": {"k": {"type": "keyword"}, "n": {"type": "long"}}}
        }}"#,
    )
    .expect("the mapping is well formed")
});

/// Most documents of one batch.
const MAX_DOCUMENTS: usize = 64;

/// A query in the first line (`kql …`, `lucene …`, else EQL), and below it a JSON document a line.
///
/// The query and its negation are matched; both give exactly the rows that the reference evaluator gives.
pub fn matcher(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (query, documents) = input.split_once('\n').unwrap_or((input, ""));
    let Some(condition) = condition(query) else { return };
    let mut builder = BatchBuilder::new(&*FIELDS);
    for (at, line) in documents.lines().take(MAX_DOCUMENTS).enumerate() {
        let Ok(Value::Object(document)) = serde_json::from_str(line) else { continue };
        builder.push(Event {
            id: EventId::given(at.to_string()),
            data_stream: DataStream::logs("fuzz", "default"),
            document,
            place: Place { input: "fuzz".into(), record: at as u64 + 1, line: None, offset: None },
        });
    }
    let batch = builder.finish();
    let rules = [condition.clone(), condition.negate()];
    let mut set = RuleSetBuilder::new();
    for rule in &rules {
        set.add(IndexPatterns::new(["logs-*"]), rule.clone());
    }
    let found = set.build().match_batch(&batch, &*FIELDS).hits;
    let mut expected = Vec::new();
    for (rule, condition) in (0..).zip(&rules) {
        for row in 0..batch.len() {
            if reference::evaluate(condition, &batch, row, &*FIELDS, &mut Vec::new()) {
                let row = u32::try_from(row).expect("a batch is small");
                expected.push(Hit { rule: RuleIndex(rule), row });
            }
        }
    }
    assert_eq!(found, expected, "rule 0 is {}", rules[0]);
}

fn condition(query: &str) -> Option<Condition> {
    if let Some(text) = query.strip_prefix("kql ") {
        let parsed = watchfire_kql::parse(text);
        let lowered = lower_kql(parsed.query.as_ref()?, &*FIELDS, &KqlOptions::default());
        (parsed.is_valid() && lowered.is_valid()).then_some(lowered.condition)
    } else if let Some(text) = query.strip_prefix("lucene ") {
        let parsed = watchfire_kql::lucene::parse(text);
        let lowered = lower_lucene(parsed.query.as_ref()?, &*FIELDS, &KqlOptions::default());
        (parsed.is_valid() && lowered.is_valid()).then_some(lowered.condition)
    } else {
        let parsed = watchfire_eql::parse(query);
        if !parsed.is_valid() {
            return None;
        }
        match lower_eql(&parsed.query?, &*FIELDS, &EqlOptions::default()).plan? {
            EqlPlan::Event(plan) => Some(plan.condition),
            EqlPlan::Sequence(plan) => Some(plan.stages.into_iter().next()?.condition),
            EqlPlan::Sample(plan) => Some(plan.stages.into_iter().next()?.condition),
        }
    }
}
