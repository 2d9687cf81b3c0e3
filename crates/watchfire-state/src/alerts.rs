//! Alerts as they are kept: their documents, what people do with them, and its history.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use watchfire_detect::ExecutionWindow;
use watchfire_events::{DataStream, Document, Event, EventId, Place, Timestamp};

use crate::audit::{Actor, Note};
use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::rules::millis;

pub use watchfire_detect::ALERTS_STREAM;

/// What people say of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertStatus {
    /// Nobody has looked at it.
    Open,
    /// Somebody works on it.
    Acknowledged,
    /// It is done.
    Closed,
}

impl AlertStatus {
    const ALL: [Self; 3] = [Self::Open, Self::Acknowledged, Self::Closed];

    /// Kibana's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }

    /// The one of a word.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// An alert that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptAlert {
    /// Its identity.
    pub id: String,
    /// The id of its rule.
    pub rule: String,
    /// The time for which its execution was meant.
    pub slot: Timestamp,
    /// When it was made.
    pub made: Timestamp,
    /// Of an alert behind that on a sequence: that alert.
    pub shell: Option<String>,
    /// What people say of it.
    pub status: AlertStatus,
    /// The document, with what people did with it.
    pub document: Document,
}

/// In which order alerts are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertOrder {
    /// By when they were made.
    #[default]
    Made,
    /// By the time for which their execution was meant, and then by id, those behind the alert on a sequence after that, by
    /// their place: the same whenever it ran, and that of a scan.
    Slot,
}

/// Which alerts are asked for. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    /// Those of a rule.
    pub rule: Option<String>,
    /// Those of a status.
    pub status: Option<AlertStatus>,
    /// Those that were made in this window.
    pub made: Option<ExecutionWindow>,
    /// Those behind the alert with this id, which was made then, in the order in which they were made.
    pub after: Option<(Timestamp, String)>,
    /// At most so many, the oldest first.
    pub limit: u32,
    /// Their order.
    pub order: AlertOrder,
}

/// A change of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertChange {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was changed: `status`, `tags`, `assignees`, `note`.
    pub change: String,
    /// What it was and what it became, or the note.
    pub body: Value,
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub enum Triage {
    /// Another status, for a reason.
    Status(AlertStatus, Option<String>),
    /// Tags that are added and taken away.
    Tags {
        /// Those that are added.
        add: Vec<String>,
        /// Those that are taken away.
        remove: Vec<String>,
    },
    /// People who are assigned and who are no longer.
    Assignees {
        /// Those who are assigned.
        add: Vec<String>,
        /// Those who are no longer.
        remove: Vec<String>,
    },
    /// A note.
    Note(String),
}

/// What became of alerts that were to be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Triaged {
    /// They were changed.
    pub changed: u64,
    /// They were so already.
    pub unchanged: u64,
    /// They are not there.
    pub absent: u64,
}

impl Triage {
    fn described(&self) -> Value {
        match self {
            Self::Status(status, reason) => json!({ "status": status.name(), "reason": reason }),
            Self::Tags { add, remove } => json!({ "tags": { "add": add, "remove": remove } }),
            Self::Assignees { add, remove } => json!({ "assignees": { "add": add, "remove": remove } }),
            Self::Note(text) => json!({ "note": text }),
        }
    }
}

const COLUMNS: &str = "SELECT id, rule, slot_ms, made_ms, shell, status, tags, assignees, status_changed_ms, \
    status_changed_by, status_reason, document FROM alerts WHERE id = $1";

impl StateDatabase {
    /// An alert by its id.
    ///
    /// # Errors
    /// If there is no such alert.
    pub async fn alert(&self, id: &str) -> Result<KeptAlert, StateError> {
        let row = self.row(sql(COLUMNS).bind(id.to_owned())).await?;
        kept(&row.ok_or_else(|| absent(id))?)
    }

