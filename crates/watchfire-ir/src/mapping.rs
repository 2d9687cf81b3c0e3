//! The mapping of an index, as Elasticsearch's `_mapping` gives it: a schema that is complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;
use watchfire_events::{FieldType, FieldTypes, nesting_part};

use crate::{ExactText, FieldRef, Resolution, Schema};

/// Why a mapping cannot be used.
#[derive(Debug, Error)]
pub enum MappingError {
    /// The text is not JSON.
    #[error("not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no `properties` object at the top, below `mappings`, or below one index name and `mappings`.
    #[error("no `properties` found, neither at the top nor under `mappings`")]
    NoProperties,
    /// A field's type is not one that Elasticsearch has.
    #[error("field `{field}` has the unknown type `{name}`")]
    UnknownType {
        /// Dotted name of the field.
        field: String,
        /// The type as written.
        name: String,
    },
}

/// A complete schema: a name that is not in it is unmapped.
///
/// With [`Mapping::extend_dynamically`] it takes up the fields of documents, as Elasticsearch maps on arrival.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    fields: BTreeMap<Arc<str>, Entry>,
    null_values: Vec<(String, Value)>,
}

#[derive(Clone, Debug)]
struct Entry {
    column: Arc<str>,
    field_type: FieldType,
    ignore_above: Option<usize>,
}

/// A text of more characters is not in the `keyword` sub-field that Elasticsearch adds to a dynamic text field.
const DYNAMIC_IGNORE_ABOVE: usize = 256;

