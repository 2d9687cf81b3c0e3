//! Objects beside rules and exceptions: what is said of value lists, and connectors.

use serde_json::Value;
use sqlx::Row;
use watchfire_events::Timestamp;

use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::rules::millis;

pub(crate) const VALUE_LIST: &str = "value list";
pub(crate) const CONNECTOR: &str = "connector";

impl StateDatabase {
    /// What is said of each value list, in the order of their names.
    ///
    /// # Errors
    /// Of the database.
    pub async fn value_lists(&self) -> Result<Vec<Value>, StateError> {
        self.objects(VALUE_LIST).await
    }

    /// The connectors, in the order of their ids.
    ///
    /// # Errors
    /// Of the database.
    pub async fn connectors(&self) -> Result<Vec<Value>, StateError> {
        self.objects(CONNECTOR).await
    }

    async fn objects(&self, kind: &str) -> Result<Vec<Value>, StateError> {
        let query = sql("SELECT name, body FROM objects WHERE kind = $1 ORDER BY name");
        let mut objects = Vec::new();
        for row in self.rows(query.bind(kind.to_owned())).await? {
            let body: String = row.try_get("body")?;
            let name: String = row.try_get("name")?;
            objects.push(
                serde_json::from_str(&body)
                    .map_err(|_| StateError::unreadable(format!("the {kind} `{name}`")))?,
            );
        }
        Ok(objects)
    }
}

/// Keeps an object; gives back the one before.
pub(crate) async fn put_object(
    writing: &mut Writing,
    kind: &str,
    name: &str,
    body: &Value,
    now: Timestamp,
) -> Result<Option<Value>, StateError> {
    let before = sql("SELECT body FROM objects WHERE kind = $1 AND name = $2");
    let row = writing.row(before.bind(kind.to_owned()).bind(name.to_owned())).await?;
    let before = row.map(|row| row.try_get::<String, _>("body")).transpose()?;
    let upsert = "INSERT INTO objects (kind, name, body, updated_ms) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (kind, name) DO UPDATE SET body = $3, updated_ms = $4";
    let upsert =
        sql(upsert).bind(kind.to_owned()).bind(name.to_owned()).bind(body.to_string()).bind(millis(now));
    writing.run(upsert).await?;
    Ok(before.and_then(|before| serde_json::from_str(&before).ok()))
}
