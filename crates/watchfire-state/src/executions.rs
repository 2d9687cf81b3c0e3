//! Executions as they are kept, and the time that they cover.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::any::AnyRow;
use watchfire_detect::ExecutionWindow;
use watchfire_events::Timestamp;

use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::execution::{ExecutionKind, ExecutionMessage, ExecutionRecord, ExecutionStatus};
use crate::range_set::RangeSet;
use crate::rules::millis;

/// What the executions of a rule cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// The time of their slots: each stands for the time since the one before.
    pub slots: RangeSet,
    /// The time that they have searched.
    pub windows: RangeSet,
}

/// A slot whose execution has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) attempts: i64,
    /// It is not tried again before.
    pub(crate) not_before: Timestamp,
}

pub(crate) const SLOTS: &str = "slots";
pub(crate) const WINDOWS: &str = "windows";

impl StateDatabase {
    /// The executions of a rule, or of all, by their slots: the latest first, at most so many.
    ///
    /// # Errors
    /// Of the database.
    pub async fn executions(
        &self,
        rule: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ExecutionRecord>, StateError> {
        let query = match rule {
            Some(rule) => sql(
                "SELECT * FROM executions WHERE rule = $2 ORDER BY slot_ms DESC, started_ms DESC, kind LIMIT $1",
            )
            .bind(i64::from(limit))
            .bind(rule.to_owned()),
            None => sql("SELECT * FROM executions ORDER BY slot_ms DESC, started_ms DESC, kind, rule LIMIT $1")
                .bind(i64::from(limit)),
        };
        self.rows(query).await?.iter().map(record).collect()
    }

    /// What executions cover, by rule.
    ///
    /// # Errors
    /// Of the database.
    pub async fn covered(&self) -> Result<BTreeMap<String, Covered>, StateError> {
        let rows =
            self.rows(sql("SELECT rule, axis, from_ms, to_ms FROM covered ORDER BY rule, from_ms")).await?;
        let mut covered: BTreeMap<String, Covered> = BTreeMap::new();
        for row in rows {
            let of_rule = covered.entry(row.try_get("rule")?).or_default();
            let span = (row.try_get("from_ms")?, row.try_get("to_ms")?);
            match row.try_get::<String, _>("axis")?.as_str() {
                SLOTS => of_rule.slots.add(span),
                _ => of_rule.windows.add(span),
            }
        }
        Ok(covered)
    }

    /// The slots that have failed, by rule.
    pub(crate) async fn failures(&self) -> Result<BTreeMap<String, BTreeMap<i64, Failure>>, StateError> {
        let rows = self.rows(sql("SELECT rule, slot_ms, attempts, not_before_ms FROM failures")).await?;
        let mut failures: BTreeMap<String, BTreeMap<i64, Failure>> = BTreeMap::new();
        for row in rows {
            let failure = Failure {
                attempts: row.try_get("attempts")?,
                not_before: Timestamp::from_millis(row.try_get("not_before_ms")?),
            };
            failures.entry(row.try_get("rule")?).or_default().insert(row.try_get("slot_ms")?, failure);
        }
        Ok(failures)
    }

    /// Says of executions that never ended that they have failed: whoever ran them is gone. Gives back how many there were.
    pub(crate) async fn end_broken_executions(&self, now: Timestamp) -> Result<u64, StateError> {
        let message = ExecutionMessage::error("the server stopped while it ran");
        let mut writing = self.begin().await?;
        let update = sql("UPDATE executions SET status = $1, messages = $2, ended_ms = $3 WHERE status = $4")
            .bind(ExecutionStatus::Failed.name().to_owned())
            .bind(ExecutionMessage::to_json(&[message]))
            .bind(millis(now))
            .bind(ExecutionStatus::Running.name().to_owned());
        let number = writing.run(update).await?;
        writing.commit().await?;
        Ok(number)
    }

    /// Records that executions run.
    pub(crate) async fn begin_executions(&self, records: &[ExecutionRecord]) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        for record in records {
            write(&mut writing, record).await?;
        }
        writing.commit().await
    }

