//! What is known of a rule read, and what a run changes written: all of it or nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::Row;
use watchfire_detect::{
    BucketMark, ExecutionWindow, StandingAlert, SuppressedGroup, VOLATILE_FIELDS, update_suppression,
};
use watchfire_events::{Document, Timestamp};

use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::executions::{self, Covered, SLOTS, WINDOWS};
use crate::outbox;
use crate::range_set::RangeSet;
use crate::rules::millis;
use crate::settle::{Known, MadeAlert, NewAlert, Settlement, Waiting};

/// A bucket's marks, each with its alert, if it has one of its own.
pub(crate) type Marks = HashMap<String, Vec<(BucketMark, Option<String>)>>;

/// A settlement of a rule, and what it was made from.
#[derive(Debug)]
pub(crate) struct RuleSettlement {
    pub(crate) rule: String,
    /// The number of settlements before it.
    pub(crate) settled: i64,
    pub(crate) reach_ms: i64,
    pub(crate) before: Covered,
    pub(crate) after: Covered,
    /// Whether some slot of the rule has failed.
    pub(crate) had_failures: bool,
    pub(crate) settlement: Settlement,
}

/// From the first to the last slot at which something may have been found that a run finds again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What is asked for of a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownQuery<'a> {
    pub(crate) rule: &'a str,
    pub(crate) reach: Reach,
    /// Most waiting alerts that the run may give out.
    pub(crate) room: u64,
    /// How far from a slot an alert under suppression may have been made to cover it; nothing without suppression.
    pub(crate) suppression_ms: Option<i64>,
}

impl StateDatabase {
    /// The rules of which alerts wait.
    pub(crate) async fn rules_with_waiting(&self) -> Result<HashSet<String>, StateError> {
        let rows = self.rows(sql("SELECT DISTINCT rule FROM carry_over")).await?;
        rows.iter().map(|row| Ok(row.try_get("rule")?)).collect()
    }

    /// What is known of a rule, but for the marks of its buckets.
    pub(crate) async fn known(&self, query: KnownQuery<'_>) -> Result<Known, StateError> {
        let KnownQuery { rule, reach, room, suppression_ms } = query;
        let in_reach = |text: &'static str| sql(text).bind(rule.to_owned()).bind(reach.from).bind(reach.to);
        let seen = in_reach("SELECT id FROM detections WHERE rule = $1 AND slot_ms BETWEEN $2 AND $3");
        let seen = self.rows(seen).await?;
        let made = "SELECT slot_ms, COUNT(*) AS number FROM alerts \
            WHERE rule = $1 AND slot_ms BETWEEN $2 AND $3 AND shell IS NULL GROUP BY slot_ms";
        let made = self.rows(in_reach(made)).await?;
        let waiting =
            "SELECT position, slot_ms, body FROM carry_over WHERE rule = $1 ORDER BY position LIMIT $2";
        let waiting = sql(waiting).bind(rule.to_owned()).bind(i64::try_from(room).unwrap_or(i64::MAX));
        let waiting = self.rows(waiting).await?;
        let number = sql("SELECT COUNT(*) AS number FROM carry_over WHERE rule = $1").bind(rule.to_owned());
        let number = self.row(number).await?;
        let mut known = Known {
            seen: seen.iter().map(|row| Ok(row.try_get("id")?)).collect::<Result<_, StateError>>()?,
            ..Known::default()
        };
        for row in made {
            let at = Timestamp::from_millis(row.try_get("slot_ms")?);
            known.made.insert(at, row.try_get::<i64, _>("number")? as u64);
        }
        for row in waiting {
            let alerts = alerts_of(&row.try_get::<String, _>("body")?)
                .ok_or_else(|| StateError::unreadable(format!("an alert of rule `{rule}` that waits")))?;
            let found_at = Timestamp::from_millis(row.try_get("slot_ms")?);
            known.waiting.push(Waiting { position: Some(row.try_get("position")?), found_at, alerts });
        }
        if let Some(row) = number {
            known.waiting_number = row.try_get::<i64, _>("number")? as u64;
        }
        if let Some(millis) = suppression_ms {
            let text = "SELECT alert, group_key, body FROM suppression \
                WHERE rule = $1 AND opened_ms BETWEEN $2 AND $3 ORDER BY opened_ms, alert";
            let query = sql(text)
                .bind(rule.to_owned())
                .bind(reach.from.saturating_sub(millis))
                .bind(reach.to.saturating_add(millis));
            for row in self.rows(query).await? {
                let alert: String = row.try_get("alert")?;
                let (group, counted_until) = group_of(&row.try_get::<String, _>("body")?)
                    .ok_or_else(|| StateError::unreadable(format!("what alert `{alert}` stands for")))?;
                let key = row.try_get("group_key")?;
                known.standing.push(StandingAlert { key, alert, group, counted_until });
            }
        }
        Ok(known)
    }

