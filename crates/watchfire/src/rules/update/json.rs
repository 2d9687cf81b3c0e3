//! A rule in JSON as keys with values: a file of its own, or a line of an export.
//!
//! The order of keys is kept, and so is the layout as far as JSON has one: one line, or an indentation.

use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer, Value as Json};
use toml::Value;

/// What a server says of its copy of a rule: no edit of anybody, so the local one stays.
const OF_SERVER: [&str; 11] = [
    "created_at",
    "created_by",
    "execution_summary",
    "id",
    "immutable",
    "outcome",
    "revision",
    "rule_source",
    "updated_at",
    "updated_by",
    "_version",
];

/// Whether a key is what a server says of its copy of a rule.
pub(super) fn is_of_server(path: &[String]) -> bool {
    path.first().is_some_and(|key| OF_SERVER.contains(&key.as_str()))
}

/// A rule that can be edited.
#[derive(Clone, Debug)]
pub(super) struct JsonRule {
    pub(super) root: Map<String, Json>,
    /// What each level is indented by, if the text has several lines.
    indent: Option<String>,
    /// White space behind the object.
    end: String,
}

impl JsonRule {
    /// Reads a rule; why it cannot be edited otherwise.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let root = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let body = text.trim_end();
        let second = body.lines().nth(1);
        let indent =
            second.map(|line| line.chars().take_while(|blank| matches!(blank, ' ' | '\t')).collect());
        Ok(Self { root, indent, end: text[body.len()..].to_owned() })
    }

    /// The text.
    pub(super) fn text(&self) -> Result<String, String> {
        let mut out = Vec::new();
        let written = match &self.indent {
            None => self.root.serialize(&mut Serializer::new(&mut out)),
            Some(indent) => {
                let formatter = PrettyFormatter::with_indent(indent.as_bytes());
                self.root.serialize(&mut Serializer::with_formatter(&mut out, formatter))
            }
        };
        written.map_err(|error| error.to_string())?;
        let text = String::from_utf8(out).map_err(|error| error.to_string())?;
        Ok(text + &self.end)
    }

    /// The value of a name.
    pub(super) fn get(&self, path: &[String]) -> Option<&Json> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.root.get(first)?, |value, key| value.as_object()?.get(key))
    }

    /// Takes the value of a name away.
    pub(super) fn remove(&mut self, path: &[String]) {
        let Some((key, parents)) = path.split_last() else { return };
        let mut object = Some(&mut self.root);
        for parent in parents {
            object = object.and_then(|object| object.get_mut(parent)?.as_object_mut());
        }
        if let Some(object) = object {
            object.shift_remove(key);
        }
    }

    /// Gives a name a value, in place of the one that it has.
    pub(super) fn set(&mut self, path: &[String], value: Json) {
        let Some((key, parents)) = path.split_last() else { return };
        let mut object = &mut self.root;
        for parent in parents {
            let inner = object.entry(parent).or_insert_with(|| Json::Object(Map::new()));
            if !inner.is_object() {
                *inner = Json::Object(Map::new());
            }
            let Json::Object(inner) = inner else { return };
            object = inner;
        }
        object.insert(key.clone(), value);
    }
}

/// The value by which both formats are compared. A key without a value is as good as none, in lists it is a text.
pub(super) fn comparable(value: &Json) -> Value {
    match value {
        Json::Null => Value::String("null".to_owned()),
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::MAX)),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(comparable).collect()),
        Json::Object(members) => Value::Table(table(members)),
    }
}

/// The same of an object.
pub(super) fn table(members: &Map<String, Json>) -> toml::Table {
    let there = members.iter().filter(|(_, value)| !value.is_null());
    there.map(|(key, value)| (key.clone(), comparable(value))).collect()
}

/// The JSON of a value that was merged: lists, texts and numbers.
pub(super) fn json_of(value: &Value) -> Json {
    match value {
        Value::String(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Boolean(value) => Json::from(*value),
        Value::Datetime(time) => Json::from(time.to_string()),
        Value::Array(items) => Json::Array(items.iter().map(json_of).collect()),
        Value::Table(members) => {
            Json::Object(members.iter().map(|(key, value)| (key.clone(), json_of(value))).collect())
        }
    }
}
