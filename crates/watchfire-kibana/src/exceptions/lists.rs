//! Exception lists.

use axum::extract::State;
use serde_json::{Map, Value, json};
use watchfire_server::Caller;
use watchfire_state::StateChange;

use super::store::{Name, findable, namespace_of, stamp};
use crate::answer::{Answer, ApiError, document};
use crate::objects::find;
use crate::request::{Api, Call, Parameters, text_of};
use crate::service::DetectionApi;
use crate::versions::check_version;

/// The name of the list of the Elastic Endpoint.
pub(crate) const ENDPOINT_LIST: &str = "endpoint_list";

/// What a request may say of a list.
const KEYS: [&str; 9] =
    ["list_id", "type", "name", "description", "namespace_type", "os_types", "tags", "meta", "version"];

/// `POST /api/exception_lists`.
pub(crate) async fn create(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    document(api.create_list(&object, &caller).await?)
}

/// `GET /api/exception_lists`.
pub(crate) async fn read(State(api): Api, call: Call) -> Answer {
    let store = api.exceptions().await?;
    document(store.named_list(&Name::of_parameters(&call.parameters, "list_id"))?.clone())
}

/// `PUT /api/exception_lists`.
pub(crate) async fn replace(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    let store = api.exceptions().await?;
    let kept = store.named_list(&Name::of_object(&object, "list_id"))?;
    check_version(&object, kept)?;
    let mut list = only(&object, &KEYS);
    for key in ["list_id", "namespace_type"] {
        list.insert(key.to_owned(), kept[key].clone());
    }
    let version = kept.get("version").and_then(Value::as_u64).unwrap_or(1);
    list.insert("version".to_owned(), json!(version + 1));
    list.insert("immutable".to_owned(), json!(false));
    stamp(&mut list, Some(kept), &caller, &api.now());
    api.check_exception(None, &list).await?;
    api.apply(vec![StateChange::PutException(Value::Object(list.clone()))], &caller).await?;
    document(list)
}

/// `DELETE /api/exception_lists`.
pub(crate) async fn remove(State(api): Api, call: Call) -> Answer {
    let _alone = api.change().await;
    let store = api.exceptions().await?;
    let list = store.named_list(&Name::of_parameters(&call.parameters, "list_id"))?;
    let change = StateChange::RemoveExceptionList {
        namespace: namespace_of(list).to_owned(),
        list_id: text_of(list, "list_id").unwrap_or_default().to_owned(),
    };
    api.apply(vec![change], &call.caller).await?;
    document(list.clone())
}

/// `GET /api/exception_lists/_find`.
pub(crate) async fn find_lists(State(api): Api, call: Call) -> Answer {
    let store = api.exceptions().await?;
    let namespaces = namespaces(&call.parameters);
    let lists = store.lists.iter().filter(|list| namespaces.iter().any(|one| one == namespace_of(list)));
    found(lists.map(findable).collect(), &call.parameters)
}

/// A page of lists or items.
pub(super) fn found(all: Vec<crate::objects::Findable<()>>, parameters: &Parameters) -> Answer {
    let found = find(all, parameters)?;
    document(json!({
        "data": found.objects.into_iter().map(|one| one.shown).collect::<Vec<_>>(),
        "page": found.page.page,
        "per_page": found.page.per_page,
        "total": found.total,
    }))
}

pub(super) fn namespaces(parameters: &Parameters) -> Vec<String> {
    let given = parameters.values("namespace_type");
    if given.is_empty() { vec!["single".to_owned()] } else { given }
}

/// `GET /api/exception_lists/summary`.
pub(crate) async fn summary(State(api): Api, call: Call) -> Answer {
    let store = api.exceptions().await?;
    let list = store.named_list(&Name::of_parameters(&call.parameters, "list_id"))?;
    let (namespace, list_id) = (namespace_of(list), text_of(list, "list_id").unwrap_or_default());
    let (mut counts, mut total) = ([0_u64; 3], 0_u64);
    for item in store.items_of(namespace, list_id) {
        total += 1;
        let systems = item.get("os_types").and_then(Value::as_array).into_iter().flatten();
        for system in systems.filter_map(Value::as_str) {
            match system {
                "windows" => counts[0] += 1,
                "linux" => counts[1] += 1,
                "macos" => counts[2] += 1,
                _ => {}
            }
        }
    }
    let [windows, linux, macos] = counts;
    document(json!({ "windows": windows, "linux": linux, "macos": macos, "total": total }))
}

/// `POST /api/exceptions/shared`.
pub(crate) async fn create_shared(State(api): Api, call: Call) -> Answer {
    let (_, caller, mut object) = call.object().await?;
    object.insert("type".to_owned(), "detection".into());
    let _alone = api.change().await;
    document(api.create_list(&object, &caller).await?)
}

/// `POST /api/endpoint_list`: an empty object if the list is there already.
pub(crate) async fn create_endpoint_list(State(api): Api, call: Call) -> Answer {
    let _alone = api.change().await;
    if api.exceptions().await?.list("agnostic", ENDPOINT_LIST).is_some() {
        return document(json!({}));
    }
    document(api.create_list(&endpoint_list(), &call.caller).await?)
}

/// The list of the Elastic Endpoint as it is made.
fn endpoint_list() -> Map<String, Value> {
    let list = json!({
        "list_id": ENDPOINT_LIST,
        "name": "Endpoint Security Exception List",
        "description": "Exceptions of the Elastic Endpoint",
        "type": "endpoint",
        "namespace_type": "agnostic",
    });
    list.as_object().cloned().unwrap_or_default()
}

impl DetectionApi {
    pub(crate) async fn create_list(
        &self,
        given: &Map<String, Value>,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let list = self.new_list(given, caller)?;
        let (namespace, list_id) = (namespace_of(&list), text_of(&list, "list_id").unwrap_or_default());
        if self.exceptions().await?.list(namespace, list_id).is_some() {
            return Err(ApiError::conflict(format!("exception list id: \"{list_id}\" already exists")));
        }
        self.check_exception(None, &list).await?;
        self.apply(vec![StateChange::PutException(Value::Object(list.clone()))], caller).await?;
        Ok(list)
    }

    /// A list that is not there yet.
    pub(super) fn new_list(
        &self,
        given: &Map<String, Value>,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let mut list = only(given, &KEYS);
        if text_of(&list, "list_id").is_none_or(str::is_empty) {
            list.insert("list_id".to_owned(), self.new_id().into());
        }
        check_namespace(&list)?;
        list.entry("version").or_insert(json!(1));
        list.insert("immutable".to_owned(), json!(false));
        stamp(&mut list, None, caller, &self.now());
        Ok(list)
    }
}

/// The keys of an object that a request may set; others are those of a server, or unknown.
pub(super) fn only(object: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    let kept = object.iter().filter(|(key, value)| keys.contains(&&***key) && !value.is_null());
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

pub(super) fn check_namespace(object: &Map<String, Value>) -> Result<(), ApiError> {
    match namespace_of(object) {
        "single" | "agnostic" => Ok(()),
        other => Err(ApiError::bad(format!("`namespace_type` is `single` or `agnostic`, not `{other}`"))),
    }
}
