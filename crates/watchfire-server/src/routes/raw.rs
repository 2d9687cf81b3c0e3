//! Raw records of any source, one in a line.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use watchfire_events::DataStream;
use watchfire_sources::normalise::{NormaliseOptions, SourceKind};

use super::documents::blocking;
use super::{Parameters, answer};
use crate::body;
use crate::error::ApiError;
use crate::intake::keep_raw;
use crate::state::Server;
use crate::{media, names};

/// Records of sources that are recognised.
pub(super) async fn any_source(
    State(server): State<Arc<Server>>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    records(server, None, parameters, headers, body).await
}

/// Records of the source that the path names.
pub(super) async fn of_source(
    State(server): State<Arc<Server>>,
    Path(source): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let source: SourceKind = source
        .parse()
        .map_err(|error| ApiError::not_found(format!("{error}; `watchfire sources list` names them")))?;
    records(server, Some(source), parameters, headers, body).await
}

async fn records(
    server: Arc<Server>,
    source: Option<SourceKind>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    media::check_body(&headers)?;
    let index =
        parameters.get("index").map(|index| names::check(index).map(|()| DataStream::new(index.as_str())));
    let options = NormaliseOptions { source, index: index.transpose()?, ..server.options.normalise.clone() };
    let body = body::read(&headers, body, &server.room, &server.options).await?;
    let kept = blocking(move || keep_raw(&server, &body.bytes, &options)).await?;
    let refused: Vec<Value> =
        kept.refused.iter().map(|(line, reason)| json!({ "line": line, "reason": reason })).collect();
    let document = json!({
        "stored": kept.stored,
        "repeated": kept.repeated,
        "refused": kept.refused_in_all,
        "refused_lines": refused,
    });
    // A body of which nothing is of use is more likely a mistake of the sender's than of one record.
    let nothing = kept.stored + kept.repeated == 0 && kept.refused_in_all > 0;
    Ok(answer(if nothing { StatusCode::BAD_REQUEST } else { StatusCode::OK }, document, &parameters))
}
