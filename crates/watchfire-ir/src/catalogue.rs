//! The schema catalogue: the Elastic Common Schema, and what the sources add to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_events::{FieldType, FieldTypes, nesting_part};

use crate::{ExactText, FieldRef, Resolution, Schema};

/// Name, type and normalisation of every field of the Elastic Common Schema (`data/NOTICE` says where it is from).
const ECS: &str = include_str!("../data/ecs_fields.csv");

/// Suffixes of sub-fields that an index may define for any text field, with the type they give to the parent's values
/// (sources §0.8).
const SUB_FIELDS: [(&str, FieldType); 3] = [
    (".caseless", FieldType::CaselessKeyword),
    (".text", FieldType::MatchOnlyText),
    (".keyword", FieldType::Keyword),
];

/// All fields that some source is known to have. A name that is not in it is a dynamic field: its values are taken as
/// they come, and a query on it is no error (whether a source provides it is another question, which `check` asks).
#[derive(Clone, Debug)]
pub struct Catalogue {
    fields: FxHashMap<Arc<str>, FieldType>,
    sub_fields: FxHashMap<Arc<str>, FieldRef>,
    prefixes: BTreeMap<Arc<str>, FieldType>,
    arrays: FxHashSet<Arc<str>>,
    single_valued: FxHashSet<Arc<str>>,
}

impl Catalogue {
    /// The fields of the Elastic Common Schema.
    pub fn ecs() -> Self {
        let mut catalogue = Self {
            fields: FxHashMap::default(),
            sub_fields: FxHashMap::default(),
            prefixes: BTreeMap::new(),
            arrays: FxHashSet::default(),
            single_valued: FxHashSet::default(),
        };
        let rows = ECS.lines().skip(1).filter_map(|line| {
            let mut cells = line.split(',');
            Some((cells.next()?, FieldType::from_mapping_name(cells.next()?)?, cells.next()? == "array"))
        });
        for (name, field_type, array) in rows {
            let parent = name.rsplit_once('.').and_then(|(parent, _)| {
                let (parent, parent_type) = catalogue.fields.get_key_value(parent)?;
                (!is_container(*parent_type)).then(|| Arc::clone(parent))
            });
            match parent {
                Some(parent) => {
                    catalogue.sub_fields.insert(name.into(), FieldRef { name: parent, field_type });
                }
                None => catalogue.insert(name, field_type),
            }
            if array {
                catalogue.arrays.insert(name.into());
            }
        }
        catalogue.single_valued =
            catalogue.fields.keys().filter(|name| catalogue.is_scalar(name)).cloned().collect();
        catalogue
    }

    /// Adds a field, or gives a known one another type.
    pub fn insert(&mut self, name: &str, field_type: FieldType) {
        self.fields.insert(name.into(), field_type);
    }

    /// Gives every field whose name begins with `prefix`, and that is not in the catalogue itself, this type. The
    /// longest prefix wins.
    pub fn insert_prefix(&mut self, prefix: &str, field_type: FieldType) {
        self.prefixes.insert(prefix.into(), field_type);
    }

    /// Whether the name is known: by itself, as a sub-field, through a prefix, or below a flattened object.
    pub fn knows(&self, name: &str) -> bool {
        self.lookup(name).is_some()
    }

    /// Whether the Elastic Common Schema says that the field holds several values.
    pub fn is_array(&self, name: &str) -> bool {
        self.arrays.contains(name)
    }

    /// Whether the schema says that the field, or an object around it, is a list.
    pub fn holds_several(&self, name: &str) -> bool {
        !self.is_scalar(name)
    }

    /// Whether neither the field nor an object around it is a list.
    fn is_scalar(&self, name: &str) -> bool {
        let mut prefixes = nesting_part(name).match_indices('.').map(|(dot, _)| &name[..dot]).chain([name]);
        !prefixes.any(|prefix| self.is_array(prefix) || self.fields.get(prefix) == Some(&FieldType::Nested))
    }

    fn lookup(&self, name: &str) -> Option<FieldRef> {
        if let Some((name, &field_type)) = self.fields.get_key_value(name) {
            return Some(FieldRef { name: Arc::clone(name), field_type });
        }
        if let Some(field) = self.sub_fields.get(name) {
            return Some(field.clone());
        }
        let sub_field = SUB_FIELDS.iter().find_map(|&(suffix, field_type)| {
            let (parent, parent_type) = self.fields.get_key_value(name.strip_suffix(suffix)?)?;
            let text =
                matches!(parent_type, FieldType::Keyword | FieldType::Wildcard | FieldType::ConstantKeyword)
                    || matches!(parent_type, FieldType::Text | FieldType::MatchOnlyText);
            text.then(|| FieldRef { name: Arc::clone(parent), field_type })
        });
        if sub_field.is_some() {
            return sub_field;
        }
        let mut parents = nesting_part(name).rmatch_indices('.').map(|(dot, _)| &name[..dot]);
        if parents.any(|parent| self.fields.get(parent) == Some(&FieldType::Flattened)) {
            return Some(FieldRef { name: name.into(), field_type: FieldType::Keyword });
        }
        let prefix = self.prefixes.iter().rev().find(|(prefix, _)| name.starts_with(&***prefix));
        prefix.map(|(_, &field_type)| FieldRef { name: name.into(), field_type })
    }

