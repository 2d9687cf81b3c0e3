//! What the lake costs on this machine, as the tables of `docs/lake.md`.
//!
//! ```text
//! cargo run --release --locked -p watchfire-lake --example lake_bench -- \
//!     FOLDER [commits|versions N [EVERY]|look-up N|optimize]
//! ```
//!
//! FOLDER must not exist; it is left there, so that other tools can be tried on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deltalake_core::operations::optimize::OptimizeBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use watchfire_events::{DataStream, Event, EventId, IndexPatterns, Place, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_lake::{
    CompactionOptions, IdIndexOptions, Lake, LakeOptions, LookUp, QueryOptions, Selection, SetClock,
    TimeField, Window,
};

type Failure = Box<dyn std::error::Error>;

/// 2026-03-02T00:00:00Z.
const START: i64 = 1_772_409_600_000;
const DAY: i64 = 86_400_000;

#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("which folder?")?);
    let number = |default: u64| arguments.get(2).map_or(Ok(default), |text| text.parse());
    if folder.exists() {
        return Err("the folder exists".into());
    }
    match arguments.get(1).map(String::as_str) {
        None | Some("commits") => commits(&folder)?,
        Some("versions") => {
            let every = arguments.get(3).map_or(Ok(u64::MAX), |text| text.parse())?;
            versions(&folder, number(1_000)?, every)?;
        }
        Some("look-up") => look_up(&folder, number(1_000_000)?)?,
        Some("optimize") => optimize(&folder)?,
        Some(other) => println!("no such measurement: {other}"),
    }
    Ok(())
}

struct Bench {
    lake: Lake,
    clock: Arc<SetClock>,
    made: u64,
}

impl Bench {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let clock = Arc::new(SetClock::at(Timestamp::from_millis(START)));
        let options = LakeOptions {
            commit_rows: 1 << 20,
            commit_bytes: 1 << 30,
            ids: IdIndexOptions { hours: 1, most_ids: 4_000_000 },
            ..LakeOptions::default()
        };
        let lake_clock: Arc<SetClock> = Arc::clone(&clock);
        let (lake, _) = Lake::open(folder, Arc::new(Catalogue::ecs()), lake_clock, options)?;
        Ok(Self { lake, clock, made: 0 })
    }

    /// The next events, as of a shipper.
    fn events(&mut self, number: u64, at: i64) -> Vec<Event> {
        let stream = DataStream::new("logs-endpoint.events.process-default");
        let from = self.made;
        self.made += number;
        (from..self.made)
            .map(|number| {
                let Value::Object(document) = process_event(number, at + (number % 997) as i64) else {
                    unreachable!("it is an object")
                };
                Event {
                    id: EventId::given(format!(
                        "{:016x}{number:08x}",
                        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    )),
                    data_stream: stream.clone(),
                    document,
                    place: Place { input: "bench".into(), record: number, line: None, offset: None },
                }
            })
            .collect()
    }
}

/// Throughput and latency by the size of a commit; appends come in requests of 1,000 events.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn commits(folder: &Path) -> Result<(), Failure> {
    println!(
        "| events a commit | commits | append, events/s | commit, events/s | commit p50, ms | p99, ms | bytes an event |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (rows, count) in [(100, 200), (1_000, 100), (10_000, 30), (65_536, 8), (100_000, 6)] {
        let mut bench = Bench::open(&folder.join(rows.to_string()))?;
        let (mut append, mut times, mut bytes) = (Duration::ZERO, Vec::new(), 0);
        for round in 0..count {
            let mut left = rows;
            while left > 0 {
                let events = bench.events(left.min(1_000), START + round * 1_000);
                left -= events.len() as u64;
                let start = Instant::now();
                bench.lake.append(&events)?;
                append += start.elapsed();
            }
            let start = Instant::now();
            bytes += bench.lake.commit()?.bytes;
            times.push(start.elapsed());
        }
        let all = (rows * count as u64) as f64;
        let commit: Duration = times.iter().sum();
        println!(
            "| {rows} | {count} | {:.0} | {:.0} | {} | {} | {:.0} |",
            all / append.as_secs_f64(),
            all / commit.as_secs_f64(),
            quantile(&mut times, 50),
            quantile(&mut times, 99),
            bytes as f64 / all
        );
    }
    Ok(())
}

/// How commits of 100 events slow down as a table gets older; after so many of them it is compacted each time.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn versions(folder: &Path, number: u64, every: u64) -> Result<(), Failure> {
    let mut bench = Bench::open(folder)?;
    println!("| versions | commit p50, ms | p99, ms | slowest, ms | open, ms |");
    println!("|---|---|---|---|---|");
    let step = (number / 5).max(1);
    let mut times = Vec::new();
    for version in 1..=number {
        let events = bench.events(100, START + version as i64 * 1_000);
        bench.lake.append(&events)?;
        let start = Instant::now();
        bench.lake.commit()?;
        times.push(start.elapsed());
        if version % every == 0 {
            bench.lake.compact(&IndexPatterns::default(), CompactionOptions::default())?;
        }
        if version % step == 0 {
            let reader = watchfire_lake::LakeReader::open(folder)?;
            let start = Instant::now();
            reader.statistics()?;
            let open = start.elapsed();
            let slowest = times.iter().max().copied().unwrap_or_default();
            println!(
                "| {version} | {} | {} | {} | {} |",
                quantile(&mut times, 50),
                quantile(&mut times, 99),
                slowest.as_millis(),
                open.as_millis()
            );
            times.clear();
        }
    }
    let start = Instant::now();
    let report = bench.lake.compact(&IndexPatterns::default(), CompactionOptions::default())?;
    println!("\ncompaction: {report:?} in {} ms", start.elapsed().as_millis());
    Ok(())
}

