//! Messages that stay on this machine: the server's log, and files.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::{Message, SendError};
use crate::dispatcher::ServerLog;

/// The message as an object on one line.
fn line(message: &Message<'_>) -> Value {
    let delivery = message.delivery;
    json!({
        "@timestamp": message.now.to_iso_millis(),
        "delivery": delivery.id,
        "rule": delivery.rule,
        "action": delivery.action,
        "connector": delivery.connector,
        "alerts": delivery.alerts,
        "params": delivery.body,
    })
}

pub(super) fn log(log: &ServerLog, message: &Message<'_>) -> Result<(), SendError> {
    let mut line = line(message);
    line["level"] = json!(message.text("level").unwrap_or("info"));
    line["message"] = json!(message.required("message")?);
    log(&line);
    Ok(())
}

pub(super) fn file(path: &Path, message: &Message<'_>) -> Result<(), SendError> {
    let append = || -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut text = line(message).to_string();
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_data()
    };
    append().map_err(|error| SendError::passing(format!("`{}` cannot be written: {error}", path.display())))
}
