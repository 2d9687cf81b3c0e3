//! Thresholds and new values: against their definition, and as streams that are out of order, cut into batches, and
//! interrupted.

use std::collections::BTreeSet;

use proptest::prelude::*;
use watchfire_engine::correlate::{
    Bucket, HitCorrelator, HitStage, HitStream, HitStreamSettings, KeyTuple, KeyValue, MovingWindow,
    NewTermsCorrelator, NewTermsShape, Ordinal, RefusedHit, Sequence, StageHit, StatefulCorrelator,
    ThresholdShape, ThresholdTotal, ThresholdWindow,
};
use watchfire_events::Timestamp;

use super::properties::config;

const ROOM: usize = 1_000;
const LATENESS_MS: u64 = 20;

/// An event: its time in milliseconds, how much later it arrives, its groups, and its values.
type Made = (i64, u64, BTreeSet<u8>, BTreeSet<u8>);

fn made() -> impl Strategy<Value = Vec<Made>> {
    let groups = prop::collection::btree_set(0..3_u8, 1..3);
    let values = prop::collection::btree_set(0..4_u8, 0..3);
    prop::collection::vec((0..120_i64, 0..=LATENESS_MS, groups, values), 0..24)
}

/// The hits of each event, in order of arrival.
fn hits(made: &[Made], counted: bool) -> Vec<Vec<StageHit<u64>>> {
    let mut made = made.to_vec();
    made.sort_by_key(|(at, delay, ..)| at + *delay as i64);
    let event = |(number, (at, _, groups, values)): (usize, &Made)| {
        let ordinal = Ordinal { time: Timestamp::from_millis(*at), tiebreaker: None, arrival: number as u64 };
        let mut hits = Vec::new();
        for group in groups {
            let group = KeyValue::Integer(i128::from(*group));
            let values: Vec<KeyValue> = match (counted, values.is_empty()) {
                (true, true) => vec![KeyValue::Null],
                (true, false) => values.iter().map(|value| KeyValue::Integer(i128::from(*value))).collect(),
                (false, _) => Vec::new(),
            };
            let tuples: Vec<KeyTuple> = if counted {
                values.into_iter().map(|value| KeyTuple::from([group.clone(), value])).collect()
            } else {
                vec![[group].into()]
            };
            hits.extend(tuples.into_iter().map(|keys| StageHit {
                ordinal: ordinal.clone(),
                stage: HitStage::Stage(0),
                keys,
                payload: number as u64,
            }));
        }
        hits
    };
    made.iter().enumerate().map(event).collect()
}

/// What a correlator finds in hits that are sorted.
fn sorted<C: HitCorrelator<u64>>(mut correlator: C, hits: &[Vec<StageHit<u64>>]) -> Vec<C::Found> {
    let mut hits = hits.to_vec();
    hits.sort_by(|a, b| a[0].ordinal.cmp(&b[0].ordinal));
    let mut found = Vec::new();
    for mut event in hits {
        event.sort_by(StageHit::feeding_order);
        correlator.event(&mut event, &mut found);
    }
    correlator.finish(&mut found);
    found
}

/// What a stream finds that is written down and read again after each of these events.
fn streamed<C>(fresh: impl Fn() -> C, hits: &[Vec<StageHit<u64>>], interruptions: &[usize]) -> Vec<C::Found>
where
    C: StatefulCorrelator<u64>,
{
    let settings = HitStreamSettings { lateness_ms: LATENESS_MS, max_waiting: ROOM };
    let mut stream = HitStream::new(fresh(), settings);
    let mut found = Vec::new();
    for (number, event) in hits.iter().enumerate() {
        let mut event = event.clone();
        event.reverse();
        stream.push(&mut event, &mut found).expect("the hits are of the query");
        if interruptions.contains(&number) {
            let (text, counts) = (stream.snapshot("q").expect("numbers can be written"), stream.counts());
            stream = HitStream::restore(&text, "q", fresh(), settings).expect("it was just written");
            assert_eq!(stream.counts(), counts);
            assert_eq!(stream.snapshot("q").expect("numbers can be written"), text, "one state has one text");
        }
    }
    let counts = stream.finish(&mut found);
    assert_eq!((counts.pushed, counts.late, counts.evicted), (counts.fed, 0, 0));
    found
}