/// A look-up by `process.entity_id` within a week, over events of 30 days.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn look_up(folder: &Path, number: u64) -> Result<(), Failure> {
    let mut bench = Bench::open(folder)?;
    let days = 30;
    let start = Instant::now();
    for day in 0..days {
        bench.clock.set(Timestamp::from_millis(START + day * DAY));
        let mut left = number / days as u64;
        while left > 0 {
            for _ in 0..100 {
                let events = bench.events(left.min(1_000), START + day * DAY);
                left -= events.len() as u64;
                bench.lake.append(&events)?;
                if left == 0 {
                    break;
                }
            }
            bench.lake.commit()?;
        }
    }
    println!("{} events written in {} s", bench.made, start.elapsed().as_secs());
    let start = Instant::now();
    let options = CompactionOptions { least_files: 2, ..CompactionOptions::default() };
    let report = bench.lake.compact(&IndexPatterns::default(), options)?;
    println!("compacted in {} s: {report:?}\n", start.elapsed().as_secs());
    let catalogue = Catalogue::ecs();
    let at = |day: i64| Timestamp::from_millis(START + day * DAY);
    let window = Window { by: TimeField::Timestamp, from: at(20), to: at(27) };
    let wanted = entity_id(bench.made * 22 / 30);
    let selection = Selection {
        windows: vec![window],
        look_ups: vec![LookUp { field: "process.entity_id".to_owned(), values: vec![wanted.clone()] }],
        ..Selection::default()
    };
    println!("| what | rows | ms | row groups read |");
    println!("|---|---|---|---|");
    for (name, prunes) in [("pruned", true), ("pruned, again", true), ("not pruned", false)] {
        let start = Instant::now();
        let mut scan = bench.lake.reader().scan(&catalogue, None, selection.clone())?;
        if !prunes {
            scan = scan.without_pruning();
        }
        let mut rows = 0;
        while let Some(batch) = scan.next_batch()? {
            rows += batch.events().count();
        }
        let counts = scan.finish()?;
        let read = counts.row_groups - counts.row_groups_passed_over;
        println!(
            "| scan, {name} | {rows} | {} | {read} of {} |",
            start.elapsed().as_millis(),
            counts.row_groups
        );
    }
    let whole_week = Selection { look_ups: Vec::new(), ..selection };
    let start = Instant::now();
    let mut scan = bench.lake.reader().scan(&catalogue, None, whole_week)?;
    let mut rows = 0;
    while let Some(batch) = scan.next_batch()? {
        rows += batch.len();
    }
    println!("| scan, the whole week, all columns | {rows} | {} | |", start.elapsed().as_millis());
    for (name, sql) in [
        (
            "SQL, look-up",
            format!(
                "SELECT count(*) FROM \"logs-endpoint.events.process-default\" WHERE \"process.entity_id\" = '{wanted}'"
            ),
        ),
        (
            "SQL, count by host",
            "SELECT \"host.id\", count(*) FROM \"logs-endpoint.events.process-default\" GROUP BY 1"
                .to_owned(),
        ),
    ] {
        let start = Instant::now();
        let rows = bench.lake.reader().query(&sql, QueryOptions::default())?.rows();
        println!("| {name} | {rows} | {} | |", start.elapsed().as_millis());
    }
    Ok(())
}

/// What the library's own `optimize` makes of our files, beside our compaction.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn optimize(folder: &Path) -> Result<(), Failure> {
    for ours in [false, true] {
        let place = folder.join(if ours { "ours" } else { "library" });
        let mut bench = Bench::open(&place)?;
        for round in 0..20_i64 {
            // Later commits have earlier events, so that order shows.
            let events = bench.events(2_000, START - round * 1_000_000);
            bench.lake.append(&events)?;
            bench.lake.commit()?;
        }
        let table = place.join("tables/logs-endpoint.events.process-default");
        let start = Instant::now();
        if ours {
            let options = CompactionOptions { least_files: 2, ..CompactionOptions::default() };
            bench.lake.compact(&IndexPatterns::default(), options)?;
        } else {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(async {
                let url = deltalake_core::ensure_table_uri(table.to_string_lossy())?;
                let opened = deltalake_core::DeltaTableBuilder::from_url(url)?.load().await?;
                let builder: OptimizeBuilder<'_> = opened.optimize();
                builder.await
            })?;
        }
        let took = start.elapsed();
        let newest = newest_parquet(&table)?;
        let file = SerializedFileReader::new(fs::File::open(&newest)?)?;
        let metadata = file.metadata();
        let blooms: usize = metadata
            .row_groups()
            .iter()
            .map(|group| {
                group.columns().iter().filter(|column| column.bloom_filter_offset().is_some()).count()
            })
            .sum();
        let sorted = {
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
                fs::File::open(&newest)?,
            )?
            .build()?;
            let mut last = i64::MIN;
            let mut sorted = true;
            for batch in reader {
                use arrow_array::cast::AsArray;
                let batch = batch?;
                let times = batch.column_by_name("@timestamp").ok_or("no time")?;
                for time in
                    times.as_primitive::<arrow_array::types::TimestampMicrosecondType>().iter().flatten()
                {
                    sorted &= time >= last;
                    last = time;
                }
            }
            sorted
        };
        println!(
            "{}: {} rows in {} ms, sorted: {sorted}, Bloom filters: {blooms}, statistics and codecs: {:?}",
            if ours { "our compaction" } else { "the library's optimize" },
            metadata.file_metadata().num_rows(),
            took.as_millis(),
            metadata.row_group(0).column(0).compression()
        );
    }
    Ok(())
}

