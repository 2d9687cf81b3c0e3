//! Snapshots: the format that is written and read, what is refused, and what becomes of damaged ones.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_engine::correlate::{
    HitStage, KeyTuple, KeyValue, MissingDecision, Ordinal, RestoreError, Sequence, SequencePlace,
    SequenceSettings, SequenceShape, SequenceStream, StageForm, StageHit, StreamSettings,
};
use watchfire_events::{Timestamp, ValueRef};

use super::definition::Query;
use super::properties::{self, config, event, query};

const NAME: &str = "a leading, a repeated and a trailing stage";

fn shape() -> SequenceShape {
    let stage = |missing, runs| StageForm { missing, runs };
    let stages =
        [stage(true, 1), stage(false, 2), stage(true, 1), stage(false, 1), stage(false, 1), stage(true, 1)];
    SequenceShape::new(&stages, Some(1_000)).unwrap()
}

fn settings() -> StreamSettings {
    let sequence = SequenceSettings { max_held: 16, ..SequenceSettings::default() };
    StreamSettings { lateness_ms: 100, max_waiting: 50, sequence }
}

fn hit(stage: HitStage, micros: i128, arrival: u64, keys: &KeyTuple) -> StageHit<String> {
    let tiebreaker = arrival.is_multiple_of(2).then(|| KeyValue::text("t"));
    StageHit {
        ordinal: Ordinal { time: Timestamp::from_nanos(micros * 1_000), tiebreaker, arrival },
        stage,
        keys: KeyTuple::clone(keys),
        payload: format!("e{arrival}"),
    }
}

/// A key tuple with a value of each kind, and two others.
fn tuples() -> [KeyTuple; 3] {
    let address = "2001:db8::1".parse().unwrap();
    let instant = ValueRef::Instant(Timestamp::from_nanos(1_700_000_000_123_456_789));
    let all = [
        KeyValue::Null,
        KeyValue::Boolean(true),
        KeyValue::from(ValueRef::Unsigned(u64::MAX)),
        KeyValue::double(0.1),
        KeyValue::from(ValueRef::Ip(address)),
        KeyValue::from(instant),
        KeyValue::text("a \"quoted\" ünit"),
    ];
    [
        KeyTuple::from(all),
        KeyTuple::from([KeyValue::Integer(-5)]),
        KeyTuple::from([KeyValue::double(f64::NAN)]),
    ]
}

/// A stream in whose state there is something of everything.
fn stream() -> SequenceStream<String> {
    use HitStage::{Stage, Until};
    let [all, five, nan] = tuples();
    let mut stream = SequenceStream::new(shape(), settings());
    let mut found = Vec::new();
    // The first of these are given up when the others come.
    let mut hits: Vec<_> = (0..8)
        .map(|at| hit(Stage(1), 100 + i128::from(at), at, &KeyTuple::from([KeyValue::Integer(at.into())])))
        .collect();
    hits.extend([
        // Complete, behind two leading events, and waiting for what may come behind.
        hit(Stage(0), 1_000, 10, &all),
        hit(Stage(0), 3_000, 11, &all),
        hit(Stage(1), 5_000, 12, &all),
        hit(Stage(1), 6_000, 13, &all),
        hit(Stage(3), 8_000, 14, &all),
        hit(Stage(4), 8_500, 15, &all),
        // Begun, and spoiled between two stages.
        hit(Stage(1), 9_000, 16, &five),
        hit(Stage(1), 10_000, 17, &five),
        hit(Stage(2), 11_500, 18, &five),
        hit(Stage(3), 12_500, 19, &five),
        // Begun twice, and the further one will be spoiled if it goes on.
        hit(Stage(1), 13_000, 20, &nan),
        hit(Stage(1), 14_000, 21, &nan),
        hit(Stage(2), 15_000, 22, &nan),
        hit(Until, 16_000, 23, &KeyTuple::from([])),
        // Waits, and makes what is older late.
        hit(Stage(5), 450_000, 30, &nan),
    ]);
    stream.push(&mut hits, &mut found).unwrap();
    // One late, and one that waits before the other.
    let mut hits = vec![hit(Stage(1), 300_000, 31, &all), hit(Stage(1), 400_000, 32, &nan)];
    stream.push(&mut hits, &mut found).unwrap();
    assert_eq!(found, []);
    stream
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/snapshots")
}

fn golden() -> String {
    let text = fs::read_to_string(folder().join("version_1.json")).unwrap();
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// If this fails because the format has changed, the format needs another version, and the old file stays.
#[test]
fn the_state_is_written_as_in_the_file() {
    let text = stream().snapshot(NAME).unwrap();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(folder().join("version_1.json"), format!("{text}\n")).unwrap();
    }
    assert_eq!(text, golden());
}

