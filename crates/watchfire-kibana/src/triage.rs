//! `/api/watchfire/alerts/{id}/…`: what events say of an alert.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;

use crate::answer::{Answer, ApiError, document};
use crate::request::{Api, Call};

/// Events of each answer, if nothing else is said, and at most.
const EVENTS: usize = 10;
const MOST_EVENTS: usize = 1_000;

/// `GET /api/watchfire/alerts/{id}/triage`: the guide answered, and the evidence.
pub(crate) async fn answer(
    State(api): Api,
    Path(path): Path<BTreeMap<String, String>>,
    call: Call,
) -> Answer {
    let size = call.parameters.number("size", EVENTS, 0)?;
    if size > MOST_EVENTS {
        return Err(ApiError::bad(format!("`size` is at most {MOST_EVENTS}")));
    }
    let id = path.get("id").map_or("", String::as_str);
    let _one = api.triages.acquire().await;
    of_alert(id, api.parts.triage.answer(id, size).await)
}

/// `GET /api/watchfire/alerts/{id}/sweep`: its pattern, looked for on all other hosts.
pub(crate) async fn sweep(State(api): Api, Path(path): Path<BTreeMap<String, String>>, _: Call) -> Answer {
    let id = path.get("id").map_or("", String::as_str);
    let _one = api.triages.acquire().await;
    of_alert(id, api.parts.triage.sweep(id).await)
}

fn of_alert(id: &str, found: Result<Option<Value>, String>) -> Answer {
    match found {
        Ok(Some(found)) => document(found),
        Ok(None) => Err(ApiError::not_found(format!("there is no alert `{id}`"))),
        Err(why) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why)),
    }
}
