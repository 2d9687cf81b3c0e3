//! Raw records as the events that they become.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use watchfire_events::{Event, Place};
use watchfire_sources::decode::{RecordSink, RejectReason, read_stream};
use watchfire_sources::normalise::{NormaliseOptions, RawInput, normalise};

use crate::read_text;

#[derive(Default)]
struct Normalised(Vec<Event>);

impl RecordSink for Normalised {
    fn record(&mut self, record: RawInput) {
        self.0.push(normalise(record, &NormaliseOptions::default()).expect("a record of ours").event);
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        panic!("{place}: {reason}");
    }
}

/// The events of the records of a text, all of which have to be good ones.
pub fn normalised(records: &str, name: &str) -> Vec<Event> {
    let mut sink = Normalised::default();
    let reports = read_stream(Cursor::new(records), &name.into(), &mut sink);
    assert!(reports.iter().all(|report| report.problem.is_none()), "{reports:?}");
    sink.0
}

/// Of each of the eight sources of the founding rule, an event that is to alert.
pub fn events_of_eight_sources() -> Vec<Event> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchfire/tests/netsupport");
    let entries = std::fs::read_dir(&root).expect("the records of the sources");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    assert_eq!(folders.len(), 8);
    let read = |folder: PathBuf| {
        let found = ["child.ndjson", "child.xml"].map(|name| folder.join(name));
        let path = found.iter().find(|path| path.exists()).expect("a record that fires");
        normalised(&read_text(path), &path.display().to_string())
    };
    folders.into_iter().flat_map(read).collect()
}
