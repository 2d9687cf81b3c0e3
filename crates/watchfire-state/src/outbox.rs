//! What is sent of alerts: from the alert to what became of each message.
//!
//! ```text
//! settlement ──► fresh_alerts ──► decide ──┬─► deliveries: waiting ─► sent · dead · dropped
//! (one transaction)                        └─► gathered_alerts ─► decide, when their time has come
//! ```
//!
//! An alert is fresh from the transaction that makes it on, and no longer from the one on that decides what is sent of it;
//! so a crash neither loses nor doubles a decision. What is sent and when is said in `watchfire-actions`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use watchfire_events::Timestamp;

use crate::audit::{Actor, Note};
use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::execution::ExecutionKind;
use crate::executions::SLOTS;
use crate::rules::millis;
use crate::settle::NewAlert;

/// An alert of which nothing has been decided yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshAlert {
    /// Its id.
    pub alert: String,
    /// The id of its rule.
    pub rule: String,
    /// Of the execution that made it.
    pub kind: ExecutionKind,
    /// The time for which that was meant.
    pub slot: Timestamp,
    /// When it was made.
    pub made: Timestamp,
}

/// An alert that an action tells of together with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatheredAlert {
    /// The id of the rule.
    pub rule: String,
    /// The action, within the rule.
    pub action: String,
    /// The id of the alert.
    pub alert: String,
    /// Of the execution that made it.
    pub kind: ExecutionKind,
    /// The time for which that was meant.
    pub slot: Timestamp,
    /// When it was gathered.
    pub since: Timestamp,
}

/// How it stands with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryStatus {
    /// It is to be sent, at its time.
    Waiting,
    /// Whoever it went to has taken it.
    Sent,
    /// It was given up, and waits for somebody to look at it.
    Dead,
    /// Somebody has looked at it, and it is not to be sent.
    Dropped,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sent, Self::Dead, Self::Dropped];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    /// The one of a word.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A message to be sent through a connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its identity: the same for the same decision, so that a receiver can tell a repetition.
    pub id: String,
    /// The id of the rule.
    pub rule: String,
    /// The action, within the rule.
    pub action: String,
    /// The id of the connector.
    pub connector: String,
    /// Of how many alerts it tells.
    pub alerts: u64,
    /// How it stands with it.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u64,
    /// When it is tried next.
    pub due: Timestamp,
    /// When it was decided.
    pub created: Timestamp,
    /// When it was sent or given up.
    pub ended: Option<Timestamp>,
    /// Why it was not sent the last time.
    pub error: String,
    /// What is sent: the connector's parameters, filled in.
    pub body: Value,
}

/// What is decided at once.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// Fresh alerts that are so no longer.
    pub seen: Vec<String>,
    /// What is to be sent.
    pub deliveries: Vec<Delivery>,
    /// Alerts that wait for others.
    pub gathered: Vec<GatheredAlert>,
    /// Alerts that wait no longer.
    pub told: Vec<GatheredAlert>,
    /// Actions that have sent now, by rule and action, and count their period from then on.
    pub throttled: Vec<(String, String, Timestamp)>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken.
    Sent,
    /// It was not, and is tried again at this time.
    Again(String, Timestamp),
    /// It was not, and is given up.
    Dead(String),
}

/// What becomes of a message that could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadDelivery {
    /// It is tried again, from the first attempt on.
    TriedAgain,
    /// It is not to be sent.
    Dropped,
}

/// What became of messages that somebody named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangedDeliveries {
    /// They were dead, and are not any more.
    pub changed: u64,
    /// They were not dead.
    pub unchanged: u64,
    /// There are none of these ids.
    pub absent: u64,
}

/// How many deliveries there are by status, and alerts of which nothing has been sent yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// By status.
    pub deliveries: BTreeMap<DeliveryStatus, u64>,
    /// Alerts of which nothing has been decided yet.
    pub fresh: u64,
    /// Alerts that wait for a summary.
    pub gathered: u64,
}

const DELIVERY: &str = "SELECT id, rule, action, connector, alerts, status, attempts, due_ms, created_ms, ended_ms, error, body \
    FROM deliveries WHERE id = $1";

impl StateDatabase {
    /// Alerts of which nothing has been decided yet, in the order in which they were made, at most so many.
    ///
    /// # Errors
    /// Of the database.
    pub async fn fresh_alerts(&self, limit: u32) -> Result<Vec<FreshAlert>, StateError> {
        let text =
            "SELECT alert, rule, kind, slot_ms, made_ms FROM fresh_alerts ORDER BY made_ms, alert LIMIT $1";
        let rows = self.rows(sql(text).bind(i64::from(limit))).await?;
        rows.iter()
            .map(|row| {
                Ok(FreshAlert {
                    alert: row.try_get("alert")?,
                    rule: row.try_get("rule")?,
                    kind: kind_of(row)?,
                    slot: time(row, "slot_ms")?,
                    made: time(row, "made_ms")?,
                })
            })
            .collect()
    }

