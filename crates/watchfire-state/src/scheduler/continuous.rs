//! Looks at events when they arrive, between executions.
//!
//! ```text
//! arrived ─ match ─┬─ hits of rules on single events ─────────────────┐
//!                  └─ hits of sequences ─► Recent ────────────────────┴─► pass over these events ─► settle
//! ```
//!
//! A look is an execution of the slot to come, over the events that are there already: what it finds is known when the
//! execution itself runs, which then finds the rest. So looks may be left out, begin late or miss events: the alerts are the
//! same, only later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchfire_detect::{AtOnce, ExecutionPlan, RuleSchedule};
use watchfire_events::{Timestamp, WrittenEvent};

use super::passes::{Part, Passed, Run, blank};
use super::recent::{Held, HeldEvents, Recent};
use super::{Scheduler, TickReport};
use crate::engine::Engine;
use crate::error::StateError;
use crate::execution::{ExecutionKind, ExecutionMessage, ExecutionRecord};
use crate::pass::{Passes, Task, warnings};
use crate::rules::millis;
use crate::settlements::Marks;
use crate::stored_events::StoredEvents;

/// Events that have arrived since the look before.
#[derive(Debug, Default)]
pub struct Arrived {
    /// The events, with `event.ingested` in their documents. They are durable.
    pub events: Vec<WrittenEvent>,
    /// How many more have arrived that are not among them, since there was no room for them.
    pub left_out: u64,
}

/// What a look did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LookReport {
    /// For each rule that found something, what it did.
    pub found: Vec<ExecutionRecord>,
    /// Rules that could not be looked at, since not all that arrived within their window is at hand: their executions find
    /// what there is.
    pub postponed: u64,
    /// Conditions of rules that hit more events than are held.
    pub given_up: u64,
}

/// Rules that look at the same events.
#[derive(Default)]
struct Looked {
    /// Each with the executions that it looks ahead of.
    rules: Vec<(usize, Vec<Timestamp>)>,
    events: Vec<Arc<Held>>,
}

impl<E: StoredEvents> Scheduler<E> {
    /// Looks at events that have just arrived, and makes the alerts that need no more than these and earlier ones: those
    /// of rules on single events, and of sequences without missing events, all of them without suppression. They
    /// count as of the execution to come, which finds nothing new then; `max_signals` holds for both together. Alerts are made
    /// at `now`, which is the time of the day.
    ///
    /// # Errors
    /// Of the database. The executions find what was not settled.
    pub async fn look(&self, arrived: Arrived, now: Timestamp) -> Result<LookReport, StateError> {
        let mut recent = self.recent.lock().await;
        let looked = self.look_with(&mut recent, arrived, now).await;
        if looked.is_err() {
            // What arrived may not be held: until a window has passed, executions read.
            recent.miss();
        }
        looked
    }

    /// That nothing has arrived before the first look: to be called once before it, if that is so. Otherwise executions read
    /// the stored events until their windows begin behind it.
    pub async fn nothing_arrived(&self) {
        self.recent.lock().await.nothing_yet();
    }

    /// That all which has arrived up to the time of the clock has been given to looks: executions of windows that looks have
    /// seen all of search what was hit, and do not read the stored events.
    ///
    /// # Errors
    /// If there is no thread to ask on for what is stored.
    pub async fn looked_through(&self) -> Result<(), StateError> {
        let now = self.clock.now();
        let mut recent = self.recent.lock().await;
        recent.looked_through(now);
        // What was missed before has been committed by then.
        if recent.misses_before(now) {
            let events = Arc::clone(&self.events);
            let latest = tokio::task::spawn_blocking(move || events.latest()).await;
            let latest = latest.map_err(|error| StateError::Setup { why: error.to_string() })?;
            // Else executions go on reading, and say what is wrong.
            if let Ok(latest) = latest {
                recent.set_before(latest);
            }
        }
        Ok(())
    }

