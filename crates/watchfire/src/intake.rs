//! From files to batches of events: what `scan` and `hunt` share.
//!
//! ```text
//!            decode            normalise, columnise
//! files ──► chunks of records ──► batches ──► worker (matches, keeps what it finds)
//!     one thread a file       any thread that is free
//! ```
//!
//! A pass over the files goes before, if one has records that lack what others tell ([`first_pass`]).
//!
//! Every thread does all three steps: it takes a chunk that waits, else the next file. A thread that decodes hands its
//! chunks over while there is room and works on them itself where there is none; so one large file keeps all threads
//! busy, and memory stays bounded. Which thread does what differs from run to run; so nothing that is kept here depends
//! on it: sums, unions, and the first places in their own order.

mod account;
mod first_pass;
mod input_summary;
#[cfg(feature = "lake")]
mod lake_input;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use watchfire_engine::ReadFields;
use watchfire_events::{BatchBuilder, DataStream, EventBatch, Place, Timestamp, get_field};
use watchfire_ir::Schema;
use watchfire_sources::decode::{
    FileReport, RecordSink, RejectReason, TextRange, list_files, read_file, read_stream,
};
use watchfire_sources::normalise::{
    DeferredRecords, Mapper, NormaliseOptions, Normaliser, RawInput, RawPayload, RecordPool,
};
use watchfire_sources::tape::TapeValue;

pub(crate) use self::account::{Account, InputTimes};
pub(crate) use self::input_summary::InputSummary;
#[cfg(feature = "lake")]
pub(crate) use self::lake_input::{LakeInput, lake_error, lake_window};
use crate::progress::Progress;

/// Most events of one batch: their records, fields and columns take up some megabytes, which stay near the processor from
/// step to step. Below this, more values are looked up again in the next batch.
const BATCH_EVENTS: usize = 1_024;
/// How much larger than its records a chunk can grow on its way to a match: the records, their events, their columns.
const COPIES: u64 = 3;
/// Chunks that a thread can have a hand in: one that it fills, one that it works on, one that waits.
const CHUNKS_OF_THREAD: u64 = 3;
/// No chunk is smaller, however little memory there is: below this, batches cost more than they save.
const MIN_CHUNK_BYTES: u64 = 256 << 10;

/// How the input is read.
#[derive(Clone)]
pub(crate) struct IntakeOptions {
    /// How records become events.
    pub(crate) normalise: NormaliseOptions,
    /// Whether fields that a record lacks are filled in from other records of the input.
    pub(crate) enrich: bool,
    /// Number of threads, at least 1. With 1, batches come in the order of the input.
    pub(crate) threads: usize,
    /// Bytes that records on their way may take up, over all threads; the rest of the process comes on top.
    pub(crate) memory: u64,
    /// Only events of this time are used; the others are counted.
    pub(crate) window: Window,
    /// The fields that the worker looks at; `None` for all of them.
    pub(crate) fields: Option<ReadFields>,
    /// Whether to take the time of normalising and of columns, which costs some itself.
    pub(crate) timed: bool,
    /// Whether to count the raw fields that no mapping reads.
    pub(crate) count_unmapped: bool,
}

/// A span of time; both ends belong to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// The first instant.
    pub(crate) from: Option<Timestamp>,
    /// The last instant.
    pub(crate) to: Option<Timestamp>,
}

impl Window {
    /// Whether an event belongs into it; one without a time belongs only where there are no bounds.
    fn holds(self, timestamp: Option<&str>) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        timestamp.and_then(Timestamp::parse).is_some_and(|time| {
            self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
        })
    }
}

/// What is done with batches.
pub(crate) trait Worker: Send {
    /// Takes a batch.
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()>;
}

/// An input to read.
pub(crate) enum Input {
    /// A file by its path, its name for people and its length, with the index of its records if it was given one.
    File(PathBuf, Arc<str>, u64, Option<DataStream>),
    StandardInput,
}