    /// The buckets of a rule that alerted at slots within reach.
    pub(crate) async fn marks(&self, rule: &str, reach: Reach) -> Result<Marks, StateError> {
        let text = "SELECT bucket, slot_ms, from_ms, to_ms, alert FROM bucket_marks \
            WHERE rule = $1 AND slot_ms BETWEEN $2 AND $3 ORDER BY slot_ms";
        let mut marks = Marks::new();
        for row in self.rows(sql(text).bind(rule.to_owned()).bind(reach.from).bind(reach.to)).await? {
            let time = |name: &str| row.try_get::<i64, _>(name).map(Timestamp::from_millis);
            let mark = BucketMark {
                execution: time("slot_ms")?,
                window: ExecutionWindow { from: time("from_ms")?, to: time("to_ms")? },
            };
            let alert: String = row.try_get("alert")?;
            let own = (!alert.is_empty()).then_some(alert);
            marks.entry(row.try_get("bucket")?).or_default().push((mark, own));
        }
        Ok(marks)
    }

    /// Writes settlements in one transaction.
    pub(crate) async fn settle(&self, settlements: &[RuleSettlement]) -> Result<(), StateError> {
        let mut writing = self.begin().await?;
        for settlement in settlements {
            write(&mut writing, settlement).await?;
        }
        writing.commit().await
    }
}

async fn write(writing: &mut Writing, of: &RuleSettlement) -> Result<(), StateError> {
    let rule = || of.rule.clone();
    let claim = "UPDATE rules SET settled = settled + 1, \
        reach_ms = CASE WHEN reach_ms > $3 THEN reach_ms ELSE $3 END WHERE id = $1 AND settled = $2";
    if writing.run(sql(claim).bind(rule()).bind(of.settled).bind(of.reach_ms)).await? != 1 {
        return Err(StateError::Overtaken { rule: rule() });
    }
    let settlement = &of.settlement;
    for seen in &settlement.detections {
        let insert = "INSERT INTO detections (rule, id, slot_ms, alert) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (rule, id) DO NOTHING";
        let alert = seen.alert.clone().unwrap_or_default();
        writing
            .run(sql(insert).bind(rule()).bind(seen.id.clone()).bind(millis(seen.slot)).bind(alert))
            .await?;
    }
    for alert in &settlement.alerts {
        let is_new = write_alert(writing, &of.rule, alert).await? == 1;
        // What lies behind the alert on a sequence is told with that.
        if is_new && settlement.notifies && alert.alert.shell.is_none() {
            outbox::write_fresh(writing, &of.rule, alert).await?;
        }
    }
    for (id, document) in &settlement.refreshed {
        refresh(writing, id, document).await?;
    }
    for position in &settlement.given {
        let delete = sql("DELETE FROM carry_over WHERE rule = $1 AND position = $2");
        writing.run(delete.bind(rule()).bind(*position)).await?;
    }
    if !settlement.held.is_empty() {
        let last = sql("SELECT COALESCE(MAX(position), 0) AS last FROM carry_over WHERE rule = $1");
        let last: i64 = writing.row(last.bind(rule())).await?.map_or(Ok(0), |row| row.try_get("last"))?;
        for (held, position) in settlement.held.iter().zip(last + 1..) {
            let insert = "INSERT INTO carry_over (rule, position, slot_ms, body) VALUES ($1, $2, $3, $4)";
            let insert = sql(insert)
                .bind(rule())
                .bind(position)
                .bind(millis(held.found_at))
                .bind(json_of(&held.alerts));
            writing.run(insert).await?;
        }
    }
    for (standing, changed) in &settlement.standing {
        write_standing(writing, &of.rule, standing).await?;
        if let Some(at) = changed {
            update_standing(writing, standing, *at).await?;
        }
    }
    for mark in &settlement.marks {
        let insert = "INSERT INTO bucket_marks (rule, bucket, slot_ms, from_ms, to_ms, alert) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (rule, bucket, slot_ms) DO NOTHING";
        let insert = sql(insert)
            .bind(rule())
            .bind(mark.bucket.clone())
            .bind(millis(mark.mark.execution))
            .bind(millis(mark.mark.window.from))
            .bind(millis(mark.mark.window.to))
            .bind(mark.alert.clone().unwrap_or_default());
        writing.run(insert).await?;
    }
    write_covered(writing, &of.rule, SLOTS, (&of.before.slots, &of.after.slots)).await?;
    write_covered(writing, &of.rule, WINDOWS, (&of.before.windows, &of.after.windows)).await?;
    for record in &settlement.executions {
        executions::write(writing, record).await?;
        if !of.had_failures {
            continue;
        }
        let tried = sql("DELETE FROM failures WHERE rule = $1 AND slot_ms = $2");
        writing.run(tried.bind(rule()).bind(millis(record.slot))).await?;
    }
    Ok(())
}

