//! The columns that a query of a rule is settled against: the fields of a schema.

use std::collections::BTreeMap;

use watchfire_events::FieldType;
use watchfire_ir::{FieldRef, Resolution, Schema};
use watchfire_pipeline::{DataType, Source, SourceColumn};

/// All fields of a schema: what a rule is settled against, whatever data there will be.
pub struct SchemaColumns<'a>(pub &'a dyn Schema);

impl Source for SchemaColumns<'_> {
    fn listed(&self, prefix: &str) -> Vec<SourceColumn> {
        let names = self.0.names().filter(|name| name.starts_with(prefix));
        let columns: BTreeMap<&str, SourceColumn> =
            names.filter_map(|name| Some((name, self.column(name)?))).collect();
        columns.into_values().collect()
    }

    fn column(&self, name: &str) -> Option<SourceColumn> {
        Some(SourceColumn::new(name, type_of(name, self.0)?))
    }

    fn known(&self, name: &str) -> Option<DataType> {
        type_of(name, self.0)
    }

    fn may_have(&self, name: &str) -> bool {
        is_open(name, self.0)
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
    let is_metadata = watchfire_pipeline::METADATA.iter().any(|(metadata, _)| *metadata == name);
    let is_dynamic = |field: &FieldRef| field.field_type == FieldType::Dynamic;
    !is_metadata
        && name.contains('.')
        && matches!(schema.resolve(name), Resolution::Field(field) if is_dynamic(&field))
}
