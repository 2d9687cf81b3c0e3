//! Opening a lake: what a crash left is put in order, and what the spool holds waits for its commit again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use watchfire_events::{DataStream, IndexPatterns, Timestamp};

use super::{Arrivals, Lake, LakeOptions, Writer};
use crate::id_index::IdIndex;
use crate::layout::{Layout, create_folder};
use crate::reader::statistics;
use crate::repair::{set_aside, set_checkpoints_aside, torn_commit};
use crate::scan::{Selection, TimeField, Window};
use crate::shape::LakeSchema;
use crate::spool::{Spool, SpoolRecovery};
use crate::stored::decode;
use crate::table::Table;
use crate::{LakeClock, LakeError, LakeReader};

/// What was found when a lake was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// What was found in the spool.
    pub spool: SpoolRecovery,
    /// Events of the spool that no table had; they wait for their commit.
    pub replayed: u64,
    /// Events of the spool that their tables had already.
    pub known: u64,
    /// Records of the spool that are no events, by their number.
    pub unreadable: Vec<u64>,
    /// Parts of the logs of tables that were unreadable, and where they were moved to.
    pub set_aside: Vec<PathBuf>,
    /// What kept ids from being remembered: events of the damaged files may be stored again if they are sent again.
    pub ids_unread: Vec<String>,
}

impl Lake {
    /// Opens the lake in a folder for writing, and makes one if there is none.
    ///
    /// # Errors
    /// [`LakeError::Locked`] if another process has it open, and whatever cannot be read, written or repaired.
    pub fn open(
        folder: &Path,
        schema: Arc<dyn LakeSchema>,
        clock: Arc<dyn LakeClock>,
        options: LakeOptions,
    ) -> Result<(Self, OpenReport), LakeError> {
        let layout = Layout::new(folder);
        create_folder(folder)?;
        let lock = lock_file(&layout)?;
        create_folder(&layout.tables())?;
        let reader = LakeReader::of(layout.clone())?;
        let mut report = OpenReport::default();
        let mut arrivals = Arrivals {
            streams: BTreeMap::new(),
            bytes: 0,
            ids: IdIndex::new(options.ids),
            floor: Timestamp::from_millis(i64::MIN),
            held_stamps: 0,
        };
        let mut committed = BTreeMap::new();
        let mut writers = BTreeMap::new();
        for stream in layout.streams()? {
            let Some(table) = open_table(&layout, &reader, &stream, &mut report)? else { continue };
            if let Some(through) = reader.runtime().run(table.committed())? {
                committed.insert(stream.clone(), through);
            }
            if let Some((_, last)) = statistics(&table).ingested {
                let last = Timestamp::from_millis(last.div_euclid(1_000));
                arrivals.streams.entry(stream.clone()).or_default().last = last;
            }
            writers.insert(stream, Arc::new(Mutex::new(Writer { table: Some(table) })));
        }
        let now = clock.now();
        report.ids_unread = remember_ids(&reader, &*schema, arrivals.ids.horizon(now), &mut arrivals.ids)?;
        let least = committed.values().max().map_or(1, |through| through + 1);
        let (mut replayed, mut known, mut unreadable) = (0, 0, Vec::new());
        let (spool, recovery) = Spool::open(
            &layout.spool(),
            &layout.quarantine(),
            options.spool,
            least,
            &mut |sequence, payload| match decode(sequence, payload) {
                None => unreadable.push(sequence),
                Some((stream, _)) if committed.get(&stream).is_some_and(|through| sequence <= *through) => {
                    known += 1;
                }
                Some((stream, event)) => {
                    replayed += 1;
                    arrivals.ids.insert(&stream, &event.id, event.ingested);
                    arrivals.wait(&stream, event);
                }
            },
        )?;
        arrivals.ids.expire(now);
        report = OpenReport { spool: recovery, replayed, known, unreadable, ..report };
        let lake = Self {
            layout,
            options,
            schema,
            clock,
            reader,
            spool,
            arrivals: Mutex::new(arrivals),
            writers: Mutex::new(writers),
            _lock: lock,
        };
        Ok((lake, report))
    }
}

fn lock_file(layout: &Layout) -> Result<File, LakeError> {
    let path = layout.lock();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(LakeError::io("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LakeError::Locked(layout.root().to_owned())),
        Err(TryLockError::Error(error)) => Err(LakeError::io("cannot lock", &path)(error)),
    }
}

/// Opens a table; if its log cannot be read, without the parts of it that are damaged.
fn open_table(
    layout: &Layout,
    reader: &LakeReader,
    stream: &DataStream,
    report: &mut OpenReport,
) -> Result<Option<Table>, LakeError> {
    let folder = layout.table(stream);
    if folder.join("_delta_log").is_dir()
        && let Some(torn) = torn_commit(&folder)?
    {
        report.set_aside.push(set_aside(&torn, &layout.quarantine())?);
    }
    let open = || reader.runtime().run(Table::open(layout, stream));
    match open() {
        Ok(table) => Ok(table),
        Err(error) => {
            let moved = set_checkpoints_aside(&folder, &layout.quarantine())?;
            if moved.is_empty() {
                return Err(error);
            }
            report.set_aside.extend(moved);
            open()
        }
    }
}

/// Reads the ids that arrived since an instant. Answers what could not be read: a damaged file must not keep a lake from
/// being opened.
fn remember_ids(
    reader: &LakeReader,
    schema: &dyn LakeSchema,
    since: Timestamp,
    ids: &mut IdIndex,
) -> Result<Vec<String>, LakeError> {
    let mut unread = Vec::new();
    let window = Window { by: TimeField::Ingested, from: since, to: Timestamp::from_millis(i64::MAX) };
    let selection =
        Selection { patterns: IndexPatterns::default(), windows: vec![window], ..Selection::default() };
    let fields = OnlyArrival;
    let mut scan = reader.scan(schema, Some(&fields), selection)?;
    loop {
        let (batch, found) = match scan.next_with_ids() {
            Ok(Some(next)) => next,
            Ok(None) => break,
            // The scan goes on behind what it could not read.
            Err(error) => {
                unread.push(error.to_string());
                continue;
            }
        };
        let column = batch.column(crate::shape::INGESTED);
        for (row, id) in found.iter().enumerate() {
            let arrived = column.and_then(|column| match column.value(*column.codes(row).first()?) {
                watchfire_events::ValueRef::Instant(at) => Some(at),
                _ => None,
            });
            if let Some(arrived) = arrived {
                ids.insert(batch.stream(row), id, arrived);
            }
        }
    }
    Ok(unread)
}

#[derive(Debug)]
struct OnlyArrival;

impl watchfire_events::FieldSelection for OnlyArrival {
    fn reads(&self, _stream: &DataStream, name: &str) -> bool {
        name == crate::shape::INGESTED
    }
}
