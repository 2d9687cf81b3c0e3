//! What a client gives back to go on: a point in time, or a scroll. All that there is to know stands in it, so that nothing
//! has to be kept for clients that never come back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use watchfire_events::{DataStream, Timestamp};

use crate::SearchError;
use crate::body::{self, Object};

/// Longest time that something is kept open, in milliseconds: a day, as Elasticsearch limits it.
const MOST_KEPT_OPEN: u64 = 86_400_000;

/// A point in time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PointInTime {
    /// The data streams that it was opened for.
    pub(crate) streams: Vec<DataStream>,
    /// When it was opened: events that arrive later are not seen.
    pub(crate) opened: Timestamp,
    /// Until when it may be used.
    pub(crate) until: Timestamp,
}

/// A search that is read to the end, page by page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scroll {
    pub(crate) point: PointInTime,
    /// The search.
    pub(crate) body: Object,
    /// Where the next page begins; `None` when there is none.
    pub(crate) after: Option<Vec<Value>>,
    /// How many hits there are, as the first page told.
    pub(crate) total: Option<Value>,
}

/// How long something is kept open.
pub(crate) fn keep_alive(text: &str) -> Result<i128, SearchError> {
    match body::duration_ms(text) {
        Some(millis @ 1..=MOST_KEPT_OPEN) => Ok(i128::from(millis) * 1_000_000),
        Some(_) => Err(SearchError::illegal(format!("`{text}` is longer than a day, or no time at all"))),
        None => Err(SearchError::illegal(format!("`{text}` is no time"))),
    }
}

impl PointInTime {
    /// The text that clients give back.
    pub(crate) fn encode(&self) -> String {
        encode(&json!({ "pit": self.document() }))
    }

    /// Reads such a text.
    pub(crate) fn decode(text: &str, now: Timestamp) -> Result<Self, SearchError> {
        let decoded = decode(text)?;
        let point = decoded.get("pit").and_then(Self::of_document);
        point.ok_or_else(|| unknown("point in time"))?.if_open(now, "point in time")
    }

    fn if_open(self, now: Timestamp, what: &str) -> Result<Self, SearchError> {
        if self.until < now {
            return Err(SearchError::new(
                404,
                "search_context_missing_exception",
                format!("the {what} was kept open until {}", self.until),
            ));
        }
        Ok(self)
    }

    fn document(&self) -> Value {
        let streams: Vec<&str> = self.streams.iter().map(DataStream::as_str).collect();
        json!([streams, self.opened.nanos().to_string(), self.until.nanos().to_string()])
    }

    fn of_document(document: &Value) -> Option<Self> {
        let [streams, opened, until] = document.as_array()?.as_slice() else { return None };
        let instant = |value: &Value| Some(Timestamp::from_nanos(value.as_str()?.parse().ok()?));
        let streams = streams.as_array()?.iter().map(|name| Some(DataStream::new(name.as_str()?)));
        Some(Self {
            streams: streams.collect::<Option<_>>()?,
            opened: instant(opened)?,
            until: instant(until)?,
        })
    }
}

impl Scroll {
    pub(crate) fn encode(&self) -> String {
        encode(&json!({ "scroll": [self.point.document(), self.body, self.after, self.total] }))
    }

    pub(crate) fn decode(text: &str, now: Timestamp) -> Result<Self, SearchError> {
        let decoded = decode(text)?;
        let read = || {
            let [point, body, after, total] = decoded.get("scroll")?.as_array()?.as_slice() else {
                return None;
            };
            Some(Self {
                point: PointInTime::of_document(point)?,
                body: body.as_object()?.clone(),
                after: after.as_array().cloned(),
                total: (!total.is_null()).then(|| total.clone()),
            })
        };
        let scroll = read().ok_or_else(|| unknown("scroll"))?;
        Ok(Self { point: scroll.point.if_open(now, "scroll")?, ..scroll })
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(text: &str) -> Result<Value, SearchError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown("id"))?;
    serde_json::from_slice(&bytes).map_err(|_| unknown("id"))
}

fn unknown(what: &str) -> SearchError {
    SearchError::illegal(format!("this is no {what} that was opened here"))
}