#[test]
fn a_snapshot_in_a_file_is_continued() {
    use HitStage::Stage;
    let [all, five, nan] = tuples();
    let mut stream: SequenceStream<String> =
        SequenceStream::restore(&golden(), NAME, shape(), settings()).unwrap();
    assert_eq!(stream.counts(), self::stream().counts());
    let mut found = Vec::new();
    let mut hits = vec![
        // Completes what is spoiled.
        hit(Stage(4), 460_000, 40, &five),
        // Goes on with the nearer one, which took the place of the further one.
        hit(Stage(3), 480_000, 41, &nan),
        hit(Stage(4), 490_000, 42, &nan),
        hit(Stage(3), 495_000, 43, &five),
        // All windows are closed.
        hit(Stage(0), 1_600_500, 44, &all),
    ];
    stream.push(&mut hits, &mut found).unwrap();
    let counts = stream.finish(&mut found);
    found.sort_by(Sequence::order_of_results);
    let found: Vec<String> = found.iter().map(line).collect();
    assert_eq!(found, ["- e12 e13 - e14 e15 -", "- e21 e32 - e41 e42 -"]);
    assert_eq!((counts.pushed, counts.fed, counts.late, counts.waiting), (30, 29, 1, 0));
}

fn line(sequence: &Sequence<String>) -> String {
    let place = |place: &SequencePlace<String>| match place {
        SequencePlace::Event(name) => name.clone(),
        SequencePlace::Missing => "-".to_owned(),
    };
    sequence.places.iter().map(place).collect::<Vec<_>>().join(" ")
}

fn refusal(text: &str, query: &str, shape: SequenceShape, settings: StreamSettings) -> String {
    SequenceStream::<String>::restore(text, query, shape, settings).unwrap_err().to_string()
}

#[test]
fn state_is_not_given_to_another_query() {
    let (text, two) = (golden(), [StageForm { missing: false, runs: 1 }; 2]);
    let other = SequenceShape::new(&two, None).unwrap();
    assert_eq!(
        refusal(&text, "another", shape(), settings()),
        format!("the snapshot is of another query: `{NAME}`")
    );
    assert_eq!(
        refusal(&text, NAME, other, settings()),
        "the snapshot is of a query of the form `sequence with maxspan=1000ms ![] [] with runs=2 ![] [] [] ![]`, and \
         this one is `sequence [] []`"
    );
    let mut at_once = settings();
    at_once.sequence.missing = MissingDecision::AtOnce;
    let refused = refusal(&text, NAME, shape(), at_once);
    assert!(refused.ends_with("[] ![], missing events decided at once`"), "{refused}");
}

#[test]
fn other_versions_and_other_texts_are_refused() {
    let newer = golden().replace("\"version\":1,", "\"version\":2,");
    assert_eq!(
        refusal(&newer, NAME, shape(), settings()),
        "the snapshot has version 2, and only version 1 is known"
    );
    assert_eq!(
        refusal(r#"{"format":"a list","version":1}"#, NAME, shape(), settings()),
        "not a snapshot of such a stream: its format is `a list`"
    );
    let golden = golden();
    for text in ["", "[]", "{}", "\u{0}", "{\"format\":", &golden[..golden.len() / 2], &"[".repeat(100_000)] {
        let refused = SequenceStream::<String>::restore(text, NAME, shape(), settings());
        assert!(matches!(refused, Err(RestoreError::Unreadable { .. })), "{text:.40}");
    }
    // Payloads of another type.
    assert!(SequenceStream::<u64>::restore(&golden, NAME, shape(), settings()).is_err());
}

/// Each line: a place in the document, what is written there, and what is said to it.
#[test]
fn what_no_stream_could_hold_is_refused() {
    let table = include_str!("../../cases/snapshots/inconsistent.txt");
    let mut lines = 0;
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(" | ").collect();
        let [place, value, message] = parts[..] else { panic!("three parts: {line}") };
        let mut document: Value = serde_json::from_str(&golden()).unwrap();
        let target = document.pointer_mut(place).unwrap_or_else(|| panic!("no such place: {line}"));
        *target = match value.strip_prefix("add ") {
            Some(value) => {
                let mut list = target.as_array().expect("a list").clone();
                list.push(serde_json::from_str(value).unwrap());
                json!(list)
            }
            None => serde_json::from_str(value).unwrap(),
        };
        let refused = refusal(&document.to_string(), NAME, shape(), settings());
        assert_eq!(refused, format!("the snapshot is damaged: {message}"), "{line}");
        lines += 1;
    }
    assert!(lines >= 20, "only {lines} cases");
}

