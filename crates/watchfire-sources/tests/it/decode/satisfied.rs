//! A sink that has enough is not given the rest of a large file.

use std::sync::Arc;

use watchfire_events::Place;
use watchfire_sources::decode::{RecordSink, RejectReason, read_stream};
use watchfire_sources::normalise::RawInput;

/// Wants a number of records.
struct Wanting {
    wanted: usize,
    seen: usize,
}

impl RecordSink for Wanting {
    fn record(&mut self, _record: RawInput) {
        self.seen += 1;
    }

    fn rejected(&mut self, _place: &Place, _reason: RejectReason) {}

    fn is_satisfied(&self) -> bool {
        self.seen >= self.wanted
    }
}

#[test]
fn reading_ends_soon_after_a_sink_is_satisfied() {
    const RECORDS: usize = 200_000;
    let text = "{\"a\":1}\n".repeat(RECORDS);
    let name: Arc<str> = "large.ndjson".into();
    let read = |wanted: usize| {
        let mut sink = Wanting { wanted, seen: 0 };
        read_stream(text.as_bytes(), &name, &mut sink);
        sink.seen
    };
    assert_eq!(read(usize::MAX), RECORDS);
    let seen = read(10);
    assert!((10..RECORDS / 2).contains(&seen), "{seen} records");
}
