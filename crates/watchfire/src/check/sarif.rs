//! Diagnostics in the Static Analysis Results Interchange Format, version 2.1.0 (OASIS).
//!
//! ```text
//! run ─ tool.driver.rules: one entry for each code that occurs
//!     └ results: one for each diagnostic
//!         ├ locations: the primary label · relatedLocations: the others
//!         └ fixes: the edit
//! ```
//!
//! Columns count UTF-16 code units, as the format's readers do by default; `columnKind` says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};

use super::Checked;
use crate::reference::find_code;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Where readers find out more about the tool.
const HOME: &str = env!("CARGO_PKG_REPOSITORY");

/// Writes all diagnostics as one log with one run.
pub(super) fn write(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    let all =
        checked.iter().flat_map(|file| file.diagnostics.iter().map(move |diagnostic| (file, diagnostic)));
    let codes: BTreeSet<&str> = all.clone().map(|(_, found)| found.code.as_str()).collect();
    let indices: BTreeMap<&str, usize> = codes.into_iter().enumerate().map(|(at, code)| (code, at)).collect();
    let rules: Vec<Value> = indices.keys().map(|code| rule(code)).collect();
    let results: Vec<Value> =
        all.map(|(file, found)| result(found, &file.source, indices[found.code.as_str()])).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "watchfire",
                "informationUri": HOME,
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "utf16CodeUnits",
            "invocations": [{ "executionSuccessful": true }],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn rule(code: &str) -> Value {
    let info = find_code(code).map(|(_, info)| info);
    let title = info.map_or(code, |info| info.title);
    let explanation = info.map_or(code, |info| info.explanation);
    json!({
        "id": code,
        "shortDescription": { "text": title },
        "fullDescription": { "text": explanation },
        "help": { "text": explanation, "markdown": explanation },
        "helpUri": format!("{HOME}/blob/main/docs/diagnostics.md"),
    })
}

fn result(diagnostic: &Diagnostic, source: &SourceText, rule_index: usize) -> Value {
    let artifact = json!({ "uri": uri(source.name()) });
    let location = |span: Option<Span>| {
        let mut physical = json!({ "artifactLocation": artifact });
        if let Some(span) = span {
            physical["region"] = region(span, source);
        }
        json!({ "physicalLocation": physical })
    };
    let mut text = diagnostic.message.clone();
    for line in diagnostic.notes.iter().chain(&diagnostic.help) {
        text.push('\n');
        text.push_str(line);
    }
    let mut primary = location(diagnostic.primary_span());
    let mut related = Vec::new();
    for label in &diagnostic.labels {
        if !label.primary {
            let mut place = location(Some(label.span));
            place["id"] = json!(related.len());
            if !label.message.is_empty() {
                place["message"] = json!({ "text": label.message });
            }
            related.push(place);
        } else if !label.message.is_empty() {
            primary["message"] = json!({ "text": label.message });
        }
    }
    let mut result = json!({
        "ruleId": diagnostic.code.as_str(),
        "ruleIndex": rule_index,
        "level": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "message": { "text": text },
        "locations": [primary],
    });
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    if let Some(edit) = &diagnostic.edit {
        let description = diagnostic.help.clone().unwrap_or_else(|| format!("write `{}`", edit.replacement));
        result["fixes"] = json!([{
            "description": { "text": description },
            "artifactChanges": [{
                "artifactLocation": artifact,
                "replacements": [{
                    "deletedRegion": region(edit.span, source),
                    "insertedContent": { "text": edit.replacement },
                }],
            }],
        }]);
    }
    result
}

/// Lines and columns from 1, the end behind the last character.
fn region(span: Span, source: &SourceText) -> Value {
    let (start_line, start_column) = utf16_place(span.start, source);
    let (end_line, end_column) = utf16_place(span.end, source);
    json!({
        "startLine": start_line,
        "startColumn": start_column,
        "endLine": end_line,
        "endColumn": end_column,
    })
}

fn utf16_place(offset: u32, source: &SourceText) -> (usize, usize) {
    let at = source.line_column(offset);
    let mut end = (offset as usize).min(source.text().len());
    while !source.text().is_char_boundary(end) {
        end -= 1;
    }
    let before = &source.text()[..end];
    let line = before.rfind('\n').map_or(before, |line_break| &before[line_break + 1..]);
    (at.line, line.encode_utf16().count() + 1)
}

/// The name of a file as a reference: relative where it is, percent-encoded where it must be.
fn uri(name: &str) -> String {
    let mut uri = String::new();
    let forward = name.replace(std::path::MAIN_SEPARATOR, "/");
    if std::path::Path::new(name).is_absolute() {
        uri.push_str(if forward.starts_with('/') { "file://" } else { "file:///" });
    }
    for byte in forward.bytes() {
        // A colon in the first part of a relative reference would be taken for the end of a scheme.
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a text takes all");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_references() {
        assert_eq!(uri("rules/a b.toml"), "rules/a%20b.toml");
        assert_eq!(uri("C:x/ü.toml"), "C%3Ax/%C3%BC.toml");
        if cfg!(unix) {
            assert_eq!(uri("/tmp/a.toml"), "file:///tmp/a.toml");
        }
    }

    #[test]
    fn columns_count_utf16() {
        let source = SourceText::new("a", "x\n😀ä = 1\n");
        assert_eq!(utf16_place(0, &source), (1, 1));
        // Behind the face, which is two units and four bytes, and the letter, which is one and two.
        assert_eq!(utf16_place(8, &source), (2, 4));
    }
}
