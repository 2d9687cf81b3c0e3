//! What is kept: alerts and what people do with them, two runs at a time, events that cannot be read.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use watchfire_events::{EventBatch, IndexPatterns};
use watchfire_state::{
    AlertStatus, EventQuery, ExecutionStatus, LateQuery, LatestTimes, MemoryEvents, Scheduler,
    SchedulerSettings, StateError, StoredEvents, Triage,
};

use crate::any_grid::{events, rules, start};
use crate::support::{Bench, CATALOGUE, TestClock, alerts_of, databases, minutes, run, span};

/// Installs one rule and brings it to an alert.
async fn one_alert(bench: &Bench) {
    bench.database.install_rule(&rules()[0], "test", start()).await.expect("a rule is installed");
    for (_, event) in events(&[(30, 1, 0, 0)]) {
        bench.events.push(event);
    }
    bench.clock.set(start().plus_nanos(minutes(5)));
    bench.scheduler.tick().await.expect("the tick ends");
}

#[test]
fn what_people_do_with_an_alert_is_kept_with_its_history() {
    run(async {
        for database in databases().await {
            let bench = Bench::new(&database.options).await;
            one_alert(&bench).await;
            let ids: Vec<String> = bench.alerts().await.into_iter().map(|alert| alert.id).collect();
            assert_eq!(ids.len(), 1);
            let at = |minute| start().plus_nanos(minutes(minute));
            let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<String>>();
            let steps = [
                (Triage::Status(AlertStatus::Acknowledged, None), 1),
                (Triage::Status(AlertStatus::Acknowledged, None), 0),
                (Triage::Tags { add: texts(&["b", "a", "b"]), remove: Vec::new() }, 1),
                (Triage::Tags { add: Vec::new(), remove: texts(&["b"]) }, 1),
                (Triage::Tags { add: texts(&["a"]), remove: texts(&["z"]) }, 0),
                (Triage::Assignees { add: texts(&["u1"]), remove: Vec::new() }, 1),
                (Triage::Note("seen before".to_owned()), 1),
                (Triage::Status(AlertStatus::Closed, Some("false positive".to_owned())), 1),
            ];
            for (minute, (change, expected)) in (10..).zip(steps) {
                let changed = bench.database.triage(&ids, &change, "ana", at(minute)).await;
                assert_eq!(changed.expect("it can be changed"), expected, "{change:?}");
            }
            let unknown = texts(&["nothing"]);
            let open = Triage::Status(AlertStatus::Open, None);
            let both = [ids.clone(), unknown].concat();
            let error =
                bench.database.triage(&both, &open, "ana", at(30)).await.expect_err("one is not there");
            assert!(matches!(error, StateError::Absent { .. }));
            let alert = bench.database.alert(&ids[0]).await.expect("it is there");
            assert_eq!(alert.status, AlertStatus::Closed, "all or nothing");
            for (name, value) in [
                ("status", json!("closed")),
                ("reason", json!("false positive")),
                ("user", json!("ana")),
                ("status_updated_at", json!(at(17).to_iso_millis())),
                ("tags", json!(["a"])),
                ("assignee_ids", json!(["u1"])),
            ] {
                assert_eq!(
                    alert.document.get(&format!("kibana.alert.workflow_{name}")),
                    Some(&value),
                    "{name}"
                );
            }
            let history = bench.database.alert_history(&ids[0]).await.expect("there is a history");
            let told: Vec<(&str, &str)> =
                history.iter().map(|one| (one.actor.as_str(), one.change.as_str())).collect();
            let expected = ["status", "tags", "tags", "assignees", "note", "status"];
            assert_eq!(told, expected.map(|change| ("ana", change)));
            assert_eq!(history[1].body, json!({ "from": [], "to": ["b", "a"] }));
            assert_eq!(history[4].body, json!({ "text": "seen before" }));
            // What was found again does not open it again.
            bench.database.rules().await.expect("rules can be read");
            let rules: Vec<String> =
                bench.database.rules().await.expect("rules").into_iter().map(|kept| kept.id).collect();
            let again = bench.scheduler.run_range(&rules, span(start(), at(5))).await.expect("the run ends");
            assert_eq!(again.executions.iter().map(|one| one.found).sum::<u64>(), 0);
            assert_eq!(bench.alerts().await, [alert]);
            bench.database.close().await;
        }
    });
}

#[test]
fn of_two_servers_over_one_database_one_settles() {
    run(async {
        for database in databases().await {
            let bench = Bench::new(&database.options).await;
            one_alert(&bench).await;
            let other = Bench::open(&database.options, &bench.events, &bench.clock).await;
            for (_, event) in events(&[(0, 0, 1, 1), (400, 1, 0, 0), (700, 1, 0, 1), (1_000, 1, 0, 2)]) {
                bench.events.push(event);
            }
            bench.clock.set(start().plus_nanos(minutes(30)));
            let (one, two) = tokio::join!(bench.scheduler.tick(), other.scheduler.tick());
            for result in [one, two] {
                let passing = result.as_ref().err().is_none_or(StateError::is_passing);
                assert!(passing, "{}: {result:?}", database.name);
            }
            // Whoever was overtaken tries again.
            bench.scheduler.tick().await.expect("the tick ends");
            assert_eq!(bench.alerts().await.len(), 4, "{}", database.name);
            bench.database.close().await;
            other.database.close().await;
        }
    });
}

