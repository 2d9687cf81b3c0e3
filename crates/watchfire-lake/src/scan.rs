//! Reading events of the lake as batches for a matcher.
//!
//! ```text
//! tables by pattern ─► files by the log's statistics ─► row groups by statistics and Bloom filters
//!        ─► rows by the columns of the window and of look-ups ─► needed columns of those rows ─► EventBatch
//!                                                       documents only when they are asked for ─┘
//! ```
//!
//! Whatever is passed over could not have held a row that was asked for: a field is used to pass over a file or row group
//! only if the file has none of its values in the side column.

mod needed;
mod open_file;
mod row_group;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use watchfire_events::{
    BatchBuilder, DataStream, EventBatch, EventId, FieldSelection, FieldType, FieldTypes, IndexPatterns,
    Timestamp, parse_ip,
};

pub use self::needed::Needed;
use self::open_file::OpenFile;
use self::row_group::GroupRows;
pub(crate) use self::row_group::put_fields;
use crate::LakeError;
use crate::cells::floor_micros;
use crate::data_file::FileStatistics;
use crate::shape::{INGESTED, SEQUENCE, TIMESTAMP};
use crate::stored::Failures;
use crate::table::Table;

/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;

/// Which of the two times of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeField {
    /// `@timestamp`: when it happened.
    Timestamp,
    /// `event.ingested`: when it arrived.
    Ingested,
}

impl TimeField {
    fn column(self) -> &'static str {
        match self {
            Self::Timestamp => TIMESTAMP,
            Self::Ingested => INGESTED,
        }
    }
}

/// A span of time, both ends included, as rules ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which time has to lie in it.
    pub by: TimeField,
    /// First instant.
    pub from: Timestamp,
    /// Last instant.
    pub to: Timestamp,
}

/// Values of which a field has to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// The field.
    pub field: String,
    /// The values as texts; addresses in any form.
    pub values: Vec<String>,
}

/// Which events are to be read. Without any restriction: all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Which data streams.
    pub patterns: IndexPatterns,
    /// When they happened or arrived: within one of these, if there are any.
    pub windows: Vec<Window>,
    /// Within each of these too.
    pub within: Vec<Window>,
    /// What has to be in their fields: all of these.
    pub look_ups: Vec<LookUp>,
    /// Only those that arrived after the one with this number.
    pub after: Option<u64>,
    /// What they need to have to be of any use. Of the events that lack it most are passed over, but not all.
    pub needed: Needed,
}

/// What a scan has read and passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Files of the tables.
    pub files: u64,
    /// Of these, the ones that were not opened.
    pub files_passed_over: u64,
    /// Row groups of the files that were opened.
    pub row_groups: u64,
    /// Of these, the ones of which no row was read.
    pub row_groups_passed_over: u64,
    /// Rows of the row groups that were read.
    pub rows_read: u64,
    /// Rows that were asked for and handed out.
    pub rows: u64,
    /// Rows that were asked for and passed over, since they lack what is needed.
    pub rows_without_need: u64,
}

/// The rows of a data stream that were asked for, whether they were handed out or lacked what is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Considered {
    /// How many.
    pub rows: u64,
    /// Of the fields that are read, those that rows of the same row groups have.
    pub fields: BTreeSet<String>,
}

/// The files of a lake that may have what is asked for. Any number of scans on any threads may read them together: each file
/// is read by one.
#[derive(Clone, Debug)]
pub struct ScanFiles {
    selection: Arc<Selection>,
    left: Arc<Mutex<VecDeque<FileOf>>>,
}

/// A file of a table, by its place in the table's list.
type FileOf = (Arc<Table>, usize);

impl ScanFiles {
    pub(crate) fn new(tables: &[Arc<Table>], selection: Selection) -> Self {
        let files = tables
            .iter()
            .filter(|table| selection.patterns.select(table.stream()))
            .flat_map(|table| (0..table.files().len()).map(|at| (Arc::clone(table), at)))
            .collect();
        Self { selection: Arc::new(selection), left: Arc::new(Mutex::new(files)) }
    }

