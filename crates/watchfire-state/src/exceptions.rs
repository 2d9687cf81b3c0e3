//! Exception lists, their items and value lists as they are kept.

use serde_json::Value;
use sqlx::Row;
use watchfire_detect::ExceptionBook;
use watchfire_diagnostics::{Diagnostic, SourceText};
use watchfire_events::Timestamp;
use watchfire_ir::Schema;
use watchfire_rules::exceptions::{ValueList, load_text};

use crate::database::{Sql, StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::rules::millis;

pub(crate) const LIST: &str = "list";
pub(crate) const ITEM: &str = "item";
pub(crate) const VALUES: &str = "values";

/// Under which names an exception list, an item or a value list is kept.
pub(crate) struct ExceptionKey {
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) list: String,
    pub(crate) item: String,
}

impl ExceptionKey {
    /// That of a list or, if it has an `item_id`, an item.
    pub(crate) fn of(object: &Value) -> Result<Self, StateError> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (list, item) = (text("list_id"), text("item_id"));
        if list.is_empty() {
            return Err(StateError::unreadable("an exception without a `list_id`"));
        }
        let kind = if item.is_empty() { LIST } else { ITEM };
        let namespace = match text("namespace_type") {
            none if none.is_empty() => "single".to_owned(),
            given => given,
        };
        Ok(Self { kind, namespace, list, item })
    }

    /// As people call it.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            ITEM => format!("{}/{}", self.list, self.item),
            _ => self.list.clone(),
        }
    }

    fn bind(&self, query: Sql) -> Sql {
        let Self { kind, namespace, list, item } = self;
        query.bind((*kind).to_owned()).bind(namespace.clone()).bind(list.clone()).bind(item.clone())
    }

    /// What is kept under it.
    pub(crate) async fn body(&self, writing: &mut Writing) -> Result<Option<String>, StateError> {
        let query = "SELECT body FROM exceptions \
            WHERE kind = $1 AND namespace = $2 AND list = $3 AND item = $4";
        let row = writing.row(self.bind(sql(query))).await?;
        Ok(row.map(|row| row.try_get("body")).transpose()?)
    }

    /// Takes away what is kept under it; how many that were.
    pub(crate) async fn delete(&self, writing: &mut Writing) -> Result<u64, StateError> {
        let delete = "DELETE FROM exceptions WHERE kind = $1 AND namespace = $2 AND list = $3 AND item = $4";
        writing.run(self.bind(sql(delete))).await
    }
}

/// Keeps something under its names.
pub(crate) async fn put_row(
    writing: &mut Writing,
    key: &ExceptionKey,
    body: String,
    now: Timestamp,
) -> Result<(), StateError> {
    let upsert = "INSERT INTO exceptions (kind, namespace, list, item, body, updated_ms) \
        VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (kind, namespace, list, item) DO UPDATE SET body = $5, updated_ms = $6";
    writing.run(key.bind(sql(upsert)).bind(body).bind(millis(now))).await?;
    Ok(())
}

/// The texts of all exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExceptionTexts {
    /// Lists and items, a JSON object a line.
    lists: String,
    /// The name and the text of each value list.
    values: Vec<(String, String)>,
}

impl ExceptionTexts {
    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.values.is_empty()
    }

    /// What they mean over a schema.
    pub(crate) fn book(&self, schema: &dyn Schema, now: Timestamp) -> ExceptionBook {
        let read = |(name, text): &(String, String)| {
            let (list, said) = ValueList::parse(name, text.clone());
            (list, (SourceText::new(name.clone(), text.clone()), said))
        };
        let (lists, said): (Vec<ValueList>, Vec<(SourceText, Vec<Diagnostic>)>) =
            self.values.iter().map(read).unzip();
        let mut book = ExceptionBook::new(load_text("exceptions", &self.lists), lists, schema, now);
        book.add_texts(said);
        book
    }
}

impl StateDatabase {
    /// Keeps an exception list or an item of one, in the form in which Kibana exports it: one with an `item_id` is an item. One
    /// of the same name is replaced.
    ///
    /// # Errors
    /// If it is neither.
    pub async fn put_exception(&self, object: &Value, now: Timestamp) -> Result<(), StateError> {
        let key = ExceptionKey::of(object)?;
        let mut writing = self.begin().await?;
        put_row(&mut writing, &key, object.to_string(), now).await?;
        writing.commit().await
    }

    /// All exception lists and items, lists in front of items, each kind in the order of its names.
    ///
    /// # Errors
    /// Of the database.
    pub async fn exception_objects(&self) -> Result<Vec<Value>, StateError> {
        let mut objects = Vec::new();
        for kind in [LIST, ITEM] {
            let query = sql("SELECT list, item, body FROM exceptions WHERE kind = $1 \
                ORDER BY namespace, list, item");
            for row in self.rows(query.bind(kind.to_owned())).await? {
                let body: String = row.try_get("body")?;
                let list: String = row.try_get("list")?;
                objects.push(
                    serde_json::from_str(&body)
                        .map_err(|_| StateError::unreadable(format!("exceptions of `{list}`")))?,
                );
            }
        }
        Ok(objects)
    }

    /// The values of a value list, one a line, if there is such a list.
    ///
    /// # Errors
    /// Of the database.
    pub async fn value_list_text(&self, id: &str) -> Result<Option<String>, StateError> {
        let query = sql("SELECT body FROM exceptions WHERE kind = $1 AND list = $2");
        let row = self.row(query.bind(VALUES.to_owned()).bind(id.to_owned())).await?;
        Ok(row.map(|row| row.try_get("body")).transpose()?)
    }

    /// Keeps a value list: its name, as items call it, and its values, one a line.
    ///
    /// # Errors
    /// Of the database.
    pub async fn put_value_list(&self, name: &str, text: &str, now: Timestamp) -> Result<(), StateError> {
        let (list, empty) = (name.to_owned(), String::new());
        let key = ExceptionKey { kind: VALUES, namespace: empty.clone(), list, item: empty };
        let mut writing = self.begin().await?;
        put_row(&mut writing, &key, text.to_owned(), now).await?;
        writing.commit().await
    }

    /// Takes an item away.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn remove_exception(&self, list_id: &str, item_id: &str) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        let delete = sql("DELETE FROM exceptions WHERE kind = $1 AND list = $2 AND item = $3")
            .bind(ITEM.to_owned())
            .bind(list_id.to_owned())
            .bind(item_id.to_owned());
        if writing.run(delete).await? == 0 {
            return Err(StateError::Absent { what: format!("exception item `{list_id}/{item_id}`") });
        }
        writing.commit().await
    }

    pub(crate) async fn exception_texts(&self) -> Result<ExceptionTexts, StateError> {
        let mut texts = ExceptionTexts::default();
        // Lists sort behind items; what stands where does not matter.
        let query = sql("SELECT kind, list, body FROM exceptions ORDER BY kind, namespace, list, item");
        for row in self.rows(query).await? {
            let body: String = row.try_get("body")?;
            if row.try_get::<String, _>("kind")? == VALUES {
                texts.values.push((row.try_get("list")?, body));
            } else {
                texts.lists.push_str(&body);
                texts.lists.push('\n');
            }
        }
        Ok(texts)
    }
}
