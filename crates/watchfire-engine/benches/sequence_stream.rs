//! How fast sequences are found where a common event begins one, and what that holds.
//!
//! ```text
//! cargo bench -p watchfire-engine --bench sequence_stream [-- --events 1000000]
//! ```
//!
//! Each event that starts a process begins a sequence, and one in fifty is completed five seconds later. Every row is
//! measured in a process of its own, since memory once used does not come back, and only the named part is timed: the
//! events are made outside of it. The yardstick is the least that a join by key can do, in the same run: each key
//! tuple is looked up once in a plain hash map. Compare ratios to it between machines, not times.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::fmt;
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use serde_json::{Map, json};
use watchfire_engine::correlate::{
    Evicted, HitStage, KeyTuple, KeyValue, OrderFields, Ordinal, SequenceCorrelator, SequenceSettings,
    SequenceShape, SequenceStream, StageExtractor, StageHit, StreamSettings, spread_key_constraints,
};
use watchfire_engine::{RuleIndex, RuleSetBuilder};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, IndexPatterns, Place, Timestamp};
use watchfire_ir::{Catalogue, EqlOptions, EqlPlan, SequencePlan, lower_eql};

/// The allocator of the `watchfire` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERY: &str = "sequence by process.entity_id with maxspan=1m \
                     [process where event.type == \"start\"] [network where true]";
const DEFAULT_EVENTS: u64 = 5_000_000;
/// One in so many events completes a sequence.
const COMPLETES: u64 = 51;
/// How many events after its begin a sequence is completed.
const COMPLETED_AFTER: u64 = 5_000;
/// How late events are, at most, where they come unsorted; exactly the bound that the stream is given.
const LATENESS_MS: u64 = 2_000;
const BATCH: u64 = 4_096;
/// 2026-01-01.
const START_MS: i64 = 1_767_225_600_000;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One look-up of the key tuple in a map, no correlation.
    Yardstick,
    /// [`SequenceCorrelator::push`] of hits in order.
    Correlator,
    /// [`SequenceStream::push`] of hits out of order.
    Stream,
    /// From documents to results: batch, match, extract, stream.
    WholePath,
}

/// What the events are like, and how much may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// Each begin has a key of its own.
    UniqueKeys,
    /// The begins go round a hundred thousand keys, at twice the pace, so that all stay live within `maxspan`.
    LiveKeys,
    /// Keys of their own, and room for far fewer than are begun within `maxspan`.
    LittleRoom,
}

const WAYS: [(&str, Way); 4] = [
    ("yardstick", Way::Yardstick),
    ("correlator", Way::Correlator),
    ("stream", Way::Stream),
    ("whole path", Way::WholePath),
];
const LOADS: [(&str, Load); 3] = [
    ("unique keys", Load::UniqueKeys),
    ("100,000 live keys", Load::LiveKeys),
    ("unique keys, 10,000 held", Load::LittleRoom),
];

impl Load {
    fn events_per_second(self) -> u64 {
        if self == Self::LiveKeys { 2_000 } else { 1_000 }
    }

    fn settings(self) -> SequenceSettings {
        let max_held = if self == Self::LittleRoom { 10_000 } else { 1_000_000 };
        SequenceSettings { max_held, ..SequenceSettings::default() }
    }

    /// The number that stands for the key of an event.
    fn key(self, event: u64) -> u64 {
        let begin = if is_last(event) { event - COMPLETED_AFTER } else { event };
        if self == Self::LiveKeys { begin % 100_000 } else { begin }
    }

    fn time(self, event: u64) -> Timestamp {
        Timestamp::from_millis(START_MS + (event * 1_000 / self.events_per_second()) as i64)
    }

    /// The time of an event that comes up to [`LATENESS_MS`] late.
    fn time_unsorted(self, event: u64) -> Timestamp {
        let late = mixed(event) % (LATENESS_MS + 1);
        self.time(event).plus_nanos(-i128::from(late) * 1_000_000)
    }
}

/// Whether an event completes a sequence. What it completes has to have been begun: not by one that completes, too.
fn is_last(event: u64) -> bool {
    event % COMPLETES == COMPLETES - 1
        && event >= COMPLETED_AFTER
        && (event - COMPLETED_AFTER) % COMPLETES != COMPLETES - 1
}

/// A number that looks random and is the same in every run (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn entity_id(key: u64) -> String {
    format!("{{{:016x}-{:016x}}}", mixed(key + 1), key)
}

