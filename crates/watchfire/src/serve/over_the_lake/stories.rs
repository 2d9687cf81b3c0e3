//! The founding rule over its eight sources, more alerts than an execution may make, late events, and an outage.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use watchfire_events::{Event, EventId, Timestamp, set_field};
use watchfire_lake::SetClock;
use watchfire_rules::model::Rule;
use watchfire_state::{ExecutionKind, KeptAlert, TickReport};
use watchfire_test_support::{events_of_eight_sources, read_text, shared_folder};

use super::bench::{Bench, after, at, event, events_of, state_in, wait};

const FOUNDING: &str =
    "corpus/detection-rules/rules/windows/command_and_control_rmm_netsupport_susp_path.toml";
const START: &str = "2026-03-02T08:00:00Z";
const STREAM: &str = "logs-a-default";

fn rule(text: &str) -> Rule {
    let parsed = watchfire_rules::format::toml::parse(text);
    parsed.file.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics)).rule
}

/// A rule over `@timestamp`, every five minutes over the last nine.
fn evil() -> Rule {
    rule(
        "[rule]\nrule_id = 'evil'\nname = 'evil'\ndescription = 'd'\nrisk_score = 1\nseverity = 'low'\n\
         index = ['logs-*']\nfrom = 'now-9m'\ninterval = '5m'\ntype = 'query'\nquery = 'process.name: evil.exe'\n",
    )
}

fn evil_event(id: &str, time: Timestamp) -> Event {
    event(STREAM, id, &json!({"@timestamp": time.to_iso_millis(), "process": {"name": "evil.exe"}}))
}

/// A server that has begun with these rules at the start.
fn begun(folder: &Path, rules: &[Rule]) -> Bench {
    let start = at(START);
    let bench = Bench::open(folder, &Arc::new(SetClock::at(start)), &state_in(folder, "state.db"));
    bench.install(rules, start);
    bench
}

/// The ids of the events of the alerts, sorted.
fn alerted(alerts: &[KeptAlert]) -> Vec<String> {
    let mut ids: Vec<String> = alerts.iter().flat_map(|alert| events_of(&alert.document)).collect();
    ids.sort();
    ids
}

fn messages(report: &TickReport) -> Vec<&str> {
    let messages = report.executions.iter().flat_map(|record| &record.messages);
    messages.map(|message| message.text.as_str()).collect()
}

#[test]
fn shared_founding_rule_alerts_once_for_each_event_of_eight_sources() {
    let Some(shared) = shared_folder() else { return };
    let founding = rule(&read_text(&shared.join(FOUNDING)));
    // As it is published: every five minutes over the last nine, by arrival.
    assert_eq!((founding.interval().seconds(), founding.from().seconds_before_now()), (300, Some(540)));
    let folder = tempfile::tempdir().expect("a folder");
    let bench = begun(folder.path(), &[founding]);
    let start = at(START);
    let events = events_of_eight_sources();
    let number = events.len() as i64;
    let coming = (0..).zip(events).map(|(nth, mut event)| {
        let arrives = after(start, 20 * 60 * nth / number + 1);
        // It took half a minute.
        set_field(&mut event.document, "@timestamp", after(arrives, -30).to_iso_millis().into());
        event.id = EventId::given(format!("{nth}"));
        (arrives, event)
    });
    let coming: Vec<(Timestamp, Event)> = coming.collect();
    let mut rest = coming.iter().peekable();
    for second in (0..=30 * 60).step_by(20) {
        let now = after(start, second);
        while let Some((arrives, event)) = rest.next_if(|(arrives, _)| *arrives < now) {
            bench.append(*arrives, std::slice::from_ref(event));
        }
        bench.tick(now);
    }
    let alerts = bench.alerts();
    let expected: Vec<String> = (0..8).map(|nth| nth.to_string()).collect();
    assert_eq!(alerted(&alerts), expected);
    assert_eq!(bench.lake.reader().streams().expect("the lake can be read").len(), 8);
    for alert in &alerts {
        let nth: usize = events_of(&alert.document)[0].parse().expect("a number");
        let wait = alert.made.millis() - coming[nth].0.millis();
        assert!((0..=300_000 + 20_000).contains(&wait), "{wait} ms");
    }
    bench.close();
}

