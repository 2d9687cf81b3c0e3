//! TOML text to [`Node`]s, by the `toml` crate's own spanned tree.

use serde_json::Number;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};
use watchfire_diagnostics::{Diagnostic, Span};

use super::{Entry, Node, Table, Value};
use crate::codes;

/// Reads a TOML document. What could be read is returned also when there are syntax errors; they come first in the
/// file's order. Never fails and never panics.
pub(crate) fn parse(text: &str) -> (Node, Vec<Diagnostic>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let node = Node { span: span_of(&document), value: Value::Table(convert_table(document.into_inner())) };
    let diagnostics = errors
        .into_iter()
        .map(|error| {
            let range = error.span().unwrap_or(0..0);
            let end = range.end.min(text.len());
            let span = Span::new(range.start.min(end), end);
            let mut diagnostic =
                Diagnostic::error(codes::TOML_SYNTAX, format!("not valid TOML: {}", error.message()))
                    .at(span, "here");
            if error.message().contains("escape") {
                diagnostic = diagnostic.with_help("in `'''…'''` strings a backslash stands for itself");
            }
            diagnostic
        })
        .collect();
    (node, diagnostics)
}

fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span::new(range.start, range.end.max(range.start))
}

fn convert_table(table: DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value): (Spanned<DeString<'_>>, _)| Entry {
            key_span: span_of(&key),
            key: key.into_inner().into_owned(),
            node: convert(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

/// The recursion is as deep as the text is nested, which the parser limits to 80 levels.
fn convert(value: Spanned<DeValue<'_>>) -> Node {
    let foreign = |kind, text: String| Value::Foreign { kind, text };
    let span = span_of(&value);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Integer(integer) => {
            // The digits are without `_`, a prefix or a `+` sign that Rust would refuse.
            match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(value) => Value::Number(value.into()),
                Err(_) => foreign("an integer of more than 64 bits", integer.to_string()),
            }
        }
        DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => foreign("not a finite number", float.to_string()),
        },
        DeValue::Datetime(date) => foreign("a date", date.to_string()),
        DeValue::Array(nodes) => Value::List(nodes.into_iter().map(convert).collect()),
        DeValue::Table(table) => Value::Table(convert_table(table)),
    };
    Node { span, value }
}
