//! Lists and their items as files: export, import, copies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use axum::extract::State;
use serde_json::{Map, Value, json};
use watchfire_events::Timestamp;
use watchfire_server::Caller;
use watchfire_state::StateChange;

use super::items::no_list;
use super::store::{Name, namespace_of, stamp};
use crate::answer::{Answer, ApiError, NDJSON, document, file};
use crate::request::{Api, Call, text_of};
use crate::service::DetectionApi;

/// The exceptions of a file.
#[derive(Default)]
pub(crate) struct ExceptionFile {
    pub(crate) lists: Vec<Map<String, Value>>,
    pub(crate) items: Vec<Map<String, Value>>,
}

/// What becomes of the exceptions of a file.
#[derive(Default)]
pub(crate) struct ExceptionPlan {
    pub(crate) changes: Vec<StateChange>,
    /// Namespace and name of the lists that will be there.
    pub(crate) lists: BTreeSet<(String, String)>,
    /// The new names of lists that are kept beside those of their old names.
    pub(crate) renamed: BTreeMap<String, String>,
    pub(crate) taken: usize,
    pub(crate) taken_lists: usize,
    pub(crate) errors: Vec<Value>,
    pub(crate) warnings: Vec<Value>,
}

/// `POST /api/exception_lists/_export`.
pub(crate) async fn export(State(api): Api, call: Call) -> Answer {
    let with_expired = call.parameters.flag("include_expired_exceptions", true)?;
    let store = api.exceptions().await?;
    let list = store.named_list(&Name::of_parameters(&call.parameters, "list_id"))?;
    let list_id = text_of(list, "list_id").unwrap_or_default();
    let now = api.parts.clock.now();
    let items: Vec<_> = store
        .items_of(namespace_of(list), list_id)
        .filter(|item| with_expired || !is_expired(item, now))
        .collect();
    let mut text = format!("{}\n", Value::Object(list.clone()));
    for item in &items {
        let _ = writeln!(text, "{}", Value::Object((*item).clone()));
    }
    let summary = json!({
        "exported_exception_list_count": 1,
        "exported_exception_list_item_count": items.len(),
        "missing_exception_list_item_count": 0,
        "missing_exception_list_items": [],
        "missing_exception_lists": [],
        "missing_exception_lists_count": 0,
    });
    let _ = writeln!(text, "{summary}");
    Ok(file(text, NDJSON, &format!("{list_id}.ndjson")))
}

fn is_expired(item: &Map<String, Value>, now: Timestamp) -> bool {
    text_of(item, "expire_time").and_then(Timestamp::parse).is_some_and(|until| until <= now)
}

/// `POST /api/exception_lists/_import`.
pub(crate) async fn import(State(api): Api, call: Call) -> Answer {
    let _place = api.transfers.acquire().await;
    let (parameters, caller, _, text) = call.file().await?;
    let overwrite = parameters.flag("overwrite", false)?;
    let as_new_list = parameters.flag("as_new_list", false)?;
    let mut file = ExceptionFile::default();
    let mut unread = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(object)) if object.contains_key("item_id") => file.items.push(object),
            Ok(Value::Object(object)) if object.contains_key("list_id") => file.lists.push(object),
            Ok(Value::Object(object)) if object.contains_key("exported_exception_list_count") => {}
            _ => {
                let message = format!("line {} is neither an exception list nor an item of one", at + 1);
                unread.push(json!({ "list_id": "(unknown id)", "error": ApiError::bad(message).entry() }));
            }
        }
    }
    let _alone = api.change().await;
    let mut plan = api.plan_exceptions(file, overwrite, as_new_list, &caller).await?;
    plan.errors.extend(unread);
    api.apply(plan.changes, &caller).await?;
    let is_of_item = |error: &&Value| error.get("item_id").is_some();
    let item_errors = plan.errors.iter().filter(is_of_item).count();
    document(json!({
        "success": plan.errors.is_empty(),
        "success_count": plan.taken,
        "errors": plan.errors,
        "success_exception_lists": plan.errors.len() == item_errors,
        "success_count_exception_lists": plan.taken_lists,
        "success_exception_list_items": item_errors == 0,
        "success_count_exception_list_items": plan.taken - plan.taken_lists,
        "watchfire": { "exceptions": plan.warnings },
    }))
}

/// `POST /api/exception_lists/_duplicate`.
pub(crate) async fn duplicate(State(api): Api, call: Call) -> Answer {
    let with_expired = call.parameters.flag("include_expired_exceptions", true)?;
    let _alone = api.change().await;
    let list_id = call.parameters.required("list_id")?;
    let namespace = call.parameters.get("namespace_type").unwrap_or("single");
    let store = api.exceptions().await?;
    let list = store.list(namespace, list_id).ok_or_else(|| no_list(list_id))?;
    let mut copy = list.clone();
    copy.shift_remove("list_id");
    copy.shift_remove("version");
    let name = text_of(list, "name").unwrap_or_default();
    copy.insert("name".to_owned(), format!("{name} [Duplicate]").into());
    let copy = api.new_list(&copy, &call.caller)?;
    let mut changes = vec![StateChange::PutException(Value::Object(copy.clone()))];
    let now = api.parts.clock.now();
    for item in store.items_of(namespace, list_id).filter(|item| with_expired || !is_expired(item, now)) {
        let mut item = item.clone();
        item.insert("item_id".to_owned(), api.new_id().into());
        item.insert("list_id".to_owned(), copy["list_id"].clone());
        stamp(&mut item, None, &call.caller, &api.now());
        changes.push(StateChange::PutException(Value::Object(item)));
    }
    api.apply(changes, &call.caller).await?;
    document(copy)
}

