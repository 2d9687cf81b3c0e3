//! The founding rule, every five minutes over the last nine: raw records of the eight sources that it names arrive over 20
//! minutes, and each gives its alert once.

use std::sync::{Arc, LazyLock};

use watchfire_events::{Event, EventId, Timestamp, set_field};
use watchfire_ir::Catalogue;
use watchfire_state::{MemoryEvents, Scheduler, SchedulerSettings, StateDatabase};
use watchfire_test_support::{events_of_eight_sources, read_text, shared_folder};

use crate::support::{TestClock, at, databases, minutes, run, without_volatile};
use crate::support::{alerts_of, ids_of_events};

const RULE: &str = "corpus/detection-rules/rules/windows/command_and_control_rmm_netsupport_susp_path.toml";

static SOURCES: LazyLock<Arc<Catalogue>> =
    LazyLock::new(|| Arc::new(watchfire_sources::normalise::catalogue_with(&[])));

#[test]
fn shared_founding_rule_alerts_once_for_each_event_of_eight_sources() {
    let Some(shared) = shared_folder() else { return };
    let parsed = watchfire_rules::format::toml::parse(&read_text(&shared.join(RULE)));
    let mut rule = parsed.file.expect("the founding rule").rule;
    rule.enabled = Some(true);
    // As it is published: every five minutes over the last nine, by arrival.
    assert_eq!((rule.interval().seconds(), rule.from().seconds_before_now()), (300, Some(540)));
    let start = at("2026-03-02T08:00:00Z");
    let events = events_of_eight_sources();
    let number = events.len();
    let arriving: Vec<(Timestamp, Event)> = (0..)
        .zip(events)
        .map(|(nth, mut event)| {
            let arrives = start.plus_nanos(minutes(20) * nth / number as i128 + 1_000_000_000);
            // It took half a minute.
            set_field(
                &mut event.document,
                "@timestamp",
                arrives.plus_nanos(-minutes(1) / 2).to_iso_millis().into(),
            );
            set_field(&mut event.document, "event.ingested", arrives.to_iso_millis().into());
            event.id = EventId::given(format!("{nth}"));
            (arrives, event)
        })
        .collect();
    run(async {
        for database in databases().await {
            let state = StateDatabase::open(&database.options).await.expect("the database can be opened");
            let (store, clock): (Arc<MemoryEvents>, Arc<TestClock>) = (Arc::default(), Arc::default());
            let scheduler = Scheduler::new(
                state.clone(),
                Arc::clone(&store),
                Arc::clone(&SOURCES),
                Arc::<TestClock>::clone(&clock),
                SchedulerSettings::default(),
            );
            clock.set(start);
            state.install_rule(&rule, "shared", start).await.expect("the rule is installed");
            let mut rest = arriving.iter().peekable();
            for minute in 0..=30 {
                let now = start.plus_nanos(minutes(minute));
                clock.set(now);
                while let Some((_, event)) = rest.next_if(|(arrives, _)| *arrives <= now) {
                    store.push(event.clone());
                }
                let report = scheduler.tick().await.expect("the tick ends");
                assert_eq!(report.failed, []);
                assert_eq!(report.cannot_run, []);
            }
            let alerts = alerts_of(&state).await;
            let mut ids = ids_of_events(&alerts);
            ids.sort_by_key(|id| id.parse::<usize>().expect("a number"));
            let expected: Vec<String> = (0..number).map(|nth| nth.to_string()).collect();
            assert_eq!(ids, expected, "{}", database.name);
            let streams: std::collections::BTreeSet<String> = without_volatile(&alerts)
                .into_values()
                .map(|alert| alert["kibana.alert.ancestors"][0]["index"].to_string())
                .collect();
            assert_eq!(streams.len(), 8);
            // None earlier than the event was there, none later than an interval behind.
            for alert in &alerts {
                let nth: usize = ids_of_events(std::slice::from_ref(alert))[0].parse().expect("a number");
                let wait = alert.made.nanos() - arriving[nth].0.nanos();
                assert!((0..=minutes(5)).contains(&wait), "{wait}");
            }
            state.close().await;
        }
    });
}
