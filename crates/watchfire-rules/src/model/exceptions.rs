//! Exception lists: containers and items (detection-engine §4.1).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::names::named_values;
use super::settings::{ExceptionListType, NamespaceType};
use super::table::table_type;
use super::{FreeForm, RuleId};
use crate::document::Node;
use crate::document::reader::{Context, FromNode, TableReader};

table_type! {
    /// An exception list, without its items.
    ExceptionContainer {
        /// The saved object.
        optional "id" => id: String,
        /// The stable name.
        text "list_id" => list_id: String,
        /// What kind of list.
        required "type" => list_type: ExceptionListType,
        /// The name.
        required "name" => name: String,
        /// What it is for.
        required "description" => description: String,
        /// Where it is visible; absent is one space.
        optional "namespace_type" => namespace_type: NamespaceType,
        /// The operating systems it is for.
        optional "os_types" => os_types: Vec<String>,
        /// Free labels.
        optional "tags" => tags: Vec<String>,
        /// What a server adds.
        flat "" => server: ExceptionServerFields,
        /// Whether it cannot be changed.
        optional "immutable" => immutable: bool,
        /// The version of the list.
        optional "version" => version: u64,
    }
}

table_type! {
    /// Fields of containers and items that have no effect.
    ExceptionServerFields {
        /// Free form.
        optional "meta" => meta: FreeForm,
        /// The saved object's version.
        optional "_version" => object_version: String,
        /// Orders objects of the same time.
        optional "tie_breaker_id" => tie_breaker_id: String,
        /// When it was stored.
        optional "created_at" => created_at: String,
        /// By whom.
        optional "created_by" => created_by: String,
        /// When it was last changed.
        optional "updated_at" => updated_at: String,
        /// By whom.
        optional "updated_by" => updated_by: String,
    }
}

named_values! {
    /// The type of an item; there is only one.
    ExceptionItemType { Simple = "simple" }
}

table_type! {
    /// One exception: events for which all entries hold make no alert.
    ExceptionItem {
        /// The saved object.
        optional "id" => id: String,
        /// The stable name.
        text "item_id" => item_id: String,
        /// The list it belongs to.
        text "list_id" => list_id: String,
        /// Its type.
        required "type" => item_type: ExceptionItemType,
        /// The name.
        required "name" => name: String,
        /// Why.
        required "description" => description: String,
        /// Where it is visible; absent is one space.
        optional "namespace_type" => namespace_type: NamespaceType,
        /// What must hold.
        required "entries" => entries: Vec<ExceptionEntry>,
        /// The operating systems it is for.
        optional "os_types" => os_types: Vec<String>,
        /// Free labels.
        optional "tags" => tags: Vec<String>,
        /// Remarks.
        optional "comments" => comments: Vec<ExceptionComment>,
        /// When it stops to count.
        optional "expire_time" => expire_time: String,
        /// What a server adds.
        flat "" => server: ExceptionServerFields,
    }
}

table_type! {
    /// A remark on an item.
    ExceptionComment {
        /// Its id.
        optional "id" => id: String,
        /// The text.
        required "comment" => comment: String,
        /// When it was made.
        optional "created_at" => created_at: String,
        /// By whom.
        optional "created_by" => created_by: String,
        /// When it was last changed.
        optional "updated_at" => updated_at: String,
        /// By whom.
        optional "updated_by" => updated_by: String,
    }
}

named_values! {
    /// Whether an entry holds if the field fits, or if it does not. A missing field satisfies `excluded`.
    EntryOperator { Included = "included", Excluded = "excluded" }
}

named_values! {
    /// The kind of an entry.
    EntryType {
        Match = "match",
        MatchAny = "match_any",
        Wildcard = "wildcard",
        Exists = "exists",
        List = "list",
        Nested = "nested",
    }
}

table_type! {
    /// A value list, by name.
    ValueListReference {
        /// The list.
        text "id" => id: String,
        /// The type of its values, such as `ip_range`.
        text "type" => list_type: String,
    }
}

