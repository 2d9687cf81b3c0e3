//! Thresholds: enough events that share values, of enough distinct values (detection-engine §2.6).
//!
//! ```text
//! hit: values of the group, and a value of the field whose distinct values are counted
//!   │
//!   ├─► ThresholdTotal    all input is one window: a bucket is a few sums, and judged when the input has ended
//!   └─► ThresholdWindow   a window that moves: a bucket holds its events, and is judged
//!                         at each of them, or at each execution of a schedule
//! ```
//!
//! An event has as many hits as it has combinations of values; those of one group count as one event. The last key of a hit is
//! the counted value if there is such a field, and null where the event has none.
//!
//! Events that an alert was made of never count again: the others must reach the threshold by themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use watchfire_events::Timestamp;

use super::distinct::{Distinct, DistinctCounter, hash};
use super::hit::{HitStage, Ordinal, StageHit};
use super::hit_correlator::HitCorrelator;
use super::key::{KeyTuple, KeyValue};

/// Most events of a bucket that are named; all are counted.
pub const MAX_BUCKET_EVENTS: usize = 100;

/// What makes a bucket an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThresholdShape {
    /// The number of fields that group events; with none, all events are one bucket.
    pub groups: usize,
    /// The least number of events.
    pub value: u64,
    /// The least number of distinct values, if a field is counted.
    pub cardinality: Option<u64>,
}

impl ThresholdShape {
    /// The number of keys that a hit has.
    pub fn keys(&self) -> usize {
        self.groups + usize::from(self.cardinality.is_some())
    }

    fn is_reached(&self, count: u64, distinct: u64) -> bool {
        count >= self.value && self.cardinality.is_none_or(|least| distinct >= least)
    }

    fn knows<T>(&self, hit: &StageHit<T>) -> bool {
        hit.stage == HitStage::Stage(0) && hit.keys.len() == self.keys()
    }

    /// The hits of one event, as groups with the hashes of the counted values.
    fn groups<T>(&self, hits: &mut Vec<StageHit<T>>) -> Vec<(Ordinal, KeyTuple, T, Vec<u64>)> {
        let mut groups: Vec<(Ordinal, KeyTuple, T, Vec<u64>)> = Vec::new();
        for StageHit { ordinal, keys, payload, .. } in hits.drain(..) {
            let (group, counted) = keys.split_at(self.groups.min(keys.len()));
            let counted = counted.first().filter(|value| **value != KeyValue::Null).map(hash);
            match groups.last_mut() {
                Some((_, of, _, values)) if **of == *group => values.extend(counted),
                _ => groups.push((ordinal, group.into(), payload, counted.into_iter().collect())),
            }
        }
        groups
    }
}

/// Events that reached a threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket<T> {
    /// The values that they share.
    pub keys: KeyTuple,
    /// How many they are.
    pub count: u64,
    /// The time of the earliest.
    pub first: Timestamp,
    /// The latest.
    pub last: Ordinal,
    /// The first [`MAX_BUCKET_EVENTS`] of them, in order.
    pub events: Vec<T>,
    /// How many distinct values they have, if that was asked.
    pub cardinality: Option<Distinct>,
    /// When this was decided, where a schedule says so.
    pub execution: Option<Timestamp>,
}

/// A bucket, whether or not it reached the threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketTally<T> {
    /// The values that its events share.
    pub keys: KeyTuple,
    /// How many they are.
    pub count: u64,
    /// How many distinct values they have; 0 if no field is counted.
    pub distinct: Distinct,
    /// All of them, in order.
    pub events: Vec<T>,
}

