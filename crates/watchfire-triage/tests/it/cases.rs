//! Each file of `tests/cases` has a guide, an alert and events; beside it stands the guide answered, in all forms. With other
//! alerts it is about evidence, too.

use std::path::Path;

use serde_json::Value;
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventBatch, EventId, Place};
use watchfire_ir::Catalogue;
use watchfire_test_support::text_cases;
use watchfire_triage::{
    AnsweredGuide, Evidence, Gathering, Inquiry, Lineage, Weighing, Weights, to_json, to_markdown, to_text,
};

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
    let lines = case["guide"].as_array().map(Vec::as_slice).unwrap_or_default();
    let guide: Vec<&str> = lines.iter().map(|line| line.as_str().expect("a line is a text")).collect();
    let guide = guide.join("\n");
    let alert: &Document = case["alert"].as_object().expect("the alert is an object");
    let batches = batches(case, catalogue);
    let inquiry = Inquiry::new(&guide, alert, catalogue, MOST_FINDINGS);
    // By two threads: that may make no difference.
    let mut parts = [inquiry.answers(), inquiry.answers()];
    let mut matcher = inquiry.matcher();
    for (number, batch) in batches.iter().enumerate() {
        inquiry.ask(&mut matcher, batch, catalogue, &mut parts[number % 2]);
    }
    let [mut answers, other] = parts;
    answers.merge(other, MOST_FINDINGS);
    let others = case["alerts"].as_array();
    let evidence = others.map(|others| {
        let others: Vec<Document> =
            others.iter().map(|other| other.as_object().expect("an alert is an object").clone()).collect();
        evidence(alert, &others, &batches, catalogue)
    });
    let answered = AnsweredGuide::new(&guide, alert, &inquiry, answers, evidence);
    let json = serde_json::to_string_pretty(&to_json(&answered)).expect("it is JSON");
    format!(
        "{}\n\n===== text\n{}\n===== markdown\n{}\n===== JSON\n{json}\n",
        case["about"].as_str().expect("a case says what it is about"),
        to_text(&answered),
        to_markdown(&answered)
    )
}

/// The events of a case, each in a batch of its own.
fn batches(case: &Value, catalogue: &Catalogue) -> Vec<EventBatch> {
    let events = case["events"].as_array().into_iter().flatten().enumerate();
    events
        .map(|(number, event)| {
            let mut builder = BatchBuilder::new(catalogue);
            let mut document = event.as_object().expect("an event is an object").clone();
            let id = document.remove("_id").and_then(|id| id.as_str().map(str::to_owned));
            builder.push(Event {
                id: EventId::given(id.unwrap_or_else(|| format!("e{number}"))),
                data_stream: DataStream::new("logs-test-default"),
                document,
                place: Place { input: "test".into(), record: number as u64, line: None, offset: None },
            });
            builder.finish()
        })
        .collect()
}

/// What the events of a case say, gathered and weighed by two threads.
fn evidence(
    alert: &Document,
    others: &[Document],
    batches: &[EventBatch],
    catalogue: &Catalogue,
) -> Evidence {
    let gathering = Gathering::new(&[alert], catalogue);
    let mut matcher = gathering.matcher();
    let mut parts = [gathering.nothing(), gathering.nothing()];
    for (number, batch) in batches.iter().enumerate() {
        gathering.gather(&mut matcher, batch, catalogue, &mut parts[number % 2]);
    }
    let [mut gathers, other] = parts;
    gathers.merge(other);
    let lineage = Lineage::new(gathers.processes);
    let mut evidence = Evidence::new(alert, &lineage, &gathers.of_alerts[0], others);
    let weighing = Weighing::of_values(&evidence.weighed(), catalogue);
    let mut matcher = weighing.matcher();
    let mut parts = [weighing.nothing(), weighing.nothing()];
    for (number, batch) in batches.iter().enumerate() {
        weighing.weigh(&mut matcher, batch, catalogue, &mut parts[number % 2], &mut |_| {});
    }
    let [mut weigher, other] = parts;
    weigher.merge(other);
    evidence.weigh(&Weights::new(evidence.weighed(), weigher, true));
    evidence
}
