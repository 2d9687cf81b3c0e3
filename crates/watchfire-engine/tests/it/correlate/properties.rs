//! Random streams and random queries: the correlator finds what the definition says.

use proptest::prelude::*;
use watchfire_engine::correlate::{
    Evicted, HitStage, KeyTuple, KeyValue, MissingDecision, Ordinal, Sequence, SequenceCorrelator,
    SequenceSettings, SequenceShape, StageForm, StageHit,
};
use watchfire_events::Timestamp;

use super::definition::{self, Query};

/// How many cases: few enough for every run, and more at night.
pub(super) fn config() -> ProptestConfig {
    let cases = std::env::var("WATCHFIRE_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases.unwrap_or(2_000)) }
}

/// One to four stages with one that is not missing; clauses anywhere need a maxspan.
pub(super) fn query() -> impl Strategy<Value = Query> {
    let runs = prop_oneof![4 => Just(1_u32), 1 => 2..4_u32];
    let stage = (prop::bool::weighted(0.3), runs).prop_map(|(missing, runs)| StageForm { missing, runs });
    (prop::collection::vec(stage, 1..5), prop::option::of(0..25_u64)).prop_filter_map(
        "a sequence that means something",
        |(stages, maxspan_ms)| {
            SequenceShape::new(&stages, maxspan_ms).is_ok().then_some(Query { stages, maxspan_ms })
        },
    )
}

#[derive(Clone, Debug)]
pub(super) struct RandomEvent {
    pub(super) time: Timestamp,
    tiebreaker: Option<KeyValue>,
    /// For each stage, and last for `until`, the numbers of its keys.
    satisfies: Vec<Vec<u8>>,
}

pub(super) fn event() -> impl Strategy<Value = RandomEvent> {
    // Mostly whole milliseconds, close together, so that events meet, also in the same one.
    let nanos = prop_oneof![6 => Just(0_i128), 1 => Just(1), 1 => Just(999_999)];
    let keys = prop_oneof![
        12 => Just(vec![]),
        5 => Just(vec![0]),
        2 => Just(vec![1]),
        1 => Just(vec![0, 1]),
        1 => Just(vec![0, 1, 2]),
    ];
    let until = prop_oneof![12 => Just(vec![]), 1 => Just(vec![0]), 1 => Just(vec![0, 1])];
    let tiebreaker = prop::option::of((0..3_i128).prop_map(KeyValue::Integer));
    (0..40_i128, nanos, tiebreaker, prop::collection::vec(keys, 4), until).prop_map(
        |(millis, nanos, tiebreaker, mut satisfies, until)| {
            satisfies.push(until);
            RandomEvent { time: Timestamp::from_nanos(millis * 1_000_000 + nanos), tiebreaker, satisfies }
        },
    )
}

fn key(number: u8) -> KeyTuple {
    let second = if number == 2 { KeyValue::Null } else { KeyValue::Integer(number.into()) };
    KeyTuple::from([KeyValue::text("x"), second])
}

/// The hits of all events, in feeding order.
pub(super) fn hits(query: &Query, events: &[RandomEvent], tiebreakers: bool) -> Vec<StageHit<u64>> {
    let mut hits = Vec::new();
    for (arrival, event) in events.iter().enumerate() {
        for (stage, keys) in event.satisfies.iter().enumerate() {
            let stage = match stage {
                4 => HitStage::Until,
                number if number < query.stages.len() => HitStage::Stage(number as u16),
                _ => continue,
            };
            hits.extend(keys.iter().map(|&number| StageHit {
                ordinal: Ordinal {
                    time: event.time,
                    tiebreaker: event.tiebreaker.clone().filter(|_| tiebreakers),
                    arrival: arrival as u64,
                },
                stage,
                keys: key(number),
                payload: arrival as u64,
            }));
        }
    }
    hits.sort_by(StageHit::feeding_order);
    hits
}

/// What the correlator finds. Behind each hit whose number is in `watermarks` it is told that time has come that far.
pub(super) fn found(
    query: &Query,
    hits: &[StageHit<u64>],
    settings: SequenceSettings,
    watermarks: &[usize],
) -> (Vec<Sequence<u64>>, Evicted) {
    let shape = SequenceShape::new(&query.stages, query.maxspan_ms).unwrap();
    let mut correlator = SequenceCorrelator::new(shape, settings);
    let mut found = Vec::new();
    for (at, hit) in hits.iter().enumerate() {
        if watermarks.contains(&at) {
            correlator.advance(hit.ordinal.time, &mut found);
        }
        correlator.push(hit.clone(), &mut found).unwrap();
        assert!(correlator.held() <= settings.max_held);
    }
    let evicted = correlator.finish(&mut found);
    found.sort_by(Sequence::order_of_results);
    (found, evicted)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_correlator_finds_what_the_definition_says(
        query in query(),
        events in prop::collection::vec(event(), 0..60),
        tiebreakers in any::<bool>(),
        watermarks in prop::collection::vec(0..200_usize, 0..12),
        max_held in 0..40_usize,
    ) {
        let hits = hits(&query, &events, tiebreakers);
        let expected = definition::sequences(&query, &hits);
        let settings = SequenceSettings::default();
        let (all, evicted) = self::found(&query, &hits, settings, &[]);
        prop_assert_eq!(&all, &expected);
        prop_assert_eq!(evicted, Evicted::default());

        // Batches end, and time is said to have come so far, anywhere.
        prop_assert_eq!(&self::found(&query, &hits, settings, &watermarks).0, &expected);

        // Without a clause to wait for there is nothing to be decided early.
        if query.stages.last().is_some_and(|stage| !stage.missing) {
            let at_once = SequenceSettings { missing: MissingDecision::AtOnce, ..settings };
            prop_assert_eq!(&self::found(&query, &hits, at_once, &watermarks).0, &expected);
        }

        // Within little room: if nothing was given up, nothing is different.
        let (in_little_room, evicted) =
            self::found(&query, &hits, SequenceSettings { max_held, ..settings }, &watermarks);
        if evicted == Evicted::default() {
            prop_assert_eq!(&in_little_room, &expected);
        }
    }

    /// Whatever order hits come in, sorting makes it one.
    #[test]
    fn the_order_of_hits_has_no_ties(
        query in query(),
        shuffled in prop::collection::vec(event(), 0..30)
            .prop_flat_map(|events| (Just(events.clone()), Just((0..events.len()).collect::<Vec<_>>()).prop_shuffle())),
    ) {
        let (events, order) = shuffled;
        let sorted = hits(&query, &events, true);
        let mut again: Vec<StageHit<u64>> = Vec::new();
        for &arrival in &order {
            again.extend(sorted.iter().filter(|hit| hit.payload == arrival as u64).rev().cloned());
        }
        again.sort_by(StageHit::feeding_order);
        prop_assert_eq!(again, sorted);
    }
}
