//! The definition of a sequence, written a second time: no machine, no order of processing, only who follows whom.
//!
//! Within one key tuple, let *reached(j)* be the partial sequences that fill the first j + 1 stages, repetitions spelled
//! out. Those of stage 0 are all its events. An event *e* of stage j continues the partial *p* of reached(j − 1) with the
//! latest last event before *e*, unless
//!
//! - another event of stage j lies between the last of *p* and *e*, and so has used *p*,
//! - an `until` event lies between them, or is the last of *p* itself,
//! - the time from the first of *p* to *e* is more than `maxspan`.
//!
//! A full one is found unless an event of a missing clause spoils it, of which all are looked at.

use watchfire_engine::correlate::{
    HitStage, KeyTuple, Ordinal, Sequence, SequencePlace, StageForm, StageHit,
};

/// A query without its conditions.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) stages: Vec<StageForm>,
    pub(super) maxspan_ms: Option<u64>,
}

type Hit = StageHit<u64>;
type Partial<'h> = Vec<&'h Hit>;

pub(super) fn sequences(query: &Query, hits: &[Hit]) -> Vec<Sequence<u64>> {
    let mut keys: Vec<&KeyTuple> = hits.iter().map(|hit| &hit.keys).collect();
    keys.sort();
    keys.dedup();
    let mut found: Vec<Sequence<u64>> = Vec::new();
    for keys in keys {
        let of_key: Vec<&Hit> = hits.iter().filter(|hit| hit.keys == *keys).collect();
        found.extend(
            full(query, &of_key)
                .into_iter()
                .filter(|sequence| is_clean(query, sequence, &of_key))
                .map(|sequence| result(query, keys, &sequence)),
        );
    }
    found.sort_by(|a, b| (&a.last, &a.keys).cmp(&(&b.last, &b.keys)));
    found
}

fn full<'h>(query: &Query, hits: &[&'h Hit]) -> Vec<Partial<'h>> {
    let ordinary = query.stages.iter().enumerate().filter(|(_, stage)| !stage.missing);
    let stages: Vec<usize> =
        ordinary.flat_map(|(number, stage)| std::iter::repeat_n(number, stage.runs as usize)).collect();
    let of_stage = |number: usize| -> Vec<&'h Hit> {
        hits.iter().copied().filter(|hit| hit.stage == HitStage::Stage(number as u16)).collect()
    };
    let mut reached: Vec<Partial<'h>> = of_stage(stages[0]).into_iter().map(|hit| vec![hit]).collect();
    for &number in &stages[1..] {
        let events = of_stage(number);
        reached = events
            .iter()
            .filter_map(|event| {
                let before = |partial: &&Partial<'h>| ordinal(partial) < &event.ordinal;
                let partial = reached.iter().filter(before).max_by_key(|partial| ordinal(partial))?;
                let used = events
                    .iter()
                    .any(|other| ordinal(partial) < &other.ordinal && other.ordinal < event.ordinal);
                let ended = hits.iter().any(|hit| {
                    hit.stage == HitStage::Until
                        && *ordinal(partial) <= hit.ordinal
                        && hit.ordinal < event.ordinal
                });
                let span = event.ordinal.time.nanos() - partial[0].ordinal.time.nanos();
                let in_time = query.maxspan_ms.is_none_or(|maxspan| span <= i128::from(maxspan) * 1_000_000);
                let continued = || partial.iter().copied().chain([*event]).collect();
                (!used && !ended && in_time).then(continued)
            })
            .collect();
    }
    reached
}

fn ordinal<'h>(partial: &Partial<'h>) -> &'h Ordinal {
    &partial.last().expect("a partial has events").ordinal
}

fn is_clean(query: &Query, sequence: &[&Hit], hits: &[&Hit]) -> bool {
    let millis = |hit: &Hit| hit.ordinal.time.millis();
    let (first, last) = (millis(sequence[0]), millis(sequence[sequence.len() - 1]));
    let (mut leads, mut trails) = (Vec::new(), Vec::new());
    let (mut leading, mut trailing) = (false, false);
    let mut filled = 0;
    for (number, stage) in query.stages.iter().enumerate() {
        if !stage.missing {
            filled += stage.runs as usize;
            continue;
        }
        let times =
            hits.iter().filter(|hit| hit.stage == HitStage::Stage(number as u16)).map(|hit| millis(hit));
        if filled == 0 {
            leading = true;
            leads.extend(times.filter(|time| *time < first));
        } else if filled == sequence.len() {
            trailing = true;
            trails.extend(times.filter(|time| *time > last));
        } else {
            let (before, behind) = (millis(sequence[filled - 1]), millis(sequence[filled]));
            if times.into_iter().any(|time| before < time && time < behind) {
                return false;
            }
        }
    }
    let (lead, trail) = (leads.into_iter().max(), trails.into_iter().min());
    let far = |from: i64, to: i64| (to - from) as u64 > query.maxspan_ms.expect("needed for missing events");
    match (leading, trailing) {
        (false, false) => true,
        (true, false) => lead.is_none_or(|lead| far(lead, last)),
        (false, true) => trail.is_none_or(|trail| far(first, trail)),
        (true, true) => match (lead, trail) {
            (Some(lead), Some(trail)) => far(lead, trail),
            _ => true,
        },
    }
}

fn result(query: &Query, keys: &KeyTuple, sequence: &Partial<'_>) -> Sequence<u64> {
    let mut events = sequence.iter();
    let mut places = Vec::new();
    for stage in &query.stages {
        for _ in 0..stage.runs {
            places.push(if stage.missing {
                SequencePlace::Missing
            } else {
                SequencePlace::Event(events.next().expect("a full sequence").payload)
            });
        }
    }
    Sequence { keys: KeyTuple::clone(keys), places, last: ordinal(sequence).clone() }
}
