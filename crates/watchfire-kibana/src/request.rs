//! Requests: parameters, bodies within their caps, who sends them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use watchfire_server::{Caller, Role};

use crate::answer::{ApiError, refuse};
use crate::service::DetectionApi;

/// Most bytes of a body of JSON; the largest rule of the public ones has 60 KB, and a bulk request can have many.
const MAX_JSON_BYTES: usize = 32 << 20;
/// Most bytes of a file that is imported; all public rules together have about 30 MB.
const MAX_FILE_BYTES: usize = 128 << 20;
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_mins(2);
/// The most objects on a page.
const MAX_PER_PAGE: usize = 10_000;

/// The API, as handlers ask for it.
pub(crate) type Api = State<Arc<DetectionApi>>;

/// A request.
pub(crate) struct Call {
    pub(crate) parameters: Parameters,
    pub(crate) caller: Caller,
    pub(crate) headers: HeaderMap,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let Query(parameters) = Query::try_from_uri(&parts.uri)
            .map_err(|error| ApiError::bad(format!("the parameters cannot be read: {error}")))?;
        let nobody = Caller { name: "local".into(), role: Role::Reader };
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or(nobody);
        Ok(Self { parameters: Parameters(parameters), caller, headers: parts.headers, body })
    }
}

impl Call {
    /// The body as text; may be empty.
    pub(crate) async fn text(self) -> Result<(Parameters, Caller, String), ApiError> {
        let bytes = read(self.body, MAX_JSON_BYTES).await?;
        let text = String::from_utf8(bytes).map_err(|_| ApiError::bad("the body is not UTF-8"))?;
        Ok((self.parameters, self.caller, text))
    }

    /// The body as JSON; nothing if it is empty.
    pub(crate) async fn json_or_nothing(self) -> Result<(Parameters, Caller, Option<Value>), ApiError> {
        let (parameters, caller, text) = self.text().await?;
        if text.trim().is_empty() {
            return Ok((parameters, caller, None));
        }
        let value = serde_json::from_str(&text)
            .map_err(|error| ApiError::bad(format!("the body is no JSON: {error}")))?;
        Ok((parameters, caller, Some(value)))
    }

    /// The body as a JSON object.
    pub(crate) async fn object(self) -> Result<(Parameters, Caller, Map<String, Value>), ApiError> {
        match self.json_or_nothing().await? {
            (parameters, caller, Some(Value::Object(object))) => Ok((parameters, caller, object)),
            (_, _, Some(_)) => Err(ApiError::bad("the body must be a JSON object")),
            (_, _, None) => Err(ApiError::bad("the request has no body; it must be a JSON object")),
        }
    }

    /// The body as a list of JSON values.
    pub(crate) async fn list(self) -> Result<(Caller, Vec<Value>), ApiError> {
        match self.json_or_nothing().await? {
            (_, caller, Some(Value::Array(list))) => Ok((caller, list)),
            _ => Err(ApiError::bad("the body must be a list")),
        }
    }

    /// The file of a form, with its name.
    pub(crate) async fn file(self) -> Result<(Parameters, Caller, String, String), ApiError> {
        let content_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let bytes = read(self.body, MAX_FILE_BYTES).await?;
        let (name, text) = crate::multipart::file(&content_type, bytes).await?;
        Ok((self.parameters, self.caller, name, text))
    }
}

async fn read(body: Body, cap: usize) -> Result<Vec<u8>, ApiError> {
    let too_slow = |_| {
        let reason = format!("the body did not come within {} seconds", BODY_PATIENCE.as_secs());
        ApiError::new(StatusCode::REQUEST_TIMEOUT, reason)
    };
    // The one error that reading a body with a limit has beside a connection that broke is the limit.
    let too_large = |_| {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body broke off, or has more than {cap} bytes"),
        )
    };
    let bytes = tokio::time::timeout(BODY_PATIENCE, to_bytes(body, cap)).await.map_err(too_slow)?;
    bytes.map(Vec::from).map_err(too_large)
}

/// The parameters of a request, the unknown ones among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// Which objects are wanted of those found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) page: usize,
    pub(crate) per_page: usize,
}

impl Page {
    /// Those on the page.
    pub(crate) fn cut<T>(self, all: Vec<T>) -> Vec<T> {
        let skip = (self.page - 1).saturating_mul(self.per_page);
        all.into_iter().skip(skip).take(self.per_page).collect()
    }
}

impl Parameters {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ApiError::bad(format!("the parameter `{name}` is missing")))
    }

    /// A parameter that is `true` or `false`; absent is `default`.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(ApiError::bad(format!("`{name}` is `true` or `false`, not `{other}`"))),
        }
    }

    /// A number of at least `least`; absent is `default`.
    pub(crate) fn number(&self, name: &str, default: usize, least: usize) -> Result<usize, ApiError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse()
            .ok()
            .filter(|number| *number >= least)
            .ok_or_else(|| ApiError::bad(format!("`{name}` is a number from {least} on, not `{text}`")))
    }

    /// `page`, from 1, and `per_page`.
    pub(crate) fn page(&self) -> Result<Page, ApiError> {
        let page = Page { page: self.number("page", 1, 1)?, per_page: self.number("per_page", 20, 0)? };
        if page.per_page > MAX_PER_PAGE {
            return Err(ApiError::bad(format!("`per_page` is at most {MAX_PER_PAGE}")));
        }
        Ok(page)
    }

    /// The values of a parameter that can be there several times, or hold several values with commas between them.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let of_name = self.0.iter().filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name));
        let parts = of_name.flat_map(|(_, value)| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Whether `sort_order` asks for the last first.
    pub(crate) fn is_descending(&self) -> Result<bool, ApiError> {
        match self.get("sort_order") {
            None | Some("asc") => Ok(false),
            Some("desc") => Ok(true),
            Some(other) => Err(ApiError::bad(format!("`sort_order` is `asc` or `desc`, not `{other}`"))),
        }
    }
}

/// The text of a key of an object, if it is there.
pub(crate) fn text_of<'o>(object: &'o Map<String, Value>, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Value::as_str)
}

/// The texts of a list.
pub(crate) fn texts(value: Option<&Value>, name: &str) -> Result<Vec<String>, ApiError> {
    let bad = || ApiError::bad(format!("`{name}` must be a list of texts"));
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(bad)).collect()
        }
        Some(_) => Err(bad()),
    }
}

/// Refuses requests that change something and do not say that no other page made a browser send them.
pub(crate) async fn check_origin(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && !request.headers().contains_key("kbn-xsrf") {
        return refuse(StatusCode::BAD_REQUEST, "the request must have a header `kbn-xsrf`").into_response();
    }
    next.run(request).await
}
