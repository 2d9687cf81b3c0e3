//! The guides of the public rules.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use serde_json::{Value, json};
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventId, Place, get_field, set_field};
use watchfire_ir::Catalogue;
use watchfire_rules::guide::{GuidePart, parts};
use watchfire_rules::model::Investigation;
use watchfire_test_support::{files_below, read_text, shared_folder};
use watchfire_triage::{
    AnsweredGuide, Evidence, Gathering, Inquiry, Lineage, QuestionGroup, to_markdown, to_text,
};

/// The names between double braces.
fn templates(text: &str) -> Vec<&str> {
    text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim())).collect()
}

/// An alert that has a value in each field that the searches of a guide ask for.
fn alert_for(searches: &[Investigation]) -> Document {
    let mut alert = Document::new();
    set_field(&mut alert, "@timestamp", json!("2026-03-02T08:05:00Z"));
    set_field(&mut alert, "kibana.alert.original_time", json!("2026-03-02T08:00:00Z"));
    for provider in searches.iter().flat_map(|search| search.providers.iter().flatten()) {
        for name in provider.value.0.as_str().map(templates).unwrap_or_default() {
            let value = if name.rsplit('.').next() == Some("ip") { "10.0.0.1" } else { "a value" };
            set_field(&mut alert, name, json!(value));
        }
    }
    alert
}

