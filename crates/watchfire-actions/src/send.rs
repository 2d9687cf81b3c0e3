//! Sending a message through a connector.

mod email;
mod http;
mod local;
mod syslog;

use std::time::Duration;

use serde_json::Value;
use watchfire_events::Timestamp;
use watchfire_state::Delivery;

use crate::connector::{Connector, Way};
use crate::dispatcher::ServerLog;

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// It will not be taken later either.
    Final(String),
    /// It may be taken later, if it is known not before this time has passed.
    Passing(String, Option<Duration>),
}

impl SendError {
    fn passing(why: impl Into<String>) -> Self {
        Self::Passing(why.into(), None)
    }
}

/// What is to be sent.
pub(crate) struct Message<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) now: Timestamp,
    /// How long a receiver may take.
    pub(crate) timeout: Duration,
}

impl Message<'_> {
    /// A parameter that is a text.
    fn text(&self, name: &str) -> Option<&str> {
        self.delivery.body.get(name).and_then(Value::as_str)
    }

    fn required(&self, name: &str) -> Result<&str, SendError> {
        self.text(name).ok_or_else(|| SendError::Final(format!("the action has no `params.{name}`")))
    }
}

/// What sends.
#[derive(Clone)]
pub(crate) struct Sender {
    http: reqwest::Client,
    log: ServerLog,
}

impl Sender {
    /// # Errors
    /// If TLS cannot be set up.
    pub(crate) fn new(timeout: Duration, log: ServerLog) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("watchfire/", env!("CARGO_PKG_VERSION")))
            // A message goes where it was meant to go, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .build();
        Ok(Self { http: http.map_err(|error| chain(&error))?, log })
    }

    pub(crate) async fn send(&self, connector: &Connector, message: &Message<'_>) -> Result<(), SendError> {
        match &connector.way {
            Way::Webhook(webhook) => http::webhook(&self.http, webhook, message).await,
            Way::Slack(url) => http::slack(&self.http, url, message).await,
            Way::Teams(url) => http::teams(&self.http, url, message).await,
            Way::PagerDuty { url, routing_key } => {
                http::pager_duty(&self.http, url, routing_key, message).await
            }
            Way::Email(email) => email::send(email, message).await,
            Way::ServerLog => local::log(&self.log, message),
            Way::File(path) => local::file(path, message),
            Way::Syslog(syslog) => syslog::send(syslog, message).await,
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
