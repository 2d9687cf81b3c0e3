//! Exception lists, their items and value lists as they are kept.

use serde_json::Value;
use sqlx::Row;
use watchfire_detect::ExceptionBook;
use watchfire_diagnostics::{Diagnostic, SourceText};
use watchfire_events::Timestamp;
use watchfire_ir::Schema;
use watchfire_rules::exceptions::{ValueList, load_text};

use crate::database::{StateDatabase, sql};
use crate::error::StateError;
use crate::rules::millis;

const LIST: &str = "list";
const ITEM: &str = "item";
const VALUES: &str = "values";

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
        self.put(kind, [namespace, list, item], object.to_string(), now).await
    }

    /// Keeps a value list: its name, as items call it, and its values, one a line.
    ///
    /// # Errors
    /// Of the database.
    pub async fn put_value_list(&self, name: &str, text: &str, now: Timestamp) -> Result<(), StateError> {
        let key = [String::new(), name.to_owned(), String::new()];
        self.put(VALUES, key, text.to_owned(), now).await
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

    async fn put(
        &self,
        kind: &str,
        [namespace, list, item]: [String; 3],
        body: String,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let upsert = "INSERT INTO exceptions (kind, namespace, list, item, body, updated_ms) \
            VALUES ($1, $2, $3, $4, $5, $6) \
            ON CONFLICT (kind, namespace, list, item) DO UPDATE SET body = $5, updated_ms = $6";
        let upsert = sql(upsert)
            .bind(kind.to_owned())
            .bind(namespace)
            .bind(list)
            .bind(item)
            .bind(body)
            .bind(millis(now));
        let mut writing = self.begin().await?;
        writing.run(upsert).await?;
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
