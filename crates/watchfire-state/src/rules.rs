//! The rules as they are kept.

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use watchfire_detect::RuleUuid;
use watchfire_events::Timestamp;
use watchfire_rules::format;
use watchfire_rules::model::Rule;

use crate::audit::{Actor, Note, differences};
use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::pass::SPACE;

/// A rule that is kept.
#[derive(Clone, Debug)]
pub struct KeptRule {
    /// Its identity in this space.
    pub id: String,
    /// The rule, with `enabled` as it is.
    pub rule: Rule,
    /// Raised by each change of what the rule is; 0 at first. Being enabled or not is no part of that.
    pub revision: u64,
    /// Where it came from.
    pub source: String,
    /// When it was installed.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// From when on executions are owed; nothing while it is not enabled.
    pub scheduled_from: Option<Timestamp>,
}

/// What changes of a rule while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleStanding {
    pub(crate) id: String,
    pub(crate) revision: u64,
    pub(crate) updated: Timestamp,
    pub(crate) scheduled_from: Option<Timestamp>,
    /// The number of settlements.
    pub(crate) settled: i64,
    /// The longest window that it has had.
    pub(crate) reach_ms: i64,
}

impl KeptRule {
    /// A rule that is kept nowhere.
    pub(crate) fn alone(rule: &Rule, now: Timestamp) -> Self {
        Self {
            id: identity(rule).0,
            rule: rule.clone(),
            revision: 0,
            source: String::new(),
            created: now,
            updated: now,
            scheduled_from: None,
        }
    }
}

/// What installing a rule did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// It was not there.
    New,
    /// It was there with another content.
    Changed,
    /// It was there as it is.
    Same,
}

pub(crate) fn millis(at: Timestamp) -> i64 {
    at.millis()
}

/// The identity of a rule: by its `rule_id`, or its name where it has none.
fn identity(rule: &Rule) -> (String, String) {
    let rule_id = rule.rule_id.as_ref().map_or_else(|| rule.name.clone(), ToString::to_string);
    (RuleUuid::new(SPACE, &rule_id).to_string(), rule_id)
}

impl StateDatabase {
    /// Installs a rule, or changes the one of its `rule_id`. One that is enabled is executed from `now` on; one that was
    /// enabled before goes on where it was.
    ///
    /// # Errors
    /// Of the database.
    pub async fn install_rule(
        &self,
        rule: &Rule,
        source: &str,
        now: Timestamp,
    ) -> Result<Installed, StateError> {
        let mut writing = self.begin().await?;
        let by = Actor { name: INSTALLER, at: now };
        let installed = put_rule(&mut writing, rule, source, &by).await?;
        writing.commit().await?;
        Ok(installed)
    }

    /// Turns the executions of a rule on or off. What was missed while they were off is not owed.
    ///
    /// # Errors
    /// If there is no such rule.
    pub async fn enable_rule(&self, id: &str, enabled: bool, now: Timestamp) -> Result<(), StateError> {
        let mut kept = self.rule(id).await?;
        if kept.rule.enabled() == enabled {
            return Ok(());
        }
        kept.rule.enabled = Some(enabled);
        self.install_rule(&kept.rule, &kept.source, now).await?;
        Ok(())
    }