    async fn look_with(
        &self,
        recent: &mut Recent,
        arrived: Arrived,
        now: Timestamp,
    ) -> Result<LookReport, StateError> {
        let engine = self.engine(now).await?;
        recent.begin(&engine, arrived.left_out == 0, now);
        let (matching, limits) = (Arc::clone(&engine), self.settings.recent);
        let mut looking = std::mem::take(recent);
        let matched = tokio::task::spawn_blocking(move || {
            let book = matching.undated();
            let at_once = |condition| matching.at_once(*book.rules.get(&condition)?);
            let found = looking.look_at(&matching, arrived.events, &at_once, limits, now);
            (looking, found)
        });
        let (looked, matched) =
            matched.await.map_err(|error| StateError::Setup { why: error.to_string() })?;
        *recent = looked;
        let mut matched = matched.map_err(|error| StateError::Setup { why: error.to_string() })?;
        matched.sort_by_key(|held| held.ingested);
        let mut report = LookReport { given_up: recent.given_up(), ..LookReport::default() };
        let by_rule = by_rule(&engine, &matched);
        if by_rule.is_empty() {
            return Ok(report);
        }
        let mut run = self.run(&engine, now).await?;
        let (mut alone, mut joined) = (Looked::default(), Looked::default());
        let mut conditions = BTreeSet::new();
        for (rule, arrived) in by_rule {
            let Some(schedule) = run.schedule(rule) else { continue };
            let slots = run.open_slots(rule, schedule, &arrived);
            let (Some(first), Some(kind)) = (slots.first(), engine.at_once(rule)) else { continue };
            match kind {
                AtOnce::Event => alone.rules.push((rule, slots)),
                AtOnce::Earlier => match recent.joins(&engine, rule, schedule.window(*first).from) {
                    Some(true) => {
                        let stages = engine.undated().stages.get(&rule).into_iter().flatten();
                        conditions.extend(stages.map(|(condition, _)| *condition));
                        joined.rules.push((rule, slots));
                    }
                    Some(false) => {}
                    None => report.postponed += 1,
                },
            }
        }
        alone.events = matched;
        joined.events = recent.of_conditions(&conditions);
        let passing = Arc::clone(&engine);
        let memory = self.settings.memory;
        let passes = move || -> std::io::Result<Vec<Passed>> {
            let mut passed = pass(&passing, memory, alone, now)?;
            passed.extend(pass(&passing, memory, joined, now)?);
            Ok(passed)
        };
        let passed = tokio::task::spawn_blocking(passes).await;
        let passed = passed.map_err(|error| StateError::Setup { why: error.to_string() })?;
        let passed = passed.map_err(|error| StateError::Setup {
            why: format!("what has arrived cannot be joined: {error}"),
        })?;
        let mut settled = TickReport::default();
        self.settle(&mut run, passed, &mut settled).await?;
        report.found = settled.executions;
        Ok(report)
    }
}

impl Run {
    /// The executions that events of these arrivals are first seen by, as far as they are owed and have not run.
    fn open_slots(&self, rule: usize, schedule: &RuleSchedule, arrived: &[Timestamp]) -> Vec<Timestamp> {
        let (Some(first), Some(last)) = (arrived.iter().min(), arrived.iter().max()) else {
            return Vec::new();
        };
        let Some(from) = self.scheduled_from(rule) else { return Vec::new() };
        let mut slots = Vec::new();
        let mut slot = schedule.first_from(*first);
        while slot <= schedule.first_from(*last) {
            if slot >= from && !self.covered_slots(rule).holds(millis(slot)) {
                slots.push(slot);
            }
            slot = schedule.next(slot);
        }
        slots
    }
}

/// By rule that alerts at once, when the events arrived that it has hit.
fn by_rule(engine: &Engine, matched: &[Arc<Held>]) -> BTreeMap<usize, Vec<Timestamp>> {
    let mut by_rule: BTreeMap<usize, Vec<Timestamp>> = BTreeMap::new();
    for held in matched {
        let rules = held.conditions.iter().filter_map(|condition| engine.undated().rules.get(condition));
        let rules: BTreeSet<usize> = rules.copied().filter(|rule| engine.at_once(*rule).is_some()).collect();
        for rule in rules {
            by_rule.entry(rule).or_default().push(held.ingested);
        }
    }
    by_rule
}

/// What rules find in the events that they look at.
fn pass(engine: &Engine, memory: u64, looked: Looked, now: Timestamp) -> std::io::Result<Vec<Passed>> {
    if looked.rules.is_empty() {
        return Ok(Vec::new());
    }
    let book = engine.undated();
    let passes = Passes::new(&book.book, engine.catalogue(), memory);
    let mut tasks = Vec::new();
    for (rule, slots) in &looked.rules {
        if let (Some(&rule), Ok(runs)) = (book.numbers.get(rule), &engine.rules[*rule].way) {
            let plan = ExecutionPlan { executions: slots.clone(), ..ExecutionPlan::default() };
            tasks.push(Task { rule, schedule: runs.schedule.clone(), plan });
        }
    }
    let events = HeldEvents { held: looked.events, stored: None };
    let mut found = passes.run(&tasks, &events, Vec::new())?;
    let mut passed = Vec::new();
    for (rule, slots) in looked.rules {
        let finds = book.numbers.get(&rule).and_then(|in_book| found.remove(in_book));
        let (Some(finds), Ok(runs)) = (finds, &engine.rules[rule].way) else { continue };
        if finds.detections.is_empty() {
            continue;
        }
        let kept = &engine.rules[rule].kept;
        let mut records: Vec<ExecutionRecord> = slots
            .iter()
            .map(|slot| blank(kept, &runs.schedule, *slot, ExecutionKind::Continuous, now))
            .collect();
        if let Some(last) = records.last_mut() {
            last.messages.extend(warnings(&finds).into_iter().map(ExecutionMessage::warning));
        }
        let slots = slots.into_iter().map(|slot| (slot, ExecutionKind::Continuous)).collect();
        passed.push(Passed { part: Part { rule, slots, gap: None }, records, finds, marks: Marks::new() });
    }
    Ok(passed)
}

impl Engine {
    /// What it takes for a rule to alert at once, if it can.
    fn at_once(&self, rule: usize) -> Option<AtOnce> {
        self.rules.get(rule).and_then(|rule| rule.at_once)
    }
}
