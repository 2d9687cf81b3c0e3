//! Sending the requests of response plans: what `watchfire-triage` has planned, by HTTP and with the secrets that it only names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;
use thiserror::Error;
use watchfire_triage::{Authorization, Body, CallError, FormValue, Method, Reply, Request, Setting};

use crate::secret::Secret;
use crate::send::chain;

/// Longest answer that is read, in bytes.
const MOST_OF_ANSWER: usize = 8 << 20;

/// Why requests cannot be sent.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// These settings are not set.
    #[error("not set: {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// This setting is no address that secrets may be sent to.
    #[error("{0} must begin with `https://`; `http://` is taken for this machine alone")]
    Address(&'static str),
    /// There is no way to send anything.
    #[error("{0}")]
    Client(String),
}

/// Sends requests of response plans. Redirects are not followed: what is sent goes where it was meant to go.
#[derive(Debug)]
pub struct ResponseClient {
    client: Client,
    runtime: tokio::runtime::Runtime,
    settings: BTreeMap<&'static str, Secret>,
}

impl ResponseClient {
    /// One with the values of these settings; an answer may take as long as `timeout`.
    ///
    /// # Errors
    /// If settings are missing, or addresses would send secrets in the clear to other machines.
    pub fn new(
        settings: &[Setting],
        value: impl Fn(&str) -> Option<String>,
        timeout: Duration,
    ) -> Result<Self, ResponseError> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for setting in settings {
            let given = value(setting.name).filter(|value| !value.is_empty());
            match given.or_else(|| setting.default.map(str::to_owned)) {
                Some(value) => {
                    // By their names, settings that are addresses end so.
                    let is_address = setting.name.ends_with("_URL") || setting.name.ends_with("_HOST");
                    if is_address && !is_safe(&value) {
                        return Err(ResponseError::Address(setting.name));
                    }
                    values.insert(setting.name, Secret::from(value));
                }
                None => missing.push(setting.name),
            }
        }
        if !missing.is_empty() {
            return Err(ResponseError::Missing(missing));
        }
        let client = Client::builder()
            .user_agent(concat!("watchfire/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .build()
            .map_err(|error| ResponseError::Client(chain(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ResponseError::Client(error.to_string()))?;
        Ok(Self { client, runtime, settings: values })
    }

    /// Sends a request, and waits for the answer.
    ///
    /// # Errors
    /// If none comes.
    pub fn send(&self, request: &Request) -> Result<Reply, CallError> {
        let built = self.built(request);
        self.runtime.block_on(async {
            let mut response = built.send().await.map_err(failed)?;
            let status = response.status().as_u16();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if bytes.len() + chunk.len() > MOST_OF_ANSWER {
                    let why = format!("the answer is longer than {MOST_OF_ANSWER} bytes");
                    return Err(CallError::NoAnswer(why));
                }
                bytes.extend_from_slice(&chunk);
            }
            let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
                let text = String::from_utf8_lossy(&bytes);
                if text.trim().is_empty() { Value::Null } else { Value::String(text.into_owned()) }
            });
            Ok(Reply { status, body })
        })
    }

    fn value(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", Secret::reveal)
    }

    fn built(&self, request: &Request) -> RequestBuilder {
        let base = self.value(request.base);
        let base = if request.path.is_empty() { base } else { base.trim_end_matches('/') };
        let mut url = base.to_owned();
        let mut rest = request.path.as_str();
        // Braces that are part of a value are encoded.
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let _ = write!(url, "{before}{}", utf8_percent_encode(self.value(name), NON_ALPHANUMERIC));
            rest = after;
        }
        url.push_str(rest);
        let mut built = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        for (name, value) in &request.headers {
            built = built.header(*name, *value);
        }
        let scheme = |scheme: &str, setting: &str| format!("{scheme} {}", self.value(setting));
        built = match &request.authorization {
            Authorization::None => built,
            Authorization::ApiKey(setting) => built.header("authorization", scheme("ApiKey", setting)),
            Authorization::ApiToken(setting) => built.header("authorization", scheme("ApiToken", setting)),
            Authorization::Basic(user, password) => {
                built.basic_auth(self.value(user), Some(self.value(password)))
            }
            Authorization::Bearer(token) => built.bearer_auth(token.reveal()),
            Authorization::BearerIfSet(setting) if self.value(setting).is_empty() => built,
            Authorization::BearerIfSet(setting) => built.bearer_auth(self.value(setting)),
        };
        match &request.body {
            Body::None => built,
            Body::Json(body) => built.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            Body::Form(fields) => {
                let encoded = fields.iter().map(|(name, value)| {
                    let value = match value {
                        FormValue::Plain(text) => text,
                        FormValue::Setting(setting) => self.value(setting),
                    };
                    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
                });
                let form = encoded.collect::<Vec<_>>().join("&");
                built.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
        }
    }
}

/// Why no answer came. Who could not be reached has got nothing.
fn failed(error: reqwest::Error) -> CallError {
    let is_unsent = error.is_connect() || error.is_builder();
    // The address may hold a secret.
    let why = chain(&error.without_url());
    if is_unsent { CallError::NotSent(why) } else { CallError::NoAnswer(why) }
}

/// Whether secrets can be sent to an address.
fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_sent_in_the_clear() {
        for (address, expected) in [
            ("https://kibana.example:5601/s/soc", true),
            ("http://127.0.0.1:5601", true),
            ("http://[::1]:5601/x", true),
            ("http://localhost", true),
            ("http://kibana.example", false),
            ("http://127.0.0.1.example", false),
            ("http://127.0.0.1:80@kibana.example", false),
            ("kibana.example", false),
        ] {
            assert_eq!(is_safe(address), expected, "{address}");
        }
    }
}