/// The group, the events and the number of distinct values of each bucket, by definition.
fn buckets_by_definition(
    hits: &[Vec<StageHit<u64>>],
    shape: ThresholdShape,
    window: Option<MovingWindow>,
) -> Vec<(KeyTuple, Vec<u64>)> {
    let mut events: Vec<&Vec<StageHit<u64>>> = hits.iter().collect();
    events.sort_by(|a, b| a[0].ordinal.cmp(&b[0].ordinal));
    let of_group = |group: &KeyValue, event: &[StageHit<u64>]| -> Option<BTreeSet<KeyValue>> {
        let of: Vec<_> = event.iter().filter(|hit| hit.keys[0] == *group).collect();
        let values = || of.iter().filter_map(|hit| hit.keys.get(1)).filter(|value| **value != KeyValue::Null);
        (!of.is_empty()).then(|| values().cloned().collect())
    };
    let mut found = Vec::new();
    for group in (0..3).map(KeyValue::Integer) {
        let mut gone: BTreeSet<u64> = BTreeSet::new();
        // At each event, or at each execution up to the one that sees the last event.
        let executions: Vec<(Timestamp, usize)> = match window.and_then(|window| window.interval_ms) {
            Some(interval) => (0..200 / interval as i64 + 2)
                .map(|at| Timestamp::from_millis(at * interval as i64))
                .map(|at| (at, events.iter().filter(|event| event[0].ordinal.time <= at).count()))
                .collect(),
            None if window.is_some() => {
                events.iter().enumerate().map(|(at, event)| (event[0].ordinal.time, at + 1)).collect()
            }
            None => vec![(Timestamp::from_millis(1_000), events.len())],
        };
        for (now, seen) in executions {
            let start = window.map_or(Timestamp::from_millis(-1), |window| window.start(now));
            let in_window: Vec<(u64, BTreeSet<KeyValue>)> = events[..seen]
                .iter()
                .filter(|event| event[0].ordinal.time >= start && !gone.contains(&event[0].payload))
                .filter_map(|event| Some((event[0].payload, of_group(&group, event)?)))
                .collect();
            let distinct: BTreeSet<&KeyValue> = in_window.iter().flat_map(|(_, values)| values).collect();
            let is_reached = in_window.len() as u64 >= shape.value
                && shape.cardinality.is_none_or(|least| distinct.len() as u64 >= least);
            if is_reached && !in_window.is_empty() {
                gone.extend(in_window.iter().map(|(payload, _)| *payload));
                found.push(([group.clone()].into(), in_window.iter().map(|(payload, _)| *payload).collect()));
            }
        }
    }
    found.sort();
    found
}

fn shown(found: Vec<Bucket<u64>>) -> Vec<(KeyTuple, Vec<u64>)> {
    let mut shown: Vec<_> = found
        .into_iter()
        .map(|bucket| {
            assert_eq!(bucket.count, bucket.events.len() as u64);
            assert!(bucket.first <= bucket.last.time);
            (bucket.keys, bucket.events)
        })
        .collect();
    shown.sort();
    shown
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn thresholds_are_what_their_definition_says(
        made in made(),
        value in 1..5_u64,
        cardinality in prop::option::of(1..4_u64),
        look_back_ms in 0..60_u64,
        interval_ms in prop::option::of(1..40_u64),
        interruptions in prop::collection::vec(0..24_usize, 0..5),
    ) {
        let shape = ThresholdShape { groups: 1, value, cardinality };
        let hits = hits(&made, cardinality.is_some());
        let total = shown(sorted(ThresholdTotal::new(shape, ROOM), &hits));
        prop_assert_eq!(total, buckets_by_definition(&hits, shape, None));
        let window = MovingWindow { look_back_ms, interval_ms };
        let fresh = || ThresholdWindow::new(shape, window, ROOM);
        let expected = buckets_by_definition(&hits, shape, Some(window));
        prop_assert_eq!(shown(sorted(fresh(), &hits)), expected.clone());
        prop_assert_eq!(shown(streamed(fresh, &hits, &interruptions)), expected);
    }

    #[test]
    fn values_are_new_that_the_window_before_does_not_hold(
        made in made(),
        window_ms in 0..60_u64,
        interruptions in prop::collection::vec(0..24_usize, 0..5),
    ) {
        let hits = hits(&made, true);
        let fresh = || NewTermsCorrelator::new(NewTermsShape { fields: 2, window_ms }, ROOM);
        let mut all: Vec<&StageHit<u64>> = hits.iter().flatten().collect();
        all.sort_by(|a, b| a.feeding_order(b));
        let mut expected: Vec<(KeyTuple, u64)> = Vec::new();
        for (number, hit) in all.iter().enumerate() {
            let start = hit.ordinal.time.plus_nanos(-i128::from(window_ms) * 1_000_000);
            let is_known =
                all[..number].iter().any(|before| before.keys == hit.keys && before.ordinal.time >= start);
            if !is_known {
                expected.push((hit.keys.clone(), hit.payload));
            }
        }
        let shown = |found: Vec<Sequence<u64>>| -> Vec<(KeyTuple, u64)> {
            found.into_iter().map(|found| (found.keys.clone(), *found.events().next().expect("an event"))).collect()
        };
        prop_assert_eq!(shown(sorted(fresh(), &hits)), expected.clone());
        prop_assert_eq!(shown(streamed(fresh, &hits, &interruptions)), expected);
    }
}

