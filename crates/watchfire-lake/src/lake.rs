//! A lake that is open for writing: by one process at a time.
//!
//! ```text
//! append ─► stamp, look for the id ─► spool, flushed ─► acknowledged
//!                   └─► waiting events of the stream ─► commit ─► Parquet file ─► the table's log, with the spool's number
//! ```
//!
//! Everything here may block, so it must not be called in asynchronous code but on threads that may. Nothing runs by
//! itself: whoever has a lake calls [`Lake::commit_due`] every second or so, and compaction, retention and vacuum now
//! and then.

mod maintenance;
mod opening;
mod stamp;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchfire_events::{DataStream, Event, MAX_FLATTENED_DEPTH, Place, TapedEvent, Timestamp, WrittenEvent};

pub use self::maintenance::{ExpiryReport, RepairReport, VacuumReport};
pub use self::opening::OpenReport;
pub use self::stamp::INGESTED_BY_CLIENT;
use self::stamp::Stampable;
use crate::columnise::{Columnised, columnise};
use crate::data_file::{DataFile, DataFileWriter, iso_day};
use crate::id_index::{IdIndex, IdIndexOptions};
use crate::layout::{Layout, check_stream_name};
use crate::shape::{LakeSchema, TableColumns};
use crate::spool::{MAX_PAYLOAD_BYTES, Spool, SpoolOptions};
use crate::stored::{StoredEvent, encode, input_of};
use crate::table::Table;
use crate::{LakeClock, LakeError, LakeReader};

/// Longest id in bytes, as in Elasticsearch.
const MOST_ID_BYTES: usize = 512;

/// Settings of a lake.
#[derive(Clone, Copy, Debug)]
pub struct LakeOptions {
    /// The spool.
    pub spool: SpoolOptions,
    /// What is remembered of ids.
    pub ids: IdIndexOptions,
    /// With so many events waiting, a stream's are due for their commit; no more are written to one file.
    pub commit_rows: usize,
    /// The same in bytes of documents.
    pub commit_bytes: usize,
    /// The same in milliseconds since the first of them arrived.
    pub commit_after_millis: i64,
    /// With more bytes of documents than these waiting for their commit, no events are stored: those who send are to send
    /// slower.
    pub waiting_bytes: usize,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            spool: SpoolOptions::default(),
            ids: IdIndexOptions::default(),
            commit_rows: 50_000,
            commit_bytes: 128 << 20,
            commit_after_millis: 5_000,
            waiting_bytes: 512 << 20,
        }
    }
}

/// What became of an event that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable, and has this number.
    Stored(u64),
    /// An event of this id has arrived in the data stream lately, and is durable.
    Repeated,
    /// It cannot be stored, for this reason.
    Refused(String),
}

/// What commits did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitReport {
    /// Events that went from the spool to their tables.
    pub rows: u64,
    /// Files that were written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By field, how many events have its values in the side column.
    pub diverted: BTreeMap<String, u64>,
}

impl CommitReport {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.files += other.files;
        self.bytes += other.bytes;
        for (field, rows) in other.diverted {
            *self.diverted.entry(field).or_default() += rows;
        }
    }
}

/// How a lake stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LakeState {
    /// Events that wait for their commit.
    pub waiting: u64,
    /// Bytes of the spool.
    pub spool_bytes: u64,
    /// Ids that are remembered.
    pub ids: u64,
    /// Ids that were forgotten before their time, for want of room.
    pub ids_forgotten_early: u64,
    /// Events that were stamped with the time of an earlier one, because the clock went back.
    pub held_stamps: u64,
}

/// A lake that is open for writing.
#[derive(Debug)]
pub struct Lake {
    layout: Layout,
    options: LakeOptions,
    schema: Arc<dyn LakeSchema>,
    clock: Arc<dyn LakeClock>,
    reader: LakeReader,
    spool: Spool,
    arrivals: Mutex<Arrivals>,
    writers: Mutex<BTreeMap<DataStream, Arc<Mutex<Writer>>>>,
    /// Locked as long as the lake is open.
    _lock: File,
}

impl std::fmt::Debug for dyn LakeSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LakeSchema")
    }
}

#[derive(Debug)]
struct Arrivals {
    streams: BTreeMap<DataStream, StreamArrivals>,
    /// Bytes of documents that wait, of all streams.
    bytes: usize,
    ids: IdIndex,
    /// No event is stamped with an earlier time.
    floor: Timestamp,
    held_stamps: u64,
}

