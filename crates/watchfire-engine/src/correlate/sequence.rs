//! Sequences: a state machine per key tuple (eql-semantics §12), and missing events around it (§13).
//!
//! With positions 0 … n−1 a machine holds at most one *partial* per position: the one that filled that position last.
//!
//! ```text
//!                hit of 0           hit of 1                 hit of n−1
//!      (begin) ───────────► slot 0 ───────────► slot 1 ─ … ───────────► complete
//!                             ▲                   ▲
//!                      a newer one replaces   moved out of slot 0: used once, never forked;
//!                      the one waiting here   too late by `maxspan`: lost, no other is tried
//!
//!      hit of `until`: all slots are emptied, after what the same event could advance has advanced
//! ```
//!
//! Missing clauses take no part in that: a sequence is completed first and judged then, and one that fails does not
//! give back what it used. All that is judged is known in time, so no list of such events is kept:
//!
//! ```text
//! ![..] before the first    the latest one before it is noted when the sequence begins           Lead
//! ![..] between two         the earliest one behind the first of the two is noted in its slot    Partial::barrier
//! ![..] behind the last     the sequence waits until one comes, or none can come in time         Candidate
//! ```
//!
//! A candidate is decided when its window has closed: when a hit, or a watermark, is past the last millisecond in which a
//! trailing event would spoil it, or when the input ends.
//!
//! *Rejected:* dropping a partial as soon as a missing clause is violated: it would leave its slot to an older or newer
//! one and find sequences that Elasticsearch does not.

use std::collections::BTreeSet;
use std::fmt;

use rustc_hash::FxHashMap;
use watchfire_events::Timestamp;

use super::age::{AgeQueue, Aged, Stamp};
use super::hit::{HitStage, Ordinal, StageHit};
use super::hit_correlator::HitCorrelator;
use super::key::KeyTuple;
use super::machine::{Candidate, Lead, Machine, Partial};
use super::shape::{Role, SequenceShape};
use super::{Sequence, SequencePlace};

pub(super) const NANOS_PER_MILLI: i128 = 1_000_000;

/// When a sequence with a trailing missing clause is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingDecision {
    /// When no event can come any more that would spoil it.
    #[default]
    WindowClosed,
    /// At each [`SequenceCorrelator::advance`], by what is known then: what Elasticsearch does when it is asked.
    AtOnce,
}

/// How much is held, and when missing events are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceSettings {
    /// Most events that begun sequences hold together; beyond it, the oldest are given up and counted.
    pub max_held: usize,
    /// When a sequence with a trailing missing clause is decided.
    pub missing: MissingDecision,
}

impl Default for SequenceSettings {
    fn default() -> Self {
        Self { max_held: 1_000_000, missing: MissingDecision::default() }
    }
}

/// What was given up for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Begun sequences: they may have become results.
    pub partials: u64,
    /// Complete sequences that waited for a missing event: they may have been results.
    pub candidates: u64,
    /// Events of leading missing clauses: results may be wrong for want of them.
    pub leading: u64,
}

/// Why a hit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedHit {
    /// It lies before one that was taken, or before the watermark.
    OutOfOrder,
    /// The query has no such stage.
    NoSuchStage,
}

impl fmt::Display for RefusedHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfOrder => "the hit lies before one already taken",
            Self::NoSuchStage => "the query has no such stage",
        })
    }
}

impl std::error::Error for RefusedHit {}

/// Finds the sequences of one query in a stream of hits.
#[derive(Debug)]
pub struct SequenceCorrelator<T> {
    pub(super) shape: SequenceShape,
    pub(super) settings: SequenceSettings,
    pub(super) machines: FxHashMap<KeyTuple, Machine<T>>,
    pub(super) ages: AgeQueue,
    /// The candidates of all machines by deadline.
    pub(super) deadlines: BTreeSet<(i64, Stamp, KeyTuple)>,
    /// Number of events in slots and candidates, and of leads.
    pub(super) held: usize,
    pub(super) evicted: Evicted,
    /// The hit taken last.
    pub(super) latest: Option<(Ordinal, HitStage)>,
    pub(super) watermark: Option<Timestamp>,
}

impl<T: Clone> SequenceCorrelator<T> {
    /// A correlator that has seen nothing.
    pub fn new(shape: SequenceShape, settings: SequenceSettings) -> Self {
        Self {
            shape,
            settings,
            machines: FxHashMap::default(),
            ages: AgeQueue::default(),
            deadlines: BTreeSet::new(),
            held: 0,
            evicted: Evicted::default(),
            latest: None,
            watermark: None,
        }
    }

