//! How far sequences came that were not found: what fills which stage, and what ended it.
//!
//! The rules are those of [`SequenceCorrelator`](super::SequenceCorrelator); but every sequence that has begun is kept to
//! its end, which only few events of one query can be worth.

use rustc_hash::FxHashMap;

use super::hit::{HitStage, Ordinal, StageHit};
use super::key::KeyTuple;
use super::sequence::NANOS_PER_MILLI;
use super::shape::{Role, SequenceShape};

/// A sequence as far as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<T> {
    /// The values of the keys that its events share.
    pub keys: KeyTuple,
    /// Its events, in order.
    pub filled: Vec<Filled<T>>,
    /// What became of it.
    pub end: TraceEnd<T>,
}

/// An event of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled<T> {
    /// The stage that it fills, as written, from 0.
    pub stage: u16,
    /// Its place in time.
    pub ordinal: Ordinal,
    /// What the caller knows it by.
    pub event: T,
}

/// What became of a sequence that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEnd<T> {
    /// Nothing: no event came that would have gone on with it, or a later one took its place.
    Waiting,
    /// This event would have gone on with it, but more than `maxspan` after the first.
    TooLate(T),
    /// This event of `until` ended it.
    Until(T),
    /// All stages are filled. Where it was not found, these events of a missing clause are in the way.
    Complete(Vec<T>),
}

impl<T> Trace<T> {
    /// Among equally long ones, one of which the end is known tells most, and then the latest.
    fn rank(&self) -> (usize, bool, Option<&Ordinal>) {
        let has_end = self.end_is_known();
        (self.filled.len(), has_end, self.filled.first().map(|first| &first.ordinal))
    }

    fn end_is_known(&self) -> bool {
        !matches!(self.end, TraceEnd::Waiting)
    }
}

/// The sequence that came farthest, of all that these hits begin; `None` if none does.
pub fn longest_trace<T: Clone>(shape: &SequenceShape, mut hits: Vec<StageHit<T>>) -> Option<Trace<T>> {
    hits.sort_by(StageHit::feeding_order);
    let mut tracer = Tracer { shape, slots: FxHashMap::default(), longest: None };
    for hit in &hits {
        tracer.take(hit);
    }
    for (keys, slots) in std::mem::take(&mut tracer.slots) {
        for filled in slots.into_values() {
            tracer.ended(Trace { keys: KeyTuple::clone(&keys), filled, end: TraceEnd::Waiting });
        }
    }
    let mut longest = tracer.longest?;
    if let TraceEnd::Complete(in_the_way) = &mut longest.end {
        *in_the_way = in_the_way_of(shape, &hits, &longest.keys, &longest.filled);
    }
    Some(longest)
}

/// For each position that is filled last, the events so far.
type Slots<T> = FxHashMap<u16, Vec<Filled<T>>>;

struct Tracer<'s, T> {
    shape: &'s SequenceShape,
    slots: FxHashMap<KeyTuple, Slots<T>>,
    longest: Option<Trace<T>>,
}

impl<T: Clone> Tracer<'_, T> {
    fn take(&mut self, hit: &StageHit<T>) {
        match hit.stage {
            HitStage::Stage(stage) => {
                if let Some(Role::Fills { first, end }) = self.shape.role(stage) {
                    for position in (first..end).rev() {
                        self.fill(position, stage, hit);
                    }
                }
            }
            HitStage::Until => {
                for filled in self.slots.remove(&hit.keys).unwrap_or_default().into_values() {
                    let end = TraceEnd::Until(hit.payload.clone());
                    self.ended(Trace { keys: KeyTuple::clone(&hit.keys), filled, end });
                }
            }
        }
    }

    fn fill(&mut self, position: u16, stage: u16, hit: &StageHit<T>) {
        let mut filled = Vec::new();
        if position > 0 {
            let Some(slots) = self.slots.get_mut(&hit.keys) else { return };
            let is_before =
                |filled: &Vec<Filled<T>>| filled.last().is_some_and(|last| last.ordinal < hit.ordinal);
            if !slots.get(&(position - 1)).is_some_and(is_before) {
                return;
            }
            filled = slots.remove(&(position - 1)).unwrap_or_default();
            let span =
                filled.first().map_or(0, |first| hit.ordinal.time.nanos() - first.ordinal.time.nanos());
            if self.shape.maxspan_ms().is_some_and(|maxspan| span > maxspan * NANOS_PER_MILLI) {
                let end = TraceEnd::TooLate(hit.payload.clone());
                return self.ended(Trace { keys: KeyTuple::clone(&hit.keys), filled, end });
            }
        }
        filled.push(Filled { stage, ordinal: hit.ordinal.clone(), event: hit.payload.clone() });
        let keys = KeyTuple::clone(&hit.keys);
        if position == self.shape.last_position() {
            return self.ended(Trace { keys, filled, end: TraceEnd::Complete(Vec::new()) });
        }
        let replaced = self.slots.entry(KeyTuple::clone(&keys)).or_default().insert(position, filled);
        if let Some(filled) = replaced {
            self.ended(Trace { keys, filled, end: TraceEnd::Waiting });
        }
    }

    fn ended(&mut self, trace: Trace<T>) {
        if self.longest.as_ref().is_none_or(|longest| longest.rank() < trace.rank()) {
            self.longest = Some(trace);
        }
    }
}

