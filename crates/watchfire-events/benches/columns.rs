//! From events to columns: `cargo bench -p watchfire-events --bench columns`.
//!
//! Two batches of process events whose values repeat as in real telemetry, and differ in every event; each as whole
//! documents, and as fields that are put into columns without one.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use watchfire_events::{
    BatchBuilder, DataStream, DeferredEvents, Document, Event, EventId, FieldType, FieldTypes, Place,
    RestoreEvent, Scalar, flatten,
};

/// Rows of a batch: as many as a scan puts into one.
const ROWS: usize = 2_048;
const PROGRAMS: [&str; 8] =
    ["svchost", "chrome", "explorer", "outlook", "code", "git", "taskhostw", "msedge"];

/// A small schema of our own.
struct Schema;

impl FieldTypes for Schema {
    fn field_type(&self, name: &str) -> FieldType {
        match name {
            "@timestamp" => FieldType::Date,
            "process.pid" | "process.parent.pid" | "event.sequence" => FieldType::Long,
            "host.ip" => FieldType::Ip,
            "message" => FieldType::Text,
            _ => FieldType::Keyword,
        }
    }
}

/// Makes no events: nothing in these benches asks for one.
#[derive(Debug)]
struct NoEvents;

impl DeferredEvents for NoEvents {
    fn event(&self, number: u32) -> Event {
        event(number as usize, Document::new())
    }

    fn place(&self, number: u32) -> &Place {
        unreachable!("event {number} is not asked for")
    }

    fn store(&self, number: u32, _: &mut Vec<u8>) {
        unreachable!("event {number} is not asked for")
    }

    fn restore(&self) -> Arc<dyn RestoreEvent> {
        unreachable!("no event is asked for")
    }
}

fn event(number: usize, document: Document) -> Event {
    Event {
        id: EventId::given(format!("event-{number}")),
        data_stream: stream(),
        document,
        place: Place { input: Arc::from("bench"), record: number as u64 + 1, line: None, offset: None },
    }
}

fn stream() -> DataStream {
    DataStream::new("logs-endpoint.events.process-default")
}

/// The document of an event. What it has of its own besides time and numbers is `entity`, and the command line with it.
fn document(number: usize, entity: &str) -> Document {
    let program = PROGRAMS[number % PROGRAMS.len()];
    let path = format!(r"C:\Program Files\Meadow\{program}.exe");
    let document = json!({
        "@timestamp": format!("2026-03-02T08:{:02}:{:02}.{:03}Z", number / 60 % 60, number % 60, number % 1000),
        "event": {"category": ["process"], "type": ["start"], "kind": "event", "sequence": number},
        "host": {"name": format!("md-pc-{:02}", number % 12), "os": {"type": "windows"},
            "ip": [format!("10.30.2.{}", number % 12), "127.0.0.1", "::1"]},
        "message": "Endpoint process event",
        "process": {
            "args": [path, "--type=renderer", "--lang=en-US"], "args_count": 3,
            "command_line": format!("\"{path}\" --type=renderer --lang=en-US --id={entity}"),
            "entity_id": entity, "executable": path, "name": format!("{program}.exe"), "pid": 4 * number,
            "parent": {"name": "explorer.exe", "executable": r"C:\Windows\explorer.exe", "pid": 5012},
        },
        "user": {"domain": "MEADOW", "name": format!("user-{}", number % 20)},
    });
    match document {
        Value::Object(document) => document,
        _ => unreachable!("it is written as an object"),
    }
}

/// The values of a document under their dotted names.
fn fields(document: &Document) -> Vec<(String, Value)> {
    let mut fields = Vec::new();
    flatten(document, &mut |name, value| fields.push((name.to_owned(), value.clone())));
    fields
}

fn columns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("columns");
    group.throughput(Throughput::Elements(ROWS as u64));
    let alike = |number: usize| document(number, &format!("entity-{}", number % 64));
    let unlike = |number: usize| document(number, &format!("entity-{number}"));
    let loads: [(&str, &dyn Fn(usize) -> Document); 2] =
        [("values repeat", &alike), ("each its own", &unlike)];
    for (load, document) in loads {
        let documents: Vec<Document> = (0..ROWS).map(document).collect();
        let mut builder = BatchBuilder::new(&Schema);
        group.bench_function(format!("documents, {load}"), |bencher| {
            let events = || documents.iter().cloned().enumerate().map(|(number, one)| event(number, one));
            bencher.iter_batched(
                || events().collect::<Vec<_>>(),
                |events| {
                    events.into_iter().for_each(|event| builder.push(event));
                    black_box(builder.finish())
                },
                BatchSize::LargeInput,
            );
        });
        let rows: Vec<_> = documents.iter().map(fields).collect();
        let stream = stream();
        group.bench_function(format!("fields, {load}"), |bencher| {
            bencher.iter(|| {
                for (number, row) in rows.iter().enumerate() {
                    builder.begin(&stream);
                    for (name, value) in row {
                        if let Some(value) = Scalar::of(value) {
                            builder.put_named(name, value);
                        }
                    }
                    builder.push_deferred(number as u32);
                }
                black_box(builder.finish_with(Box::new(NoEvents)))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, columns);
criterion_main!(benches);
