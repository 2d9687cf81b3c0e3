//! A record's columns are those that its document flattens to, whichever way it went.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_events::{BatchBuilder, DataStream, EventBatch, FieldSelection, Place};
use watchfire_sources::decode::{RecordSink, RejectReason, list_files, read_file};
use watchfire_sources::normalise::{
    DeferredRecords, Mapper, NormaliseOptions, RawInput, RawPayload, RecordPool, SourceKind, catalogue,
    normalise,
};
use watchfire_sources::tape::{Tape, TapeValue};

use crate::normalise::{any_value, any_windows_record, cases};

/// Records that are taken of each shared file.
const OF_EACH_FILE: usize = 60;

/// What a batch says, without its events.
fn content(batch: &EventBatch) -> Value {
    let columns = batch.columns().iter().map(|column| {
        let values =
            |row| column.codes(row).iter().map(|&code| format!("{:?}", column.value(code))).collect();
        let rows: Vec<Vec<String>> = (0..column.rows()).map(values).collect();
        json!([&**column.name(), format!("{:?}", column.field_type()), rows])
    });
    let streams = batch.streams().iter().map(|(stream, rows)| json!([stream.as_str(), rows]));
    json!({
        "columns": columns.collect::<Vec<_>>(),
        "streams": streams.collect::<Vec<_>>(),
        "misfits": format!("{:?}", batch.misfits()),
    })
}

/// Both ways of the same records; rows that are refused are in neither.
fn compare(records: DeferredRecords, options: &NormaliseOptions) {
    let catalogue = catalogue();
    let mut mapper = Mapper::new(options);
    let (mut with_columns, mut with_documents) =
        (BatchBuilder::new(&catalogue), BatchBuilder::new(&catalogue));
    for number in 0..records.len() as u32 {
        let (record, place) = records.get(number);
        let raw = RawInput::bare(RawPayload::Json(record.to_value()), place.clone(), &"file".into());
        let whole = normalise(raw, options);
        match (mapper.map(record, None, with_columns.names()), whole) {
            (Ok(mapped), Ok(normalised)) => {
                assert_eq!(mapped.has_time(), normalised.has_time);
                assert_eq!(mapped.is_unrecognised(), normalised.is_unrecognised());
                mapped.push_to(&mut with_columns, number);
                with_documents.push(normalised.event);
            }
            (mapped, normalised) => assert_eq!(mapped.err(), normalised.err()),
        }
    }
    let other = with_documents.finish();
    for (seed, one_in) in [(1, 1), (2, 2), (3, 8), (4, 40), (5, u64::MAX)] {
        compare_selected(&records, options, &other, &SomeFields::of(&other, seed, one_in));
    }
    let one = with_columns.finish_with(Box::new(records));
    assert_eq!(content(&one), content(&other));
    for row in 0..one.len() {
        assert_eq!(one.event(row), other.event(row));
    }
}

/// Looks at some of the fields that records have, at others in each stream.
#[derive(Debug)]
struct SomeFields(BTreeSet<(String, String)>);

impl SomeFields {
    /// One of so many, by chance that a seed decides.
    fn of(batch: &EventBatch, seed: u64, one_in: u64) -> Self {
        let streams = batch.streams().iter().map(|(stream, _)| stream.as_str());
        let names = || batch.columns().iter().map(|column| &**column.name());
        let all = streams.flat_map(|stream| names().map(move |name| (stream.to_owned(), name.to_owned())));
        let hash = |field: &(String, String)| {
            let mut hasher = DefaultHasher::new();
            (seed, field).hash(&mut hasher);
            hasher.finish()
        };
        Self(all.filter(|field| hash(field) % one_in == 0).collect())
    }
}

impl FieldSelection for SomeFields {
    fn reads(&self, stream: &DataStream, name: &str) -> bool {
        self.0.contains(&(stream.as_str().to_owned(), name.to_owned()))
    }

    fn may_read_below(&self, stream: &DataStream, name: &str) -> bool {
        let holder = format!("{name}.");
        self.0.iter().any(|(known, field)| known == stream.as_str() && field.starts_with(&holder))
    }
}