#[test]
fn events_beyond_the_limit_wait_for_the_next_executions() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = begun(folder.path(), &[evil()]);
    let start = at(START);
    bench.tick(after(start, 1));
    let time = |nth: i64| after(start, 60).plus_nanos(i128::from(nth) * 200_000_000);
    let events: Vec<Event> = (0..250).map(|nth| evil_event(&format!("e{nth:03}"), time(nth))).collect();
    // Several files of a table, so that what is in order of time comes out of order.
    for (nth, some) in events.chunks(60).enumerate() {
        bench.append(after(start, 120 + nth as i64), some);
        bench.lake.commit().expect("it commits");
    }
    let mut seen = Vec::new();
    for minute in (5..=25).step_by(5) {
        let report = bench.tick(after(start, minute * 60 + 1));
        let [record] = &report.executions[..] else {
            assert!(report.executions.is_empty(), "{report:#?}");
            continue;
        };
        seen.push((minute, record.found, record.alerts, record.held_back, messages(&report).join("; ")));
    }
    let waiting =
        |number: u64| format!("the limit of 100 alerts was reached; {number} wait for the next executions");
    let expected =
        [(5, 250, 100, 150, waiting(150)), (10, 0, 100, 0, waiting(50)), (15, 0, 50, 0, String::new())];
    assert_eq!(seen[..3], expected);
    assert!(seen[3..].iter().all(|(_, found, alerts, ..)| (*found, *alerts) == (0, 0)), "{seen:?}");
    let expected: Vec<String> = (0..250).map(|nth| format!("e{nth:03}")).collect();
    assert_eq!(alerted(&bench.alerts()), expected);
    bench.close();
}

#[test]
fn late_events_are_found_within_the_look_back_and_counted_beyond() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = begun(folder.path(), &[evil()]);
    let start = at(START);
    bench.append(after(start, 190), &[evil_event("in time", after(start, 180))]);
    bench.tick(after(start, 301));
    // The execution of 08:10 looks back to 08:01.
    let late = [evil_event("late", after(start, 70)), evil_event("too late", after(start, 50))];
    bench.append(after(start, 420), &late);
    let report = bench.tick(after(start, 601));
    assert_eq!(report.executions.iter().map(|record| record.late).sum::<u64>(), 1, "{report:#?}");
    for minute in [15, 20] {
        bench.tick(after(start, minute * 60 + 1));
    }
    assert_eq!(alerted(&bench.alerts()), ["in time", "late"]);
    bench.close();
}

#[test]
fn an_outage_of_two_hours_is_a_gap_that_is_filled() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = begun(folder.path(), &[evil()]);
    let start = at(START);
    for minute in (0..=60).step_by(5) {
        bench.tick(after(start, minute * 60 + 1));
    }
    // It was acknowledged, and no table has it when the server stops.
    bench.append(after(start, 62 * 60), &[evil_event("in the spool", after(start, 61 * 60))]);
    let clock = Arc::clone(&bench.clock);
    bench.close();

    let back = after(start, 182 * 60);
    clock.set(back);
    let bench = Bench::open(folder.path(), &clock, &state_in(folder.path(), "state.db"));
    wait(bench.scheduler.start());
    let kept = [90, 130, 176].map(|minute| evil_event(&format!("of {minute}"), after(start, minute * 60)));
    bench.append(back, &kept);
    let rule = wait(bench.database.rules()).remove(0).id;
    let gaps: Vec<String> = wait(bench.scheduler.gaps(&rule)).iter().map(ToString::to_string).collect();
    assert_eq!(gaps, ["2026-03-02T09:00:00.001Z to 2026-03-02T11:00:00.000Z"]);
    let report = bench.tick(after(back, 1));
    let filled = report.executions.iter().filter(|record| record.kind == ExecutionKind::BackFill);
    assert_eq!(filled.map(|record| record.alerts).sum::<u64>(), 3, "{report:#?}");
    let gap =
        "the time from 2026-03-02T09:00:00.000Z to 2026-03-02T10:51:00.000Z was not searched when it was due";
    assert!(messages(&report).iter().any(|text| text.starts_with(gap)), "{report:#?}");
    assert_eq!(wait(bench.scheduler.gaps(&rule)), []);
    for minute in [185, 190] {
        bench.tick(after(start, minute * 60 + 1));
    }
    assert_eq!(alerted(&bench.alerts()), ["in the spool", "of 130", "of 176", "of 90"]);
    bench.close();
}
