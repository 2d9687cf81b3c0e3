//! What the server says of itself and of who asks.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use watchfire_server::{Caller, Role};
use watchfire_state::ALERTS_STREAM;

use crate::answer::{Answer, ApiError, document, refuse};
use crate::request::{Api, Call};

/// `GET /api/status`.
pub(crate) async fn status(State(api): Api) -> Answer {
    let available = json!({ "level": "available", "summary": "All services are available" });
    document(json!({
        "name": "watchfire",
        "uuid": "6b1f4b0a-7a0e-5d0b-8f5e-5f2d4e8a9c31",
        "version": {
            "number": api.parts.version,
            "build_hash": "unknown",
            "build_number": 0,
            "build_snapshot": false,
            "build_flavor": "traditional",
            "build_date": "2026-01-01T00:00:00.000Z",
        },
        "status": { "overall": available, "core": {}, "plugins": {} },
    }))
}

/// `GET /api/spaces/space`: there is one.
pub(crate) async fn spaces() -> Answer {
    document(json!([{
        "id": "default",
        "name": "Default",
        "description": "The one space of this server",
        "disabledFeatures": [],
        "_reserved": true,
    }]))
}

/// `GET /internal/security/me`.
pub(crate) async fn me(call: Call) -> Answer {
    let Caller { name, role } = call.caller;
    document(json!({
        "username": &*name,
        "roles": [role.name()],
        "full_name": null,
        "email": null,
        "metadata": {},
        "enabled": true,
        "authentication_type": "api_key",
    }))
}

/// `GET /logout`: there is no session to end.
pub(crate) async fn logout() -> Answer {
    document(json!({}))
}

/// `GET /api/detection_engine/index`.
pub(crate) async fn index() -> Answer {
    document(json!({ "name": ALERTS_STREAM, "index_mapping_outdated": false }))
}

/// `POST /api/detection_engine/index`, and that of lists: what they ask for is there.
pub(crate) async fn acknowledge() -> Answer {
    document(json!({ "acknowledged": true }))
}

/// `DELETE /api/detection_engine/index`: alerts are not thrown away by the way.
pub(crate) async fn keep_index() -> Answer {
    Err(ApiError::bad("alerts are not removed by this request"))
}

/// `GET /api/detection_engine/privileges`.
pub(crate) async fn privileges(call: Call) -> Answer {
    document(privileges_over(&call.caller, ALERTS_STREAM, Role::Analyst))
}

/// `GET /api/lists/privileges`.
pub(crate) async fn list_privileges(call: Call) -> Answer {
    let of = |index: &str| privileges_over(&call.caller, index, Role::Engineer);
    document(json!({
        "lists": of(".lists-default"),
        "listItems": of(".items-default"),
        "is_authenticated": true,
    }))
}

/// What a caller may do with what Kibana takes for an index; those of `writer` write to it.
fn privileges_over(caller: &Caller, index: &str, writer: Role) -> Map<String, Value> {
    let reads = caller.role.includes(Role::Reader);
    let writes = caller.role.includes(writer);
    let manages = caller.role.includes(Role::Admin);
    let document = json!({
        "username": &*caller.name,
        "has_all_requested": reads && writes && manages,
        "cluster": { "monitor": reads, "manage": manages, "manage_api_key": manages },
        "index": {
            index: {
                "read": reads,
                "view_index_metadata": reads,
                "write": writes,
                "index": writes,
                "create_doc": writes,
                "maintenance": writes,
                "manage": manages,
                "all": manages,
            },
        },
        "application": {},
        "is_authenticated": true,
        "has_encryption_key": true,
    });
    match document {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

/// Lets only requests for the one space through.
pub(crate) async fn check_space(
    Path(path): Path<BTreeMap<String, String>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match path.get("space").map(String::as_str) {
        Some("default") | None => next.run(request).await,
        Some(other) => {
            let message = format!("there is no space `{other}`: this server has one, `default`");
            refuse(StatusCode::NOT_FOUND, &message).into_response()
        }
    }
}

/// For paths of the detection API that are none: in its own form.
pub(crate) async fn nothing_here(request: Request<Body>) -> Response {
    refuse(StatusCode::NOT_FOUND, &format!("there is nothing at `{}`", request.uri().path()))
}
