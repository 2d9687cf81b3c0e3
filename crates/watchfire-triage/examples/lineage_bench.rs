//! How long it takes to make process trees of many events.
//!
//! `cargo run --release -p watchfire-triage --example lineage_bench [EVENTS]` prints a table: batches are made before the clock
//! starts, as a reader makes them; one thread.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Instant;

use serde_json::json;
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, EventId, Place, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_triage::{LINEAGE_FIELDS, Lineage, ProcessEvents, ProcessTree};

/// Rows of a batch.
const BATCH_ROWS: u64 = 8_192;
/// Hosts among which processes are spread.
const HOSTS: u64 = 50;
/// Trees that are made.
const TREES: usize = 10_000;

fn main() {
    let events: u64 = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(1_000_000);
    let catalogue = Catalogue::ecs();
    let batches: Vec<EventBatch> =
        (0..events.div_ceil(BATCH_ROWS)).map(|number| batch(number, events, &catalogue)).collect();
    println!("{events} starts and ends of processes on {HOSTS} hosts, fields: {}", LINEAGE_FIELDS.len());
    let start = Instant::now();
    let mut told = ProcessEvents::default();
    batches.iter().for_each(|batch| told.add(batch));
    let gathering = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let lineage = Lineage::new(told);
    let linking = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let (mut nodes, mut trees) = (0, 0);
    for process in lineage.ids().step_by((lineage.len() / TREES).max(1)) {
        nodes += ProcessTree::new(&lineage, process, None).nodes.len();
        trees += 1;
    }
    let drawing = start.elapsed().as_secs_f64();
    println!("| step | time |\n|---|--:|");
    println!("| what events tell, gathered | {gathering:.2} s |");
    println!("| {} processes with their parents | {linking:.2} s |", lineage.len());
    println!("| both | {:.2} s |", gathering + linking);
    println!("| {trees} trees of {nodes} processes | {drawing:.2} s |");
}

/// Of three events two are starts; each process has a parent among the hundred before it on its host.
fn batch(number: u64, events: u64, catalogue: &Catalogue) -> EventBatch {
    let mut builder = BatchBuilder::new(catalogue);
    for event in number * BATCH_ROWS..events.min((number + 1) * BATCH_ROWS) {
        let (host, turn) = (event % HOSTS, event / HOSTS);
        let ends = turn % 3 == 2;
        let process = if ends { turn.saturating_sub(60) / 3 * 3 } else { turn };
        let parent = turn.saturating_sub(1 + (event * 7_919) % 100);
        let document = json!({
            "@timestamp": Timestamp::from_millis(1_772_438_400_000 + event as i64).to_iso_millis(),
            "event": { "category": ["process"], "type": [if ends { "end" } else { "start" }], "action": "start" },
            "host": { "id": format!("host-{host}"), "name": format!("ws{host}") },
            "user": { "name": format!("user{host}") },
            "process": {
                "entity_id": format!("{host}-{process}"),
                "pid": process % 65_536,
                "name": format!("program{}.exe", process % 300),
                "executable": format!("C:\\Program Files\\program{}.exe", process % 300),
                "command_line": format!("program{}.exe --run {process}", process % 300),
                "parent": {
                    "entity_id": format!("{host}-{parent}"), "pid": parent % 65_536,
                    "name": format!("program{}.exe", parent % 300),
                    "executable": format!("C:\\Program Files\\program{}.exe", parent % 300),
                },
            },
        });
        builder.push(Event {
            id: EventId::given(format!("{event}")),
            data_stream: DataStream::new("logs-endpoint.events.process-default"),
            document: document.as_object().cloned().unwrap_or_default(),
            place: Place { input: "bench".into(), record: event, line: None, offset: None },
        });
    }
    builder.finish()
}
