//! What the tests share.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{DataStream, Event, EventBatch, EventId, Place, TapedEvent, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_lake::{Lake, LakeOptions, LakeReader, OpenReport, Scan, Selection, SetClock};

/// 2026-03-02T08:00:00Z.
pub(crate) const NOW: i64 = 1_772_438_400_000;

pub(crate) fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::ecs())
}

pub(crate) fn clock() -> Arc<SetClock> {
    Arc::new(SetClock::at(Timestamp::from_millis(NOW)))
}

pub(crate) fn open_with(folder: &Path, clock: &Arc<SetClock>, options: LakeOptions) -> (Lake, OpenReport) {
    let clock: Arc<SetClock> = Arc::clone(clock);
    Lake::open(folder, catalogue(), clock, options).expect("the lake opens")
}

pub(crate) fn open(folder: &Path, clock: &Arc<SetClock>) -> Lake {
    open_with(folder, clock, LakeOptions::default()).0
}

pub(crate) fn stream() -> DataStream {
    DataStream::logs("test", "default")
}

pub(crate) fn event(id: &str, document: Value) -> Event {
    event_in(&stream(), id, document)
}

pub(crate) fn event_in(stream: &DataStream, id: &str, document: Value) -> Event {
    let Value::Object(document) = document else { panic!("not an object: {document}") };
    Event {
        id: EventId::given(id),
        data_stream: stream.clone(),
        document,
        place: Place { input: "test".into(), record: 1, line: None, offset: None },
    }
}

/// Stores events; answers them as they stand in the lake.
pub(crate) fn store(lake: &Lake, events: &[Event]) -> Vec<Event> {
    let taped = events.iter().map(|event| TapedEvent::from(event.clone())).collect();
    let mut stored = Vec::new();
    lake.append_taped(taped, &mut |event| stored.push(event.read().expect("it is a document")))
        .expect("there is room");
    stored
}

/// All batches of a scan.
pub(crate) fn batches(mut scan: Scan<'_>) -> Vec<EventBatch> {
    let mut batches = Vec::new();
    while let Some(batch) = scan.next_batch().expect("the lake can be read") {
        batches.push(batch);
    }
    batches
}

/// The events that a selection finds.
pub(crate) fn events(reader: &LakeReader, selection: Selection) -> Vec<Event> {
    let catalogue = catalogue();
    let scan = reader.scan(&*catalogue, None, selection).expect("the lake can be read");
    batches(scan).iter().flat_map(|batch| batch.events().cloned().collect::<Vec<_>>()).collect()
}

/// The ids that a selection finds, sorted.
pub(crate) fn ids(reader: &LakeReader, selection: Selection) -> Vec<String> {
    let mut ids: Vec<String> =
        events(reader, selection).iter().map(|event| event.id.as_str().to_owned()).collect();
    ids.sort();
    ids
}
