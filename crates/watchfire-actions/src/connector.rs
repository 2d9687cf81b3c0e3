//! Connectors: ways out, by the names that rules have for their types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::secret::Secret;
use crate::template::Escape;

/// Why a connector cannot be used.
#[derive(Debug, Error)]
pub enum ConnectorError {
    /// There is no such type here.
    #[error("`{0}` is no type of connector that is supported; {supported} are", supported = ConnectorType::list())]
    Type(String),
    /// A setting is missing, or of another form.
    #[error("its settings cannot be read: {0}")]
    Settings(String),
    /// A secret is missing.
    #[error("its secret `{name}` is missing")]
    Missing {
        /// Which one.
        name: &'static str,
    },
    /// What it is to be called by is no such address.
    #[error("`{what}` is no URL of HTTP")]
    Url {
        /// The setting.
        what: &'static str,
    },
}

macro_rules! connector_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// The type of a connector.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ConnectorType { $($(#[$doc])* $name),* }

        impl ConnectorType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in rules.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

connector_types! {
    /// Mail by SMTP.
    Email = ".email",
    /// Lines of JSON in a file.
    File = ".file",
    /// PagerDuty's events.
    PagerDuty = ".pagerduty",
    /// The log of the server.
    ServerLog = ".server-log",
    /// A webhook of Slack, or of what takes the same.
    Slack = ".slack",
    /// Syslog by UDP or TCP.
    Syslog = ".syslog",
    /// A webhook of Microsoft Teams.
    Teams = ".teams",
    /// Any webhook.
    Webhook = ".webhook",
}

impl ConnectorType {
    /// The one of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    fn list() -> String {
        Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ")
    }

    /// How values are escaped in a parameter.
    pub(crate) fn escape(self, parameter: &str) -> Escape {
        match (self, parameter) {
            (Self::Webhook, "body") => Escape::Json,
            (Self::Slack, "message") => Escape::Slack,
            (Self::Teams, "message") => Escape::Markdown,
            (Self::Email, "messageHTML") => Escape::Html,
            _ => Escape::None,
        }
    }
}

/// A way out.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Its identity, by which actions name it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    pub(crate) way: Way,
}

/// What is needed to send.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Webhook(Webhook),
    Slack(Secret),
    Teams(Secret),
    PagerDuty { url: String, routing_key: Secret },
    Email(Email),
    ServerLog,
    File(PathBuf),
    Syslog(Syslog),
}

#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) put: bool,
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) login: Option<(Secret, Secret)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Email {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// TLS from the first byte on.
    pub(crate) secure: bool,
    pub(crate) from: String,
    pub(crate) login: Option<(Secret, Secret)>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Syslog {
    pub(crate) host: String,
    #[serde(default = "syslog_port")]
    pub(crate) port: u16,
    #[serde(default)]
    pub(crate) transport: Transport,
    #[serde(default = "syslog_facility")]
    pub(crate) facility: u8,
}

/// How syslog travels.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// A datagram a message (RFC 5426).
    #[default]
    Udp,
    /// Each message behind its length (RFC 6587).
    Tcp,
}

fn syslog_port() -> u16 {
    514
}