    /// Takes the next hit in [`StageHit::feeding_order`], and adds to `found` what is decided by it.
    pub fn push(&mut self, hit: StageHit<T>, found: &mut Vec<Sequence<T>>) -> Result<(), RefusedHit> {
        let StageHit { ordinal, stage, keys, payload } = hit;
        let behind = self
            .latest
            .as_ref()
            .is_some_and(|(last, last_stage)| ordinal.cmp(last).then_with(|| stage.cmp(last_stage)).is_lt());
        if behind || self.watermark.is_some_and(|watermark| ordinal.time < watermark) {
            return Err(RefusedHit::OutOfOrder);
        }
        let role = match stage {
            HitStage::Stage(number) => Some(self.shape.role(number).ok_or(RefusedHit::NoSuchStage)?),
            HitStage::Until => None,
        };
        self.pass_time(ordinal.time, found);
        match role {
            Some(Role::Fills { first, end }) => {
                for position in (first..end).rev() {
                    self.fill(position, &ordinal, &keys, &payload, found);
                }
            }
            Some(Role::Leading) => self.note_leading(&keys, ordinal.time),
            Some(Role::Between(position)) => {
                if let Some(partial) =
                    self.machines.get_mut(&keys).and_then(|machine| machine.slot_mut(position - 1))
                    && ordinal.time.millis() > partial.last.time.millis()
                {
                    partial.barrier.get_or_insert(ordinal.time.millis());
                }
            }
            Some(Role::Trailing) => self.spoil_candidates(&keys, ordinal.time.millis()),
            None => {
                if let Some(machine) = self.machines.get_mut(&keys) {
                    for (stamp, partial) in machine.take_slots() {
                        self.held -= partial.events.len();
                        self.ages.remove(stamp);
                    }
                    self.drop_if_empty(&keys);
                }
            }
        }
        self.make_room();
        self.latest = Some((ordinal, stage));
        Ok(())
    }

    /// Says that no hit before this instant will come any more. What waited for that is decided and added to `found`.
    pub fn advance(&mut self, watermark: Timestamp, found: &mut Vec<Sequence<T>>) {
        self.caught_up(found);
        self.reach_watermark(watermark, found);
    }

    /// As [`Self::advance`], and no candidate is decided whose window is still open.
    fn reach_watermark(&mut self, watermark: Timestamp, found: &mut Vec<Sequence<T>>) {
        self.watermark = self.watermark.max(Some(watermark));
        self.pass_time(watermark, found);
    }

    /// Says that the input has ended, which closes all windows. Returns what was given up for want of room.
    pub fn finish(mut self, found: &mut Vec<Sequence<T>>) -> Evicted {
        self.settle(None, found);
        debug_assert_eq!(self.held, self.count_held(), "what is held is counted as it comes and goes");
        self.evicted
    }

    pub(super) fn count_held(&self) -> usize {
        self.machines.values().map(Machine::held).sum()
    }

    /// What was given up so far for want of room.
    pub fn evicted(&self) -> Evicted {
        self.evicted
    }

    /// Number of events held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Number of key tuples for which something is held.
    pub fn live_keys(&self) -> usize {
        self.machines.len()
    }

    fn fill(
        &mut self,
        position: u16,
        ordinal: &Ordinal,
        keys: &KeyTuple,
        payload: &T,
        found: &mut Vec<Sequence<T>>,
    ) {
        let mut partial = if position == 0 {
            let machine = if self.shape.has_leading() { self.machines.get(keys) } else { None };
            let lead = machine.and_then(|machine| machine.lead);
            Partial {
                // Of most, nothing comes but the first event.
                events: Vec::with_capacity(1),
                first: ordinal.time,
                last: ordinal.clone(),
                lead: lead.and_then(|lead| lead.before(ordinal.time.millis())),
                barrier: None,
                spoiled: false,
            }
        } else {
            let Some(partial) = self.take_before(position, ordinal, keys) else { return };
            partial
        };
        partial.spoiled |= partial.barrier.take().is_some_and(|barrier| barrier < ordinal.time.millis());
        partial.events.push(payload.clone());
        partial.last = ordinal.clone();
        if position == self.shape.last_position() {
            self.complete(keys, partial, found);
        } else {
            let useful_until = self.useful_until(&partial);
            let machine = self.machines.entry(KeyTuple::clone(keys));
            // The tuple that the machine already has: comparing it with itself looks at no values.
            let stamp = self.ages.enter(machine.key(), useful_until);
            self.held += partial.events.len();
            if let Some((stamp, old)) = machine.or_default().put(position, stamp, partial) {
                self.held -= old.events.len();
                self.ages.remove(stamp);
            }
        }
    }