/// Events that cannot be read at times.
#[derive(Default)]
struct Flaky {
    events: MemoryEvents,
    is_broken: AtomicBool,
}

impl Flaky {
    fn check(&self) -> io::Result<()> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is on fire"));
        }
        Ok(())
    }
}

impl StoredEvents for Flaky {
    fn has_stream(&self, patterns: &IndexPatterns) -> io::Result<bool> {
        self.check()?;
        self.events.has_stream(patterns)
    }

    fn read(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        self.check()?;
        self.events.read(query, take)
    }

    fn latest(&self) -> io::Result<LatestTimes> {
        self.events.latest()
    }

    fn count_late(&self, query: &LateQuery<'_>) -> io::Result<u64> {
        self.check()?;
        self.events.count_late(query)
    }
}

#[test]
fn what_could_not_be_searched_is_owed_and_tried_again() {
    run(async {
        for database in databases().await {
            let bench = Bench::new(&database.options).await;
            let (store, clock): (Arc<Flaky>, Arc<TestClock>) = (Arc::default(), Arc::default());
            let scheduler = Scheduler::new(
                bench.database.clone(),
                Arc::clone(&store),
                Arc::clone(&CATALOGUE),
                Arc::<TestClock>::clone(&clock),
                SchedulerSettings::default(),
            );
            bench.database.install_rule(&rules()[0], "test", start()).await.expect("a rule is installed");
            for (_, event) in events(&[(30, 1, 0, 0)]) {
                store.events.push(event);
            }
            let at = |seconds: i64| start().plus_nanos(i128::from(seconds) * 1_000_000_000);
            clock.set(at(300));
            store.is_broken.store(true, Ordering::Relaxed);
            let report = scheduler.tick().await.expect("the tick ends");
            assert_eq!(report.executions, []);
            // Those of 08:00 and 08:05.
            assert_eq!(report.failed.len(), 2);
            let failed = &report.failed[1];
            assert_eq!(failed.status, ExecutionStatus::Failed);
            assert_eq!(failed.messages[0].text, "the stored events cannot be read: the disk is on fire");
            assert_eq!(report.next_due, Some(at(330)), "the first try comes after half a minute");
            let rule = bench.database.rules().await.expect("rules can be read").remove(0);
            assert_eq!(scheduler.gaps(&rule.id).await.expect("gaps can be found").len(), 1);

            clock.set(at(310));
            let report = scheduler.tick().await.expect("the tick ends");
            assert_eq!((report.executions, report.failed), (Vec::new(), Vec::new()), "it waits");
            clock.set(at(331));
            let report = scheduler.tick().await.expect("the tick ends");
            assert_eq!(report.failed.len(), 2);
            assert_eq!(report.next_due, Some(at(391)), "and then after a whole one");

            store.is_broken.store(false, Ordering::Relaxed);
            clock.set(at(400));
            let report = scheduler.tick().await.expect("the tick ends");
            assert_eq!((report.executions.len(), report.failed.len()), (2, 0));
            assert_eq!(scheduler.gaps(&rule.id).await.expect("gaps can be found"), []);
            assert_eq!(alerts_of(&bench.database).await.len(), 1);
            let kept = bench.database.executions(Some(&rule.id), 10).await.expect("executions can be read");
            assert!(kept.iter().all(|one| one.status == ExecutionStatus::Succeeded), "{kept:?}");
            bench.database.close().await;
        }
    });
}

#[test]
fn what_is_pruned_is_not_found_twice() {
    run(async {
        for database in databases().await {
            let bench = Bench::new(&database.options).await;
            one_alert(&bench).await;
            let before = bench.alerts().await;
            assert!(
                bench.database.prune(start().plus_nanos(minutes(600))).await.expect("it can be pruned") > 0
            );
            assert_eq!(bench.database.executions(None, 10).await.expect("executions can be read"), []);
            bench.clock.set(start().plus_nanos(minutes(6)));
            let rules: Vec<String> =
                bench.database.rules().await.expect("rules").into_iter().map(|kept| kept.id).collect();
            let window = span(start(), start().plus_nanos(minutes(5)));
            bench.scheduler.run_range(&rules, window).await.expect("the run ends");
            assert_eq!(bench.alerts().await, before, "{}", database.name);
            bench.database.remove_rule(&rules[0], start()).await.expect("it is there");
            assert!(matches!(bench.database.rule(&rules[0]).await, Err(StateError::Absent { .. })));
            assert_eq!(bench.alerts().await, before, "alerts outlive their rule");
            bench.database.close().await;
        }
    });
}