fn hit(at: i64, arrival: u64, key: i128) -> StageHit<u64> {
    let ordinal = Ordinal { time: Timestamp::from_millis(at), tiebreaker: None, arrival };
    StageHit { ordinal, stage: HitStage::Stage(0), keys: [KeyValue::Integer(key)].into(), payload: arrival }
}

#[test]
fn what_is_late_or_has_no_room_is_counted() {
    let window = MovingWindow { look_back_ms: 1_000, interval_ms: None };
    let shape = ThresholdShape { groups: 1, value: 3, cardinality: None };
    let settings = HitStreamSettings { lateness_ms: 10, max_waiting: ROOM };
    let mut stream = HitStream::new(ThresholdWindow::new(shape, window, 4), settings);
    let mut found = Vec::new();
    for number in 0..8 {
        stream
            .push(&mut vec![hit(number * 20, number as u64, i128::from(number))], &mut found)
            .expect("of the query");
    }
    stream.push(&mut vec![hit(0, 100, 0)], &mut found).expect("of the query");
    assert_eq!(
        stream.push(&mut vec![StageHit { stage: HitStage::Until, ..hit(200, 101, 0) }], &mut found),
        Err(RefusedHit::NoSuchStage)
    );
    let counts = stream.finish(&mut found);
    assert_eq!((counts.pushed, counts.fed, counts.late, counts.held, counts.evicted), (9, 8, 1, 4, 4));
    assert!(found.is_empty());

    let mut known = NewTermsCorrelator::new(NewTermsShape { fields: 1, window_ms: 1_000 }, 2);
    known.learn([KeyValue::Integer(9)].into(), None);
    let mut found = Vec::new();
    for number in 0..4 {
        known.event(&mut vec![hit(number, number as u64, i128::from(number))], &mut found);
    }
    known.event(&mut vec![hit(5, 5, 9)], &mut found);
    assert_eq!(
        (found.len(), HitCorrelator::<u64>::held(&known), HitCorrelator::<u64>::evicted(&known)),
        (4, 2, 3)
    );
}

#[test]
fn a_snapshot_is_believed_only_as_far_as_it_makes_sense() {
    let fresh = || {
        let shape = ThresholdShape { groups: 1, value: 3, cardinality: None };
        ThresholdWindow::<u64>::new(shape, MovingWindow { look_back_ms: 1_000, interval_ms: Some(100) }, ROOM)
    };
    let settings = HitStreamSettings { lateness_ms: 10, max_waiting: ROOM };
    let mut stream = HitStream::new(fresh(), settings);
    for number in 0..4 {
        stream.push(&mut vec![hit(number * 20, number as u64, 7)], &mut Vec::new()).expect("of the query");
    }
    let text = stream.snapshot("q").expect("numbers can be written");
    let restored = |text: &str, query: &str| {
        HitStream::restore(text, query, fresh(), settings)
            .map(|stream| stream.counts())
            .map_err(|error| error.to_string())
    };
    assert!(restored(&text, "q").is_ok());
    assert_eq!(restored(&text, "p"), Err("the snapshot is of another query: `q`".to_owned()));
    for (from, to, why) in [
        ("\"version\":1", "\"version\":9", "has version 9"),
        ("watchfire-hit-stream", "a list", "its format is `a list`"),
        ("\"pushed\":4", "\"pushed\":5", "hits fed, late and waiting are not those pushed"),
        ("3 events by 1 fields", "3 events by 2 fields", "of the form `3 events by 2 fields`"),
        ("\"values\":[]", "\"values\":[\"2\",\"1\"]", "the hashes are not in order"),
        ("{\"time\":\"20000000\",", "{\"time\":\"90000000\",", "an event is held that was not taken yet"),
        ("\"payload\":0", "\"payload\":\"0\"", "not a snapshot"),
    ] {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text, "{from}");
        let error = restored(&damaged, "q").expect_err(from);
        assert!(error.contains(why), "{from}: {error}");
    }
}