    /// Takes a rule away, with all that is known of its executions. Its alerts stay.
    ///
    /// # Errors
    /// If there is no such rule.
    pub async fn remove_rule(&self, id: &str, now: Timestamp) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        remove_rule(&mut writing, id, &Actor { name: INSTALLER, at: now }).await?;
        writing.commit().await
    }

    /// A rule by its id.
    ///
    /// # Errors
    /// If there is no such rule.
    pub async fn rule(&self, id: &str) -> Result<KeptRule, StateError> {
        let row = self.row(sql("SELECT * FROM rules WHERE id = $1").bind(id.to_owned())).await?;
        kept(&row.ok_or_else(|| absent(id))?)
    }

    /// A rule by its `rule_id`, if there is one.
    ///
    /// # Errors
    /// Of the database.
    pub async fn rule_by_rule_id(&self, rule_id: &str) -> Result<Option<KeptRule>, StateError> {
        let query = sql("SELECT * FROM rules WHERE rule_id = $1").bind(rule_id.to_owned());
        self.row(query).await?.as_ref().map(kept).transpose()
    }

    /// All rules, in order of their `rule_id`.
    ///
    /// # Errors
    /// Of the database.
    pub async fn rules(&self) -> Result<Vec<KeptRule>, StateError> {
        self.rows(sql("SELECT * FROM rules ORDER BY rule_id")).await?.iter().map(kept).collect()
    }

    /// What changes of the rules while they run, in order of their `rule_id`.
    pub(crate) async fn rule_standings(&self) -> Result<Vec<RuleStanding>, StateError> {
        let query = sql(
            "SELECT id, revision, updated_ms, scheduled_from_ms, settled, reach_ms FROM rules ORDER BY rule_id",
        );
        let standing = |row: &AnyRow| {
            Ok(RuleStanding {
                id: row.try_get("id")?,
                revision: row.try_get::<i64, _>("revision")? as u64,
                updated: Timestamp::from_millis(row.try_get("updated_ms")?),
                scheduled_from: row
                    .try_get::<Option<i64>, _>("scheduled_from_ms")?
                    .map(Timestamp::from_millis),
                settled: row.try_get("settled")?,
                reach_ms: row.try_get("reach_ms")?,
            })
        };
        self.rows(query).await?.iter().map(standing).collect()
    }
}

/// Who installs rules when nobody is named.
const INSTALLER: &str = "watchfire";

/// What a rule has beside what it is: whether it runs, and what a server adds.
pub const BESIDE_CONTENT: [&str; 13] = [
    "enabled",
    "id",
    "immutable",
    "rule_source",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "revision",
    "execution_summary",
    "outcome",
    "alias_target_id",
    "alias_purpose",
];

/// What the rule of a body is, whoever keeps it.
fn content(body: &Value) -> Value {
    let mut content = body.clone();
    if let Value::Object(keys) = &mut content {
        keys.retain(|key, _| !BESIDE_CONTENT.contains(&&**key));
    }
    content
}

/// A rule as it is to be kept, with who made the one that was there.
fn body_of(rule: &Rule, before: Option<&Value>) -> Result<Value, StateError> {
    let mut rule = rule.clone();
    rule.enabled = Some(rule.enabled());
    let server = &mut rule.server;
    let made = before.and_then(|before| Some(before.get("created_by")?.as_str()?.to_owned()));
    server.created_by = match before {
        Some(_) => made,
        None => server.created_by.take().or_else(|| server.updated_by.clone()),
    };
    (server.id, server.created_at, server.updated_at) = (None, None, None);
    (server.revision, server.execution_summary) = (None, None);
    (server.outcome, server.alias_target_id, server.alias_purpose) = (None, None, None);
    format::json::write(&rule)
        .map_err(|error| StateError::unreadable(format!("a rule that cannot be written: {error}")))
}

