//! The schema that the command reads queries and events with.

use watchfire_ir::Catalogue;
use watchfire_sources::normalise::fields;

/// The common schema and what the sources add to it.
pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::ecs();
    for source in fields() {
        for (name, field_type) in source.typed_fields() {
            catalogue.insert(name, field_type);
        }
        for &(prefix, field_type) in source.prefixes {
            catalogue.insert_prefix(prefix, field_type);
        }
    }
    catalogue
}
