//! From an event to its table.

use serde_json::json;
use watchfire_events::{DataStream, IndexPatterns, Timestamp, get_field};
use watchfire_lake::{
    Appended, INGESTED_BY_CLIENT, IdIndexOptions, LakeError, LakeOptions, LakeReader, Selection,
    SpoolOptions, TimeField, Window,
};

use crate::support::{NOW, clock, event, event_in, events, ids, open, open_with, store, stream};

#[test]
fn events_are_stamped_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    let given = [
        event(
            "a",
            json!({"@timestamp": "2026-03-02T07:00:00Z", "process": {"args": ["x", "-v", "-v"], "pid": 7}}),
        ),
        event("b", json!({"event": {"ingested": "2020-01-01"}, "process.name": "cmd.exe"})),
    ];
    let given = store(&lake, &given);
    assert_eq!(given.iter().map(|event| event.place.record).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(get_field(&given[0].document, "event.ingested"), Some(&json!("2026-03-02T08:00:00.000Z")));
    assert_eq!(get_field(&given[1].document, INGESTED_BY_CLIENT), Some(&json!("2020-01-01")));
    assert_eq!(events(lake.reader(), Selection::default()), []);
    let report = lake.commit().expect("it commits");
    assert_eq!((report.rows, report.files), (2, 1));
    let mut read = events(lake.reader(), Selection::default());
    read.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(read, given);
    assert_eq!(read[0].place.to_string(), "lake:logs-test-default record 1");
}

#[test]
fn stamps_do_not_go_back_with_the_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let ingested = |event: &watchfire_events::Event| get_field(&event.document, "event.ingested").cloned();
    let lake = open(folder.path(), &clock);
    let first = store(&lake, &[event("a", json!({}))]);
    clock.set(Timestamp::from_millis(NOW - 3_600_000));
    let second = store(&lake, &[event("b", json!({})), event_in(&DataStream::new("other"), "c", json!({}))]);
    assert_eq!(ingested(&second[0]), ingested(&first[0]));
    assert_eq!(ingested(&second[1]), Some(json!("2026-03-02T07:00:00.000Z")), "each stream has its own time");
    assert_eq!(lake.state().held_stamps, 1);
    lake.stamp_from(Timestamp::from_millis(NOW - 1_800_000));
    let later = store(&lake, &[event_in(&DataStream::new("other"), "later", json!({}))]);
    assert_eq!(ingested(&later[0]), Some(json!("2026-03-02T07:30:00.000Z")), "nothing is stamped earlier");
    assert_eq!(lake.state().held_stamps, 2);
    lake.commit().expect("it commits");
    drop(lake);
    let lake = open(folder.path(), &clock);
    let third = store(&lake, &[event("d", json!({}))]);
    assert_eq!(ingested(&third[0]), ingested(&first[0]), "nor after a restart");
}

#[test]
fn repeated_ids_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    let append = |lake: &watchfire_lake::Lake, id: &str| {
        lake.append(&[event(id, json!({}))]).expect("there is room").remove(0)
    };
    assert_eq!(append(&lake, "a"), Appended::Stored(1));
    assert_eq!(append(&lake, "a"), Appended::Repeated);
    lake.commit().expect("it commits");
    assert_eq!(append(&lake, "b"), Appended::Stored(2));
    drop(lake);
    // "a" is in the table, "b" in the spool.
    let (lake, report) = open_with(folder.path(), &clock, LakeOptions::default());
    assert_eq!((report.replayed, report.known), (1, 0));
    assert_eq!((append(&lake, "a"), append(&lake, "b")), (Appended::Repeated, Appended::Repeated));
    clock.set(Timestamp::from_millis(NOW + 26 * 3_600_000));
    assert_eq!(append(&lake, "a"), Appended::Stored(3), "after its window an id is free");
    lake.commit().expect("it commits");
    assert_eq!(ids(lake.reader(), Selection::default()), ["a", "a", "b"]);
    drop(lake);
    let options = LakeOptions { ids: IdIndexOptions { hours: 24, most_ids: 1 }, ..LakeOptions::default() };
    let (lake, _) = open_with(folder.path(), &clock, options);
    clock.set(Timestamp::from_millis(NOW + 27 * 3_600_000));
    append(&lake, "c");
    assert_eq!(lake.state().ids_forgotten_early, 1);
}

