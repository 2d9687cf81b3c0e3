//! From what a pass found, and what was known before, to what is to be stored.
//!
//! ```text
//! RuleFinds ─ known already? ─ counted in a bucket already? ─ suppressed? ─ over the limit? ─► alerts
//!                 │ dropped        │ that alert is updated      │ added to     │ wait for the
//!                                                                 an alert       next execution
//! ```
//!
//! Nothing here reads or writes the database: [`Known`] was read before, and a [`Settlement`] is written as one
//! transaction. So a run that is repeated, for whatever reason, settles to nothing.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;
use watchfire_detect::{
    Alert, AlertStamp, BucketMark, Detection, RuleAlerts, RuleSchedule, StandingAlert, Suppression,
    Suppressor,
};
use watchfire_events::{Document, Event, Timestamp};

use crate::execution::{ExecutionKind, ExecutionMessage, ExecutionRecord};
use crate::pass::RuleFinds;

/// What is known of a rule before a run.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The ids of what was found.
    pub(crate) seen: HashSet<String>,
    /// The alerts that wait, the first ones: as many as the run may give out.
    pub(crate) waiting: Vec<Waiting>,
    /// How many wait in all.
    pub(crate) waiting_number: u64,
    /// The alerts that executions have made already.
    pub(crate) made: BTreeMap<Timestamp, u64>,
    pub(crate) standing: Vec<StandingAlert>,
    /// By bucket, the executions at which it alerted, each with its alert, if it has one of its own.
    pub(crate) marks: HashMap<String, Vec<(BucketMark, Option<String>)>>,
}

/// Alerts that wait: one, or that of a sequence with those behind it.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Where they stand in the queue, if they wait since an earlier run.
    pub(crate) position: Option<i64>,
    /// The execution that found them.
    pub(crate) found_at: Timestamp,
    pub(crate) alerts: Vec<MadeAlert>,
}

/// An alert that was made.
#[derive(Clone, Debug)]
pub(crate) struct MadeAlert {
    pub(crate) id: String,
    pub(crate) severity: String,
    pub(crate) risk_score: i64,
    /// Of an alert behind that on a sequence: that alert.
    pub(crate) shell: Option<String>,
    pub(crate) document: Document,
}

/// An alert to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewAlert {
    pub(crate) slot: Timestamp,
    /// Of the execution that makes it.
    pub(crate) kind: ExecutionKind,
    pub(crate) made: Timestamp,
    pub(crate) alert: MadeAlert,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct SeenDetection {
    pub(crate) id: String,
    pub(crate) slot: Timestamp,
    /// Its own alert; nothing where suppression may have put it into another.
    pub(crate) alert: Option<String>,
}

/// A bucket that alerted.
#[derive(Clone, Debug)]
pub(crate) struct NewMark {
    pub(crate) bucket: String,
    pub(crate) mark: BucketMark,
    pub(crate) alert: Option<String>,
}

/// What a run of a rule changes.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    pub(crate) executions: Vec<ExecutionRecord>,
    pub(crate) detections: Vec<SeenDetection>,
    pub(crate) alerts: Vec<NewAlert>,
    /// New contents of alerts that exist, by id: more was found for them.
    pub(crate) refreshed: Vec<(String, Document)>,
    /// Positions of the queue that have been given out.
    pub(crate) given: Vec<i64>,
    pub(crate) held: Vec<Waiting>,
    /// Alerts that cover what follows, new ones and changed ones; the latter have a time at which they changed.
    pub(crate) standing: Vec<(StandingAlert, Option<Timestamp>)>,
    pub(crate) marks: Vec<NewMark>,
    /// Whether something may be sent of its new alerts.
    pub(crate) notifies: bool,
}

/// A rule as its finds are settled.
pub(crate) struct Settling<'a> {
    pub(crate) alerts: &'a RuleAlerts<'a>,
    pub(crate) schedule: &'a RuleSchedule,
    pub(crate) suppression: Option<&'a Suppression>,
    /// Whether what it finds are groups of events.
    pub(crate) is_group: bool,
    /// The time of the run.
    pub(crate) now: Timestamp,
}

