//! Items of exception lists.

use axum::extract::{Path, State};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;
use watchfire_rules::model::{ExceptionListReference, ExceptionListType, NamespaceType};
use watchfire_server::Caller;
use watchfire_state::StateChange;

use super::lists::{ENDPOINT_LIST, check_namespace, found, only};
use super::store::{Name, Store, findable, namespace_of, stamp};
use crate::answer::{Answer, ApiError, document, with_warnings};
use crate::request::{Api, Call, text_of};
use crate::service::DetectionApi;
use crate::versions::check_version;

/// What a request may say of an item.
const KEYS: [&str; 12] = [
    "item_id",
    "list_id",
    "type",
    "name",
    "description",
    "namespace_type",
    "entries",
    "os_types",
    "tags",
    "comments",
    "expire_time",
    "meta",
];

/// `POST /api/exception_lists/items`.
pub(crate) async fn create(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    document(api.create_item(object, &caller).await?)
}

/// `GET /api/exception_lists/items`.
pub(crate) async fn read(State(api): Api, call: Call) -> Answer {
    let store = api.exceptions().await?;
    document(store.named_item(&Name::of_parameters(&call.parameters, "item_id"))?.clone())
}

/// `PUT /api/exception_lists/items`.
pub(crate) async fn replace(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    document(api.replace_item(&object, &caller).await?)
}

/// `DELETE /api/exception_lists/items`.
pub(crate) async fn remove(State(api): Api, call: Call) -> Answer {
    let _alone = api.change().await;
    let store = api.exceptions().await?;
    let item = store.named_item(&Name::of_parameters(&call.parameters, "item_id"))?;
    document(api.remove_item(item, &call.caller).await?)
}

/// `GET /api/exception_lists/items/_find`.
pub(crate) async fn find_items(State(api): Api, call: Call) -> Answer {
    let lists = call.parameters.values("list_id");
    if lists.is_empty() {
        return Err(ApiError::bad("the parameter `list_id` is missing"));
    }
    let namespaces = call.parameters.values("namespace_type");
    let store = api.exceptions().await?;
    let mut wanted = Vec::new();
    for (at, list_id) in lists.iter().enumerate() {
        // A namespace for each list; the last one counts for those that have none of their own.
        let namespace = namespaces.get(at).or(namespaces.last()).map_or("single", String::as_str);
        if store.list(namespace, list_id).is_none() {
            return Err(no_list(list_id));
        }
        wanted.push((namespace, list_id));
    }
    let items = wanted.iter().flat_map(|(namespace, list_id)| store.items_of(namespace, list_id));
    found(items.map(findable).collect(), &call.parameters)
}

/// `POST /api/endpoint_list/items`.
pub(crate) async fn create_of_endpoint(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    document(api.create_item(of_endpoint(object), &caller).await?)
}

/// `GET /api/endpoint_list/items`.
pub(crate) async fn read_of_endpoint(State(api): Api, call: Call) -> Answer {
    let store = api.exceptions().await?;
    let name = endpoint_name(call.parameters.get("id"), call.parameters.get("item_id"));
    document(store.named_item(&Name::of_object(&name, "item_id"))?.clone())
}

/// `PUT /api/endpoint_list/items`.
pub(crate) async fn replace_of_endpoint(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    document(api.replace_item(&of_endpoint(object), &caller).await?)
}

/// `DELETE /api/endpoint_list/items`.
pub(crate) async fn remove_of_endpoint(State(api): Api, call: Call) -> Answer {
    let _alone = api.change().await;
    let store = api.exceptions().await?;
    let name = endpoint_name(call.parameters.get("id"), call.parameters.get("item_id"));
    let item = store.named_item(&Name::of_object(&name, "item_id"))?;
    document(api.remove_item(item, &call.caller).await?)
}

