//! Sequences in a stream whose events do not come in order of time: a [`HitStream`] over a [`SequenceCorrelator`], which tells
//! apart what was given up.
//!
//! Samples are no part of this: they do not ask for the time, and nothing of them can be decided before the input ends.

use watchfire_events::Timestamp;

use super::Sequence;
use super::hit::StageHit;
use super::hit_stream::{HitStream, HitStreamCounts, HitStreamSettings};
use super::sequence::{Evicted, RefusedHit, SequenceCorrelator, SequenceSettings};
use super::shape::SequenceShape;

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

impl StreamSettings {
    pub(super) fn of_hits(self) -> HitStreamSettings {
        HitStreamSettings { lateness_ms: self.lateness_ms, max_waiting: self.max_waiting }
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
pub struct SequenceStream<T>(pub(super) HitStream<T, SequenceCorrelator<T>>);

impl<T: Clone> SequenceStream<T> {
    /// A stream that has seen nothing.
    pub fn new(shape: SequenceShape, settings: StreamSettings) -> Self {
        Self(HitStream::new(SequenceCorrelator::new(shape, settings.sequence), settings.of_hits()))
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
        self.0.push(hits, found)
    }

    /// Says that no hit before this instant will come any more; those that come all the same are late. What waited for
    /// that is decided and added to `found`.
    pub fn advance(&mut self, watermark: Timestamp, found: &mut Vec<Sequence<T>>) {
        self.0.advance(watermark, found);
    }

    /// Says that the input has ended: what waits is fed, and all windows are closed. The counts returned are the last
    /// ones; what they say is held had begun and will not be completed.
    pub fn finish(mut self, found: &mut Vec<Sequence<T>>) -> StreamCounts {
        self.0.close(found);
        self.counts()
    }

    /// What became of the hits so far.
    pub fn counts(&self) -> StreamCounts {
        let HitStreamCounts { pushed, fed, fed_early, late, waiting, held, live_keys, evicted: _ } =
            self.0.counts();
        let evicted = self.0.correlator.evicted;
        StreamCounts { pushed, fed, fed_early, late, waiting, held, live_keys, evicted }
    }

    /// The instant before which hits are late; none as long as nothing was seen.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.0.watermark()
    }
}
