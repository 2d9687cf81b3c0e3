//! Streams that are not in order of time, cut into batches, and interrupted.

use proptest::prelude::*;
use watchfire_engine::correlate::{
    Evicted, HitStage, KeyTuple, KeyValue, MissingDecision, Ordinal, RefusedHit, Sequence, SequenceSettings,
    SequenceShape, SequenceStream, StageForm, StageHit, StreamCounts, StreamSettings,
};
use watchfire_events::Timestamp;

use super::definition::Query;
use super::properties::{self, RandomEvent, config, event, found, query};

const QUERY: &str = "any";
const NANOS_PER_MILLI: i128 = 1_000_000;

/// A stream and how it is fed: where batches end, and where it is written down and read again.
#[derive(Clone, Debug)]
struct Course {
    batch_ends: Vec<usize>,
    interruptions: Vec<usize>,
}

fn course() -> impl Strategy<Value = Course> {
    let places = || prop::collection::vec(0..60_usize, 0..8);
    (places(), places()).prop_map(|(batch_ends, interruptions)| Course { batch_ends, interruptions })
}

/// Events, each with how much later than its time it arrives, in order of arrival.
fn delayed(lateness: Timestamp, most: usize) -> impl Strategy<Value = Vec<RandomEvent>> {
    prop::collection::vec((event(), 0..=lateness.nanos()), 0..most).prop_map(|mut events| {
        events.sort_by_key(|(event, delay)| event.time.plus_nanos(*delay));
        events.into_iter().map(|(event, _)| event).collect()
    })
}

/// What a stream finds of hits whose payload is the number of their event in order of arrival.
fn streamed(
    query: &Query,
    hits: &[StageHit<u64>],
    settings: StreamSettings,
    course: &Course,
) -> (Vec<Sequence<u64>>, StreamCounts) {
    let shape = SequenceShape::new(&query.stages, query.maxspan_ms).unwrap();
    let mut stream = SequenceStream::new(shape.clone(), settings);
    let events = hits.iter().map(|hit| hit.payload as usize + 1).max().unwrap_or(0);
    let (mut batch, mut found) = (Vec::new(), Vec::new());
    for event in 0..events {
        batch.extend(hits.iter().filter(|hit| hit.payload == event as u64).cloned());
        let is_interrupted = course.interruptions.contains(&event);
        if is_interrupted || course.batch_ends.contains(&event) || event + 1 == events {
            batch.reverse();
            stream.push(&mut batch, &mut found).unwrap();
            assert!(batch.is_empty());
            check(&stream.counts(), settings);
        }
        if is_interrupted {
            let (text, counts) = (stream.snapshot(QUERY).unwrap(), stream.counts());
            stream = SequenceStream::restore(&text, QUERY, shape.clone(), settings).unwrap();
            assert_eq!(stream.counts(), counts);
            assert_eq!(stream.snapshot(QUERY).unwrap(), text, "one state has one text");
        }
    }
    let counts = stream.finish(&mut found);
    check(&counts, settings);
    found.sort_by(Sequence::order_of_results);
    (found, counts)
}