    /// Alerts that wait for a summary, by rule and action, in the order of their slots.
    ///
    /// # Errors
    /// Of the database.
    pub async fn gathered_alerts(&self) -> Result<Vec<GatheredAlert>, StateError> {
        let text = "SELECT rule, action, alert, kind, slot_ms, since_ms FROM gathered_alerts \
            ORDER BY rule, action, slot_ms, since_ms, alert";
        let rows = self.rows(sql(text)).await?;
        rows.iter()
            .map(|row| {
                Ok(GatheredAlert {
                    rule: row.try_get("rule")?,
                    action: row.try_get("action")?,
                    alert: row.try_get("alert")?,
                    kind: kind_of(row)?,
                    slot: time(row, "slot_ms")?,
                    since: time(row, "since_ms")?,
                })
            })
            .collect()
    }

    /// When actions that send at most once in a period have sent last, by rule and action.
    ///
    /// # Errors
    /// Of the database.
    pub async fn throttles(&self) -> Result<BTreeMap<(String, String), Timestamp>, StateError> {
        let rows = self.rows(sql("SELECT rule, action, sent_ms FROM throttles")).await?;
        let entry =
            |row: &AnyRow| Ok(((row.try_get("rule")?, row.try_get("action")?), time(row, "sent_ms")?));
        rows.iter().map(entry).collect()
    }

    /// Whether the execution that is meant for a time has been settled.
    ///
    /// # Errors
    /// Of the database.
    pub async fn is_executed(&self, rule: &str, slot: Timestamp) -> Result<bool, StateError> {
        let text = "SELECT COUNT(*) AS number FROM covered \
            WHERE rule = $1 AND axis = $2 AND from_ms < $3 AND to_ms >= $3";
        let query = sql(text).bind(rule.to_owned()).bind(SLOTS.to_owned()).bind(millis(slot));
        Ok(self.row(query).await?.map_or(Ok(0), |row| row.try_get::<i64, _>("number"))? > 0)
    }

