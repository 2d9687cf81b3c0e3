//! Answers: JSON, lines of JSON, and problems with their diagnostics.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use watchfire_diagnostics::render::json_object;
use watchfire_diagnostics::{Diagnostic, Severity, SourceText};
use watchfire_state::StateError;

/// Why a request, or one object of it, cannot be carried out.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Where it is wrong, as `watchfire check` says it.
    pub(crate) diagnostics: Vec<Value>,
    /// What was done all the same, for bulk actions.
    pub(crate) attributes: Option<Box<Value>>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), diagnostics: Vec::new(), attributes: None }
    }

    /// The request is not what it should be.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// What is wrong with a text: all its errors in the message, everything in the diagnostics.
    pub(crate) fn of_diagnostics(found: &[Diagnostic], source: &SourceText) -> Self {
        let errors = found.iter().filter(|one| one.severity == Severity::Error);
        let messages: Vec<&str> = errors.map(|one| &*one.message).collect();
        Self { diagnostics: rendered(found, source), ..Self::bad(messages.join("; ")) }
    }

    /// As it stands in lists of errors: status and message, and diagnostics where there are some.
    pub(crate) fn entry(&self) -> Value {
        let mut entry = json!({ "status_code": self.status.as_u16(), "message": self.message });
        if !self.diagnostics.is_empty() {
            entry["diagnostics"] = json!(self.diagnostics);
        }
        entry
    }
}

/// Diagnostics as `watchfire check --format json` writes them.
pub(crate) fn rendered(found: &[Diagnostic], source: &SourceText) -> Vec<Value> {
    found.iter().map(|one| Value::Object(json_object(one, source))).collect()
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        let status = match &error {
            StateError::Absent { .. } => StatusCode::NOT_FOUND,
            _ if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut document = json!({ "message": self.message, "status_code": self.status.as_u16() });
        if !self.diagnostics.is_empty() {
            document["diagnostics"] = json!(self.diagnostics);
        }
        if let Some(attributes) = self.attributes {
            document["attributes"] = *attributes;
        }
        with_status(self.status, &document)
    }
}

/// What every handler gives.
pub(crate) type Answer = Result<Response, ApiError>;

/// A document, with status 200: some clients take everything else for a failure (detection-engine §7.5).
#[expect(clippy::unnecessary_wraps, reason = "it ends handlers, which can fail")]
pub(crate) fn document(document: impl Into<Value>) -> Answer {
    Ok(with_status(StatusCode::OK, &document.into()))
}

pub(crate) fn with_status(status: StatusCode, document: &Value) -> Response {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A text that is to be saved as a file.
pub(crate) fn file(text: String, media_type: &'static str, name: &str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // A name that cannot stand in a header is not passed on; the content is the same.
    let safe: String =
        name.chars().filter(|one| one.is_ascii_graphic() && !matches!(one, '"' | '\\' | '/')).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{safe}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The media type of lines of JSON.
pub(crate) const NDJSON: &str = "application/ndjson";

/// Adds warnings to an object, under a key that Kibana does not have.
pub(crate) fn with_warnings(mut object: Map<String, Value>, warnings: Vec<Value>) -> Map<String, Value> {
    if !warnings.is_empty() {
        let mut own = Map::new();
        own.insert("diagnostics".to_owned(), Value::Array(warnings));
        object.insert("watchfire".to_owned(), Value::Object(own));
    }
    object
}

/// As Kibana's framework refuses a request before any handler sees it.
pub(crate) fn refuse(status: StatusCode, message: &str) -> Response {
    let document = json!({
        "statusCode": status.as_u16(),
        "error": status.canonical_reason().unwrap_or_default(),
        "message": message,
    });
    with_status(status, &document)
}
