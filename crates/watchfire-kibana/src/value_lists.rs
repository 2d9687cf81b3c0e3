//! Value lists and their values (detection-engine §4.3, §7.4).
//!
//! A list is kept as items read it: a text with one value a line, whose first line tells the type
//! (`watchfire_rules::exceptions::ValueList`). What a server says of it stands beside it.

use std::collections::BTreeSet;

use axum::extract::State;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use watchfire_diagnostics::SourceText;
use watchfire_rules::exceptions::{ValueList, ValueListType};
use watchfire_server::Caller;
use watchfire_state::StateChange;

use crate::answer::{Answer, ApiError, document, file, with_warnings};
use crate::filter::Attributes;
use crate::objects::{Findable, find};
use crate::request::{Api, Call, Page, text_of};
use crate::service::DetectionApi;
use crate::versions::{check_version, next_version};

/// Ids of values are made of their list and their text, in this namespace.
const VALUES: Uuid = Uuid::from_u128(0x8a1e_6c02_4d8b_4b0f_8c43_71de_90f2_5a6d);

/// What a request may say of a list.
const KEYS: [&str; 4] = ["name", "description", "meta", "version"];

/// `POST /api/lists`.
pub(crate) async fn create(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    let id = text_of(&object, "id").map_or_else(|| api.new_id(), str::to_owned);
    if api.find_list(&id).await?.is_some() {
        return Err(ApiError::conflict(format!("list id: \"{id}\" already exists")));
    }
    let list_type = type_of(text_of(&object, "type"))?;
    for key in ["name", "description"] {
        if text_of(&object, key).is_none_or(str::is_empty) {
            return Err(ApiError::bad(format!("`{key}` is missing")));
        }
    }
    let about = api.stamped(&id, list_type, &object, None, &caller);
    api.put_list(&about, head(list_type), &caller).await?;
    document(about)
}

/// `GET /api/lists`.
pub(crate) async fn read(State(api): Api, call: Call) -> Answer {
    document(api.value_list(call.parameters.required("id")?).await?)
}

/// `PUT /api/lists`, and `PATCH`, which keeps what is not there.
pub(crate) async fn change(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    let id = text_of(&object, "id").ok_or_else(|| ApiError::bad("`id` is missing"))?.to_owned();
    let kept = api.value_list(&id).await?;
    check_version(&object, &kept)?;
    let list_type = type_of(text_of(&kept, "type"))?;
    let mut given = kept.clone();
    given.extend(object);
    let about = api.stamped(&id, list_type, &given, Some(&kept), &caller);
    let text = api.database().value_list_text(&id).await?.unwrap_or_else(|| head(list_type));
    api.put_list(&about, text, &caller).await?;
    document(about)
}

/// `DELETE /api/lists`: not while an exception asks for it, but with `ignoreReferences`.
pub(crate) async fn remove(State(api): Api, call: Call) -> Answer {
    let id = call.parameters.required("id")?.to_owned();
    let ignores = call.parameters.flag("ignoreReferences", false)?;
    let _alone = api.change().await;
    let about = api.value_list(&id).await?;
    let users = api.users_of(&id).await?;
    if !users.is_empty() && !ignores {
        return Err(ApiError::conflict(format!(
            "list id: \"{id}\" is asked for by the exception items {}",
            users.join(", ")
        )));
    }
    api.apply(vec![StateChange::RemoveValueList(id)], &call.caller).await?;
    document(about)
}

/// `GET /api/lists/_find`.
pub(crate) async fn find_lists(State(api): Api, call: Call) -> Answer {
    let all = api.database().value_lists().await?.into_iter().filter_map(|about| match about {
        Value::Object(about) => Some(about),
        _ => None,
    });
    found(all.map(findable).collect(), &call)
}

/// `GET /api/lists/items/_find`.
pub(crate) async fn find_values(State(api): Api, call: Call) -> Answer {
    let about = api.value_list(call.parameters.required("list_id")?).await?;
    let values = api.values(&about).await?;
    found(values.iter().map(|value| findable(value_object(&about, value))).collect(), &call)
}

fn findable(object: Map<String, Value>) -> Findable<()> {
    let mut attributes = Attributes::default();
    for (key, value) in &object {
        attributes.add(key, value);
    }
    Findable { attributes, shown: object, object: () }
}

fn found(all: Vec<Findable<()>>, call: &Call) -> Answer {
    let found = find(all, &call.parameters)?;
    let Page { page, per_page } = found.page;
    document(json!({
        "cursor": "",
        "data": found.objects.into_iter().map(|one| one.shown).collect::<Vec<_>>(),
        "page": page,
        "per_page": per_page,
        "total": found.total,
    }))
}

