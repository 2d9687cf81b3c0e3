//! Combinations of values that were not there before (detection-engine §2.8).
//!
//! A combination is known as long as the history window before an event holds it, whether it was new itself or not; so each
//! event moves the end of what its values are known for. What a history outside of the events says is known for good.

use std::collections::{BTreeSet, HashMap};

use watchfire_events::Timestamp;

use super::hit::{HitStage, StageHit};
use super::hit_correlator::HitCorrelator;
use super::key::KeyTuple;
use super::{Sequence, SequencePlace};

/// The stage of hits that only tell what is known: those of a history.
pub const HISTORY_STAGE: HitStage = HitStage::Stage(1);

/// Which combinations are new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTermsShape {
    /// The number of fields.
    pub fields: usize,
    /// How long a combination is known, in milliseconds; exactly as long is within.
    pub window_ms: u64,
}

const NANOS_PER_MILLI: i128 = 1_000_000;

/// Finds the events that have a new combination of values.
#[derive(Debug)]
pub struct NewTermsCorrelator {
    pub(super) shape: NewTermsShape,
    max_held: usize,
    /// When each combination was there last; nothing if it is known for good.
    pub(super) known: HashMap<KeyTuple, Option<Timestamp>>,
    /// Those that are not known for good, each once, by a time when it was there: it may have been there again since, which
    /// is looked at when it comes to the front. So an event with a known combination moves nothing here.
    by_time: BTreeSet<(Timestamp, KeyTuple)>,
    pub(super) evicted: u64,
}

impl NewTermsCorrelator {
    /// Holds at most so many combinations; beyond, those that were there longest ago are forgotten and counted: an event
    /// that has one is taken to be new.
    pub fn new(shape: NewTermsShape, max_held: usize) -> Self {
        Self { shape, max_held, known: HashMap::new(), by_time: BTreeSet::new(), evicted: 0 }
    }

    /// Says that a combination was there: at an instant, or as part of a history, for good. Gives back whether it was
    /// known.
    pub fn learn(&mut self, keys: KeyTuple, at: Option<Timestamp>) -> bool {
        let Some(at) = at else { return self.known.insert(keys, None).is_some() };
        match self.known.get_mut(&keys) {
            Some(None) => true,
            Some(Some(last)) => {
                let start = at.plus_nanos(-i128::from(self.shape.window_ms) * NANOS_PER_MILLI);
                let is_known = *last >= start;
                *last = at.max(*last);
                is_known
            }
            None => {
                self.known.insert(KeyTuple::clone(&keys), Some(at));
                self.by_time.insert((at, keys));
                false
            }
        }
    }

    /// Lets go of what is known no longer at this instant.
    fn expire(&mut self, now: Timestamp) {
        let start = now.plus_nanos(-i128::from(self.shape.window_ms) * NANOS_PER_MILLI);
        while self.oldest().is_some_and(|last| last < start) {
            self.forget_oldest();
        }
    }

    pub(super) fn make_room(&mut self) {
        while self.known.len() > self.max_held && self.oldest().is_some() {
            self.forget_oldest();
            self.evicted += 1;
        }
    }

    /// When the combination was there last that was there longest ago; it is then at the front.
    fn oldest(&mut self) -> Option<Timestamp> {
        while let Some((time, keys)) = self.by_time.first() {
            match self.known.get(keys) {
                Some(Some(last)) if last == time => return Some(*last),
                Some(Some(last)) => {
                    let last = *last;
                    if let Some((_, keys)) = self.by_time.pop_first() {
                        self.by_time.insert((last, keys));
                    }
                }
                // Known for good since.
                _ => {
                    self.by_time.pop_first();
                }
            }
        }
        None
    }

    fn forget_oldest(&mut self) {
        if let Some((_, keys)) = self.by_time.pop_first() {
            self.known.remove(&keys);
        }
    }
}

impl<T: Clone> HitCorrelator<T> for NewTermsCorrelator {
    type Found = Sequence<T>;

    fn knows(&self, hit: &StageHit<T>) -> bool {
        (hit.stage == HitStage::Stage(0) || hit.stage == HISTORY_STAGE) && hit.keys.len() == self.shape.fields
    }

    fn event(&mut self, hits: &mut Vec<StageHit<T>>, found: &mut Vec<Sequence<T>>) {
        if let Some(hit) = hits.first().filter(|hit| hit.stage != HISTORY_STAGE) {
            self.expire(hit.ordinal.time);
        }
        for StageHit { ordinal, stage, keys, payload } in hits.drain(..) {
            if stage == HISTORY_STAGE {
                self.learn(keys, None);
            } else if !self.learn(KeyTuple::clone(&keys), Some(ordinal.time)) {
                found.push(Sequence { keys, places: vec![SequencePlace::Event(payload)], last: ordinal });
            }
        }
        self.make_room();
    }

    fn reach(&mut self, watermark: Timestamp, _: &mut Vec<Sequence<T>>) {
        self.expire(watermark);
    }

    fn finish(&mut self, _: &mut Vec<Sequence<T>>) {}

    fn held(&self) -> usize {
        self.known.len()
    }

    fn live_keys(&self) -> usize {
        self.known.len()
    }

    fn evicted(&self) -> u64 {
        self.evicted
    }
}
