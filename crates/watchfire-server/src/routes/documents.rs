//! Documents that are written: one, or many (detection-engine §7.6).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Parameters, answer};
use crate::body;
use crate::bulk::{self, BulkItem, Operation};
use crate::error::ApiError;
use crate::filter_path::FilterPath;
use crate::intake::{ItemAnswer, keep};
use crate::media;
use crate::state::Server;

pub(super) async fn bulk(
    state: State<Arc<Server>>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    bulk_within(state, None, parameters, headers, body).await
}

pub(super) async fn bulk_of_index(
    state: State<Arc<Server>>,
    Path(index): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    bulk_within(state, Some(index), parameters, headers, body).await
}

async fn bulk_within(
    State(server): State<Arc<Server>>,
    index: Option<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    media::check_body(&headers)?;
    let start = server.clock.now();
    let body = body::read(&headers, body, &server.room, &server.options).await?;
    let pipeline = parameters.get("pipeline").cloned();
    let at_work = Arc::clone(&server);
    let (document, parameters) = blocking(move || {
        let items = bulk::parse(&body.bytes, index.as_deref(), pipeline.as_deref())?;
        let answers = keep(&at_work, &items)?;
        let took = at_work.clock.now().millis().saturating_sub(start.millis()).max(0);
        let filter = parameters.get("filter_path").map(|filter| FilterPath::new(filter));
        let wants_items = filter.is_none_or(|filter| filter.may_want("items"));
        Ok((bulk_answer(took, &answers, wants_items), parameters))
    })
    .await?;
    Ok(answer(StatusCode::OK, document, &parameters))
}

/// `errors` stands before `items`, and both are compact: there are clients that look for bytes.
fn bulk_answer(took: i64, answers: &[ItemAnswer], wants_items: bool) -> Value {
    let errors = answers.iter().any(|answer| answer.outcome.is_err());
    let mut answer = json!({ "took": took, "errors": errors });
    if wants_items {
        let item = |answer: &ItemAnswer| json!({ answer.operation.name(): answer.document() });
        answer["items"] = answers.iter().map(item).collect();
    }
    answer
}

pub(super) async fn without_id(
    state: State<Arc<Server>>,
    Path(index): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    // Without an id there is nothing that it could replace, so a data stream takes it too.
    one(state, index, None, Operation::Create, parameters, headers, body).await
}

pub(super) async fn with_id(
    state: State<Arc<Server>>,
    Path((index, id)): Path<(String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let operation = match parameters.get("op_type").map(String::as_str) {
        Some("create") => Operation::Create,
        _ => Operation::Index,
    };
    one(state, index, Some(id), operation, parameters, headers, body).await
}

pub(super) async fn create(
    state: State<Arc<Server>>,
    Path((index, id)): Path<(String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    one(state, index, Some(id), Operation::Create, parameters, headers, body).await
}

async fn one(
    State(server): State<Arc<Server>>,
    index: String,
    id: Option<String>,
    operation: Operation,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    media::check_body(&headers)?;
    let body = body::read(&headers, body, &server.room, &server.options).await?;
    let pipeline = parameters.get("pipeline").cloned();
    let answers = blocking(move || {
        let document = body.bytes.as_slice();
        let item = BulkItem { operation, index, id, pipeline, require_alias: false, document };
        keep(&server, &[item])
    })
    .await?;
    let kept = answers.into_iter().next().ok_or_else(|| ApiError::failed("there is no answer"))?;
    let status = kept.status();
    let mut document = match &kept.outcome {
        Ok(_) => kept.document(),
        Err(error) => return Err(error.clone()),
    };
    // An item of a bulk has its status inside, an answer of its own has it in front.
    if let Value::Object(members) = &mut document {
        members.remove("status");
    }
    Ok(answer(status, document, &parameters))
}

/// Does what may block on a thread for that.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::failed("the request could not be carried out"))?
}