impl DetectionApi {
    /// Says what is to be changed for the exceptions of a file.
    pub(crate) async fn plan_exceptions(
        &self,
        file: ExceptionFile,
        overwrite: bool,
        as_new_list: bool,
        caller: &Caller,
    ) -> Result<ExceptionPlan, ApiError> {
        let mut plan = ExceptionPlan::default();
        if file.lists.is_empty() && file.items.is_empty() {
            return Ok(plan);
        }
        let store = self.exceptions().await?;
        let now = self.now();
        let (mut lists, mut items) = (Vec::new(), Vec::new());
        for mut list in file.lists {
            let (namespace, list_id) = names(&list, "list_id");
            let before = store.list(&namespace, &list_id).filter(|_| !as_new_list);
            if before.is_some() && !overwrite {
                let error = ApiError::conflict(format!(
                    "Found that list_id: \"{list_id}\" already exists. Import of list_id: \"{list_id}\" skipped."
                ));
                plan.errors.push(json!({ "list_id": list_id, "error": error.entry() }));
                continue;
            }
            if as_new_list {
                let new = plan.renamed.entry(list_id).or_insert_with(|| self.new_id());
                list.insert("list_id".to_owned(), new.as_str().into());
            }
            list.entry("version").or_insert(json!(1));
            list.entry("immutable").or_insert(json!(false));
            stamp(&mut list, before, caller, &now);
            lists.push(list);
        }
        let known: Vec<Map<String, Value>> = lists.iter().chain(&store.lists).cloned().collect();
        let mut seen = BTreeSet::new();
        for mut item in file.items {
            let (namespace, item_id) = names(&item, "item_id");
            let list_id = text_of(&item, "list_id").unwrap_or_default().to_owned();
            let mut refuse = |error: ApiError| {
                plan.errors.push(json!({ "item_id": item_id, "list_id": list_id, "error": error.entry() }));
            };
            if let Some(new) = plan.renamed.get(&list_id) {
                item.insert("list_id".to_owned(), new.as_str().into());
                item.insert("item_id".to_owned(), self.new_id().into());
            } else if !known.iter().any(|list| names(list, "list_id") == (namespace.clone(), list_id.clone()))
            {
                refuse(no_list(&list_id));
                continue;
            }
            let before = store.item(&namespace, &item_id).filter(|_| !as_new_list);
            if !seen.insert((namespace.clone(), item_id.clone())) {
                refuse(ApiError::bad(format!(
                    "more than one item of the file has the item_id \"{item_id}\""
                )));
                continue;
            }
            if before.is_some() && !overwrite {
                refuse(ApiError::conflict(format!(
                    "Found that item_id: \"{item_id}\" already exists. Import of item_id: \"{item_id}\" skipped."
                )));
                continue;
            }
            item.entry("comments").or_insert(json!([]));
            stamp(&mut item, before, caller, &now);
            items.push((item, before));
        }
        let (moved, items): (Vec<_>, Vec<_>) = items.into_iter().map(|(item, before)| (before, item)).unzip();
        let (of_known, of_items) = self.check_exceptions(&known, &items).await?;
        for (list, check) in lists.into_iter().zip(of_known) {
            let (namespace, list_id) = names(&list, "list_id");
            match check {
                Ok(warnings) => {
                    plan.taken += 1;
                    plan.taken_lists += 1;
                    plan.warn(&list, &warnings);
                    plan.lists.insert((namespace, list_id));
                    plan.changes.push(StateChange::PutException(Value::Object(list)));
                }
                Err(error) => plan.errors.push(json!({ "list_id": list_id, "error": error.entry() })),
            }
        }
        for ((item, check), before) in items.into_iter().zip(of_items).zip(moved) {
            let (_, item_id) = names(&item, "item_id");
            match check {
                Ok(warnings) => {
                    // An item is kept under its list as well: one that goes to another list leaves the old one.
                    if let Some(old) = before.filter(|old| old.get("list_id") != item.get("list_id")) {
                        let (namespace, list_id) = names(old, "list_id");
                        let item_id = item_id.clone();
                        plan.changes.push(StateChange::RemoveExceptionItem { namespace, list_id, item_id });
                    }
                    plan.taken += 1;
                    plan.warn(&item, &warnings);
                    plan.changes.push(StateChange::PutException(Value::Object(item)));
                }
                Err(error) => {
                    let list_id = text_of(&item, "list_id");
                    plan.errors
                        .push(json!({ "item_id": item_id, "list_id": list_id, "error": error.entry() }));
                }
            }
        }
        Ok(plan)
    }
}

impl ExceptionPlan {
    fn warn(&mut self, object: &Map<String, Value>, warnings: &[Value]) {
        if !warnings.is_empty() {
            let (list_id, item_id) = (text_of(object, "list_id"), text_of(object, "item_id"));
            self.warnings.push(json!({ "list_id": list_id, "item_id": item_id, "diagnostics": warnings }));
        }
    }
}

/// Namespace and name.
fn names(object: &Map<String, Value>, key: &str) -> (String, String) {
    (namespace_of(object).to_owned(), text_of(object, key).unwrap_or_default().to_owned())
}
