//! Samples: events that share keys, in no order of time (eql-semantics §14).
//!
//! ```text
//! hit ──► bucket of its keys ──► per stage the first few events in order of arrival
//!                                        │ at the end, key by key
//!                                        ▼
//!         one event per stage, none twice: the first so many ways to choose
//! ```
//!
//! A bucket keeps at most *stages + samples per key − 1* events a stage: as many as any choice among the first samples can
//! need, as Elasticsearch fetches them. Hits may come in any order.
//!
//! *Rejected:* plain backtracking. With as many stages as events, all alike, it tries every order before it gives up. A
//! branch is entered only if the stages behind it can still be served, which a bipartite matching tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::hit::{HitStage, Ordinal, StageHit};
use super::key::KeyTuple;
use super::sequence::RefusedHit;
use super::shape::ShapeError;
use super::{Sequence, SequencePlace};

/// Most stages of a sample. Choosing events goes as deep as there are stages.
pub const MAX_SAMPLE_STAGES: usize = 256;

/// How many samples are made, and how much is held for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleSettings {
    /// Most samples of one key tuple; at least 1.
    pub max_samples_per_key: usize,
    /// Most events held; beyond it, the buckets begun first are given up and counted.
    pub max_held: usize,
}

impl Default for SampleSettings {
    fn default() -> Self {
        Self { max_samples_per_key: 1, max_held: 1_000_000 }
    }
}

/// Finds the samples of one query among its hits.
#[derive(Debug)]
pub struct SampleCorrelator<T> {
    stages: usize,
    settings: SampleSettings,
    buckets: BTreeMap<KeyTuple, Bucket<T>>,
    /// Key tuples in the order in which their buckets were begun.
    begun: VecDeque<KeyTuple>,
    held: usize,
    evicted_events: u64,
}

/// The events of one key tuple: per stage, in order of arrival.
type Bucket<T> = Vec<Vec<(Ordinal, T)>>;

impl<T: Clone> SampleCorrelator<T> {
    /// A correlator of a query with so many stages: at most [`MAX_SAMPLE_STAGES`].
    pub fn new(stages: usize, settings: SampleSettings) -> Result<Self, ShapeError> {
        if stages > MAX_SAMPLE_STAGES {
            return Err(ShapeError::TooManyPlaces { most: MAX_SAMPLE_STAGES });
        }
        let (buckets, begun) = (BTreeMap::new(), VecDeque::new());
        Ok(Self { stages, settings, buckets, begun, held: 0, evicted_events: 0 })
    }

    /// Takes a hit. The order does not matter.
    pub fn push(&mut self, hit: StageHit<T>) -> Result<(), RefusedHit> {
        let stage = match hit.stage {
            HitStage::Stage(number) if usize::from(number) < self.stages => usize::from(number),
            _ => return Err(RefusedHit::NoSuchStage),
        };
        let begun = &mut self.begun;
        let bucket = self.buckets.entry(hit.keys).or_insert_with_key(|keys| {
            begun.push_back(KeyTuple::clone(keys));
            vec![Vec::new(); self.stages]
        });
        let events = &mut bucket[stage];
        let at = events.partition_point(|(ordinal, _)| ordinal.arrival < hit.ordinal.arrival);
        let most = self.stages + self.settings.max_samples_per_key.max(1) - 1;
        if at < most {
            events.insert(at, (hit.ordinal, hit.payload));
            self.held += 1;
            if events.len() > most {
                events.truncate(most);
                self.held -= 1;
            }
        }
        self.make_room();
        Ok(())
    }

    /// Number of events given up so far for want of room: their samples may be missing.
    pub fn evicted_events(&self) -> u64 {
        self.evicted_events
    }

    /// The samples, in order of key. Elasticsearch stops when it has as many as its `size`, so a size keeps the first.
    pub fn finish(self) -> Vec<Sequence<T>> {
        let mut found = Vec::new();
        for (keys, bucket) in &self.buckets {
            let mut choices = Choices {
                bucket,
                most: self.settings.max_samples_per_key,
                chosen: Vec::new(),
                complete: Vec::new(),
            };
            choices.extend();
            found.extend(choices.complete.into_iter().filter_map(|events| {
                let (last, _) = *events.last()?;
                let places = events.iter().map(|(_, event)| SequencePlace::Event(event.clone())).collect();
                Some(Sequence { keys: KeyTuple::clone(keys), places, last: last.clone() })
            }));
        }
        found
    }

    fn make_room(&mut self) {
        while self.held > self.settings.max_held
            && let Some(keys) = self.begun.pop_front()
        {
            let events = self.buckets.remove(&keys).map_or(0, |bucket| bucket.iter().map(Vec::len).sum());
            self.held -= events;
            self.evicted_events += events as u64;
        }
    }
}

/// The ways to choose one event per stage of a bucket, from the first stage on.
struct Choices<'b, T> {
    bucket: &'b Bucket<T>,
    /// How many are wanted.
    most: usize,
    chosen: Vec<&'b (Ordinal, T)>,
    complete: Vec<Vec<&'b (Ordinal, T)>>,
}

impl<T> Choices<'_, T> {
    /// Completes what is chosen in all ways, in order, until there are enough.
    fn extend(&mut self) {
        if self.chosen.len() == self.bucket.len() {
            self.complete.push(self.chosen.clone());
            return;
        }
        for event in &self.bucket[self.chosen.len()] {
            if self.complete.len() >= self.most {
                return;
            }
            let used = self.chosen.iter().any(|chosen| chosen.0.arrival == event.0.arrival);
            self.chosen.push(event);
            if !used && self.rest_can_be_served() {
                self.extend();
            }
            self.chosen.pop();
        }
    }

    /// Whether the stages behind those chosen can each have an event of their own.
    fn rest_can_be_served(&self) -> bool {
        let mut taken_by = BTreeMap::new();
        (self.chosen.len()..self.bucket.len())
            .all(|stage| self.serve(stage, &mut taken_by, &mut BTreeSet::new()))
    }

    /// Gives a stage an event, moving others to another of theirs where that helps (an augmenting path).
    fn serve(&self, stage: usize, taken_by: &mut BTreeMap<u64, usize>, seen: &mut BTreeSet<u64>) -> bool {
        for (ordinal, _) in &self.bucket[stage] {
            let arrival = ordinal.arrival;
            if self.chosen.iter().any(|chosen| chosen.0.arrival == arrival) || !seen.insert(arrival) {
                continue;
            }
            let free = match taken_by.get(&arrival).copied() {
                None => true,
                Some(other) => self.serve(other, taken_by, seen),
            };
            if free {
                taken_by.insert(arrival, stage);
                return true;
            }
        }
        false
    }
}