#[derive(Debug)]
struct StreamArrivals {
    /// Events that are in the spool and in no table yet, in order of their number.
    waiting: VecDeque<StoredEvent>,
    bytes: usize,
    last: Timestamp,
}

impl Default for StreamArrivals {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, last: Timestamp::from_millis(i64::MIN) }
    }
}

/// Who changes a table: one at a time.
#[derive(Debug, Default)]
struct Writer {
    /// The table as it was left; none if that is not known for certain.
    table: Option<Table>,
}

impl Lake {
    /// Stores events whose documents are trees, as [`Self::append_taped`] does.
    pub fn append(&self, events: &[Event]) -> Result<Vec<Appended>, LakeError> {
        let taped = events.iter().map(|event| TapedEvent::from(event.clone())).collect();
        self.append_taped(taped, &mut |_| {})
    }

    /// Stores events: stamps their documents with `event.ingested`, and returns when they are durable. The answers are in
    /// their order. Those that were stored are given to `stored` then, as they stand in the lake.
    ///
    /// # Errors
    /// [`LakeError::Full`] if the tables do not keep up; any error means that none of the events may be acknowledged.
    pub fn append_taped(
        &self,
        events: Vec<TapedEvent>,
        stored: &mut dyn FnMut(WrittenEvent),
    ) -> Result<Vec<Appended>, LakeError> {
        // Writing documents is most of the work, and needs nothing that others wait for.
        let prepare = |event: TapedEvent| {
            let refused = refusal(&event).map_or(Ok(()), Err);
            let TapedEvent { id, data_stream, document, .. } = event;
            (id, data_stream, refused.and_then(|()| Stampable::of(document)))
        };
        let prepared: Vec<_> = events.into_iter().map(prepare).collect();
        let mut arrivals = lock(&self.arrivals);
        if arrivals.bytes > self.options.waiting_bytes {
            let (held, limit) = (arrivals.bytes as u64, self.options.waiting_bytes as u64);
            return Err(LakeError::Full { held, limit });
        }
        let now = self.clock.now();
        arrivals.ids.expire(now);
        let mut answers = Vec::with_capacity(prepared.len());
        let mut kept: Vec<(DataStream, StoredEvent)> = Vec::with_capacity(prepared.len());
        let mut payloads: Vec<Vec<u8>> = Vec::with_capacity(prepared.len());
        let next = self.spool.next();
        for (id, data_stream, prepared) in prepared {
            let mut document = match prepared {
                Ok(document) => document,
                Err(reason) => {
                    answers.push(Appended::Refused(reason));
                    continue;
                }
            };
            if arrivals.ids.contains(&data_stream, &id) {
                answers.push(Appended::Repeated);
                continue;
            }
            let ingested = arrivals.stamp(&data_stream, now);
            let source = document.stamped(ingested);
            let mut payload = Vec::with_capacity(source.len() + 256);
            let sequence = next + kept.len() as u64;
            arrivals.ids.insert(&data_stream, &id, ingested);
            let one = StoredEvent { sequence, ingested, id, source };
            encode(&data_stream, &one, &mut payload);
            if payload.len() > MAX_PAYLOAD_BYTES {
                arrivals.ids.remove(&data_stream, &one.id);
                answers.push(Appended::Refused(format!("it has more than {MAX_PAYLOAD_BYTES} bytes")));
                continue;
            }
            payloads.push(payload);
            kept.push((data_stream, one));
            answers.push(Appended::Stored(sequence));
        }
        if let Err(error) = self.spool.append(payloads.iter().map(Vec::as_slice)) {
            for (stream, event) in &kept {
                arrivals.ids.remove(stream, &event.id);
            }
            return Err(error);
        }
        for (stream, event) in &kept {
            arrivals.wait(stream, event.clone());
        }
        // Of repeated ids too: the first of them may be on its way to the disk at this moment.
        let below = self.spool.next();
        drop(arrivals);
        self.spool.sync(below)?;
        let mut input: Option<(DataStream, Arc<str>)> = None;
        for (data_stream, StoredEvent { sequence, id, source, .. }) in kept {
            let input = match &mut input {
                Some((stream, input)) if *stream == data_stream => Arc::clone(input),
                other => Arc::clone(&other.insert((data_stream.clone(), input_of(&data_stream))).1),
            };
            let place = Place { input, record: sequence, line: None, offset: None };
            stored(WrittenEvent { id, data_stream, document: source, place });
        }
        Ok(answers)
    }

