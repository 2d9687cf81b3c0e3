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
use watchfire_diagnostics::render::{Colour, full};
use watchfire_diagnostics::{Diagnostic, SourceText, Span};

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
    let source = &file.source;
    let rule = file.rule.as_ref().map(|RuleName { id, name }| json!({ "id": id, "name": name }));
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let mut place = place(Some(label.span), source);
            place.insert("message".to_owned(), label.message.as_str().into());
            place.insert("primary".to_owned(), label.primary.into());
            Value::Object(place)
        })
        .collect();
    let edit = diagnostic.edit.as_ref().map(|edit| {
        let mut place = place(Some(edit.span), source);
        place.insert("replacement".to_owned(), edit.replacement.as_str().into());
        Value::Object(place)
    });
    let mut object = Map::new();
    object.insert("file".to_owned(), source.name().into());
    object.insert("rule".to_owned(), rule.into());
    object.insert("code".to_owned(), diagnostic.code.as_str().into());
    object.insert("severity".to_owned(), diagnostic.severity.to_string().into());
    object.insert("message".to_owned(), diagnostic.message.as_str().into());
    object.extend(place(diagnostic.primary_span(), source));
    object.insert("labels".to_owned(), labels.into());
    object.insert("notes".to_owned(), json!(diagnostic.notes));
    object.insert("help".to_owned(), json!(diagnostic.help));
    object.insert("edit".to_owned(), edit.into());
    Value::Object(object)
}

fn place(span: Option<Span>, source: &SourceText) -> Map<String, Value> {
    let start = span.map(|span| source.line_column(span.start));
    let end = span.map(|span| source.line_column(span.end));
    let numbers = [
        ("line", start.map(|at| at.line)),
        ("column", start.map(|at| at.column)),
        ("end_line", end.map(|at| at.line)),
        ("end_column", end.map(|at| at.column)),
    ];
    numbers.into_iter().map(|(key, number)| (key.to_owned(), json!(number))).collect()
}