pub(crate) async fn write_alert(
    writing: &mut Writing,
    rule: &str,
    new: &NewAlert,
) -> Result<u64, StateError> {
    let insert = "INSERT INTO alerts (id, rule, slot_ms, made_ms, severity, risk_score, shell, status, tags, assignees, \
        document) VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', '[]', '[]', $8) ON CONFLICT (id) DO NOTHING";
    let MadeAlert { id, severity, risk_score, shell, document } = &new.alert;
    let insert = sql(insert)
        .bind(id.clone())
        .bind(rule.to_owned())
        .bind(millis(new.slot))
        .bind(millis(new.made))
        .bind(severity.clone())
        .bind(*risk_score)
        .bind(shell.clone())
        .bind(text_of(document));
    writing.run(insert).await
}

/// Gives an alert that exists a new content; it keeps its id and the time at which it was made. One that waits still has the
/// content with which it was found.
async fn refresh(writing: &mut Writing, id: &str, document: &Document) -> Result<(), StateError> {
    let Some(mut kept) = document_of(writing, id).await? else { return Ok(()) };
    let mut fresh = document.clone();
    for name in VOLATILE_FIELDS.into_iter().chain(["kibana.alert.uuid"]) {
        if let Some(value) = kept.remove(name) {
            fresh.insert(name.to_owned(), value);
        }
    }
    set_document(writing, id, &fresh).await
}

async fn update_standing(
    writing: &mut Writing,
    standing: &StandingAlert,
    at: Timestamp,
) -> Result<(), StateError> {
    let Some(mut document) = document_of(writing, &standing.alert).await? else { return Ok(()) };
    update_suppression(&mut document, &standing.group, at);
    set_document(writing, &standing.alert, &document).await
}

async fn document_of(writing: &mut Writing, id: &str) -> Result<Option<Document>, StateError> {
    let select = sql("SELECT document FROM alerts WHERE id = $1").bind(id.to_owned());
    let Some(row) = writing.row(select).await? else { return Ok(None) };
    let text: String = row.try_get("document")?;
    serde_json::from_str(&text).map_err(|_| StateError::unreadable(format!("alert `{id}`")))
}

async fn set_document(writing: &mut Writing, id: &str, document: &Document) -> Result<(), StateError> {
    let update = sql("UPDATE alerts SET document = $2 WHERE id = $1");
    writing.run(update.bind(id.to_owned()).bind(text_of(document))).await?;
    Ok(())
}

pub(crate) async fn write_standing(
    writing: &mut Writing,
    rule: &str,
    standing: &StandingAlert,
) -> Result<(), StateError> {
    let upsert = "INSERT INTO suppression (rule, alert, group_key, opened_ms, body) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (rule, alert) DO UPDATE SET body = $5";
    let upsert = sql(upsert)
        .bind(rule.to_owned())
        .bind(standing.alert.clone())
        .bind(standing.key.clone())
        .bind(standing.group.opened.map(millis).unwrap_or_default())
        .bind(group_text(standing));
    writing.run(upsert).await?;
    Ok(())
}

