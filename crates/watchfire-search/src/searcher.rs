//! What answers requests, and which there are.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_ir::Schema;

use crate::body;
use crate::search::SharedSchema;
use crate::token::{PointInTime, keep_alive};
use crate::{Call, SearchError, SearchStore};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `_search`.
    Search,
    /// `_msearch`.
    MultiSearch,
    /// `_count`.
    Count,
    /// `_eql/search`.
    Eql,
    /// `_query`.
    Esql,
    /// `_field_caps`.
    FieldCapabilities,
    /// `_mapping`.
    Mapping,
    /// Opening a point in time.
    OpenPointInTime,
    /// Closing one.
    ClosePointInTime,
    /// The next page of a scroll.
    Scroll,
    /// Closing scrolls.
    CloseScroll,
    /// `_async_search`.
    AsyncSearch,
    /// The result of an asynchronous search.
    AsyncResult,
}

/// How searches are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchOptions {
    /// Whether the store is told what it need not read. What is found does not depend on it.
    pub prunes: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { prunes: true }
    }
}

/// Answers requests from a store. It may be used by many threads at a time, and blocks.
#[derive(Clone)]
pub struct Searcher {
    pub(crate) store: Arc<dyn SearchStore>,
    pub(crate) schema: SharedSchema,
    pub(crate) options: SearchOptions,
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searcher")
            .field("store", &self.store)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Searcher {
    /// Of a store. `schema` says what names mean and of which types columns are.
    pub fn new(
        store: Arc<dyn SearchStore>,
        schema: Arc<dyn Schema + Send + Sync>,
        options: SearchOptions,
    ) -> Self {
        Self { store, schema, options }
    }

    /// Answers a request.
    pub fn call(&self, endpoint: Endpoint, call: &Call<'_>) -> Result<Value, SearchError> {
        match endpoint {
            Endpoint::Search => self.search(call),
            Endpoint::MultiSearch => self.multi_search(call),
            Endpoint::Count => self.count(call),
            Endpoint::Eql => self.eql(call),
            Endpoint::Esql => self.esql(call),
            Endpoint::FieldCapabilities => self.field_capabilities(call),
            Endpoint::Mapping => self.mapping(call),
            Endpoint::OpenPointInTime => self.open_point(call),
            Endpoint::ClosePointInTime => close_point(call),
            Endpoint::Scroll => self.scroll(call),
            Endpoint::CloseScroll => close_scroll(call),
            Endpoint::AsyncSearch => self.async_search(call),
            Endpoint::AsyncResult => Err(SearchError::new(
                404,
                "resource_not_found_exception",
                format!(
                    "there is no search `{}`: the answer comes with the request",
                    call.name.unwrap_or_default()
                ),
            )),
        }
    }

    fn open_point(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["keep_alive"])?;
        body::refuse_unknown(&call.json()?, &[], "body")?;
        let Some(keep) = call.parameters.get("keep_alive") else {
            return Err(SearchError::illegal("a point in time needs `keep_alive`"));
        };
        let streams = call.streams(&*self.store)?;
        let number = streams.len();
        let point = PointInTime { streams, opened: call.now, until: call.now.plus_nanos(keep_alive(keep)?) };
        Ok(json!({ "id": point.encode(), "_shards": crate::search::shards(number) }))
    }

    /// A search that is answered at once, in the form of one that need not be.
    fn async_search(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        let mut parameters = call.parameters.clone();
        if parameters.remove("keep_on_completion").as_deref() == Some("true") {
            return Err(SearchError::unsupported("`keep_on_completion`"));
        }
        for name in ["wait_for_completion_timeout", "keep_alive"] {
            parameters.remove(name);
        }
        let started = call.now.millis();
        let inner = Call { parameters: &parameters, ..*call };
        let answer = self.search(&inner)?;
        let ended = started.saturating_add_unsigned(call.took());
        let is_partial = answer.get("timed_out").and_then(Value::as_bool).unwrap_or(false);
        Ok(json!({
            "is_partial": is_partial,
            "is_running": false,
            "start_time_in_millis": started,
            "expiration_time_in_millis": ended,
            "completion_time_in_millis": ended,
            "response": answer,
        }))
    }
}

/// Nothing is kept for a point in time, so that there is nothing to be freed; but an id that is none is told.
fn close_point(call: &Call<'_>) -> Result<Value, SearchError> {
    let body = call.json()?;
    body::refuse_unknown(&body, &["id"], "body")?;
    let _ = PointInTime::decode(body::needed(&body, "id", "body")?, call.now)?;
    Ok(json!({ "succeeded": true, "num_freed": 1 }))
}

fn close_scroll(call: &Call<'_>) -> Result<Value, SearchError> {
    let body = call.json()?;
    body::refuse_unknown(&body, &["scroll_id"], "body")?;
    let named = call.name.or(call.parameters.get("scroll_id").map(String::as_str));
    let mut ids: Vec<String> = body::texts(body.get("scroll_id").unwrap_or(&Value::Null), "scroll_id")?;
    ids.extend(named.into_iter().flat_map(|names| names.split(',')).map(str::to_owned));
    if ids.iter().any(|id| id == "_all") {
        return Err(SearchError::unsupported("closing all scrolls"));
    }
    for id in &ids {
        crate::token::Scroll::decode(id, call.now)?;
    }
    Ok(json!({ "succeeded": true, "num_freed": ids.len() }))
}