    /// Alerts, in the order that is asked for.
    ///
    /// # Errors
    /// Of the database.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<KeptAlert>, StateError> {
        let text = match query.order {
            AlertOrder::Made => {
                "SELECT id, rule, slot_ms, made_ms, shell, status, tags, assignees, status_changed_ms, \
                status_changed_by, status_reason, document FROM alerts \
                WHERE made_ms BETWEEN $1 AND $2 AND ($3 = '' OR rule = $3) AND ($4 = '' OR status = $4) \
                AND made_ms >= $6 AND (made_ms > $6 OR id > $7) ORDER BY made_ms, id LIMIT $5"
            }
            AlertOrder::Slot => {
                "SELECT id, rule, slot_ms, made_ms, shell, status, tags, assignees, status_changed_ms, \
                status_changed_by, status_reason, document FROM alerts \
                WHERE made_ms BETWEEN $1 AND $2 AND ($3 = '' OR rule = $3) AND ($4 = '' OR status = $4) \
                AND made_ms >= $6 AND (made_ms > $6 OR id > $7) \
                ORDER BY slot_ms, COALESCE(shell, id), CASE WHEN shell IS NULL THEN 0 ELSE 1 END, id LIMIT $5"
            }
        };
        let (after, behind) = match &query.after {
            Some((at, id)) => (millis(*at), id.clone()),
            None => (i64::MIN, String::new()),
        };
        let (made, order) = (query.made, query.order);
        let query = sql(text)
            .bind(made.map_or(i64::MIN, |made| millis(made.from)))
            .bind(made.map_or(i64::MAX, |made| millis(made.to)))
            .bind(query.rule.clone().unwrap_or_default())
            .bind(query.status.map(|status| status.name().to_owned()).unwrap_or_default())
            .bind(i64::from(query.limit))
            .bind(after)
            .bind(behind);
        let mut alerts: Vec<KeptAlert> =
            self.rows(query).await?.iter().map(kept).collect::<Result<_, StateError>>()?;
        if order == AlertOrder::Slot {
            for behind in alerts.chunk_by_mut(|one, other| one.shell == other.shell) {
                behind.sort_by_key(|alert| {
                    let place = alert.document.get("kibana.alert.group.index").and_then(Value::as_u64);
                    alert.shell.as_ref().and(place)
                });
            }
        }
        Ok(alerts)
    }

    /// How many alerts there are of each status.
    ///
    /// # Errors
    /// Of the database.
    pub async fn count_alerts(&self) -> Result<BTreeMap<AlertStatus, u64>, StateError> {
        let rows = self.rows(sql("SELECT status, COUNT(*) AS number FROM alerts GROUP BY status")).await?;
        let mut counts: BTreeMap<AlertStatus, u64> =
            AlertStatus::ALL.into_iter().map(|status| (status, 0)).collect();
        for row in rows {
            let status: String = row.try_get("status")?;
            let status = AlertStatus::of(&status)
                .ok_or_else(|| StateError::unreadable(format!("the status `{status}` of an alert")))?;
            counts.insert(status, row.try_get::<i64, _>("number")?.unsigned_abs());
        }
        Ok(counts)
    }

    /// The alerts that were made in a window, as events that rules on alerts look at.
    pub(crate) async fn alert_events(&self, window: ExecutionWindow) -> Result<Vec<Event>, StateError> {
        let query = AlertQuery { made: Some(window), limit: u32::MAX, ..AlertQuery::default() };
        let alerts = self.alerts(&query).await?;
        let event = |(number, alert): (usize, KeptAlert)| Event {
            id: EventId::given(alert.id),
            data_stream: DataStream::new(ALERTS_STREAM),
            document: alert.document,
            place: Place { input: ALERTS_STREAM.into(), record: number as u64, line: None, offset: None },
        };
        Ok(alerts.into_iter().enumerate().map(event).collect())
    }

    /// Changes alerts, and notes who did it and when. What is so already is not changed.
    ///
    /// # Errors
    /// If one of them is not there; then none is changed.
    pub async fn triage(
        &self,
        ids: &[String],
        change: &Triage,
        actor: &str,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let mut writing = self.begin().await?;
        let mut changed = 0;
        for id in ids {
            changed += u64::from(triage_one(&mut writing, id, change, actor, now).await?);
        }
        writing.commit().await?;
        Ok(changed)
    }

    /// As [`Self::triage`], but of alerts that are not there nothing is said but their number. The whole is one entry of
    /// the audit log.
    ///
    /// # Errors
    /// Of the database.
    pub async fn triage_those_there(
        &self,
        ids: &[String],
        change: &Triage,
        by: &Actor<'_>,
    ) -> Result<Triaged, StateError> {
        let mut writing = self.begin().await?;
        let (mut changed, mut triaged) = (Vec::new(), Triaged::default());
        for id in ids {
            match triage_one(&mut writing, id, change, by.name, by.at).await {
                Ok(true) => changed.push(id),
                Ok(false) => triaged.unchanged += 1,
                Err(StateError::Absent { .. }) => triaged.absent += 1,
                Err(error) => return Err(error),
            }
        }
        triaged.changed = changed.len() as u64;
        if !changed.is_empty() {
            let object = match &changed[..] {
                [only] => (*only).clone(),
                several => format!("{} alerts", several.len()),
            };
            let body = json!({ "ids": changed, "change": change.described() });
            writing.note(by, Note { action: "changed", kind: "alerts", object: &object, body }).await?;
        }
        writing.commit().await?;
        Ok(triaged)
    }

    /// What was done with an alert, the first first.
    ///
    /// # Errors
    /// Of the database.
    pub async fn alert_history(&self, id: &str) -> Result<Vec<AlertChange>, StateError> {
        let query = "SELECT at_ms, actor, change, body FROM alert_history WHERE alert = $1 ORDER BY number";
        let change = |row: &AnyRow| {
            let body: String = row.try_get("body")?;
            Ok(AlertChange {
                at: Timestamp::from_millis(row.try_get("at_ms")?),
                actor: row.try_get("actor")?,
                change: row.try_get("change")?,
                body: serde_json::from_str(&body)
                    .map_err(|_| StateError::unreadable(format!("the history of alert `{id}`")))?,
            })
        };
        self.rows(sql(query).bind(id.to_owned())).await?.iter().map(change).collect()
    }
}