/// The fields that are looked at are as if all were, and so is what does not fit its type.
fn compare_selected(
    records: &DeferredRecords,
    options: &NormaliseOptions,
    whole: &EventBatch,
    selection: &SomeFields,
) {
    let catalogue = catalogue();
    let mut mapper = Mapper::selecting(options, &catalogue, selection);
    let mut builder = BatchBuilder::selecting(&catalogue, selection);
    for number in 0..records.len() as u32 {
        if let Ok(mapped) = mapper.map(records.get(number).0, None, builder.names()) {
            mapped.push_to(&mut builder, number);
        }
    }
    // Its events are not asked for.
    let batch = builder.finish_with(Box::new(RecordPool::new(options.clone()).records()));
    assert_eq!(batch.misfits(), whole.misfits());
    let rows = |batch: &EventBatch| batch.streams().to_vec();
    assert_eq!(rows(&batch), rows(whole));
    for (stream, name) in &selection.0 {
        let rows = whole.streams().iter().find(|(known, _)| known.as_str() == stream);
        for &row in rows.into_iter().flat_map(|(_, rows)| rows) {
            let values = |batch: &EventBatch| {
                let column = batch.column(name);
                let codes = column.map(|column| (column, column.codes(row as usize)));
                let values = codes.into_iter().flat_map(|(column, codes)| {
                    codes.iter().map(|&code| format!("{:?}", column.value(code))).collect::<Vec<_>>()
                });
                values.collect::<Vec<_>>()
            };
            assert_eq!(values(&batch), values(whole), "`{name}` of row {row} in {stream}");
        }
    }
}

fn compare_values<'v>(values: impl IntoIterator<Item = &'v Value>, options: &NormaliseOptions) {
    let mut records = RecordPool::new(options.clone()).records();
    for (at, value) in values.into_iter().enumerate() {
        let place = Place { input: "file".into(), record: at as u64 + 1, line: None, offset: None };
        records.push(Tape::of(value).first(), place, &"file".into());
    }
    compare(records, options);
}

#[test]
fn cases_have_the_columns_of_their_documents() {
    let mut records = Vec::new();
    for path in cases() {
        let case: Value =
            serde_json::from_str(&std::fs::read_to_string(path).expect("a case")).expect("JSON");
        records.extend(Some(case["record"].clone()).filter(Value::is_object));
    }
    assert!(records.len() > 20);
    compare_values(&records, &NormaliseOptions::default());
}

/// What a table keeps under the vendor's name, below a member whose name is empty.
#[test]
fn an_object_without_a_name_has_the_columns_of_its_document() {
    let source = SourceKind::find("azure.signinlogs", &[]).expect("a source of this name");
    let options = NormaliseOptions { source: Some(source), ..NormaliseOptions::default() };
    let record = json!({"": {"Event": false, "": {"b": "c"}}, "a": {"": {"b": "d"}}});
    compare_values([&record, &record], &options);
}

