//! The events that conditions of rules have hit lately: what looks join with what has arrived, and what executions find
//! without reading the stored events again.
//!
//! ```text
//! looked at ─ match ─┬─ no hit ─► only its time is noted
//!                    ├─ hits of conditions that hit few events ─► held
//!                    └─ hits of conditions that hit more than there is room for ─► given up: whoever needs these reads
//! ```
//!
//! A rule is executed over what is held if all that it could find is: each of its conditions is whole over the window, or one
//! without which there is no result has not been hit at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use watchfire_detect::{AtOnce, ExecutionWindow, RuleSchedule};
use watchfire_engine::{ReadFields, RuleIndex, VALUE_CACHE_BYTES};
use watchfire_events::tape::{TapeReader, TapeValue};
use watchfire_events::{
    BatchBuilder, DataStream, EventBatch, FieldSelection, IndexPatterns, NoDocument, Timestamp, ValueRef,
    WrittenEvent, WrittenEvents, read_document,
};

use crate::engine::Engine;
use crate::stored_events::{EventQuery, LateQuery, LatestTimes, Reading, StoredEvents};

/// Times that events are known by.
const TIMESTAMP: &str = "@timestamp";
const INGESTED: &str = "event.ingested";

/// After so many milliseconds a condition that was given up is tried again.
const RETRY_MS: i64 = 3_600_000;

/// What lies so many milliseconds behind what is held is let go of together.
const FORGET_MS: i64 = 60_000;

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentLimits {
    /// Most events that are held of one condition of a rule; beyond these it is given up for an hour.
    pub of_condition: usize,
    /// Most bytes of documents; beyond these the conditions with most events are given up.
    pub bytes: usize,
    /// How long events are held, in milliseconds. What looks back longer is read.
    pub held_ms: i64,
}

impl Default for RecentLimits {
    fn default() -> Self {
        Self { of_condition: 20_000, bytes: 128 << 20, held_ms: 2 * 3_600_000 }
    }
}

/// An event that conditions have hit.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) ingested: Timestamp,
    /// The greater of its times.
    latest: Timestamp,
    /// Those that it is held for.
    pub(super) conditions: Vec<RuleIndex>,
    pub(super) event: WrittenEvent,
}

/// A condition, as far as it is no longer or was not always held.
#[derive(Debug)]
enum Broken {
    /// It was given up then.
    GivenUp(Timestamp),
    /// It is held again, of events with later times than this.
    Since(Timestamp),
}

/// The events that were hit, from some instant on.
pub(super) struct Recent {
    /// The rules that they are of.
    engine: Option<Arc<Engine>>,
    /// All events that arrived behind this instant have been looked at; nothing before the first look, and behind one that
    /// has failed.
    since: Option<Timestamp>,
    /// All that arrived up to this instant have been given to looks.
    through: Option<Timestamp>,
    /// No event that was not looked at, or is held no longer, has later times than these; nothing if that is not known. A
    /// clock that went back makes the order of arrival another one than that of times.
    before: Option<LatestTimes>,
    /// The greatest times of all events that were looked at.
    newest: LatestTimes,
    held: VecDeque<Arc<Held>>,
    bytes: usize,
    counts: BTreeMap<RuleIndex, usize>,
    broken: BTreeMap<RuleIndex, Broken>,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            engine: None,
            since: None,
            through: None,
            before: None,
            newest: LatestTimes::NONE,
            held: VecDeque::new(),
            bytes: 0,
            counts: BTreeMap::new(),
            broken: BTreeMap::new(),
        }
    }
}

impl Recent {
    /// That nothing has ever arrived.
    pub(super) fn nothing_yet(&mut self) {
        (self.since, self.before) = (Some(LatestTimes::NONE.arrival), Some(LatestTimes::NONE));
    }

    /// That all which arrived up to an instant has been given to looks.
    pub(super) fn looked_through(&mut self, instant: Timestamp) {
        self.through = self.through.max(Some(instant));
    }

    /// That something was not looked at.
    pub(super) fn miss(&mut self) {
        self.since = None;
    }

