//! However late and however seldom a server looks at the clock: live executions, one back-fill over all of the time and
//! `scan --as-scheduled` make the same alerts, with the same ids and the same contents.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use watchfire_detect::{
    Arrival, BatchHits, CompileOptions, HitSpill, RuleAlerts, RuleBook, VOLATILE_FIELDS, compile_rule,
};
use watchfire_events::{BatchBuilder, Document, Event, Timestamp};
use watchfire_rules::model::Rule;
use watchfire_state::{Arrived, RecentLimits};

use crate::support::{Bench, CATALOGUE, at, event, minutes, rule, run, span, sqlite, without_volatile};

/// The rules, of every form that an execution has.
pub(crate) const RULES: &[&str] = &[
    "type = 'query'\nquery = 'process.name: a'\nmax_signals = 3",
    "type = 'query'\nquery = 'process.name: (a or b)'\ntimestamp_override = 'event.ingested'",
    "type = 'eql'\nlanguage = 'eql'\nquery = 'sequence by host.id with maxspan=3m [any where process.name == \"a\"] \
     [any where process.name == \"b\"]'",
    "type = 'threshold'\nquery = 'process.name: *'\nthreshold = { field = ['host.id'], value = 3 }",
    "type = 'threshold'\nquery = 'process.name: *'\nthreshold = { field = [], value = 4 }\n\
     alert_suppression = { duration = { value = 15, unit = 'm' } }",
    "type = 'new_terms'\nquery = 'process.name: *'\nnew_terms_fields = ['host.id', 'process.name']\n\
     history_window_start = 'now-20m'",
    "type = 'query'\nquery = 'process.name: *'\nalert_suppression = { group_by = ['host.id'] }",
    "type = 'query'\nquery = 'process.name: *'\n\
     alert_suppression = { group_by = ['process.name'], duration = { value = 12, unit = 'm' } }",
    "type = 'eql'\nlanguage = 'eql'\nquery = 'sample by host.id [any where process.name == \"a\"] \
     [any where process.name == \"c\"]'",
];

pub(crate) fn rules() -> Vec<Rule> {
    RULES.iter().enumerate().map(|(number, text)| rule_of(text, number)).collect()
}

fn rule_of(text: &str, number: usize) -> Rule {
    rule(&format!(
        "[rule]\nrule_id = 'r{number}'\nname = 'r{number}'\ndescription = 'd'\nrisk_score = 1\nseverity = 'low'\n\
         index = ['logs-*']\nfrom = 'now-9m'\ninterval = '5m'\n{text}\n"
    ))
}

pub(crate) fn start() -> Timestamp {
    at("2026-03-02T08:00:00Z")
}

/// Seconds since the start, how many later it arrives, and what it is of.
pub(crate) type Made = (i64, i64, u8, u8);

/// Events that arrive while every window of their time is still to come, or the last one.
pub(crate) fn events(made: &[Made]) -> Vec<(Timestamp, Event)> {
    let second = 1_000_000_000;
    let one = |(number, (time, delay, name, host)): (usize, &Made)| {
        let time = start().plus_nanos(i128::from(*time) * second);
        let arrives = time.plus_nanos(i128::from(*delay) * second);
        let named = ["a", "b", "c"][usize::from(*name)];
        let document = json!({
            "@timestamp": time.to_iso_millis(),
            "process": { "name": named },
            "host": { "id": host.to_string() },
        });
        (arrives, event("logs-a-default", &format!("e{number}"), &document, arrives, number as u64))
    };
    let mut events: Vec<(Timestamp, Event)> = made.iter().enumerate().map(one).collect();
    events.sort_by_key(|(arrives, event)| (*arrives, event.place.clone()));
    events
}

