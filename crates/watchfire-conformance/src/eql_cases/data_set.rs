//! The documents that the cases of EQL ask for.

use std::path::Path;

use serde_json::{Map, Value};
use watchfire_engine::correlate::OrderFields;
use watchfire_events::{DataStream, Event, EventId, Place};
use watchfire_ir::Mapping;
use watchfire_test_support::{read_json_lines, read_text};

/// Documents, their mapping, and the fields that order them.
pub(super) struct DataSet {
    pub(super) mapping: Mapping,
    pub(super) events: Vec<Event>,
    pub(super) ids: Vec<i64>,
    pub(super) order: OrderFields,
}

impl DataSet {
    /// Reads a data set by its name.
    pub(super) fn read(folder: &Path, data: &str) -> Self {
        let names: &[&str] = if data == "sample" { &["sample1", "sample2", "sample3"] } else { &[data] };
        let (id, has_tiebreaker) = match data {
            "endgame-140" | "endgame-140-nanos" => ("serial_event_id", true),
            "sample" | "sample-multi" => ("id", false),
            _ => ("sequence", true),
        };
        let mut properties = Map::new();
        let mut documents = Vec::new();
        for name in names {
            let mapping: Value =
                serde_json::from_str(&read_text(&folder.join(format!("{name}.mapping.json")))).expect("JSON");
            let fields = mapping["properties"].as_object().expect("properties");
            for mut document in read_json_lines(&folder.join(format!("{name}.ndjson"))) {
                write_dates_as_iso(&mut document, fields);
                documents.push(document);
            }
            properties.extend(fields.clone());
        }
        let mapping = serde_json::json!({ "properties": properties });
        let mut mapping = Mapping::parse(&mapping.to_string()).expect("a mapping");
        let (mut events, mut ids) = (Vec::new(), Vec::new());
        for document in documents {
            let Value::Object(document) = document else { panic!("documents are objects") };
            mapping.extend_dynamically(&document);
            ids.push(document[id].as_i64().expect("an id"));
            events.push(Event {
                id: EventId::given(events.len().to_string()),
                data_stream: DataStream::new(data),
                document,
                place: Place {
                    input: data.into(),
                    record: events.len() as u64 + 1,
                    line: None,
                    offset: None,
                },
            });
        }
        let tiebreaker = has_tiebreaker.then(|| id.into());
        Self { mapping, events, ids, order: OrderFields { tiebreaker, ..OrderFields::default() } }
    }
}

/// An index reads dates by the `format` of its own mapping, of which these use one that is not ISO 8601 already. Mappings
/// here have no formats, so such dates are written anew.
fn write_dates_as_iso(document: &mut Value, fields: &Map<String, Value>) {
    for (name, _) in fields.iter().filter(|(_, field)| field["format"] == "dd-MM-yyyy") {
        let Some(date) = document.get_mut(name) else { continue };
        let Some(text) = date.as_str() else { continue };
        let parts: Vec<&str> = text.split('-').collect();
        if let [day, month, year] = parts[..] {
            *date = Value::String(format!("{year}-{month}-{day}"));
        }
    }
}