/// What only the tree can tell: a field beside others below its name.
#[test]
fn fields_within_fields_have_the_columns_of_their_documents() {
    let winlog = json!({"event_id": "1", "channel": "Security", "event_data": {"a": "b"}});
    let record = |more: Value| {
        let mut record = json!({"winlog": winlog, "@timestamp": "2026-01-01T00:00:00Z"});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    compare_values(
        &[
            record(json!({"host": {"name": {"first": "x"}}})),
            record(json!({"host": "x", "host.name": ["", null]})),
            record(json!({"event": {"module": {"is": 1}}, "log": "text", "log.level": {"x": 1}})),
            record(json!({"winlog.event_data.a": "c", "winlog.event_data": {"d": 1}})),
            json!({"": {"a": 1, "": {"b": 2, "": 3}}, "c": {"": {"d": 4}, "e.": 5}}),
            json!({"EventID": 1, "Channel": "Security", "": "x", "log": {"": {"a": 1}}}),
            json!({"Event": {"System": {"EventID": 1}}, "": {"a": {"": 1}}}),
            record(json!({"": {"a": 1, "": {"b": 2, "": 3}}, "c": {"": {"d": 4}}, "log": {"": 5}})),
            record(json!({"list": [{"a": ""}, {"a": [""]}, [[]], {}, null], "none": {}, "empty": ""})),
            record(json!({"deep": {"a.".repeat(60): 1}, "a.".repeat(64): 2})),
        ],
        &NormaliseOptions::default(),
    );
}

/// A name in the record counts as as many levels as it has parts, whichever way it becomes a column.
#[test]
fn names_of_many_parts_have_the_columns_of_their_documents() {
    let names = (58..70).map(|parts| vec!["a"; parts].join("."));
    let records: Vec<Value> = names
        .flat_map(|name| {
            [json!({"event_type_full": "x", &*name: 1}), json!({"event_type_full": "x", "b": {name: 1}})]
        })
        .collect();
    compare_values(&records, &NormaliseOptions::default());
}

proptest! {
    #[test]
    fn any_records_have_the_columns_of_their_documents(
        records in proptest::collection::vec(prop_oneof![any_value(), any_windows_record()], 0..6),
        force in 0_usize..60,
    ) {
        let options =
            NormaliseOptions { source: SourceKind::all(&[]).get(force).copied(), ..NormaliseOptions::default() };
        compare_values(&records, &options);
    }
}

/// Compares the first records of each file.
struct Comparing {
    pool: Arc<RecordPool>,
    records: DeferredRecords,
    compared: usize,
}

impl RecordSink for Comparing {
    fn record(&mut self, _: RawInput) {}

    fn record_on_tape(&mut self, record: TapeValue<'_>, place: Place, _: &Arc<str>) {
        if self.records.len() < OF_EACH_FILE {
            self.records.push(record, place, &"file".into());
        }
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}

    fn is_satisfied(&self) -> bool {
        self.records.len() == OF_EACH_FILE
    }
}

#[test]
fn shared_records_have_the_columns_of_their_documents() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let options = NormaliseOptions::default();
    let pool = RecordPool::new(options.clone());
    let mut sink = Comparing { records: pool.records(), pool, compared: 0 };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo");
    let (files, _) = list_files(&[shared.join("datasets"), shared.join("fixtures"), demo]);
    for (path, name) in files {
        read_file(&path, &name, &mut sink);
        let fresh = sink.pool.records();
        let records = std::mem::replace(&mut sink.records, fresh);
        sink.compared += records.len();
        compare(records, &options);
    }
    assert!(sink.compared > 3_000, "{} records", sink.compared);
}

/// Looks at one field in one stream.
#[derive(Debug)]
struct OneField;

impl FieldSelection for OneField {
    fn reads(&self, stream: &DataStream, name: &str) -> bool {
        stream.as_str() == "logs-a-default" && name == "process.name"
    }
}

#[test]
fn fields_that_nothing_looks_at_have_no_column_but_their_misfits_are_counted() {
    let catalogue = catalogue();
    let options = NormaliseOptions::default();
    let mut builder = BatchBuilder::selecting(&catalogue, &OneField);
    let mut records = RecordPool::new(options.clone()).records();
    for dataset in ["a", "b"] {
        let record = json!({
            "data_stream": {"dataset": dataset, "type": "logs", "namespace": "default"},
            "process": {"name": "x.exe", "pid": "none", "title": "y"},
        });
        let place = Place { input: "file".into(), record: 1, line: None, offset: None };
        records.push(Tape::of(&record).first(), place, &"file".into());
    }
    let mut mapper = Mapper::new(&options);
    for number in 0..2 {
        let mapped = mapper.map(records.get(number).0, None, builder.names()).expect("an object");
        mapped.push_to(&mut builder, number);
    }
    let batch = builder.finish_with(Box::new(records));
    let names: Vec<&str> = batch.columns().iter().map(|column| &**column.name()).collect();
    assert_eq!(names, ["process.name"]);
    let column = batch.column("process.name").expect("it was just listed");
    assert_eq!((column.codes(0), column.codes(1)), (&[0][..], &[][..]));
    assert_eq!(batch.misfits().get("process.pid"), Some(&2));
}