    /// Takes out the partial that an event at `position` continues. One that is too old is taken out too, and lost.
    fn take_before(&mut self, position: u16, ordinal: &Ordinal, keys: &KeyTuple) -> Option<Partial<T>> {
        let machine = self.machines.get_mut(keys)?;
        // The order of hits fills later positions first; but of two equal hits, the second must not follow the first.
        if machine.slot_mut(position - 1).is_none_or(|partial| partial.last >= *ordinal) {
            return None;
        }
        let (stamp, partial) = machine.take_slot(position - 1)?;
        if machine.is_empty() {
            self.machines.remove(keys);
        }
        self.ages.remove(stamp);
        self.held -= partial.events.len();
        let in_time = self.useful_until(&partial).is_none_or(|until| ordinal.time <= until);
        in_time.then_some(partial)
    }

    /// The last instant at which a partial can still be continued.
    pub(super) fn useful_until(&self, partial: &Partial<T>) -> Option<Timestamp> {
        self.shape.maxspan_ms().map(|maxspan| partial.first.plus_nanos(maxspan * NANOS_PER_MILLI))
    }

    /// Judges a complete sequence by its missing clauses.
    fn complete(&mut self, keys: &KeyTuple, partial: Partial<T>, found: &mut Vec<Sequence<T>>) {
        if partial.spoiled {
            return;
        }
        // The millisecond from which on a span of `maxspan` must hold nothing: the window lies as favourably as it can.
        let start = match (self.shape.has_leading(), partial.lead) {
            (true, Some(lead)) => lead,
            (true, None) => return found.push(self.sequence(keys, partial.events, partial.last)),
            (false, _) => partial.first.millis(),
        };
        let deadline = self.in_maxspan_from(start);
        if self.shape.has_trailing() {
            let stamp = self.ages.enter(keys, Some(end_of_millisecond(deadline)));
            self.held += partial.events.len();
            self.deadlines.insert((deadline, stamp, KeyTuple::clone(keys)));
            let Partial { events, last, .. } = partial;
            let machine = self.machines.entry(KeyTuple::clone(keys)).or_default();
            machine.candidates.push(Candidate { stamp, events, last, deadline });
        } else if !self.shape.has_leading() || partial.last.time.millis() > deadline {
            found.push(self.sequence(keys, partial.events, partial.last));
        }
    }

    fn note_leading(&mut self, keys: &KeyTuple, time: Timestamp) {
        let at = time.millis();
        let stamp = self.ages.enter(keys, Some(self.lead_useful_until(at)));
        let machine = self.machines.entry(KeyTuple::clone(keys)).or_default();
        machine.lead = Some(match machine.lead {
            Some(lead) => {
                self.ages.remove(lead.stamp);
                lead.followed_by(stamp, at)
            }
            None => {
                self.held += 1;
                Lead::new(stamp, at)
            }
        });
    }

    /// Drops the candidates behind which a trailing event comes. Those whose window has closed are no candidates any
    /// more.
    fn spoil_candidates(&mut self, keys: &KeyTuple, at: i64) {
        let Some(machine) = self.machines.get_mut(keys) else { return };
        for candidate in machine.candidates.extract_if(.., |candidate| candidate.last.time.millis() < at) {
            self.held -= candidate.events.len();
            self.ages.remove(candidate.stamp);
            self.deadlines.remove(&(candidate.deadline, candidate.stamp, KeyTuple::clone(keys)));
        }
        self.drop_if_empty(keys);
    }

    /// All hits from now on lie at `now` or later.
    fn pass_time(&mut self, now: Timestamp, found: &mut Vec<Sequence<T>>) {
        self.settle(Some(now.millis()), found);
        self.expire(now);
    }

    /// Accepts the candidates whose deadline lies before this millisecond; without one, all.
    fn settle(&mut self, before: Option<i64>, found: &mut Vec<Sequence<T>>) {
        while let Some((deadline, ..)) = self.deadlines.first()
            && before.is_none_or(|before| *deadline < before)
            && let Some((_, stamp, keys)) = self.deadlines.pop_first()
        {
            let machine = self.machines.get_mut(&keys);
            if let Some(candidate) = machine.and_then(|machine| machine.take_candidate(stamp)) {
                self.held -= candidate.events.len();
                self.ages.remove(stamp);
                self.drop_if_empty(&keys);
                found.push(self.sequence(&keys, candidate.events, candidate.last));
            }
        }
    }