    /// Writes a decision: all of it or nothing.
    ///
    /// # Errors
    /// [`StateError::Overtaken`] if another has decided of one of these alerts meanwhile.
    pub async fn decide(&self, decision: &Decision) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        for alert in &decision.seen {
            let delete = sql("DELETE FROM fresh_alerts WHERE alert = $1").bind(alert.clone());
            claimed(writing.run(delete).await?, alert)?;
        }
        for told in &decision.told {
            let delete = sql("DELETE FROM gathered_alerts WHERE rule = $1 AND action = $2 AND alert = $3")
                .bind(told.rule.clone())
                .bind(told.action.clone())
                .bind(told.alert.clone());
            claimed(writing.run(delete).await?, &told.alert)?;
        }
        for gathered in &decision.gathered {
            let insert = "INSERT INTO gathered_alerts (rule, action, alert, kind, slot_ms, since_ms) \
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (rule, action, alert) DO NOTHING";
            let insert = sql(insert)
                .bind(gathered.rule.clone())
                .bind(gathered.action.clone())
                .bind(gathered.alert.clone())
                .bind(gathered.kind.name().to_owned())
                .bind(millis(gathered.slot))
                .bind(millis(gathered.since));
            writing.run(insert).await?;
        }
        for (number, delivery) in (0..).zip(&decision.deliveries) {
            write_delivery(&mut writing, delivery, number).await?;
        }
        for (rule, action, at) in &decision.throttled {
            let upsert = "INSERT INTO throttles (rule, action, sent_ms) VALUES ($1, $2, $3) \
                ON CONFLICT (rule, action) DO UPDATE SET sent_ms = $3";
            let upsert = sql(upsert).bind(rule.clone()).bind(action.clone()).bind(millis(*at));
            writing.run(upsert).await?;
        }
        writing.commit().await
    }

    /// Deliveries whose time has come, in the order in which they are to be sent, at most so many.
    ///
    /// # Errors
    /// Of the database.
    pub async fn due_deliveries(&self, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StateError> {
        let text = "SELECT id, rule, action, connector, alerts, status, attempts, due_ms, created_ms, ended_ms, error, body \
            FROM deliveries WHERE status = 'waiting' AND due_ms <= $1 ORDER BY due_ms, created_ms, number, id LIMIT $2";
        let rows = self.rows(sql(text).bind(millis(now)).bind(i64::from(limit))).await?;
        rows.iter().map(delivery_of).collect()
    }

    /// Deliveries of a status, those that were decided last first: `limit` of them behind `skip` others.
    ///
    /// # Errors
    /// Of the database.
    pub async fn deliveries(
        &self,
        status: DeliveryStatus,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<Delivery>, StateError> {
        let text = "SELECT id, rule, action, connector, alerts, status, attempts, due_ms, created_ms, ended_ms, error, body \
            FROM deliveries WHERE status = $1 ORDER BY created_ms DESC, number, id LIMIT $2 OFFSET $3";
        let query = sql(text).bind(status.name().to_owned()).bind(i64::from(limit)).bind(i64::from(skip));
        let rows = self.rows(query).await?;
        rows.iter().map(delivery_of).collect()
    }

    /// A delivery by its id.
    ///
    /// # Errors
    /// If there is no such delivery.
    pub async fn delivery(&self, id: &str) -> Result<Delivery, StateError> {
        let row = self.row(sql(DELIVERY).bind(id.to_owned())).await?;
        delivery_of(&row.ok_or_else(|| StateError::Absent { what: format!("delivery `{id}`") })?)
    }

    /// Takes a delivery whose time has come, to send it: until a time nobody else does, and from then on somebody does if nothing
    /// was noted of it. Answers whether it could be taken.
    ///
    /// # Errors
    /// Of the database.
    pub async fn take_delivery(
        &self,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StateError> {
        let text = "UPDATE deliveries SET due_ms = $3 WHERE id = $1 AND status = 'waiting' AND due_ms <= $2";
        let mut writing = self.begin().await?;
        let update = sql(text).bind(id.to_owned()).bind(millis(now)).bind(millis(until));
        let taken = writing.run(update).await? == 1;
        writing.commit().await?;
        Ok(taken)
    }

    /// Notes what became of an attempt. One that does not wait any more stays as it is.
    ///
    /// # Errors
    /// Of the database.
    pub async fn attempted(&self, id: &str, attempt: &Attempt, now: Timestamp) -> Result<(), StateError> {
        let text = "UPDATE deliveries SET status = $2, attempts = attempts + 1, due_ms = $3, ended_ms = $4, error = $5 \
            WHERE id = $1 AND status = 'waiting'";
        let (status, due, ended, error) = match attempt {
            Attempt::Sent => (DeliveryStatus::Sent, now, Some(now), ""),
            Attempt::Again(why, due) => (DeliveryStatus::Waiting, *due, None, why.as_str()),
            Attempt::Dead(why) => (DeliveryStatus::Dead, now, Some(now), why.as_str()),
        };
        let mut writing = self.begin().await?;
        let update = sql(text)
            .bind(id.to_owned())
            .bind(status.name().to_owned())
            .bind(millis(due))
            .bind(ended.map(millis))
            .bind(error.to_owned());
        writing.run(update).await?;
        writing.commit().await
    }

    /// Has dead deliveries tried again, or dropped, all in one transaction. Ids that come several times count once.
    ///
    /// # Errors
    /// Of the database; nothing has been changed then.
    pub async fn change_dead_deliveries(
        &self,
        ids: &BTreeSet<String>,
        to: DeadDelivery,
        by: &Actor<'_>,
    ) -> Result<ChangedDeliveries, StateError> {
        let (status, action, ended) = match to {
            DeadDelivery::TriedAgain => (DeliveryStatus::Waiting, "retry", None),
            DeadDelivery::Dropped => (DeliveryStatus::Dropped, "drop", Some(millis(by.at))),
        };
        let update = "UPDATE deliveries SET status = $2, attempts = 0, due_ms = $3, ended_ms = $4 \
            WHERE id = $1 AND status = 'dead' RETURNING rule, connector, error";
        let mut done = ChangedDeliveries::default();
        let mut writing = self.begin().await?;
        for id in ids {
            let update =
                sql(update).bind(id.clone()).bind(status.name().to_owned()).bind(millis(by.at)).bind(ended);
            if let Some(row) = writing.row(update).await? {
                let text = |column: &str| row.try_get::<String, _>(column);
                let body = json!({ "rule": text("rule")?, "connector": text("connector")?, "error": text("error")? });
                writing.note(by, Note { action, kind: "delivery", object: id, body }).await?;
                done.changed += 1;
            } else if writing
                .row(sql("SELECT id FROM deliveries WHERE id = $1").bind(id.clone()))
                .await?
                .is_some()
            {
                done.unchanged += 1;
            } else {
                done.absent += 1;
            }
        }
        writing.commit().await?;
        Ok(done)
    }

    /// Forgets deliveries that were sent, given up or dropped before a time. Answers how many of them had been given up.
    ///
    /// # Errors
    /// Of the database.
    pub async fn forget_deliveries(&self, before: Timestamp) -> Result<u64, StateError> {
        let mut writing = self.begin().await?;
        let dead = sql("DELETE FROM deliveries WHERE status = 'dead' AND ended_ms < $1").bind(millis(before));
        let dead = writing.run(dead).await?;
        let others = sql("DELETE FROM deliveries WHERE status IN ('sent', 'dropped') AND ended_ms < $1");
        writing.run(others.bind(millis(before))).await?;
        writing.commit().await?;
        Ok(dead)
    }

    /// How many there are.
    ///
    /// # Errors
    /// Of the database.
    pub async fn outbox_counts(&self) -> Result<OutboxCounts, StateError> {
        let mut counts = OutboxCounts::default();
        for row in self.rows(sql("SELECT status, COUNT(*) AS number FROM deliveries GROUP BY status")).await?
        {
            let status: String = row.try_get("status")?;
            if let Some(status) = DeliveryStatus::of(&status) {
                counts.deliveries.insert(status, row.try_get::<i64, _>("number")? as u64);
            }
        }
        let number = |row: Option<AnyRow>| -> Result<u64, StateError> {
            Ok(row.map_or(Ok(0), |row| row.try_get::<i64, _>("number"))? as u64)
        };
        counts.fresh = number(self.row(sql("SELECT COUNT(*) AS number FROM fresh_alerts")).await?)?;
        counts.gathered = number(self.row(sql("SELECT COUNT(*) AS number FROM gathered_alerts")).await?)?;
        Ok(counts)
    }
}

/// Notes that an alert is new.
pub(crate) async fn write_fresh(writing: &mut Writing, rule: &str, new: &NewAlert) -> Result<(), StateError> {
    let insert = "INSERT INTO fresh_alerts (alert, rule, kind, slot_ms, made_ms) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (alert) DO NOTHING";
    let insert = sql(insert)
        .bind(new.alert.id.clone())
        .bind(rule.to_owned())
        .bind(new.kind.name().to_owned())
        .bind(millis(new.slot))
        .bind(millis(new.made));
    writing.run(insert).await?;
    Ok(())
}

async fn write_delivery(writing: &mut Writing, delivery: &Delivery, number: i64) -> Result<(), StateError> {
    let insert = "INSERT INTO deliveries \
        (id, rule, action, connector, alerts, status, attempts, due_ms, created_ms, number, ended_ms, error, body) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING";
    let insert = sql(insert)
        .bind(delivery.id.clone())
        .bind(delivery.rule.clone())
        .bind(delivery.action.clone())
        .bind(delivery.connector.clone())
        .bind(delivery.alerts as i64)
        .bind(delivery.status.name().to_owned())
        .bind(delivery.attempts as i64)
        .bind(millis(delivery.due))
        .bind(millis(delivery.created))
        .bind(number)
        .bind(delivery.ended.map(millis))
        .bind(delivery.error.clone())
        .bind(delivery.body.to_string());
    writing.run(insert).await?;
    Ok(())
}

/// Another may have taken what was to be taken.
fn claimed(rows: u64, alert: &str) -> Result<(), StateError> {
    match rows {
        0 => Err(StateError::Overtaken { rule: format!("of alert `{alert}`") }),
        _ => Ok(()),
    }
}

fn delivery_of(row: &AnyRow) -> Result<Delivery, StateError> {
    let id: String = row.try_get("id")?;
    let unreadable = || StateError::unreadable(format!("delivery `{id}`"));
    let status: String = row.try_get("status")?;
    let body: String = row.try_get("body")?;
    Ok(Delivery {
        rule: row.try_get("rule")?,
        action: row.try_get("action")?,
        connector: row.try_get("connector")?,
        alerts: row.try_get::<i64, _>("alerts")? as u64,
        status: DeliveryStatus::of(&status).ok_or_else(unreadable)?,
        attempts: row.try_get::<i64, _>("attempts")? as u64,
        due: time(row, "due_ms")?,
        created: time(row, "created_ms")?,
        ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(Timestamp::from_millis),
        error: row.try_get("error")?,
        body: serde_json::from_str(&body).map_err(|_| unreadable())?,
        id,
    })
}

fn time(row: &AnyRow, name: &str) -> Result<Timestamp, StateError> {
    Ok(Timestamp::from_millis(row.try_get(name)?))
}

fn kind_of(row: &AnyRow) -> Result<ExecutionKind, StateError> {
    let name: String = row.try_get("kind")?;
    let found = ExecutionKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| StateError::unreadable(format!("the kind of execution `{name}`")))
}