impl Settling<'_> {
    /// Settles what executions found. Each comes with its kind, and what there is to say of it already.
    pub(crate) fn settle(
        &self,
        executions: Vec<ExecutionRecord>,
        finds: RuleFinds,
        known: Known,
    ) -> Settlement {
        let mut work = Work {
            settling: self,
            queue: known.waiting.into(),
            waiting_number: known.waiting_number,
            seen: known.seen,
            marks: known.marks,
            suppressor: self.suppression.map(|of| Suppressor::new(of).with_standing(known.standing)),
            settlement: Settlement::default(),
        };
        let mut by_execution: BTreeMap<Option<Timestamp>, Vec<Detection<Arc<Event>>>> = BTreeMap::new();
        for detection in finds.detections {
            by_execution.entry(detection.execution).or_default().push(detection);
        }
        let mut records = Vec::with_capacity(executions.len());
        let mut opened: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for mut record in executions {
            let found = by_execution.remove(&Some(record.slot)).unwrap_or_default();
            let before = known.made.get(&record.slot).copied().unwrap_or_default();
            for alert in work.execution(&mut record, found, before) {
                *opened.entry(alert).or_default() += 1;
            }
            records.push(record);
        }
        for at in work.finish(&records) {
            *opened.entry(at).or_default() += 1;
        }
        for record in &mut records {
            record.alerts += opened.get(&record.slot).copied().unwrap_or_default();
            record.settle_status(self.now);
        }
        work.settlement.executions = records;
        work.settlement
    }

    /// The alerts on a detection, that on the whole first.
    fn make(&self, detection: &Detection<Arc<Event>>) -> Vec<MadeAlert> {
        let group = self.alerts.of_detection(detection, &detection.sequence.places, self.is_group);
        let shell = group.shell.id.as_str().to_owned();
        let blocks = group.blocks.into_iter().map(|block| self.made(&block, Some(shell.clone())));
        std::iter::once(self.made(&group.shell, None)).chain(blocks).collect()
    }

    fn made(&self, alert: &Alert, shell: Option<String>) -> MadeAlert {
        let text = self.alerts.document(&alert.document.own, &alert.document.cuts);
        let document: Document = serde_json::from_slice(&text).expect("an alert is written as a JSON object");
        let risk_score = document.get("kibana.alert.risk_score").and_then(Value::as_f64).unwrap_or_default();
        MadeAlert {
            id: alert.id.as_str().to_owned(),
            severity: alert.severity.to_string(),
            risk_score: risk_score.round() as i64,
            shell,
            document,
        }
    }

    /// The id of an execution in the documents of its alerts.
    fn execution_uuid(&self, kind: ExecutionKind, slot: Timestamp) -> Uuid {
        self.alerts.uuid().derive(&format!("{} {slot}", kind.name()))
    }
}

struct Work<'w, 'a> {
    settling: &'w Settling<'a>,
    /// What waits for an execution with room.
    queue: VecDeque<Waiting>,
    waiting_number: u64,
    seen: HashSet<String>,
    marks: HashMap<String, Vec<(BucketMark, Option<String>)>>,
    suppressor: Option<Suppressor<'w, Arc<Event>>>,
    settlement: Settlement,
}

impl Work<'_, '_> {
    /// Takes what one execution found, where the same slot has made so many alerts before. Gives back the slots at which
    /// alerts under suppression were made that are known by now.
    fn execution(
        &mut self,
        record: &mut ExecutionRecord,
        found: Vec<Detection<Arc<Event>>>,
        made_before: u64,
    ) -> Vec<Timestamp> {
        let mut opened = Vec::new();
        let suppressed_before = self.suppressor.as_ref().map(Suppressor::suppressed).unwrap_or_default();
        let mut new = 0;
        for detection in found {
            let Some(id) = self.take_new(&detection, record.slot) else { continue };
            record.found += 1;
            let Some(suppressor) = &mut self.suppressor else {
                let alerts = self.settling.make(&detection);
                self.queue.push_back(Waiting { position: None, found_at: record.slot, alerts });
                self.settlement.detections.push(SeenDetection {
                    alert: Some(id.clone()),
                    id,
                    slot: record.slot,
                });
                new += 1;
                continue;
            };
            self.settlement.detections.push(SeenDetection { id, slot: record.slot, alert: None });
            let document = detection.document(&detection.sequence.places);
            for alert in suppressor.take(detection, &document) {
                opened.extend(self.store(&alert, record.kind));
            }
        }
        if let Some(suppressor) = &self.suppressor {
            record.suppressed = suppressor.suppressed() - suppressed_before;
        }
        let room = self.settling.schedule.max_signals().saturating_sub(made_before);
        for _ in 0..room {
            let Some(next) = self.queue.pop_front() else { break };
            match next.position {
                Some(position) => {
                    self.settlement.given.push(position);
                    self.waiting_number -= 1;
                }
                None => new -= u64::from(next.found_at == record.slot),
            }
            record.alerts += 1;
            self.give(next.alerts, record.slot, record.kind);
        }
        record.held_back = new;
        let waiting =
            self.waiting_number + self.queue.iter().filter(|one| one.position.is_none()).count() as u64;
        if waiting > 0 {
            record.messages.push(ExecutionMessage::warning(format!(
                "the limit of {} alerts was reached; {waiting} wait for the next executions",
                self.settling.schedule.max_signals()
            )));
        }
        opened
    }

