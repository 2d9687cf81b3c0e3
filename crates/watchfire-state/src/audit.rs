//! Who changed what, when. An entry is written in the transaction of its change: there is none without the other.

use serde_json::{Map, Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use watchfire_events::Timestamp;

use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::rules::millis;

/// Who changes something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The name.
    pub name: &'a str,
    /// The time.
    pub at: Timestamp,
}

/// One change, as it was written down.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its number: later changes have higher ones.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done, such as `created`.
    pub action: String,
    /// What it was done to: `rule`, `exception list`, `exception item`, `value list`, `connector`, `alerts`.
    pub kind: String,
    /// Which one.
    pub object: String,
    /// What was changed, from what to what; of something that was removed, all of it.
    pub body: Value,
}

impl StateDatabase {
    /// Entries, the latest first: `limit` of them behind `skip` later ones.
    ///
    /// # Errors
    /// Of the database.
    pub async fn audit(&self, skip: u32, limit: u32) -> Result<Vec<AuditEntry>, StateError> {
        let query = sql("SELECT * FROM audit ORDER BY number DESC LIMIT $1 OFFSET $2");
        let query = query.bind(i64::from(limit)).bind(i64::from(skip));
        self.rows(query).await?.iter().map(entry).collect()
    }

    /// Notes that somebody had rules run.
    ///
    /// # Errors
    /// Of the database.
    pub async fn note_run(&self, body: Value, by: &Actor<'_>) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        writing.note(by, Note { action: "run", kind: "rules", object: "by hand", body }).await?;
        writing.commit().await
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// Of the database.
    pub async fn audit_count(&self) -> Result<u64, StateError> {
        let row = self.row(sql("SELECT COUNT(*) AS entries FROM audit")).await?;
        row.map_or(Ok(0), |row| Ok(row.try_get::<i64, _>("entries")? as u64))
    }
}

/// What is noted of a change.
pub(crate) struct Note<'a> {
    pub(crate) action: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) object: &'a str,
    pub(crate) body: Value,
}

impl Writing {
    /// Notes who made a change.
    pub(crate) async fn note(&mut self, by: &Actor<'_>, note: Note<'_>) -> Result<(), StateError> {
        self.run(sql("UPDATE audit_counter SET last = last + 1 WHERE id = 1")).await?;
        let row = self.row(sql("SELECT last FROM audit_counter WHERE id = 1")).await?;
        let number: i64 = row.map_or(Ok(1), |row| row.try_get("last"))?;
        let insert = "INSERT INTO audit (number, at_ms, actor, action, kind, object, body) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let insert = sql(insert)
            .bind(number)
            .bind(millis(by.at))
            .bind(by.name.to_owned())
            .bind(note.action.to_owned())
            .bind(note.kind.to_owned())
            .bind(note.object.to_owned())
            .bind(note.body.to_string());
        self.run(insert).await?;
        Ok(())
    }
}

/// The keys in which two objects differ, each with what it was and what it is.
pub(crate) fn differences(before: &Value, after: &Value) -> Value {
    let empty = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let changed = keys.filter(|key| before.get(*key) != after.get(*key));
    let change = |key: &String| (key.clone(), json!({ "from": before.get(key), "to": after.get(key) }));
    Value::Object(changed.map(change).collect())
}

fn entry(row: &AnyRow) -> Result<AuditEntry, StateError> {
    let number = row.try_get::<i64, _>("number")? as u64;
    let body: String = row.try_get("body")?;
    Ok(AuditEntry {
        number,
        at: Timestamp::from_millis(row.try_get("at_ms")?),
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        kind: row.try_get("kind")?,
        object: row.try_get("object")?,
        body: serde_json::from_str(&body)
            .map_err(|_| StateError::unreadable(format!("entry {number} of the audit log")))?,
    })
}
