//! Elasticsearch's own pictures of sequences.
//!
//! A picture is a name, a line per stage, `;`, a line per sequence, `;`. An event is `key|Xn` or `Xn`: it satisfies
//! the stage of its line at time n.

use watchfire_engine::correlate::{
    HitStage, KeyTuple, KeyValue, Ordinal, Sequence, SequenceCorrelator, SequenceSettings, SequenceShape,
    StageForm, StageHit,
};
use watchfire_events::Timestamp;
use watchfire_test_support::{read_text, shared_folder};

struct Picture {
    name: String,
    stages: Vec<String>,
    expected: Vec<String>,
}

fn pictures(text: &str) -> Vec<Picture> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let lines: Vec<&str> = lines.collect();
    let parts: Vec<&[&str]> = lines.split(|line| *line == ";").collect();
    let own = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
    parts
        .chunks(2)
        .filter_map(|pair| {
            let [query, results] = pair else { return None };
            let (name, stages) = query.split_first()?;
            Some(Picture { name: (*name).to_owned(), stages: own(stages), expected: own(results) })
        })
        .collect()
}

#[test]
fn shared_pictures_of_sequences() {
    let Some(shared) = shared_folder() else { return };
    let pictures = pictures(&read_text(&shared.join("conformance/eql/unit/sequences.series-spec")));
    assert_eq!(pictures.len(), 25, "all pictures are read");
    for picture in &pictures {
        // The name of each event, with its key in front as in the expected results.
        let mut hits: Vec<StageHit<(String, String)>> = Vec::new();
        for (stage, line) in picture.stages.iter().enumerate() {
            for event in line.split_whitespace() {
                let (key, name) = event.split_once('|').unwrap_or(("", event));
                let time: i64 = name.trim_start_matches(char::is_alphabetic).parse().expect("a time");
                hits.push(StageHit {
                    ordinal: Ordinal {
                        time: Timestamp::from_millis(time),
                        tiebreaker: None,
                        arrival: time as u64,
                    },
                    stage: HitStage::Stage(stage as u16),
                    keys: KeyTuple::from([KeyValue::text(key)]),
                    payload: (key.to_owned(), name.to_owned()),
                });
            }
        }
        hits.sort_by(StageHit::feeding_order);
        let forms = vec![StageForm { missing: false, runs: 1 }; picture.stages.len()];
        let shape = SequenceShape::new(&forms, None).unwrap();
        let mut correlator = SequenceCorrelator::new(shape, SequenceSettings::default());
        let mut found = Vec::new();
        hits.into_iter().for_each(|hit| correlator.push(hit, &mut found).unwrap());
        correlator.finish(&mut found);
        found.sort_by(Sequence::order_of_results);
        let found: Vec<String> = found.iter().map(line).collect();
        assert_eq!(found, picture.expected, "{}", picture.name);
    }
}

fn line(sequence: &Sequence<(String, String)>) -> String {
    let names: Vec<&str> = sequence.events().map(|(_, name)| name.as_str()).collect();
    let key = sequence.events().next().map_or("", |(key, _)| key.as_str());
    let names = names.join(" ");
    if key.is_empty() { names } else { format!("{key}|{names}") }
}