    /// From here on no event is stamped with an earlier time, even if the clock goes back: for whoever has looked at all
    /// that had arrived before. What a lake was told is forgotten when it is closed.
    pub fn stamp_from(&self, instant: Timestamp) {
        let mut arrivals = lock(&self.arrivals);
        arrivals.floor = arrivals.floor.max(instant.to_millisecond());
    }

    /// Commits the events of the streams that have enough of them, or the first of which has waited long enough.
    pub fn commit_due(&self) -> Result<CommitReport, LakeError> {
        let now = self.clock.now();
        let is_due = |stream: &StreamArrivals| {
            stream.waiting.len() >= self.options.commit_rows
                || stream.bytes >= self.options.commit_bytes
                || stream.waiting.front().is_some_and(|first| {
                    now.millis().saturating_sub(first.ingested.millis()) >= self.options.commit_after_millis
                })
        };
        self.commit_where(&is_due)
    }

    /// Commits everything that waits.
    pub fn commit(&self) -> Result<CommitReport, LakeError> {
        self.commit_where(&|_| true)
    }

    /// Commits streams in order of name. One that fails does not keep the others from it; its error is the answer then.
    fn commit_where(&self, is_due: &dyn Fn(&StreamArrivals) -> bool) -> Result<CommitReport, LakeError> {
        let streams: Vec<DataStream> = lock(&self.arrivals)
            .streams
            .iter()
            .filter(|(_, stream)| !stream.waiting.is_empty() && is_due(stream))
            .map(|(name, _)| name.clone())
            .collect();
        let mut report = CommitReport::default();
        let mut failure = None;
        for stream in streams {
            match self.commit_stream(&stream) {
                Ok(done) => report.add(done),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        self.release()?;
        failure.map_or(Ok(report), Err)
    }

    /// Commits what waits of a stream at this moment.
    fn commit_stream(&self, stream: &DataStream) -> Result<CommitReport, LakeError> {
        let writer = self.writer(stream);
        let mut writer = lock(&writer);
        let mut report = CommitReport::default();
        let mut left = lock(&self.arrivals).streams.get(stream).map_or(0, |arrivals| arrivals.waiting.len());
        while left > 0 {
            let events = self.next_events(stream, left);
            let Some(last) = events.last().map(|event| event.sequence) else { break };
            left -= events.len().min(left);
            // Until the commit is known to have come about, what the table looks like is not known either.
            let table = match writer.table.take() {
                Some(table) => table,
                None => self.open_table(stream)?,
            };
            let (table, done) = self.commit_events(table, &events)?;
            writer.table = Some(table);
            report.add(done);
            let mut arrivals = lock(&self.arrivals);
            let gone = arrivals.streams.get_mut(stream).map_or(0, |arrivals| arrivals.drop_through(last));
            arrivals.bytes -= gone;
        }
        Ok(report)
    }

    /// The first waiting events of a stream, as many as go into a commit.
    fn next_events(&self, stream: &DataStream, most: usize) -> Arc<[StoredEvent]> {
        let arrivals = lock(&self.arrivals);
        let waiting = arrivals.streams.get(stream).map(|stream| &stream.waiting);
        let mut bytes = 0;
        let fits = |event: &&StoredEvent| {
            let fits = bytes == 0 || bytes + event.source.len() <= self.options.commit_bytes;
            bytes += event.source.len();
            fits
        };
        let most = most.min(self.options.commit_rows.max(1));
        waiting.into_iter().flatten().take(most).take_while(fits).cloned().collect()
    }

    /// Writes events to files and commits them. Those that the table has already are left out.
    fn commit_events(
        &self,
        mut table: Table,
        events: &Arc<[StoredEvent]>,
    ) -> Result<(Table, CommitReport), LakeError> {
        let runtime = self.reader.runtime();
        let committed = runtime.run(table.committed())?;
        let first =
            events.partition_point(|event| committed.is_some_and(|through| event.sequence <= through));
        let events: Arc<[StoredEvent]> = if first == 0 { Arc::clone(events) } else { events[first..].into() };
        let Some(last) = events.last() else { return Ok((table, CommitReport::default())) };
        let columnised = columnise(table.stream(), &events, &*self.schema, &table.columns())
            .map_err(LakeError::table(table.stream()))?;
        let files = write_files(table.folder(), &columnised, events[0].sequence)?;
        runtime.run(table.append(&files, &columnised.columns, last.sequence, self.clock.now()))?;
        let mut report = CommitReport { rows: events.len() as u64, ..CommitReport::default() };
        for file in files {
            report.add(CommitReport { files: 1, bytes: file.bytes, rows: 0, diverted: file.diverted });
        }
        Ok((table, report))
    }

    fn open_table(&self, stream: &DataStream) -> Result<Table, LakeError> {
        self.reader.runtime().run(Table::open_or_create(&self.layout, stream, &TableColumns::own()))
    }

    fn writer(&self, stream: &DataStream) -> Arc<Mutex<Writer>> {
        Arc::clone(lock(&self.writers).entry(stream.clone()).or_default())
    }

    /// Lets the spool delete what all tables have.
    fn release(&self) -> Result<(), LakeError> {
        let arrivals = lock(&self.arrivals);
        let waiting = arrivals.streams.values().filter_map(|stream| stream.waiting.front());
        let below = waiting.map(|event| event.sequence).min().unwrap_or_else(|| self.spool.next());
        // While this is locked nobody appends what would not be counted.
        self.spool.release(below)
    }

    /// The lake for reading. It has what was committed.
    pub fn reader(&self) -> &LakeReader {
        &self.reader
    }

    /// How it stands.
    pub fn state(&self) -> LakeState {
        let arrivals = lock(&self.arrivals);
        LakeState {
            waiting: arrivals.streams.values().map(|stream| stream.waiting.len() as u64).sum(),
            spool_bytes: self.spool.held(),
            ids: arrivals.ids.len() as u64,
            ids_forgotten_early: arrivals.ids.forgotten_early(),
            held_stamps: arrivals.held_stamps,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.layout.root()
    }
}

impl Arrivals {
    /// The time with which an event of a stream is stamped: never before that of the one before, nor before
    /// [`Lake::stamp_from`].
    fn stamp(&mut self, stream: &DataStream, now: Timestamp) -> Timestamp {
        let now = now.to_millisecond();
        let floor = self.floor;
        let stream = match self.streams.get_mut(stream) {
            Some(stream) => stream,
            None => self.streams.entry(stream.clone()).or_default(),
        };
        stream.last = stream.last.max(floor);
        if now < stream.last {
            self.held_stamps += 1;
        }
        stream.last = stream.last.max(now);
        stream.last
    }

    fn wait(&mut self, stream: &DataStream, event: StoredEvent) {
        self.bytes += event.source.len();
        let stream = match self.streams.get_mut(stream) {
            Some(stream) => stream,
            None => self.streams.entry(stream.clone()).or_default(),
        };
        stream.last = stream.last.max(event.ingested);
        stream.bytes += event.source.len();
        stream.waiting.push_back(event);
    }
}

impl StreamArrivals {
    /// Lets go of the events up to a number; answers the bytes of their documents.
    fn drop_through(&mut self, last: u64) -> usize {
        let before = self.bytes;
        while let Some(event) = self.waiting.pop_front_if(|event| event.sequence <= last) {
            self.bytes -= event.source.len();
        }
        before - self.bytes
    }
}

/// Why an event cannot be stored.
fn refusal(event: &TapedEvent) -> Option<String> {
    if let Err(error) = check_stream_name(&event.data_stream) {
        return Some(error.to_string());
    }
    let id = event.id.as_str();
    if id.is_empty() || id.len() > MOST_ID_BYTES {
        return Some(format!("its id has {} bytes; 1 to {MOST_ID_BYTES} are allowed", id.len()));
    }
    // The document itself is a level too.
    event.document.is_deeper(MAX_FLATTENED_DEPTH + 1).then(|| "it is nested too deep".to_owned())
}

/// A file for each day of arrival.
fn write_files(folder: &Path, columnised: &Columnised, first: u64) -> Result<Vec<DataFile>, LakeError> {
    let mut files = Vec::new();
    let rows = columnised.batch.num_rows();
    for (at, (day, start)) in columnised.days.iter().enumerate() {
        let end = columnised.days.get(at + 1).map_or(rows, |(_, next)| *next);
        let batch = columnised.batch.slice(*start, end - start);
        let stem = format!("{first:020}");
        let mut writer =
            DataFileWriter::begin(folder, &iso_day(*day), &stem, &batch.schema(), batch.num_rows())?;
        match writer.write(&batch) {
            Ok(()) => files.push(writer.finish()?),
            Err(error) => {
                writer.abandon();
                return Err(error);
            }
        }
    }
    Ok(files)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
