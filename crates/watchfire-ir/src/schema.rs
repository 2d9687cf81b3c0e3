//! How a name in a query becomes a field.

use std::fmt;
use std::sync::Arc;

use watchfire_events::{FieldType, FieldTypes};

/// A field as the engine reads it: the column that holds its values, and how they are to be taken.
///
/// For a sub-field (`process.name.caseless`) the column is that of the parent, and only the type differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldRef {
    /// Dotted name of the column.
    pub name: Arc<str>,
    /// How its values are to be taken.
    pub field_type: FieldType,
}

/// What a schema says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A field with values.
    Field(FieldRef),
    /// An object: it has no value of its own, only fields below it.
    Object,
    /// A list of objects that are matched one by one, or a field below one; with the path of the list.
    Nested(Arc<str>),
    /// Not in the schema, and the schema is complete: the field is mapped nowhere (eql-semantics §6).
    Unmapped,
}

/// Names and types of fields.
pub trait Schema: FieldTypes {
    /// What the name stands for.
    fn resolve(&self, name: &str) -> Resolution;

    /// All names it knows, to suggest one for a misspelt name.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.field_type.name().replace(' ', ""))
    }
}
