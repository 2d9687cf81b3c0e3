//! An alert handed on to whoever takes over: everything that is known of it, in one message.

use serde_json::{Value, json};

use super::plan::{Plan, Step, Steps, Undo};
use super::request::{Authorization, Body, Request, Setting};

const URL: &str = "WATCHFIRE_ESCALATION_URL";
const TOKEN: &str = "WATCHFIRE_ESCALATION_TOKEN";

const SETTINGS: &[Setting] = &[
    // Addresses of webhooks are often all that one needs to call them.
    Setting::secret(URL, "the address of the webhook"),
    Setting { name: TOKEN, meaning: "a bearer token", default: Some(""), is_secret: true },
];

/// Sends a bundle of alerts with all that is known of them: `alerts` are answers as [`to_json`](crate::to_json) writes them, each with the
/// alert's document.
pub fn escalation(title: &str, message: &str, alerts: &[Value], markdown: &str) -> Plan {
    let body = json!({
        "format": 1,
        "title": title,
        "message": message,
        "alerts": alerts,
        "markdown": markdown,
    });
    let send = Step::new(
        "send it",
        move |_| {
            Request::post(URL, String::new(), Authorization::BearerIfSet(TOKEN), Body::Json(body.clone()))
        },
        |_, _| Ok(()),
    );
    let number = if alerts.len() == 1 { "1 alert".to_owned() } else { format!("{} alerts", alerts.len()) };
    Plan {
        title: format!("escalate {number}: {}", crate::value_text::harmless(title)),
        order: "escalate",
        through: "webhook",
        agent: None,
        host: None,
        settings: SETTINGS,
        undo: Undo::None,
        subject: String::new(),
        steps: Steps { each: vec![send.acting()], follow_up: None, notes: Vec::new() },
    }
}
