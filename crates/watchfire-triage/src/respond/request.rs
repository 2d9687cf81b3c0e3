//! Requests that name what is secret in them instead of having it.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What a request needs of its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable of the environment.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// What it is if it is not set; without that it must be.
    pub default: Option<&'static str>,
    /// Whether it must not be shown.
    pub is_secret: bool,
}

impl Setting {
    pub(super) const fn needed(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, default: None, is_secret: false }
    }

    pub(super) const fn or(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, default: Some(default), is_secret: false }
    }

    pub(super) const fn secret(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, default: None, is_secret: true }
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Nothing changes.
    Get,
    /// Something may.
    Post,
}

impl Method {
    /// As HTTP has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A token that a service gave. It is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub(super) String);

impl Token {
    /// What it is.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// How a request says who sends it, by names of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// It does not.
    None,
    /// `ApiKey` and the setting.
    ApiKey(&'static str),
    /// `ApiToken` and the setting.
    ApiToken(&'static str),
    /// User and password.
    Basic(&'static str, &'static str),
    /// A token that a request before it got.
    Bearer(Token),
    /// `Bearer` and the setting, if it is set.
    BearerIfSet(&'static str),
}

/// A value in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormValue {
    /// As it stands.
    Plain(&'static str),
    /// That of a setting.
    Setting(&'static str),
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// None.
    None,
    /// JSON.
    Json(Value),
    /// A form, `application/x-www-form-urlencoded`.
    Form(Vec<(&'static str, FormValue)>),
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The setting that has the beginning of its address.
    pub base: &'static str,
    /// The rest of its address, encoded; what stands in `{…}` is the value of a setting, to be encoded.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Who sends it.
    pub authorization: Authorization,
    /// Its body.
    pub body: Body,
}

impl Request {
    pub(super) fn get(base: &'static str, path: String, authorization: Authorization) -> Self {
        Self { method: Method::Get, base, path, headers: Vec::new(), authorization, body: Body::None }
    }

    pub(super) fn post(base: &'static str, path: String, authorization: Authorization, body: Body) -> Self {
        Self { method: Method::Post, base, path, headers: Vec::new(), authorization, body }
    }

    /// The request as text, the names of settings in place of their values.
    pub fn to_text(&self) -> String {
        let mut out = format!("{} ${}{}\n", self.method.name(), self.base, self.path.replace('{', "${"));
        for (name, value) in &self.headers {
            let _ = writeln!(out, "{name}: {value}");
        }
        let _ = match &self.authorization {
            Authorization::None => Ok(()),
            Authorization::ApiKey(setting) => writeln!(out, "authorization: ApiKey ${setting}"),
            Authorization::ApiToken(setting) => writeln!(out, "authorization: ApiToken ${setting}"),
            Authorization::Basic(user, password) => writeln!(out, "authorization: Basic ${user}:${password}"),
            Authorization::Bearer(_) => writeln!(out, "authorization: Bearer (the token from above)"),
            Authorization::BearerIfSet(setting) => {
                writeln!(out, "authorization: Bearer ${setting}, if it is set")
            }
        };
        match &self.body {
            Body::None => {}
            Body::Json(body) => {
                let text = serde_json::to_string_pretty(body).unwrap_or_default();
                let _ = writeln!(out, "content-type: application/json\n\n{text}");
            }
            Body::Form(fields) => {
                out.push_str("content-type: application/x-www-form-urlencoded\n\n");
                let shown = fields.iter().map(|(name, value)| match value {
                    FormValue::Plain(text) => format!("{name}={text}"),
                    FormValue::Setting(setting) => format!("{name}=${setting}"),
                });
                let _ = writeln!(out, "{}", shown.collect::<Vec<_>>().join("&"));
            }
        }
        out
    }
}

/// All but what RFC 3986 never reserves.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value as part of a path or of a query.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}
