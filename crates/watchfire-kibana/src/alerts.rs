//! Alerts: searched, and what people do with them (detection-engine §7.3).

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use watchfire_server::Caller;
use watchfire_state::{AlertStatus, Triage, Triaged};

use crate::answer::{Answer, ApiError, document};
use crate::request::{Api, Call, text_of, texts};
use crate::service::{AlertSearchError, DetectionApi};

/// Alerts that a query names are asked for so many at a time.
const PAGE: usize = 1_000;
/// The most alerts that one request changes.
const MAX_CHANGED: usize = 100_000;
/// Longest text of a tag, an assignee or a reason, in characters.
const MAX_TEXT: usize = 256;

/// `POST …/signals/search`.
pub(crate) async fn search(State(api): Api, call: Call) -> Answer {
    let (_, _, body) = call.json_or_nothing().await?;
    let body = match body {
        None => json!({}),
        Some(body @ Value::Object(_)) => body,
        Some(_) => return Err(ApiError::bad("the body must be a JSON object")),
    };
    document(api.search_alerts(body).await?)
}

/// `POST …/signals/status`.
pub(crate) async fn set_status(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let status = match text_of(&object, "status") {
        // As it was called before 8.0.
        Some("in-progress") => AlertStatus::Acknowledged,
        Some(name) => AlertStatus::of(name).ok_or_else(|| {
            ApiError::bad(format!("`status` is `open`, `acknowledged` or `closed`, not `{name}`"))
        })?,
        None => return Err(ApiError::bad("`status` is missing")),
    };
    let reason = text_of(&object, "reason").map(str::to_owned);
    check_texts(reason.as_slice())?;
    if let Some(conflicts) = text_of(&object, "conflicts")
        && !matches!(conflicts, "abort" | "proceed")
    {
        return Err(ApiError::bad(format!("`conflicts` is `abort` or `proceed`, not `{conflicts}`")));
    }
    let _alone = api.change().await;
    let ids = api.alerts_named(&object).await?;
    api.triage(&ids, Triage::Status(status, reason), &caller).await
}

/// `POST …/signals/tags`.
pub(crate) async fn set_tags(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let ids = ids(&object, "ids")?;
    let (add, remove) = both(&object, "tags", ["tags_to_add", "tags_to_remove"])?;
    let _alone = api.change().await;
    api.triage(&ids, Triage::Tags { add, remove }, &caller).await
}

/// `POST …/signals/assignees`.
pub(crate) async fn set_assignees(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let ids = ids(&object, "ids")?;
    let (add, remove) = both(&object, "assignees", ["add", "remove"])?;
    let _alone = api.change().await;
    api.triage(&ids, Triage::Assignees { add, remove }, &caller).await
}

fn ids(object: &Map<String, Value>, key: &str) -> Result<Vec<String>, ApiError> {
    let ids = texts(object.get(key), key)?;
    match ids.len() {
        0 => Err(ApiError::bad(format!("`{key}` must name at least one alert"))),
        many if many > MAX_CHANGED => {
            Err(ApiError::bad(format!("`{key}` names {many} alerts, and one request changes {MAX_CHANGED}")))
        }
        _ => Ok(ids),
    }
}

/// What is added and what is taken away.
fn both(
    object: &Map<String, Value>,
    key: &str,
    [add, remove]: [&str; 2],
) -> Result<(Vec<String>, Vec<String>), ApiError> {
    let of = object.get(key).ok_or_else(|| ApiError::bad(format!("`{key}` is missing")))?;
    let (added, removed) = (texts(of.get(add), add)?, texts(of.get(remove), remove)?);
    check_texts(&added)?;
    if added.is_empty() && removed.is_empty() {
        return Err(ApiError::bad(format!("neither `{add}` nor `{remove}` has anything")));
    }
    let removed_set: BTreeSet<&String> = removed.iter().collect();
    let twice: Vec<&str> = added.iter().filter(|one| removed_set.contains(one)).map(String::as_str).collect();
    if !twice.is_empty() {
        return Err(ApiError::bad(format!("`{}` is in `{add}` and in `{remove}`", twice.join("`, `"))));
    }
    Ok((added, removed))
}

fn check_texts(texts: &[String]) -> Result<(), ApiError> {
    match texts.iter().find(|text| text.trim().is_empty() || text.chars().count() > MAX_TEXT) {
        Some(_) => {
            Err(ApiError::bad(format!("a tag, an assignee or a reason has 1 to {MAX_TEXT} characters")))
        }
        None => Ok(()),
    }
}

impl DetectionApi {
    async fn search_alerts(&self, body: Value) -> Result<Value, ApiError> {
        self.parts.search.search(body).await.map_err(|AlertSearchError { status, message }| {
            ApiError::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message)
        })
    }

    /// The ids of the alerts that `signal_ids` or `query` names.
    async fn alerts_named(&self, object: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
        match (object.get("signal_ids"), object.get("query")) {
            (Some(_), None) => ids(object, "signal_ids"),
            (None, Some(query)) => self.alerts_of_query(query).await,
            _ => Err(ApiError::bad("either `signal_ids` or `query` must be there")),
        }
    }

    async fn alerts_of_query(&self, query: &Value) -> Result<Vec<String>, ApiError> {
        let mut found = Vec::new();
        let mut after: Option<Value> = None;
        loop {
            let mut body = json!({
                "query": query,
                "size": PAGE,
                "sort": [{ "@timestamp": "asc" }, { "kibana.alert.uuid": "asc" }],
                "_source": false,
            });
            if let Some(after) = after.take() {
                body["search_after"] = after;
            }
            let answer = self.search_alerts(body).await?;
            let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
            found.extend(hits.iter().filter_map(|hit| hit.get("_id")?.as_str().map(str::to_owned)));
            if found.len() > MAX_CHANGED {
                return Err(ApiError::bad(format!(
                    "more than {MAX_CHANGED} alerts fit the query, and one request changes no more"
                )));
            }
            match hits.last().and_then(|hit| hit.get("sort")) {
                Some(sort) if hits.len() == PAGE => after = Some(sort.clone()),
                _ => return Ok(found),
            }
        }
    }

    async fn triage(&self, ids: &[String], change: Triage, caller: &Caller) -> Answer {
        let begun = self.parts.clock.now();
        let actor = self.actor(caller);
        let Triaged { changed, unchanged, absent } =
            self.database().triage_those_there(ids, &change, &actor).await?;
        document(json!({
            "took": self.parts.clock.now().millis() - begun.millis(),
            "timed_out": false,
            "total": changed + unchanged,
            "updated": changed,
            "deleted": 0,
            "batches": 1,
            "version_conflicts": 0,
            "noops": unchanged,
            "retries": { "bulk": 0, "search": 0 },
            "throttled_millis": 0,
            "requests_per_second": -1,
            "throttled_until_millis": 0,
            "failures": [],
            "watchfire": { "absent": absent },
        }))
    }
}