async fn write_covered(
    writing: &mut Writing,
    rule: &str,
    axis: &str,
    (before, after): (&RangeSet, &RangeSet),
) -> Result<(), StateError> {
    for span in before.spans().iter().filter(|span| !after.spans().contains(span)) {
        let delete = sql("DELETE FROM covered WHERE rule = $1 AND axis = $2 AND from_ms = $3");
        writing.run(delete.bind(rule.to_owned()).bind(axis.to_owned()).bind(span.0)).await?;
    }
    for (from, to) in after.spans().iter().filter(|span| !before.spans().contains(span)) {
        let insert = sql("INSERT INTO covered (rule, axis, from_ms, to_ms) VALUES ($1, $2, $3, $4)");
        writing.run(insert.bind(rule.to_owned()).bind(axis.to_owned()).bind(*from).bind(*to)).await?;
    }
    Ok(())
}

fn text_of(document: &Document) -> String {
    serde_json::to_string(document).expect("a document can be written as JSON")
}

fn json_of(alerts: &[MadeAlert]) -> String {
    let one = |alert: &MadeAlert| {
        json!({
            "id": alert.id,
            "severity": alert.severity,
            "risk_score": alert.risk_score,
            "shell": alert.shell,
            "document": alert.document,
        })
    };
    Value::Array(alerts.iter().map(one).collect()).to_string()
}

fn alerts_of(text: &str) -> Option<Vec<MadeAlert>> {
    let alerts: Vec<BTreeMap<String, Value>> = serde_json::from_str(text).ok()?;
    let one = |mut alert: BTreeMap<String, Value>| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let Some(Value::Object(document)) = alert.remove("document") else { return None };
        Some(MadeAlert {
            id: text(alert.get("id")?)?,
            severity: text(alert.get("severity")?)?,
            risk_score: alert.get("risk_score")?.as_i64()?,
            shell: text(alert.get("shell")?),
            document,
        })
    };
    alerts.into_iter().map(one).collect()
}

/// What an alert stands for, as text. Instants are nanoseconds, which a number of JSON would round.
fn group_text(standing: &StandingAlert) -> String {
    let StandingAlert { group, counted_until, .. } = standing;
    let time = |at: Option<Timestamp>| at.map(|at| at.nanos().to_string());
    json!({
        "terms": group.terms,
        "is_of_element": group.is_of_element,
        "start": time(group.start),
        "end": time(group.end),
        "suppressed": group.suppressed,
        "opened": time(group.opened),
        "last_detected": time(group.last_detected),
        "counted_until": time(*counted_until),
    })
    .to_string()
}

fn group_of(text: &str) -> Option<(SuppressedGroup, Option<Timestamp>)> {
    let body: Value = serde_json::from_str(text).ok()?;
    let time = |name: &str| match body.get(name)? {
        Value::Null => Some(None),
        text => Some(Some(Timestamp::from_nanos(text.as_str()?.parse().ok()?))),
    };
    let term = |term: &Value| match term.as_array()?.as_slice() {
        [field, value] => Some((field.as_str()?.to_owned(), value.clone())),
        _ => None,
    };
    let group = SuppressedGroup {
        terms: body.get("terms")?.as_array()?.iter().map(term).collect::<Option<_>>()?,
        is_of_element: body.get("is_of_element")?.as_bool()?,
        start: time("start")?,
        end: time("end")?,
        suppressed: body.get("suppressed")?.as_u64()?,
        opened: time("opened")?,
        last_detected: time("last_detected")?,
    };
    Some((group, time("counted_until")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_alert_stands_for_comes_back() {
        let at = |nanos: i128| Some(Timestamp::from_nanos(nanos));
        let group = SuppressedGroup {
            terms: vec![("a".to_owned(), "b".into()), ("c".to_owned(), Value::Null)],
            is_of_element: true,
            start: at(1_234_567_890_123_456_789),
            end: None,
            suppressed: 7,
            opened: at(-5),
            last_detected: at(0),
        };
        let standing = StandingAlert {
            key: group.key(),
            alert: "x".to_owned(),
            group: group.clone(),
            counted_until: at(3),
        };
        assert_eq!(group_of(&group_text(&standing)), Some((group, at(3))));
        assert_eq!(group_of("{}"), None);
    }
}
