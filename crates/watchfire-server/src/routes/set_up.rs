//! Templates, pipelines, life cycles, data streams and indices: kept as they were put, and given back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::documents::blocking;
use super::{Parameters, answer};
use crate::error::ApiError;
use crate::set_up::{Kind, SetUpError, SetUpObjects};
use crate::state::Server;
use crate::{body, names};

/// The kind of the objects below a path.
fn kind_of(uri: &Uri) -> Kind {
    let path = uri.path();
    let begins = |start: &str| path.starts_with(start);
    if begins("/_index_template") {
        Kind::IndexTemplate
    } else if begins("/_component_template") {
        Kind::ComponentTemplate
    } else if begins("/_template") {
        Kind::LegacyTemplate
    } else if begins("/_ilm") {
        Kind::LifecyclePolicy
    } else if begins("/_ingest") {
        Kind::Pipeline
    } else if begins("/_data_stream") {
        Kind::DataStream
    } else {
        Kind::Index
    }
}

/// The answer with these objects, in the form of their kind.
fn listing(kind: Kind, objects: Vec<(String, Map<String, Value>)>, now: &str) -> Value {
    let list = |name: &str, member: &str| {
        let entries = objects.iter().map(|(name, object)| json!({ "name": name, member: object }));
        json!({ name: entries.collect::<Vec<_>>() })
    };
    match kind {
        Kind::IndexTemplate => list("index_templates", "index_template"),
        Kind::ComponentTemplate => list("component_templates", "component_template"),
        Kind::DataStream => {
            let entry = |(name, _): &(String, Map<String, Value>)| {
                json!({
                    "name": name,
                    "timestamp_field": { "name": "@timestamp" },
                    "indices": [],
                    "generation": 1,
                    "status": "GREEN",
                })
            };
            json!({ "data_streams": objects.iter().map(entry).collect::<Vec<_>>() })
        }
        Kind::LifecyclePolicy => {
            let entry = |(name, object): (String, Map<String, Value>)| {
                let policy = object.get("policy").cloned().unwrap_or(Value::Object(object));
                (name, json!({ "version": 1, "modified_date": now, "policy": policy }))
            };
            Value::Object(objects.into_iter().map(entry).collect())
        }
        Kind::LegacyTemplate | Kind::Pipeline => {
            Value::Object(objects.into_iter().map(|(name, object)| (name, Value::Object(object))).collect())
        }
        Kind::Index => {
            let entry = |(name, object): (String, Map<String, Value>)| {
                let part = |part: &str| object.get(part).cloned().unwrap_or_else(|| json!({}));
                let parts = json!({ "aliases": part("aliases"), "mappings": part("mappings"), "settings": part("settings") });
                (name, parts)
            };
            Value::Object(objects.into_iter().map(entry).collect())
        }
    }
}

pub(super) async fn all(
    State(server): State<Arc<Server>>,
    uri: Uri,
    Query(parameters): Parameters,
) -> Response {
    let kind = kind_of(&uri);
    let document = listing(kind, server.set_up.get(kind, ""), &server.clock.now().to_iso_millis());
    answer(StatusCode::OK, document, &parameters)
}

pub(super) async fn one(
    State(server): State<Arc<Server>>,
    uri: Uri,
    Path(name): Path<String>,
    Query(parameters): Parameters,
) -> Result<Response, ApiError> {
    let kind = kind_of(&uri);
    let objects = server.set_up.get(kind, &name);
    if objects.is_empty() && !name.contains('*') {
        return Err(ApiError::not_found(format!("there is no `{name}` here")));
    }
    Ok(answer(StatusCode::OK, listing(kind, objects, &server.clock.now().to_iso_millis()), &parameters))
}

/// An index by its name: one that was made, or that has events.
pub(super) async fn index(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(parameters): Parameters,
) -> Result<Response, ApiError> {
    let mut objects = server.set_up.get(Kind::Index, &name);
    let log = Arc::clone(&server.log);
    let wanted = name.clone();
    let has_events = blocking(move || {
        let streams = log.streams().map_err(|error| ApiError::failed(error.to_string()))?;
        Ok(streams.iter().any(|stream| stream.name.as_str() == wanted))
    })
    .await?;
    if objects.is_empty() && (has_events || server.set_up.has(Kind::DataStream, &name)) {
        objects.push((name.clone(), Map::new()));
    }
    if objects.is_empty() {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "index_not_found_exception",
            format!("there is no index `{name}`"),
        ));
    }
    Ok(answer(StatusCode::OK, listing(Kind::Index, objects, ""), &parameters))
}

pub(super) async fn put(
    State(server): State<Arc<Server>>,
    uri: Uri,
    Path(name): Path<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let kind = kind_of(&uri);
    check_length(&name)?;
    let object = object_of(&server, &headers, body).await?;
    if kind == Kind::DataStream {
        names::check(&name)?;
    }
    let (at_work, to_put) = (Arc::clone(&server), name.clone());
    blocking(move || at_work.set_up.put(kind, &to_put, object).map_err(|error| failed(&error))).await?;
    Ok(answer(StatusCode::OK, json!({ "acknowledged": true }), &parameters))
}

pub(super) async fn put_index(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    names::check(&name)?;
    check_length(&name)?;
    let object = object_of(&server, &headers, body).await?;
    if server.set_up.has(Kind::Index, &name) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "resource_already_exists_exception",
            format!("there is an index `{name}` already"),
        ));
    }
    let (at_work, to_put) = (Arc::clone(&server), name.clone());
    blocking(move || at_work.set_up.put(Kind::Index, &to_put, object).map_err(|error| failed(&error)))
        .await?;
    let document = json!({ "acknowledged": true, "shards_acknowledged": true, "index": name });
    Ok(answer(StatusCode::OK, document, &parameters))
}

pub(super) async fn delete(
    State(server): State<Arc<Server>>,
    uri: Uri,
    Path(name): Path<String>,
    Query(parameters): Parameters,
) -> Result<Response, ApiError> {
    let kind = kind_of(&uri);
    let (at_work, to_delete) = (Arc::clone(&server), name.clone());
    if blocking(move || at_work.set_up.delete(kind, &to_delete).map_err(|error| failed(&error))).await? {
        Ok(answer(StatusCode::OK, json!({ "acknowledged": true }), &parameters))
    } else {
        Err(ApiError::not_found(format!("there is no `{name}` here")))
    }
}

/// The object in a body; an empty one if there is no body.
async fn object_of(server: &Server, headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, ApiError> {
    let body = body::read(headers, body, &server.room, &server.options).await?;
    if body.bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&body.bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::illegal("the body is no JSON object")),
        Err(error) => Err(ApiError::illegal(format!("the body is no JSON: {error}"))),
    }
}

fn failed(error: &SetUpError) -> ApiError {
    match error {
        SetUpError::TooMany => ApiError::illegal(error.to_string()),
        SetUpError::File { .. } | SetUpError::NoObject(_) => ApiError::failed(error.to_string()),
    }
}

/// Fails on a name under which nothing can be kept.
fn check_length(name: &str) -> Result<(), ApiError> {
    if SetUpObjects::can_be_kept(name) {
        return Ok(());
    }
    Err(ApiError::illegal("the name is too long to be kept"))
}