#[test]
fn shared_guides_can_all_be_asked() {
    let Some(shared) = shared_folder() else { return };
    let catalogue = Catalogue::ecs();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in files_below(&shared.join("corpus/detection-rules"), "toml") {
        let parsed = watchfire_rules::format::toml::parse(&read_text(&path));
        let Some(note) = parsed.file.and_then(|file| file.to_api().note) else { continue };
        *counts.entry("guides").or_default() += 1;
        let mut searches = Vec::new();
        for part in parts(&note) {
            let name = match part {
                GuidePart::Text(_) => "texts",
                GuidePart::Investigate(search) => {
                    searches.push(search);
                    "searches"
                }
                GuidePart::Osquery(_) => "Osquery hunts",
                GuidePart::Broken(text) => {
                    wrong.push(format!("{}: {text}", path.display()));
                    "that cannot be read"
                }
            };
            *counts.entry(name).or_default() += 1;
        }
        let alert = alert_for(&searches);
        let inquiry = Inquiry::new(&note, &alert, &catalogue, 1);
        assert_eq!(inquiry.questions().len(), searches.len());
        for question in inquiry.questions() {
            for group in &question.groups {
                match group {
                    QuestionGroup::Asked(parts) => {
                        *counts.entry("groups that are asked").or_default() += 1;
                        *counts.entry("conditions").or_default() += parts.len() as u64;
                    }
                    other => wrong.push(format!("{}: {}: {other}", path.display(), question.label)),
                }
            }
            let is_empty = question.asking.from.is_some() && question.asking.from == question.asking.to;
            *counts.entry("searches of an empty span of time").or_default() += u64::from(is_empty);
        }
        // They can be asked of an event.
        let mut builder = BatchBuilder::new(&catalogue);
        builder.push(Event {
            id: EventId::given("alert"),
            data_stream: DataStream::new("logs-test-default"),
            document: alert.clone(),
            place: Place { input: "test".into(), record: 0, line: None, offset: None },
        });
        let mut answers = inquiry.answers();
        inquiry.ask(&mut inquiry.matcher(), &builder.finish(), &catalogue, &mut answers);
    }
    for (name, number) in &counts {
        println!("{number:>6} {name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // 676 tables of searches, of which a guide names one twice.
    assert_eq!((counts["guides"], counts["searches"], counts["Osquery hunts"]), (1_783, 677, 376));
}

/// What every event of a real source has, and events that are made of a rule's query alone lack.
const OF_EVERY_EVENT: [(&str, &str); 9] = [
    ("host.id", "h1"),
    ("host.name", "ws1"),
    ("agent.id", "a1"),
    ("user.id", "u1"),
    ("user.name", "nora"),
    ("process.entity_id", "p1"),
    ("process.name", "tool.exe"),
    ("process.parent.entity_id", "p0"),
    ("process.parent.name", "shell.exe"),
];

/// An event with what every event has.
fn completed(event: &Value) -> Document {
    let mut document = event.as_object().expect("an object").clone();
    for (field, value) in OF_EVERY_EVENT {
        if get_field(&document, field).is_none() {
            set_field(&mut document, field, json!(value));
        }
    }
    document
}

/// The events that should make each rule fire, by the rule's id; not all rules have some.
fn positive_events(shared: &Path) -> BTreeMap<String, Vec<Document>> {
    let file = std::fs::File::open(shared.join("corpus/positive-events.ndjson.gz")).expect("the events");
    let lines = std::io::BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let read = |line: std::io::Result<String>| {
        let line: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let events = line["events"].as_array().expect("events").iter();
        let events = events.map(completed).collect();
        (line["rule_id"].as_str().expect("an id").to_owned(), events)
    };
    lines.map(read).collect()
}

/// Each guide's searches are asked of the events that its own rule fires on, and evidence is made of them.
#[test]
fn shared_guides_run_on_the_events_of_their_rules() {
    let Some(shared) = shared_folder() else { return };
    let catalogue = Catalogue::ecs();
    let events_of = positive_events(&shared);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in files_below(&shared.join("corpus/detection-rules"), "toml") {
        let parsed = watchfire_rules::format::toml::parse(&read_text(&path));
        let Some(rule) = parsed.file.map(|file| file.to_api()) else { continue };
        let rule_id = rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let (Some(note), Some(events)) = (rule.note, events_of.get(&rule_id)) else { continue };
        let mut alert = events[0].clone();
        let time = alert["@timestamp"].clone();
        for (field, value) in [
            ("original_time", time),
            ("uuid", json!("a1")),
            ("rule.rule_id", rule_id.into()),
            ("rule.note", note.clone().into()),
        ] {
            set_field(&mut alert, &format!("kibana.alert.{field}"), value);
        }
        let mut builder = BatchBuilder::new(&catalogue);
        for (number, event) in events.iter().enumerate() {
            builder.push(Event {
                id: EventId::given(format!("e{number}")),
                data_stream: DataStream::new("logs-test-default"),
                document: event.clone(),
                place: Place { input: "test".into(), record: number as u64, line: None, offset: None },
            });
        }
        let batch = builder.finish();
        let inquiry = Inquiry::new(&note, &alert, &catalogue, 10);
        let mut answers = inquiry.answers();
        inquiry.ask(&mut inquiry.matcher(), &batch, &catalogue, &mut answers);
        *counts.entry("guides").or_default() += 1;
        for (question, answer) in inquiry.questions().iter().zip(&answers.0) {
            for group in &question.groups {
                let name = match group {
                    QuestionGroup::Asked(_) => "groups that are asked",
                    QuestionGroup::NotApplicable(_) => "groups of which the event lacks a field",
                    QuestionGroup::Wrong(why) => {
                        wrong.push(format!("{}: {}: {why}", path.display(), question.label));
                        "groups that cannot be understood"
                    }
                };
                *counts.entry(name).or_default() += 1;
            }
            *counts
                .entry(if answer.count > 0 {
                    "searches that find something"
                } else {
                    "searches that find nothing"
                })
                .or_default() += 1;
        }
        let gathering = Gathering::new(&[&alert], &catalogue);
        let mut gathers = gathering.nothing();
        gathering.gather(&mut gathering.matcher(), &batch, &catalogue, &mut gathers);
        let lineage = Lineage::new(gathers.processes);
        let evidence = Evidence::new(&alert, &lineage, &gathers.of_alerts[0], &[alert.clone()]);
        *counts.entry("alerts of which a process tree is known").or_default() +=
            u64::from(evidence.tree.is_some());
        let answered = AnsweredGuide::new(&note, &alert, &inquiry, answers, Some(evidence));
        assert!(!to_text(&answered).is_empty() && !to_markdown(&answered).is_empty());
    }
    for (name, number) in &counts {
        println!("{number:>6} {name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts["guides"] > 1_000 && counts["groups that are asked"] > 100, "{counts:?}");
}

#[test]
fn templates_are_found() {
    assert_eq!(templates("a {{x.y}} b {{ z }}"), ["x.y", "z"]);
    assert_eq!(templates(&Value::Null.to_string()), Vec::<&str>::new());
}
