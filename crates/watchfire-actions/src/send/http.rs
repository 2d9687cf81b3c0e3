//! Messages by HTTP.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};

use super::{Message, SendError, chain};
use crate::connector::Webhook;
use crate::secret::Secret;

/// The most that is kept of an answer that says why not.
const MOST_OF_ANSWER: usize = 300;

/// What PagerDuty takes of a summary, and of a key.
const MOST_OF_SUMMARY: usize = 1024;
const MOST_OF_KEY: usize = 255;

pub(super) async fn webhook(
    client: &Client,
    webhook: &Webhook,
    message: &Message<'_>,
) -> Result<(), SendError> {
    let mut request = if webhook.put { client.put(&webhook.url) } else { client.post(&webhook.url) };
    let has_type = webhook.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !has_type {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    for (name, value) in &webhook.headers {
        let wrong = || SendError::Final(format!("the connector's header `{name}` cannot be sent"));
        let header = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(value.reveal()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        request = request.header(header, value);
    }
    if let Some((user, password)) = &webhook.login {
        request = request.basic_auth(user.reveal(), Some(password.reveal()));
    }
    call(request.body(message.text("body").unwrap_or_default().to_owned()), message).await
}

pub(super) async fn slack(client: &Client, url: &Secret, message: &Message<'_>) -> Result<(), SendError> {
    let body = json!({ "text": message.required("message")? });
    post(client, url.reveal(), &body, message).await
}

/// A card, which both kinds of Teams' webhooks take.
pub(super) async fn teams(client: &Client, url: &Secret, message: &Message<'_>) -> Result<(), SendError> {
    let body = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [{ "type": "TextBlock", "text": message.required("message")?, "wrap": true }],
            },
        }],
    });
    post(client, url.reveal(), &body, message).await
}

pub(super) async fn pager_duty(
    client: &Client,
    url: &str,
    routing_key: &Secret,
    message: &Message<'_>,
) -> Result<(), SendError> {
    let action = message.text("eventAction").unwrap_or("trigger");
    let key = message.text("dedupKey").filter(|key| !key.is_empty()).unwrap_or(&message.delivery.id);
    let mut body = json!({
        "routing_key": routing_key.reveal(),
        "event_action": action,
        "dedup_key": cut(key, MOST_OF_KEY),
    });
    if action == "trigger" {
        let mut payload = Map::new();
        let summary = message.text("summary").unwrap_or("No summary provided.");
        payload.insert("summary".to_owned(), json!(cut(summary, MOST_OF_SUMMARY)));
        payload.insert("source".to_owned(), json!(message.text("source").unwrap_or("watchfire")));
        payload.insert("severity".to_owned(), json!(message.text("severity").unwrap_or("info")));
        for (name, theirs) in [
            ("timestamp", "timestamp"),
            ("component", "component"),
            ("group", "group"),
            ("class", "class"),
            ("customDetails", "custom_details"),
        ] {
            if let Some(value) = message.delivery.body.get(name).filter(|value| **value != json!("")) {
                payload.insert(theirs.to_owned(), value.clone());
            }
        }
        body["payload"] = Value::Object(payload);
        if let Some(links) = message.delivery.body.get("links") {
            body["links"] = links.clone();
        }
    }
    post(client, url, &body, message).await
}

async fn post(client: &Client, url: &str, body: &Value, message: &Message<'_>) -> Result<(), SendError> {
    let request = client.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
    call(request, message).await
}

async fn call(request: RequestBuilder, message: &Message<'_>) -> Result<(), SendError> {
    let request = request.header("Idempotency-Key", message.delivery.id.as_str());
    // The address may hold a secret.
    let response = request.send().await.map_err(|error| SendError::passing(chain(&error.without_url())))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(seconds);
    let answer = beginning(response).await;
    let why = if answer.is_empty() { status.to_string() } else { format!("{status}: {answer}") };
    let is_passing = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status);
    Err(if is_passing { SendError::Passing(why, wait) } else { SendError::Final(why) })
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of an answer, on one line.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MOST_OF_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(MOST_OF_ANSWER - bytes.len())]);
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect::<String>()
        .trim()
        .to_owned()
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