/// The buckets of hits in feeding order, in the order of their values.
pub fn tally_buckets<T>(
    shape: &ThresholdShape,
    hits: impl IntoIterator<Item = StageHit<T>>,
) -> Vec<BucketTally<T>> {
    let mut tallies: BTreeMap<KeyTuple, (DistinctCounter, Vec<T>)> = BTreeMap::new();
    let mut event: Vec<StageHit<T>> = Vec::new();
    let mut close = |event: &mut Vec<StageHit<T>>| {
        for (_, keys, payload, values) in shape.groups(event) {
            let (distinct, events) = tallies.entry(keys).or_default();
            values.into_iter().for_each(|value| distinct.insert(value));
            events.push(payload);
        }
    };
    for hit in hits {
        if event.last().is_some_and(|last| last.ordinal.arrival != hit.ordinal.arrival) {
            close(&mut event);
        }
        event.push(hit);
    }
    close(&mut event);
    let tally = |(keys, (distinct, events)): (KeyTuple, (DistinctCounter, Vec<T>))| BucketTally {
        keys,
        count: events.len() as u64,
        distinct: distinct.number(),
        events,
    };
    tallies.into_iter().map(tally).collect()
}

/// The buckets of all events together.
#[derive(Debug)]
pub struct ThresholdTotal<T> {
    shape: ThresholdShape,
    max_held: usize,
    buckets: BTreeMap<KeyTuple, Sum<T>>,
    /// Buckets in the order in which they were begun.
    begun: VecDeque<KeyTuple>,
    held: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Sum<T> {
    count: u64,
    first: Timestamp,
    last: Ordinal,
    events: Vec<T>,
    distinct: DistinctCounter,
}

impl<T> Sum<T> {
    /// What it holds, in events of a window: a bucket alone is as large as one, and each event and value that it names is
    /// a few bytes.
    fn held(&self) -> usize {
        /// How many of these are as large as an event of a window.
        const SMALL: usize = 16;
        1 + (self.events.len() + self.distinct.kept()) / SMALL
    }
}

impl<T> ThresholdTotal<T> {
    /// Buckets that hold at most about so many events; beyond, those begun first are given up and counted.
    pub fn new(shape: ThresholdShape, max_held: usize) -> Self {
        Self { shape, max_held, buckets: BTreeMap::new(), begun: VecDeque::new(), held: 0, evicted: 0 }
    }

    fn make_room(&mut self) {
        while self.held > self.max_held
            && let Some(keys) = self.begun.pop_front()
        {
            if let Some(sum) = self.buckets.remove(&keys) {
                self.held -= sum.held();
                self.evicted += sum.count;
            }
        }
    }
}

impl<T> HitCorrelator<T> for ThresholdTotal<T> {
    type Found = Bucket<T>;

    fn knows(&self, hit: &StageHit<T>) -> bool {
        self.shape.knows(hit)
    }

    fn event(&mut self, hits: &mut Vec<StageHit<T>>, _: &mut Vec<Bucket<T>>) {
        for (ordinal, keys, payload, values) in self.shape.groups(hits) {
            let begun = &mut self.begun;
            let held = &mut self.held;
            let sum = self.buckets.entry(keys).or_insert_with_key(|keys| {
                begun.push_back(KeyTuple::clone(keys));
                *held += 1;
                let (events, distinct) = (Vec::new(), DistinctCounter::default());
                Sum { count: 0, first: ordinal.time, last: ordinal.clone(), events, distinct }
            });
            *held -= sum.held();
            sum.count += 1;
            if sum.events.len() < MAX_BUCKET_EVENTS {
                sum.events.push(payload);
            }
            values.into_iter().for_each(|value| sum.distinct.insert(value));
            sum.last = ordinal;
            *held += sum.held();
        }
        self.make_room();
    }

    fn reach(&mut self, _: Timestamp, _: &mut Vec<Bucket<T>>) {}

    fn finish(&mut self, found: &mut Vec<Bucket<T>>) {
        self.begun.clear();
        self.held = 0;
        for (keys, sum) in std::mem::take(&mut self.buckets) {
            let Sum { count, first, last, events, distinct } = sum;
            let distinct = distinct.number();
            if self.shape.is_reached(count, distinct.number) {
                let cardinality = self.shape.cardinality.map(|_| distinct);
                found.push(Bucket { keys, count, first, last, events, cardinality, execution: None });
            }
        }
    }

    fn held(&self) -> usize {
        self.held
    }

    fn live_keys(&self) -> usize {
        self.buckets.len()
    }

    fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// When a bucket is judged, and by which of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovingWindow {
    /// How far back events count, in milliseconds; exactly as far is within.
    pub look_back_ms: u64,
    /// The time between two executions, in milliseconds: they fall on its multiples since 1970. Without it, buckets are
    /// judged at each event.
    pub interval_ms: Option<u64>,
}

const NANOS_PER_MILLI: i128 = 1_000_000;

impl MovingWindow {
    /// The first execution that can see an event of this time.
    pub fn execution(&self, time: Timestamp) -> Timestamp {
        let Some(interval) = self.interval_ms.filter(|interval| *interval > 0) else { return time };
        let interval = i128::from(interval) * NANOS_PER_MILLI;
        let over = time.nanos().rem_euclid(interval);
        if over == 0 { time } else { time.plus_nanos(interval - over) }
    }

    /// The earliest time that an execution looks at.
    pub fn start(&self, execution: Timestamp) -> Timestamp {
        execution.plus_nanos(-i128::from(self.look_back_ms) * NANOS_PER_MILLI)
    }
}

/// The buckets of a window that moves.
#[derive(Debug)]
pub struct ThresholdWindow<T> {
    pub(super) shape: ThresholdShape,
    window: MovingWindow,
    max_held: usize,
    pub(super) buckets: HashMap<KeyTuple, Recent<T>>,
    /// What is held, in order of time. Of events that have left their bucket an entry may still be there.
    order: VecDeque<(Timestamp, KeyTuple)>,
    /// Buckets that have events of which none was judged by this execution.
    due: BTreeSet<(Timestamp, KeyTuple)>,
    held: usize,
    pub(super) evicted: u64,
}

/// The events of a bucket that still count.
#[derive(Debug)]
pub(super) struct Recent<T> {
    pub(super) events: VecDeque<RecentEvent<T>>,
    /// The hashes of counted values, each with the number of its events.
    distinct: HashMap<u64, u32>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { events: VecDeque::new(), distinct: HashMap::new() }
    }
}

#[derive(Debug)]
pub(super) struct RecentEvent<T> {
    pub(super) ordinal: Ordinal,
    /// The hashes of its counted values.
    pub(super) values: Vec<u64>,
    pub(super) payload: T,
}

impl<T> Recent<T> {
    fn push(&mut self, event: RecentEvent<T>) {
        event.values.iter().for_each(|value| *self.distinct.entry(*value).or_default() += 1);
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<RecentEvent<T>> {
        let event = self.events.pop_front()?;
        for value in &event.values {
            if let Some(number) = self.distinct.get_mut(value) {
                *number -= 1;
                if *number == 0 {
                    self.distinct.remove(value);
                }
            }
        }
        Some(event)
    }
}

impl<T> ThresholdWindow<T> {
    /// Buckets that hold at most so many events; beyond, the oldest are given up and counted.
    pub fn new(shape: ThresholdShape, window: MovingWindow, max_held: usize) -> Self {
        Self {
            shape,
            window,
            max_held,
            buckets: HashMap::new(),
            order: VecDeque::new(),
            due: BTreeSet::new(),
            held: 0,
            evicted: 0,
        }
    }

    /// Takes up an event that belongs to a bucket. Events come in order.
    pub(super) fn hold(&mut self, keys: KeyTuple, event: RecentEvent<T>) {
        let time = event.ordinal.time;
        self.order.push_back((time, KeyTuple::clone(&keys)));
        self.due.insert((self.window.execution(time), KeyTuple::clone(&keys)));
        self.buckets.entry(keys).or_default().push(event);
        self.held += 1;
    }

    /// Drops what is due by now of a state that was just taken over: where buckets are judged at each event, those held
    /// were judged and had not reached the threshold. `latest` is the time of the event that was taken last.
    pub(super) fn forget_judged(&mut self, latest: Option<Timestamp>) {
        match (self.window.interval_ms, latest) {
            (None, _) => self.due.clear(),
            (Some(_), Some(latest)) => self.due.retain(|(execution, _)| *execution >= latest),
            (Some(_), None) => {}
        }
    }