    /// Lets go of all events, if they are of other rules or some are missing.
    pub(super) fn begin(&mut self, engine: &Arc<Engine>, is_whole: bool, now: Timestamp) {
        let is_same = self.engine.as_ref().is_none_or(|known| Arc::ptr_eq(known, engine));
        if is_same && is_whole && self.since.is_some() {
            self.engine = Some(Arc::clone(engine));
            return;
        }
        // Of what was looked at for other rules the times are known at least.
        let is_known = is_whole && self.since.is_some();
        *self = Self {
            engine: Some(Arc::clone(engine)),
            since: Some(now),
            before: self.before.filter(|_| is_known).map(|before| before.with(self.newest)),
            newest: self.newest,
            ..Self::default()
        };
    }

    /// Matches events that have arrived, and holds those that are hit. Answers those that have been hit by conditions of rules
    /// that alert at once, each with all its conditions.
    ///
    /// # Errors
    /// If a document is none: then the look has failed.
    pub(super) fn look_at(
        &mut self,
        engine: &Engine,
        events: Vec<WrittenEvent>,
        at_once: &dyn Fn(RuleIndex) -> Option<AtOnce>,
        limits: RecentLimits,
        now: Timestamp,
    ) -> Result<Vec<Arc<Held>>, NoDocument> {
        self.try_again(now);
        let book = engine.undated();
        let fields = WithTimes(book.book.read_fields());
        let mut columns = BatchBuilder::selecting(engine.catalogue(), &fields);
        let texts = events.clone();
        let batch = WrittenEvents::batch(events, &mut columns)?;
        let matches = book.book.set().matcher(VALUE_CACHE_BYTES).match_batch(&batch, engine.catalogue());
        // What could not be evaluated is told of by executions, which therefore have to see it.
        let hits = matches.hits.iter().map(|hit| (hit.row, hit.rule));
        let errors = matches.errors.iter().map(|error| (error.row, error.rule));
        let mut by_row: BTreeMap<u32, Vec<RuleIndex>> = BTreeMap::new();
        for (row, condition) in hits.chain(errors) {
            let is_held = book.rules.contains_key(&condition) && !self.is_given_up(condition);
            if is_held || at_once(condition) == Some(AtOnce::Event) {
                by_row.entry(row).or_default().push(condition);
            }
        }
        for row in 0..batch.len() {
            if let Some(arrival) = time(&batch, INGESTED, row) {
                let time = time(&batch, TIMESTAMP, row).or(LatestTimes::NONE.time);
                self.newest = self.newest.with(LatestTimes { arrival, time });
            }
        }
        let mut found = Vec::new();
        for (row, mut conditions) in by_row {
            let Some(ingested) = time(&batch, INGESTED, row as usize) else { continue };
            conditions.sort_unstable();
            conditions.dedup();
            let event = texts[row as usize].clone();
            let latest = time(&batch, TIMESTAMP, row as usize).map_or(ingested, |at| at.max(ingested));
            let to_hold: Vec<RuleIndex> =
                conditions.iter().copied().filter(|condition| !self.is_given_up(*condition)).collect();
            if conditions.iter().any(|condition| at_once(*condition).is_some()) {
                let event = event.clone();
                found.push(Arc::new(Held { ingested, latest, conditions, event }));
            }
            if !to_hold.is_empty() {
                self.hold(Held { ingested, latest, conditions: to_hold, event }, limits, now);
            }
        }
        self.forget(now.plus_nanos(-i128::from(limits.held_ms) * 1_000_000));
        Ok(found)
    }

    fn hold(&mut self, held: Held, limits: RecentLimits, now: Timestamp) {
        let conditions = held.conditions.clone();
        for condition in &held.conditions {
            *self.counts.entry(*condition).or_default() += 1;
        }
        self.bytes += held.event.document.len();
        self.held.push_back(Arc::new(held));
        for condition in conditions {
            if self.counts.get(&condition).is_some_and(|count| *count > limits.of_condition) {
                self.give_up(condition, now);
            }
        }
        while self.bytes > limits.bytes
            && let Some((&most, _)) = self.counts.iter().max_by_key(|(_, count)| **count)
        {
            self.give_up(most, now);
        }
    }

    fn is_given_up(&self, condition: RuleIndex) -> bool {
        matches!(self.broken.get(&condition), Some(Broken::GivenUp(_)))
    }