/// Keeps a rule in place of the one of its `rule_id`.
pub(crate) async fn put_rule(
    writing: &mut Writing,
    rule: &Rule,
    source: &str,
    by: &Actor<'_>,
) -> Result<Installed, StateError> {
    let (id, rule_id) = identity(rule);
    let known = sql("SELECT body, enabled, scheduled_from_ms FROM rules WHERE id = $1").bind(id.clone());
    let at = millis(by.at);
    let enabled = i64::from(rule.enabled());
    let Some(row) = writing.row(known).await? else {
        let insert = "INSERT INTO rules (id, rule_id, name, enabled, version, revision, source, body, \
            created_ms, updated_ms, scheduled_from_ms, settled, reach_ms) \
            VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, 0, 0)";
        let insert = sql(insert)
            .bind(id)
            .bind(rule_id.clone())
            .bind(rule.name.clone())
            .bind(enabled)
            .bind(rule.version() as i64)
            .bind(source.to_owned())
            .bind(body_of(rule, None)?.to_string())
            .bind(at)
            .bind(at)
            .bind(rule.enabled().then_some(at));
        writing.run(insert).await?;
        let body = json!({ "enabled": rule.enabled(), "source": source });
        writing.note(by, Note { action: "created", kind: "rule", object: &rule_id, body }).await?;
        return Ok(Installed::New);
    };
    let text: String = row.try_get("body")?;
    let before: Value =
        serde_json::from_str(&text).map_err(|_| StateError::unreadable(format!("rule `{id}`")))?;
    let after = body_of(rule, Some(&before))?;
    let is_same = |key: &str| before.get(key) == after.get(key);
    let was_enabled = row.try_get::<i64, _>("enabled")? != 0;
    let is_same_content = content(&before) == content(&after);
    if is_same_content && was_enabled == rule.enabled() && is_same("immutable") && is_same("rule_source") {
        return Ok(Installed::Same);
    }
    let scheduled: Option<i64> = row.try_get("scheduled_from_ms")?;
    let scheduled = if rule.enabled() { if was_enabled { scheduled } else { Some(at) } } else { None };
    let update = "UPDATE rules SET name = $2, enabled = $3, version = $4, revision = revision + $5, \
        source = $6, body = $7, updated_ms = $8, scheduled_from_ms = $9 WHERE id = $1";
    let update = sql(update)
        .bind(id)
        .bind(rule.name.clone())
        .bind(enabled)
        .bind(rule.version() as i64)
        .bind(i64::from(!is_same_content))
        .bind(source.to_owned())
        .bind(after.to_string())
        .bind(at)
        .bind(scheduled);
    writing.run(update).await?;
    let action = match (was_enabled, rule.enabled()) {
        (false, true) if is_same_content => "enabled",
        (true, false) if is_same_content => "disabled",
        _ => "changed",
    };
    let body = differences(&before, &after);
    writing.note(by, Note { action, kind: "rule", object: &rule_id, body }).await?;
    Ok(Installed::Changed)
}

/// Takes a rule away, with all that is known of its executions.
pub(crate) async fn remove_rule(writing: &mut Writing, id: &str, by: &Actor<'_>) -> Result<(), StateError> {
    let row = writing.row(sql("SELECT rule_id, body FROM rules WHERE id = $1").bind(id.to_owned())).await?;
    let row = row.ok_or_else(|| absent(id))?;
    let (rule_id, body): (String, String) = (row.try_get("rule_id")?, row.try_get("body")?);
    for statement in [
        "DELETE FROM rules WHERE id = $1",
        "DELETE FROM executions WHERE rule = $1",
        "DELETE FROM covered WHERE rule = $1",
        "DELETE FROM failures WHERE rule = $1",
        "DELETE FROM detections WHERE rule = $1",
        "DELETE FROM carry_over WHERE rule = $1",
        "DELETE FROM suppression WHERE rule = $1",
        "DELETE FROM bucket_marks WHERE rule = $1",
        "DELETE FROM throttles WHERE rule = $1",
    ] {
        writing.run(sql(statement).bind(id.to_owned())).await?;
    }
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    writing.note(by, Note { action: "removed", kind: "rule", object: &rule_id, body }).await
}

fn absent(id: &str) -> StateError {
    StateError::Absent { what: format!("rule `{id}`") }
}

fn kept(row: &AnyRow) -> Result<KeptRule, StateError> {
    let body: String = row.try_get("body")?;
    let id: String = row.try_get("id")?;
    let parsed = format::json::parse(&body);
    let rule = parsed.file.ok_or_else(|| StateError::unreadable(format!("rule `{id}`")))?.rule;
    Ok(KeptRule {
        id,
        rule,
        revision: row.try_get::<i64, _>("revision")? as u64,
        source: row.try_get("source")?,
        created: Timestamp::from_millis(row.try_get("created_ms")?),
        updated: Timestamp::from_millis(row.try_get("updated_ms")?),
        scheduled_from: row.try_get::<Option<i64>, _>("scheduled_from_ms")?.map(Timestamp::from_millis),
    })
}
