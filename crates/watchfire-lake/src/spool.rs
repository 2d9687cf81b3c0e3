//! The durable spool in front of the tables: what is in it and flushed is never lost.
//!
//! ```text
//! append ─► write to the last segment ─► sync (one flush for all who wait) ─► acknowledged
//!                                                     commit to a table ─► release ─► segments deleted
//! ```
//!
//! Segments are only appended to. Each record has a sequence number, counted over the whole lake; the tables note in
//! each commit up to which number they hold events, so a replay adds nothing twice. An open never writes to a segment
//! that was there: what a crash left at its end is cut off and reported.
//!
//! A write or flush that fails is not tried again on the same bytes, because nobody knows then what is on the disk. A
//! failed write is taken back; if that fails too, or a flush does, the spool refuses everything until it is opened anew.

mod frame;
mod recovery;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) use self::frame::MAX_PAYLOAD_BYTES;
pub(crate) use self::recovery::inspect;
pub use self::recovery::{Damage, DamageKind, SpoolRecovery};
use crate::LakeError;
use crate::layout::{create_folder, sync_folder};

/// Suffix of segments.
const SUFFIX: &str = "spool";

/// How large the spool may get.
#[derive(Clone, Copy, Debug)]
pub struct SpoolOptions {
    /// A segment of more bytes than this is closed, and the next one begun.
    pub segment_bytes: u64,
    /// With more bytes than this waiting, appends are refused.
    pub most_bytes: u64,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, most_bytes: 4 << 30 }
    }
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    /// Its last sequence number, if it holds any record.
    last: Option<u64>,
    bytes: u64,
}

#[derive(Debug)]
struct Writing {
    /// Closed segments, oldest first.
    closed: VecDeque<Segment>,
    current: Segment,
    file: Arc<File>,
    next: u64,
    poison: Option<String>,
}

#[derive(Debug, Default)]
struct Flushed {
    /// All records below this number are on the disk.
    below: u64,
    /// Whether somebody flushes at this moment.
    busy: bool,
    poison: Option<String>,
}

/// A spool that is open for writing.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    options: SpoolOptions,
    writing: Mutex<Writing>,
    flushed: Mutex<Flushed>,
    woken: Condvar,
}

impl Spool {
    /// Opens the spool in a folder and gives every record that is in it to `replay`, in order, with its number. Records
    /// get numbers from `least` on, or from behind the last one found.
    ///
    /// What is damaged is copied to `quarantine`, and told of in the answer.
    pub fn open(
        folder: &Path,
        quarantine: &Path,
        options: SpoolOptions,
        least: u64,
        replay: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(Self, SpoolRecovery), LakeError> {
        create_folder(folder)?;
        let (recovery, closed) = recovery::recover(folder, quarantine, replay)?;
        let next = recovery.last.map_or(least, |last| least.max(last + 1));
        let (current, file) = begin_segment(folder, next)?;
        let writing = Writing { closed, current, file, next, poison: None };
        let spool = Self {
            folder: folder.to_owned(),
            options,
            writing: Mutex::new(writing),
            flushed: Mutex::new(Flushed { below: next, ..Flushed::default() }),
            woken: Condvar::new(),
        };
        Ok((spool, recovery))
    }

    /// Writes records behind one another, all or none, and answers the number of the first. They are durable only when
    /// [`Self::sync`] has returned for them.
    pub fn append<'a>(&self, payloads: impl IntoIterator<Item = &'a [u8]>) -> Result<u64, LakeError> {
        let mut writing = lock(&self.writing);
        if let Some(poison) = &writing.poison {
            return Err(LakeError::Poisoned(poison.clone()));
        }
        let first = writing.next;
        let mut frames = Vec::new();
        let mut next = first;
        for payload in payloads {
            frame::write(next, payload, &mut frames);
            next += 1;
        }
        if next == first {
            return Ok(first);
        }
        let held = writing.held() + frames.len() as u64;
        if held > self.options.most_bytes {
            return Err(LakeError::Full { held, limit: self.options.most_bytes });
        }
        if writing.current.bytes > self.options.segment_bytes {
            self.rotate(&mut writing)?;
        }
        let length = writing.current.bytes;
        if let Err(error) = (&*writing.file).write_all(&frames) {
            let taken_back = writing.file.set_len(length).and_then(|()| {
                use std::io::Seek;
                (&*writing.file).seek(std::io::SeekFrom::Start(length)).map(|_| ())
            });
            if let Err(second) = taken_back {
                writing.poison =
                    Some(format!("a write failed ({error}), and could not be taken back ({second})"));
            }
            return Err(LakeError::io("cannot write", &writing.current.path)(error));
        }
        writing.current.bytes += frames.len() as u64;
        writing.current.last = Some(next - 1);
        writing.next = next;
        Ok(first)
    }

