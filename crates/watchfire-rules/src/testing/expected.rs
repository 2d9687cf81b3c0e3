//! What an alert of a test is like.

use serde_json::Value;

use crate::document::Node;
use crate::document::reader::{Context, FromNode, TableReader};

/// What an alert must be like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedAlert {
    /// The numbers of its events, from 1, in the order of the sequence or sample.
    pub events: Option<Vec<usize>>,
    /// Dotted names of fields of the alert document, and their values.
    pub fields: Vec<(String, Value)>,
}

impl FromNode for ExpectedAlert {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let events: Option<Vec<u64>> = reader.optional("events", cx);
        let fields: Option<Fields> = reader.optional("fields", cx);
        reader.finish(cx);
        Some(Self {
            events: events.map(|events| events.into_iter().map(|event| event as usize).collect()),
            fields: fields.unwrap_or_default().0,
        })
    }
}

/// Fields by name.
#[derive(Default)]
struct Fields(Vec<(String, Value)>);

impl FromNode for Fields {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let Value::Object(fields) = node.to_json() else {
            cx.wrong_type(node, path, "a table of names and values");
            return None;
        };
        let mut found = Vec::new();
        for (name, value) in fields {
            add(name, value, &mut found);
        }
        Some(Self(found))
    }
}

/// Tables in tables are the same as dotted names.
fn add(name: String, value: Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            for (key, value) in inner {
                add(format!("{name}.{key}"), value, found);
            }
        }
        value => found.push((name, value)),
    }
}
