//! What a store need not read changes nothing: a search finds the same with and without.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_events::{DataStream, Event, EventId, Place, Timestamp};
use watchfire_search::{Call, Endpoint, SearchOptions};

use crate::cases::searcher;

fn event(number: usize, minutes: &[u32], host: &[u8], pid: Option<i64>) -> Event {
    let mut document =
        json!({ "host": { "name": host.iter().map(|host| format!("h{host}")).collect::<Vec<_>>() } });
    // The catalogue says that an event has one time, so it is that of all events here.
    let instant = |minute: &u32| format!("2026-03-02T10:{minute:02}:00.000Z");
    if let Some(minute) = minutes.first() {
        document["@timestamp"] = json!(instant(minute));
    }
    if let Some(minute) = minutes.get(1) {
        document["event"] = json!({ "ingested": instant(minute) });
    }
    if let Some(pid) = pid {
        document["process"] = json!({ "pid": pid });
        document["source"] = json!({ "ip": format!("10.0.0.{}", pid % 4) });
    }
    Event {
        id: EventId::given(number.to_string()),
        data_stream: DataStream::new(if number.is_multiple_of(2) {
            "logs-a-default"
        } else {
            "logs-b-default"
        }),
        document: document.as_object().expect("an object").clone(),
        place: Place { input: "random".into(), record: number as u64, line: None, offset: None },
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = (
        prop::collection::vec(0..60_u32, 0..3),
        prop::collection::vec(0..4_u8, 0..3),
        prop::option::of(0..8_i64),
    );
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let each = all.into_iter().enumerate();
        each.map(|(number, (minutes, host, pid))| event(number, &minutes, &host, pid)).collect()
    })
}

fn clause() -> impl Strategy<Value = Value> {
    let instant = |minute: u32| format!("2026-03-02T10:{minute:02}:00.000Z");
    let range = (0..60_u32, 0..60_u32, prop::bool::ANY, prop::bool::ANY).prop_map(
        move |(low, high, strict, event)| {
            let field = if event { "@timestamp" } else { "event.ingested" };
            let (from, to) = if strict { ("gt", "lt") } else { ("gte", "lte") };
            json!({ "range": { field: { from: instant(low), to: instant(high) } } })
        },
    );
    let leaf = prop_oneof![
        3 => range,
        2 => (0..5_u8).prop_map(|host| json!({ "term": { "host.name": format!("h{host}") } })),
        1 => (0..4_u8, 0..4_u8).prop_map(|(a, b)| json!({ "terms": { "host.name": [format!("h{a}"), format!("h{b}")] } })),
        1 => (0..4_u8).prop_map(|host| json!({ "term": { "source.ip": format!("10.0.0.{host}") } })),
        1 => (0..8_i64).prop_map(|pid| json!({ "range": { "process.pid": { "gte": pid } } })),
        1 => prop::collection::vec(0..40_u8, 0..4)
            .prop_map(|ids| json!({ "ids": { "values": ids.iter().map(ToString::to_string).collect::<Vec<_>>() } })),
        1 => Just(json!({ "term": { "_index": "logs-a-default" } })),
        1 => Just(json!({ "exists": { "field": "host.name" } })),
        1 => Just(json!({ "match_none": {} })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 0..3);
        (list(), list(), list(), prop::option::of(0..3_u8)).prop_map(|(filter, should, not, minimum)| {
            let mut clause = json!({ "bool": { "filter": filter, "should": should, "must_not": not } });
            if let Some(minimum) = minimum {
                clause["bool"]["minimum_should_match"] = json!(minimum);
            }
            clause
        })
    })
}

