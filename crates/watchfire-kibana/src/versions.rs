//! Versions of lists and items (`_version`): who changes one can say which one was read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::answer::ApiError;
use crate::request::text_of;

/// The version behind that of an object; the first one if there is none.
pub(crate) fn next_version(before: Option<&Map<String, Value>>) -> String {
    let last = before.and_then(|before| number(text_of(before, "_version")?)).unwrap_or(0);
    STANDARD.encode(format!("[{},1]", last + 1))
}

fn number(version: &str) -> Option<u64> {
    let bytes = STANDARD.decode(version).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix('[')?.split(',').next()?.parse().ok()
}

/// Refuses a change of what has been changed since it was read.
pub(crate) fn check_version(given: &Map<String, Value>, kept: &Map<String, Value>) -> Result<(), ApiError> {
    let (Some(given), Some(kept)) = (text_of(given, "_version"), text_of(kept, "_version")) else {
        return Ok(());
    };
    if given == kept {
        return Ok(());
    }
    Err(ApiError::conflict(format!("it was changed since: its version is `{kept}`, not `{given}`")))
}
