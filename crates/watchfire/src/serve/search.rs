//! What the server searches: the committed events of the lake, and the alerts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Handle;
use watchfire_events::{DataStream, Event, EventBatch, EventId, IndexPatterns, Place};
use watchfire_ir::{Catalogue, Schema};
use watchfire_kibana::{AlertSearch, AlertSearchError, Later};
use watchfire_lake::{Lake, LakeError, LookUp, Needed, Selection, TimeField, Window};
use watchfire_search::{
    Call, Endpoint, Scan, SearchOptions, SearchStore, Searcher, StoreError, StoredField, StoredFields,
    TimeOf, UnionStore, add_alert_fields,
};
use watchfire_server::{Search, SearchEndpoint, SearchRefusal, SearchRequest};
use watchfire_state::{ALERTS_STREAM, AlertQuery, KeptAlert, StateDatabase};

use crate::time_argument;

/// Alerts that are read at a time.
const PAGE: u32 = 1_000;

/// Answers searches over events and alerts.
#[derive(Debug)]
pub(super) struct EventSearch(Searcher);

impl EventSearch {
    /// Over a lake and the alerts of a database.
    pub(super) fn new(
        lake: Arc<Lake>,
        database: StateDatabase,
        runtime: Handle,
        catalogue: &Catalogue,
    ) -> Self {
        let mut schema = catalogue.clone();
        add_alert_fields(&mut schema);
        let store =
            UnionStore::new(vec![Arc::new(LakeStore(lake)), Arc::new(AlertStore { database, runtime })]);
        Self(Searcher::new(Arc::new(store), Arc::new(schema), SearchOptions::default()))
    }
}

impl Search for EventSearch {
    fn answer(&self, request: &SearchRequest) -> Result<Value, SearchRefusal> {
        let began = Instant::now();
        let call = Call {
            index: request.index.as_deref(),
            name: request.name.as_deref(),
            parameters: &request.parameters,
            body: &request.body,
            now: request.now,
            elapsed: &|| began.elapsed(),
            time_limit: request.time_limit,
        };
        self.0.call(endpoint(request.endpoint), &call).map_err(|error| SearchRefusal {
            status: error.status,
            kind: error.kind,
            reason: error.reason,
        })
    }
}

/// The alerts alone, for the detection API.
pub(super) struct AlertsAlone {
    pub(super) search: Arc<EventSearch>,
    pub(super) time_limit: Duration,
}

impl AlertSearch for AlertsAlone {
    fn search(&self, body: Value) -> Later<'_, Result<Value, AlertSearchError>> {
        let request = SearchRequest {
            endpoint: SearchEndpoint::Search,
            index: Some(ALERTS_STREAM.to_owned()),
            name: None,
            parameters: BTreeMap::new(),
            body: body.to_string().into_bytes(),
            now: time_argument::now(),
            time_limit: self.time_limit,
        };
        let search = Arc::clone(&self.search);
        let answer = tokio::task::spawn_blocking(move || search.answer(&request));
        Box::pin(async {
            let refused = |status, message| AlertSearchError { status, message };
            match answer.await {
                Ok(answer) => answer.map_err(|refusal| refused(refusal.status, refusal.reason)),
                Err(error) => Err(refused(500, format!("the search has failed: {error}"))),
            }
        })
    }
}

fn endpoint(endpoint: SearchEndpoint) -> Endpoint {
    match endpoint {
        SearchEndpoint::Search => Endpoint::Search,
        SearchEndpoint::MultiSearch => Endpoint::MultiSearch,
        SearchEndpoint::Count => Endpoint::Count,
        SearchEndpoint::Eql => Endpoint::Eql,
        SearchEndpoint::Esql => Endpoint::Esql,
        SearchEndpoint::FieldCapabilities => Endpoint::FieldCapabilities,
        SearchEndpoint::Mapping => Endpoint::Mapping,
        SearchEndpoint::OpenPointInTime => Endpoint::OpenPointInTime,
        SearchEndpoint::ClosePointInTime => Endpoint::ClosePointInTime,
        SearchEndpoint::Scroll => Endpoint::Scroll,
        SearchEndpoint::CloseScroll => Endpoint::CloseScroll,
        SearchEndpoint::AsyncSearch => Endpoint::AsyncSearch,
        SearchEndpoint::AsyncResult => Endpoint::AsyncResult,
    }
}

