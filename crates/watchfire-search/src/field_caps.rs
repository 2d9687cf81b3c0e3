//! `_field_caps` and `_mapping`: which fields there are, and of which types.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use watchfire_events::{DataStream, FieldType, TypeFamily};

use crate::body;
use crate::hit::path_pattern;
use crate::{Call, SearchError, Searcher};

/// The name of a type in answers: a field without one has exact texts.
fn type_name(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Dynamic | FieldType::CaselessKeyword => FieldType::Keyword.name(),
        FieldType::Unsupported => FieldType::Object.name(),
        other => other.name(),
    }
}

/// By name: the type of a field, and the data streams that have it.
type Found = BTreeMap<Arc<str>, (&'static str, bool, Vec<DataStream>)>;

impl Searcher {
    pub(crate) fn field_capabilities(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["fields", "include_unmapped", "include_empty_fields"])?;
        let body = call.json()?;
        body::refuse_unknown(&body, &["fields", "runtime_mappings"], "body")?;
        if body::given(&body, "runtime_mappings").is_some() {
            return Err(SearchError::unsupported("`runtime_mappings`"));
        }
        let mut names = body::texts(body.get("fields").unwrap_or(&Value::Null), "fields")?;
        if let Some(fields) = call.parameters.get("fields") {
            names.extend(fields.split(',').map(|name| name.trim().to_owned()));
        }
        if names.is_empty() {
            return Err(SearchError::illegal("`fields` names no field"));
        }
        let patterns: Vec<_> = names.iter().map(|name| path_pattern(name)).collect();
        let wanted = |name: &str| patterns.iter().any(|pattern| pattern.fits(name));
        let streams = call.streams(&*self.store)?;
        let mut found = Found::new();
        for stream in &streams {
            for field in self.store.fields(stream, &*self.schema)? {
                let parents = field.name.match_indices('.').map(|(dot, _)| &field.name[..dot]);
                for parent in parents.filter(|parent| wanted(parent)) {
                    let entry = found.entry(parent.into()).or_insert(("object", false, Vec::new()));
                    if entry.2.last() != Some(stream) {
                        entry.2.push(stream.clone());
                    }
                }
                if wanted(&field.name) {
                    let is_whole = field.field_type.family() != TypeFamily::AnalysedText;
                    let entry = (type_name(field.field_type), is_whole, Vec::new());
                    let entry = found.entry(field.name).or_insert(entry);
                    if entry.2.last() != Some(stream) {
                        entry.2.push(stream.clone());
                    }
                }
            }
        }
        let tells_unmapped = call.flag("include_unmapped")?;
        let fields: Map<String, Value> = found
            .into_iter()
            .map(|(name, (kind, is_whole, having))| {
                let is_field = kind != "object";
                let mut capability = json!({
                    "type": kind,
                    "metadata_field": false,
                    "searchable": is_field,
                    "aggregatable": is_field && is_whole,
                });
                let lacking: Vec<&str> = streams
                    .iter()
                    .filter(|stream| !having.contains(stream))
                    .map(DataStream::as_str)
                    .collect();
                let mut kinds = Map::new();
                if tells_unmapped && !lacking.is_empty() {
                    let having: Vec<&str> = having.iter().map(DataStream::as_str).collect();
                    capability["indices"] = json!(having);
                    kinds.insert(kind.to_owned(), capability);
                    let unmapped = json!({
                        "type": "unmapped",
                        "metadata_field": false,
                        "searchable": false,
                        "aggregatable": false,
                        "indices": lacking,
                    });
                    kinds.insert("unmapped".to_owned(), unmapped);
                } else {
                    kinds.insert(kind.to_owned(), capability);
                }
                (name.to_string(), Value::Object(kinds))
            })
            .collect();
        let names: Vec<&str> = streams.iter().map(DataStream::as_str).collect();
        Ok(json!({ "indices": names, "fields": fields }))
    }

    pub(crate) fn mapping(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["local", "master_timeout"])?;
        let mut mappings = Map::new();
        for stream in call.streams(&*self.store)? {
            let mut properties = Map::new();
            for field in self.store.fields(&stream, &*self.schema)? {
                insert(&mut properties, &field.name, type_name(field.field_type));
            }
            mappings.insert(stream.as_str().to_owned(), json!({ "mappings": { "properties": properties } }));
        }
        Ok(Value::Object(mappings))
    }
}

/// Puts a field below its objects.
fn insert(properties: &mut Map<String, Value>, name: &str, kind: &str) {
    match name.split_once('.') {
        None => {
            let field = properties.entry(name).or_insert_with(|| json!({}));
            field["type"] = json!(kind);
        }
        Some((first, rest)) => {
            let holder = properties.entry(first).or_insert_with(|| json!({}));
            if holder.get("properties").is_none() {
                holder["properties"] = json!({});
            }
            if let Some(below) = holder["properties"].as_object_mut() {
                insert(below, rest, kind);
            }
        }
    }
}