impl Input {
    /// Its name for people.
    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Self::File(_, name, ..) => Arc::clone(name),
            Self::StandardInput => "<stdin>".into(),
        }
    }

    /// The index that its records were given.
    fn index(&self) -> Option<&DataStream> {
        match self {
            Self::File(.., index) => index.as_ref(),
            Self::StandardInput => None,
        }
    }

    /// Reads it to its end, or as far as the sink wants it.
    pub(crate) fn read(&self, sink: &mut dyn RecordSink) -> Vec<FileReport> {
        match self {
            Self::File(path, name, ..) => read_file(path, name, sink),
            Self::StandardInput => read_stream(io::stdin().lock(), &self.name(), sink),
        }
    }
}

/// The inputs that were asked for.
pub(crate) struct Inputs {
    list: Vec<Input>,
    reports: Vec<FileReport>,
    #[cfg(feature = "lake")]
    lake: Option<LakeInput>,
}

impl Inputs {
    /// Lists files and folders; `-` is standard input.
    pub(crate) fn list(paths: &[PathBuf]) -> Self {
        let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
        let named: Vec<PathBuf> = paths.iter().filter(|path| !is_stdin(path)).cloned().collect();
        let (files, reports) = list_files(&named);
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let mut list: Vec<Input> = files
            .into_iter()
            .map(|(path, name)| {
                let bytes = size(&path);
                Input::File(path, name, bytes, None)
            })
            .collect();
        if paths.iter().any(|path| is_stdin(&path)) {
            list.push(Input::StandardInput);
        }
        Self {
            list,
            reports,
            #[cfg(feature = "lake")]
            lake: None,
        }
    }

    /// These, and behind them the events of a lake.
    #[cfg(feature = "lake")]
    #[must_use]
    pub(crate) fn with_lake(mut self, lake: Option<LakeInput>) -> Self {
        self.lake = lake;
        self
    }

    /// These, and the files of paths whose records are of a given index, whatever they carry.
    #[must_use]
    pub(crate) fn with_indices(mut self, paths: &[(DataStream, PathBuf)]) -> Self {
        for (stream, path) in paths {
            let of_path = Self::list(std::slice::from_ref(path));
            self.reports.extend(of_path.reports);
            self.list.extend(of_path.list.into_iter().map(|input| match input {
                Input::File(path, name, bytes, _) => Input::File(path, name, bytes, Some(stream.clone())),
                Input::StandardInput => Input::StandardInput,
            }));
        }
        self
    }

    /// Takes out the files for which `takes` says so.
    pub(crate) fn take_files(&mut self, mut takes: impl FnMut(&PathBuf, &Arc<str>) -> bool) {
        self.list.retain(|input| match input {
            Input::File(path, name, ..) => !takes(path, name),
            Input::StandardInput => true,
        });
    }

    /// The inputs, and what was said of those that are none.
    pub(crate) fn into_parts(self) -> (Vec<Input>, Vec<FileReport>) {
        (self.list, self.reports)
    }

    /// Bytes of all files; `None` if something has no known length.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.list
            .iter()
            .map(|input| match input {
                Input::File(_, _, bytes, _) => Some(*bytes),
                Input::StandardInput => None,
            })
            .sum()
    }
}