/// `local4`.
fn syslog_facility() -> u8 {
    20
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookSettings {
    url: String,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Method {
    #[default]
    Post,
    Put,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailSettings {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    secure: bool,
    from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PagerDutySettings {
    #[serde(rename = "apiUrl", default = "pager_duty_url")]
    api_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

/// PagerDuty's address for events, version 2 of its interface.
fn pager_duty_url() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

impl Connector {
    /// A connector of a type, with its settings (Kibana's `config`) and its secrets by their names.
    ///
    /// # Errors
    /// If something is missing, unknown, or of another form.
    pub fn new(
        id: &str,
        name: &str,
        connector_type: &str,
        config: &Value,
        mut secrets: BTreeMap<String, Secret>,
    ) -> Result<Self, ConnectorError> {
        let of = ConnectorType::of(connector_type)
            .ok_or_else(|| ConnectorError::Type(connector_type.to_owned()))?;
        let way = match of {
            ConnectorType::Webhook => {
                let WebhookSettings { url, method, headers } = settings(config)?;
                let named = headers.into_iter().map(|(name, value)| (name, Secret::from(value)));
                let secret = take_prefixed(&mut secrets, "header.");
                Way::Webhook(Webhook {
                    url: http_url(url, "url")?,
                    put: method == Method::Put,
                    headers: named.chain(secret).collect(),
                    login: login(&mut secrets)?,
                })
            }
            ConnectorType::Slack | ConnectorType::Teams => {
                let NoSettings {} = settings(config)?;
                let url = take(&mut secrets, "webhookUrl")?;
                http_url(url.reveal().to_owned(), "webhookUrl")?;
                if of == ConnectorType::Slack { Way::Slack(url) } else { Way::Teams(url) }
            }
            ConnectorType::PagerDuty => {
                let PagerDutySettings { api_url } = settings(config)?;
                let routing_key = take(&mut secrets, "routingKey")?;
                Way::PagerDuty { url: http_url(api_url, "apiUrl")?, routing_key }
            }
            ConnectorType::Email => {
                let EmailSettings { host, port, secure, from } = settings(config)?;
                let port = port.unwrap_or(if secure { 465 } else { 587 });
                Way::Email(Email { host, port, secure, from, login: login(&mut secrets)? })
            }
            ConnectorType::ServerLog => {
                let NoSettings {} = settings(config)?;
                Way::ServerLog
            }
            ConnectorType::File => {
                let FileSettings { path } = settings(config)?;
                Way::File(path)
            }
            ConnectorType::Syslog => Way::Syslog(settings(config)?),
        };
        if let Some(name) = secrets.keys().next() {
            return Err(ConnectorError::Settings(format!(
                "a connector of type `{connector_type}` has no secret `{name}`"
            )));
        }
        Ok(Self { id: id.to_owned(), name: name.to_owned(), way })
    }

    /// Its type.
    pub fn connector_type(&self) -> ConnectorType {
        match &self.way {
            Way::Webhook(_) => ConnectorType::Webhook,
            Way::Slack(_) => ConnectorType::Slack,
            Way::Teams(_) => ConnectorType::Teams,
            Way::PagerDuty { .. } => ConnectorType::PagerDuty,
            Way::Email(_) => ConnectorType::Email,
            Way::ServerLog => ConnectorType::ServerLog,
            Way::File(_) => ConnectorType::File,
            Way::Syslog(_) => ConnectorType::Syslog,
        }
    }
}

fn settings<T: DeserializeOwned>(config: &Value) -> Result<T, ConnectorError> {
    let config = if config.is_null() { Value::Object(Map::new()) } else { config.clone() };
    serde_json::from_value(config).map_err(|error| ConnectorError::Settings(error.to_string()))
}

fn take(secrets: &mut BTreeMap<String, Secret>, name: &'static str) -> Result<Secret, ConnectorError> {
    secrets.remove(name).ok_or(ConnectorError::Missing { name })
}

fn login(secrets: &mut BTreeMap<String, Secret>) -> Result<Option<(Secret, Secret)>, ConnectorError> {
    match (secrets.remove("user"), secrets.remove("password")) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (Some(_), None) => Err(ConnectorError::Missing { name: "password" }),
        (None, Some(_)) => Err(ConnectorError::Missing { name: "user" }),
    }
}

fn take_prefixed(secrets: &mut BTreeMap<String, Secret>, prefix: &str) -> Vec<(String, Secret)> {
    let names: Vec<String> = secrets.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
    names
        .into_iter()
        .filter_map(|name| Some((name[prefix.len()..].to_owned(), secrets.remove(&name)?)))
        .collect()
}

fn http_url(text: String, what: &'static str) -> Result<String, ConnectorError> {
    let is_http = reqwest::Url::parse(&text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_http { Ok(text) } else { Err(ConnectorError::Url { what }) }
}
