//! Which events an exception excepts. Each file of `tests/cases/exceptions/` is one question:
//!
//! ```text
//! {
//!   "about": "what it shows",
//!   "item": { "entries": [ … ], "os_types": [ … ], … },       the rest of the item is filled in
//!   "lists": { "hosts.txt": "a\nb\n" },                        value lists, if any
//!   "excepted": [ { event }, … ],
//!   "kept": [ { event }, … ],
//!   "says": [ "EXC105" ]                                       codes of what is said, in the order of letters
//! }
//! ```
//!
//! The matcher is asked, by way of a rule that takes every event, and the counts are held to the same.

use std::path::Path;

use serde_json::{Value, json};
use watchfire_detect::{CompileOptions, ExceptionBook, ExceptionCounts, RuleBook, compile_rule};
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, EventId, Place, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_rules::exceptions::{ValueList, load_text};
use watchfire_rules::model::Rule;

/// 2026-03-02T08:00:00Z, the time of all runs.
const NOW: Timestamp = Timestamp::from_millis(1_772_438_400_000);

fn rule(query: &str) -> Rule {
    let text = json!({
        "rule_id": "r", "name": "n", "description": "d", "risk_score": 1, "severity": "low", "type": "eql",
        "language": "eql", "index": ["logs-*"], "query": query,
        "exceptions_list":
            [{ "id": "x", "list_id": "list", "type": "detection", "namespace_type": "single" }],
    });
    watchfire_rules::format::parse(&text.to_string()).file.expect("a rule").rule
}

fn batch(events: &[Value], types: &Catalogue) -> EventBatch {
    let mut builder = BatchBuilder::new(types);
    for (record, event) in (1..).zip(events) {
        builder.push(Event {
            id: EventId::given(record.to_string()),
            data_stream: DataStream::new("logs-test-default"),
            document: event.as_object().expect("an event is an object").clone(),
            place: Place { input: "case".into(), record, line: None, offset: None },
        });
    }
    builder.finish()
}

fn exceptions(item: &Value, lists: &Value, catalogue: &Catalogue) -> ExceptionBook {
    let mut item = item.clone();
    let object = item.as_object_mut().expect("an item is an object");
    for (key, value) in [("list_id", "list"), ("item_id", "item"), ("name", "an item")] {
        object.entry(key).or_insert_with(|| value.into());
    }
    let lists = lists.as_object().into_iter().flatten();
    let lists = lists
        .map(|(name, text)| ValueList::parse(name, text.as_str().expect("a list is a text").to_owned()).0);
    ExceptionBook::new(load_text("item.json", &item.to_string()), lists.collect(), catalogue, NOW)
}

#[test]
fn every_case_excepts_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/exceptions");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let catalogue = Catalogue::ecs();
    for file in files {
        let name = file.display();
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let list = |key: &str| case[key].as_array().cloned().unwrap_or_default();
        let (excepted, kept) = (list("excepted"), list("kept"));
        let book = exceptions(&case["item"], &case["lists"], &catalogue);
        let mut said: Vec<String> = book
            .sources()
            .iter()
            .flat_map(|text| &text.diagnostics)
            .map(|found| found.code.as_str().to_owned())
            .collect();
        said.sort_unstable();
        let expected: Vec<String> =
            list("says").iter().map(|code| code.as_str().expect("a code").to_owned()).collect();
        assert_eq!(said, expected, "{name}: {:?}", book.sources());

        let rule = rule("any where true");
        let compiled = compile_rule(&rule, &catalogue, &CompileOptions::default());
        let rules = RuleBook::with_exceptions([(rule, compiled)], Some(&book));
        let all: Vec<Value> = excepted.iter().chain(&kept).cloned().collect();
        let batch = batch(&all, &catalogue);
        let matches = rules.set().match_batch(&batch, &catalogue);
        let alerts: Vec<u32> =
            matches.hits.iter().filter(|hit| rules.is_alert(hit.rule)).map(|hit| hit.row).collect();
        let wanted: Vec<u32> = (excepted.len() as u32..all.len() as u32).collect();
        assert_eq!(alerts, wanted, "{name}: the rows that are kept");
        let mut counts = ExceptionCounts::default();
        counts.add(&rules, &book, &batch, &catalogue, &matches);
        let counted: u64 = counts.items.values().map(|item| item.events).sum();
        assert_eq!((counts.events, counted), (excepted.len() as u64, excepted.len() as u64), "{name}");
    }
}

