//! The exceptions that are kept, as they are, and what a server adds to them.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use watchfire_server::Caller;

use crate::answer::ApiError;
use crate::filter::Attributes;
use crate::objects::Findable;
use crate::request::{Parameters, text_of};
use crate::service::DetectionApi;
use crate::versions::next_version;

/// Ids of lists and items are made of their names, in this namespace: whoever makes the same again gets the same.
const NAMES: Uuid = Uuid::from_u128(0x3f4d_0c58_7a52_4c1e_9b0e_5a6f_2d18_c7b1);

/// All lists and items.
pub(crate) struct Store {
    pub(crate) lists: Vec<Map<String, Value>>,
    pub(crate) items: Vec<Map<String, Value>>,
}

impl DetectionApi {
    pub(crate) async fn exceptions(&self) -> Result<Store, ApiError> {
        let objects = self.database().exception_objects().await?;
        let objects = objects.into_iter().filter_map(|object| match object {
            Value::Object(object) => Some(filled_in(object)),
            _ => None,
        });
        let (items, lists) = objects.partition(|object| object.contains_key("item_id"));
        Ok(Store { lists, items })
    }
}

/// What counts where an object that was put by another way says nothing.
fn filled_in(mut object: Map<String, Value>) -> Map<String, Value> {
    let is_item = object.contains_key("item_id");
    let id = id_of(&object).to_string();
    for (key, value) in [
        ("id", json!(id)),
        ("_version", json!(next_version(None))),
        ("tie_breaker_id", json!(Uuid::new_v5(&NAMES, id.as_bytes()).to_string())),
        ("namespace_type", json!("single")),
        ("os_types", json!([])),
        ("tags", json!([])),
        ("created_at", json!("1970-01-01T00:00:00.000Z")),
        ("created_by", json!("watchfire")),
        ("updated_at", json!("1970-01-01T00:00:00.000Z")),
        ("updated_by", json!("watchfire")),
    ] {
        object.entry(key.to_owned()).or_insert(value);
    }
    if is_item {
        object.entry("comments").or_insert(json!([]));
    } else {
        object.entry("immutable").or_insert(json!(false));
        object.entry("version").or_insert(json!(1));
    }
    object
}

impl Store {
    pub(crate) fn list(&self, namespace: &str, list_id: &str) -> Option<&Map<String, Value>> {
        self.lists
            .iter()
            .find(|list| namespace_of(list) == namespace && text_of(list, "list_id") == Some(list_id))
    }

    pub(crate) fn item(&self, namespace: &str, item_id: &str) -> Option<&Map<String, Value>> {
        self.items
            .iter()
            .find(|item| namespace_of(item) == namespace && text_of(item, "item_id") == Some(item_id))
    }

    pub(crate) fn items_of<'s>(
        &'s self,
        namespace: &'s str,
        list_id: &'s str,
    ) -> impl Iterator<Item = &'s Map<String, Value>> {
        self.items
            .iter()
            .filter(move |item| namespace_of(item) == namespace && text_of(item, "list_id") == Some(list_id))
    }

    /// The list that parameters or an object name by `id`, or by `list_id` and namespace.
    pub(crate) fn named_list(&self, name: &Name<'_>) -> Result<&Map<String, Value>, ApiError> {
        name.find(&self.lists, "list_id", "exception list")
    }

    /// The item, by `id`, or by `item_id` and namespace.
    pub(crate) fn named_item(&self, name: &Name<'_>) -> Result<&Map<String, Value>, ApiError> {
        name.find(&self.items, "item_id", "exception list item")
    }
}

/// How a request names a list or an item.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a> {
    id: Option<&'a str>,
    own: Option<&'a str>,
    namespace: &'a str,
}

impl<'a> Name<'a> {
    pub(crate) fn of_parameters(parameters: &'a Parameters, key: &str) -> Self {
        let namespace = parameters.get("namespace_type").unwrap_or("single");
        Self { id: parameters.get("id"), own: parameters.get(key), namespace }
    }

    pub(crate) fn of_object(object: &'a Map<String, Value>, key: &str) -> Self {
        Self { id: text_of(object, "id"), own: text_of(object, key), namespace: namespace_of(object) }
    }

    fn find<'o>(
        &self,
        all: &'o [Map<String, Value>],
        key: &str,
        what: &str,
    ) -> Result<&'o Map<String, Value>, ApiError> {
        let (found, name) = match (self.id, self.own) {
            (Some(id), _) => (all.iter().find(|one| text_of(one, "id") == Some(id)), format!("id: \"{id}\"")),
            (None, Some(own)) => {
                let is_it = |one: &&Map<String, Value>| {
                    namespace_of(one) == self.namespace && text_of(one, key) == Some(own)
                };
                (all.iter().find(is_it), format!("{key}: \"{own}\""))
            }
            (None, None) => return Err(ApiError::bad(format!("either `id` or `{key}` must be there"))),
        };
        found.ok_or_else(|| ApiError::not_found(format!("{what} {name} does not exist")))
    }
}

pub(crate) fn namespace_of(object: &Map<String, Value>) -> &str {
    text_of(object, "namespace_type").unwrap_or("single")
}

/// The id of a list or an item.
fn id_of(object: &Map<String, Value>) -> Uuid {
    let (list, item) = (text_of(object, "list_id"), text_of(object, "item_id"));
    // An item belongs to its namespace, whatever its list.
    let name = match item {
        Some(item) => format!("item {}:{item}", namespace_of(object)),
        None => format!("list {}:{}", namespace_of(object), list.unwrap_or_default()),
    };
    Uuid::new_v5(&NAMES, name.as_bytes())
}

/// Adds what a server says of a list or an item: who made and changed it and when, its id and its version.
pub(crate) fn stamp(
    object: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    caller: &Caller,
    now: &str,
) {
    object.entry("namespace_type").or_insert(json!("single"));
    let id = id_of(object).to_string();
    let of_before =
        |key: &str, new: &str| json!(before.and_then(|before| text_of(before, key)).unwrap_or(new));
    let tie_breaker = Uuid::new_v5(&NAMES, id.as_bytes()).to_string();
    for (key, value) in [
        ("id", json!(id)),
        ("_version", json!(next_version(before))),
        ("tie_breaker_id", json!(tie_breaker)),
        ("created_at", of_before("created_at", now)),
        ("created_by", of_before("created_by", &caller.name)),
        ("updated_at", json!(now)),
        ("updated_by", json!(&*caller.name)),
    ] {
        object.insert(key.to_owned(), value);
    }
    for (key, default) in [("os_types", json!([])), ("tags", json!([]))] {
        object.entry(key.to_owned()).or_insert(default);
    }
}

/// A list or an item with what filters and orders look at.
pub(crate) fn findable(object: &Map<String, Value>) -> Findable<()> {
    let prefix = match namespace_of(object) {
        "agnostic" => "exception-list-agnostic.attributes",
        _ => "exception-list.attributes",
    };
    let mut attributes = Attributes::default();
    for (key, value) in object {
        attributes.add(&format!("{prefix}.{key}"), value);
    }
    let kind = if object.contains_key("item_id") { "item" } else { "list" };
    attributes.add(&format!("{prefix}.list_type"), &kind.into());
    Findable { attributes, shown: object.clone(), object: () }
}
