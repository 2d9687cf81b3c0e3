//! The columns that a query is settled against: the fields of a schema, or those of data at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use watchfire_events::{Document, FieldType, flatten};
use watchfire_ir::{FieldRef, Resolution, Schema};
use watchfire_pipeline::{DataType, Source, SourceColumn};

use crate::is_metadata;

/// The fields of data at hand: what was seen in it, and the types that single indices give their fields.
pub struct DataColumns<'a> {
    /// What is known of fields in general.
    pub schema: &'a dyn Schema,
    /// What single indices say of their fields, each by its name or pattern; it goes before what is known in general.
    pub indices: Vec<(Arc<str>, &'a dyn Schema)>,
    /// Whether there may be data of other indices.
    pub has_others: bool,
    /// The fields of the data; without it all that the schemas know are listed.
    pub seen: Option<&'a SeenFields>,
}

impl<'a> DataColumns<'a> {
    /// All fields of a schema: what a rule is settled against, whatever data there will be.
    pub fn of_schema(schema: &'a dyn Schema) -> Self {
        Self { schema, indices: Vec::new(), has_others: true, seen: None }
    }

    /// The column of a field, where schemas know its type.
    fn mapped(&self, name: &str) -> Option<SourceColumn> {
        let of_indices = self.indices.iter().map(|(index, schema)| (index, *schema));
        let everywhere = Arc::from("*");
        let others = self.has_others.then_some((&everywhere, self.schema));
        let types: Vec<(Arc<str>, DataType)> = of_indices
            .chain(others)
            .filter_map(|(index, schema)| Some((Arc::clone(index), type_of(name, schema)?)))
            .collect();
        (!types.is_empty()).then(|| SourceColumn::of_indices(name, &types))
    }
}

impl Source for DataColumns<'_> {
    fn listed(&self, prefix: &str) -> Vec<SourceColumn> {
        let mut columns: BTreeMap<String, SourceColumn> = BTreeMap::new();
        let mut list = |name: &str, guess: Option<DataType>| {
            if !name.starts_with(prefix) || is_metadata(name) {
                return;
            }
            let column = self.mapped(name).or_else(|| Some(SourceColumn::guessed(name, guess?)));
            columns.extend(column.map(|column| (name.to_owned(), column)));
        };
        match self.seen {
            Some(seen) => seen.0.iter().for_each(|(name, kinds)| {
                // The two numbers of a point are one value.
                let point = name.strip_suffix(".lat").or_else(|| name.strip_suffix(".lon"));
                let point = point.filter(|point| type_of(point, self.schema) == Some(DataType::GeoPoint));
                list(point.unwrap_or(name), Some(kinds.data_type()));
            }),
            None => {
                let of_indices = self.indices.iter().flat_map(|(_, schema)| schema.names());
                of_indices.chain(self.schema.names()).for_each(|name| list(name, None));
            }
        }
        columns.into_values().collect()
    }

    fn column(&self, name: &str) -> Option<SourceColumn> {
        self.mapped(name)
    }

    fn known(&self, name: &str) -> Option<DataType> {
        type_of(name, self.schema)
    }

    fn may_have(&self, name: &str) -> bool {
        is_open(name, self.schema)
    }
}

/// The fields of documents, and what values they have.
#[derive(Clone, Debug, Default)]
pub struct SeenFields(BTreeMap<String, Kinds>);

/// What values a field has.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    truths: bool,
    wholes: bool,
    fractions: bool,
    texts: bool,
}

impl Kinds {
    fn add(&mut self, value: &Json) {
        match value {
            Json::Bool(_) => self.truths = true,
            Json::Number(number) if number.is_f64() => self.fractions = true,
            Json::Number(_) => self.wholes = true,
            _ => self.texts = true,
        }
    }

    /// The type that an index gives a field with such values which nobody has mapped.
    fn data_type(self) -> DataType {
        match (self.texts, self.truths, self.fractions, self.wholes) {
            (false, true, false, false) => DataType::Boolean,
            (false, false, true, _) => DataType::Double,
            (false, false, false, true) => DataType::Long,
            _ => DataType::Keyword,
        }
    }
}

impl SeenFields {
    /// Adds those of a document.
    pub fn add(&mut self, document: &Document) {
        flatten(document, &mut |name, value| {
            if let Some(kinds) = self.0.get_mut(name) {
                kinds.add(value);
            } else {
                self.0.entry(name.to_owned()).or_default().add(value);
            }
        });
    }

    /// Adds a field whose type is known.
    pub fn add_field(&mut self, name: &str, field_type: FieldType) {
        let kinds = self.0.entry(name.to_owned()).or_default();
        match field_type {
            FieldType::Boolean => kinds.truths = true,
            FieldType::Long | FieldType::UnsignedLong => kinds.wholes = true,
            FieldType::Double => kinds.fractions = true,
            _ => kinds.texts = true,
        }
    }

    /// Adds those of others.
    pub fn merge(&mut self, other: Self) {
        for (name, kinds) in other.0 {
            let joined = self.0.entry(name).or_default();
            joined.truths |= kinds.truths;
            joined.wholes |= kinds.wholes;
            joined.fractions |= kinds.fractions;
            joined.texts |= kinds.texts;
        }
    }
}

/// The type of a field that a schema knows by its name.
fn type_of(name: &str, schema: &dyn Schema) -> Option<DataType> {
    match schema.resolve(name) {
        Resolution::Field(field) if field.field_type == FieldType::Dynamic => None,
        // The catalogue does not tell points from other types that no condition reads; all that ECS has are called so.
        Resolution::Field(field)
            if field.field_type == FieldType::Unsupported && name.ends_with("geo.location") =>
        {
            Some(DataType::GeoPoint)
        }
        Resolution::Field(field) => DataType::of_field(field.field_type),
        // Fields within lists of objects, and objects, are no columns.
        Resolution::Object | Resolution::Nested(_) | Resolution::Unmapped => None,
    }
}

/// Whether a schema takes the values of a name as they come.
fn is_open(name: &str, schema: &dyn Schema) -> bool {
    let is_dynamic = |field: &FieldRef| field.field_type == FieldType::Dynamic;
    !is_metadata(name)
        && name.contains('.')
        && matches!(schema.resolve(name), Resolution::Field(field) if is_dynamic(&field))
}
