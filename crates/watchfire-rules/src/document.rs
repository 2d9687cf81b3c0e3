//! A TOML or JSON text as one tree that knows where everything stands.
//!
//! ```text
//! TOML text ── toml  ──►
//!                        Node (value + span) ── Reader ──► typed model + diagnostics
//! JSON text ── json  ──►
//! ```
//!
//! Both formats are read into the same [`Node`]s, so the model is read by one set of functions, and every complaint
//! can point at its key or value. `serde` was not used for reading because it stops at the first error, and knows no
//! places.

pub(crate) mod json;
pub(crate) mod reader;
pub(crate) mod string_map;
pub(crate) mod toml;

use serde_json::Number;
use watchfire_diagnostics::Span;

/// The format a document was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Toml,
    Json,
}

impl Syntax {
    /// The syntax of a text, from how it begins: no TOML begins with a brace, or with a bracket and a brace.
    pub(crate) fn of(text: &str) -> Self {
        let start = text.trim_start();
        let list = start.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{'));
        if list || start.starts_with('{') { Self::Json } else { Self::Toml }
    }
}

/// Reads a text of either format; what is wrong with it is not told here.
pub(crate) fn parse(text: &str) -> (Syntax, Option<Node>) {
    let syntax = Syntax::of(text);
    let node = match syntax {
        Syntax::Toml => Some(toml::parse(text).0),
        Syntax::Json => json::parse_only(text, 0, text.len()).node,
    };
    (syntax, node)
}

/// A value and where it stands, quotes and brackets included.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Table(Table),
    /// A TOML date, or a number JSON cannot express: nothing in a rule has such a value.
    Foreign {
        kind: &'static str,
        text: String,
    },
}

/// The entries of a table, in the order of the text. No key occurs twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }
}

impl Node {
    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What the value is, with its article, in the words of its format.
    pub(crate) fn kind(&self, syntax: Syntax) -> &'static str {
        match (&self.value, syntax) {
            (Value::Null, _) => "null",
            (Value::Bool(_), _) => "a boolean",
            (Value::Number(number), _) if number.is_f64() => "a fraction",
            (Value::Number(_), _) => "an integer",
            (Value::Text(_), _) => "a string",
            (Value::List(_), _) => "a list",
            (Value::Table(_), Syntax::Toml) => "a table",
            (Value::Table(_), Syntax::Json) => "an object",
            (Value::Foreign { kind, .. }, _) => kind,
        }
    }

    /// The value as free-form JSON; what JSON has no form for becomes its text.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::Text(text) | Value::Foreign { text, .. } => text.as_str().into(),
            Value::List(nodes) => nodes.iter().map(Self::to_json).collect(),
            Value::Table(table) => {
                let pairs = table.entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json()));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }
}
