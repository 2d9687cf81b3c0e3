//! What answers searches.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use watchfire_events::Timestamp;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchEndpoint {
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
    /// `_pit`, to open a point in time.
    OpenPointInTime,
    /// `_pit`, to close one.
    ClosePointInTime,
    /// `_search/scroll`, for the next page.
    Scroll,
    /// `_search/scroll`, to close scrolls.
    CloseScroll,
    /// `_async_search`.
    AsyncSearch,
    /// The result of an asynchronous search, or of one of `_eql/search`, by its id.
    AsyncResult,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// What it asks for.
    pub endpoint: SearchEndpoint,
    /// The index expression of the path, if it has one.
    pub index: Option<String>,
    /// What the path names besides, such as an id.
    pub name: Option<String>,
    /// The parameters.
    pub parameters: BTreeMap<String, String>,
    /// The body, unpacked; empty if there is none.
    pub body: Vec<u8>,
    /// When it came.
    pub now: Timestamp,
    /// How long it may be worked at: beyond, the answer says that it is not whole.
    pub time_limit: Duration,
}

/// Why a request cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRefusal {
    /// The status of HTTP.
    pub status: u16,
    /// The type that clients look at.
    pub kind: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// Answers searches as Elasticsearch does. It may block, and is asked by several threads at a time.
pub trait Search: Send + Sync {
    /// Answers a request.
    fn answer(&self, request: &SearchRequest) -> Result<Value, SearchRefusal>;
}

/// How much searching there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchLimits {
    /// Most bytes of a body, as it is sent and unpacked.
    pub max_body_bytes: usize,
    /// Most searches at a time; beyond, requests are told to come back later.
    pub max_at_a_time: usize,
    /// How long a search may take.
    pub time_limit: Duration,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { max_body_bytes: 10 << 20, max_at_a_time: 4, time_limit: Duration::from_mins(1) }
    }
}

/// What a server searches with.
#[derive(Clone)]
pub(crate) struct Searches {
    pub(crate) search: Arc<dyn Search>,
    pub(crate) limits: SearchLimits,
    pub(crate) room: Arc<Semaphore>,
}

impl Searches {
    pub(crate) fn new(search: Arc<dyn Search>, limits: SearchLimits) -> Self {
        let room = limits.max_at_a_time.clamp(1, Semaphore::MAX_PERMITS);
        Self { search, limits, room: Arc::new(Semaphore::new(room)) }
    }
}

impl fmt::Debug for Searches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searches").field("limits", &self.limits).finish_non_exhaustive()
    }
}