/// What was measured.
#[derive(Default)]
struct Measured {
    taken: Duration,
    /// Most memory that the process had, in KiB; none where the system does not tell.
    peak_kib: Option<u64>,
    live_keys: u64,
    evicted: u64,
    found: u64,
    late: u64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, peak_kib, live_keys, evicted, found, late } = self;
        let (nanos, peak_kib) = (taken.as_nanos(), peak_kib.unwrap_or(0));
        write!(f, "{nanos} {peak_kib} {live_keys} {evicted} {found} {late}")
    }
}

impl FromStr for Measured {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().unwrap_or(Ok(0));
        Ok(Self {
            taken: Duration::from_nanos(next()?),
            peak_kib: Some(next()?).filter(|peak| *peak > 0),
            live_keys: next()?,
            evicted: next()?,
            found: next()?,
            late: next()?,
        })
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Test runners start a bench too, without this; there is nothing to measure for them.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let events =
        value("--events").map_or(DEFAULT_EVENTS, |events| events.parse().expect("a number of events"));
    match (value("--way"), value("--load")) {
        (Some(way), Some(load)) => println!("{}", measure(named(&WAYS, way), named(&LOADS, load), events)),
        _ => print_table(events),
    }
}

fn named<T: Copy>(names: &[(&str, T)], name: &str) -> T {
    names.iter().find(|(known, _)| *known == name).expect("a name that this program gave").1
}

fn print_table(events: u64) {
    println!("{events} events: `{QUERY}`\n");
    println!("| load | timed | events/s | × yardstick | peak MiB | live keys | evicted | late | found |");
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for (load, _) in LOADS {
        let mut yardstick = None;
        for (way, _) in WAYS {
            let this = std::env::current_exe().expect("a running program has a path");
            let mut child = Command::new(this);
            child.args(["--bench", "--way", way, "--load", load, "--events", &events.to_string()]);
            let output = child.output().expect("this program can be started again");
            let text = String::from_utf8_lossy(&output.stdout);
            let measured: Measured = text.trim().parse().expect("numbers");
            let Measured { taken, peak_kib, live_keys, evicted, found, late } = measured;
            let seconds = taken.as_secs_f64();
            let ratio = seconds / *yardstick.get_or_insert(seconds);
            let rate = events as f64 / seconds;
            let peak = peak_kib.map_or("–".to_owned(), |peak| (peak / 1024).to_string());
            println!(
                "| {load} | {way} | {rate:.0} | {ratio:.1} | {peak} | {live_keys} | {evicted} | {late} | {found} |"
            );
        }
    }
}

fn measure(way: Way, load: Load, events: u64) -> Measured {
    let mut measured = match way {
        Way::Yardstick => yardstick(load, events),
        Way::Correlator => correlator(load, events),
        Way::Stream => stream(load, events),
        Way::WholePath => whole_path(load, events),
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    measured.peak_kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
    measured
}

fn plan() -> SequencePlan {
    let tree = watchfire_eql::parse(QUERY).query.expect("the query is well formed");
    let lowered = lower_eql(&tree, &Catalogue::ecs(), &EqlOptions::default());
    match lowered.plan {
        Some(EqlPlan::Sequence(plan)) => plan,
        other => panic!("a sequence is planned as one: {other:?}"),
    }
}

fn shape() -> SequenceShape {
    SequenceShape::of_plan(&plan()).expect("the query has a form")
}

/// The numbers of the events of each batch.
fn batches(events: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..events).step_by(BATCH as usize).map(move |from| from..events.min(from + BATCH))
}

fn hit(load: Load, event: u64, time: Timestamp) -> StageHit<u64> {
    StageHit {
        ordinal: Ordinal { time, tiebreaker: None, arrival: event },
        stage: HitStage::Stage(u16::from(is_last(event))),
        keys: KeyTuple::from([KeyValue::text(&entity_id(load.key(event)))]),
        payload: event,
    }
}

fn given_up(evicted: Evicted) -> u64 {
    evicted.partials + evicted.candidates + evicted.leading
}

fn yardstick(load: Load, events: u64) -> Measured {
    let mut measured = Measured::default();
    let mut map: FxHashMap<KeyTuple, u64> = FxHashMap::default();
    for batch in batches(events) {
        let hits: Vec<_> = batch.map(|event| hit(load, event, load.time(event))).collect();
        let started = Instant::now();
        for hit in hits {
            *map.entry(hit.keys).or_default() += 1;
        }
        measured.taken += started.elapsed();
    }
    measured.live_keys = map.len() as u64;
    measured
}

