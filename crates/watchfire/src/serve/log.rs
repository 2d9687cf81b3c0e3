//! What the server says while it runs: a line of JSON for each thing that happens, on standard error.

use std::io::Write;

use serde_json::json;

use crate::time_argument;

/// Says something.
pub(super) fn line(message: &str) {
    let line = json!({ "@timestamp": time_argument::now().to_iso_millis(), "message": message });
    // If nobody can be told, the server goes on.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
