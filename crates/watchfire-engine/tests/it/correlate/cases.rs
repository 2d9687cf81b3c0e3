//! The cases in `tests/cases/sequences` and `tests/cases/samples`; a new one costs a file.
//!
//! Each goes through matcher, extractor and correlator, in batches of several sizes and with its events in several
//! orders: what is found must not depend on either.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use watchfire_engine::correlate::{
    HitStage, OrderFields, ResultLimit, SampleCorrelator, SampleSettings, Sequence, SequenceCorrelator,
    SequencePlace, SequenceSettings, SequenceShape, StageExtractor, StageHit, spread_key_constraints,
    write_position,
};
use watchfire_engine::{RuleIndex, RuleSetBuilder};
use watchfire_events::IndexPatterns;
use watchfire_ir::{SamplePlan, SequencePlan};

use super::case::Case;

/// Numbers without a common divisor with any number of events here: the row times one of them is another order.
const STRIDES: [usize; 3] = [1, 101, 1009];

#[test]
fn sequences_are_as_pictured() {
    check_folder("sequences", 40);
}

#[test]
fn samples_are_as_pictured() {
    check_folder("samples", 8);
}

fn check_folder(folder: &str, least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= least, "only {} cases", files.len());
    let mut wrong = String::new();
    for file in files {
        assert!(
            file.extension().is_some_and(|extension| extension == "txt"),
            "{} is no case",
            file.display()
        );
        let case = Case::parse(&fs::read_to_string(&file).unwrap());
        for size in [case.names.len().max(1), 2, 1] {
            for stride in STRIDES {
                let found = run(&case, size, stride);
                if found != case.expected {
                    let name = file.file_name().unwrap().display();
                    writeln!(
                        wrong,
                        "{name}, batches of {size}, stride {stride}:\n  expected {:?}\n  found    {found:?}",
                        case.expected
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn run(case: &Case, batch_size: usize, stride: usize) -> Vec<String> {
    let mut stages = case.stages.clone();
    spread_key_constraints(&mut stages);
    let mut builder = RuleSetBuilder::new();
    let rules: Vec<RuleIndex> = stages
        .iter()
        .chain(&case.until)
        .map(|stage| builder.add(IndexPatterns::default(), stage.condition.clone()))
        .collect();
    let set = builder.build();
    let plan = SequencePlan {
        stages: case.stages.clone(),
        maxspan_ms: case.maxspan_ms,
        until: case.until.clone(),
        pipes: case.pipes.clone(),
    };
    let extractor = if case.is_sample {
        let plan = SamplePlan { stages: case.stages.clone(), pipes: case.pipes.clone() };
        StageExtractor::for_sample(&plan, &rules)
    } else {
        let order =
            OrderFields { tiebreaker: case.tiebreaker.as_deref().map(Into::into), ..OrderFields::default() };
        StageExtractor::for_sequence(&plan, &rules, order)
    };
    let rows = case.names.len();
    let order: Vec<usize> = (0..rows).map(|at| at * stride % rows).collect();
    let mut hits = Vec::new();
    for part in order.chunks(batch_size) {
        let batch = case.batch(part);
        let matches = set.match_batch(&batch, case);
        let known = hits.len();
        let counts = extractor.extract(&batch, &matches, |row| (part[row] as u64, part[row]), &mut hits);
        // The same as bytes, without the hits between.
        let position = |row: usize| [b'a', 0, part[row] as u8];
        let mut bytes: Vec<(usize, HitStage, Vec<u8>)> = Vec::new();
        let counted = extractor.extract_ordered(
            &batch,
            &matches,
            |row, out| write_position(&[&position(row)[..1], &position(row)[1..]], out),
            |row, stage, hit| bytes.push((part[row], stage, hit.to_vec())),
        );
        let expected = hits[known..].iter().map(|hit| {
            let mut bytes = Vec::new();
            hit.write_ordered(&[b'a', 0, hit.payload as u8], &mut bytes);
            (hit.payload, hit.stage, bytes)
        });
        assert_eq!(bytes, expected.collect::<Vec<_>>());
        assert_eq!(counted, counts);
    }
    if case.is_sample { find_samples(case, hits) } else { find_sequences(case, &plan, hits) }
}

fn find_sequences(case: &Case, plan: &SequencePlan, mut hits: Vec<StageHit<usize>>) -> Vec<String> {
    hits.sort_by(StageHit::feeding_order);
    let mut settings = SequenceSettings { missing: case.missing, ..SequenceSettings::default() };
    settings.max_held = case.max_held.unwrap_or(settings.max_held);
    let mut correlator = SequenceCorrelator::new(SequenceShape::of_plan(plan).unwrap(), settings);
    let (mut lines, mut found) = (Vec::new(), Vec::new());
    let mut hits = hits.into_iter().peekable();
    for &watermark in &case.watermarks {
        while let Some(hit) = hits.next_if(|hit| hit.ordinal.time < watermark) {
            correlator.push(hit, &mut found).unwrap();
        }
        correlator.advance(watermark, &mut found);
        lines.extend(found.drain(..).map(|one| format!("at {}: {}", watermark.millis(), line(case, &one))));
    }
    hits.for_each(|hit| correlator.push(hit, &mut found).unwrap());
    let evicted = correlator.finish(&mut found);
    found.sort_by(Sequence::order_of_results);
    let found = ResultLimit::new(&case.pipes, case.size, case.position).apply(found);
    let label = if case.watermarks.is_empty() { "" } else { "end: " };
    lines.extend(found.iter().map(|one| format!("{label}{}", line(case, one))));
    if case.max_held.is_some() {
        lines.push(format!(
            "gave up {} begun, {} waiting, {} leading",
            evicted.partials, evicted.candidates, evicted.leading
        ));
    }
    lines
}

fn find_samples(case: &Case, hits: Vec<StageHit<usize>>) -> Vec<String> {
    let mut settings =
        SampleSettings { max_samples_per_key: case.samples_per_key, ..SampleSettings::default() };
    settings.max_held = case.max_held.unwrap_or(settings.max_held);
    let mut correlator = SampleCorrelator::new(case.stages.len(), settings).unwrap();
    hits.into_iter().for_each(|hit| correlator.push(hit).unwrap());
    let found = ResultLimit::new(&case.pipes, case.size, case.position).apply(correlator.finish());
    found.iter().map(|one| line(case, one)).collect()
}

fn line(case: &Case, sequence: &Sequence<usize>) -> String {
    let places = sequence.places.iter().map(|place| match place {
        SequencePlace::Event(row) => case.names[*row].as_str(),
        SequencePlace::Missing => "-",
    });
    let places = places.collect::<Vec<_>>().join(" ");
    let keys = sequence.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if keys.is_empty() { places } else { format!("{places} by {keys}") }
}