/// `GET /api/endpoint_list/items/_find`.
pub(crate) async fn find_of_endpoint(State(api): Api, call: Call) -> Answer {
    let store = api.exceptions().await?;
    if store.list("agnostic", ENDPOINT_LIST).is_none() {
        return Err(no_list(ENDPOINT_LIST));
    }
    found(store.items_of("agnostic", ENDPOINT_LIST).map(findable).collect(), &call.parameters)
}

fn of_endpoint(mut object: Map<String, Value>) -> Map<String, Value> {
    object.insert("list_id".to_owned(), ENDPOINT_LIST.into());
    object.insert("namespace_type".to_owned(), "agnostic".into());
    object
}

fn endpoint_name(id: Option<&str>, item_id: Option<&str>) -> Map<String, Value> {
    let mut name = of_endpoint(Map::new());
    for (key, value) in [("id", id), ("item_id", item_id)] {
        if let Some(value) = value {
            name.insert(key.to_owned(), value.into());
        }
    }
    name
}

/// `POST …/rules/{id}/exceptions`: items of a rule's own list, which is made if the rule has none.
pub(crate) async fn create_of_rule(
    State(api): Api,
    Path(path): Path<BTreeMap<String, String>>,
    call: Call,
) -> Answer {
    let (_, caller, object) = call.object().await?;
    let Some(Value::Array(given)) = object.get("items") else {
        return Err(ApiError::bad("`items` must be a list"));
    };
    let _alone = api.change().await;
    let kept = api.named_rule(path.get("id").map(String::as_str), None).await?;
    let store = api.exceptions().await?;
    let own =
        kept.rule.exceptions_list().iter().find(|list| list.list_type == ExceptionListType::RuleDefault);
    let mut changes = Vec::new();
    let list = match own.and_then(|own| store.list("single", &own.list_id)) {
        Some(list) => list.clone(),
        None => {
            let list = json!({
                "name": format!("Exceptions of rule {}", kept.rule.name),
                "description": format!("Exceptions of the rule `{}` alone", kept.rule.name),
                "type": "rule_default",
                "namespace_type": "single",
            });
            let list = api.new_list(&list.as_object().cloned().unwrap_or_default(), &caller)?;
            let mut rule = kept.rule.clone();
            let text = |key: &str| text_of(&list, key).unwrap_or_default().to_owned();
            let lists = rule.exceptions_list.get_or_insert_default();
            lists.retain(|one| one.list_type != ExceptionListType::RuleDefault);
            lists.push(ExceptionListReference {
                id: text("id"),
                list_id: text("list_id"),
                list_type: ExceptionListType::RuleDefault,
                namespace_type: NamespaceType::Single,
            });
            changes.push(StateChange::PutException(Value::Object(list.clone())));
            changes.push(StateChange::PutRule { rule: Box::new(rule), source: kept.source.clone() });
            list
        }
    };
    let mut shown = Vec::new();
    for one in given {
        let mut item =
            one.as_object().cloned().ok_or_else(|| ApiError::bad("each of `items` is an object"))?;
        for key in ["list_id", "namespace_type"] {
            item.insert(key.to_owned(), list[key].clone());
        }
        let item = api.new_item(&item, &store, &caller)?;
        let warnings = api.check_exception(Some(&list), &item).await?;
        changes.push(StateChange::PutException(Value::Object(item.clone())));
        shown.push(with_warnings(item, warnings));
    }
    api.apply(changes, &caller).await?;
    document(json!(shown))
}

pub(super) fn no_list(list_id: &str) -> ApiError {
    ApiError::not_found(format!("exception list list_id: \"{list_id}\" does not exist"))
}

impl DetectionApi {
    async fn create_item(
        &self,
        given: Map<String, Value>,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let store = self.exceptions().await?;
        let list_id = text_of(&given, "list_id").unwrap_or_default();
        let list = store.list(namespace_of(&given), list_id).ok_or_else(|| no_list(list_id))?;
        let item = self.new_item(&given, &store, caller)?;
        let warnings = self.check_exception(Some(list), &item).await?;
        self.apply(vec![StateChange::PutException(Value::Object(item.clone()))], caller).await?;
        Ok(with_warnings(item, warnings))
    }

