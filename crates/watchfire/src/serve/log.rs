//! What the server says while it runs: a line of JSON for each thing that happens, on standard error.

use std::io::Write;

use serde_json::{Value, json};

use crate::time_argument;

/// Says something.
pub(super) fn line(message: &str) {
    object(&json!({ "@timestamp": time_argument::now().to_iso_millis(), "message": message }));
}

/// Says something that has more to it than a message.
pub(super) fn object(line: &Value) {
    // If nobody can be told, the server goes on.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