fn check(counts: &StreamCounts, settings: StreamSettings) {
    assert_eq!(counts.pushed, counts.fed + counts.late + counts.waiting, "{counts:?}");
    assert!(counts.fed_early <= counts.fed);
    assert!(counts.waiting <= settings.max_waiting as u64);
    assert!(counts.held <= settings.sequence.max_held as u64);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn within_the_lateness_bound_a_stream_finds_what_sorted_input_gives(
        query in query(),
        (lateness_ms, events) in (0..30_u64).prop_flat_map(|lateness| {
            (Just(lateness), delayed(Timestamp::from_millis(lateness as i64), 60))
        }),
        tiebreakers in any::<bool>(),
        course in course(),
        max_held in prop_oneof![Just(1_000_usize), 0..20_usize],
    ) {
        let hits = properties::hits(&query, &events, tiebreakers);
        let sequence = SequenceSettings { max_held, missing: MissingDecision::default() };
        let (expected, evicted) = found(&query, &hits, sequence, &[]);
        let settings = StreamSettings { lateness_ms, max_waiting: 1_000, sequence };
        let (found, counts) = streamed(&query, &hits, settings, &course);
        prop_assert_eq!(found, expected);
        prop_assert_eq!((counts.fed, counts.late, counts.fed_early), (hits.len() as u64, 0, 0));
        prop_assert_eq!(counts.evicted, evicted);
    }

    /// In any order, with little room: what is found does not depend on where the stream is cut or interrupted, and of
    /// what was fed it is what sorted input gives.
    #[test]
    fn where_a_stream_is_cut_or_interrupted_makes_no_difference(
        query in query(),
        events in prop::collection::vec(event(), 0..60),
        tiebreakers in any::<bool>(),
        courses in (course(), course()),
        lateness_ms in 0..30_u64,
        (max_waiting, max_held) in (0..30_usize, 0..40_usize),
    ) {
        let hits = properties::hits(&query, &events, tiebreakers);
        let sequence = SequenceSettings { max_held, missing: MissingDecision::default() };
        let settings = StreamSettings { lateness_ms, max_waiting, sequence };
        let (found, counts) = streamed(&query, &hits, settings, &courses.0);
        prop_assert_eq!(&streamed(&query, &hits, settings, &courses.1), &(found.clone(), counts));

        let fed = punctual(&hits, settings);
        prop_assert_eq!(counts.fed, fed.len() as u64);
        let (expected, evicted) = self::found(&query, &fed, sequence, &[]);
        prop_assert_eq!((found, counts.evicted), (expected, evicted));
    }
}

/// The hits that are not late, in feeding order: lateness and room written a second time, over lists.
fn punctual(hits: &[StageHit<u64>], settings: StreamSettings) -> Vec<StageHit<u64>> {
    let events = hits.iter().map(|hit| hit.payload + 1).max().unwrap_or(0);
    let (mut kept, mut waiting): (Vec<&StageHit<u64>>, Vec<&StageHit<u64>>) = (Vec::new(), Vec::new());
    let mut latest: Option<Timestamp> = None;
    for event in 0..events {
        let mut of_event = hits.iter().filter(|hit| hit.payload == event).peekable();
        let Some(first) = of_event.peek().map(|hit| hit.ordinal.clone()) else { continue };
        let bound = i128::from(settings.lateness_ms) * NANOS_PER_MILLI;
        let is_late = latest.is_some_and(|latest| first.time.plus_nanos(bound) < latest)
            || kept.iter().any(|hit| hit.ordinal > first);
        latest = latest.max(Some(first.time));
        if !is_late {
            waiting.extend(of_event);
        }
        waiting.sort_by(|a, b| a.feeding_order(b));
        while let Some(oldest) = waiting.first().map(|hit| hit.ordinal.clone())
            && (waiting.len() > settings.max_waiting
                || latest.is_some_and(|latest| oldest.time.plus_nanos(bound) < latest))
        {
            let of_oldest = waiting.iter().take_while(|hit| hit.ordinal == oldest).count();
            kept.extend(waiting.drain(..of_oldest));
        }
    }
    kept.into_iter().chain(waiting).cloned().collect()
}

fn two_stages() -> SequenceShape {
    SequenceShape::new(&[StageForm { missing: false, runs: 1 }; 2], None).unwrap()
}

fn hit(stage: u16, millis: i64, arrival: u64) -> StageHit<u64> {
    StageHit {
        ordinal: Ordinal { time: Timestamp::from_millis(millis), tiebreaker: None, arrival },
        stage: HitStage::Stage(stage),
        keys: KeyTuple::from([KeyValue::text("k")]),
        payload: arrival,
    }
}

#[test]
fn exactly_the_lateness_bound_is_within() {
    let settings = StreamSettings { lateness_ms: 10, ..StreamSettings::default() };
    let mut stream = SequenceStream::new(two_stages(), settings);
    let mut found = Vec::new();
    stream.push(&mut vec![hit(1, 20, 0), hit(0, 10, 1), hit(0, 9, 2)], &mut found).unwrap();
    assert_eq!(stream.watermark(), Some(Timestamp::from_millis(10)));
    assert_eq!((stream.counts().waiting, stream.counts().late, found.len()), (2, 1, 0));
    // Nothing between 10 and 21 is decided before time is beyond it.
    stream.advance(Timestamp::from_millis(20), &mut found);
    assert_eq!((stream.counts().waiting, stream.counts().held, found.len()), (1, 1, 0));
    stream.advance(Timestamp::from_millis(21), &mut found);
    assert_eq!((stream.counts().waiting, stream.counts().held, found.len()), (0, 0, 1));
    stream.push(&mut vec![hit(0, 20, 3)], &mut found).unwrap();
    assert_eq!(stream.finish(&mut found).late, 2);
}

