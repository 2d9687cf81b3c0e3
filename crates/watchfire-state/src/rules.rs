//! The rules as they are kept.

use sqlx::Row;
use sqlx::any::AnyRow;
use watchfire_detect::RuleUuid;
use watchfire_events::Timestamp;
use watchfire_rules::format;
use watchfire_rules::model::Rule;

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
    /// Raised by each change; 0 at first.
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
        let (id, rule_id) = identity(rule);
        let written = format::json::write(rule)
            .map_err(|error| StateError::unreadable(format!("a rule that cannot be written: {error}")))?;
        let body = written.to_string();
        let mut writing = self.begin().await?;
        let known = writing
            .row(sql("SELECT body, enabled, scheduled_from_ms FROM rules WHERE id = $1").bind(id.clone()))
            .await?;
        let at = millis(now);
        let enabled = i64::from(rule.enabled());
        let installed = match known {
            None => {
                let insert = "INSERT INTO rules (id, rule_id, name, enabled, version, revision, source, body, \
                    created_ms, updated_ms, scheduled_from_ms, settled, reach_ms) \
                    VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, 0, 0)";
                let insert = sql(insert)
                    .bind(id)
                    .bind(rule_id)
                    .bind(rule.name.clone())
                    .bind(enabled)
                    .bind(rule.version() as i64)
                    .bind(source.to_owned())
                    .bind(body)
                    .bind(at)
                    .bind(at)
                    .bind(rule.enabled().then_some(at));
                writing.run(insert).await?;
                Installed::New
            }
            Some(row) if row.try_get::<String, _>("body")? == body => Installed::Same,
            Some(row) => {
                let scheduled: Option<i64> = row.try_get("scheduled_from_ms")?;
                let was_enabled = row.try_get::<i64, _>("enabled")? != 0;
                let scheduled =
                    if rule.enabled() { if was_enabled { scheduled } else { Some(at) } } else { None };
                let update = "UPDATE rules SET name = $2, enabled = $3, version = $4, revision = revision + 1, \
                    source = $5, body = $6, updated_ms = $7, scheduled_from_ms = $8 WHERE id = $1";
                let update = sql(update)
                    .bind(id)
                    .bind(rule.name.clone())
                    .bind(enabled)
                    .bind(rule.version() as i64)
                    .bind(source.to_owned())
                    .bind(body)
                    .bind(at)
                    .bind(scheduled);
                writing.run(update).await?;
                Installed::Changed
            }
        };
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
    pub async fn remove_rule(&self, id: &str) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        let removed = writing.run(sql("DELETE FROM rules WHERE id = $1").bind(id.to_owned())).await?;
        if removed == 0 {
            return Err(absent(id));
        }
        self.forget(&mut writing, id).await?;
        writing.commit().await
    }

    async fn forget(&self, writing: &mut Writing, id: &str) -> Result<(), StateError> {
        for statement in [
            "DELETE FROM executions WHERE rule = $1",
            "DELETE FROM covered WHERE rule = $1",
            "DELETE FROM failures WHERE rule = $1",
            "DELETE FROM detections WHERE rule = $1",
            "DELETE FROM carry_over WHERE rule = $1",
            "DELETE FROM suppression WHERE rule = $1",
            "DELETE FROM bucket_marks WHERE rule = $1",
        ] {
            writing.run(sql(statement).bind(id.to_owned())).await?;
        }
        Ok(())
    }

    /// A rule by its id.
    ///
    /// # Errors
    /// If there is no such rule.
    pub async fn rule(&self, id: &str) -> Result<KeptRule, StateError> {
        let row = self.row(sql("SELECT * FROM rules WHERE id = $1").bind(id.to_owned())).await?;
        kept(&row.ok_or_else(|| absent(id))?)
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
        let query =
            sql("SELECT id, revision, scheduled_from_ms, settled, reach_ms FROM rules ORDER BY rule_id");
        let standing = |row: &AnyRow| {
            Ok(RuleStanding {
                id: row.try_get("id")?,
                revision: row.try_get::<i64, _>("revision")? as u64,
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
