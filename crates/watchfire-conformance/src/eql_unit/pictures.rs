//! Sequences as pictures.
//!
//! A picture is a name, a line per stage, `;`, a line per sequence, `;`. An event is `key|Xn` or `Xn`: it satisfies
//! the stage of its line at time n.

use std::path::Path;

use watchfire_engine::correlate::{
    HitStage, KeyTuple, KeyValue, Ordinal, Sequence, SequenceCorrelator, SequenceSettings, SequenceShape,
    StageForm, StageHit,
};
use watchfire_events::Timestamp;
use watchfire_test_support::read_text;

use super::{Outcome, Suite};

/// An event by its key, which may be empty, and its name.
type Drawn = (String, String);

/// The file of pictures.
pub(super) fn suite(unit: &Path) -> Suite {
    let text = read_text(&unit.join("sequences.series-spec"));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let lines: Vec<&str> = lines.collect();
    let parts: Vec<&[&str]> = lines.split(|line| *line == ";").collect();
    let mut outcomes = Vec::new();
    for pair in parts.chunks_exact(2) {
        let Some((name, stages)) = pair[0].split_first() else { continue };
        let found = sequences(stages);
        let judged =
            if found == pair[1] { Ok(()) } else { Err(format!("expected {:?}, found {found:?}", pair[1])) };
        outcomes.push(((*name).to_owned(), Outcome::of(judged)));
    }
    Suite { file: "sequences.series-spec", asks: "found as in the picture", least: 25, outcomes }
}

/// The sequences over the events drawn for each stage, as the file writes them.
fn sequences(stages: &[&str]) -> Vec<String> {
    let drawn = stages
        .iter()
        .enumerate()
        .flat_map(|(stage, line)| line.split_whitespace().map(move |event| hit(stage as u16, event)));
    let mut hits: Vec<StageHit<Drawn>> = drawn.collect();
    hits.sort_by(StageHit::feeding_order);
    let forms = vec![StageForm { missing: false, runs: 1 }; stages.len()];
    let shape = SequenceShape::new(&forms, None).expect("a picture has few stages");
    let mut correlator = SequenceCorrelator::new(shape, SequenceSettings::default());
    let mut found = Vec::new();
    for hit in hits {
        correlator.push(hit, &mut found).expect("hits are in order");
    }
    correlator.finish(&mut found);
    found.sort_by(Sequence::order_of_results);
    found.iter().map(line).collect()
}

fn hit(stage: u16, event: &str) -> StageHit<Drawn> {
    let (key, name) = event.split_once('|').unwrap_or(("", event));
    let time: i64 = name.trim_start_matches(char::is_alphabetic).parse().expect("a time");
    StageHit {
        ordinal: Ordinal { time: Timestamp::from_millis(time), tiebreaker: None, arrival: time as u64 },
        stage: HitStage::Stage(stage),
        keys: KeyTuple::from([KeyValue::text(key)]),
        payload: (key.to_owned(), name.to_owned()),
    }
}

fn line(sequence: &Sequence<Drawn>) -> String {
    let names: Vec<&str> = sequence.events().map(|(_, name)| name.as_str()).collect();
    let key = sequence.events().next().map_or("", |(key, _)| key.as_str());
    let names = names.join(" ");
    if key.is_empty() { names } else { format!("{key}|{names}") }
}
