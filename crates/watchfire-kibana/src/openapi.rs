//! The description of all paths, in OpenAPI 3.1.
//!
//! It is written by hand: the shapes are Kibana's, and most answers are objects that were read and are given back, so there are
//! no types from which it could be derived. A test holds every answer of every case against it.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// The description, as JSON.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// `GET /api/watchfire/openapi.json`.
pub(crate) async fn document() -> Response {
    let mut response = Response::new(Body::from(OPENAPI));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