#[test]
fn limits_may_be_changed() {
    let mut smaller = settings();
    (smaller.sequence.max_held, smaller.max_waiting) = (5, 0);
    let before = stream().counts();
    let mut stream: SequenceStream<String> =
        SequenceStream::restore(&golden(), NAME, shape(), smaller).unwrap();
    let counts = stream.counts();
    assert!(before.held > 5 && counts.held <= 5);
    let given_up = |counts: &watchfire_engine::correlate::StreamCounts| {
        counts.evicted.partials + counts.evicted.candidates + counts.evicted.leading
    };
    assert!(given_up(&counts) > given_up(&before));
    stream.push(&mut vec![hit(HitStage::Stage(1), 500_000, 50, &tuples()[1])], &mut Vec::new()).unwrap();
    assert_eq!(stream.counts().waiting, 0);
}

/// One change of a document.
#[derive(Clone, Debug)]
enum Damage {
    /// The value at this place, of all there are, becomes another.
    Replace(usize, Value),
    /// It becomes the one at another place.
    Copy(usize, usize),
    /// It is left out of its list or object.
    Remove(usize),
    /// The number there is another by so much.
    Shift(usize, i64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = 0..10_000_usize;
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..5).prop_map(Value::from)
    ];
    let text = any::<i128>().prop_map(|number| json!(number.to_string()));
    let other = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(true)),
        Just(json!(i128::MIN.to_string())),
        Just(json!(i128::MAX.to_string()))
    ];
    let value = prop_oneof![number, text, other];
    prop_oneof![
        (place.clone(), value).prop_map(|(place, value)| Damage::Replace(place, value)),
        (place.clone(), place.clone()).prop_map(|(from, to)| Damage::Copy(from, to)),
        place.clone().prop_map(Damage::Remove),
        (place, -3..4_i64).prop_map(|(place, by)| Damage::Shift(place, by)),
    ]
}

/// The paths of all values of a document.
fn places(value: &Value, path: &str, places: &mut Vec<String>) {
    places.push(path.to_owned());
    match value {
        Value::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(at, value)| self::places(value, &format!("{path}/{at}"), places));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| self::places(value, &format!("{path}/{name}"), places));
        }
        _ => {}
    }
}

fn apply(document: &mut Value, damage: &Damage) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let of = |number: usize| all[number % all.len()].clone();
    match damage {
        Damage::Replace(place, value) => *document.pointer_mut(&of(*place)).unwrap() = value.clone(),
        Damage::Copy(from, to) => {
            let value = document.pointer(&of(*from)).unwrap().clone();
            *document.pointer_mut(&of(*to)).unwrap() = value;
        }
        Damage::Remove(place) => {
            let path = of(*place);
            let Some((parent, name)) = path.rsplit_once('/') else { return };
            match document.pointer_mut(parent).unwrap() {
                Value::Array(values) => drop(values.remove(name.parse().unwrap())),
                Value::Object(fields) => drop(fields.remove(name)),
                _ => unreachable!("only these have values"),
            }
        }
        Damage::Shift(place, by) => {
            let value = document.pointer_mut(&of(*place)).unwrap();
            let shifted = |number: i128| number.saturating_add(i128::from(*by));
            if let Some(number) = value.as_u64() {
                *value = json!(u64::try_from(shifted(number.into())).unwrap_or(0));
            } else if let Some(number) = value.as_str().and_then(|text| text.parse().ok()) {
                *value = json!(shifted(number).to_string());
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    /// A damaged snapshot is refused, or gives a stream that runs to its end.
    #[test]
    fn damaged_snapshots_do_no_harm(
        query in query(),
        events in prop::collection::vec(event(), 0..40),
        more in prop::collection::vec(event(), 0..40),
        damages in prop::collection::vec(damage(), 1..4),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        lateness_ms in 0..30_u64,
    ) {
        let Query { stages, maxspan_ms } = &query;
        let shape = SequenceShape::new(stages, *maxspan_ms).unwrap();
        let settings = StreamSettings { lateness_ms, ..StreamSettings::default() };
        let mut stream = SequenceStream::new(shape.clone(), settings);
        let mut found = Vec::new();
        stream.push(&mut properties::hits(&query, &events, true), &mut found).unwrap();
        let mut document: Value = serde_json::from_str(&stream.snapshot(NAME).unwrap()).unwrap();
        damages.iter().for_each(|damage| apply(&mut document, damage));
        let mut text = document.to_string().into_bytes();
        for (at, byte) in bytes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let text = String::from_utf8_lossy(&text);
        if let Ok(mut stream) = SequenceStream::<u64>::restore(&text, NAME, shape, settings) {
            stream.push(&mut properties::hits(&query, &more, true), &mut found).unwrap();
            let late = events.iter().chain(&more).map(|event| event.time).max().unwrap_or_default();
            stream.advance(late, &mut found);
            let again = stream.snapshot(NAME).unwrap();
            prop_assert!(again.len() > 100);
            let counts = stream.finish(&mut found);
            prop_assert_eq!(counts.pushed, counts.fed + counts.late);
        }
    }
}
