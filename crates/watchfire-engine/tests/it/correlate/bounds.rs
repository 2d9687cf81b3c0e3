//! What is held stays within bounds, whatever the stream.

use watchfire_engine::correlate::{
    Evicted, HitStage, KeyTuple, KeyValue, MissingDecision, Ordinal, RefusedHit, SequenceCorrelator,
    SequenceSettings, SequenceShape, StageForm, StageHit,
};
use watchfire_events::Timestamp;

fn shape(maxspan_ms: Option<u64>) -> SequenceShape {
    SequenceShape::new(&[StageForm { missing: false, runs: 1 }; 2], maxspan_ms).unwrap()
}

/// A hit of the first stage at each millisecond, each with a key of its own.
fn begins(count: u64) -> impl Iterator<Item = StageHit<u64>> {
    (0..count).map(|at| StageHit {
        ordinal: Ordinal { time: Timestamp::from_millis(at as i64), tiebreaker: None, arrival: at },
        stage: HitStage::Stage(0),
        keys: KeyTuple::from([KeyValue::Integer(at.into())]),
        payload: at,
    })
}

#[test]
fn no_more_is_held_than_one_maxspan_brings() {
    let mut correlator = SequenceCorrelator::new(shape(Some(1_000)), SequenceSettings::default());
    let mut found = Vec::new();
    for hit in begins(200_000) {
        correlator.push(hit, &mut found).unwrap();
        assert!(correlator.held() <= 1_001 && correlator.live_keys() <= 1_001);
    }
    assert_eq!(correlator.finish(&mut found), Evicted::default());
}

#[test]
fn without_maxspan_the_oldest_are_given_up_and_counted() {
    let settings = SequenceSettings { max_held: 1_000, missing: MissingDecision::default() };
    let mut correlator = SequenceCorrelator::new(shape(None), settings);
    let mut found = Vec::new();
    for hit in begins(50_000) {
        correlator.push(hit, &mut found).unwrap();
    }
    assert_eq!((correlator.held(), correlator.live_keys()), (1_000, 1_000));
    // The latest thousand can go on, those before cannot.
    for number in [48_999_u64, 49_000] {
        let ordinal =
            Ordinal { time: Timestamp::from_millis(60_000), tiebreaker: None, arrival: number + 60_000 };
        let keys = KeyTuple::from([KeyValue::Integer(number.into())]);
        correlator
            .push(StageHit { ordinal, stage: HitStage::Stage(1), keys, payload: 0 }, &mut found)
            .unwrap();
    }
    assert_eq!(found.len(), 1);
    assert_eq!(correlator.finish(&mut found), Evicted { partials: 49_000, ..Evicted::default() });
}

#[test]
fn hits_out_of_order_or_of_no_stage_are_refused() {
    let mut correlator = SequenceCorrelator::new(shape(None), SequenceSettings::default());
    let mut found = Vec::new();
    let hits: Vec<_> = begins(3).collect();
    correlator.push(hits[1].clone(), &mut found).unwrap();
    assert_eq!(correlator.push(hits[0].clone(), &mut found), Err(RefusedHit::OutOfOrder));
    let unknown = StageHit { stage: HitStage::Stage(2), ..hits[2].clone() };
    assert_eq!(correlator.push(unknown, &mut found), Err(RefusedHit::NoSuchStage));
    correlator.advance(Timestamp::from_millis(3), &mut found);
    assert_eq!(correlator.push(hits[2].clone(), &mut found), Err(RefusedHit::OutOfOrder));
}
