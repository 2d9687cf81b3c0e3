//! Process trees, held against a plain reading of the same events: every question is answered by looking through all of them.

mod reference;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, Place, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_sources::decode::{RecordSink, RejectReason, list_files, read_file};
use watchfire_sources::normalise::{NormaliseOptions, Normaliser, RawInput, RawPayload};
use watchfire_test_support::shared_folder;
use watchfire_triage::{Lineage, ProcessEvents, ProcessTree, Standing};

use self::reference::Reference;

/// The tree around a process, as text to be compared.
fn shown(tree: &ProcessTree) -> Vec<String> {
    let nodes = tree.nodes.iter().enumerate().map(|(number, node)| {
        let text = |text: &Option<Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
        let names: Vec<String> = node.process.images.iter().map(|image| text(&image.executable)).collect();
        let mut entities: Vec<&str> = node.process.entity_ids.iter().map(|id| &**id).collect();
        entities.sort_unstable();
        let folded: Vec<String> =
            node.folded.iter().map(|one| format!("{}×{}", one.name, one.count)).collect();
        format!(
            "{}{:?} {} {} {:?} {}..{} [{}] now {} under {:?} over {:?} + {}",
            if number == tree.alerted { "► " } else { "" },
            node.standing,
            node.process.host,
            entities.join(","),
            node.process.pid,
            node.process.started.map_or_else(|| "-".to_owned(), |at| at.nanos().to_string()),
            node.process.ended.map_or_else(|| "-".to_owned(), |at| at.nanos().to_string()),
            names.join(" "),
            text(&node.image.executable),
            node.parent,
            node.children,
            folded.join(" ")
        )
    });
    let mut lines: Vec<String> = nodes.collect();
    lines.push(format!("loop {}, more {} {}", tree.has_loop, tree.more_above, tree.more_below));
    lines
}

/// Builds the lineage of events in batches of some size, by two threads.
fn lineage(events: &[(String, Value)], batch_rows: usize) -> Lineage {
    let catalogue = Catalogue::ecs();
    let mut parts = [ProcessEvents::default(), ProcessEvents::default()];
    for (number, chunk) in events.chunks(batch_rows.max(1)).enumerate() {
        let mut builder = BatchBuilder::new(&catalogue);
        for (at, (stream, document)) in chunk.iter().enumerate() {
            builder.push(Event {
                id: EventId::given(format!("{number}-{at}")),
                data_stream: DataStream::new(stream.as_str()),
                document: document.as_object().expect("an object").clone(),
                place: Place { input: "test".into(), record: at as u64, line: None, offset: None },
            });
        }
        parts[number % 2].add(&builder.finish());
    }
    let [mut one, other] = parts;
    one.merge(other);
    Lineage::new(one)
}

/// Compares the tree of the process of each event with the one of the reference.
fn compare(events: &[(String, Value)], batch_rows: usize) -> Result<usize, String> {
    let lineage = lineage(events, batch_rows);
    let reference = Reference::new(events);
    if lineage.len() != reference.len() {
        return Err(format!("{} processes, and {} by the reference", lineage.len(), reference.len()));
    }
    let mut compared = 0;
    for (_, event) in events {
        let document = event.as_object().expect("an object");
        let at = event["@timestamp"].as_str().and_then(Timestamp::parse);
        let ours = lineage.of_event(document).map(|process| shown(&ProcessTree::new(&lineage, process, at)));
        let theirs = reference.of_event(event).map(|process| reference.tree(process, at));
        if ours != theirs {
            return Err(format!("of {event}\nours {ours:#?}\nthe reference's {theirs:#?}"));
        }
        compared += usize::from(ours.is_some());
    }
    Ok(compared)
}