impl Mapping {
    /// Reads a mapping: the answer of `GET index/_mapping`, its inner `mappings` object, or that one's content.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let value: Value = serde_json::from_str(text)?;
        let inner = |value: &Value| value.get("properties").filter(|found| found.is_object()).cloned();
        let properties = inner(&value)
            .or_else(|| inner(value.get("mappings")?))
            .or_else(|| value.as_object()?.values().find_map(|index| inner(index.get("mappings")?)))
            .ok_or(MappingError::NoProperties)?;
        let mut mapping = Self::default();
        let mut aliases = Vec::new();
        mapping.read_properties("", &properties, &mut aliases)?;
        for (name, path) in aliases {
            if let Some(target) = mapping.fields.get(path.as_str()).cloned() {
                mapping.fields.insert(name.into(), target);
            }
        }
        Ok(mapping)
    }

    fn read_properties(
        &mut self,
        prefix: &str,
        properties: &Value,
        aliases: &mut Vec<(String, String)>,
    ) -> Result<(), MappingError> {
        for (key, definition) in properties.as_object().into_iter().flatten() {
            let name = format!("{prefix}{key}");
            let below = definition.get("properties");
            let type_name = definition.get("type").and_then(Value::as_str).unwrap_or("object");
            if type_name == "alias" {
                let path = definition.get("path").and_then(Value::as_str).unwrap_or_default();
                aliases.push((name, path.to_owned()));
                continue;
            }
            let field_type = FieldType::from_mapping_name(type_name).ok_or_else(|| {
                MappingError::UnknownType { field: name.clone(), name: type_name.to_owned() }
            })?;
            if let Some(null_value) = definition.get("null_value") {
                self.null_values.push((name.clone(), null_value.clone()));
            }
            let column: Arc<str> = name.as_str().into();
            self.insert(&name, &column, field_type, definition);
            for (sub, definition) in definition.get("fields").and_then(Value::as_object).into_iter().flatten()
            {
                let type_name = definition.get("type").and_then(Value::as_str).unwrap_or_default();
                let sub_name = format!("{name}.{sub}");
                let sub_type = FieldType::from_mapping_name(type_name).ok_or_else(|| {
                    MappingError::UnknownType { field: sub_name.clone(), name: type_name.to_owned() }
                })?;
                self.insert(&sub_name, &column, sub_type, definition);
            }
            if let Some(below) = below {
                self.read_properties(&format!("{name}."), below, aliases)?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, name: &str, column: &Arc<str>, field_type: FieldType, definition: &Value) {
        let caseless = definition.get("normalizer").and_then(Value::as_str) == Some("lowercase");
        let ignore_above = definition.get("ignore_above").and_then(Value::as_u64).map(|limit| limit as usize);
        let field_type = if caseless { FieldType::CaselessKeyword } else { field_type };
        self.fields.insert(name.into(), Entry { column: Arc::clone(column), field_type, ignore_above });
    }

    /// Maps the fields of a document that are not mapped yet, as Elasticsearch's dynamic mapping does: whole numbers
    /// as `long`, others as `double`, booleans, texts that are dates as `date`, other texts as `text` with an exact
    /// `keyword` sub-field.
    pub fn extend_dynamically(&mut self, document: &watchfire_events::Document) {
        watchfire_events::flatten(document, &mut |name, value| {
            if self.fields.contains_key(name) {
                return;
            }
            let field_type = match value {
                Value::Bool(_) => FieldType::Boolean,
                Value::Number(number) if number.is_f64() => FieldType::Double,
                Value::Number(_) => FieldType::Long,
                Value::String(text) if is_dynamic_date(text) => FieldType::Date,
                _ => FieldType::Text,
            };
            let column: Arc<str> = name.into();
            let entry =
                |field_type, ignore_above| Entry { column: Arc::clone(&column), field_type, ignore_above };
            if field_type == FieldType::Text {
                let sub_field = entry(FieldType::Keyword, Some(DYNAMIC_IGNORE_ABOVE));
                self.fields.insert(format!("{name}.keyword").into(), sub_field);
            }
            self.fields.insert(Arc::clone(&column), entry(field_type, None));
        });
    }

    /// Adds the fields of another mapping that this one lacks. Gives the names of those that the two map differently: they stay as
    /// they are here.
    pub fn merge(&mut self, other: &Self) -> Vec<Arc<str>> {
        let mut different = Vec::new();
        for (name, entry) in &other.fields {
            match self.fields.get(name) {
                None => {
                    self.fields.insert(Arc::clone(name), entry.clone());
                }
                Some(known) if known.field_type != entry.field_type => different.push(Arc::clone(name)),
                Some(_) => {}
            }
        }
        let known = |name: &String| self.null_values.iter().any(|(known, _)| known == name);
        let more: Vec<_> = other.null_values.iter().filter(|(name, _)| !known(name)).cloned().collect();
        self.null_values.extend(more);
        different
    }

    /// The exact sub-field of an analysed text field, which EQL uses in its place (eql-semantics §4).
    pub fn exact_sub_field(&self, name: &str) -> Option<FieldRef> {
        let prefix = format!("{name}.");
        let below = self
            .fields
            .range::<str, _>((std::ops::Bound::Excluded(prefix.as_str()), std::ops::Bound::Unbounded));
        below
            .take_while(|(sub, _)| sub.starts_with(&prefix))
            .find(|(_, entry)| *entry.column == *name && entry.field_type == FieldType::Keyword)
            .map(|(_, entry)| FieldRef { name: Arc::clone(&entry.column), field_type: FieldType::Keyword })
    }
}

fn is_dynamic_date(text: &str) -> bool {
    text.len() >= 10 && text.as_bytes()[4] == b'-' && watchfire_events::DateInterval::parse(text).is_some()
}

impl FieldTypes for Mapping {
    fn field_type(&self, name: &str) -> FieldType {
        self.fields.get(name).map_or(FieldType::Dynamic, |entry| match entry.field_type {
            FieldType::Object | FieldType::Nested => FieldType::Dynamic,
            other => other,
        })
    }

    fn ignore_above(&self, name: &str) -> Option<usize> {
        self.fields.get(name)?.ignore_above
    }

    fn null_values(&self) -> &[(String, Value)] {
        &self.null_values
    }
}

impl Schema for Mapping {
    fn resolve(&self, name: &str) -> Resolution {
        let parents = nesting_part(name).match_indices('.').map(|(dot, _)| &name[..dot]).chain([name]);
        for parent in parents {
            match self.fields.get_key_value(parent) {
                Some((path, entry)) if entry.field_type == FieldType::Nested => {
                    return Resolution::Nested(Arc::clone(path));
                }
                Some((_, entry)) if entry.field_type == FieldType::Flattened && parent != name => {
                    return Resolution::Field(FieldRef { name: name.into(), field_type: FieldType::Keyword });
                }
                _ => {}
            }
        }
        match self.fields.get(name) {
            Some(entry) if entry.field_type == FieldType::Object => Resolution::Object,
            Some(entry) => {
                Resolution::Field(FieldRef { name: Arc::clone(&entry.column), field_type: entry.field_type })
            }
            None => Resolution::Unmapped,
        }
    }

    fn nested_path(&self, name: &str) -> Option<Arc<str>> {
        let parents = nesting_part(name).rmatch_indices('.').map(|(dot, _)| &name[..dot]);
        let mut found =
            [name].into_iter().chain(parents).filter_map(|parent| self.fields.get_key_value(parent));
        found.find(|(_, entry)| entry.field_type == FieldType::Nested).map(|(path, _)| Arc::clone(path))
    }

    fn resolve_in_nested(&self, name: &str) -> Resolution {
        match self.fields.get(name) {
            Some(entry) if matches!(entry.field_type, FieldType::Object | FieldType::Nested) => {
                Resolution::Object
            }
            Some(entry) => {
                Resolution::Field(FieldRef { name: Arc::clone(&entry.column), field_type: entry.field_type })
            }
            None => Resolution::Unmapped,
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.fields.keys().map(|name| &**name))
    }

    fn exact_text(&self, name: &str) -> ExactText {
        self.exact_sub_field(name).map_or(ExactText::None, ExactText::Field)
    }
}