    /// Every so many of the files of a table, beginning with one: the share of one of several scans that know nothing of each
    /// other.
    pub(crate) fn share(table: &Arc<Table>, selection: Selection, first: usize, of: usize) -> Self {
        let files =
            (first..table.files().len()).step_by(of.max(1)).map(|at| (Arc::clone(table), at)).collect();
        Self { selection: Arc::new(selection), left: Arc::new(Mutex::new(files)) }
    }

    /// Begins to read those that no other scan has read. `fields` says of which fields the batches get columns; without
    /// it, of all.
    pub fn scan<'a>(&self, schema: &'a dyn FieldTypes, fields: Option<&'a dyn FieldSelection>) -> Scan<'a> {
        Scan::new(self.clone(), schema, fields)
    }

    fn next(&self) -> Option<FileOf> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Rows as they lie in a file.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) batches: Vec<RecordBatch>,
    /// The day of their arrival.
    pub(crate) day: String,
}

/// A scan in progress: its batches come table by table and file by file, each with rows in order of time.
pub struct Scan<'a> {
    schema: &'a dyn FieldTypes,
    fields: Option<&'a dyn FieldSelection>,
    selection: Selection,
    /// Whether files and row groups may be passed over.
    prunes: bool,
    builder: BatchBuilder<'a>,
    files: ScanFiles,
    open: Option<OpenFile>,
    group: Option<GroupRows>,
    failures: Arc<Failures>,
    counts: ScanCounts,
    considered: BTreeMap<DataStream, Considered>,
}

impl std::fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("selection", &self.selection).field("counts", &self.counts).finish()
    }
}

impl<'a> Scan<'a> {
    fn new(files: ScanFiles, schema: &'a dyn FieldTypes, fields: Option<&'a dyn FieldSelection>) -> Self {
        let mut selection = Selection::clone(&files.selection);
        for look_up in &mut selection.look_ups {
            if schema.field_type(&look_up.field) == FieldType::Ip {
                for value in &mut look_up.values {
                    if let Some(address) = parse_ip(value) {
                        *value = address.to_canonical().to_string();
                    }
                }
            }
        }
        let builder = match fields {
            Some(fields) => BatchBuilder::selecting(schema, fields),
            None => BatchBuilder::new(schema),
        };
        Self {
            schema,
            fields,
            selection,
            prunes: true,
            builder,
            files,
            open: None,
            group: None,
            failures: Arc::default(),
            counts: ScanCounts::default(),
            considered: BTreeMap::new(),
        }
    }

    /// Reads every file and row group and looks at each row: what a scan must find, at its dearest.
    #[must_use]
    pub fn without_pruning(mut self) -> Self {
        self.prunes = false;
        self
    }

    /// What was read and passed over so far.
    pub fn counts(&self) -> ScanCounts {
        self.counts
    }

    /// The rows that were asked for so far, by data stream.
    pub fn considered(&self) -> &BTreeMap<DataStream, Considered> {
        &self.considered
    }