/// The events of missing clauses that lie where a complete sequence must have none.
fn in_the_way_of<T: Clone>(
    shape: &SequenceShape,
    hits: &[StageHit<T>],
    keys: &KeyTuple,
    filled: &[Filled<T>],
) -> Vec<T> {
    let time = |position: usize| filled[position].ordinal.time.millis();
    let (first, last) = (time(0), time(filled.len() - 1));
    let maxspan = shape.maxspan_ms().and_then(|maxspan| i64::try_from(maxspan).ok()).unwrap_or(i64::MAX);
    let is_in_the_way = |hit: &&StageHit<T>| {
        let HitStage::Stage(stage) = hit.stage else { return false };
        let at = hit.ordinal.time.millis();
        hit.keys == *keys
            && match shape.role(stage) {
                Some(Role::Leading) => at < first && last.saturating_sub(at) <= maxspan,
                Some(Role::Between(position)) => {
                    let position = usize::from(position);
                    time(position - 1) < at && at < time(position)
                }
                Some(Role::Trailing) => last < at && at.saturating_sub(first) <= maxspan,
                Some(Role::Fills { .. }) | None => false,
            }
    };
    hits.iter().filter(is_in_the_way).map(|hit| hit.payload.clone()).collect()
}

#[cfg(test)]
mod tests {
    use watchfire_events::Timestamp;

    use super::super::{KeyValue, StageForm};
    use super::*;

    fn shape(missing: [bool; 3]) -> SequenceShape {
        SequenceShape::new(&missing.map(|missing| StageForm { missing, runs: 1 }), Some(1_000))
            .expect("few stages")
    }

    fn hit(stage: HitStage, at: i64, key: &str) -> StageHit<i64> {
        let ordinal = Ordinal { time: Timestamp::from_millis(at), tiebreaker: None, arrival: at as u64 };
        StageHit { ordinal, stage, keys: [KeyValue::text(key)].into(), payload: at }
    }

    fn trace(missing: [bool; 3], hits: &[(u16, i64, &str)]) -> (Vec<i64>, TraceEnd<i64>) {
        let stage = |number| if number == 9 { HitStage::Until } else { HitStage::Stage(number) };
        let hits = hits.iter().map(|&(number, at, key)| hit(stage(number), at, key)).collect();
        let longest = longest_trace(&shape(missing), hits).expect("something begins");
        (longest.filled.iter().map(|filled| filled.event).collect(), longest.end)
    }

    #[test]
    fn the_longest_one_is_told_with_its_end() {
        let plain = [false; 3];
        assert_eq!(trace(plain, &[(0, 1, "a"), (1, 2, "b"), (0, 3, "b")]), (vec![3], TraceEnd::Waiting));
        let late = [(0, 1, "a"), (1, 2, "a"), (2, 1_002, "a"), (0, 5, "b")];
        assert_eq!(trace(plain, &late), (vec![1, 2], TraceEnd::TooLate(1_002)));
        let ended = [(0, 1, "a"), (1, 2, "a"), (9, 3, "a"), (2, 4, "a")];
        assert_eq!(trace(plain, &ended), (vec![1, 2], TraceEnd::Until(3)));
    }

    #[test]
    fn events_of_missing_clauses_are_in_the_way() {
        let hits = [(0, 1, "a"), (1, 2, "a"), (1, 2, "b"), (2, 3, "a")];
        assert_eq!(trace([false, true, false], &hits), (vec![1, 3], TraceEnd::Complete(vec![2])));
        let hits = [(0, 1, "a"), (1, 20, "a"), (2, 30, "a"), (2, 1_002, "a")];
        assert_eq!(trace([false, false, true], &hits), (vec![1, 20], TraceEnd::Complete(vec![30])));
        let hits = [(0, 1, "a"), (1, 20, "a"), (2, 30, "a")];
        assert_eq!(trace([true, false, false], &hits), (vec![20, 30], TraceEnd::Complete(vec![1])));
    }
}
