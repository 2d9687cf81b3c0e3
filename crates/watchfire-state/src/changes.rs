//! Changes that people make: many at once, in one transaction, each with its entry in the audit log.

use serde_json::{Value, json};
use watchfire_rules::model::Rule;

use crate::audit::{Actor, Note, differences};
use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::exceptions::{ExceptionKey, ITEM, LIST, VALUES, put_row};
use crate::objects::{CONNECTOR, VALUE_LIST, put_object};
use crate::rules::{put_rule, remove_rule};

/// One change.
#[derive(Clone, Debug)]
pub enum StateChange {
    /// Keeps a rule, in place of the one of its `rule_id`. Who changes it is written into it.
    PutRule {
        /// The rule.
        rule: Box<Rule>,
        /// Where it came from.
        source: String,
    },
    /// Takes a rule away, by its id.
    RemoveRule(String),
    /// Keeps an exception list, or an item if it has an `item_id`, in place of the one of its name.
    PutException(Value),
    /// Takes a list away, with its items.
    RemoveExceptionList {
        /// `single` or `agnostic`.
        namespace: String,
        /// Its name.
        list_id: String,
    },
    /// Takes an item away.
    RemoveExceptionItem {
        /// `single` or `agnostic`.
        namespace: String,
        /// The name of its list.
        list_id: String,
        /// Its name.
        item_id: String,
    },
    /// Keeps a value list: what is said of it, with its name as `id`, and its values, one a line.
    PutValueList {
        /// What is said of it.
        about: Value,
        /// The values.
        text: String,
    },
    /// Takes a value list away.
    RemoveValueList(String),
    /// Keeps a connector, by its `id`.
    PutConnector(Value),
}

impl StateDatabase {
    /// Makes changes, in their order: all of them or, after an error, none.
    ///
    /// # Errors
    /// If something that is to be taken away is not there; and of the database.
    pub async fn apply(&self, changes: Vec<StateChange>, by: &Actor<'_>) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        for change in changes {
            make(&mut writing, change, by).await?;
        }
        writing.commit().await
    }
}

async fn make(writing: &mut Writing, change: StateChange, by: &Actor<'_>) -> Result<(), StateError> {
    match change {
        StateChange::PutRule { mut rule, source } => {
            rule.server.updated_by = Some(by.name.to_owned());
            put_rule(writing, &rule, &source, by).await.map(drop)
        }
        StateChange::RemoveRule(id) => remove_rule(writing, &id, by).await,
        StateChange::PutException(object) => put_exception(writing, &object, by).await,
        StateChange::RemoveExceptionList { namespace, list_id } => {
            remove_list(writing, namespace, list_id, by).await
        }
        StateChange::RemoveExceptionItem { namespace, list_id, item_id } => {
            let key = ExceptionKey { kind: ITEM, namespace, list: list_id, item: item_id };
            let body = key.body(writing).await?;
            let body = body.ok_or_else(|| StateError::Absent { what: key.name() })?;
            key.delete(writing).await?;
            note(writing, by, "removed", "exception item", &key.name(), parsed(&body)).await
        }
        StateChange::PutValueList { about, text } => put_value_list(writing, &about, text, by).await,
        StateChange::RemoveValueList(id) => {
            let key = ExceptionKey {
                kind: VALUES,
                namespace: String::new(),
                list: id.clone(),
                item: String::new(),
            };
            let there = key.delete(writing).await?;
            let delete = sql("DELETE FROM objects WHERE kind = $1 AND name = $2");
            let about = writing.run(delete.bind(VALUE_LIST.to_owned()).bind(id.clone())).await?;
            if there + about == 0 {
                return Err(StateError::Absent { what: format!("value list `{id}`") });
            }
            note(writing, by, "removed", "value list", &id, json!({})).await
        }
        StateChange::PutConnector(connector) => {
            let id = connector.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            if id.is_empty() {
                return Err(StateError::unreadable("a connector without an `id`"));
            }
            let before = put_object(writing, CONNECTOR, &id, &connector, by.at).await?;
            let (action, body) = what_changed(before.as_ref(), &connector);
            note(writing, by, action, "connector", &id, body).await
        }
    }
}

async fn put_exception(writing: &mut Writing, object: &Value, by: &Actor<'_>) -> Result<(), StateError> {
    let key = ExceptionKey::of(object)?;
    let before = key.body(writing).await?.map(|body| parsed(&body));
    put_row(writing, &key, object.to_string(), by.at).await?;
    let (action, body) = what_changed(before.as_ref(), object);
    let kind = if key.kind == LIST { "exception list" } else { "exception item" };
    note(writing, by, action, kind, &key.name(), body).await
}

async fn remove_list(
    writing: &mut Writing,
    namespace: String,
    list_id: String,
    by: &Actor<'_>,
) -> Result<(), StateError> {
    let key = ExceptionKey { kind: LIST, namespace, list: list_id, item: String::new() };
    let body = key.body(writing).await?.ok_or_else(|| StateError::Absent { what: key.name() })?;
    key.delete(writing).await?;
    let delete = sql("DELETE FROM exceptions WHERE kind = $1 AND namespace = $2 AND list = $3");
    let items =
        writing.run(delete.bind(ITEM.to_owned()).bind(key.namespace.clone()).bind(key.list.clone())).await?;
    let body = json!({ "list": parsed(&body), "items": items });
    note(writing, by, "removed", "exception list", &key.name(), body).await
}

async fn put_value_list(
    writing: &mut Writing,
    about: &Value,
    text: String,
    by: &Actor<'_>,
) -> Result<(), StateError> {
    let id = about.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if id.is_empty() {
        return Err(StateError::unreadable("a value list without an `id`"));
    }
    let key = ExceptionKey { kind: VALUES, namespace: String::new(), list: id.clone(), item: String::new() };
    let had = key.body(writing).await?;
    let lines = |text: &str| text.lines().count();
    let values = json!({ "from": had.as_deref().map(lines), "to": lines(&text) });
    put_row(writing, &key, text, by.at).await?;
    let before = put_object(writing, VALUE_LIST, &id, about, by.at).await?;
    let (action, mut body) = what_changed(before.as_ref(), about);
    if let Value::Object(body) = &mut body {
        body.insert("lines".to_owned(), values);
    }
    note(writing, by, action, "value list", &id, body).await
}

fn what_changed(before: Option<&Value>, after: &Value) -> (&'static str, Value) {
    match before {
        None => ("created", json!({})),
        Some(before) => ("changed", differences(before, after)),
    }
}

async fn note(
    writing: &mut Writing,
    by: &Actor<'_>,
    action: &str,
    kind: &str,
    object: &str,
    body: Value,
) -> Result<(), StateError> {
    writing.note(by, Note { action, kind, object, body }).await
}

/// What was written here as JSON.
fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()))
}
