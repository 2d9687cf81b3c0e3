//! The events of a lake as input: they are normalised already, and their columns lie ready.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use watchfire_engine::ReadFields;
use watchfire_events::{FieldSelection, Timestamp};
use watchfire_ir::Schema;
use watchfire_lake::{LakeError, LakeReader, Needed, ScanFiles, Selection, TimeField, Window};

use super::{Account, IntakeOptions, Worker};
use crate::progress::Progress;

/// The events of a lake, and what is read of them.
pub(crate) struct LakeInput {
    /// The folder of the lake.
    pub(crate) folder: PathBuf,
    /// The fields that the worker looks at.
    pub(crate) fields: ReadFields,
    /// What events need to be of any use to the worker. The others are counted, and it does not get to see most of them.
    pub(crate) needed: Needed,
}

/// Gives the events of a lake to workers, each on a thread of its own. Those outside the window are not counted: most of them
/// are never looked at.
pub(super) fn read<W: Worker>(
    lake: &LakeInput,
    options: &IntakeOptions,
    schema: &(dyn Schema + Sync),
    progress: &Progress,
    workers: &mut [W],
    account: &mut Account,
) -> io::Result<()> {
    let LakeInput { folder, fields, needed } = lake;
    let windows = lake_window(options.window).into_iter().collect();
    let selection = Selection { windows, needed: needed.clone(), ..Selection::default() };
    let files =
        LakeReader::open_existing(folder).and_then(|reader| reader.files(selection)).map_err(lake_error)?;
    let reading = Reading { files, fields, schema, progress, stopped: AtomicBool::new(false) };
    let accounts: Vec<io::Result<Account>> = std::thread::scope(|scope| {
        let (own, others) =
            workers.split_first_mut().map_or((None, None), |(own, others)| (Some(own), Some(others)));
        let others: Vec<_> =
            others.into_iter().flatten().map(|worker| scope.spawn(|| reading.read(worker))).collect();
        let own = own.map(|worker| reading.read(worker));
        let joined = others.into_iter().map(|handle| match handle.join() {
            Ok(result) => result,
            // A panic is a bug: it goes on as if there had been one thread.
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(joined).collect()
    });
    accounts.into_iter().try_for_each(|part| {
        account.merge(part?);
        Ok(())
    })
}

/// The events of a lake that happened within the time that is asked for, if any is.
pub(crate) fn lake_window(asked: super::Window) -> Option<Window> {
    (asked.from.is_some() || asked.to.is_some()).then(|| Window {
        by: TimeField::Timestamp,
        from: asked.from.unwrap_or(Timestamp::from_millis(i64::MIN)),
        to: asked.to.unwrap_or(Timestamp::from_millis(i64::MAX)),
    })
}

/// What all threads share.
struct Reading<'a> {
    files: ScanFiles,
    fields: &'a ReadFields,
    schema: &'a (dyn Schema + Sync),
    progress: &'a Progress,
    /// One has failed, and what the others would find is of no use.
    stopped: AtomicBool,
}

impl Reading<'_> {
    fn read(&self, worker: &mut impl Worker) -> io::Result<Account> {
        let read = self.read_files(worker);
        if read.is_err() {
            self.stopped.store(true, Ordering::Relaxed);
        }
        read
    }

    fn read_files(&self, worker: &mut impl Worker) -> io::Result<Account> {
        let fields: &dyn FieldSelection = self.fields;
        let mut scan = self.files.scan(self.schema, Some(fields));
        let mut account = Account::default();
        while !self.stopped.load(Ordering::Relaxed)
            && let Some(batch) = scan.next_batch().map_err(lake_error)?
        {
            account.misfits(&batch);
            worker.batch(&batch)?;
            self.progress.events(batch.len() as u64);
        }
        for (stream, considered) in scan.considered() {
            account.stored(stream, considered.rows, &considered.fields);
        }
        self.progress.events(scan.counts().rows_without_need);
        scan.finish().map_err(lake_error)?;
        Ok(account)
    }
}

/// What went wrong with a lake; a folder that is none is an error of the user's.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
pub(crate) fn lake_error(error: LakeError) -> io::Error {
    let kind = match error {
        LakeError::NoLake { .. } => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}