/// Reads all inputs. Gives back the workers, one for each thread, and the account of all that was read.
///
/// # Errors
/// The first error of a worker; then the rest of the input is not read.
pub(crate) fn read_all<W: Worker>(
    inputs: Inputs,
    options: &IntakeOptions,
    schema: &(dyn Schema + Sync),
    progress: &Progress,
    mut worker: impl FnMut() -> W,
) -> io::Result<(Vec<W>, Account)> {
    let threads = options.threads.max(1);
    let mut normalise = options.normalise.clone();
    let known = if options.enrich { first_pass::gather(&inputs.list, threads, &mut normalise) } else { None };
    let chunk_bytes = options.memory / (COPIES * CHUNKS_OF_THREAD * threads as u64);
    let shared = Shared {
        options,
        normalise: &normalise,
        schema,
        progress,
        pool: RecordPool::of_files(normalise.clone(), files_by_name(&inputs.list)),
        // Counting what stays unread needs the document, and so do a null that stands for a value and an index that was given.
        defers: !options.count_unmapped
            && schema.null_values().is_empty()
            && !inputs.list.iter().any(|input| input.index().is_some()),
        inputs: &inputs.list,
        next_input: AtomicUsize::new(0),
        chunk_bytes: chunk_bytes.max(MIN_CHUNK_BYTES),
        room: if threads == 1 { 0 } else { threads },
        queue: Mutex::new(Queue { chunks: VecDeque::new(), decoding: 0 }),
        change: Condvar::new(),
        stopped: AtomicBool::new(false),
    };
    let workers: Vec<W> = (0..threads).map(|_| worker()).collect();
    let results: Vec<io::Result<(W, Account)>> = std::thread::scope(|scope| {
        let mut workers = workers.into_iter();
        let own = workers.next();
        let others: Vec<_> =
            workers.map(|worker| scope.spawn(|| Thread::new(&shared, worker).run())).collect();
        let own = own.map(|worker| Thread::new(&shared, worker).run());
        let joined = others.into_iter().map(|handle| match handle.join() {
            Ok(result) => result,
            // A panic is a bug: it goes on as if there had been one thread.
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(joined).collect()
    });
    let mut account = Account::new(inputs.list.len() as u64, inputs.reports);
    account.known = known;
    let mut done = Vec::new();
    for result in results {
        let (worker, part) = result?;
        account.merge(part);
        done.push(worker);
    }
    #[cfg(feature = "lake")]
    if let Some(lake) = &inputs.lake {
        lake_input::read(lake, options, schema, progress, &mut done, &mut account)?;
    }
    account.settle();
    Ok((done, account))
}

/// The files by the names of their inputs, where a name is that of one file.
fn files_by_name(inputs: &[Input]) -> BTreeMap<Arc<str>, PathBuf> {
    let mut files: BTreeMap<Arc<str>, Option<PathBuf>> = BTreeMap::new();
    for input in inputs {
        if let Input::File(path, name, ..) = input {
            let of_name = files.entry(Arc::clone(name)).or_insert_with(|| Some(path.clone()));
            if of_name.as_ref() != Some(path) {
                *of_name = None;
            }
        }
    }
    files.into_iter().filter_map(|(name, path)| Some((name, path?))).collect()
}

/// Records that are normalised and matched together.
struct Chunk {
    /// In the order of the input.
    records: Vec<ChunkRecord>,
    /// The records that are on a tape.
    deferred: DeferredRecords,
    bytes: u64,
}

enum ChunkRecord {
    /// One that is made into an event, of the index that it was given.
    Whole(Box<RawInput>, Option<DataStream>),
    /// The next one on the tape: its fields are put into columns, and its event is made when it is asked for.
    Deferred,
}

impl Chunk {
    fn new(pool: &Arc<RecordPool>) -> Self {
        Self { records: Vec::new(), deferred: pool.records(), bytes: 0 }
    }

    fn bytes(&self) -> u64 {
        self.bytes + self.deferred.bytes() as u64
    }
}

struct Queue {
    chunks: VecDeque<Chunk>,
    /// Threads that may still add chunks.
    decoding: usize,
}

struct Shared<'a> {
    options: &'a IntakeOptions,
    /// How records become events, with what the first pass has gathered.
    normalise: &'a NormaliseOptions,
    schema: &'a (dyn Schema + Sync),
    progress: &'a Progress,
    pool: Arc<RecordPool>,
    /// Whether events are made only when they are asked for.
    defers: bool,
    inputs: &'a [Input],
    next_input: AtomicUsize,
    chunk_bytes: u64,
    /// Chunks that may wait.
    room: usize,
    queue: Mutex<Queue>,
    change: Condvar,
    stopped: AtomicBool,
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Whoever panicked with the lock in hand has already ended the run.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Task<'a> {
    Work(Chunk),
    Decode(&'a Input),
    End,
}

/// Takes times, if any are wanted.
struct Watch(Option<Instant>);

impl Watch {
    fn start(runs: bool) -> Self {
        Self(runs.then(Instant::now))
    }

    /// Adds the time since the start or the last lap.
    fn lap(&mut self, sum: &mut Duration) {
        if let Some(since) = &mut self.0 {
            let now = Instant::now();
            *sum += now.duration_since(*since);
            *since = now;
        }
    }
}

/// One thread's part.
struct Thread<'a, W> {
    shared: &'a Shared<'a>,
    worker: W,
    account: Account,
    filling: Chunk,
    /// Of records that are made into events.
    normaliser: Normaliser<'a>,
    mapper: Mapper<'a>,
    builder: BatchBuilder<'a>,
    /// Bytes of the present input that the progress has been told of.
    read_of_input: u64,
    /// The index that records of the present input were given.
    index: Option<DataStream>,
    failure: Option<io::Error>,
}

impl<'a, W: Worker> Thread<'a, W> {
    fn new(shared: &'a Shared<'a>, worker: W) -> Self {
        Self {
            shared,
            worker,
            account: Account::default(),
            filling: Chunk::new(&shared.pool),
            normaliser: Normaliser::new(shared.normalise),
            mapper: match &shared.options.fields {
                Some(fields) => Mapper::selecting(shared.normalise, shared.schema, fields),
                None => Mapper::new(shared.normalise),
            },
            builder: match &shared.options.fields {
                Some(fields) => BatchBuilder::selecting(shared.schema, fields),
                None => BatchBuilder::new(shared.schema),
            },
            read_of_input: 0,
            index: None,
            failure: None,
        }
    }

    fn run(mut self) -> io::Result<(W, Account)> {
        loop {
            match self.next_task() {
                Task::Work(chunk) => self.work(chunk),
                Task::Decode(input) => {
                    self.decode(input);
                    self.shared.lock().decoding -= 1;
                    self.shared.change.notify_all();
                }
                Task::End => break,
            }
        }
        match self.failure {
            Some(error) => Err(error),
            None => Ok((self.worker, self.account)),
        }
    }

    fn next_task(&mut self) -> Task<'a> {
        let mut queue = self.shared.lock();
        loop {
            if self.shared.stopped.load(Ordering::Relaxed) {
                return Task::End;
            }
            if let Some(chunk) = queue.chunks.pop_front() {
                return Task::Work(chunk);
            }
            let next = self.shared.next_input.fetch_add(1, Ordering::Relaxed);
            if let Some(input) = self.shared.inputs.get(next) {
                queue.decoding += 1;
                return Task::Decode(input);
            }
            // What this thread has gathered of its last files does not fill up any more.
            let rest = std::mem::replace(&mut self.filling, Chunk::new(&self.shared.pool));
            if !rest.records.is_empty() {
                return Task::Work(rest);
            }
            if queue.decoding == 0 {
                return Task::End;
            }
            queue = self.shared.change.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn decode(&mut self, input: &Input) {
        self.read_of_input = 0;
        self.index = input.index().cloned();
        let reports = input.read(self);
        self.account.reports(reports);
    }

    /// Hands over the chunk that is full, or works on it.
    fn full(&mut self) {
        let chunk = std::mem::replace(&mut self.filling, Chunk::new(&self.shared.pool));
        let mut queue = self.shared.lock();
        if queue.chunks.len() < self.shared.room {
            queue.chunks.push_back(chunk);
            drop(queue);
            self.shared.change.notify_one();
        } else {
            drop(queue);
            self.work(chunk);
        }
    }

    /// A record that is made into an event.
    fn whole(&mut self, record: RawInput, index: Option<DataStream>) {
        let place = record.place.clone();
        let as_it_is = match &record.payload {
            RawPayload::Json(Value::Object(document)) if index.is_some() => Some(document.clone()),
            _ => None,
        };
        let mut watch = Watch::start(self.shared.options.timed);
        let normalised = self.normaliser.normalise(record);
        watch.lap(&mut self.account.times.normalising);
        match normalised {
            Ok(mut normalised) => {
                if let Some(index) = index {
                    normalised.event.data_stream = index;
                    // Of no source: it is a document of that index already.
                    if let Some(document) = as_it_is.filter(|_| normalised.is_unrecognised()) {
                        normalised.event.document = document;
                    }
                }
                let timestamp = get_field(&normalised.event.document, "@timestamp").and_then(Value::as_str);
                let inside = self.shared.options.window.holds(timestamp);
                self.account.normalised(normalised.has_time, normalised.is_unrecognised(), inside);
                if normalised.year_is_taken {
                    self.account.year_taken();
                }
                if self.shared.options.count_unmapped {
                    self.account.unmapped(&normalised);
                }
                if inside {
                    self.builder.push(normalised.event);
                    watch.lap(&mut self.account.times.columns);
                }
            }
            Err(error) => self.account.reject(&place, error.reason().to_string()),
        }
    }

    /// A record whose fields are put into columns.
    fn deferred(&mut self, deferred: &DeferredRecords, number: u32) {
        let (record, place) = deferred.get(number);
        let mut watch = Watch::start(self.shared.options.timed);
        let mapped = self.mapper.map(record, None, self.builder.names());
        watch.lap(&mut self.account.times.normalising);
        match mapped {
            Ok(mapped) => {
                let inside = self.shared.options.window.holds(mapped.timestamp(self.builder.names()));
                self.account.normalised(mapped.has_time(), mapped.is_unrecognised(), inside);
                if mapped.year_is_taken() {
                    self.account.year_taken();
                }
                if inside {
                    mapped.push_to(&mut self.builder, number);
                    watch.lap(&mut self.account.times.columns);
                }
            }
            Err(error) => self.account.reject(place, error.reason().to_string()),
        }
    }

    fn record_from(
        &mut self,
        record: TapeValue<'_>,
        place: Place,
        identity: &Arc<str>,
        text: Option<TextRange>,
    ) {
        if self.shared.defers {
            self.filling.deferred.push_from(record, place, identity, text);
            self.add(ChunkRecord::Deferred);
        } else {
            self.record(RawInput::bare(RawPayload::Json(record.to_value()), place, identity));
        }
    }

    fn add(&mut self, record: ChunkRecord) {
        self.account.record();
        self.filling.records.push(record);
        if self.filling.records.len() >= BATCH_EVENTS || self.filling.bytes() >= self.shared.chunk_bytes {
            self.full();
        }
    }

    fn work(&mut self, chunk: Chunk) {
        if self.shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Chunk { records, deferred, .. } = chunk;
        let mut numbers = 0..;
        for record in records {
            match record {
                ChunkRecord::Whole(record, index) => self.whole(*record, index),
                ChunkRecord::Deferred => self.deferred(&deferred, numbers.next().unwrap_or_default()),
            }
        }
        let mut watch = Watch::start(self.shared.options.timed);
        let batch = self.builder.finish_with(Box::new(deferred));
        watch.lap(&mut self.account.times.columns);
        self.account.batch(&batch);
        self.shared.progress.events(batch.len() as u64);
        if let Err(error) = self.worker.batch(&batch) {
            self.failure.get_or_insert(error);
            self.shared.stopped.store(true, Ordering::Relaxed);
            self.shared.change.notify_all();
        }
        self.builder.recycle(batch);
    }
}

impl<W: Worker> RecordSink for Thread<'_, W> {
    fn record(&mut self, record: RawInput) {
        self.filling.bytes += size_of_record(&record);
        self.add(ChunkRecord::Whole(Box::new(record), self.index.clone()));
    }

    fn record_on_tape(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>) {
        self.record_from(record, place, identity, None);
    }

    fn record_in_file(&mut self, record: TapeValue<'_>, place: Place, identity: &Arc<str>, text: TextRange) {
        self.record_from(record, place, identity, Some(text));
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        self.account.record();
        self.account.reject(place, reason.to_string());
    }

    fn is_satisfied(&self) -> bool {
        self.shared.stopped.load(Ordering::Relaxed)
    }

    fn progress(&mut self, bytes: u64) {
        self.shared.progress.bytes(bytes.saturating_sub(self.read_of_input));
        self.read_of_input = bytes;
    }
}

/// About how many bytes a record takes up in memory.
fn size_of_record(record: &RawInput) -> u64 {
    /// A value with the key and the place in a map that it usually has.
    const ENTRY: u64 = 128;
    fn size(value: &Value) -> u64 {
        ENTRY
            + match value {
                Value::String(text) => text.len() as u64,
                Value::Array(items) => items.iter().map(size).sum(),
                Value::Object(entries) => {
                    entries.iter().map(|(key, value)| key.len() as u64 + size(value)).sum()
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            }
    }
    ENTRY
        + match &record.payload {
            RawPayload::Json(value) => size(value),
            // Its tree is about as large as that of the same event in JSON.
            RawPayload::WindowsXml(text) => 4 * text.len() as u64,
        }
}