/// `POST /api/lists/items`.
pub(crate) async fn add_value(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let list_id = text_of(&object, "list_id").ok_or_else(|| ApiError::bad("`list_id` is missing"))?;
    let value = text_of(&object, "value").unwrap_or_default().trim().to_owned();
    let _alone = api.change().await;
    let about = api.value_list(list_id).await?;
    let mut values = api.values(&about).await?;
    if values.contains(&value) {
        return Err(ApiError::conflict(format!("the list `{list_id}` has the value `{value}` already")));
    }
    check_value(&about, &value)?;
    values.push(value.clone());
    api.put_values(&about, &values, &caller).await?;
    document(value_object(&about, &value))
}

/// `GET /api/lists/items`: one by its id, or those of a list with a value.
pub(crate) async fn read_value(State(api): Api, call: Call) -> Answer {
    if let Some(id) = call.parameters.get("id") {
        let (about, value) = api.value_of_id(id).await?;
        return document(value_object(&about, &value));
    }
    let about = api.value_list(call.parameters.required("list_id")?).await?;
    let wanted = call.parameters.required("value")?;
    let values = api.values(&about).await?;
    let found = values.iter().filter(|value| *value == wanted).map(|value| value_object(&about, value));
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(ApiError::not_found(format!("the list has no value `{wanted}`")));
    }
    document(json!(found))
}

/// `DELETE /api/lists/items`.
pub(crate) async fn remove_value(State(api): Api, call: Call) -> Answer {
    let _alone = api.change().await;
    let (about, value) = match call.parameters.get("id") {
        Some(id) => api.value_of_id(id).await?,
        None => {
            let about = api.value_list(call.parameters.required("list_id")?).await?;
            (about, call.parameters.required("value")?.to_owned())
        }
    };
    let mut values = api.values(&about).await?;
    let before = values.len();
    values.retain(|one| *one != value);
    if values.len() == before {
        return Err(ApiError::not_found(format!("the list has no value `{value}`")));
    }
    api.put_values(&about, &values, &call.caller).await?;
    document(value_object(&about, &value))
}

/// `POST /api/lists/items/_export`: the values, one a line.
pub(crate) async fn export(State(api): Api, call: Call) -> Answer {
    let list_id = call.parameters.required("list_id")?;
    let about = api.value_list(list_id).await?;
    let mut text = api.values(&about).await?.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(file(text, "text/plain", list_id))
}

/// `POST /api/lists/items/_import`: adds the values of a file to a list, which is made if it is not there.
pub(crate) async fn import(State(api): Api, call: Call) -> Answer {
    let _place = api.transfers.acquire().await;
    let (parameters, caller, name, text) = call.file().await?;
    let list_id = parameters.get("list_id").map_or(name, str::to_owned);
    if list_id.is_empty() {
        return Err(ApiError::bad("neither the parameter `list_id` nor the file has a name for the list"));
    }
    let _alone = api.change().await;
    let about = match api.find_list(&list_id).await? {
        Some(about) => about,
        None => {
            let list_type = type_of(parameters.get("type"))?;
            let about = json!({ "name": list_id, "description": format!("File uploaded as `{list_id}`") });
            let given = about.as_object().cloned().unwrap_or_default();
            api.stamped(&list_id, list_type, &given, None, &caller)
        }
    };
    let mut values = api.values(&about).await?;
    let known: BTreeSet<String> = values.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty());
    values.extend(lines.filter(|line| !known.contains(*line) && seen.insert(*line)).map(str::to_owned));
    // What does not fit is kept, as it is in files of value lists, and told of.
    let checked = with_head(&about, &values)?;
    let source = SourceText::new(list_id, checked.clone());
    let (_, said) = ValueList::parse(source.name(), checked.clone());
    api.put_list(&about, checked, &caller).await?;
    document(with_warnings(about, crate::answer::rendered(&said, &source)))
}

/// `GET /api/lists/index`.
pub(crate) async fn index() -> Answer {
    document(json!({ "list_index": true, "list_item_index": true }))
}

/// `DELETE /api/lists/index`: no list is thrown away by the way.
pub(crate) async fn keep_index() -> Answer {
    Err(ApiError::bad("value lists are removed one by one"))
}

impl DetectionApi {
    async fn find_list(&self, id: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        let lists = self.database().value_lists().await?;
        let is_it = |list: &Value| list.get("id").and_then(Value::as_str) == Some(id);
        Ok(lists.into_iter().find(is_it).and_then(|list| list.as_object().cloned()))
    }

    async fn value_list(&self, id: &str) -> Result<Map<String, Value>, ApiError> {
        let found = self.find_list(id).await?;
        found.ok_or_else(|| ApiError::not_found(format!("list id: \"{id}\" does not exist")))
    }

