//! A request as it comes from outside, and what all requests have in common.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};
use watchfire_events::{DataStream, Timestamp};

use crate::body::{self, Object};
use crate::index_expression::{IndexOptions, select};
use crate::{SearchError, SearchStore};

/// A request.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The index expression of the path, if it has one.
    pub index: Option<&'a str>,
    /// What the path names behind that, such as the id of an asynchronous search.
    pub name: Option<&'a str>,
    /// The parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// The body; empty if there is none.
    pub body: &'a [u8],
    /// The time.
    pub now: Timestamp,
    /// How long the request has been worked at.
    pub elapsed: &'a (dyn Fn() -> Duration + Sync),
    /// How long it may be: beyond, what was found so far is the answer, and says so.
    pub time_limit: Duration,
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("index", &self.index)
            .field("name", &self.name)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Parameters that change nothing about what is found, or that whoever stands in front of this has acted on.
const WITHOUT_EFFECT: [&str; 15] = [
    "preference",
    "request_cache",
    "batched_reduce_size",
    "max_concurrent_shard_requests",
    "max_concurrent_searches",
    "pre_filter_shard_size",
    "ccs_minimize_roundtrips",
    "allow_partial_search_results",
    "allow_partial_sequence_results",
    "search_type",
    "filter_path",
    "human",
    "pretty",
    "error_trace",
    "ignore_throttled",
];

/// Parameters that every request may have.
const COMMON: [&str; 3] = ["ignore_unavailable", "allow_no_indices", "expand_wildcards"];

impl Call<'_> {
    /// The body as an object; an empty one if there is none.
    pub(crate) fn json(&self) -> Result<Object, SearchError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(SearchError::parsing("the body is not an object")),
            Err(error) => Err(SearchError::parsing(format!("the body is not JSON: {error}"))),
        }
    }

    /// Refuses a parameter that is not among these, nor among those that all requests have.
    pub(crate) fn refuse_unknown(&self, known: &[&str]) -> Result<(), SearchError> {
        let is_known = |name: &String| {
            known.contains(&name.as_str())
                || COMMON.contains(&name.as_str())
                || WITHOUT_EFFECT.contains(&name.as_str())
        };
        match self.parameters.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(SearchError::unsupported(format!("the parameter `{name}`"))),
        }
    }

    /// A parameter that is on or off.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, SearchError> {
        match self.parameters.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(other) => {
                Err(SearchError::illegal(format!("`{name}` is neither `true` nor `false`: `{other}`")))
            }
        }
    }

    /// How long the request may take: what it says itself, if that is less.
    pub(crate) fn limit(&self, body: &Object) -> Result<Duration, SearchError> {
        match body::text(body, "timeout")? {
            None => Ok(self.time_limit),
            Some(text) => match body::duration_ms(text) {
                Some(millis) => Ok(self.time_limit.min(Duration::from_millis(millis))),
                None => Err(SearchError::illegal(format!("`timeout` is no time: `{text}`"))),
            },
        }
    }

    /// The data streams of the path.
    pub(crate) fn streams(&self, store: &dyn SearchStore) -> Result<Vec<DataStream>, SearchError> {
        self.streams_of(self.index.unwrap_or("_all"), &Map::new(), store)
    }

    /// The data streams of an expression; options may stand in an object beside it too.
    pub(crate) fn streams_of(
        &self,
        expression: &str,
        options: &Object,
        store: &dyn SearchStore,
    ) -> Result<Vec<DataStream>, SearchError> {
        let given = |name: &str| -> Result<Option<bool>, SearchError> {
            match body::flag(options, name)? {
                None => self.parameters.get(name).map(|_| self.flag(name)).transpose(),
                given => Ok(given),
            }
        };
        let wildcards = match body::given(options, "expand_wildcards") {
            Some(value) => body::texts(value, "expand_wildcards")?,
            None => {
                let text = self.parameters.get("expand_wildcards").map_or("open", String::as_str);
                text.split(',').map(str::to_owned).collect()
            }
        };
        let known = ["open", "closed", "hidden", "none", "all"];
        if let Some(unknown) = wildcards.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(SearchError::illegal(format!("`expand_wildcards` cannot be `{unknown}`")));
        }
        let options = IndexOptions {
            ignore_unavailable: given("ignore_unavailable")?.unwrap_or(false),
            allow_no_indices: given("allow_no_indices")?.unwrap_or(true),
            hidden: wildcards.iter().any(|name| matches!(name.as_str(), "hidden" | "all")),
        };
        let expression = if expression.trim().is_empty() { "_all" } else { expression };
        select(expression, options, &store.streams()?)
    }

    /// Milliseconds since the request began.
    pub(crate) fn took(&self) -> u64 {
        u64::try_from((self.elapsed)().as_millis()).unwrap_or(u64::MAX)
    }
}
