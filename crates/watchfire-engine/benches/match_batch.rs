//! What matching costs, by the number of rules: the first batch, and later ones of the same hosts.
//!
//! ```text
//! cargo bench -p watchfire-engine --bench match_batch
//! ```
//!
//! Rules and events are made from a seed. The events are those of hosts that repeat themselves: a few programs make up most
//! of them, nine command lines in ten were seen before, and identifiers are new each time. The rules ask what rules ask:
//! guards that all share, names and parts of command lines that are their own, and exclusions.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use watchfire_engine::{RuleSet, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, EventId, IndexPatterns, Place};
use watchfire_ir::{Catalogue, EqlOptions, EqlPlan, lower_eql};

/// The allocator of the `watchfire` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RULES: [u64; 3] = [100, 1_000, 10_000];
const BATCHES: usize = 8;
const BATCH: usize = 1_024;

/// Numbers that look random and are the same in every run (the constants of Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    /// A number below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// A number below a limit, small ones far more often than large ones.
    fn mostly_small(&mut self, limit: u64) -> u64 {
        let limit = 1 + self.below(limit);
        self.below(limit)
    }
}

/// A rule by its number: no two ask the same.
fn query(number: u64) -> String {
    let mut numbers = Numbers(number);
    let mut text = "process where host.os.type == \"windows\" and event.type == \"start\"".to_owned();
    let program = numbers.below(20 * RULES[2]);
    let part = match number % 4 {
        0 => write!(text, " and process.name : (\"tool{program}.exe\", \"app{number}.exe\")"),
        1 => write!(text, " and process.command_line : (\"*--flag{number} *\", \"*/task{program}*\")"),
        2 => write!(text, " and process.executable : \"?:\\\\Users\\\\*\\\\dir{number}\\\\*.exe\""),
        _ => write!(
            text,
            " and process.name : \"app{}.exe\" and process.args : \"-x{number}\"",
            numbers.mostly_small(200)
        ),
    };
    part.and_then(|()| {
        write!(
            text,
            " and not process.parent.executable : \"?:\\\\Program Files\\\\vendor{program}\\\\*.exe\""
        )
    })
    .expect("a string takes whatever is written");
    text
}

fn rule_set(rules: u64, catalogue: &Catalogue) -> RuleSet {
    let mut builder = RuleSetBuilder::new();
    for number in 0..rules {
        let text = query(number);
        let tree = watchfire_eql::parse(&text).query.expect("the query is well formed");
        let plan = lower_eql(&tree, catalogue, &EqlOptions::default()).plan;
        let Some(EqlPlan::Event(plan)) = plan else { panic!("`{text}` is a query of events") };
        builder.add(IndexPatterns::new(["logs-endpoint.events.*"]), plan.condition);
    }
    builder.build()
}

fn document(numbers: &mut Numbers, number: u64) -> Map<String, Value> {
    let program = numbers.mostly_small(400);
    let user = numbers.mostly_small(40);
    // One command line in ten was never seen.
    let argument = if numbers.below(10) == 0 { number + 1_000_000 } else { numbers.mostly_small(2_000) };
    let value = json!({
        "@timestamp": 1_767_225_600_000_u64 + number,
        "event": {"category": "process", "type": "start", "id": number},
        "host": {"os": {"type": "windows"}, "name": format!("host-{}", number % 50)},
        "process": {
            "name": format!("app{program}.exe"),
            "executable": format!("C:\\Users\\user{user}\\dir{program}\\app{program}.exe"),
            "command_line": format!("\"C:\\Users\\user{user}\\app{program}.exe\" --flag{argument} --input C:\\data\\{argument}.txt"),
            "args": [format!("app{program}.exe"), format!("-x{argument}")],
            "entity_id": format!("entity-{number}"),
            "pid": number % 30_000,
            "parent": {"executable": format!("C:\\Program Files\\vendor{program}\\run.exe"), "pid": number % 20_000},
        },
    });
    let Value::Object(document) = value else { unreachable!("it was just written as an object") };
    document
}

fn batches(catalogue: &Catalogue) -> Vec<EventBatch> {
    let mut numbers = Numbers(1);
    let mut builder = BatchBuilder::new(catalogue);
    let mut batch = |batch: usize| {
        for number in batch * BATCH..(batch + 1) * BATCH {
            let number = number as u64;
            builder.push(Event {
                id: EventId::given(number.to_string()),
                data_stream: DataStream::new("logs-endpoint.events.process-default"),
                document: document(&mut numbers, number),
                place: Place { input: "made".into(), record: number, line: None, offset: None },
            });
        }
        builder.finish()
    };
    (0..BATCHES).map(&mut batch).collect()
}

fn match_batch(criterion: &mut Criterion) {
    let catalogue = Catalogue::ecs();
    let batches = batches(&catalogue);
    let mut group = criterion.benchmark_group("match_batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    for rules in RULES {
        let set = rule_set(rules, &catalogue);
        group.bench_function(BenchmarkId::new("first", rules), |bencher| {
            bencher.iter_batched_ref(
                || set.matcher(VALUE_CACHE_BYTES),
                |matcher| black_box(matcher.match_batch(&batches[0], &catalogue)),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(BenchmarkId::new("later", rules), |bencher| {
            let mut matcher = set.matcher(VALUE_CACHE_BYTES);
            for batch in &batches {
                matcher.match_batch(batch, &catalogue);
            }
            let mut next = batches.iter().cycle();
            bencher.iter(|| {
                let batch = next.next().expect("they go round and round");
                black_box(matcher.match_batch(batch, &catalogue))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, match_batch);
criterion_main!(benches);
