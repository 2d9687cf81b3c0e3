//! What is stored as JSON with the number of its form, so that it can be read for as long as it is kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why something stored cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotRead {
    /// It is of another form, of this number.
    Format(u64),
    /// It is no such thing.
    Unreadable(String),
}

/// Reads what was stored in a form.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str, format: u32) -> Result<T, NotRead> {
    let unreadable = |error: serde_json::Error| NotRead::Unreadable(error.to_string());
    let value: Value = serde_json::from_str(text).map_err(unreadable)?;
    match value["format"].as_u64() {
        Some(found) if found == u64::from(format) => serde_json::from_value(value).map_err(unreadable),
        Some(other) => Err(NotRead::Format(other)),
        None => Err(NotRead::Unreadable("it has no `format`".to_owned())),
    }
}

/// What is stored: for people too, and with a line end.
pub(crate) fn to_json(what: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(what).unwrap_or_default();
    text.push('\n');
    text
}