#[test]
fn names_and_ids_that_cannot_be_are_refused_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path(), &clock());
    let mut deep = json!({});
    for _ in 0..80 {
        deep = json!({ "a": deep });
    }
    let given = [
        event_in(&DataStream::new("../up"), "a", json!({})),
        event("", json!({})),
        event("deep", deep),
        event("ok", json!({})),
    ];
    let answers = lake.append(&given).expect("there is room");
    assert!(answers[..3].iter().all(|answer| matches!(answer, Appended::Refused(_))), "{answers:?}");
    assert_eq!(answers[3], Appended::Stored(1));
}

#[test]
fn a_full_spool_takes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LakeOptions {
        spool: SpoolOptions { segment_bytes: 1 << 10, most_bytes: 4 << 10 },
        ..LakeOptions::default()
    };
    let (lake, _) = open_with(folder.path(), &clock(), options);
    let text = "x".repeat(1_000);
    let mut stored = Vec::new();
    let refused = (0..10).find_map(|number| {
        let id = format!("{number:02}");
        let result = lake.append(&[event(&id, json!({"message": text}))]);
        stored.push(id);
        result.err()
    });
    assert!(matches!(refused, Some(LakeError::Full { limit: 4096, .. })), "{refused:?}");
    let id = stored.pop().expect("the one that was refused");
    lake.commit().expect("it commits");
    assert_eq!(ids(lake.reader(), Selection::default()), stored);
    let again = lake.append(&[event(&id, json!({}))]).expect("there is room again");
    assert!(matches!(again[0], Appended::Stored(_)), "what was refused is not known as repeated");
}

#[test]
fn what_waits_keeps_more_from_coming() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LakeOptions { waiting_bytes: 2_000, ..LakeOptions::default() };
    let (lake, _) = open_with(folder.path(), &clock(), options);
    let append = |id: &str| lake.append(&[event(id, json!({"message": "x".repeat(1_500)}))]);
    append("a").expect("there is room");
    append("b").expect("there is room yet");
    assert!(matches!(append("c"), Err(LakeError::Full { limit: 2_000, .. })));
    lake.append(&[]).expect_err("whoever asks whether there is room is told");
    lake.commit().expect("it commits");
    append("c").expect("there is room again");
}

#[test]
fn one_process_writes_and_any_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    let second = watchfire_lake::Lake::open(
        folder.path(),
        crate::support::catalogue(),
        clock.clone(),
        LakeOptions::default(),
    );
    assert!(matches!(second, Err(LakeError::Locked(_))));
    let reader = LakeReader::open(folder.path()).expect("it opens");
    for id in ["a", "b"] {
        lake.append(&[event(id, json!({}))]).expect("there is room");
        lake.commit().expect("it commits");
        assert!(ids(&reader, Selection::default()).contains(&id.to_owned()), "what is committed is seen");
    }
}

#[test]
fn tables_are_chosen_by_pattern_and_windows_by_either_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    let hidden = DataStream::new(".alerts-security.alerts-default");
    for hour in 0..4_i64 {
        clock.set(Timestamp::from_millis(NOW + hour * 3_600_000));
        let time = Timestamp::from_millis(NOW - hour * 3_600_000).to_iso_millis();
        let given = [
            event(&format!("e{hour}"), json!({"@timestamp": time})),
            event_in(&hidden, &format!("h{hour}"), json!({"@timestamp": time})),
        ];
        lake.append(&given).expect("there is room");
        lake.commit().expect("it commits");
    }
    let window = |by, from: i64, to: i64| {
        let at = |hour: i64| Timestamp::from_millis(NOW + hour * 3_600_000);
        Some(Window { by, from: at(from), to: at(to) })
    };
    let select = |pattern: &str, window: Option<Window>| Selection {
        patterns: IndexPatterns::new([pattern]),
        windows: window.into_iter().collect(),
        ..Selection::default()
    };
    let reader = lake.reader();
    assert_eq!(ids(reader, select("logs-*", None)), ["e0", "e1", "e2", "e3"]);
    assert_eq!(ids(reader, select(".alerts-*", window(TimeField::Ingested, 1, 2))), ["h1", "h2"]);
    assert_eq!(ids(reader, select("logs-test-*", window(TimeField::Timestamp, -1, 0))), ["e0", "e1"]);
    let after = Selection { after: Some(6), ..Selection::default() };
    assert_eq!(ids(reader, after), ["e3", "h3"]);
    assert_eq!(reader.streams().expect("there are streams"), [hidden, stream()]);
}