    /// The id of a detection that was not there before. What adds to a bucket that has alerted refreshes that alert.
    fn take_new(&mut self, detection: &Detection<Arc<Event>>, slot: Timestamp) -> Option<String> {
        let Settling { alerts, is_group, schedule, .. } = self.settling;
        let id = alerts.id_of_detection(detection, &detection.sequence.places, *is_group);
        let id = id.as_str().to_owned();
        if detection.is_counted() {
            let bucket = detection.bucket_key();
            let marks = self.marks.entry(bucket.clone()).or_default();
            if let Some((_, alert)) = marks.iter().find(|(mark, _)| mark.execution == slot) {
                if let Some(alert) = alert.clone() {
                    let document = self.settling.make(detection).swap_remove(0).document;
                    self.settlement.refreshed.push((alert, document));
                }
                return None;
            }
            let mark = BucketMark { execution: slot, window: schedule.window(slot) };
            let alert = self.suppressor.is_none().then(|| id.clone());
            marks.push((mark, alert.clone()));
            self.settlement.marks.push(NewMark { bucket, mark, alert });
        }
        self.seen.insert(id.clone()).then_some(id)
    }

    /// Stores an alert that stands for a group; gives back its slot. One that is not suppressed is alone.
    fn store(&mut self, detection: &Detection<Arc<Event>>, kind: ExecutionKind) -> Option<Timestamp> {
        let slot = detection.execution?;
        let made = self.settling.make(detection);
        if let (Some(group), Some(shell)) = (&detection.suppression, made.first()) {
            let standing = StandingAlert {
                key: group.key(),
                alert: shell.id.clone(),
                group: group.clone(),
                counted_until: None,
            };
            self.settlement.standing.push((standing, None));
        }
        self.give(made, slot, kind);
        Some(slot)
    }

    fn give(&mut self, alerts: Vec<MadeAlert>, slot: Timestamp, kind: ExecutionKind) {
        let made = kind.alert_time(slot, self.settling.now);
        let stamp = AlertStamp {
            made,
            intended: slot,
            execution: self.settling.execution_uuid(kind, slot),
            execution_type: kind.alert_type(),
        };
        for mut alert in alerts {
            stamp.apply(&mut alert.document);
            self.settlement.alerts.push(NewAlert { slot, kind, made, alert });
        }
    }

    /// Stores what is open to the end; gives back the slots of alerts.
    fn finish(&mut self, records: &[ExecutionRecord]) -> Vec<Timestamp> {
        let mut slots = Vec::new();
        if let Some(suppressor) = self.suppressor.take() {
            let result = suppressor.finish();
            for alert in &result.alerts {
                let kind = records.iter().find(|record| Some(record.slot) == alert.execution);
                let kind = kind.map_or(ExecutionKind::BackFill, |record| record.kind);
                slots.extend(self.store(alert, kind));
            }
            let changed = |standing| (standing, Some(self.settling.now));
            self.settlement.standing.extend(result.updated.into_iter().map(changed));
        }
        self.settlement.held.extend(self.queue.drain(..).filter(|one| one.position.is_none()));
        slots
    }
}
