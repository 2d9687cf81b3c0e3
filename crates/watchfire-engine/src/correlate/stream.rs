//! Sequences in a stream whose events do not come in order of time.
//!
//! Of such a stream it is said how late an event may be: the *lateness bound*. No event is taken that is older than the
//! latest one seen by more than that; so once a later one has been seen, an instant is past for good. The last such
//! instant is the *watermark*. A hit waits until the watermark is beyond it, and is then fed to the correlator, between
//! its neighbours in time whatever order they came in:
//!
//! ```text
//!                         watermark              latest time seen
//!      ─────────────────────────┼──────────────────────────┼──────► time of the event
//!        behind it: refused     │◄──── lateness bound ────►│
//!        and counted as late    │      hits wait here      │
//! ```
//!
//! With all events within the bound, what is found is what the same events, sorted, would give. What is lost otherwise is
//! counted ([`StreamCounts`]):
//!
//! - A hit behind the watermark is *late*: a result may be missing, or there although a missing clause forbids it.
//! - More hits wait than there is room for: the oldest are fed *early*. They are not lost; a hit that comes later and lies
//!   before them is, and is counted as late. Dropping any of those that wait would lose a hit for certain, this only if
//!   an older one is still on its way, and of all that wait the oldest are those for which that is least likely.
//! - More is begun than may be held: the oldest are *evicted*, as without a stream.
//!
//! Lateness is judged event by event in order of arrival, so what is late does not depend on where batches are cut.
//! *Rejected:* judging a batch as a whole. It takes more of what is late, and another cut finds something else.
//!
//! The latest time is that of hits. Who sees events that satisfy no stage tells by [`SequenceStream::advance`] how far
//! time has come. An event from a clock that runs ahead makes late what follows; there is no clock here to tell it by, so
//! whoever has one keeps such events out.
//!
//! Samples are no part of this: they do not ask for the time, and nothing of them can be decided before the input ends.

use watchfire_events::Timestamp;

use super::Sequence;
use super::hit::{HitStage, StageHit};
use super::sequence::{Evicted, NANOS_PER_MILLI, RefusedHit, SequenceCorrelator, SequenceSettings};
use super::shape::SequenceShape;
use super::waiting::Waiting;

/// How late hits may be, and how much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// How much older than the latest one seen a hit may be, in milliseconds; exactly as much is within.
    pub lateness_ms: u64,
    /// Most hits that wait for their turn; beyond it, the oldest are fed early and counted.
    pub max_waiting: usize,
    /// What holds for the correlator.
    pub sequence: SequenceSettings,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { lateness_ms: 60_000, max_waiting: 1_000_000, sequence: SequenceSettings::default() }
    }
}

/// What became of the hits of a stream. Each one pushed was fed, was late, or is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Hits pushed.
    pub pushed: u64,
    /// Hits fed to the correlator.
    pub fed: u64,
    /// Those of the hits fed that could not wait until the watermark was beyond them, for want of room.
    pub fed_early: u64,
    /// Hits refused since the watermark, or a hit that was fed early, was beyond them.
    pub late: u64,
    /// Hits that wait for their turn.
    pub waiting: u64,
    /// Events that begun sequences hold.
    pub held: u64,
    /// Key tuples for which something is held.
    pub live_keys: u64,
    /// What was given up for want of room.
    pub evicted: Evicted,
}

/// Finds the sequences of one query in a stream of hits that come in any order.
#[derive(Debug)]
pub struct SequenceStream<T> {
    pub(super) correlator: SequenceCorrelator<T>,
    lateness_ms: u64,
    max_waiting: usize,
    pub(super) waiting: Waiting<T>,
    pub(super) tally: Tally,
}

/// What was counted so far, apart from what can be looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) pushed: u64,
    pub(super) fed: u64,
    pub(super) fed_early: u64,
    pub(super) late: u64,
}

impl<T: Clone> SequenceStream<T> {
    /// A stream that has seen nothing.
    pub fn new(shape: SequenceShape, settings: StreamSettings) -> Self {
        let correlator = SequenceCorrelator::new(shape, settings.sequence);
        Self::with_state(correlator, Waiting::default(), Tally::default(), settings)
    }

    pub(super) fn with_state(
        correlator: SequenceCorrelator<T>,
        waiting: Waiting<T>,
        tally: Tally,
        settings: StreamSettings,
    ) -> Self {
        let StreamSettings { lateness_ms, max_waiting, .. } = settings;
        Self { correlator, lateness_ms, max_waiting, waiting, tally }
    }