fn newest_parquet(table: &Path) -> Result<PathBuf, Failure> {
    let mut newest = None;
    for partition in fs::read_dir(table)? {
        let partition = partition?.path();
        if partition.ends_with("_delta_log") || !partition.is_dir() {
            continue;
        }
        for file in fs::read_dir(partition)? {
            let path = file?.path();
            let size = path.metadata()?.len();
            if newest.as_ref().is_none_or(|(largest, _)| size > *largest) {
                newest = Some((size, path));
            }
        }
    }
    Ok(newest.ok_or("no file")?.1)
}

/// Milliseconds, rounded.
fn quantile(times: &mut [Duration], percent: usize) -> u128 {
    times.sort();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).map_or(0, Duration::as_millis)
}

fn entity_id(number: u64) -> String {
    // Each process has three events.
    format!("{{{:016x}-{:08x}}}", (number / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15), number / 3)
}

/// An event of about 1.5 kB, with values that repeat as they do in practice.
fn process_event(number: u64, at: i64) -> Value {
    let process = number / 3;
    let host = process % 40;
    let program = process % 61;
    let user = process % 17;
    let hash = |of: u64| {
        format!(
            "{:016x}{:016x}",
            of.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            of.wrapping_mul(0xd6e8_feb8_6659_fd93)
        )
    };
    let name = format!("program{program}.exe");
    json!({
        "@timestamp": Timestamp::from_millis(at).to_iso_millis(),
        "agent": {"id": hash(host), "type": "endpoint", "version": "8.17.0"},
        "data_stream": {"dataset": "endpoint.events.process", "namespace": "default", "type": "logs"},
        "ecs": {"version": "8.10.0"},
        "event": {
            "action": "start", "category": ["process"], "type": ["start"], "kind": "event", "module": "endpoint",
            "dataset": "endpoint.events.process", "id": hash(number), "sequence": number, "outcome": "unknown",
            "created": Timestamp::from_millis(at + 12).to_iso_millis()
        },
        "host": {
            "id": hash(host + 1_000), "name": format!("host{host}"), "hostname": format!("host{host}"),
            "architecture": "x86_64", "ip": [format!("10.0.{host}.7"), "127.0.0.1", "::1"],
            "mac": ["00-11-22-33-44-55"],
            "os": {
                "type": "windows", "family": "windows", "name": "Windows", "platform": "windows",
                "version": "22H2 (10.0.19045.2311)", "kernel": "22H2 (10.0.19045.2311)",
                "full": "Windows 10 Pro 22H2 (10.0.19045.2311)", "Ext": {"variant": "Windows 10 Pro"}
            }
        },
        "message": "Endpoint process event",
        "process": {
            "entity_id": entity_id(number), "pid": 1_000 + process % 30_000, "name": name,
            "executable": format!("C:\\Program Files\\Vendor\\{name}"),
            "command_line": format!("\"C:\\Program Files\\Vendor\\{name}\" --job {process} --quiet"),
            "args": [format!("C:\\Program Files\\Vendor\\{name}"), "--job", process.to_string(), "--quiet"],
            "args_count": 4,
            "hash": {"md5": hash(program), "sha1": hash(program + 100), "sha256": format!("{}{}", hash(program), hash(program + 200))},
            "code_signature": {"exists": true, "status": "trusted", "subject_name": "Vendor", "trusted": true},
            "pe": {"original_file_name": name},
            "parent": {
                "entity_id": entity_id(number.saturating_sub(90)), "pid": 900 + process % 3_000,
                "name": "services.exe", "executable": "C:\\Windows\\System32\\services.exe",
                "command_line": "C:\\Windows\\system32\\services.exe", "args": ["C:\\Windows\\system32\\services.exe"],
                "args_count": 1
            },
            "Ext": {"ancestry": [entity_id(number.saturating_sub(90)), entity_id(number.saturating_sub(180))]}
        },
        "user": {"id": format!("S-1-5-21-1-2-3-{}", 1_000 + user), "name": format!("user{user}"), "domain": "EXAMPLE"}
    })
}
