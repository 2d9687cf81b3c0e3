//! The objects of threshold and indicator-match rules.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::names::named_values;
use super::table::table_type;
use crate::document::reader::{Context, FromNode, TableReader};
use crate::document::{Node, Value};

/// The most fields a threshold can group by (5 since Kibana 9.2).
pub const MAX_THRESHOLD_FIELDS: usize = 5;

table_type! {
    /// How many distinct values a bucket must have.
    Cardinality {
        /// The field whose values are counted.
        text "field" => field: String,
        /// The least number of them.
        required "value" => value: u64,
    }
}

/// How many events make an alert (detection-engine §2.6).
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// One bucket for each combination of these fields' values; none: all events together.
    pub field: Vec<String>,
    /// The least number of events.
    pub value: u64,
    /// A further condition; only the first one counts.
    pub cardinality: Option<Vec<Cardinality>>,
}

impl FromNode for Threshold {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let field_path = reader.path_of("field");
        let field = match reader.node("field") {
            None => {
                reader.report_missing("field", cx);
                None
            }
            Some(Node { value: Value::Text(one), .. }) => {
                Some(if one.is_empty() { Vec::new() } else { vec![one.clone()] })
            }
            Some(list) => {
                let fields = Vec::<String>::from_node(list, &field_path, cx);
                if let Some(count) =
                    fields.as_ref().map(Vec::len).filter(|count| *count > MAX_THRESHOLD_FIELDS)
                {
                    let why = format!("at most {MAX_THRESHOLD_FIELDS} fields are allowed, found {count}");
                    cx.bad_value(list, &field_path, why);
                }
                fields
            }
        };
        let value = reader.required("value", cx);
        if let (Some(0), Some(node)) = (value, reader.node("value")) {
            cx.bad_value(node, &reader.path_of("value"), "must be at least 1");
        }
        let cardinality = reader.optional("cardinality", cx);
        reader.finish(cx);
        Some(Self { field: field?, value: value?, cardinality })
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("field", &self.field)?;
        map.serialize_entry("value", &self.value)?;
        if let Some(cardinality) = &self.cardinality {
            map.serialize_entry("cardinality", cardinality)?;
        }
        map.end()
    }
}

named_values! {
    /// How an entry of an indicator mapping relates its fields; there is only one way.
    IndicatorEntryType { Mapping = "mapping" }
}

table_type! {
    /// Equality between a field of the event and a field of the indicator.
    IndicatorEntry {
        /// The event's field.
        text "field" => field: String,
        /// How they relate.
        required "type" => entry_type: IndicatorEntryType,
        /// The indicator's field.
        text "value" => value: String,
        /// Whether they must differ instead.
        optional "negate" => negate: bool,
    }
}

table_type! {
    /// Entries that must all hold. A rule has several groups, one of which must.
    IndicatorMapping {
        /// The entries.
        required "entries" => entries: Vec<IndicatorEntry>,
    }
}
