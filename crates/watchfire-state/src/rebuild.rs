//! What is known of earlier executions, taken from the alerts that they made: where a state was lost and alerts were not, a
//! run over the past neither doubles nor moves them.
//!
//! What an alert says is less than what was known: of the events that it stands for under suppression there is only the number
//! and the time. So all that lies up to that time counts as being among them.

use serde_json::Value;
use sqlx::Row;
use watchfire_detect::{
    AlertId, BucketMark, RuleSchedule, RuleUuid, StandingAlert, SuppressedGroup, Suppression,
};
use watchfire_events::{DataStream, Document, EventId, Timestamp, get_field};
use watchfire_rules::model::RuleKind;

use crate::database::{StateDatabase, Writing, sql};
use crate::error::StateError;
use crate::pass::SPACE;
use crate::rules::{KeptRule, millis};
use crate::scheduler::reach_of;
use crate::settlements::write_standing;

impl StateDatabase {
    /// Takes up the alerts of a rule around some slots. What is known already stays as it is.
    pub(crate) async fn rebuild(
        &self,
        kept: &KeptRule,
        schedule: &RuleSchedule,
        slots: &[Timestamp],
    ) -> Result<(), StateError> {
        let suppression = Suppression::of(&kept.rule);
        let around = suppression.as_ref().and_then(Suppression::duration_ms).unwrap_or_default();
        let around = i64::try_from(around).unwrap_or(i64::MAX);
        let reach = reach_of(schedule, slots, around);
        let select = "SELECT id, slot_ms, document FROM alerts \
            WHERE rule = $1 AND slot_ms BETWEEN $2 AND $3 AND shell IS NULL \
            AND NOT EXISTS (SELECT 1 FROM detections WHERE detections.rule = alerts.rule AND detections.alert = alerts.id) \
            AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.rule = alerts.rule \
            AND suppression.alert = alerts.id) ORDER BY slot_ms, id";
        let rows = self.rows(sql(select).bind(kept.id.clone()).bind(reach.from).bind(reach.to)).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut writing = self.begin().await?;
        for row in rows {
            let id: String = row.try_get("id")?;
            let text: String = row.try_get("document")?;
            let document: Document =
                serde_json::from_str(&text).map_err(|_| StateError::unreadable(format!("alert `{id}`")))?;
            let slot = Timestamp::from_millis(row.try_get("slot_ms")?);
            let alert = KnownAlert { kept, id, slot, document };
            alert.write(&mut writing, schedule, suppression.is_some()).await?;
        }
        writing.commit().await
    }
}

struct KnownAlert<'a> {
    kept: &'a KeptRule,
    id: String,
    slot: Timestamp,
    document: Document,
}

impl KnownAlert<'_> {
    async fn write(
        &self,
        writing: &mut Writing,
        schedule: &RuleSchedule,
        is_suppressed: bool,
    ) -> Result<(), StateError> {
        let group = if is_suppressed { self.group() } else { None };
        let of_group = group.is_some();
        let insert = "INSERT INTO detections (rule, id, slot_ms, alert) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (rule, id) DO NOTHING";
        let insert = sql(insert)
            .bind(self.kept.id.clone())
            .bind(self.detection(of_group))
            .bind(millis(self.slot))
            .bind(if of_group { String::new() } else { self.id.clone() });
        writing.run(insert).await?;
        if let Some(group) = group {
            let counted_until = group.end;
            let standing = StandingAlert { key: group.key(), alert: self.id.clone(), group, counted_until };
            write_standing(writing, &self.kept.id, &standing).await?;
        }
        if let (RuleKind::Threshold(_), Some(bucket)) = (&self.kept.rule.kind, self.bucket()) {
            let mark = BucketMark { execution: self.slot, window: schedule.window(self.slot) };
            let insert = "INSERT INTO bucket_marks (rule, bucket, slot_ms, from_ms, to_ms, alert) \
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (rule, bucket, slot_ms) DO NOTHING";
            let insert = sql(insert)
                .bind(self.kept.id.clone())
                .bind(bucket)
                .bind(millis(mark.execution))
                .bind(millis(mark.window.from))
                .bind(millis(mark.window.to))
                .bind(if is_suppressed { String::new() } else { self.id.clone() });
            writing.run(insert).await?;
        }
        Ok(())
    }

    /// The id of what the alert was made of: its own, but where one event can be in several groups.
    fn detection(&self, of_group: bool) -> String {
        let is_of_element = matches!(self.kept.rule.kind, RuleKind::Query(_) | RuleKind::SavedQuery(_));
        let ancestor = || {
            let first = get_field(&self.document, "kibana.alert.ancestors")?.as_array()?.first()?;
            let text = |name: &str| first.get(name).and_then(Value::as_str);
            let (index, id) = (DataStream::new(text("index")?), EventId::given(text("id")?));
            let rule = self
                .kept
                .rule
                .rule_id
                .as_ref()
                .map_or_else(|| self.kept.rule.name.clone(), ToString::to_string);
            Some(AlertId::of_event(&index, &id, RuleUuid::new(SPACE, &rule)).as_str().to_owned())
        };
        let of_event = if of_group && is_of_element { ancestor() } else { None };
        of_event.unwrap_or_else(|| self.id.clone())
    }

    /// What the alert stands for under suppression.
    fn group(&self) -> Option<SuppressedGroup> {
        let field = |name: &str| self.document.get(&format!("kibana.alert.suppression.{name}"));
        let time = |name: &str| field(name).and_then(Value::as_str).and_then(Timestamp::parse);
        let term = |term: &Value| {
            Some((term.get("field")?.as_str()?.to_owned(), term.get("value").cloned().unwrap_or_default()))
        };
        let detected = self.document.get("kibana.alert.last_detected");
        Some(SuppressedGroup {
            terms: field("terms")?.as_array()?.iter().map(term).collect::<Option<_>>()?,
            is_of_element: matches!(self.kept.rule.kind, RuleKind::Query(_) | RuleKind::SavedQuery(_)),
            start: time("start"),
            end: time("end"),
            suppressed: field("docs_count")?.as_u64()?,
            opened: Some(self.slot),
            last_detected: detected.and_then(Value::as_str).and_then(Timestamp::parse),
        })
    }

    /// The bucket that the alert tells of.
    fn bucket(&self) -> Option<String> {
        let result = self.document.get("kibana.alert.threshold_result")?;
        let terms = result.get("terms")?.as_array()?;
        let values: Vec<Value> =
            terms.iter().map(|term| term.get("value").cloned().unwrap_or_default()).collect();
        Some(Value::Array(values).to_string())
    }
}
