//! Events and rules that are made of a number.

use std::path::{Path, PathBuf};

use serde_json::json;
use watchfire_events::{Event, Timestamp};
use watchfire_rules::model::Rule;
use watchfire_test_support::Dice;

use super::bench::{after, at, event};

/// Seconds over which events happen, how late they are at most, and when all has been given out.
pub(super) const BUSY: i64 = 40 * 60;
pub(super) const LATEST: u64 = 200;
pub(super) const LAST: i64 = 120 * 60;

pub(super) fn start() -> Timestamp {
    at("2026-03-02T08:00:00Z")
}

/// The folder of rules, of every form that an execution has.
pub(super) fn rules_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/over_the_lake/rules")
}

pub(super) fn rules() -> Vec<Rule> {
    let loaded = watchfire_rules::load::load(&[rules_folder()]);
    loaded.into_iter().map(|file| file.content.expect("a rule of ours").rule).collect()
}

/// Indicators that are there before the start.
pub(super) fn indicators() -> Vec<Event> {
    let one = |(number, ip): (usize, &str)| {
        let document = json!({
            "@timestamp": after(start(), -3_600).to_iso_millis(),
            "threat": { "indicator": { "ip": ip, "type": "ipv4-addr" } },
        });
        event("indicators-a-default", &format!("i{number}"), &document)
    };
    ["203.0.113.1", "203.0.113.2"].into_iter().enumerate().map(one).collect()
}

/// Events in the order of their arrival, in two data streams; each with the seconds from the start until then.
pub(super) fn coming(dice: &mut Dice) -> Vec<(i64, Event)> {
    let number = 30 + dice.below(30);
    let mut coming: Vec<(i64, Event)> = (0..number)
        .map(|nth| {
            let time = dice.below(BUSY as u64) as i64;
            let named = ["a", "b", "c"][dice.below(3) as usize];
            let mut document = json!({
                "@timestamp": after(start(), time).to_iso_millis(),
                "process": { "name": named },
                "host": { "id": dice.below(3).to_string() },
            });
            if dice.below(4) == 0 {
                document["destination"]["ip"] = format!("203.0.113.{}", dice.below(4)).into();
            }
            let stream = ["logs-a-default", "logs-b-default"][dice.below(2) as usize];
            (time + dice.below(LATEST) as i64, event(stream, &format!("e{nth:02}"), &document))
        })
        .collect();
    coming.sort_by_key(|(arrives, _)| *arrives);
    coming
}
