//! Looks at events when they arrive.

use std::io;
use std::sync::{Arc, Mutex, mpsc};

use watchfire_events::{Event, EventBatch, IndexPatterns};
use watchfire_state::{
    Arrived, EventQuery, ExecutionKind, LateQuery, LatestTimes, LookReport, MemoryEvents, Scheduler,
    SchedulerSettings, StateDatabase, StoredEvents,
};

use crate::any_grid::{Made, events, rules, start};
use crate::support::{Bench, CATALOGUE, TestClock, alerts_of, minutes, run, sqlite};

#[test]
fn a_look_alerts_before_the_execution_does() {
    let made: Vec<Made> = (0..12).map(|nth| (nth * 10 + 1, 0, (nth % 3) as u8, 0)).collect();
    let events = events(&made);
    run(async {
        let database = sqlite();
        let bench = Bench::new(&database.options).await;
        for rule in rules() {
            bench.database.install_rule(&rule, "test", start()).await.expect("a rule is installed");
        }
        events.iter().for_each(|(_, event)| bench.events.push(event.clone()));
        let looked_at = start().plus_nanos(minutes(2));
        let nothing = bench.scheduler.look(Arrived::default(), start()).await.expect("the look ends");
        assert_eq!(nothing, LookReport::default());
        let arrived =
            Arrived { events: events.into_iter().map(|(_, event)| event.into()).collect(), left_out: 0 };
        let report = bench.scheduler.look(arrived, looked_at).await.expect("the look ends");
        let alerts = bench.alerts().await;
        let of = |name: &str| {
            let of_rule = alerts.iter().filter(|alert| alert.document["kibana.alert.rule.name"] == *name);
            of_rule.filter(|alert| !alert.document.contains_key("kibana.alert.group.index")).count()
        };
        // Three of four, since `max_signals` is three.
        assert_eq!(of("r0"), 3);
        assert_eq!(of("r1"), 8);
        // Thresholds, new values, suppression and samples are for executions.
        assert_eq!([of("r3"), of("r4"), of("r5"), of("r6"), of("r7"), of("r8")], [0; 6]);
        assert!(alerts.iter().all(|alert| alert.made == looked_at));
        assert!(report.found.iter().all(|record| record.kind == ExecutionKind::Continuous));
        // What arrived within the window before the first look is not at hand.
        assert_eq!(report.postponed, 1);
        let due = start().plus_nanos(minutes(5));
        bench.clock.set(due);
        let report = bench.scheduler.tick().await.expect("the tick ends");
        let again: Vec<u64> = report.executions.iter().take(2).map(|record| record.found).collect();
        assert_eq!(again, [0, 0]);
        bench.database.close().await;
    });
}

/// Events of which the first reading goes on only when it is told to.
struct Slow {
    events: MemoryEvents,
    began: mpsc::SyncSender<()>,
    go_on: Mutex<Option<mpsc::Receiver<()>>>,
}

impl StoredEvents for Slow {
    fn has_stream(&self, patterns: &IndexPatterns) -> io::Result<bool> {
        self.events.has_stream(patterns)
    }

    fn read(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let go_on = self.go_on.lock().expect("nothing has failed").take();
        if let Some(go_on) = go_on {
            self.began.send(()).map_err(io::Error::other)?;
            go_on.recv().map_err(io::Error::other)?;
        }
        self.events.read(query, take)
    }

    fn latest(&self) -> io::Result<LatestTimes> {
        self.events.latest()
    }

    fn count_late(&self, query: &LateQuery<'_>) -> io::Result<u64> {
        self.events.count_late(query)
    }
}

#[test]
fn looks_do_not_wait_for_executions_and_neither_doubles_what_the_other_finds() {
    let made: Vec<Made> = (0..4).map(|nth| (nth * 10 + 1, 0, 0, 0)).collect();
    let seen: Vec<Event> = events(&made).into_iter().map(|(_, event)| event).collect();
    run(async {
        let database = sqlite();
        let database = StateDatabase::open(&database.options).await.expect("the database can be opened");
        let rule = rules().swap_remove(1);
        database.install_rule(&rule, "test", start()).await.expect("a rule is installed");
        let (began, has_begun) = mpsc::sync_channel(1);
        let (let_go, go_on) = mpsc::sync_channel(1);
        let events = Slow { events: MemoryEvents::default(), began, go_on: Mutex::new(Some(go_on)) };
        seen.iter().for_each(|event| events.events.push(event.clone()));
        let clock = Arc::new(TestClock::default());
        clock.set(start().plus_nanos(minutes(5)));
        let scheduler = Arc::new(Scheduler::new(
            database.clone(),
            Arc::new(events),
            Arc::clone(&CATALOGUE),
            clock,
            SchedulerSettings::default(),
        ));
        let ticking = Arc::clone(&scheduler);
        let tick = tokio::spawn(async move { ticking.tick().await });
        let begun = tokio::task::spawn_blocking(move || has_begun.recv()).await;
        begun.expect("it can be waited for").expect("the execution reads");
        // The execution of 08:00 is the one that reads: it has none of these events, and that of 08:05 has all.
        let events = seen.into_iter().map(Into::into).collect();
        let arrived = Arrived { events, left_out: 0 };
        let looked = scheduler.look(arrived, start().plus_nanos(minutes(4))).await.expect("the look ends");
        assert_eq!(looked.found.iter().map(|record| record.alerts).sum::<u64>(), 4);
        let_go.send(()).expect("the execution waits");
        let report = tick.await.expect("it ends").expect("neither is overtaken");
        assert_eq!(report.executions.iter().map(|record| record.found).sum::<u64>(), 0);
        assert!(report.failed.is_empty());
        assert_eq!(alerts_of(&database).await.len(), 4);
        database.close().await;
    });
}