    fn give_up(&mut self, condition: RuleIndex, now: Timestamp) {
        self.broken.insert(condition, Broken::GivenUp(now));
        self.counts.remove(&condition);
        let without = |held: &mut Arc<Held>| {
            if !held.conditions.contains(&condition) {
                return true;
            }
            let conditions: Vec<RuleIndex> =
                held.conditions.iter().copied().filter(|other| *other != condition).collect();
            let is_kept = !conditions.is_empty();
            let Held { ingested, latest, ref event, .. } = **held;
            *held = Arc::new(Held { ingested, latest, conditions, event: event.clone() });
            is_kept
        };
        self.held.retain_mut(without);
        self.bytes = self.held.iter().map(|held| held.event.document.len()).sum();
    }

    /// Holds again what was given up long ago.
    fn try_again(&mut self, now: Timestamp) {
        let LatestTimes { arrival, time } = self.newest;
        let newest = time.unwrap_or(arrival).max(arrival).max(now);
        for broken in self.broken.values_mut() {
            if let Broken::GivenUp(at) = broken
                && now.millis().saturating_sub(at.millis()) >= RETRY_MS
            {
                *broken = Broken::Since(newest);
            }
        }
    }

    /// Lets go of events all of whose times lie before an instant.
    fn forget(&mut self, before: Timestamp) {
        let is_done = |since: Timestamp| since >= before.plus_nanos(-i128::from(FORGET_MS) * 1_000_000);
        if self.since.is_none_or(is_done) {
            return;
        }
        let (counts, bytes) = (&mut self.counts, &mut self.bytes);
        self.held.retain(|held| {
            let is_kept = held.latest >= before;
            if !is_kept {
                *bytes -= held.event.document.len();
                for condition in &held.conditions {
                    if let Some(count) = counts.get_mut(condition) {
                        *count -= 1;
                    }
                }
            }
            is_kept
        });
        self.since = self.since.max(Some(before));
        let forgotten = LatestTimes { arrival: before, time: Some(before) };
        self.before = self.before.map(|known| known.with(forgotten));
    }

    /// Whether all that a rule could find in a window is held.
    pub(super) fn answers(
        &self,
        engine: &Arc<Engine>,
        rule: usize,
        schedule: &RuleSchedule,
        window: ExecutionWindow,
    ) -> bool {
        let is_same = self.engine.as_ref().is_some_and(|known| Arc::ptr_eq(known, engine));
        let (field, other) = schedule.window_fields();
        let is_before = |from: Option<Timestamp>| from.is_some_and(|from| from < window.from);
        let by = |name: &str| match name {
            INGESTED => is_before(self.before.map(|before| before.arrival)),
            TIMESTAMP => is_before(self.before.and_then(|before| before.time)),
            _ => false,
        };
        let Some(stages) = engine.undated().stages.get(&rule) else { return false };
        is_same
            && self.through.is_some_and(|through| through >= window.to)
            && is_before(self.since)
            && by(field)
            && other.is_none_or(by)
            && (stages.iter().all(|(condition, _)| self.is_whole(*condition, window.from))
                || !self.may_match(stages, window.from))
    }

    /// Whether a rule may find something in what has arrived behind an instant, if all is held that it could find; nothing if
    /// not all is.
    pub(super) fn joins(&self, engine: &Engine, rule: usize, from: Timestamp) -> Option<bool> {
        let stages = engine.undated().stages.get(&rule)?;
        if !self.may_match(stages, from) {
            return Some(false);
        }
        let is_whole = self.since.is_some_and(|since| since < from);
        (is_whole && stages.iter().all(|(condition, _)| self.is_whole(*condition, from))).then_some(true)
    }

    /// Whether all events are held that a condition has hit since an instant, or since the first look.
    fn is_whole(&self, condition: RuleIndex, from: Timestamp) -> bool {
        match self.broken.get(&condition) {
            None => true,
            Some(Broken::GivenUp(_)) => false,
            Some(Broken::Since(since)) => *since < from,
        }
    }

    /// Whether each of some conditions that a result needs has been hit, as far as that is known.
    fn may_match(&self, stages: &[(RuleIndex, bool)], from: Timestamp) -> bool {
        let is_hit = |condition: RuleIndex| self.counts.get(&condition).is_some_and(|count| *count > 0);
        let may = |(condition, is_needed): &(RuleIndex, bool)| {
            !is_needed || !self.is_whole(*condition, from) || is_hit(*condition)
        };
        self.since.is_none_or(|since| since >= from) || stages.iter().all(may)
    }

