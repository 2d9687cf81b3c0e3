//! Events as a scan reads them from search hits: written as JSON, decoded, normalised.

use std::io::Cursor;
use std::sync::Arc;

use serde_json::json;
use watchfire_events::{Event, Place};
use watchfire_sources::decode::{RecordSink, RejectReason, read_stream};
use watchfire_sources::normalise::{NormaliseOptions, RawInput, normalise};

/// The same events after a scan has read them; where one of them is refused, the reason.
pub(crate) fn read_again(events: &[Event]) -> Vec<Result<Event, String>> {
    let mut text = String::new();
    for event in events {
        let hit = json!({
            "_index": event.data_stream.as_str(), "_id": event.id.as_str(), "_source": event.document,
        });
        text.push_str(&hit.to_string());
        text.push('\n');
    }
    let mut sink = Sink { found: Vec::with_capacity(events.len()) };
    let name: Arc<str> = "positive-events.ndjson".into();
    let reports = read_stream(Cursor::new(text), &name, &mut sink);
    assert!(reports.iter().all(|report| report.problem.is_none()), "{reports:?}");
    assert_eq!(sink.found.len(), events.len(), "every hit is a record, read or rejected");
    sink.found
}

struct Sink {
    found: Vec<Result<Event, String>>,
}

impl RecordSink for Sink {
    fn record(&mut self, record: RawInput) {
        let normalised = normalise(record, &NormaliseOptions::default());
        self.found.push(normalised.map(|normalised| normalised.event).map_err(|error| error.to_string()));
    }

    fn rejected(&mut self, _place: &Place, reason: RejectReason) {
        self.found.push(Err(reason.to_string()));
    }
}