/// What `scan --as-scheduled=ingested` makes of the events.
pub(crate) fn scanned(events: &[(Timestamp, Event)]) -> BTreeMap<String, Value> {
    let options = CompileOptions::default();
    let book = RuleBook::of(rules().into_iter().map(|rule| {
        let mut compiled = compile_rule(&rule, &**CATALOGUE, &options);
        compiled.program = compiled.program.map(|program| program.scheduled(&rule, Arrival::Ingested));
        (rule, compiled)
    }));
    let mut columns = BatchBuilder::new(&**CATALOGUE);
    events.iter().for_each(|(_, event)| columns.push(event.clone()));
    let batch = columns.finish();
    let matches = book.set().match_batch(&batch, &**CATALOGUE);
    let correlations = book.correlations();
    let mut spill = HitSpill::new(correlations.len(), 8 << 20);
    spill.push(BatchHits::new(book.extractors(), &batch, &matches)).expect("hits can be kept");
    let mut alerts = BTreeMap::new();
    let joined = spill.join(&correlations, 8 << 20, &mut |number, detection, reader| {
        let places = reader.places(&detection.sequence)?;
        let of_rule = RuleAlerts::new("default", book.rule(book.correlated(number)));
        let group = of_rule.of_detection(detection, &places, correlations[number].gives_groups());
        for alert in std::iter::once(group.shell).chain(group.blocks) {
            let text = of_rule.document(&alert.document.own, &alert.document.cuts);
            let mut document: Document = serde_json::from_slice(&text).expect("an alert is JSON");
            VOLATILE_FIELDS.iter().for_each(|name| drop(document.remove(*name)));
            alerts.insert(alert.id.as_str().to_owned(), Value::Object(document));
        }
        Ok(())
    });
    joined.expect("hits can be read");
    alerts
}

/// What two ways to find alerts have otherwise, in words.
pub(crate) fn difference(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) -> Vec<String> {
    let about = |alert: &Value| {
        let ancestors = alert["kibana.alert.ancestors"].as_array().cloned().unwrap_or_default();
        let events: Vec<String> = ancestors.iter().map(|one| one["id"].to_string()).collect();
        format!("{} of {}", alert["kibana.alert.rule.name"], events.join(" "))
    };
    let missing = expected.iter().filter(|(id, _)| !found.contains_key(*id));
    let missing = missing.map(|(_, alert)| format!("missing: {}", about(alert)));
    let surplus = found.iter().filter(|(id, _)| !expected.contains_key(*id));
    let surplus = surplus.map(|(_, alert)| format!("surplus: {}", about(alert)));
    let other = found.iter().filter_map(|(id, alert)| {
        let expected = expected.get(id).filter(|expected| *expected != alert)?;
        let fields = alert.as_object().into_iter().flatten();
        let fields: Vec<String> = fields
            .filter(|(name, value)| expected.get(name.as_str()) != Some(value))
            .map(|(name, value)| format!("{name} is {value}, not {}", expected[name]))
            .collect();
        Some(format!("other: {}: {}", about(alert), fields.join(", ")))
    });
    missing.chain(surplus).chain(other).collect()
}

/// A server that looks at the clock at these minutes.
async fn live(events: &[(Timestamp, Event)], ticks: &[i64]) -> BTreeMap<String, Value> {
    live_with(events, ticks, None).await.0
}

/// How events are looked at when they arrive.
#[derive(Clone, Copy, Debug)]
struct Looking {
    /// As soon as so many have arrived.
    at_a_time: usize,
    limits: RecentLimits,
    /// Before this tick rules are made anew.
    changes_at: usize,
}

/// The same, that looks at events when they arrive, and for how many executions that was all that was needed.
async fn live_with(
    events: &[(Timestamp, Event)],
    ticks: &[i64],
    looking: Option<Looking>,
) -> (BTreeMap<String, Value>, u64) {
    let database = sqlite();
    let limits = looking.map_or_else(RecentLimits::default, |looking| looking.limits);
    let bench = Bench::open_with(&database.options, &Arc::default(), &Arc::default(), limits).await;
    bench.scheduler.nothing_arrived().await;
    let mut from_looks = 0;
    for rule in rules() {
        bench.database.install_rule(&rule, "test", start()).await.expect("a rule is installed");
    }
    let mut rest = events.iter().peekable();
    for (number, tick) in ticks.iter().enumerate() {
        let now = start().plus_nanos(minutes(*tick));
        let mut arrived = Arrived::default();
        while let Some((arrives, event)) = rest.next_if(|(arrives, _)| *arrives <= now) {
            bench.events.push(event.clone());
            arrived.events.push(event.clone().into());
            if looking.is_some_and(|looking| arrived.events.len() >= looking.at_a_time) {
                bench.scheduler.look(std::mem::take(&mut arrived), *arrives).await.expect("the look ends");
            }
        }
        bench.clock.set(now);
        if let Some(looking) = looking {
            if looking.changes_at == number {
                let other = rule_of("type = 'query'\nquery = 'process.name: none'", 99);
                bench.database.install_rule(&other, "test", now).await.expect("a rule is installed");
            }
            bench.scheduler.look(arrived, now).await.expect("the look ends");
            bench.scheduler.looked_through().await.expect("it can be waited for");
        }
        let report = bench.scheduler.tick().await.expect("the tick ends");
        assert_eq!((report.failed, report.cannot_run), (Vec::new(), Vec::new()));
        from_looks += report.from_looks;
    }
    let alerts = without_volatile(&bench.alerts().await);
    bench.database.close().await;
    (alerts, from_looks)
}

