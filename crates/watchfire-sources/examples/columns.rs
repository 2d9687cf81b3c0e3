//! Reads files into batches of columns and throws them away: what a scan costs before it matches anything.
//!
//! ```sh
//! cargo run --release --example columns -- FILE…
//! cargo run --release --example columns -- --records FILE…
//! cargo run --release --example columns -- --alone FILE…
//! ```
//!
//! With `--records`, records are read and kept as tapes, and no more. With `--alone`, lines of JSON are parsed with
//! simd-json to its tape and nothing else is done: what cannot be saved. Both tell the seconds that this took.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use watchfire_events::{BatchBuilder, Column, FieldTypes, Place};
use watchfire_sources::decode::{RecordSink, RejectReason, list_files, read_file};
use watchfire_sources::normalise::{
    DeferredRecords, Mapper, NormaliseOptions, RawInput, RecordPool, catalogue, normalise,
};
use watchfire_sources::tape::TapeValue;

/// Events of a batch, as a scan has them.
const BATCH_EVENTS: usize = 1_024;

struct Columns<'a> {
    options: &'a NormaliseOptions,
    pool: Arc<RecordPool>,
    mapper: Mapper<'a>,
    builder: BatchBuilder<'a>,
    records: DeferredRecords,
    /// Whether the records are thrown away as they are.
    only_reads: bool,
    events: usize,
    values: usize,
}

impl Columns<'_> {
    fn close(&mut self) {
        let records = std::mem::replace(&mut self.records, self.pool.records());
        if self.only_reads {
            self.events += records.len();
            return;
        }
        for number in 0..records.len() as u32 {
            if let Ok(mapped) = self.mapper.map(records.get(number).0, None, self.builder.names()) {
                mapped.push_to(&mut self.builder, number);
            }
        }
        let batch = self.builder.finish_with(Box::new(records));
        self.events += batch.len();
        self.values += batch.columns().iter().map(Column::distinct).sum::<usize>();
        self.builder.recycle(batch);
    }
}

impl RecordSink for Columns<'_> {
    fn record(&mut self, record: RawInput) {
        if let Ok(normalised) = normalise(record, self.options) {
            self.builder.push(normalised.event);
        }
    }

    fn record_on_tape(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>) {
        self.records.push(record, place, identity);
        if self.records.len() == BATCH_EVENTS {
            self.close();
        }
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}
}

/// Parses lines, and gives the number of their values.
fn parse_alone(path: &PathBuf) -> (usize, f64) {
    let mut bytes = std::fs::read(path).unwrap_or_default();
    let start = Instant::now();
    let mut buffers = simd_json::Buffers::default();
    let mut values = 0;
    for line in bytes.split_mut(|&byte| byte == b'\n') {
        values += simd_json::to_tape_with_buffers(line, &mut buffers).map_or(0, |tape| tape.0.len());
    }
    (values, start.elapsed().as_secs_f64())
}

#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() {
    let options = NormaliseOptions::default();
    let catalogue = catalogue();
    let types: &dyn FieldTypes = &catalogue;
    let pool = RecordPool::new(options.clone());
    let mut columns = Columns {
        options: &options,
        records: pool.records(),
        pool,
        mapper: Mapper::new(&options),
        builder: BatchBuilder::new(types),
        only_reads: false,
        events: 0,
        values: 0,
    };
    let mut paths: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let takes = |paths: &mut Vec<PathBuf>, option: &str| {
        let given = paths.first().is_some_and(|path| path.as_os_str() == option);
        paths.drain(..usize::from(given));
        given
    };
    if takes(&mut paths, "--alone") {
        for path in paths {
            let (values, seconds) = parse_alone(&path);
            println!("{values} values, {seconds:.3} s");
        }
        return;
    }
    columns.only_reads = takes(&mut paths, "--records");
    let start = Instant::now();
    for (path, name) in list_files(&paths).0 {
        read_file(&path, &name, &mut columns);
    }
    columns.close();
    let seconds = start.elapsed().as_secs_f64();
    println!("{} events, {} distinct values, {seconds:.3} s", columns.events, columns.values);
}