    /// Waits until all records below this number are on the disk. Of those who wait one flushes for all.
    pub fn sync(&self, below: u64) -> Result<(), LakeError> {
        let mut flushed = lock(&self.flushed);
        loop {
            if let Some(poison) = &flushed.poison {
                return Err(LakeError::Poisoned(poison.clone()));
            }
            if flushed.below >= below {
                return Ok(());
            }
            if !flushed.busy {
                break;
            }
            flushed = self.woken.wait(flushed).unwrap_or_else(PoisonError::into_inner);
        }
        flushed.busy = true;
        drop(flushed);
        let (file, target) = {
            let writing = lock(&self.writing);
            (Arc::clone(&writing.file), writing.next)
        };
        let result = file.sync_data();
        let mut flushed = lock(&self.flushed);
        flushed.busy = false;
        match &result {
            Ok(()) => flushed.below = flushed.below.max(target),
            Err(error) => flushed.poison = Some(format!("a flush failed: {error}")),
        }
        let poison = flushed.poison.clone();
        drop(flushed);
        self.woken.notify_all();
        if let Some(poison) = poison {
            lock(&self.writing).poison.get_or_insert_with(|| poison.clone());
            return Err(LakeError::Poisoned(poison));
        }
        Ok(())
    }

    /// Deletes the segments all of whose records are below this number.
    pub fn release(&self, below: u64) -> Result<(), LakeError> {
        let mut writing = lock(&self.writing);
        if writing.current.last.is_some_and(|last| last < below) && writing.poison.is_none() {
            self.rotate(&mut writing)?;
        }
        let mut deleted = false;
        while let Some(segment) = writing.closed.front()
            && segment.last.is_none_or(|last| last < below)
        {
            fs::remove_file(&segment.path).map_err(LakeError::io("cannot delete", &segment.path))?;
            writing.closed.pop_front();
            deleted = true;
        }
        if deleted {
            sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// The number that the next record gets.
    pub fn next(&self) -> u64 {
        lock(&self.writing).next
    }

    /// Bytes that it holds.
    pub fn held(&self) -> u64 {
        lock(&self.writing).held()
    }

    fn rotate(&self, writing: &mut Writing) -> Result<(), LakeError> {
        if let Err(error) = writing.file.sync_data() {
            let poison = format!("a flush failed: {error}");
            writing.poison = Some(poison.clone());
            lock(&self.flushed).poison = Some(poison.clone());
            return Err(LakeError::Poisoned(poison));
        }
        let (segment, file) = begin_segment(&self.folder, writing.next)?;
        let closed = std::mem::replace(&mut writing.current, segment);
        writing.file = file;
        writing.closed.push_back(closed);
        Ok(())
    }
}

impl Writing {
    fn held(&self) -> u64 {
        self.closed.iter().map(|segment| segment.bytes).sum::<u64>() + self.current.bytes
    }
}

fn begin_segment(folder: &Path, first: u64) -> Result<(Segment, Arc<File>), LakeError> {
    let path = folder.join(format!("{first:020}.{SUFFIX}"));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(LakeError::io("cannot make", &path))?;
    let written = (&file).write_all(&frame::header(first)).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Without its header it would be taken for damage at the next open; if it stays, that says so.
        let _ = fs::remove_file(&path);
        return Err(LakeError::io("cannot write", &path)(error));
    }
    sync_folder(folder)?;
    Ok((Segment { path, last: None, bytes: frame::HEADER_BYTES as u64 }, Arc::new(file)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
