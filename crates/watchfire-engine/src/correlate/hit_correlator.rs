//! What correlators have in common that take hits event by event: sequences, thresholds, and values that are new.

use watchfire_events::Timestamp;

use super::hit::StageHit;

/// Takes hits event by event, in order of time.
pub trait HitCorrelator<T> {
    /// What it finds.
    type Found;

    /// Whether a hit is of its query: of a stage that there is, with as many keys.
    fn knows(&self, hit: &StageHit<T>) -> bool;

    /// Takes all hits of the next event out of `hits`, which stand in feeding order, and adds what is decided by them.
    fn event(&mut self, hits: &mut Vec<StageHit<T>>, found: &mut Vec<Self::Found>);

    /// Says that no event before this instant will come any more.
    fn reach(&mut self, watermark: Timestamp, found: &mut Vec<Self::Found>);

    /// Says that somebody waits for what can be decided by now, although time goes on.
    fn caught_up(&mut self, _found: &mut Vec<Self::Found>) {}

    /// Says that no event will come any more.
    fn finish(&mut self, found: &mut Vec<Self::Found>);

    /// What is held, counted in events.
    fn held(&self) -> usize;

    /// Key tuples for which something is held.
    fn live_keys(&self) -> usize;

    /// What was given up for want of room, counted in events.
    fn evicted(&self) -> u64;
}