    /// Judges what is due before this instant, or at it.
    fn judge(&mut self, until: Timestamp, inclusive: bool, found: &mut Vec<Bucket<T>>) {
        while let Some((execution, keys)) = self
            .due
            .first()
            .filter(|(execution, _)| *execution < until || (inclusive && *execution == until))
            .cloned()
        {
            self.due.pop_first();
            let start = self.window.start(execution);
            let Some(bucket) = self.buckets.get_mut(&keys) else { continue };
            while bucket.events.front().is_some_and(|event| event.ordinal.time < start) {
                bucket.pop();
                self.held -= 1;
            }
            let (count, distinct) = (bucket.events.len() as u64, bucket.distinct.len() as u64);
            let is_reached = count > 0 && self.shape.is_reached(count, distinct);
            if !is_reached {
                if count == 0 {
                    self.buckets.remove(&keys);
                }
                continue;
            }
            let bucket = self.buckets.remove(&keys).unwrap_or_default();
            self.held -= bucket.events.len();
            let (Some(first), Some(last)) = (bucket.events.front(), bucket.events.back()) else { continue };
            let (first, last) = (first.ordinal.time, last.ordinal.clone());
            let events = bucket.events.into_iter().take(MAX_BUCKET_EVENTS).map(|event| event.payload);
            found.push(Bucket {
                keys,
                count,
                first,
                last,
                events: events.collect(),
                cardinality: self
                    .shape
                    .cardinality
                    .map(|_| Distinct { number: distinct, is_estimate: false }),
                execution: self.window.interval_ms.map(|_| execution),
            });
        }
    }

    /// Lets go of events that no execution from this instant on looks at.
    fn expire(&mut self, now: Timestamp) {
        let start = self.window.start(now);
        while let Some((_, keys)) = self.order.pop_front_if(|(time, _)| *time < start) {
            self.let_go(&keys, start);
        }
    }

    /// Drops the events of a bucket that lie before an instant; gives back how many.
    fn let_go(&mut self, keys: &KeyTuple, before: Timestamp) -> u64 {
        let Some(bucket) = self.buckets.get_mut(keys) else { return 0 };
        let mut dropped = 0;
        while bucket.events.front().is_some_and(|event| event.ordinal.time < before) {
            bucket.pop();
            self.held -= 1;
            dropped += 1;
        }
        if bucket.events.is_empty() {
            self.buckets.remove(keys);
        }
        dropped
    }

    pub(super) fn make_room(&mut self) {
        while self.held > self.max_held
            && let Some((time, keys)) = self.order.pop_front()
        {
            self.evicted += self.let_go(&keys, time.plus_nanos(1));
        }
    }
}

impl<T> HitCorrelator<T> for ThresholdWindow<T> {
    type Found = Bucket<T>;

    fn knows(&self, hit: &StageHit<T>) -> bool {
        self.shape.knows(hit)
    }

    fn event(&mut self, hits: &mut Vec<StageHit<T>>, found: &mut Vec<Bucket<T>>) {
        let Some(now) = hits.first().map(|hit| hit.ordinal.time) else { return };
        self.judge(now, false, found);
        self.expire(now);
        for (ordinal, keys, payload, mut values) in self.shape.groups(hits) {
            values.sort_unstable();
            values.dedup();
            self.hold(keys, RecentEvent { ordinal, values, payload });
        }
        self.make_room();
        if self.window.interval_ms.is_none() {
            self.judge(now, true, found);
        }
    }

    fn reach(&mut self, watermark: Timestamp, found: &mut Vec<Bucket<T>>) {
        self.judge(watermark, false, found);
        self.expire(watermark);
    }

    fn finish(&mut self, found: &mut Vec<Bucket<T>>) {
        self.judge(Timestamp::from_nanos(i128::MAX), true, found);
    }

    fn held(&self) -> usize {
        self.held
    }

    fn live_keys(&self) -> usize {
        self.buckets.len()
    }

    fn evicted(&self) -> u64 {
        self.evicted
    }
}
