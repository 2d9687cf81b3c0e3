//! A server that breaks anywhere between an event's arrival and its alert: at any statement of a transaction, between
//! acknowledgement, commit and execution, with a clock that jumps back, and with tables that are compacted meanwhile. In the end
//! every acknowledged event is in the lake once, and every alert is there once, as if nothing had happened.
//!
//! A run is made of a number: `WATCHFIRE_SEED` runs one of them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use watchfire_events::{Document, Event, IndexPatterns};
use watchfire_lake::{CompactionOptions, SetClock};
use watchfire_state::{StateError, StateOptions, StatementGate};
use watchfire_test_support::{Dice, seeds};

use super::bench::{Alerts, Bench, after, as_of_files, comparable_of, difference, scanned, state_in, wait};
use super::made::{BUSY, LAST, coming, indicators, rules, rules_folder, start};

/// The seeds of a run of the tests.
const SEEDS: std::ops::Range<u64> = 0..10;

/// What runs went through.
#[derive(Debug, Default)]
struct Trouble {
    broken: u64,
    restarts: u64,
    replayed: u64,
    sent_again: u64,
    jumps: u64,
    compactions: u64,
    from_looks: u64,
    alerts: u64,
}

#[test]
fn whatever_breaks_every_event_and_every_alert_is_there_once() {
    let seeds = seeds(SEEDS);
    let mut trouble = Trouble::default();
    for &seed in &seeds {
        simulate(seed, &mut trouble);
    }
    let least = if seeds.len() == 1 { 0 } else { seeds.len() as u64 / 2 };
    let Trouble { broken, restarts, replayed, sent_again, jumps, compactions, from_looks, alerts } = trouble;
    let numbers = [broken, restarts, replayed, sent_again, jumps, compactions, from_looks, alerts];
    assert!(numbers.iter().all(|number| *number >= least), "{trouble:?}");
}

fn simulate(seed: u64, trouble: &mut Trouble) {
    let mut dice = Dice(seed);
    let coming = coming(&mut dice);
    let folder = tempfile::tempdir().expect("a folder");
    // Counts down to the statement at which the connection breaks.
    let fuse = Arc::new(AtomicI64::new(i64::MAX));
    let gate: StatementGate = {
        let fuse = Arc::clone(&fuse);
        Arc::new(move || match fuse.fetch_sub(1, Ordering::Relaxed) {
            1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    };
    let options = StateOptions { gate: Some(gate), ..state_in(folder.path(), "state.db") };
    let clock = Arc::new(SetClock::at(start()));
    // Half of the servers look at what arrives.
    let looks = seed % 2 == 1;
    let open = || {
        let bench = Bench::open(folder.path(), &clock, &options);
        if looks { bench.looking() } else { bench }
    };
    let mut bench = open();
    bench.has_nothing();
    bench.append(start(), &indicators());
    bench.install(&rules(), start());
    let again = |bench: Bench, trouble: &mut Trouble| {
        trouble.restarts += 1;
        trouble.replayed += bench.lake.state().waiting;
        bench.close();
        let bench = open();
        wait(bench.scheduler.start());
        bench
    };
    let mut rest = coming.iter().peekable();
    let mut second = 0;
    while second < BUSY + 600 {
        second += 20 + dice.below(240) as i64;
        while let Some((arrives, event)) = rest.next_if(|(arrives, _)| *arrives < second) {
            // The clock of the server goes wrong, that of the sender does not.
            let back = if dice.below(12) == 0 { 60 + dice.below(3_600) as i64 } else { 0 };
            trouble.jumps += u64::from(back > 0);
            let now = after(start(), *arrives - back);
            let events: &[Event] = std::slice::from_ref(event);
            bench.append(now, events);
            if dice.below(10) == 0 {
                bench = again(bench, trouble);
            }
            if dice.below(6) == 0 {
                // The answer was lost.
                trouble.sent_again += 1;
                bench.append(now, events);
            }
            if dice.below(8) == 0 {
                bench.lake.commit_due().expect("it commits");
            }
        }
        let now = after(start(), second);
        match dice.below(8) {
            0..=2 => fuse.store(1 + dice.below(80) as i64, Ordering::Relaxed),
            3 => bench = again(bench, trouble),
            // It does not come round to it.
            4 => continue,
            _ => {}
        }
        let back = if dice.below(8) == 0 { 60 + dice.below(3_600) as i64 } else { 0 };
        trouble.jumps += u64::from(back > 0);
        match bench.try_tick(after(now, -back)) {
            Ok(report) => {
                assert_eq!(report.failed, [], "seed {seed}");
                trouble.from_looks += report.from_looks;
            }
            Err(StateError::Lost(_)) => trouble.broken += 1,
            Err(other) => panic!("seed {seed}: {other:?}"),
        }
        fuse.store(i64::MAX, Ordering::Relaxed);
        match dice.below(8) {
            0..=1 => bench = again(bench, trouble),
            2..=3 => {
                let options = CompactionOptions { least_files: 2, ..CompactionOptions::default() };
                let report = bench.lake.compact(&IndexPatterns::default(), options).expect("it compacts");
                trouble.compactions += u64::from(report.files_before > 0);
            }
            _ => {}
        }
    }
    bench.tick(after(start(), LAST));

    let (events, known) = (folder.path().join("events.ndjson"), folder.path().join("known.ndjson"));
    let mut stored = bench.export("logs-*", &events);
    stored.sort();
    let mut acknowledged: Vec<&str> = coming.iter().map(|(_, event)| event.id.as_str()).collect();
    acknowledged.sort_unstable();
    assert_eq!(stored, acknowledged, "seed {seed}");
    bench.export("indicators-*", &known);
    let made = comparable_of(bench.alerts());
    trouble.alerts += made.len() as u64;
    bench.close();
    let expected = scanned(&events, &rules_folder(), &["--indicators", known.to_str().expect("a text")]);
    let made = as_of_files(made);
    let mut difference = if looks {
        difference(&at_any_time(made), &at_any_time(expected))
    } else {
        difference(&made, &expected)
    };
    if looks {
        // Of events that come after later ones, a look can join what executions do not.
        difference.retain(|difference| !difference.starts_with("surplus: \"sequence\""));
    }
    assert!(difference.is_empty(), "seed {seed}: {difference:#?}");
}

/// Alerts without the executions that they count for: what looks that failed had found takes the place of others in these, and
/// the others wait for the next.
fn at_any_time(alerts: Alerts) -> Alerts {
    let without = |((_, id), mut alert): ((String, String), Document)| {
        alert.shift_remove("kibana.alert.intended_timestamp");
        ((String::new(), id), alert)
    };
    alerts.into_iter().map(without).collect()
}
