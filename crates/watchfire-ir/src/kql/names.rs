//! What the names in a query stand for.

use std::sync::Arc;

use crate::{FieldRef, Resolution, Schema};
use watchfire_events::FieldType;

/// Names that Elasticsearch keeps beside the document.
const METADATA_FIELDS: [&str; 10] = [
    "_id",
    "_index",
    "_source",
    "_ignored",
    "_routing",
    "_tier",
    "_field_names",
    "_doc_count",
    "_nested_path",
    "_data_stream_timestamp",
];

/// Why a name stands for nothing that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameProblem {
    /// The schema is complete and does not have it.
    Unmapped,
    /// It stands in a list of objects that is not being looked into.
    Outside(Arc<str>),
    /// It is not part of the document.
    Metadata,
}

/// The field of a name, seen from inside the list of objects `scope`, if any. An object is a field of type
/// [`FieldType::Object`], of which only existence can be asked.
pub(crate) fn resolve(schema: &dyn Schema, name: &str, scope: Option<&str>) -> Result<FieldRef, NameProblem> {
    if METADATA_FIELDS.contains(&name) {
        return Err(NameProblem::Metadata);
    }
    let resolution = match (schema.nested_path(name), scope) {
        (Some(list), Some(scope)) if *list == *scope => schema.resolve_in_nested(name),
        (Some(list), _) => return Err(NameProblem::Outside(list)),
        (None, _) => schema.resolve(name),
    };
    match resolution {
        Resolution::Field(field) => Ok(field),
        Resolution::Object => Ok(FieldRef { name: name.into(), field_type: FieldType::Object }),
        Resolution::Nested(list) => Err(NameProblem::Outside(list)),
        Resolution::Unmapped => Err(NameProblem::Unmapped),
    }
}

/// Whether a name may stand for a list of objects: it is mapped as one, or no schema knows it.
pub(crate) fn may_be_list(schema: &dyn Schema, name: &str) -> bool {
    match schema.nested_path(name) {
        Some(list) if *list == *name => true,
        Some(_) => matches!(
            schema.resolve_in_nested(name),
            Resolution::Field(FieldRef { field_type: FieldType::Dynamic, .. })
        ),
        None => {
            matches!(schema.resolve(name), Resolution::Field(FieldRef { field_type: FieldType::Dynamic, .. }))
        }
    }
}

/// Whether events may have fields that the schema does not name.
pub(crate) fn is_open(schema: &dyn Schema) -> bool {
    // No schema has a field of this name, since `*` cannot stand in one.
    schema.resolve("*") != Resolution::Unmapped
}