    /// Takes all hits out of `hits`, and adds to `found` what is decided by them, in no particular order.
    ///
    /// Within a batch, hits may be in any order. All hits of one event come in one batch, and batches come in order of
    /// arrival. If a hit is of a stage that the query does not have, that is the error and none is taken.
    pub fn push(
        &mut self,
        hits: &mut Vec<StageHit<T>>,
        found: &mut Vec<Sequence<T>>,
    ) -> Result<(), RefusedHit> {
        let shape = &self.correlator.shape;
        let is_unknown =
            |hit: &StageHit<T>| matches!(hit.stage, HitStage::Stage(stage) if shape.role(stage).is_none());
        if hits.iter().any(is_unknown) {
            return Err(RefusedHit::NoSuchStage);
        }
        hits.sort_by(|a, b| a.ordinal.arrival.cmp(&b.ordinal.arrival).then_with(|| a.feeding_order(b)));
        let mut hits = hits.drain(..).peekable();
        while let Some(hit) = hits.next() {
            let (time, arrival) = (hit.ordinal.time, hit.ordinal.arrival);
            self.take(hit);
            // The hits of an event have one fate: time does not move between them.
            while let Some(hit) = hits.next_if(|hit| hit.ordinal.arrival == arrival) {
                self.take(hit);
            }
            self.pass(time.plus_nanos(-i128::from(self.lateness_ms) * NANOS_PER_MILLI), found);
            self.make_room(found);
        }
        Ok(())
    }

    /// Says that no hit before this instant will come any more; those that come all the same are late. What waited for
    /// that is decided and added to `found`.
    pub fn advance(&mut self, watermark: Timestamp, found: &mut Vec<Sequence<T>>) {
        self.pass(watermark, found);
        self.correlator.advance(watermark, found);
    }

    /// Says that the input has ended: what waits is fed, and all windows are closed. The counts returned are the last
    /// ones; what they say is held had begun and will not be completed.
    pub fn finish(mut self, found: &mut Vec<Sequence<T>>) -> StreamCounts {
        while let Some(hit) = self.waiting.pop_if(|_| true) {
            self.feed(hit, found);
        }
        self.correlator.close_windows(found);
        let counts = self.counts();
        self.correlator.finish(found);
        counts
    }

    /// What became of the hits so far.
    pub fn counts(&self) -> StreamCounts {
        let Tally { pushed, fed, fed_early, late } = self.tally;
        StreamCounts {
            pushed,
            fed,
            fed_early,
            late,
            waiting: self.waiting.len() as u64,
            held: self.correlator.held() as u64,
            live_keys: self.correlator.live_keys() as u64,
            evicted: self.correlator.evicted(),
        }
    }

    /// The instant before which hits are late; none as long as nothing was seen.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.correlator.watermark
    }

    fn take(&mut self, hit: StageHit<T>) {
        self.tally.pushed += 1;
        if self.correlator.is_past(&hit.ordinal) {
            self.tally.late += 1;
        } else {
            self.waiting.insert(hit);
        }
    }

    /// Feeds what lies before the watermark, if it has moved.
    fn pass(&mut self, watermark: Timestamp, found: &mut Vec<Sequence<T>>) {
        while let Some(hit) = self.waiting.pop_if(|hit| hit.ordinal.time < watermark) {
            self.feed(hit, found);
        }
        self.correlator.reach(watermark, found);
    }

    /// Feeds the oldest events until those that wait fit, an event with all its hits.
    fn make_room(&mut self, found: &mut Vec<Sequence<T>>) {
        while self.waiting.len() > self.max_waiting
            && let Some(hit) = self.waiting.pop_if(|_| true)
        {
            let event = hit.ordinal.clone();
            let mut next = Some(hit);
            while let Some(hit) = next {
                self.tally.fed_early += 1;
                self.feed(hit, found);
                next = self.waiting.pop_if(|hit| hit.ordinal == event);
            }
        }
    }

    fn feed(&mut self, hit: StageHit<T>, found: &mut Vec<Sequence<T>>) {
        self.tally.fed += 1;
        self.correlator.push(hit, found).expect(
            "hits leave in order, are not taken once time has passed them, and their stages are known",
        );
    }
}