    /// The conditions that are given up.
    pub(super) fn given_up(&self) -> u64 {
        self.broken.values().filter(|broken| matches!(broken, Broken::GivenUp(_))).count() as u64
    }

    /// Whether it is not known how late the times of events can be that were not looked at, and all of these had arrived by an
    /// instant.
    pub(super) fn misses_before(&self, instant: Timestamp) -> bool {
        self.before.is_none() && self.since.is_some_and(|since| since <= instant)
    }

    /// That no event that was not looked at has later times than these.
    pub(super) fn set_before(&mut self, latest: LatestTimes) {
        self.before = Some(latest);
    }

    /// The events that are held for some conditions.
    pub(super) fn of_conditions(&self, conditions: &BTreeSet<RuleIndex>) -> Vec<Arc<Held>> {
        let is_wanted = |held: &&Arc<Held>| held.conditions.iter().any(|of| conditions.contains(of));
        self.held.iter().filter(is_wanted).map(Arc::clone).collect()
    }
}

/// The greatest time of a field in a row: a window has an event if any of its times is in it.
fn time(batch: &EventBatch, field: &str, row: usize) -> Option<Timestamp> {
    let column = batch.column(field)?;
    let instants = column.codes(row).iter().filter_map(|code| match column.value(*code) {
        ValueRef::Instant(at) => Some(at),
        _ => None,
    });
    instants.max()
}

/// The fields that rules look at, and the times of events.
#[derive(Debug)]
struct WithTimes(ReadFields);

impl FieldSelection for WithTimes {
    fn reads(&self, stream: &DataStream, name: &str) -> bool {
        name == TIMESTAMP || name == INGESTED || self.0.reads(stream, name)
    }

    fn may_read_below(&self, stream: &DataStream, name: &str) -> bool {
        name == "event" || self.0.may_read_below(stream, name)
    }
}

/// Held events as those that executions search. Whatever else they ask for is read.
pub(super) struct HeldEvents {
    pub(super) held: Vec<Arc<Held>>,
    /// Nothing where nothing else can be asked for.
    pub(super) stored: Option<Arc<dyn StoredEvents>>,
}

/// Events of a batch.
const BATCH_EVENTS: usize = 4_096;

impl HeldEvents {
    fn of_stored<T>(&self, none: T, of: impl FnOnce(&dyn StoredEvents) -> io::Result<T>) -> io::Result<T> {
        self.stored.as_deref().map_or(Ok(none), of)
    }

    fn read_held(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut reader = TapeReader::default();
        let mut is_in = |event: &WrittenEvent| {
            let Some(window) = query.window else { return true };
            let in_window = |name: &str, document: TapeValue<'_>| {
                let at = document.as_object()?.get_field(name)?.as_str().and_then(Timestamp::parse)?;
                Some(window.holds(at))
            };
            let any = |document: TapeValue<'_>| {
                query.times.iter().any(|name| in_window(name, document) == Some(true))
            };
            read_document(&mut reader, &event.document, any).unwrap_or(false)
        };
        let is_selected = |stream: &DataStream| query.patterns.iter().any(|patterns| patterns.select(stream));
        let wanted = self.held.iter().map(|held| &held.event);
        let wanted: Vec<&WrittenEvent> =
            wanted.filter(|event| is_selected(&event.data_stream) && is_in(event)).collect();
        let mut columns = BatchBuilder::selecting(query.types, query.fields);
        for events in wanted.chunks(BATCH_EVENTS) {
            let batch = WrittenEvents::batch(events.iter().copied().cloned(), &mut columns);
            take(&batch.map_err(io::Error::other)?)?;
        }
        Ok(())
    }
}

impl StoredEvents for HeldEvents {
    fn has_stream(&self, patterns: &IndexPatterns) -> io::Result<bool> {
        self.of_stored(false, |stored| stored.has_stream(patterns))
    }

    fn read(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        match query.reading {
            Reading::Window => self.read_held(query, take),
            Reading::History | Reading::Indicators => self.of_stored((), |stored| stored.read(query, take)),
        }
    }

    fn count_late(&self, query: &LateQuery<'_>) -> io::Result<u64> {
        self.of_stored(0, |stored| stored.count_late(query))
    }

    fn latest(&self) -> io::Result<LatestTimes> {
        self.of_stored(LatestTimes::NONE, StoredEvents::latest)
    }
}
