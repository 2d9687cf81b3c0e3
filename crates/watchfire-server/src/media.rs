//! Media types: what bodies may be, and what answers say that they are.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::error::ApiError;

/// Clients of Elasticsearch refuse to go on without it.
const PRODUCT: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-elastic-product"), HeaderValue::from_static("Elasticsearch"));

/// The media types of bodies that hold JSON, one or many.
const BODIES: [&str; 4] = [
    "application/json",
    "application/x-ndjson",
    "application/vnd.elasticsearch+json",
    "application/vnd.elasticsearch+x-ndjson",
];

/// Gives every answer the headers that clients of Elasticsearch look for.
pub(crate) async fn with_headers(request: Request, next: Next) -> Response {
    let versioned = versioned(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(PRODUCT.0, PRODUCT.1);
    let is_json = |value: &HeaderValue| value.as_bytes() == b"application/json";
    if let Some(versioned) = versioned
        && headers.get(header::CONTENT_TYPE).is_some_and(is_json)
    {
        headers.insert(header::CONTENT_TYPE, versioned);
    }
    response
}

/// The media type of answers to a client that names the version which it is compatible with.
fn versioned(headers: &HeaderMap) -> Option<HeaderValue> {
    let version = [header::ACCEPT, header::CONTENT_TYPE].iter().find_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        let (media_type, parameters) = value.split_once(';')?;
        let is_versioned = media_type.trim().starts_with("application/vnd.elasticsearch+");
        let version = parameters.trim().strip_prefix("compatible-with")?.trim_start().strip_prefix('=')?;
        let version: u8 = version.trim().parse().ok()?;
        (is_versioned && matches!(version, 7..=9)).then_some(version)
    })?;
    HeaderValue::from_str(&format!("application/vnd.elasticsearch+json;compatible-with={version}")).ok()
}

/// Whether a body that should be JSON says so.
pub(crate) fn check_body(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(ApiError::media_type(format!(
            "the body has no content type; it can be {}",
            BODIES.join(", ")
        )));
    };
    let value = value.to_str().unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if BODIES.iter().any(|body| body.eq_ignore_ascii_case(media_type)) {
        return Ok(());
    }
    Err(ApiError::media_type(format!(
        "the content type `{value}` is not read here; it can be {}",
        BODIES.join(", ")
    )))
}