    /// Drops what can make no difference any more.
    fn expire(&mut self, now: Timestamp) {
        while let Some(aged) = self.ages.pop_useless(now) {
            self.remove(&aged);
        }
    }

    /// Gives up the oldest until what is held fits.
    pub(super) fn make_room(&mut self) {
        while self.held > self.settings.max_held
            && let Some(aged) = self.ages.pop()
        {
            let removed = self.remove(&aged);
            self.evicted.partials += removed.partials;
            self.evicted.candidates += removed.candidates;
            self.evicted.leading += removed.leading;
        }
    }

    /// Removes what an age entry stands for that has been taken out of the queue.
    fn remove(&mut self, aged: &Aged) -> Evicted {
        let mut removed = Evicted::default();
        let Some(machine) = self.machines.get_mut(&aged.keys) else { return removed };
        if let Some(partial) = machine.take_partial(aged.stamp) {
            self.held -= partial.events.len();
            removed.partials += 1;
        } else if let Some(candidate) = machine.take_candidate(aged.stamp) {
            self.held -= candidate.events.len();
            self.deadlines.remove(&(candidate.deadline, candidate.stamp, KeyTuple::clone(&aged.keys)));
            removed.candidates += 1;
        } else if machine.lead.is_some_and(|lead| lead.stamp == aged.stamp) {
            machine.lead = None;
            self.held -= 1;
            removed.leading += 1;
        }
        if machine.is_empty() {
            self.machines.remove(&aged.keys);
        }
        removed
    }

    fn drop_if_empty(&mut self, keys: &KeyTuple) {
        if self.machines.get(keys).is_some_and(Machine::is_empty) {
            self.machines.remove(keys);
        }
    }

    fn sequence(&self, keys: &KeyTuple, events: Vec<T>, last: Ordinal) -> Sequence<T> {
        let mut events = events.into_iter();
        let place = |&missing: &bool| {
            if missing { Some(SequencePlace::Missing) } else { events.next().map(SequencePlace::Event) }
        };
        let places = self.shape.places().iter().filter_map(place).collect();
        Sequence { keys: KeyTuple::clone(keys), places, last }
    }

    /// The last instant at which a sequence can be complete that a leading event in this millisecond spoils.
    pub(super) fn lead_useful_until(&self, at: i64) -> Timestamp {
        end_of_millisecond(self.in_maxspan_from(at))
    }

    /// The last millisecond that is within `maxspan` of this one.
    pub(super) fn in_maxspan_from(&self, at: i64) -> i64 {
        let maxspan = self.shape.maxspan_ms().unwrap_or(i128::MAX);
        let last = i128::from(at).saturating_add(maxspan);
        i64::try_from(last).unwrap_or(i64::MAX)
    }
}

impl<T: Clone> HitCorrelator<T> for SequenceCorrelator<T> {
    type Found = Sequence<T>;

    fn knows(&self, hit: &StageHit<T>) -> bool {
        match hit.stage {
            HitStage::Stage(stage) => self.shape.role(stage).is_some(),
            HitStage::Until => true,
        }
    }

    fn event(&mut self, hits: &mut Vec<StageHit<T>>, found: &mut Vec<Sequence<T>>) {
        for hit in hits.drain(..) {
            self.push(hit, found).expect(
                "hits leave a stream in order, are not taken once time has passed them, and their stages are known",
            );
        }
    }

    fn reach(&mut self, watermark: Timestamp, found: &mut Vec<Sequence<T>>) {
        self.reach_watermark(watermark, found);
    }

    fn caught_up(&mut self, found: &mut Vec<Sequence<T>>) {
        if self.settings.missing == MissingDecision::AtOnce {
            self.settle(None, found);
        }
    }

    fn finish(&mut self, found: &mut Vec<Sequence<T>>) {
        self.settle(None, found);
    }

    fn held(&self) -> usize {
        self.held
    }

    fn live_keys(&self) -> usize {
        self.machines.len()
    }

    fn evicted(&self) -> u64 {
        let Evicted { partials, candidates, leading } = self.evicted;
        partials + candidates + leading
    }
}

pub(super) fn end_of_millisecond(at: i64) -> Timestamp {
    Timestamp::from_millis(at).plus_nanos(NANOS_PER_MILLI - 1)
}
