//! Normalisation: any record becomes one document, the same each time, or is refused with a reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{BatchBuilder, Place, get_field};
use watchfire_sources::normalise::{NormaliseOptions, RawInput, RawPayload, SourceKind, normalise as run};

use crate::meaning::ECS;

/// One record: an `Event` element if it begins with `<`, else a JSON value.
///
/// Its document can be written and read back; a document with a category, fed in again, stays what it is.
pub fn normalise(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let payload = if text.trim_start().starts_with('<') {
        RawPayload::WindowsXml(text.to_owned())
    } else {
        let Ok(value) = serde_json::from_str(text) else { return };
        RawPayload::Json(value)
    };
    for source in [None].into_iter().chain(SourceKind::ALL.iter().copied().map(Some)) {
        check(&payload, &NormaliseOptions { source, ..NormaliseOptions::default() });
    }
}

fn check(payload: &RawPayload, options: &NormaliseOptions) {
    let first = run(raw(payload.clone()), options);
    assert_eq!(run(raw(payload.clone()), options), first, "normalised twice, as {:?}", options.source);
    let normalised = match first {
        Ok(normalised) => normalised,
        Err(error) => {
            assert!(!error.reason().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    let unmapped = normalised.unmapped();
    let distinct: BTreeSet<&String> = unmapped.iter().collect();
    assert_eq!(distinct.len(), unmapped.len(), "a field is called unmapped twice: {unmapped:?}");
    let event = normalised.event;
    let document = Value::Object(event.document.clone());
    let written = document.to_string();
    let read: Value = serde_json::from_str(&written).expect("a document is valid JSON");
    assert_eq!(read, document, "written and read back");
    let mut batch = BatchBuilder::new(&*ECS);
    batch.push(event.clone());
    assert_eq!(batch.finish().len(), 1, "one record is one row");
    // Only where nothing is left to recognise is a second run promised to change nothing.
    if options.source.is_none() && get_field(&event.document, "event.category").is_some() {
        let again = run(raw(RawPayload::Json(document.clone())), options).expect("a document is an object");
        assert_eq!(Value::Object(again.event.document), document, "fed in again");
        assert_eq!(again.event.data_stream, event.data_stream, "fed in again: {written}");
    }
}

fn raw(payload: RawPayload) -> RawInput {
    let identity: Arc<str> = "fuzz".into();
    let place = Place { input: Arc::clone(&identity), record: 1, line: None, offset: None };
    RawInput { payload, place, identity, given_index: None, given_id: None }
}