/// What an entry asks of its field.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryTest {
    /// It equals the value.
    Match(String),
    /// It equals one of the values, of which there is at least one.
    MatchAny(Vec<String>),
    /// It fits the pattern of `*` and `?`.
    Wildcard(String),
    /// It has a value.
    Exists,
    /// It is in the value list.
    List(ValueListReference),
    /// Some object under it satisfies all the entries, which are `match`, `match_any` or `exists`.
    Nested(Vec<ExceptionEntry>),
}

/// One condition of an exception item.
#[derive(Clone, Debug, PartialEq)]
pub struct ExceptionEntry {
    /// The event's field.
    pub field: String,
    /// Which way round; `nested` has none.
    pub operator: Option<EntryOperator>,
    /// What is asked.
    pub test: EntryTest,
}

impl EntryTest {
    /// The kind.
    pub const fn entry_type(&self) -> EntryType {
        match self {
            Self::Match(_) => EntryType::Match,
            Self::MatchAny(_) => EntryType::MatchAny,
            Self::Wildcard(_) => EntryType::Wildcard,
            Self::Exists => EntryType::Exists,
            Self::List(_) => EntryType::List,
            Self::Nested(_) => EntryType::Nested,
        }
    }
}

impl FromNode for ExceptionEntry {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let field = reader.required_text("field", cx);
        let entry_type = reader.required("type", cx);
        let operator = match entry_type {
            Some(EntryType::Nested) => reader.optional("operator", cx),
            _ => reader.required("operator", cx),
        };
        let test = match entry_type {
            Some(EntryType::Match) => reader.required("value", cx).map(EntryTest::Match),
            Some(EntryType::Wildcard) => reader.required("value", cx).map(EntryTest::Wildcard),
            Some(EntryType::MatchAny) => {
                let values: Option<Vec<String>> = reader.required("value", cx);
                if values.as_ref().is_some_and(Vec::is_empty) {
                    cx.bad_value(node, &reader.path_of("value"), "must not be empty");
                }
                values.map(EntryTest::MatchAny)
            }
            Some(EntryType::Exists) => Some(EntryTest::Exists),
            Some(EntryType::List) => reader.required("list", cx).map(EntryTest::List),
            Some(EntryType::Nested) => reader.required("entries", cx).map(EntryTest::Nested),
            None => {
                reader.allow(&["value", "list", "entries"]);
                None
            }
        };
        if let Some(EntryTest::Nested(inner)) = &test {
            let misplaced = |entry: &&Self| {
                !matches!(entry.test, EntryTest::Match(_) | EntryTest::MatchAny(_) | EntryTest::Exists)
            };
            if let Some(entry) = inner.iter().find(misplaced) {
                let why =
                    format!("an entry of type `{}` cannot stand inside `nested`", entry.test.entry_type());
                cx.bad_value(node, &reader.path_of("entries"), why);
            }
        }
        reader.finish(cx);
        Some(Self { field: field?, operator, test: test? })
    }
}

impl Serialize for ExceptionEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("field", &self.field)?;
        map.serialize_entry("type", &self.test.entry_type())?;
        if let Some(operator) = &self.operator {
            map.serialize_entry("operator", operator)?;
        }
        match &self.test {
            EntryTest::Match(value) | EntryTest::Wildcard(value) => map.serialize_entry("value", value)?,
            EntryTest::MatchAny(values) => map.serialize_entry("value", values)?,
            EntryTest::Exists => {}
            EntryTest::List(list) => map.serialize_entry("list", list)?,
            EntryTest::Nested(entries) => map.serialize_entry("entries", entries)?,
        }
        map.end()
    }
}

/// A connector: a saved object that actions refer to. Only what identifies it is looked into.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// The saved object, to which an action's `id` refers.
    pub id: String,
    /// The whole object.
    pub object: FreeForm,
}

impl FromNode for Connector {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let id = reader.required_text("id", cx)?;
        Some(Self { id, object: FreeForm(node.to_json()) })
    }
}

impl Serialize for Connector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.object.serialize(serializer)
    }
}

table_type! {
    /// A rule that an export was asked for and did not find.
    MissingRule {
        /// Its id.
        required "rule_id" => rule_id: RuleId,
    }
}