fn absent(id: &str) -> StateError {
    StateError::Absent { what: format!("alert `{id}`") }
}

async fn triage_one(
    writing: &mut Writing,
    id: &str,
    change: &Triage,
    actor: &str,
    now: Timestamp,
) -> Result<bool, StateError> {
    let select = sql("SELECT status, tags, assignees FROM alerts WHERE id = $1").bind(id.to_owned());
    let row = writing.row(select).await?.ok_or_else(|| absent(id))?;
    let (name, body) = match change {
        Triage::Status(status, reason) => {
            let before: String = row.try_get("status")?;
            if before == status.name() {
                return Ok(false);
            }
            let update = "UPDATE alerts SET status = $2, status_changed_ms = $3, status_changed_by = $4, \
                status_reason = $5 WHERE id = $1";
            let update = sql(update)
                .bind(id.to_owned())
                .bind(status.name().to_owned())
                .bind(millis(now))
                .bind(actor.to_owned())
                .bind(reason.clone());
            writing.run(update).await?;
            ("status", json!({ "from": before, "to": status.name(), "reason": reason }))
        }
        Triage::Tags { add, remove } => {
            let (before, after) = list(&row, "tags", add, remove, id)?;
            if before == after {
                return Ok(false);
            }
            let update = sql("UPDATE alerts SET tags = $2 WHERE id = $1");
            writing.run(update.bind(id.to_owned()).bind(json!(after).to_string())).await?;
            ("tags", json!({ "from": before, "to": after }))
        }
        Triage::Assignees { add, remove } => {
            let (before, after) = list(&row, "assignees", add, remove, id)?;
            if before == after {
                return Ok(false);
            }
            let update = sql("UPDATE alerts SET assignees = $2 WHERE id = $1");
            writing.run(update.bind(id.to_owned()).bind(json!(after).to_string())).await?;
            ("assignees", json!({ "from": before, "to": after }))
        }
        Triage::Note(text) => ("note", json!({ "text": text })),
    };
    let last = sql("SELECT COALESCE(MAX(number), 0) AS last FROM alert_history WHERE alert = $1");
    let last: i64 = writing.row(last.bind(id.to_owned())).await?.map_or(Ok(0), |row| row.try_get("last"))?;
    let insert = "INSERT INTO alert_history (alert, number, at_ms, actor, change, body) VALUES ($1, $2, $3, $4, $5, $6)";
    let insert = sql(insert)
        .bind(id.to_owned())
        .bind(last + 1)
        .bind(millis(now))
        .bind(actor.to_owned())
        .bind(name.to_owned())
        .bind(body.to_string());
    writing.run(insert).await?;
    Ok(true)
}

/// A list as it is and as it becomes.
fn list(
    row: &AnyRow,
    column: &str,
    add: &[String],
    remove: &[String],
    id: &str,
) -> Result<(Vec<String>, Vec<String>), StateError> {
    let before = texts(row, column, id)?;
    let mut after = before.clone();
    after.retain(|one| !remove.contains(one));
    for one in add {
        if !after.contains(one) {
            after.push(one.clone());
        }
    }
    Ok((before, after))
}

fn texts(row: &AnyRow, column: &str, id: &str) -> Result<Vec<String>, StateError> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|_| StateError::unreadable(format!("the {column} of alert `{id}`")))
}

fn kept(row: &AnyRow) -> Result<KeptAlert, StateError> {
    let id: String = row.try_get("id")?;
    let bad = || StateError::unreadable(format!("alert `{id}`"));
    let text: String = row.try_get("document")?;
    let mut document: Document = serde_json::from_str(&text).map_err(|_| bad())?;
    let status = AlertStatus::of(&row.try_get::<String, _>("status")?).ok_or_else(bad)?;
    let mut put = |name: &str, value: Value| document.insert(format!("kibana.alert.workflow_{name}"), value);
    put("status", status.name().into());
    put("tags", json!(texts(row, "tags", &id)?));
    put("assignee_ids", json!(texts(row, "assignees", &id)?));
    if let Some(at) = row.try_get::<Option<i64>, _>("status_changed_ms")? {
        put("status_updated_at", Timestamp::from_millis(at).to_iso_millis().into());
    }
    for (name, column) in [("user", "status_changed_by"), ("reason", "status_reason")] {
        if let Some(text) = row.try_get::<Option<String>, _>(column)? {
            put(name, text.into());
        }
    }
    Ok(KeptAlert {
        rule: row.try_get("rule")?,
        slot: Timestamp::from_millis(row.try_get("slot_ms")?),
        made: Timestamp::from_millis(row.try_get("made_ms")?),
        shell: row.try_get("shell")?,
        status,
        document,
        id,
    })
}
