//! Requests that cannot be carried out, as Elasticsearch says so (detection-engine §7.6).

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request, or one item of it, cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// The type that clients look at.
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { status, kind, reason: reason.into() }
    }

    /// The request is not what it should be.
    pub(crate) fn illegal(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "illegal_argument_exception", reason)
    }

    /// A document is not what it should be.
    pub(crate) fn document(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "document_parsing_exception", reason)
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource_not_found_exception", reason)
    }

    /// The id is there already.
    pub(crate) fn conflict(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "version_conflict_engine_exception", reason)
    }

    /// Come back later: the only answer after which a shipper keeps what it has.
    pub(crate) fn busy(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception", reason)
    }

    /// The body is larger than allowed.
    pub(crate) fn too_large(limit: usize) -> Self {
        let reason = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "content_too_long_exception", reason)
    }

    /// The media type is none that is read here.
    pub(crate) fn media_type(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "media_type_header_exception", reason)
    }

    /// The server is to blame.
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable_exception", reason)
    }

    /// Whether it says that something is there already.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    /// The whole answer.
    pub(crate) fn document_of_answer(&self) -> Value {
        let cause = json!({ "type": self.kind, "reason": self.reason });
        json!({
            "error": { "root_cause": [cause], "type": self.kind, "reason": self.reason },
            "status": self.status.as_u16(),
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        json_answer(self.status, &self.document_of_answer())
    }
}

/// An answer of compact JSON: some clients look for bytes in it.
pub(crate) fn json_answer(status: StatusCode, document: &Value) -> Response {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