    /// Records that executions have failed. They are tried again, each time after a longer while.
    pub(crate) async fn fail_executions(
        &self,
        records: &[(ExecutionRecord, Failure)],
    ) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        for (record, failure) in records {
            write(&mut writing, record).await?;
            let upsert = "INSERT INTO failures (rule, slot_ms, attempts, not_before_ms) VALUES ($1, $2, $3, $4) \
                ON CONFLICT (rule, slot_ms) DO UPDATE SET attempts = $3, not_before_ms = $4";
            let upsert = sql(upsert)
                .bind(record.rule.clone())
                .bind(millis(record.slot))
                .bind(failure.attempts)
                .bind(millis(failure.not_before));
            writing.run(upsert).await?;
        }
        writing.commit().await
    }

    /// Forgets executions that ended before an instant, and what was found at slots before it. What no window reaches any
    /// more needs no memory; a back-fill beyond it takes what it finds for new, but alerts keep their ids.
    ///
    /// # Errors
    /// Of the database.
    pub async fn prune(&self, before: Timestamp) -> Result<u64, StateError> {
        let mut writing = self.begin().await?;
        let mut pruned = 0;
        for statement in [
            "DELETE FROM executions WHERE ended_ms < $1",
            "DELETE FROM detections WHERE slot_ms < $1",
            "DELETE FROM bucket_marks WHERE slot_ms < $1",
            "DELETE FROM suppression WHERE opened_ms < $1",
        ] {
            pruned += writing.run(sql(statement).bind(millis(before))).await?;
        }
        writing.commit().await?;
        Ok(pruned)
    }
}

/// Writes an execution, or what has become of it.
pub(crate) async fn write(writing: &mut Writing, record: &ExecutionRecord) -> Result<(), StateError> {
    let upsert = "INSERT INTO executions (id, rule, kind, slot_ms, from_ms, to_ms, status, started_ms, ended_ms, \
        found, alerts, suppressed, held_back, late, gap_from_ms, gap_to_ms, messages) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
        ON CONFLICT (id) DO UPDATE SET status = $7, started_ms = $8, ended_ms = $9, found = $10, alerts = $11, \
        suppressed = $12, held_back = $13, late = $14, gap_from_ms = $15, gap_to_ms = $16, messages = $17";
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let upsert = sql(upsert)
        .bind(record.id.clone())
        .bind(record.rule.clone())
        .bind(record.kind.name().to_owned())
        .bind(millis(record.slot))
        .bind(millis(record.window.from))
        .bind(millis(record.window.to))
        .bind(record.status.name().to_owned())
        .bind(millis(record.started))
        .bind(record.ended.map(millis))
        .bind(number(record.found))
        .bind(number(record.alerts))
        .bind(number(record.suppressed))
        .bind(number(record.held_back))
        .bind(number(record.late))
        .bind(record.gap.map(|gap| millis(gap.from)))
        .bind(record.gap.map(|gap| millis(gap.to)))
        .bind(ExecutionMessage::to_json(&record.messages));
    writing.run(upsert).await?;
    Ok(())
}

fn record(row: &AnyRow) -> Result<ExecutionRecord, StateError> {
    let id: String = row.try_get("id")?;
    let bad = || StateError::unreadable(format!("execution `{id}`"));
    let time = |name: &str| row.try_get::<i64, _>(name).map(Timestamp::from_millis);
    let optional =
        |name: &str| row.try_get::<Option<i64>, _>(name).map(|millis| millis.map(Timestamp::from_millis));
    let number = |name: &str| row.try_get::<i64, _>(name).map(|number| number as u64);
    let (kind, status): (String, String) = (row.try_get("kind")?, row.try_get("status")?);
    let gap = optional("gap_from_ms")?.zip(optional("gap_to_ms")?);
    Ok(ExecutionRecord {
        rule: row.try_get("rule")?,
        kind: ExecutionKind::ALL.into_iter().find(|one| one.name() == kind).ok_or_else(bad)?,
        slot: time("slot_ms")?,
        window: ExecutionWindow { from: time("from_ms")?, to: time("to_ms")? },
        status: ExecutionStatus::ALL.into_iter().find(|one| one.name() == status).ok_or_else(bad)?,
        started: time("started_ms")?,
        ended: optional("ended_ms")?,
        found: number("found")?,
        alerts: number("alerts")?,
        suppressed: number("suppressed")?,
        held_back: number("held_back")?,
        late: number("late")?,
        gap: gap.map(|(from, to)| ExecutionWindow { from, to }),
        messages: ExecutionMessage::from_json(&row.try_get::<String, _>("messages")?).ok_or_else(bad)?,
        id,
    })
}