fn answer(events: &[Event], prunes: bool, endpoint: Endpoint, body: &Value) -> String {
    let searcher = searcher(events.to_vec(), SearchOptions { prunes });
    let text = body.to_string();
    let call = Call {
        index: Some("logs-*"),
        name: None,
        parameters: &BTreeMap::new(),
        body: text.as_bytes(),
        now: Timestamp::parse("2026-03-02T10:40:00Z").expect("an instant"),
        elapsed: &|| Duration::ZERO,
        time_limit: Duration::from_mins(1),
    };
    match searcher.call(endpoint, &call) {
        Ok(answer) => answer.to_string(),
        Err(error) => error.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_the_same_without_pruning(events in events(), query in clause()) {
        let body = json!({
            "query": query,
            "size": 100,
            "sort": ["@timestamp"],
            "aggs": { "hosts": { "terms": { "field": "host.name" } } },
        });
        let [pruned, whole] = [true, false].map(|prunes| answer(&events, prunes, Endpoint::Search, &body));
        prop_assert_eq!(pruned, whole);
    }

    #[test]
    fn the_latest_are_found_without_reading_all(
        events in events(),
        query in clause(),
        size in 1..5_usize,
        descending in prop::bool::ANY,
        total in prop_oneof![Just(json!(false)), Just(json!(true)), (0..6_u64).prop_map(|number| json!(number))],
        after in prop::option::of(0..60_u32),
    ) {
        let order = if descending { "desc" } else { "asc" };
        let mut body = json!({
            "query": query,
            "size": size,
            "sort": [{ "@timestamp": order }, "_doc"],
            "track_total_hits": total,
        });
        if let Some(minute) = after {
            body["search_after"] = json!([format!("2026-03-02T10:{minute:02}:00Z"), "logs-a-default\t2"]);
        }
        let [pruned, whole] = [true, false].map(|prunes| answer(&events, prunes, Endpoint::Search, &body));
        prop_assert_eq!(pruned, whole);
    }

    #[test]
    fn sequences_are_the_same_without_pruning(events in events(), filter in clause()) {
        let body = json!({
            "query": "sequence by host.name [any where @timestamp >= \"2026-03-02T10:05:00Z\"] [any where process.pid > 2]",
            "filter": filter,
            "size": 100,
        });
        let [pruned, whole] = [true, false].map(|prunes| answer(&events, prunes, Endpoint::Eql, &body));
        prop_assert_eq!(pruned, whole);
    }

    #[test]
    fn pages_come_to_the_whole(events in events(), size in 1..7_usize, descending in prop::bool::ANY) {
        let order = if descending { "desc" } else { "asc" };
        let sort = json!([{ "host.name": order }, { "@timestamp": { "order": "desc", "missing": "_first" } }, "_doc"]);
        let whole: Value = serde_json::from_str(
            &answer(&events, true, Endpoint::Search, &json!({ "sort": sort, "size": 1000 })),
        ).expect("JSON");
        let whole = whole["hits"]["hits"].as_array().expect("hits").clone();
        prop_assert_eq!(whole.len(), events.len());
        let (mut pages, mut after) = (Vec::new(), None::<Value>);
        loop {
            let mut body = json!({ "sort": sort, "size": size });
            if let Some(after) = &after {
                body["search_after"] = after.clone();
            }
            let page: Value = serde_json::from_str(&answer(&events, true, Endpoint::Search, &body)).expect("JSON");
            let hits = page["hits"]["hits"].as_array().expect("hits").clone();
            let Some(last) = hits.last() else { break };
            after = Some(last["sort"].clone());
            pages.extend(hits);
        }
        prop_assert_eq!(pages, whole);
    }

    #[test]
    fn a_composite_read_by_pages_is_the_whole(events in events(), size in 1..5_usize) {
        let composite = |size: usize, after: Option<&Value>| {
            let mut composite = json!({ "size": size, "sources": [
                { "host": { "terms": { "field": "host.name", "missing_bucket": true } } },
                { "pid": { "terms": { "field": "process.pid", "order": "desc", "missing_bucket": true } } },
            ] });
            if let Some(after) = after {
                composite["after"] = after.clone();
            }
            let body = json!({ "size": 0, "aggs": { "all": { "composite": composite } } });
            let answer: Value = serde_json::from_str(&answer(&events, true, Endpoint::Search, &body)).expect("JSON");
            answer["aggregations"]["all"].clone()
        };
        let whole = composite(1_000, None);
        let (mut pages, mut after) = (Vec::new(), None::<Value>);
        loop {
            let page = composite(size, after.as_ref());
            pages.extend(page["buckets"].as_array().expect("buckets").clone());
            match page.get("after_key") {
                Some(key) => after = Some(key.clone()),
                None => break,
            }
        }
        prop_assert_eq!(Value::Array(pages), whole["buckets"].clone());
    }
}
