//! JSON that the model keeps but does not look into: filters, action parameters, `meta`.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;
use watchfire_diagnostics::Span;

use crate::document::Node;
use crate::document::reader::{Context, FromNode};

/// A JSON value of no fixed shape. It is written with its keys in alphabetical order, so that equal values are equal
/// texts.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeForm(pub Value);

impl FreeForm {
    /// As compact JSON with sorted keys.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a JSON value can be written")
    }
}

impl Serialize for FreeForm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Sorted(&self.0).serialize(serializer)
    }
}

struct Sorted<'v>(&'v Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Sorted(value))?;
                }
                list.end()
            }
            Value::Object(object) => {
                let mut keys: Vec<&String> = object.keys().collect();
                keys.sort();
                let mut map = serializer.serialize_map(Some(keys.len()))?;
                for key in keys {
                    map.serialize_entry(key, &Sorted(&object[key]))?;
                }
                map.end()
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

impl FromNode for FreeForm {
    fn from_node(node: &Node, _path: &str, _cx: &mut Context<'_>) -> Option<Self> {
        Some(Self(node.to_json()))
    }
}

/// A Kibana filter, as the rule has it. Its meaning is that of `kql-semantics` (filters); two are equal if their JSON is.
#[derive(Clone, Debug)]
pub struct KibanaFilter {
    /// The filter object: `meta`, `query`, `$state`.
    pub json: FreeForm,
    /// Where it stands in the file.
    pub span: Span,
}

impl PartialEq for KibanaFilter {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Serialize for KibanaFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl FromNode for KibanaFilter {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        crate::document::reader::table_of(node, path, cx)?;
        Some(Self { json: FreeForm(node.to_json()), span: node.span })
    }
}
