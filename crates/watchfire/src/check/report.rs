//! Diagnostics as text for people, and as JSON lines for programs.
//!
//! A JSON line is one diagnostic. Lines and columns count from 1, columns in characters; ends lie behind the last
//! character. What there is none of is `null` or empty, never absent.
//!
//! ```json
//! {"file": "a.toml", "rule": {"id": "…", "name": "…"}, "code": "EQL012", "severity": "error", "message": "…",
//!  "line": 7, "column": 12, "end_line": 7, "end_column": 13,
//!  "labels": [{"line": 7, "column": 12, "end_line": 7, "end_column": 13, "message": "…", "primary": true}],
//!  "notes": ["…"], "help": "…",
//!  "edit": {"line": 7, "column": 12, "end_line": 7, "end_column": 13, "replacement": "=="}}
//! ```

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use watchfire_diagnostics::Diagnostic;
use watchfire_diagnostics::render::{Colour, full, json_object};

use super::{Checked, RuleName};

/// Each diagnostic in full, with an empty line behind it.
pub(crate) fn text(checked: &[Checked], colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    for file in checked {
        for diagnostic in &file.diagnostics {
            writeln!(out, "{}\n", full(diagnostic, &file.source, colour))?;
        }
    }
    Ok(())
}

/// Each diagnostic as a JSON object on a line of its own.
pub(crate) fn json(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for file in checked {
        for diagnostic in &file.diagnostics {
            writeln!(out, "{}", line(file, diagnostic))?;
        }
    }
    Ok(())
}

fn line(file: &Checked, diagnostic: &Diagnostic) -> Value {
    let rule = file.rule.as_ref().map(|RuleName { id, name }| json!({ "id": id, "name": name }));
    let mut object = Map::new();
    object.insert("file".to_owned(), file.source.name().into());
    object.insert("rule".to_owned(), rule.into());
    object.extend(json_object(diagnostic, &file.source));
    Value::Object(object)
}
