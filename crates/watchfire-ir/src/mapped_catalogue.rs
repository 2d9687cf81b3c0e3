//! The catalogue with the mapping of an index laid over it.

use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{FieldType, FieldTypes};

use crate::{Catalogue, ExactText, Mapping, Resolution, Schema};

/// A schema that asks a mapping first, and the catalogue for every name that the mapping does not have.
#[derive(Clone, Debug)]
pub struct MappedCatalogue {
    mapping: Mapping,
    catalogue: Catalogue,
}

impl MappedCatalogue {
    /// Lays a mapping over a catalogue.
    pub fn new(mapping: Mapping, catalogue: Catalogue) -> Self {
        Self { mapping, catalogue }
    }

    /// Whether the catalogue says that a field has several values; a mapping does not say it.
    pub fn holds_several(&self, name: &str) -> bool {
        self.catalogue.holds_several(name)
    }

    /// The one that answers for a name.
    fn of(&self, name: &str) -> &dyn Schema {
        match self.mapping.resolve(name) {
            Resolution::Unmapped => &self.catalogue,
            Resolution::Field(_) | Resolution::Object | Resolution::Nested(_) => &self.mapping,
        }
    }
}

impl FieldTypes for MappedCatalogue {
    fn field_type(&self, name: &str) -> FieldType {
        self.of(name).field_type(name)
    }

    fn ignore_above(&self, name: &str) -> Option<usize> {
        self.of(name).ignore_above(name)
    }

    fn may_type_below(&self, name: &str) -> bool {
        self.mapping.may_type_below(name) || self.catalogue.may_type_below(name)
    }

    fn null_values(&self) -> &[(String, Value)] {
        self.mapping.null_values()
    }
}

impl Schema for MappedCatalogue {
    fn resolve(&self, name: &str) -> Resolution {
        self.of(name).resolve(name)
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.mapping.names().chain(self.catalogue.names()))
    }

    fn nested_path(&self, name: &str) -> Option<Arc<str>> {
        self.of(name).nested_path(name)
    }

    fn resolve_in_nested(&self, name: &str) -> Resolution {
        self.of(name).resolve_in_nested(name)
    }

    fn exact_text(&self, name: &str) -> ExactText {
        self.of(name).exact_text(name)
    }

    fn is_single_valued(&self, name: &str) -> bool {
        self.of(name).is_single_valued(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_comes_first() {
        let text = r#"{"properties":{"own":{"properties":{"count":{"type":"long"}}},"process":{"properties":{"pid":{"type":"keyword"}}}}}"#;
        let schema = MappedCatalogue::new(Mapping::parse(text).expect("a mapping"), Catalogue::ecs());
        assert_eq!(schema.field_type("own.count"), FieldType::Long);
        assert_eq!(schema.field_type("process.pid"), FieldType::Keyword);
        assert_eq!(schema.field_type("source.ip"), FieldType::Ip);
        assert_eq!(schema.resolve("own"), Resolution::Object);
        assert!(matches!(schema.resolve("elsewhere"), Resolution::Field(_)));
    }
}