#[test]
fn what_is_fed_early_is_not_lost_and_what_then_lies_before_it_is() {
    let settings = StreamSettings { lateness_ms: 1_000, max_waiting: 2, ..StreamSettings::default() };
    let mut stream = SequenceStream::new(two_stages(), settings);
    let mut found = Vec::new();
    stream.push(&mut vec![hit(0, 10, 0), hit(1, 20, 1), hit(0, 30, 2)], &mut found).unwrap();
    assert_eq!((stream.counts().fed_early, stream.counts().waiting), (1, 2));
    // At the time of the one fed early, but behind it: still in time, and the oldest now.
    stream.push(&mut vec![hit(0, 10, 3)], &mut found).unwrap();
    assert_eq!((stream.counts().fed_early, stream.counts().late), (2, 0));
    stream.push(&mut vec![hit(0, 9, 4)], &mut found).unwrap();
    assert_eq!(stream.counts().late, 1);
    let counts = stream.finish(&mut found);
    assert_eq!((counts.pushed, counts.fed, counts.held), (5, 4, 1));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].events().copied().collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn a_batch_with_an_unknown_stage_is_left_as_it_is() {
    let mut stream = SequenceStream::new(two_stages(), StreamSettings::default());
    let mut batch = vec![hit(0, 10, 0), hit(2, 20, 1)];
    assert_eq!(stream.push(&mut batch, &mut Vec::new()), Err(RefusedHit::NoSuchStage));
    assert_eq!((batch.len(), stream.counts()), (2, StreamCounts::default()));
}

#[test]
fn a_stream_holds_no_more_than_the_lateness_bound_and_maxspan_bring() {
    let shape = SequenceShape::new(&[StageForm { missing: false, runs: 1 }; 2], Some(1_000)).unwrap();
    let settings = StreamSettings { lateness_ms: 500, ..StreamSettings::default() };
    let mut stream = SequenceStream::new(shape, settings);
    let mut found = Vec::new();
    for arrival in 0..100_000_u64 {
        // Two steps forward, one back.
        let millis = arrival as i64 / 2 + if arrival % 2 == 0 { 400 } else { 0 };
        let keys = KeyTuple::from([KeyValue::Integer(arrival.into())]);
        stream.push(&mut vec![StageHit { keys, ..hit(0, millis, arrival) }], &mut found).unwrap();
        let counts = stream.counts();
        assert!(counts.waiting <= 1_100 && counts.held <= 2_100 && counts.live_keys <= 2_100, "{counts:?}");
    }
    let counts = stream.finish(&mut found);
    assert_eq!((counts.fed, counts.late, counts.evicted), (100_000, 0, Evicted::default()));
}

#[test]
fn missing_events_are_decided_at_once_only_where_that_is_asked() {
    let stages = [StageForm { missing: false, runs: 1 }, StageForm { missing: true, runs: 1 }];
    let shape = SequenceShape::new(&stages, Some(1_000)).unwrap();
    for (missing, found_at) in [(MissingDecision::AtOnce, 11), (MissingDecision::WindowClosed, 1_011)] {
        let sequence = SequenceSettings { missing, ..SequenceSettings::default() };
        let mut stream = SequenceStream::new(
            shape.clone(),
            StreamSettings { lateness_ms: 10, sequence, ..StreamSettings::default() },
        );
        let mut found = Vec::new();
        // That the lateness bound has moved the watermark is not asking.
        stream.push(&mut vec![hit(0, 10, 0), hit(0, 40, 1)], &mut found).unwrap();
        assert_eq!((stream.counts().held, found.len()), (1, 0));
        for millis in [11, 50, 1_010, 1_011] {
            stream.advance(Timestamp::from_millis(millis), &mut found);
            assert_eq!(found.is_empty(), millis < found_at);
        }
    }
}
