//! Normalisation: any record becomes one document, the same each time, or is refused with a reason.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{BatchBuilder, Column, DataStream, EventBatch, FieldSelection, Place, get_field};
use watchfire_sources::normalise::{
    Mapper, NormaliseOptions, RawInput, RawPayload, RecordPool, SourceKind, normalise as run,
};
use watchfire_sources::tape::Tape;

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
    for source in [None].into_iter().chain(SourceKind::all(&[]).into_iter().map(Some)) {
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
    let batch = batch.finish();
    assert_eq!(batch.len(), 1, "one record is one row");
    if let RawPayload::Json(value) = payload {
        let same = batch_of_columns(value, options, None);
        assert_eq!(columns(&same), columns(&batch), "columns and document, as {:?}", options.source);
        assert_eq!(same.event(0), &event, "made when it is asked for");
        let chosen = SomeFields(written.len() as u64);
        let selected = batch_of_columns(value, options, Some(&chosen));
        let asked = |batch: &EventBatch| {
            let stream = &event.data_stream;
            let mut columns = columns(batch);
            columns.retain(|(name, values)| chosen.reads(stream, name) && !values.is_empty());
            columns
        };
        assert_eq!(asked(&selected), asked(&batch), "fields that are asked for, as {:?}", options.source);
        assert_eq!(selected.misfits(), batch.misfits(), "values that do not fit");
    }
    // Only where nothing is left to recognise is a second run promised to change nothing.
    if options.source.is_none() && get_field(&event.document, "event.category").is_some() {
        let again = run(raw(RawPayload::Json(document.clone())), options).expect("a document is an object");
        assert_eq!(Value::Object(again.event.document), document, "fed in again");
        assert_eq!(again.event.data_stream, event.data_stream, "fed in again: {written}");
    }
}

/// Looks at a third of all fields, others for each number.
#[derive(Debug)]
struct SomeFields(u64);

impl FieldSelection for SomeFields {
    fn reads(&self, _: &DataStream, name: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        (self.0, name).hash(&mut hasher);
        hasher.finish().is_multiple_of(3)
    }
}

/// A batch of one record whose fields, or those that are asked for, were put into columns without a document.
fn batch_of_columns(value: &Value, options: &NormaliseOptions, selection: Option<&SomeFields>) -> EventBatch {
    let mut records = RecordPool::new(options.clone()).records();
    let RawInput { place, identity, .. } = raw(RawPayload::Json(Value::Null));
    records.push(Tape::of(value).first(), place, &identity);
    let (mut builder, mut mapper) = match selection {
        Some(selection) => {
            (BatchBuilder::selecting(&*ECS, selection), Mapper::selecting(options, &*ECS, selection))
        }
        None => (BatchBuilder::new(&*ECS), Mapper::new(options)),
    };
    let row = mapper.map(records.get(0).0, None, builder.names());
    row.expect("its document was made").push_to(&mut builder, 0);
    builder.finish_with(Box::new(records))
}

fn columns(batch: &EventBatch) -> Vec<(String, Vec<String>)> {
    let values = |column: &Column| {
        column.codes(0).iter().map(|&code| format!("{:?}", column.value(code))).collect::<Vec<_>>()
    };
    batch.columns().iter().map(|column| (column.name().to_string(), values(column))).collect()
}

fn raw(payload: RawPayload) -> RawInput {
    let identity: Arc<str> = "fuzz".into();
    let place = Place { input: Arc::clone(&identity), record: 1, line: None, offset: None };
    RawInput::bare(payload, place, &identity)
}
