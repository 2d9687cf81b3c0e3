//! What a segment holds after a crash.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{SUFFIX, Segment, frame};
use crate::LakeError;
use crate::layout::{create_folder, sync_folder};

/// What was found in a spool when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolRecovery {
    /// Records that were read.
    pub records: u64,
    /// The number of the last one.
    pub last: Option<u64>,
    /// What could not be read.
    pub damage: Vec<Damage>,
}

/// Bytes of a segment that are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub segment: PathBuf,
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: u64,
    /// What they are.
    pub kind: DamageKind,
    /// Where they were copied to.
    pub copy: PathBuf,
}

/// What bytes that are no record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The end of the last segment: a write that a crash cut short. Nothing in it was acknowledged.
    TornTail,
    /// Anything else. Acknowledged events may have been in it: between two records, as many as there are numbers
    /// missing, if that is known.
    Corrupt {
        /// Numbers that are missing.
        missing: Option<u64>,
    },
}

/// Reads all segments, gives their records to `replay`, and cuts the last one behind its last record.
pub(super) fn recover(
    folder: &Path,
    quarantine: &Path,
    replay: &mut dyn FnMut(u64, &[u8]),
) -> Result<(SpoolRecovery, VecDeque<Segment>), LakeError> {
    let mut recovery = SpoolRecovery::default();
    let mut segments = VecDeque::new();
    let paths = segment_paths(folder)?;
    for (at, path) in paths.iter().enumerate() {
        let is_last = at + 1 == paths.len();
        let before = recovery.last;
        let bytes = fs::read(path).map_err(LakeError::io("cannot read", path))?;
        let kept = read_segment(path, &bytes, is_last, quarantine, &mut recovery, replay)?;
        let last = recovery.last.filter(|_| recovery.last != before);
        if is_last && last.is_none() {
            // The next segment takes its name.
            fs::remove_file(path).map_err(LakeError::io("cannot delete", path))?;
            sync_folder(folder)?;
            continue;
        }
        if kept < bytes.len() {
            let file =
                OpenOptions::new().write(true).open(path).map_err(LakeError::io("cannot open", path))?;
            file.set_len(kept as u64)
                .and_then(|()| file.sync_all())
                .map_err(LakeError::io("cannot cut", path))?;
        } else if is_last {
            // Records that a crash kept from being flushed are used from here on, so they have to be on the disk.
            let file =
                OpenOptions::new().write(true).open(path).map_err(LakeError::io("cannot open", path))?;
            file.sync_all().map_err(LakeError::io("cannot flush", path))?;
        }
        segments.push_back(Segment { path: path.clone(), last, bytes: kept as u64 });
    }
    Ok((recovery, segments))
}

/// How many bytes of a segment are to be kept.
fn read_segment(
    path: &Path,
    bytes: &[u8],
    is_last: bool,
    quarantine: &Path,
    recovery: &mut SpoolRecovery,
    replay: &mut dyn FnMut(u64, &[u8]),
) -> Result<usize, LakeError> {
    let has_header = frame::read_header(bytes).is_some();
    let mut rest = if has_header { &bytes[frame::HEADER_BYTES..] } else { bytes };
    while !rest.is_empty() {
        // Numbers rise: one that does not is an old record that should not be there.
        let found =
            frame::read(rest).filter(|(sequence, ..)| recovery.last.is_none_or(|last| last < *sequence));
        if let Some((sequence, payload, behind)) = found {
            replay(sequence, payload);
            recovery.records += 1;
            recovery.last = Some(sequence);
            rest = behind;
            continue;
        }
        let offset = bytes.len() - rest.len();
        let skipped = next_record(&rest[1..], recovery.last).map(|skip| skip + 1);
        let damaged = &rest[..skipped.unwrap_or(rest.len())];
        let kind = match skipped {
            None if is_last => DamageKind::TornTail,
            None => DamageKind::Corrupt { missing: None },
            Some(skip) => DamageKind::Corrupt {
                missing: recovery
                    .last
                    .zip(frame::sequence_at(&rest[skip..]))
                    .map(|(last, next)| next.saturating_sub(last + 1)),
            },
        };
        let copy = keep_copy(quarantine, path, offset, damaged)?;
        recovery.damage.push(Damage {
            segment: path.to_owned(),
            offset: offset as u64,
            bytes: damaged.len() as u64,
            kind,
            copy,
        });
        match skipped {
            Some(skip) => rest = &rest[skip..],
            None if is_last => return Ok(offset),
            None => break,
        }
    }
    Ok(bytes.len())
}

/// Where the next whole record behind damage begins.
fn next_record(bytes: &[u8], last: Option<u64>) -> Option<usize> {
    /// A number further than this from the last one is chance.
    const MOST_MISSING: u64 = 1 << 32;
    (0..bytes.len()).find(|&at| {
        let follows =
            |sequence: u64| last.is_none_or(|last| sequence > last && sequence - last <= MOST_MISSING);
        frame::sequence_at(&bytes[at..]).is_some_and(follows) && frame::read(&bytes[at..]).is_some()
    })
}

/// Copies damaged bytes aside; the same ones, found at each open, go to the same file.
fn keep_copy(quarantine: &Path, segment: &Path, offset: usize, bytes: &[u8]) -> Result<PathBuf, LakeError> {
    create_folder(quarantine)?;
    let name = segment.file_name().unwrap_or_default().to_string_lossy();
    let path = quarantine.join(format!("{name}.{offset}"));
    fs::write(&path, bytes).map_err(LakeError::io("cannot write", &path))?;
    Ok(path)
}

fn segment_paths(folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(LakeError::io("cannot list", folder))? {
        let path = entry.map_err(LakeError::io("cannot list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == SUFFIX) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// What is in a spool that another process may be writing to: nothing is cut or moved.
///
/// The answer is the number of whole records, and the bytes behind the last of them in each segment, by segment.
pub(crate) fn inspect(folder: &Path) -> Result<(u64, Vec<(PathBuf, u64)>), LakeError> {
    let mut records = 0;
    let mut unread = Vec::new();
    if !folder.is_dir() {
        return Ok((records, unread));
    }
    for path in segment_paths(folder)? {
        let mut bytes = Vec::new();
        let mut file = fs::File::open(&path).map_err(LakeError::io("cannot open", &path))?;
        file.read_to_end(&mut bytes).map_err(LakeError::io("cannot read", &path))?;
        let mut rest = frame::read_header(&bytes).map_or(&bytes[..], |_| &bytes[frame::HEADER_BYTES..]);
        while let Some((_, _, behind)) = frame::read(rest) {
            records += 1;
            rest = behind;
        }
        if !rest.is_empty() {
            unread.push((path, rest.len() as u64));
        }
    }
    Ok((records, unread))
}
