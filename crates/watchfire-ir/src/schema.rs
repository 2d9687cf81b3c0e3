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

    /// The innermost list of objects that the name stands in, or is itself.
    fn nested_path(&self, name: &str) -> Option<Arc<str>> {
        match self.resolve(name) {
            Resolution::Nested(path) => Some(path),
            _ => None,
        }
    }

    /// What a name inside a list of objects stands for, once the list is being looked into object by object.
    fn resolve_in_nested(&self, name: &str) -> Resolution {
        Resolution::Field(FieldRef { name: name.into(), field_type: self.field_type(name) })
    }

    /// What stands for an analysed text where whole values are compared (eql-semantics §4).
    fn exact_text(&self, _name: &str) -> ExactText {
        ExactText::None
    }

    /// Whether it is certain that an event has at most one value of the field.
    fn is_single_valued(&self, _name: &str) -> bool {
        false
    }
}

/// What stands for an analysed text where whole values are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExactText {
    /// A sub-field of exact text.
    Field(FieldRef),
    /// The whole value: the schema does not say whether the index has such a sub-field.
    WholeValue,
    /// Nothing: the index has no such sub-field.
    None,
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.field_type.name().replace(' ', ""))
    }
}