    /// The next batch; `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<EventBatch>, LakeError> {
        Ok(self.next_with_ids()?.map(|(batch, _)| batch))
    }

    /// The next batch, with the ids of its events: for those who need no document.
    pub(crate) fn next_with_ids(&mut self) -> Result<Option<(EventBatch, Vec<EventId>)>, LakeError> {
        loop {
            if let Some(error) = self.failures.take() {
                return Err(error);
            }
            if let (Some(group), Some(file)) = (&mut self.group, &self.open)
                && let Some((batch, ids)) =
                    group.next_batch(file, self.fields, &mut self.builder, &self.failures)?
            {
                self.counts.rows += batch.len() as u64;
                return Ok(Some((batch, ids)));
            }
            if !self.next_group()? {
                return Ok(None);
            }
        }
    }

    /// The next rows as they lie in their file, with those of some columns that it has; `None` at the end.
    pub(crate) fn next_records(&mut self, columns: &[&str]) -> Result<Option<Records>, LakeError> {
        loop {
            if let (Some(group), Some(file)) = (&mut self.group, &self.open)
                && let Some(batches) = group.next_records(file, columns)?
            {
                self.counts.rows += batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
                return Ok(Some(Records { batches, day: file.day.clone() }));
            }
            if !self.next_group()? {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next row group of which rows are to be read; answers whether there is one.
    fn next_group(&mut self) -> Result<bool, LakeError> {
        loop {
            self.group = None;
            if let Some(file) = &mut self.open
                && let Some(group) = file.next_group()
            {
                self.group = self.select(group)?;
                if self.group.is_some() {
                    return Ok(true);
                }
                continue;
            }
            self.open = None;
            let Some((table, at)) = self.files.next() else { return Ok(false) };
            let listed = &table.files()[at];
            self.counts.files += 1;
            if self.prunes && !may_hold(&listed.statistics, &self.selection) {
                self.counts.files_passed_over += 1;
                continue;
            }
            self.open = Some(OpenFile::open(&table, listed)?);
        }
    }

    /// The rows of a row group of the open file that are to be read; `None` if there is none.
    fn select(&mut self, group: usize) -> Result<Option<GroupRows>, LakeError> {
        let Some(file) = &self.open else { return Ok(None) };
        self.counts.row_groups += 1;
        if self.prunes && !file.may_hold(group, &self.selection)? {
            self.counts.row_groups_passed_over += 1;
            return Ok(None);
        }
        let needed = if self.prunes {
            needed::for_group(self.selection.needed.condition(), file, group, self.schema)?
        } else {
            needed::for_rows(self.selection.needed.condition(), file, self.schema)?
        };
        let (rows, asked) =
            GroupRows::select(file, group, &self.selection, &needed, self.schema, BATCH_ROWS)?;
        let left = rows.len();
        if asked > 0 {
            let seen = self.considered.entry(file.stream.clone()).or_default();
            seen.rows += asked;
            for field in file.fields_of(group) {
                let is_read = self.fields.is_none_or(|fields| fields.reads(&file.stream, field));
                if is_read && !seen.fields.contains(field) {
                    seen.fields.insert(field.to_owned());
                }
            }
        }
        self.counts.rows_without_need += asked - left;
        if left == 0 {
            self.counts.row_groups_passed_over += 1;
            return Ok(None);
        }
        self.counts.rows_read += file.group_rows(group) as u64;
        Ok(Some(rows))
    }

    /// Tells whether all documents of the batches that were handed out could be read.
    pub fn finish(self) -> Result<ScanCounts, LakeError> {
        match self.failures.take() {
            Some(error) => Err(error),
            None => Ok(self.counts),
        }
    }
}

/// Whether a file with these statistics may have a row that is asked for.
fn may_hold(statistics: &FileStatistics, selection: &Selection) -> bool {
    let arrived = statistics.bounds(SEQUENCE).zip(selection.after);
    if arrived.is_some_and(|((_, greatest), after)| greatest <= after as i64) {
        return false;
    }
    let may_hold = |window: &Window| may_hold_window(statistics, window);
    (selection.windows.is_empty() || selection.windows.iter().any(may_hold))
        && selection.within.iter().all(may_hold)
}

/// Whether a file with these statistics may have a row of this window.
fn may_hold_window(statistics: &FileStatistics, window: &Window) -> bool {
    let is_whole = statistics.diverted() == Some(0) || window.by == TimeField::Ingested;
    match statistics.bounds(window.by.column()) {
        Some(bounds) => !is_whole || overlaps(bounds, window),
        // Only a file of rows without this time has no bounds though it has statistics.
        None => {
            !is_whole
                || statistics.nulls(window.by.column()).is_none_or(|nulls| Some(nulls) != statistics.rows)
        }
    }
}

fn overlaps((least, greatest): (i64, i64), window: &Window) -> bool {
    least <= floor_micros(window.to) && greatest >= ceil_micros(window.from)
}

/// Microseconds since 1970, rounded up.
fn ceil_micros(at: Timestamp) -> i64 {
    let floor = floor_micros(at);
    if at.nanos() % 1_000 == 0 { floor } else { floor.saturating_add(1) }
}

fn in_window(micros: i64, window: &Window) -> bool {
    overlaps((micros, micros), window)
}
