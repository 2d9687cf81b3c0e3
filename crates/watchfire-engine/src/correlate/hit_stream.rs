//! Hits in a stream whose events do not come in order of time.
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
//! counted ([`HitStreamCounts`]):
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
//! The latest time is that of hits. Who sees events that satisfy no stage tells by [`HitStream::advance`] how far
//! time has come. An event from a clock that runs ahead makes late what follows; there is no clock here to tell it by, so
//! whoever has one keeps such events out.
//!
//! Samples are no part of this: they do not ask for the time, and nothing of them can be decided before the input ends.

use watchfire_events::Timestamp;

use super::hit::{Ordinal, StageHit};
use super::hit_correlator::HitCorrelator;
use super::sequence::{NANOS_PER_MILLI, RefusedHit};
use super::waiting::Waiting;

/// How late hits may be, and how many may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitStreamSettings {
    /// How much older than the latest one seen a hit may be, in milliseconds; exactly as much is within.
    pub lateness_ms: u64,
    /// Most hits that wait for their turn; beyond it, the oldest are fed early and counted.
    pub max_waiting: usize,
}

impl Default for HitStreamSettings {
    fn default() -> Self {
        Self { lateness_ms: 60_000, max_waiting: 1_000_000 }
    }
}

/// What became of the hits of a stream. Each one pushed was fed, was late, or is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HitStreamCounts {
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
    /// What the correlator holds, counted in events.
    pub held: u64,
    /// Key tuples for which something is held.
    pub live_keys: u64,
    /// What was given up for want of room.
    pub evicted: u64,
}

/// Puts hits that come in any order before a correlator that takes them in order of time.
#[derive(Debug)]
pub struct HitStream<T, C> {
    pub(super) correlator: C,
    settings: HitStreamSettings,
    pub(super) waiting: Waiting<T>,
    pub(super) watermark: Option<Timestamp>,
    /// The event fed last.
    pub(super) latest: Option<Ordinal>,
    pub(super) tally: Tally,
    /// The hits of the event that is fed; kept for its room.
    event: Vec<StageHit<T>>,
}

/// What was counted so far, apart from what can be looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) pushed: u64,
    pub(super) fed: u64,
    pub(super) fed_early: u64,
    pub(super) late: u64,
}

impl<T, C: HitCorrelator<T>> HitStream<T, C> {
    /// A stream that has seen nothing.
    pub fn new(correlator: C, settings: HitStreamSettings) -> Self {
        Self {
            correlator,
            settings,
            waiting: Waiting::default(),
            watermark: None,
            latest: None,
            tally: Tally::default(),
            event: Vec::new(),
        }
    }

    /// Takes all hits out of `hits`, and adds to `found` what is decided by them.
    ///
    /// Within a batch, hits may be in any order. All hits of one event come in one batch, and batches come in order of
    /// arrival. If a hit is none of the query, that is the error and none is taken.
    pub fn push(&mut self, hits: &mut Vec<StageHit<T>>, found: &mut Vec<C::Found>) -> Result<(), RefusedHit> {
        if hits.iter().any(|hit| !self.correlator.knows(hit)) {
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
            self.pass(time.plus_nanos(-i128::from(self.settings.lateness_ms) * NANOS_PER_MILLI), found);
            while self.waiting.len() > self.settings.max_waiting {
                self.tally.fed_early += self.feed_event(|_| true, found);
            }
        }
        Ok(())
    }

    /// Says that no hit before this instant will come any more; those that come all the same are late. What waited for
    /// that is decided and added to `found`.
    pub fn advance(&mut self, watermark: Timestamp, found: &mut Vec<C::Found>) {
        self.pass(watermark, found);
        self.correlator.caught_up(found);
    }

    /// Says that the input has ended: what waits is fed, and all that is open is decided.
    pub fn finish(mut self, found: &mut Vec<C::Found>) -> HitStreamCounts {
        self.close(found);
        self.counts()
    }

    /// Feeds what waits, and decides all that is open.
    pub(super) fn close(&mut self, found: &mut Vec<C::Found>) {
        while self.feed_event(|_| true, found) > 0 {}
        self.correlator.finish(found);
    }

    /// What became of the hits so far.
    pub fn counts(&self) -> HitStreamCounts {
        let Tally { pushed, fed, fed_early, late } = self.tally;
        HitStreamCounts {
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
        self.watermark
    }

    /// Whether a hit comes too late.
    pub(super) fn is_past(&self, ordinal: &Ordinal) -> bool {
        self.watermark.is_some_and(|watermark| ordinal.time < watermark)
            || self.latest.as_ref().is_some_and(|latest| ordinal <= latest)
    }

    fn take(&mut self, hit: StageHit<T>) {
        self.tally.pushed += 1;
        if self.is_past(&hit.ordinal) {
            self.tally.late += 1;
        } else {
            self.waiting.insert(hit);
        }
    }

    /// Feeds what lies before the watermark, if it has moved.
    fn pass(&mut self, watermark: Timestamp, found: &mut Vec<C::Found>) {
        if self.watermark.is_some_and(|reached| reached >= watermark) {
            return;
        }
        while self.feed_event(|hit| hit.ordinal.time < watermark, found) > 0 {}
        self.watermark = Some(watermark);
        self.correlator.reach(watermark, found);
    }

    /// Feeds the first event that waits, if it is as asked; gives back the number of its hits.
    fn feed_event(&mut self, asked: impl FnOnce(&StageHit<T>) -> bool, found: &mut Vec<C::Found>) -> u64 {
        let Some(hit) = self.waiting.pop_if(asked) else { return 0 };
        let event = hit.ordinal.clone();
        self.event.push(hit);
        while let Some(hit) = self.waiting.pop_if(|hit| hit.ordinal == event) {
            self.event.push(hit);
        }
        let number = self.event.len() as u64;
        self.tally.fed += number;
        self.latest = Some(event);
        self.correlator.event(&mut self.event, found);
        number
    }
}
