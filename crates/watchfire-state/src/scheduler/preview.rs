//! What a rule would do, without keeping any of it.

use std::sync::Arc;

use watchfire_detect::{BucketMark, ExecutionWindow};
use watchfire_events::{Document, Timestamp};
use watchfire_ir::Catalogue;

use super::jobs;
use super::passes::{Part, Passed, blank, pass, settle_one};
use crate::engine::Engine;
use crate::exceptions::ExceptionTexts;
use crate::execution::{ExecutionKind, ExecutionRecord};
use crate::pass::RuleFinds;
use crate::rules::KeptRule;
use crate::settle::Known;
use crate::settlements::Marks;
use crate::stored_events::StoredEvents;

/// What a rule would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Its executions.
    pub executions: Vec<ExecutionRecord>,
    /// The documents of its alerts, in the order in which they are made.
    pub alerts: Vec<Document>,
    /// Alerts that would wait behind the last execution.
    pub waiting: u64,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The rule cannot run: why.
    #[error("the rule cannot run: {0}")]
    CannotRun(String),
    /// The events cannot be read.
    #[error("the stored events cannot be read")]
    Events(#[from] std::io::Error),
}

/// What a rule would do over a span of time, if nothing were known before.
pub(super) fn preview(
    kept: KeptRule,
    texts: ExceptionTexts,
    catalogue: &Arc<Catalogue>,
    events: &dyn StoredEvents,
    span: ExecutionWindow,
    (now, memory): (Timestamp, u64),
) -> Result<Preview, PreviewError> {
    let engine = Engine::new(vec![kept], texts, Arc::clone(catalogue), now);
    let rule = &engine.rules[0];
    let runs = rule.way.as_ref().map_err(|why| PreviewError::CannotRun(why.clone()))?;
    let job = jobs::over(0, &runs.schedule, span, now);
    let size = if runs.is_dated { 1 } else { usize::MAX };
    let mut finds = RuleFinds::default();
    let mut records = Vec::new();
    let mut marks = Marks::new();
    for slots in job.slots.chunks(size.min(job.slots.len().max(1))) {
        let record =
            |(slot, kind): &(Timestamp, ExecutionKind)| blank(&rule.kept, &runs.schedule, *slot, *kind, now);
        let part = Part { rule: 0, slots: slots.to_vec(), gap: None };
        let dated = slots.last().map(|(slot, _)| *slot).filter(|_| runs.is_dated);
        let mut passed = [Passed {
            records: slots.iter().map(record).collect(),
            part,
            finds: RuleFinds::default(),
            marks: marks.clone(),
        }];
        pass(&engine, events, memory, dated, &mut passed, Vec::new())?;
        let [passed] = passed;
        finds.is_group = passed.finds.is_group;
        let buckets = passed.finds.detections.iter().filter(|of| of.is_counted());
        for (bucket, execution) in buckets.filter_map(|of| Some((of.bucket_key(), of.execution?))) {
            let mark = BucketMark { execution, window: runs.schedule.window(execution) };
            marks.entry(bucket).or_default().push((mark, None));
        }
        finds.detections.extend(passed.finds.detections);
        records.extend(passed.records);
    }
    let part = Part { rule: 0, slots: job.slots, gap: None };
    let passed = Passed { part, records, finds, marks: Marks::new() };
    let settled = settle_one(&engine, now, passed, Known::default());
    let Some((_, settlement)) = settled else {
        return Err(PreviewError::CannotRun("it is none of the rules".to_owned()));
    };
    Ok(Preview {
        executions: settlement.executions,
        alerts: settlement.alerts.into_iter().map(|new| new.alert.document).collect(),
        waiting: settlement.held.len() as u64,
    })
}