/// One back-fill when all is over.
async fn filled(events: &[(Timestamp, Event)]) -> BTreeMap<String, Value> {
    let database = sqlite();
    let bench = Bench::new(&database.options).await;
    let end = start().plus_nanos(minutes(LAST));
    for rule in rules() {
        bench.database.install_rule(&rule, "test", start()).await.expect("a rule is installed");
    }
    let kept = bench.database.rules().await.expect("rules can be read");
    let ids: Vec<String> = kept.into_iter().map(|kept| kept.id).collect();
    events.iter().for_each(|(_, event)| bench.events.push(event.clone()));
    bench.clock.set(end);
    bench.scheduler.run_range(&ids, span(start(), end)).await.expect("the run ends");
    let alerts = without_volatile(&bench.alerts().await);
    bench.database.close().await;
    alerts
}

/// The minute of the last execution: by then all that was held back has been given out.
const LAST: i64 = 120;

fn made() -> impl Strategy<Value = Vec<Made>> {
    prop::collection::vec((0..2_400_i64, 0..240_i64, 0..3_u8, 0..3_u8), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn alerts_do_not_depend_on_when_executions_run(
        made in made(),
        mut ticks in prop::collection::vec(0..LAST, 0..30),
    ) {
        let events = events(&made);
        ticks.push(LAST);
        ticks.sort_unstable();
        let scanned = scanned(&events);
        let (live, filled) = run(async { (live(&events, &ticks).await, filled(&events).await) });
        prop_assert_eq!(difference(&live, &scanned), Vec::<String>::new(), "live");
        prop_assert_eq!(difference(&filled, &scanned), Vec::<String>::new(), "filled");
    }
}

/// Of events that arrive after others that were later, a look can join what executions do not.
fn is_of_sequence(difference: &str) -> bool {
    difference.starts_with("surplus: \"r2\"")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn looks_between_executions_make_the_same_alerts(
        made in made(),
        mut ticks in prop::collection::vec(0..LAST, 0..30),
        at_a_time in 1..4_usize,
        of_condition in prop_oneof![Just(2_usize), Just(8), Just(1_000)],
        held_minutes in prop_oneof![Just(12_i64), Just(40), Just(240)],
        changes_at in prop_oneof![0..30_usize, Just(usize::MAX)],
    ) {
        let limits = RecentLimits { of_condition, held_ms: held_minutes * 60_000, ..RecentLimits::default() };
        let looking = Looking { at_a_time, limits, changes_at };
        let in_order: Vec<Made> = made.iter().map(|(time, _, name, host)| (*time, 0, *name, *host)).collect();
        ticks.push(LAST);
        ticks.sort_unstable();
        for (made, is_in_order) in [(made, false), (in_order, true)] {
            let events = events(&made);
            let looked = run(live_with(&events, &ticks, Some(looking))).0;
            let mut differences = difference(&looked, &scanned(&events));
            if !is_in_order {
                differences.retain(|difference| !is_of_sequence(difference));
            }
            prop_assert_eq!(differences, Vec::<String>::new());
        }
    }
}

#[test]
fn the_rules_find_something() {
    let made: Vec<Made> =
        (0..30).map(|nth| (nth * 40, nth % 4 * 60, (nth % 3) as u8, (nth % 2) as u8)).collect();
    let events = events(&made);
    let found = scanned(&events);
    for number in 0..RULES.len() {
        let name = format!("r{number}");
        assert!(found.values().any(|alert| alert["kibana.alert.rule.name"] == *name), "{name}");
    }
    let every: Arc<[i64]> = (0..=LAST).step_by(5).collect();
    assert_eq!(run(live(&events, &every)), found);
    let looking = Looking { at_a_time: 1, limits: RecentLimits::default(), changes_at: usize::MAX };
    let (alerts, from_looks) = run(live_with(&events, &every, Some(looking)));
    assert_eq!(alerts.len(), found.len());
    assert_eq!(from_looks, 25 * RULES.len() as u64, "no execution read anything");
}
