//! Which fields each source can give: for the schema catalogue, and for rules that name a field no source has.

use watchfire_events::FieldType;

use super::SourceKind;

/// What one source gives.
#[derive(Clone, Copy, Debug)]
pub struct SourceFields {
    /// The source.
    pub source: SourceKind,
    /// The data streams that its documents go to, as an index pattern.
    pub data_stream_pattern: &'static str,
    /// Fields that ECS does not have, with their types.
    pub fields: &'static [(&'static str, FieldType)],
    /// Fields below these names have this type, whatever they are called.
    pub prefixes: &'static [(&'static str, FieldType)],
    /// ECS fields that the source can give.
    pub ecs_fields: &'static [&'static str],
}

/// The table of every source. Documents that are ECS already may have any field, so they have no row.
pub fn fields() -> &'static [SourceFields] {
    &[]
}
