//! Executions when they are due, one back-fill over all of the time, and `scan --as-scheduled` over what the lake exports make
//! the same alerts, in the same order.

use std::sync::Arc;

use watchfire_detect::ExecutionWindow;
use watchfire_events::{Document, IndexPatterns};
use watchfire_lake::{CompactionOptions, SetClock};
use watchfire_test_support::Dice;

use super::bench::{
    Alerts, Bench, after, as_of_files, comparable, comparable_of, difference, scanned_in_order, state_in,
};
use super::made::{LAST, coming, indicators, rules, rules_folder, start};

/// Events that are tried.
const SEEDS: std::ops::Range<u64> = 0..4;

#[test]
fn live_executions_a_back_fill_and_a_scan_of_the_export_make_the_same_alerts() {
    let mut rules_that_alerted = std::collections::BTreeSet::new();
    for seed in SEEDS {
        let alerts = compare(seed);
        rules_that_alerted.extend(alerts.values().map(|alert| alert["kibana.alert.rule.name"].to_string()));
    }
    // Without an alert, a rule would prove nothing.
    assert_eq!(rules_that_alerted.len(), rules().len(), "{rules_that_alerted:?}");
}

fn compare(seed: u64) -> Alerts {
    let mut dice = Dice(seed);
    let coming = coming(&mut dice);
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SetClock::at(start()));
    let live = Bench::open(folder.path(), &clock, &state_in(folder.path(), "live.db"));
    live.append(start(), &indicators());
    live.install(&rules(), start());
    let mut rest = coming.iter().peekable();
    let mut second = 0;
    while second < LAST {
        second += 30 + dice.below(400) as i64;
        while let Some((arrives, event)) = rest.next_if(|(arrives, _)| *arrives < second) {
            live.append(after(start(), *arrives), std::slice::from_ref(event));
            if dice.below(5) == 0 {
                live.lake.commit().expect("it commits");
            }
        }
        live.tick(after(start(), second));
        if dice.below(5) == 0 {
            let options = CompactionOptions { least_files: 2, ..CompactionOptions::default() };
            live.lake.compact(&IndexPatterns::default(), options).expect("it compacts");
        }
    }
    let made = comparable_of(live.alerts());

    let filled = Bench::over(Arc::clone(&live.lake), &clock, &state_in(folder.path(), "filled.db"));
    filled.install(&rules(), start());
    let end = after(start(), LAST);
    filled.back_fill(end, ExecutionWindow { from: start(), to: end });
    let filled_in = comparable_of(filled.alerts());
    let order = live.ids_by_slot();
    assert_eq!(filled.ids_by_slot(), order, "seed {seed}: the order of the back-fill");
    filled.close();

    let (events, known) = (folder.path().join("events.ndjson"), folder.path().join("known.ndjson"));
    assert_eq!(live.export("logs-*", &events).len(), coming.len());
    live.export("indicators-*", &known);
    live.close();
    let known = ["--indicators", known.to_str().expect("a text")];
    let found = scanned_in_order(&events, &rules_folder(), &known);
    let uuid = |alert: &Document| alert["kibana.alert.uuid"].as_str().expect("a text").to_owned();
    assert_eq!(found.iter().map(uuid).collect::<Vec<_>>(), order, "seed {seed}: the order of the scan");
    let found = comparable(found);
    let not_as_live = difference(&filled_in, &made);
    assert!(not_as_live.is_empty(), "seed {seed}: the back-fill is not as live: {not_as_live:#?}");
    let not_as_live = difference(&found, &as_of_files(made.clone()));
    assert!(not_as_live.is_empty(), "seed {seed}: the scan is not as live: {not_as_live:#?}");
    made
}
