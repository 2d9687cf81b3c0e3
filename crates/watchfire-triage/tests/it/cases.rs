//! Each file of `tests/cases` has a guide, an alert and events; beside it stands the guide answered, in all forms.

use std::path::Path;

use serde_json::Value;
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventId, Place};
use watchfire_ir::Catalogue;
use watchfire_test_support::text_cases;
use watchfire_triage::{AnsweredGuide, Inquiry, to_json, to_markdown, to_text};

/// Of each answer two events are shown.
const MOST_FINDINGS: usize = 2;

#[test]
fn guides_are_answered_as_stands_beside_the_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let catalogue = Catalogue::ecs();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, text) in text_cases(&folder, "json") {
        let case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = show(&case, &catalogue);
        settings.bind(|| insta::assert_snapshot!(&*name, shown));
    }
}

fn show(case: &Value, catalogue: &Catalogue) -> String {
    let lines = case["guide"].as_array().expect("the guide is a list of lines");
    let guide: Vec<&str> = lines.iter().map(|line| line.as_str().expect("a line is a text")).collect();
    let guide = guide.join("\n");
    let alert: &Document = case["alert"].as_object().expect("the alert is an object");
    let inquiry = Inquiry::new(&guide, alert, catalogue, MOST_FINDINGS);
    // Each event in a batch of its own, by two threads: neither may make a difference.
    let mut parts = [inquiry.answers(), inquiry.answers()];
    let mut matcher = inquiry.matcher();
    for (number, event) in case["events"].as_array().into_iter().flatten().enumerate() {
        let mut builder = BatchBuilder::new(catalogue);
        let mut document = event.as_object().expect("an event is an object").clone();
        let id = document.remove("_id").and_then(|id| id.as_str().map(str::to_owned));
        builder.push(Event {
            id: EventId::given(id.unwrap_or_else(|| format!("e{number}"))),
            data_stream: DataStream::new("logs-test-default"),
            document,
            place: Place { input: "test".into(), record: number as u64, line: None, offset: None },
        });
        inquiry.ask(&mut matcher, &builder.finish(), catalogue, &mut parts[number % 2]);
    }
    let [mut answers, other] = parts;
    answers.merge(other, MOST_FINDINGS);
    let answered = AnsweredGuide::new(&guide, alert, &inquiry, answers);
    let json = serde_json::to_string_pretty(&to_json(&answered)).expect("it is JSON");
    format!(
        "{}\n\n===== text\n{}\n===== markdown\n{}\n===== JSON\n{json}\n",
        case["about"].as_str().expect("a case says what it is about"),
        to_text(&answered),
        to_markdown(&answered)
    )
}