/// The committed events of a lake.
#[derive(Debug)]
struct LakeStore(Arc<Lake>);

impl SearchStore for LakeStore {
    fn streams(&self) -> Result<Vec<DataStream>, StoreError> {
        self.0.reader().streams().map_err(unread)
    }

    fn fields(&self, stream: &DataStream, schema: &dyn Schema) -> Result<Vec<StoredField>, StoreError> {
        let names = self.0.reader().fields(stream).map_err(unread)?;
        let field = |name: String| StoredField { field_type: schema.field_type(&name), name: name.into() };
        Ok(names.into_iter().map(field).collect())
    }

    fn scan(
        &self,
        scan: &Scan<'_>,
        take: &mut dyn FnMut(&EventBatch) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let window = |window: &watchfire_search::TimeWindow| Window {
            by: match window.of {
                TimeOf::Event => TimeField::Timestamp,
                TimeOf::Arrival => TimeField::Ingested,
            },
            from: window.from,
            to: window.to,
        };
        let ids = scan.ids.map(|ids| LookUp { field: "_id".to_owned(), values: ids.to_vec() });
        let selection = Selection {
            patterns: IndexPatterns::new(scan.streams.iter().map(DataStream::as_str)),
            windows: scan.windows.iter().map(window).collect(),
            look_ups: ids.into_iter().collect(),
            needed: Needed::by_any([scan.needed]),
            ..Selection::default()
        };
        if scan.streams.is_empty() {
            return Ok(());
        }
        let mut batches = self.0.reader().scan(scan.schema, scan.fields, selection).map_err(unread)?;
        while let Some(batch) = batches.next_batch().map_err(unread)? {
            if take(&batch).is_break() {
                return Ok(());
            }
        }
        batches.finish().map_err(unread)?;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn unread(error: LakeError) -> StoreError {
    StoreError(super::upkeep::chain(&error))
}

/// The alerts of a database.
#[derive(Debug)]
struct AlertStore {
    database: StateDatabase,
    runtime: Handle,
}

impl AlertStore {
    /// Hands over all alerts, page by page.
    fn pages(&self, take: &mut dyn FnMut(Vec<KeptAlert>) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let query = AlertQuery { after: after.take(), limit: PAGE, ..AlertQuery::default() };
            let page = self
                .runtime
                .block_on(self.database.alerts(&query))
                .map_err(|error| StoreError(super::upkeep::chain(&error)))?;
            after = page.last().map(|alert| (alert.made, alert.id.clone()));
            let is_last = page.len() < PAGE as usize;
            if take(page).is_break() || is_last {
                return Ok(());
            }
        }
    }
}

impl SearchStore for AlertStore {
    fn streams(&self) -> Result<Vec<DataStream>, StoreError> {
        Ok(vec![DataStream::new(ALERTS_STREAM)])
    }

    fn fields(&self, stream: &DataStream, schema: &dyn Schema) -> Result<Vec<StoredField>, StoreError> {
        let mut fields = StoredFields::default();
        if stream.as_str() == ALERTS_STREAM {
            self.pages(&mut |page| {
                page.iter().for_each(|alert| fields.add_document(&alert.document, schema));
                ControlFlow::Continue(())
            })?;
        }
        Ok(fields.into_list())
    }

    fn scan(
        &self,
        scan: &Scan<'_>,
        take: &mut dyn FnMut(&EventBatch) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let stream = DataStream::new(ALERTS_STREAM);
        if !scan.streams.contains(&stream) {
            return Ok(());
        }
        let mut number = 0;
        let mut builder = scan.batches();
        self.pages(&mut |page| {
            for alert in page {
                if scan.ids.is_some_and(|ids| !ids.contains(&alert.id)) {
                    continue;
                }
                number += 1;
                builder.push(Event {
                    id: EventId::given(alert.id),
                    data_stream: stream.clone(),
                    document: alert.document,
                    place: Place { input: ALERTS_STREAM.into(), record: number, line: None, offset: None },
                });
            }
            if builder.is_empty() { ControlFlow::Continue(()) } else { take(&builder.finish()) }
        })
    }
}