    async fn values(&self, about: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
        let id = text_of(about, "id").unwrap_or_default();
        let text = self.database().value_list_text(id).await?.unwrap_or_default();
        let lines = text.lines().skip_while(|line| line.starts_with(HEAD));
        Ok(lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// The list that has a value of this id, and the value.
    async fn value_of_id(&self, id: &str) -> Result<(Map<String, Value>, String), ApiError> {
        for list in self.database().value_lists().await? {
            let Value::Object(about) = list else { continue };
            let list_id = text_of(&about, "id").unwrap_or_default();
            let found = self.values(&about).await?.into_iter().find(|value| value_id(list_id, value) == id);
            if let Some(value) = found {
                return Ok((about, value));
            }
        }
        Err(ApiError::not_found(format!("list item id: \"{id}\" does not exist")))
    }

    /// The exception items that ask for a list.
    async fn users_of(&self, id: &str) -> Result<Vec<String>, ApiError> {
        let asks = |entry: &Value| entry["list"]["id"].as_str() == Some(id);
        let items = self.exceptions().await?.items;
        let users = items.iter().filter(|item| {
            item.get("entries").and_then(Value::as_array).is_some_and(|entries| entries.iter().any(asks))
        });
        Ok(users.filter_map(|item| text_of(item, "item_id").map(|id| format!("`{id}`"))).collect())
    }

    async fn put_values(
        &self,
        about: &Map<String, Value>,
        values: &[String],
        caller: &Caller,
    ) -> Result<(), ApiError> {
        self.put_list(about, with_head(about, values)?, caller).await
    }

    async fn put_list(
        &self,
        about: &Map<String, Value>,
        text: String,
        caller: &Caller,
    ) -> Result<(), ApiError> {
        let about = Value::Object(about.clone());
        self.apply(vec![StateChange::PutValueList { about, text }], caller).await
    }

    /// A list as a server shows it.
    fn stamped(
        &self,
        id: &str,
        list_type: ValueListType,
        given: &Map<String, Value>,
        before: Option<&Map<String, Value>>,
        caller: &Caller,
    ) -> Map<String, Value> {
        let now = self.now();
        let of_before =
            |key: &str, new: &str| json!(before.and_then(|before| text_of(before, key)).unwrap_or(new));
        let mut about = Map::new();
        about.insert("id".to_owned(), json!(id));
        about.insert("type".to_owned(), json!(list_type.to_string()));
        for key in KEYS {
            if let Some(value) = given.get(key).filter(|value| !value.is_null()) {
                about.insert(key.to_owned(), value.clone());
            }
        }
        about.entry("version").or_insert(json!(1));
        about.insert("immutable".to_owned(), json!(false));
        about.insert("_version".to_owned(), json!(next_version(before)));
        about.insert("tie_breaker_id".to_owned(), json!(Uuid::new_v5(&VALUES, id.as_bytes()).to_string()));
        about.insert("created_at".to_owned(), of_before("created_at", &now));
        about.insert("created_by".to_owned(), of_before("created_by", &caller.name));
        about.insert("updated_at".to_owned(), json!(now));
        about.insert("updated_by".to_owned(), json!(&*caller.name));
        about
    }
}

/// How the first line of a list begins that tells its type.
const HEAD: &str = "# watchfire:";

fn head(list_type: ValueListType) -> String {
    format!("{HEAD} type={list_type}\n")
}

fn with_head(about: &Map<String, Value>, values: &[String]) -> Result<String, ApiError> {
    let mut text = head(type_of(text_of(about, "type"))?);
    for value in values {
        text.push_str(value);
        text.push('\n');
    }
    Ok(text)
}

fn type_of(name: Option<&str>) -> Result<ValueListType, ApiError> {
    let name = name.ok_or_else(|| ApiError::bad("`type` is missing"))?;
    name.parse().map_err(|_| {
        ApiError::bad(format!("the type of a list is `keyword`, `ip`, `ip_range` or `text`, not `{name}`"))
    })
}

/// Refuses a value that does not fit its list.
fn check_value(about: &Map<String, Value>, value: &str) -> Result<(), ApiError> {
    if value.is_empty() || value.contains('\n') {
        return Err(ApiError::bad("`value` is a text of one line"));
    }
    let text = with_head(about, &[value.to_owned()])?;
    let source = SourceText::new("value", text.clone());
    let (list, said) = ValueList::parse("value", text);
    if list.bad_values == 0 {
        return Ok(());
    }
    let mut error = ApiError::of_diagnostics(&said, &source);
    error.message = format!("the value `{value}` does not fit the type of the list");
    Err(error)
}

fn value_id(list_id: &str, value: &str) -> String {
    let list = Uuid::new_v5(&VALUES, list_id.as_bytes());
    Uuid::new_v5(&list, value.as_bytes()).to_string()
}

fn value_object(about: &Map<String, Value>, value: &str) -> Map<String, Value> {
    let list_id = text_of(about, "id").unwrap_or_default();
    let id = value_id(list_id, value);
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(id));
    object.insert("list_id".to_owned(), json!(list_id));
    object.insert("value".to_owned(), json!(value));
    object.insert("tie_breaker_id".to_owned(), json!(id));
    for key in ["type", "created_at", "created_by", "updated_at", "updated_by"] {
        object.insert(key.to_owned(), about.get(key).cloned().unwrap_or_default());
    }
    object
}
