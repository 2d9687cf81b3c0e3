//! Hits of stages, and the order in which they are fed.

use std::cmp::Ordering;

use watchfire_events::Timestamp;

use super::key::{KeyTuple, KeyValue};

/// Where an event stands in time (eql-semantics §12).
///
/// Compared by time, then tiebreaker (none sorts last), then arrival. Along a sequence it strictly increases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordinal {
    /// The time of the event.
    pub time: Timestamp,
    /// The value of the tiebreaker field; `None` if the event has none, or no such field is configured.
    pub tiebreaker: Option<KeyValue>,
    /// The position of the event in the whole input. No two events share it; it also tells events apart in a sample.
    pub arrival: u64,
}

impl Ord for Ordinal {
    fn cmp(&self, other: &Self) -> Ordering {
        let tiebreaker = || match (&self.tiebreaker, &other.tiebreaker) {
            (Some(a), Some(b)) => a.cmp(b),
            (None, None) => Ordering::Equal,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        self.time.cmp(&other.time).then_with(tiebreaker).then_with(|| self.arrival.cmp(&other.arrival))
    }
}

impl PartialOrd for Ordinal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Which part of a query an event satisfies.
///
/// The order is that in which the hits of one event are fed: the last stage first, so that an event that satisfies two
/// stages never fills both of one sequence, and `until` behind all of them, so that it acts after the event advanced
/// what it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HitStage {
    /// A stage by its number among those written, missing clauses included, from 0.
    Stage(u16),
    /// The `until` clause.
    Until,
}

impl Ord for HitStage {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Stage(a), Self::Stage(b)) => b.cmp(a),
            (Self::Until, Self::Until) => Ordering::Equal,
            (Self::Stage(_), Self::Until) => Ordering::Less,
            (Self::Until, Self::Stage(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for HitStage {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An event satisfies a stage, under one tuple of key values. An event whose keys have several values gives several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageHit<T> {
    /// The event's place in time.
    pub ordinal: Ordinal,
    /// What it satisfies.
    pub stage: HitStage,
    /// The values of the stage's keys.
    pub keys: KeyTuple,
    /// What the caller knows the event by.
    pub payload: T,
}

impl<T> StageHit<T> {
    /// The order in which correlators take hits. It has no ties between hits that a correlator could tell apart.
    pub fn feeding_order(&self, other: &Self) -> Ordering {
        let (a, b) = (self, other);
        a.ordinal.cmp(&b.ordinal).then_with(|| a.stage.cmp(&b.stage)).then_with(|| a.keys.cmp(&b.keys))
    }
}