    /// The sub-field `.caseless` of a field that is not in the catalogue by name. No field of a document is called so.
    fn caseless_of_other(&self, name: &str) -> Option<FieldRef> {
        let parent = name.strip_suffix(".caseless").filter(|_| !self.fields.contains_key(name))?;
        let (parent, parent_type) = match self.lookup(parent) {
            Some(field) => (field.name, field.field_type),
            None => (parent.into(), FieldType::Dynamic),
        };
        matches!(parent_type, FieldType::Keyword | FieldType::Wildcard | FieldType::Dynamic)
            .then_some(FieldRef { name: parent, field_type: FieldType::CaselessKeyword })
    }

    fn nested_parent(&self, name: &str) -> Option<Arc<str>> {
        let parents = nesting_part(name).match_indices('.').map(|(dot, _)| &name[..dot]).chain([name]);
        let mut found = parents.filter_map(|parent| self.fields.get_key_value(parent));
        found.find(|(_, field_type)| **field_type == FieldType::Nested).map(|(parent, _)| Arc::clone(parent))
    }
}

fn is_container(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::Object | FieldType::Nested | FieldType::Flattened)
}

impl FieldTypes for Catalogue {
    fn field_type(&self, name: &str) -> FieldType {
        match self.lookup(name) {
            Some(field) if *field.name == *name => match field.field_type {
                // A scalar where the schema has an object is kept as it comes.
                FieldType::Object | FieldType::Nested => FieldType::Dynamic,
                other => other,
            },
            _ => FieldType::Dynamic,
        }
    }

    fn may_type_below(&self, name: &str) -> bool {
        let holder = format!("{name}.");
        self.fields.iter().any(|(field, field_type)| field.starts_with(&holder) && !field_type.takes_all())
            || self.prefixes.iter().any(|(prefix, &field_type)| {
                (prefix.starts_with(&holder) || holder.starts_with(&**prefix)) && !field_type.takes_all()
            })
    }
}

impl Schema for Catalogue {
    fn resolve(&self, name: &str) -> Resolution {
        if let Some(path) = self.nested_parent(name) {
            return Resolution::Nested(path);
        }
        if let Some(field) = self.caseless_of_other(name) {
            return Resolution::Field(field);
        }
        match self.lookup(name) {
            Some(field) if field.field_type == FieldType::Object => Resolution::Object,
            Some(field) => Resolution::Field(field),
            None => Resolution::Field(FieldRef { name: name.into(), field_type: FieldType::Dynamic }),
        }
    }

    fn nested_path(&self, name: &str) -> Option<Arc<str>> {
        let parents = nesting_part(name).rmatch_indices('.').map(|(dot, _)| &name[..dot]);
        let mut found =
            [name].into_iter().chain(parents).filter_map(|parent| self.fields.get_key_value(parent));
        found.find(|(_, field_type)| **field_type == FieldType::Nested).map(|(path, _)| Arc::clone(path))
    }

    fn resolve_in_nested(&self, name: &str) -> Resolution {
        match self.lookup(name) {
            Some(field) if matches!(field.field_type, FieldType::Object | FieldType::Nested) => {
                Resolution::Object
            }
            Some(field) => Resolution::Field(field),
            None => Resolution::Field(FieldRef { name: name.into(), field_type: FieldType::Dynamic }),
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.fields.keys().map(|name| &**name))
    }

    fn exact_text(&self, _name: &str) -> ExactText {
        ExactText::WholeValue
    }

    fn is_single_valued(&self, name: &str) -> bool {
        self.single_valued.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Option<(String, FieldType)> {
        match Catalogue::ecs().resolve(name) {
            Resolution::Field(field) => Some((field.name.to_string(), field.field_type)),
            _ => None,
        }
    }

    #[test]
    fn knows_the_common_schema() {
        let some = |name: &str, field_type| Some((name.to_owned(), field_type));
        assert_eq!(field("process.pid"), some("process.pid", FieldType::Long));
        assert_eq!(field("process.name.text"), some("process.name", FieldType::MatchOnlyText));
        assert_eq!(field("process.name.caseless"), some("process.name", FieldType::CaselessKeyword));
        assert_eq!(field("labels.a"), field("labels.a"));
        assert_eq!(field("no.such.field"), some("no.such.field", FieldType::Dynamic));
        assert_eq!(
            Catalogue::ecs().resolve("threat.enrichments.indicator.ip"),
            Resolution::Nested("threat.enrichments".into())
        );
    }

    #[test]
    fn it_is_known_where_typed_fields_are() {
        let mut catalogue = Catalogue::ecs();
        catalogue.insert_prefix("a.b.number_", FieldType::Long);
        for name in catalogue.names().chain(["a.b.number_x", "a.b.number_x.y"]) {
            let is_typed = !catalogue.field_type(name).takes_all();
            for (dot, _) in name.match_indices('.').filter(|_| is_typed) {
                assert!(catalogue.may_type_below(&name[..dot]), "{name}");
            }
        }
        for name in ["process.name", "a.c", "a.b.num", "agen", ""] {
            assert!(!catalogue.may_type_below(name), "{name}");
        }
    }

    #[test]
    fn takes_what_sources_add() {
        let mut catalogue = Catalogue::ecs();
        catalogue.insert_prefix("winlog.event_data.", FieldType::Keyword);
        catalogue.insert("winlog.event_data.Count", FieldType::Long);
        assert_eq!(catalogue.field_type("winlog.event_data.X"), FieldType::Keyword);
        assert_eq!(catalogue.field_type("winlog.event_data.Count"), FieldType::Long);
        assert!(!catalogue.knows("winlog.other"));
        for name in ["winlog.event_data.X", "not.known"] {
            assert_eq!(
                catalogue.resolve(&format!("{name}.caseless")),
                Resolution::Field(FieldRef { name: name.into(), field_type: FieldType::CaselessKeyword })
            );
        }
    }
}