fn correlator(load: Load, events: u64) -> Measured {
    let mut measured = Measured::default();
    let mut correlator = SequenceCorrelator::new(shape(), load.settings());
    let mut found = Vec::new();
    for batch in batches(events) {
        let hits: Vec<_> = batch.map(|event| hit(load, event, load.time(event))).collect();
        let started = Instant::now();
        for hit in hits {
            correlator.push(hit, &mut found).expect("hits are made in order");
        }
        measured.taken += started.elapsed();
        measured.found += found.drain(..).count() as u64;
    }
    measured.live_keys = correlator.live_keys() as u64;
    measured.evicted = given_up(correlator.finish(&mut found));
    measured.found += found.len() as u64;
    measured
}

fn stream(load: Load, events: u64) -> Measured {
    let mut measured = Measured::default();
    let mut stream = new_stream(load);
    let mut found = Vec::new();
    for batch in batches(events) {
        let mut hits: Vec<_> = batch.map(|event| hit(load, event, load.time_unsorted(event))).collect();
        let started = Instant::now();
        stream.push(&mut hits, &mut found).expect("there are two stages");
        measured.taken += started.elapsed();
        measured.found += found.drain(..).count() as u64;
    }
    end(stream, measured)
}

fn new_stream(load: Load) -> SequenceStream<u64> {
    let settings =
        StreamSettings { lateness_ms: LATENESS_MS, sequence: load.settings(), ..StreamSettings::default() };
    SequenceStream::new(shape(), settings)
}

fn end(stream: SequenceStream<u64>, mut measured: Measured) -> Measured {
    let mut found = Vec::new();
    measured.live_keys = stream.counts().live_keys;
    let started = Instant::now();
    let counts = stream.finish(&mut found);
    measured.taken += started.elapsed();
    measured.found += found.len() as u64;
    Measured { evicted: given_up(counts.evicted), late: counts.late, ..measured }
}

fn whole_path(load: Load, events: u64) -> Measured {
    let mut measured = Measured::default();
    let catalogue = Catalogue::ecs();
    let mut plan = plan();
    spread_key_constraints(&mut plan.stages);
    let mut builder = RuleSetBuilder::new();
    let add =
        |stage: &watchfire_ir::StagePlan| builder.add(IndexPatterns::default(), stage.condition.clone());
    let rules: Vec<RuleIndex> = plan.stages.iter().map(add).collect();
    let set = builder.build();
    let extractor = StageExtractor::for_sequence(&plan, &rules, OrderFields::default());
    let mut stream = new_stream(load);
    let (mut hits, mut found) = (Vec::new(), Vec::new());
    for batch in batches(events) {
        let first = batch.start;
        let documents: Vec<Event> = batch.map(|event| document(load, event)).collect();
        let started = Instant::now();
        let mut builder = BatchBuilder::new(&catalogue);
        documents.into_iter().for_each(|event| builder.push(event));
        let batch = builder.finish();
        let matches = set.match_batch(&batch, &catalogue);
        let number = |row| (first + row as u64, first + row as u64);
        extractor.extract(&batch, &matches, number, &mut hits);
        stream.push(&mut hits, &mut found).expect("there are two stages");
        measured.taken += started.elapsed();
        measured.found += found.drain(..).count() as u64;
    }
    end(stream, measured)
}

/// An event as a sensor would send it.
fn document(load: Load, event: u64) -> Event {
    let key = load.key(event);
    let (category, action) = if is_last(event) { ("network", "connection") } else { ("process", "start") };
    let fields = Map::from_iter([
        ("@timestamp".to_owned(), json!(load.time_unsorted(event).to_iso_millis())),
        ("event".to_owned(), json!({"category": [category], "type": [action]})),
        ("host".to_owned(), json!({"name": format!("host-{:03}", key % 200)})),
        (
            "process".to_owned(),
            json!({"entity_id": entity_id(key), "name": "powershell.exe", "pid": key % 65_536}),
        ),
    ]);
    Event {
        id: EventId::given(event.to_string()),
        data_stream: DataStream::new("logs-endpoint.events-default"),
        document: fields,
        place: Place { input: "bench".into(), record: event + 1, line: None, offset: None },
    }
}