#[test]
fn an_event_that_two_items_except_counts_for_both_and_once_in_all() {
    let catalogue = Catalogue::ecs();
    let items = json!([
        { "list_id": "list", "item_id": "a", "name": "a",
          "entries": [{ "field": "user.name", "type": "match", "operator": "included", "value": "ana" }] },
        { "list_id": "list", "item_id": "b", "name": "b",
          "entries": [{ "field": "user.name", "type": "wildcard", "operator": "included", "value": "a*" }] },
        { "list_id": "list", "item_id": "a", "name": "the id is taken",
          "entries": [{ "field": "user.name", "type": "exists", "operator": "included" }] },
    ]);
    let book = ExceptionBook::new(load_text("items.json", &items.to_string()), Vec::new(), &catalogue, NOW);
    assert_eq!((book.items().len(), book.errors()), (2, 1));
    let rules = [
        "any where true",
        "sequence by host.id [any where true] [any where user.name == \"ana\"] until [any where true]",
    ];
    let compiled = rules.map(|query| {
        let rule = rule(query);
        let compiled = compile_rule(&rule, &catalogue, &CompileOptions::default());
        (rule, compiled)
    });
    let rules = RuleBook::with_exceptions(compiled, Some(&book));
    let events = [json!({ "user": { "name": "ana" } }), json!({ "user": { "name": "abe" } }), json!({})];
    let batch = batch(&events, &catalogue);
    let matches = rules.set().match_batch(&batch, &catalogue);
    let mut counts = ExceptionCounts::default();
    counts.add(&rules, &book, &batch, &catalogue, &matches);
    let events = |item: usize| (counts.items[&item].events, counts.items[&item].rules.clone());
    assert_eq!(counts.events, 2);
    assert_eq!(events(0), (1, [(0, 1), (1, 1)].into()));
    assert_eq!(events(1), (2, [(0, 2), (1, 2)].into()));
    let mut twice = counts.clone();
    twice.merge(counts.clone());
    assert_eq!(twice.items[&1].events, 4);
    // All stages, `until` too, leave the events out.
    let of_sequence = matches.hits.iter().filter(|hit| !rules.is_alert(hit.rule) && hit.row < 2);
    let bare = of_sequence.filter(|hit| rules.condition(hit.rule).to_string().contains("listed")).count();
    assert_eq!(bare, 0);
}

#[test]
fn a_list_of_seventy_thousand_values_is_looked_up() {
    let catalogue = Catalogue::ecs();
    let values = 70_000;
    let text = (0..values).map(|at| format!("host-{at}")).collect::<Vec<_>>().join("\n");
    let item = json!({ "entries": [
        { "field": "host.name", "type": "list", "operator": "included",
          "list": { "id": "hosts", "type": "keyword" } },
        { "field": "user.name", "type": "match", "operator": "included", "value": "ana" },
    ]});
    let book = exceptions(&item, &json!({ "hosts.txt": text }), &catalogue);
    assert_eq!(book.value_lists()[0].values, values);
    let rule = rule("any where true");
    let compiled = compile_rule(&rule, &catalogue, &CompileOptions::default());
    let rules = RuleBook::with_exceptions([(rule, compiled)], Some(&book));
    let event = |host: String, user: &str| json!({ "host": { "name": host }, "user": { "name": user } });
    let last = values - 1;
    let events = [
        event(format!("host-{last}"), "ana"),
        event(format!("host-{last}"), "abe"),
        event(format!("host-{values}"), "ana"),
    ];
    let batch = batch(&events, &catalogue);
    let matches = rules.set().match_batch(&batch, &catalogue);
    let alerts: Vec<u32> =
        matches.hits.iter().filter(|hit| rules.is_alert(hit.rule)).map(|hit| hit.row).collect();
    assert_eq!(alerts, [1, 2], "a list beside another entry is applied, of whatever size it is");
    assert!(rules.condition(matches.hits[0].rule).to_string().len() < 400, "a dump names a list");
}
