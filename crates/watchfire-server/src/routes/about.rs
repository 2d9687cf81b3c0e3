//! What the server says of itself.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Parameters, answer};
use crate::error::{ApiError, json_answer};
use crate::state::Server;

/// The name of the cluster that clients are told.
const CLUSTER: &str = "watchfire";

pub(super) async fn root(State(server): State<Arc<Server>>, Query(parameters): Parameters) -> Response {
    let version = &server.options.elasticsearch_version;
    // The oldest version that a node, and an index, of this major version goes with.
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(9);
    let before = major.saturating_sub(1);
    let document = json!({
        "name": "watchfire",
        "cluster_name": CLUSTER,
        "cluster_uuid": "d2F0Y2hmaXJlLWNsdXN0ZQ",
        "version": {
            "number": version,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": "unknown",
            "build_date": "2026-01-01T00:00:00.000Z",
            "build_snapshot": false,
            "lucene_version": "10.3.2",
            "minimum_wire_compatibility_version": format!("{before}.19.0"),
            "minimum_index_compatibility_version": format!("{before}.0.0"),
        },
        "tagline": "You Know, for Search",
    });
    answer(StatusCode::OK, document, &parameters)
}

pub(super) async fn license(Query(parameters): Parameters) -> Response {
    let document = json!({
        "license": {
            "status": "active",
            "uid": "watchfire",
            "type": "basic",
            "issue_date": "2026-01-01T00:00:00.000Z",
            "issue_date_in_millis": 1_767_225_600_000_i64,
            "max_nodes": 1000,
            "issued_to": CLUSTER,
            "issuer": "watchfire",
            "start_date_in_millis": -1,
        },
    });
    answer(StatusCode::OK, document, &parameters)
}

pub(super) async fn features(Query(parameters): Parameters) -> Response {
    let has = json!({ "available": true, "enabled": true });
    let lacks = json!({ "available": false, "enabled": false });
    let document = json!({
        "build": { "hash": "unknown", "date": "2026-01-01T00:00:00.000Z" },
        "license": { "uid": "watchfire", "type": "basic", "mode": "basic", "status": "active" },
        "features": { "eql": lacks, "esql": lacks, "ilm": has, "ml": lacks, "security": has },
        "tagline": "You know, for X",
    });
    answer(StatusCode::OK, document, &parameters)
}

pub(super) async fn cluster_health(
    State(server): State<Arc<Server>>,
    Query(parameters): Parameters,
) -> Response {
    let (status, word) = match is_ready(&server).await {
        Ok(()) => (StatusCode::OK, "green"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "red"),
    };
    let document = json!({
        "cluster_name": CLUSTER,
        "status": word,
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
    });
    answer(status, document, &parameters)
}

pub(super) async fn cat_health(State(server): State<Arc<Server>>) -> Response {
    match is_ready(&server).await {
        Ok(()) => (StatusCode::OK, format!("{CLUSTER} green 1 1\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, format!("{CLUSTER} red 1 1\n")).into_response(),
    }
}

/// Whether the process is there: nobody should start it anew for want of disk space.
pub(super) async fn health() -> Response {
    json_answer(StatusCode::OK, &json!({ "status": "alive" }))
}

/// Whether events can be kept.
pub(super) async fn ready(State(server): State<Arc<Server>>) -> Response {
    match is_ready(&server).await {
        Ok(()) => json_answer(StatusCode::OK, &json!({ "status": "ready" })),
        Err(error) => {
            let document = json!({ "status": "not ready", "reason": error.reason });
            json_answer(StatusCode::SERVICE_UNAVAILABLE, &document)
        }
    }
}

async fn is_ready(server: &Arc<Server>) -> Result<(), ApiError> {
    let log = Arc::clone(&server.log);
    let ready = tokio::task::spawn_blocking(move || log.ready()).await;
    ready
        .map_err(|_| ApiError::failed("it cannot be told whether events can be kept"))?
        .map_err(|error| ApiError::failed(error.to_string()))
}