/// Events of few hosts, processes and programs, so that numbers are used again and parents are each other's.
fn any_event() -> impl Strategy<Value = (String, Value)> {
    let deed = prop_oneof![
        4 => Just(("process", "start", "start")),
        1 => Just(("process", "start", "exec")),
        2 => Just(("process", "end", "end")),
        1 => Just(("network", "start", "connection_attempted")),
    ];
    let id = || prop_oneof![1 => Just(None), 2 => (1..6_u32).prop_map(Some)];
    let pid = || prop_oneof![1 => Just(None), 3 => (1..5_i64).prop_map(Some)];
    let program = || prop_oneof![Just("a"), Just("B"), Just("b"), Just("c")];
    (0..40_u32, deed, 0..3_u32, 0..2_u32, id(), pid(), program(), (id(), pid(), program())).prop_map(
        |(at, (category, event_type, action), host, source, entity, pid, program, (parent_entity, parent_pid, parent))| {
            let entity_of = |entity: Option<u32>| entity.map(|entity| format!("{source}-{entity}"));
            let mut document = json!({
                "@timestamp": format!("2026-03-02T08:00:{:02}.{}00Z", at / 2, at % 2 * 5),
                "event": { "category": [category], "type": [event_type], "action": action },
                "process": { "name": program, "executable": format!("/{program}"), "parent": { "name": parent } },
            });
            match host {
                0 => document["host"] = json!({ "id": "h0", "name": "Zero" }),
                1 => document["host"] = json!({ "name": "zero" }),
                _ => document["host"] = json!({ "name": "two" }),
            }
            if let Some(entity) = entity_of(entity) {
                document["process"]["entity_id"] = entity.into();
            }
            if let Some(pid) = pid {
                document["process"]["pid"] = pid.into();
            }
            if let Some(entity) = entity_of(parent_entity) {
                document["process"]["parent"]["entity_id"] = entity.into();
            }
            if let Some(pid) = parent_pid {
                document["process"]["parent"]["pid"] = pid.into();
                document["process"]["parent"]["executable"] = format!("/{parent}").into();
            }
            (format!("logs-source{source}-default"), document)
        },
    )
}

proptest! {
    #[test]
    fn trees_are_those_of_a_plain_reading(
        events in prop::collection::vec(any_event(), 0..40),
        batch_rows in 1..20_usize,
    ) {
        let compared = compare(&events, batch_rows);
        prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
    }
}

/// A chain of more processes than a tree shows, and a process with more children.
#[test]
fn long_chains_and_many_children_are_cut_and_told() {
    let event = |id: usize, parent: usize| {
        let document = json!({
            "@timestamp": Timestamp::from_millis(1_772_438_400_000 + id as i64).to_iso_millis(),
            "event": { "category": ["process"], "type": ["start"] },
            "host": { "id": "h" },
            "process": { "entity_id": format!("p{id}"), "name": "x", "parent": { "entity_id": format!("p{parent}") } },
        });
        ("logs-test-default".to_owned(), document)
    };
    let mut events: Vec<(String, Value)> = (1..400).map(|id| event(id, id - 1)).collect();
    events.extend((1_000..1_600).map(|id| event(id, 399)));
    let lineage = lineage(&events, 50);
    let process = lineage.of_event(events[398].1.as_object().expect("an object")).expect("it is known");
    let tree = ProcessTree::new(&lineage, process, None);
    assert_eq!((tree.more_above, tree.more_below, tree.has_loop), (true, 100, false));
    assert_eq!(tree.nodes.len(), 201 + 500);
    assert!(tree.nodes.iter().all(|node| node.standing == Standing::Recorded));
}

/// Records of the starts and ends of processes.
#[derive(Default)]
struct Processes {
    events: Vec<(String, Value)>,
    others: u64,
}

impl Processes {
    fn normalise(&mut self, record: RawInput) {
        let options = NormaliseOptions::default();
        let Ok(normalised) = Normaliser::new(&options).normalise(record) else { return };
        let event = normalised.event;
        self.events.push((event.data_stream.as_str().to_owned(), Value::Object(event.document)));
    }
}

/// What tells of a process in the logs of Windows: of Sysmon and of the Security log.
const PROCESS_EVENTS: [(&str, u64); 4] = [
    ("Microsoft-Windows-Sysmon/Operational", 1),
    ("Microsoft-Windows-Sysmon/Operational", 5),
    ("Security", 4_688),
    ("Security", 4_689),
];

