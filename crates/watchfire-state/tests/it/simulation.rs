//! A server that breaks: at any statement of a transaction, or behind its end; with a clock that jumps, a database that is
//! locked, and processes that start anew. In the end every alert is there once, as if nothing had happened.
//!
//! A run is made of a number: `WATCHFIRE_SEED` runs one of them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _};
use watchfire_events::Timestamp;
use watchfire_state::{MemoryEvents, StateError, StateOptions, StatementGate};
use watchfire_test_support::{Dice, seeds};

use crate::any_grid::{Made, difference, events, rules, scanned, start};
use crate::support::{Bench, TestClock, TestDatabase, minutes, postgres, run, sqlite, without_volatile};

/// The seeds of a run of the tests.
const SEEDS: std::ops::Range<u64> = 0..8;
/// Minutes over which events come, and at which all has been given out.
const BUSY: i64 = 40;
const LAST: i64 = 120;

fn made(dice: &mut Dice) -> Made {
    let mut below = |number: u64| dice.below(number);
    (below(BUSY as u64 * 60) as i64, below(240) as i64, below(3) as u8, below(3) as u8)
}

/// What a run went through.
#[derive(Debug, Default)]
struct Trouble {
    broken: u64,
    locked: u64,
    restarts: u64,
    jumps: u64,
}

#[test]
fn whatever_breaks_every_alert_is_there_once() {
    let seeds = seeds(SEEDS);
    let is_one = seeds.len() == 1;
    run(async move {
        let mut trouble = Trouble::default();
        for seed in seeds {
            simulate(seed, sqlite(), &mut trouble).await;
            // A quarter as many: making a database there takes longer than the run.
            if (seed % 4 == 0 || is_one)
                && let Some(database) = postgres().await
            {
                simulate(seed, database, &mut trouble).await;
            }
        }
        let Trouble { broken, locked, restarts, jumps } = trouble;
        assert!(is_one || (broken > 5 && locked > 1 && restarts > 5 && jumps > 3), "{trouble:?}");
    });
}

async fn simulate(seed: u64, database: TestDatabase, trouble: &mut Trouble) {
    let mut dice = Dice(seed);
    let number = 20 + dice.below(20);
    let made: Vec<Made> = (0..number).map(|_| made(&mut dice)).collect();
    let coming = events(&made);
    let expected = scanned(&coming);

    // Counts down to the statement at which the connection breaks.
    let fuse = Arc::new(AtomicI64::new(i64::MAX));
    let gate: StatementGate = {
        let fuse = Arc::clone(&fuse);
        Arc::new(move || match fuse.fetch_sub(1, Ordering::Relaxed) {
            1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    };
    let options =
        StateOptions { gate: Some(gate), patience: Duration::from_millis(200), ..database.options.clone() };
    let (events, clock): (Arc<MemoryEvents>, Arc<TestClock>) = (Arc::default(), Arc::default());
    let mut bench = Bench::open(&options, &events, &clock).await;
    for rule in rules() {
        bench.database.install_rule(&rule, "test", start()).await.expect("a rule is installed");
    }
    let mut rest = coming.iter().peekable();
    let mut minute: i64 = 0;
    let arrive = |rest: &mut std::iter::Peekable<std::slice::Iter<'_, (Timestamp, _)>>, now: Timestamp| {
        while let Some((_, event)) = rest.next_if(|(arrives, _)| *arrives <= now) {
            events.push(watchfire_events::Event::clone(event));
        }
    };
    while minute < BUSY + 10 {
        minute += 1 + dice.below(7) as i64;
        let now = start().plus_nanos(minutes(minute));
        clock.set(now);
        arrive(&mut rest, now);
        match dice.below(8) {
            0..=2 => fuse.store(1 + dice.below(60) as i64, Ordering::Relaxed),
            3 => {
                trouble.jumps += 1;
                clock.set(now.plus_nanos(-minutes(1 + dice.below(90) as i64)));
            }
            4 => {
                trouble.restarts += 1;
                bench.database.close().await;
                bench = Bench::open(&options, &events, &clock).await;
                bench.scheduler.start().await.expect("nothing breaks here");
            }
            _ => {}
        }
        let holder = if dice.below(8) == 0 { hold(&database).await } else { None };
        match bench.scheduler.tick().await {
            Ok(report) => assert_eq!(report.failed, []),
            Err(StateError::Locked(_)) => trouble.locked += 1,
            Err(StateError::Lost(_)) => trouble.broken += 1,
            Err(other) => panic!("seed {seed} on {}: {other:?}", database.name),
        }
        fuse.store(i64::MAX, Ordering::Relaxed);
        if let Some(holder) = holder {
            holder.close().await.expect("a connection can be closed");
        }
        if dice.below(4) == 0 {
            // What ran is gone with its process, whatever it was about to do.
            trouble.restarts += 1;
            drop(bench.scheduler);
            bench.database.close().await;
            bench = Bench::open(&options, &events, &clock).await;
            bench.scheduler.start().await.expect("nothing breaks here");
        }
    }
    clock.set(start().plus_nanos(minutes(LAST)));
    arrive(&mut rest, start().plus_nanos(minutes(LAST)));
    bench.scheduler.tick().await.expect("nothing breaks at the end");
    let found = without_volatile(&bench.alerts().await);
    let difference = difference(&found, &expected);
    assert!(difference.is_empty(), "seed {seed} on {}: {difference:#?}", database.name);
    bench.database.close().await;
}

/// Somebody else who holds a lock on all that is written.
async fn hold(database: &TestDatabase) -> Option<AnyConnection> {
    let mut connection = AnyConnection::connect(&database.options.url).await.expect("the database is there");
    let statements: &[&'static str] = if database.name == "SQLite" {
        &["BEGIN IMMEDIATE"]
    } else {
        &["BEGIN", "LOCK TABLE executions IN ACCESS EXCLUSIVE MODE"]
    };
    for statement in statements {
        sqlx::query(*statement).execute(&mut connection).await.expect("the lock is free");
    }
    Some(connection)
}