    /// An item that is not there yet.
    pub(super) fn new_item(
        &self,
        given: &Map<String, Value>,
        store: &Store,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let mut item = only(given, &KEYS);
        if text_of(&item, "item_id").is_none_or(str::is_empty) {
            item.insert("item_id".to_owned(), self.new_id().into());
        }
        check_namespace(&item)?;
        let item_id = text_of(&item, "item_id").unwrap_or_default();
        if store.item(namespace_of(&item), item_id).is_some() {
            return Err(ApiError::conflict(format!("exception list item id: \"{item_id}\" already exists")));
        }
        let now = self.now();
        stamp(&mut item, None, caller, &now);
        let given = item.shift_remove("comments");
        let comments = comments(given.as_ref(), None, &item, caller, &now)?;
        item.insert("comments".to_owned(), comments);
        Ok(item)
    }

    async fn replace_item(
        &self,
        object: &Map<String, Value>,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let store = self.exceptions().await?;
        let kept = store.named_item(&Name::of_object(object, "item_id"))?;
        check_version(object, kept)?;
        let mut item = only(object, &KEYS);
        for key in ["item_id", "list_id", "namespace_type"] {
            item.insert(key.to_owned(), kept[key].clone());
        }
        let now = self.now();
        stamp(&mut item, Some(kept), caller, &now);
        let given = item.shift_remove("comments");
        let comments = comments(given.as_ref(), kept.get("comments"), &item, caller, &now)?;
        item.insert("comments".to_owned(), comments);
        let list_id = text_of(&item, "list_id").unwrap_or_default();
        let list = store.list(namespace_of(&item), list_id).ok_or_else(|| no_list(list_id))?;
        let warnings = self.check_exception(Some(list), &item).await?;
        self.apply(vec![StateChange::PutException(Value::Object(item.clone()))], caller).await?;
        Ok(with_warnings(item, warnings))
    }

    async fn remove_item(
        &self,
        item: &Map<String, Value>,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let text = |key: &str| text_of(item, key).unwrap_or_default().to_owned();
        let change = StateChange::RemoveExceptionItem {
            namespace: namespace_of(item).to_owned(),
            list_id: text("list_id"),
            item_id: text("item_id"),
        };
        self.apply(vec![change], caller).await?;
        Ok(item.clone())
    }
}

/// The comments of an item: those there stay as they are, and what comes without an id is a new one.
fn comments(
    given: Option<&Value>,
    kept: Option<&Value>,
    item: &Map<String, Value>,
    caller: &Caller,
    now: &str,
) -> Result<Value, ApiError> {
    let mut comments = kept.and_then(Value::as_array).cloned().unwrap_or_default();
    for comment in given.and_then(Value::as_array).into_iter().flatten() {
        let text = comment.get("comment").and_then(Value::as_str);
        let text = text.ok_or_else(|| ApiError::bad("each of `comments` has a text `comment`"))?;
        if let Some(id) = comment.get("id").and_then(Value::as_str) {
            let is_it = |one: &&Value| one.get("id").and_then(Value::as_str) == Some(id);
            match comments.iter().find(is_it) {
                Some(one) if one.get("comment").and_then(Value::as_str) == Some(text) => continue,
                Some(_) => return Err(ApiError::bad("comments can be added, and not be changed")),
                // One of another server, as it comes with an item that is sent back.
                None => {}
            }
        }
        let item = text_of(item, "id").and_then(|id| id.parse().ok()).unwrap_or_else(Uuid::nil);
        let id = Uuid::new_v5(&item, format!("comment {}", comments.len()).as_bytes());
        comments.push(json!({
            "id": id.to_string(),
            "comment": text,
            "created_at": now,
            "created_by": &*caller.name,
        }));
    }
    Ok(Value::Array(comments))
}