impl RecordSink for Processes {
    fn record(&mut self, record: RawInput) {
        let is_wanted = match &record.payload {
            RawPayload::Json(value) => {
                let system = value.pointer("/Event/System").unwrap_or(value);
                let event_id = system.pointer("/EventID/#text").unwrap_or(&system["EventID"]).as_u64();
                let is_it =
                    |(channel, id): &(&str, u64)| system["Channel"] == *channel && event_id == Some(*id);
                PROCESS_EVENTS.iter().any(is_it)
            }
            RawPayload::WindowsXml(text) => PROCESS_EVENTS.iter().any(|(channel, id)| {
                text.contains(&format!("<Channel>{channel}</Channel>"))
                    && text.contains(&format!(">{id}</EventID>"))
            }),
        };
        if is_wanted {
            self.normalise(record);
        } else {
            self.others += 1;
        }
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}
}

/// Compares all trees of each of some recordings; how many trees and processes there are.
fn compare_recordings(name: &str, files: &[PathBuf]) -> (usize, usize) {
    let (mut trees, mut processes) = (0, 0);
    for (path, input) in list_files(files).0 {
        let mut found = Processes::default();
        read_file(&path, &input, &mut found);
        if found.events.is_empty() {
            continue;
        }
        trees += compare(&found.events, 1_000).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        processes += lineage(&found.events, 1_000).len();
    }
    assert!(trees > 100, "{name}: {trees} trees");
    (trees, processes)
}

#[test]
fn shared_recordings_of_windows_give_the_trees_of_a_plain_reading() {
    let Some(shared) = shared_folder() else { return };
    let (trees, processes) = compare_recordings(
        "OTRF",
        &[shared.join("datasets/otrf/atomic/windows"), shared.join("datasets/otrf/compound")],
    );
    println!("OTRF: {trees} trees of events, {processes} processes");
}

#[test]
fn shared_samples_of_attacks_give_the_trees_of_a_plain_reading() {
    let Some(shared) = shared_folder() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        std::fs::File::open(shared.join("datasets/evtx-attack-samples.tar.zst")).expect("the data set");
    tar::Archive::new(zstd::Decoder::new(file).expect("zstd"))
        .unpack(folder.path())
        .expect("it can be unpacked");
    let (trees, processes) = compare_recordings("EVTX samples", &[folder.path().to_owned()]);
    println!("EVTX samples: {trees} trees of events, {processes} processes");
}

/// One case a file: events, and the tree of the process of one of them.
#[test]
fn trees_are_drawn_as_stands_beside_the_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, text) in watchfire_test_support::text_cases(&folder, "json") {
        let case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut defaults: BTreeMap<String, Value> = BTreeMap::new();
        for (field, value) in case["all"].as_object().into_iter().flatten() {
            defaults.insert(field.clone(), value.clone());
        }
        let events: Vec<(String, Value)> = case["events"]
            .as_array()
            .expect("events")
            .iter()
            .map(|event| {
                let mut document = event.as_object().expect("an object").clone();
                for (field, value) in &defaults {
                    document.entry(field.clone()).or_insert_with(|| value.clone());
                }
                let stream = document.remove("stream");
                let stream = stream.as_ref().and_then(Value::as_str).unwrap_or("logs-test-default");
                (stream.to_owned(), Value::Object(document))
            })
            .collect();
        let of = case["of"].as_u64().expect("the number of an event") as usize;
        let lineage = lineage(&events, 2);
        let event = events[of].1.as_object().expect("an object");
        let at = events[of].1["@timestamp"].as_str().and_then(Timestamp::parse);
        let tree = lineage.of_event(event).map(|process| ProcessTree::new(&lineage, process, at));
        let drawn = tree.map_or_else(|| "no process".to_owned(), |tree| watchfire_triage::draw_tree(&tree));
        let about = case["about"].as_str().expect("a case says what it is about");
        compare(&events, 2).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        settings.bind(|| insta::assert_snapshot!(&*name, format!("{about}\n\n{drawn}")));
    }
}
