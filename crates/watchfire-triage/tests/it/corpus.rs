//! The guides of the public rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventId, Place, set_field};
use watchfire_ir::Catalogue;
use watchfire_rules::guide::{GuidePart, parts};
use watchfire_rules::model::Investigation;
use watchfire_test_support::{files_below, read_text, shared_folder};
use watchfire_triage::{Inquiry, QuestionGroup};

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

#[test]
fn templates_are_found() {
    assert_eq!(templates("a {{x.y}} b {{ z }}"), ["x.y", "z"]);
    assert_eq!(templates(&Value::Null.to_string()), Vec::<&str>::new());
}
