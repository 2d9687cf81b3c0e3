//! Which executions a rule owes.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_detect::{ExecutionWindow, RuleSchedule};
use watchfire_events::Timestamp;

use super::SchedulerSettings;
use crate::execution::ExecutionKind;
use crate::executions::{Covered, Failure};
use crate::rules::millis;

/// Executions of a rule to be run.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The number of the rule in the engine.
    pub(super) rule: usize,
    /// In order of time.
    pub(super) slots: Vec<(Timestamp, ExecutionKind)>,
    /// Time that was not searched when it was due.
    pub(super) gap: Option<ExecutionWindow>,
}

/// What a rule owes.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) newest: Option<Job>,
    pub(super) oldest: Option<Job>,
    /// When its next execution is due.
    pub(super) next_due: Timestamp,
}

/// What is owed by a rule that is executed from an instant on.
pub(super) fn owed(
    rule: usize,
    schedule: &RuleSchedule,
    scheduled_from: Timestamp,
    now: Timestamp,
    covered: &Covered,
    failures: Option<&BTreeMap<i64, Failure>>,
    settings: &SchedulerSettings,
) -> Owed {
    let due = schedule.last_until(now);
    let next_due = schedule.first_from(schedule.next(due).max(scheduled_from));
    let may_run = |slot: &Timestamp| {
        let failure = failures.and_then(|of_rule| of_rule.get(&millis(*slot)));
        failure.is_none_or(|failure| failure.not_before <= now)
    };
    let gaps = covered.slots.gaps((millis(scheduled_from) - 1, millis(due)));
    let step = i64::try_from(schedule.interval_ms()).unwrap_or(i64::MAX);
    let slots_of = |(from, to): &(i64, i64)| {
        let first = millis(schedule.first_from(Timestamp::from_millis(from + 1)));
        (first, *to)
    };
    let mut newest: BTreeSet<Timestamp> = BTreeSet::new();
    for gap in gaps.iter().rev() {
        let (first, to) = slots_of(gap);
        let mut slot = millis(schedule.last_until(Timestamp::from_millis(to)));
        while slot >= first && newest.len() < settings.catch_up.max(1) {
            newest.extend(Some(Timestamp::from_millis(slot)).filter(may_run));
            slot -= step;
        }
    }
    let first_of_newest = newest.first().copied();
    let mut oldest: Vec<Timestamp> = Vec::new();
    for gap in &gaps {
        let (mut slot, to) = slots_of(gap);
        while slot <= to && oldest.len() < settings.gap_budget {
            let at = Timestamp::from_millis(slot);
            if first_of_newest.is_some_and(|first| at >= first) {
                break;
            }
            oldest.extend(Some(at).filter(may_run));
            slot += step;
        }
    }
    let kind = |slot: Timestamp| {
        if slot == due { ExecutionKind::Scheduled } else { ExecutionKind::BackFill }
    };
    let job = |slots: Vec<Timestamp>, gap| {
        let slots: Vec<_> = slots.into_iter().map(|slot| (slot, kind(slot))).collect();
        (!slots.is_empty()).then_some(Job { rule, slots, gap })
    };
    let is_missed = newest.iter().any(|slot| *slot != due) || !oldest.is_empty();
    let gap = if is_missed { not_searched(schedule, due, covered) } else { None };
    Owed { newest: job(newest.into_iter().collect(), gap), oldest: job(oldest, None), next_due }
}

/// The time between what was searched last and the window of an execution.
fn not_searched(schedule: &RuleSchedule, due: Timestamp, covered: &Covered) -> Option<ExecutionWindow> {
    let start = millis(schedule.window(due).from);
    let &(_, end) = covered.windows.spans().iter().rfind(|span| span.0 < start)?;
    let span = || ExecutionWindow { from: Timestamp::from_millis(end), to: Timestamp::from_millis(start) };
    (end < start).then(span)
}

/// The executions that search a span of time, as far as they can have been due.
pub(super) fn over(rule: usize, schedule: &RuleSchedule, span: ExecutionWindow, now: Timestamp) -> Job {
    let last = schedule.first_from(span.to).min(schedule.last_until(now));
    let mut slots = Vec::new();
    let mut slot = schedule.first_from(span.from);
    while slot <= last {
        slots.push((slot, ExecutionKind::Manual));
        slot = schedule.next(slot);
    }
    Job { rule, slots, gap: None }
}
