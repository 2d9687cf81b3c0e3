//! Searches: the paths that are there if the server has something to search with.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::documents::blocking;
use super::{Parameters, answer};
use crate::body::{self, Caps};
use crate::error::ApiError;
use crate::media;
use crate::search::{SearchEndpoint, SearchRequest, Searches};
use crate::state::Server;

/// The parts of a path.
#[derive(serde::Deserialize)]
struct Parts {
    index: Option<String>,
    id: Option<String>,
}

/// The paths.
pub(super) fn routes() -> Router<Arc<Server>> {
    use SearchEndpoint as To;
    // Not every client sends a body with `GET`.
    let reading = MethodFilter::GET.or(MethodFilter::POST);
    let (get, post, delete) = (MethodFilter::GET, MethodFilter::POST, MethodFilter::DELETE);
    let of_id = get.or(delete);
    Router::new()
        .route("/_search", to(reading, To::Search))
        .route("/{index}/_search", to(reading, To::Search))
        .route("/_msearch", to(reading, To::MultiSearch))
        .route("/{index}/_msearch", to(reading, To::MultiSearch))
        .route("/_count", to(reading, To::Count))
        .route("/{index}/_count", to(reading, To::Count))
        .route("/{index}/_eql/search", to(reading, To::Eql))
        .route("/_query", to(post, To::Esql))
        .route("/_eql/search/{id}", to(of_id, To::AsyncResult))
        .route("/_field_caps", to(reading, To::FieldCapabilities))
        .route("/{index}/_field_caps", to(reading, To::FieldCapabilities))
        .route("/_mapping", to(get, To::Mapping))
        .route("/{index}/_mapping", to(get, To::Mapping))
        .route("/{index}/_pit", to(post, To::OpenPointInTime))
        .route("/_pit", to(delete, To::ClosePointInTime))
        .route("/_search/scroll", to(reading, To::Scroll).merge(to(delete, To::CloseScroll)))
        .route("/_search/scroll/{id}", to(reading, To::Scroll).merge(to(delete, To::CloseScroll)))
        .route("/_async_search", to(post, To::AsyncSearch))
        .route("/{index}/_async_search", to(post, To::AsyncSearch))
        .route("/_async_search/{id}", to(of_id, To::AsyncResult))
}

/// What answers requests of these methods to an endpoint.
fn to(methods: MethodFilter, endpoint: SearchEndpoint) -> MethodRouter<Arc<Server>> {
    on(
        methods,
        move |state: State<Arc<Server>>,
              path: Path<Parts>,
              parameters: Parameters,
              headers: HeaderMap,
              body: Body| search(endpoint, state, path, parameters, headers, body),
    )
}

async fn search(
    endpoint: SearchEndpoint,
    State(server): State<Arc<Server>>,
    Path(Parts { index, id }): Path<Parts>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Some(Searches { search, limits, room }) = server.searches.clone() else {
        return Err(ApiError::not_found("this server does not search"));
    };
    let now = server.clock.now();
    // A request without a body need not say of what type it is.
    if headers.contains_key(header::CONTENT_TYPE) {
        media::check_body(&headers)?;
    }
    // Whoever waits for a turn would hold a body meanwhile.
    let turn = room
        .try_acquire_owned()
        .map_err(|_| ApiError::busy("too many searches are carried out at the moment"))?;
    let caps = Caps { packed: limits.max_body_bytes, unpacked: limits.max_body_bytes };
    let body = body::read_within(&headers, body, &server.room, &server.options, caps).await?;
    let shown: BTreeMap<String, String> = parameters.clone();
    let found = blocking(move || {
        let request = SearchRequest {
            endpoint,
            index,
            name: id,
            parameters,
            body: body.bytes.clone(),
            now,
            time_limit: limits.time_limit,
        };
        let found = search.answer(&request);
        drop(turn);
        found.map_err(|refusal| {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            ApiError::new(status, refusal.kind, refusal.reason)
        })
    })
    .await?;
    Ok(answer(StatusCode::OK, found, &shown))
}
