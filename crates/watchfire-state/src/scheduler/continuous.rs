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

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use watchfire_detect::{AtOnce, ExecutionPlan, RuleSchedule};
use watchfire_engine::VALUE_CACHE_BYTES;
use watchfire_events::{BatchBuilder, Event, Timestamp, WrittenEvent, WrittenEvents, get_field};

use super::passes::{Part, Passed, Run, blank, length};
use super::{Scheduler, TickReport};
use crate::engine::Engine;
use crate::error::StateError;
use crate::execution::{ExecutionKind, ExecutionMessage, ExecutionRecord};
use crate::memory_events::MemoryEvents;
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
}

/// Events that sequences have hit, from some instant on.
#[derive(Default)]
pub(super) struct Recent {
    /// The rules that they are of.
    engine: Option<Arc<Engine>>,
    /// All events that arrived behind this instant and were hit are held; nothing before the first look, and behind one that
    /// has failed.
    since: Option<Timestamp>,
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    ingested: Timestamp,
    rules: BTreeSet<usize>,
    event: Event,
}

/// Rules that look at the same events.
#[derive(Default)]
struct Looked {
    /// Each with the executions that it looks ahead of.
    rules: Vec<(usize, Vec<Timestamp>)>,
    events: MemoryEvents,
}

impl Recent {
    /// Lets go of all events, if they are of other rules or some are missing.
    fn begin(&mut self, engine: &Arc<Engine>, is_whole: bool, now: Timestamp) {
        let is_same = self.engine.as_ref().is_some_and(|known| Arc::ptr_eq(known, engine));
        if !is_same || !is_whole || self.since.is_none() {
            *self = Self { engine: Some(Arc::clone(engine)), since: Some(now), held: VecDeque::new() };
        }
    }

    /// Lets go of events that arrived before an instant, and of the oldest if there are more than so many.
    fn forget(&mut self, before: Timestamp, most: usize) {
        while self.held.front().is_some_and(|held| held.ingested < before) || self.held.len() > most {
            let Some(gone) = self.held.pop_front() else { return };
            self.since = self.since.max(Some(gone.ingested));
        }
    }
}

/// The time at which an event arrived.
fn ingested(event: &Event) -> Option<Timestamp> {
    get_field(&event.document, "event.ingested").and_then(Value::as_str).and_then(Timestamp::parse)
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
            // What arrived may not be held: until a window has passed, sequences are for executions.
            recent.since = None;
        }
        looked
    }

    async fn look_with(
        &self,
        recent: &mut Recent,
        arrived: Arrived,
        now: Timestamp,
    ) -> Result<LookReport, StateError> {
        let engine = self.engine(now).await?;
        recent.begin(&engine, arrived.left_out == 0, now);
        let matching = Arc::clone(&engine);
        let matched = tokio::task::spawn_blocking(move || hits(&matching, arrived.events)).await;
        let mut matched = matched.map_err(|error| StateError::Setup { why: error.to_string() })?;
        matched.sort_by_key(|held| held.ingested);
        let mut report = LookReport::default();
        let by_rule = by_rule(&matched);
        if by_rule.is_empty() {
            return Ok(report);
        }
        let mut run = self.run(&engine, now).await?;
        let at_once = |rule: &usize| engine.at_once(*rule);
        let to_hold: Vec<Held> = matched
            .iter()
            .filter_map(|held| {
                let is_joined = |rule: &usize| at_once(rule) == Some(AtOnce::Earlier);
                let rules: BTreeSet<usize> = held.rules.iter().copied().filter(is_joined).collect();
                let is_held = !rules.is_empty();
                is_held.then(|| Held { ingested: held.ingested, rules, event: held.event.clone() })
            })
            .collect();
        recent.held.extend(to_hold);
        let before = now.plus_nanos(-i128::from(engine.longest_look_back_ms()) * 1_000_000);
        recent.forget(before, self.settings.recent_events);
        let (mut alone, mut joined) = (Looked::default(), Looked::default());
        for (rule, arrived) in by_rule {
            let Some(schedule) = run.schedule(rule) else { continue };
            let slots = run.open_slots(rule, schedule, &arrived);
            let (Some(first), Some(kind)) = (slots.first(), at_once(&rule)) else { continue };
            let is_whole = || recent.since.is_some_and(|since| since < schedule.window(*first).from);
            match kind {
                AtOnce::Event => alone.rules.push((rule, slots)),
                AtOnce::Earlier if is_whole() => joined.rules.push((rule, slots)),
                AtOnce::Earlier => report.postponed += 1,
            }
        }
        matched.into_iter().for_each(|held| alone.events.push(held.event));
        let is_wanted = |held: &&Held| joined.rules.iter().any(|(rule, _)| held.rules.contains(rule));
        recent.held.iter().filter(is_wanted).for_each(|held| joined.events.push(held.event.clone()));
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

/// The events that rules hit which can alert at once, with these rules.
fn hits(engine: &Engine, events: Vec<WrittenEvent>) -> Vec<Held> {
    let book = engine.undated();
    let rules: BTreeMap<usize, usize> =
        book.numbers.iter().map(|(number, in_book)| (*in_book, *number)).collect();
    let fields = book.book.read_fields();
    let mut columns = BatchBuilder::selecting(engine.catalogue(), &fields);
    let batch = WrittenEvents::batch(events, &mut columns);
    let matches = book.book.set().matcher(VALUE_CACHE_BYTES).match_batch(&batch, engine.catalogue());
    let mut by_row: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for hit in &matches.hits {
        let rule = rules.get(&book.book.rule_number(hit.rule));
        if let Some(rule) = rule.filter(|rule| engine.at_once(**rule).is_some()) {
            by_row.entry(hit.row).or_default().insert(*rule);
        }
    }
    let held = |(row, rules): (u32, BTreeSet<usize>)| {
        let event = batch.event(row as usize).clone();
        ingested(&event).map(|ingested| Held { ingested, rules, event })
    };
    by_row.into_iter().filter_map(held).collect()
}

/// By rule, when the events arrived that it has hit.
fn by_rule(matched: &[Held]) -> BTreeMap<usize, Vec<Timestamp>> {
    let mut by_rule: BTreeMap<usize, Vec<Timestamp>> = BTreeMap::new();
    for held in matched {
        for rule in &held.rules {
            by_rule.entry(*rule).or_default().push(held.ingested);
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
    let mut found = passes.run(&tasks, &looked.events, Vec::new())?;
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

    /// How long before an execution the events of a sequence can have arrived, in milliseconds.
    fn longest_look_back_ms(&self) -> i64 {
        let of_rule = |rule: &crate::engine::EngineRule| match (&rule.way, rule.at_once) {
            (Ok(runs), Some(AtOnce::Earlier)) => {
                let interval = i64::try_from(runs.schedule.interval_ms()).unwrap_or(i64::MAX);
                Some(length(&runs.schedule, rule.kept.updated).saturating_add(interval))
            }
            _ => None,
        };
        self.rules.iter().filter_map(of_rule).max().unwrap_or_default()
    }
}
