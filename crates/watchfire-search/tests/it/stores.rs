//! Stores: several as one, and one that cannot be read.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use watchfire_events::{DataStream, EventBatch, Timestamp};
use watchfire_ir::{Catalogue, Schema};
use watchfire_search::{
    Call, Endpoint, MemoryStore, Scan, SearchError, SearchOptions, SearchStore, Searcher, StoreError,
    StoredField, UnionStore,
};

use crate::cases::read_events;

fn ask(store: Arc<dyn SearchStore>, endpoint: Endpoint, body: &Value) -> Result<Value, SearchError> {
    let searcher = Searcher::new(store, Arc::new(Catalogue::ecs()), SearchOptions::default());
    let text = body.to_string();
    searcher.call(
        endpoint,
        &Call {
            index: Some("logs-*,.alerts-*"),
            name: None,
            parameters: &BTreeMap::new(),
            body: text.as_bytes(),
            now: Timestamp::parse("2026-03-02T12:00:00Z").expect("an instant"),
            elapsed: &|| Duration::ZERO,
            time_limit: Duration::from_mins(1),
        },
    )
}

#[test]
fn a_union_is_as_one_store() {
    let events = read_events("@shared.events");
    let requests = [
        (
            Endpoint::Search,
            json!({ "sort": ["@timestamp"], "aggs": { "h": { "terms": { "field": "host.name" } } } }),
        ),
        (Endpoint::Search, json!({ "size": 3, "track_total_hits": 3 })),
        (Endpoint::Count, json!({ "query": { "term": { "host.name": "alpha" } } })),
        (
            Endpoint::Eql,
            json!({ "query": "sequence by process.entity_id [process where true] [network where true]" }),
        ),
        (Endpoint::FieldCapabilities, json!({ "fields": ["*"] })),
        (Endpoint::Mapping, json!({})),
    ];
    for cut in 0..=events.len() {
        let (one, other) = events.split_at(cut);
        let whole = Arc::new(MemoryStore::new(events.clone()));
        let stores: Vec<Arc<dyn SearchStore>> =
            vec![Arc::new(MemoryStore::new(one.to_vec())), Arc::new(MemoryStore::new(other.to_vec()))];
        let union = Arc::new(UnionStore::new(stores));
        for (endpoint, body) in &requests {
            assert_eq!(
                ask(union.clone(), *endpoint, body),
                ask(whole.clone(), *endpoint, body),
                "{endpoint:?} {body} cut at {cut}"
            );
        }
    }
}

#[test]
fn a_document_that_is_put_again_is_replaced() {
    let store = Arc::new(MemoryStore::default());
    let stream = DataStream::new(".alerts-security.alerts-default");
    for (id, status) in [("a", "open"), ("b", "open"), ("a", "closed")] {
        let document = json!({ "kibana.alert.workflow_status": status });
        store.put_document(&stream, id, document.as_object().expect("an object").clone(), 1);
    }
    let open = json!({ "query": { "term": { "kibana.alert.workflow_status": "open" } } });
    let found = ask(store, Endpoint::Count, &open).expect("an answer");
    assert_eq!(found["count"], 1);
}

/// What cannot be read.
#[derive(Debug)]
struct Broken;

impl SearchStore for Broken {
    fn streams(&self) -> Result<Vec<DataStream>, StoreError> {
        Ok(vec![DataStream::new("logs-a-default")])
    }

    fn fields(&self, _: &DataStream, _: &dyn Schema) -> Result<Vec<StoredField>, StoreError> {
        Err(StoreError("the disk is gone".to_owned()))
    }

    fn scan(
        &self,
        _: &Scan<'_>,
        _: &mut dyn FnMut(&EventBatch) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Err(StoreError("the disk is gone".to_owned()))
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    for (endpoint, body) in [
        (Endpoint::Search, json!({})),
        (Endpoint::Count, json!({})),
        (Endpoint::Eql, json!({ "query": "any where true" })),
        (Endpoint::Mapping, json!({})),
    ] {
        let error = ask(Arc::new(Broken), endpoint, &body).expect_err("nothing can be read");
        let told = (error.status, error.kind, error.reason.as_str());
        let expected = (503, "search_phase_execution_exception", "events cannot be read: the disk is gone");
        assert_eq!(told, expected, "{endpoint:?}");
    }
}
