//! Files and folders that are followed: what is written to them is kept as it comes.
//!
//! ```text
//! look ─► list ─► changed? ─► lines:  from where reading stopped, up to the last line that is whole
//!                             others: once nothing has been written since the last look, from the start, without
//!                                     the records that were kept before
//!                             ─► EventLog.append (durable) ─► position, on disk
//! ```
//!
//! A position moves on when events are durable, and not before. If the process ends between the two, the same bytes are read
//! again from the same position, so that the events have the ids that they had. A file is known by its first bytes, so one that is
//! given another name is not read twice, and one that begins anew is read from its start.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use watchfire_sources::decode::{Growth, list_files};
use watchfire_sources::normalise::NormaliseOptions;

use crate::records::{InputPosition, RecordCounts, RecordInput};
use crate::state::Server;

/// First bytes by which a file is known.
const HEAD_BYTES: usize = 1_024;
/// First bytes by which it is known how a file grows.
const START_BYTES: usize = 64 << 10;
/// Most bytes of lines that are read at a time; a line can be longer.
const CHUNK_BYTES: u64 = 16 << 20;
/// What an EVTX file begins with; what comes behind it changes.
const EVTX: &[u8] = b"ElfFile\0";

/// Follows files and folders.
#[derive(Debug)]
pub struct Watcher {
    server: Arc<Server>,
    paths: Vec<PathBuf>,
    options: NormaliseOptions,
    /// Where positions are kept.
    file: PathBuf,
    positions: BTreeMap<PathBuf, Position>,
    /// What was seen of each file at the last look.
    seen: BTreeMap<PathBuf, Seen>,
}

/// Why files cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The file of positions cannot be read or written.
    #[error("the positions of files that are followed, `{path}`: {source}")]
    Positions {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Events cannot be kept.
    #[error("`{path}` waits: {reason}")]
    NotKept {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What a look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Events that were kept.
    pub stored: u64,
    /// Events that had been kept before.
    pub repeated: u64,
    /// Records that could not be used.
    pub refused: u64,
    /// What there is to say of files, each said once until it changes.
    pub problems: Vec<String>,
}

/// How far a file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// How many of its first bytes it is known by, and what they are.
    head: usize,
    digest: String,
    /// Of a file of lines: what was read.
    read: InputPosition,
    /// Of any other: the greatest number of a record, and the state of the file in which all was read.
    last_record: u64,
    whole: Option<Seen>,
}

/// What can be seen of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    bytes: u64,
    modified_ms: u128,
}

impl Seen {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let since = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(Self { bytes: metadata.len(), modified_ms: since.map_or(0, |since| since.as_millis()) })
    }
}

impl Watcher {
    /// Follows files, and what is below folders; `file` keeps how far each was read.
    ///
    /// # Errors
    /// If there is such a file and it cannot be read.
    pub fn open(
        server: Arc<Server>,
        paths: Vec<PathBuf>,
        options: NormaliseOptions,
        file: PathBuf,
    ) -> Result<Self, WatchError> {
        let wrong = |source| WatchError::Positions { path: file.clone(), source };
        let positions = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| wrong(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(wrong(error)),
        };
        Ok(Self { server, paths, options, file, positions, seen: BTreeMap::new() })
    }

    /// Reads what has been written since the last look. It may block.
    ///
    /// # Errors
    /// If events or positions cannot be kept: the next look begins where this one stopped.
    pub fn look(&mut self) -> Result<Look, WatchError> {
        let mut look = Look::default();
        let (files, reports) = list_files(&self.paths);
        for report in reports {
            look.problems.extend(report.problem.map(|problem| format!("{}: {problem}", report.name)));
        }
        // What a file was known by is looked up as it was before this look: one that took the place of another writes over it.
        let before = self.positions.clone();
        for (path, _) in files {
            // Files of the same name below different folders are different inputs.
            let name: Arc<str> = path.display().to_string().into();
            self.file(&path, &name, &before, &mut look)?;
        }
        Ok(look)
    }

    fn file(
        &mut self,
        path: &Path,
        name: &Arc<str>,
        before: &BTreeMap<PathBuf, Position>,
        look: &mut Look,
    ) -> Result<(), WatchError> {
        // What has gone between listing and reading is not there any more: that is no problem.
        let Ok(seen) = Seen::of(path) else { return Ok(()) };
        let is_quiet = self.seen.insert(path.to_owned(), seen) == Some(seen);
        let known = self.positions.get(path);
        if known
            .is_some_and(|known| known.whole == Some(seen) || (is_quiet && known.read.bytes == seen.bytes))
        {
            return Ok(());
        }
        let opened = File::open(path).and_then(|mut file| {
            let mut start = Vec::new();
            Read::by_ref(&mut file).take(START_BYTES as u64).read_to_end(&mut start)?;
            Ok((file, start))
        });
        let (file, start) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if !is_quiet {
                    look.problems.push(format!("{name}: cannot be read: {error}"));
                }
                return Ok(());
            }
        };
        let position = position(before, path, &start, seen.bytes);
        match Growth::of(&start) {
            Growth::ByLines => self.lines((path, name), file, position, (&start, seen, is_quiet), look),
            Growth::AsAWhole if is_quiet => self.whole((path, name), file, position, seen, look),
            Growth::NotKnown | Growth::AsAWhole => Ok(()),
        }
    }

    /// A file that grows by lines.
    fn lines(
        &mut self,
        (path, name): (&Path, &Arc<str>),
        mut file: File,
        mut position: Position,
        (start, seen, is_quiet): (&[u8], Seen, bool),
        look: &mut Look,
    ) -> Result<(), WatchError> {
        // Rows of a table mean nothing without what stands above them.
        let header = header_of(start);
        loop {
            let unread = |error: io::Error| format!("{name}: cannot be read: {error}");
            let chunk = match read_lines(&mut file, position.read.bytes, is_quiet) {
                Ok(chunk) if chunk.is_empty() => return Ok(()),
                Ok(chunk) => chunk,
                Err(error) => {
                    look.problems.push(unread(error));
                    return Ok(());
                }
            };
            let header = if position.read.bytes >= header.len() as u64 { header } else { &[] };
            let header_lines = count_lines(header);
            let input = RecordInput {
                name: Arc::clone(name),
                before: InputPosition {
                    records: position.read.records,
                    lines: position.read.lines.saturating_sub(header_lines),
                    bytes: position.read.bytes.saturating_sub(header.len() as u64),
                },
                kept_up_to: 0,
                options: self.options.clone(),
            };
            let counts = self.keep(path, header.chain(&*chunk), &input, name, look)?;
            position.read = InputPosition {
                records: position.read.records.max(counts.last_record),
                lines: position.read.lines + count_lines(&chunk),
                bytes: position.read.bytes + chunk.len() as u64,
            };
            (position.head, position.digest) = head_of(start, position.read.bytes);
            self.positions.insert(path.to_owned(), position.clone());
            self.save()?;
            if position.read.bytes >= seen.bytes {
                return Ok(());
            }
        }
    }

    /// A file that is read from its start.
    fn whole(
        &mut self,
        (path, name): (&Path, &Arc<str>),
        mut file: File,
        mut position: Position,
        seen: Seen,
        look: &mut Look,
    ) -> Result<(), WatchError> {
        if let Err(error) = file.rewind() {
            look.problems.push(format!("{name}: cannot be read: {error}"));
            return Ok(());
        }
        let mut read = RecordInput {
            name: Arc::clone(name),
            before: InputPosition::default(),
            kept_up_to: position.last_record,
            options: self.options.clone(),
        };
        let mut counts = self.keep(path, &mut file, &read, name, look)?;
        if counts.last_record < position.last_record {
            // It was emptied, and counts anew.
            read.kept_up_to = 0;
            if file.rewind().is_ok() {
                counts = self.keep(path, &mut file, &read, name, look)?;
            }
        }
        let mut start = [0; HEAD_BYTES];
        let length =
            file.rewind().and_then(|()| file.take(HEAD_BYTES as u64).read(&mut start)).unwrap_or_default();
        (position.head, position.digest) = head_of(&start[..length], length as u64);
        position.last_record = counts.last_record;
        position.whole = Some(seen);
        self.positions.insert(path.to_owned(), position);
        self.save()
    }

    fn keep(
        &self,
        path: &Path,
        stream: impl Read,
        input: &RecordInput,
        name: &Arc<str>,
        look: &mut Look,
    ) -> Result<RecordCounts, WatchError> {
        let counts = self
            .server
            .keep_records(stream, input)
            .map_err(|error| WatchError::NotKept { path: path.to_owned(), reason: error.reason })?;
        look.stored += counts.stored;
        look.repeated += counts.repeated;
        look.refused += counts.refused;
        look.problems.extend(counts.problems.iter().map(|problem| {
            if problem.starts_with(&**name) { problem.clone() } else { format!("{name}: {problem}") }
        }));
        Ok(counts)
    }

    /// Writes the positions so that they are whole at any time.
    fn save(&self) -> Result<(), WatchError> {
        let wrong = |source| WatchError::Positions { path: self.file.clone(), source };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, &self.positions)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(&self.file)?;
            Ok(())
        };
        write().map_err(wrong)
    }
}

/// The position of a file with these first bytes: its own, that of a file which has gone and began so, or none.
fn position(positions: &BTreeMap<PathBuf, Position>, path: &Path, start: &[u8], bytes: u64) -> Position {
    let begins_so = |known: &Position| {
        known.head > 0
            && known.read.bytes <= bytes
            && start.get(..known.head).is_some_and(|head| digest(head) == known.digest)
    };
    if let Some(own) = positions.get(path).filter(|known| begins_so(known)) {
        return own.clone();
    }
    let has_gone = |other: &Path, known: &Position| {
        let read = File::open(other).and_then(|file| {
            let mut start = Vec::new();
            file.take(known.head as u64).read_to_end(&mut start).map(|_| start)
        });
        read.map_or(true, |start| digest(&start) != known.digest)
    };
    // All event logs of Windows begin in the same way: such a file is known by its name alone.
    let is_distinct = |known: &Position| known.head > EVTX.len();
    let renamed = positions
        .iter()
        .find(|(other, known)| is_distinct(known) && begins_so(known) && has_gone(other, known));
    renamed.map(|(_, known)| known.clone()).unwrap_or_default()
}

/// What a file is known by when so much of it was read.
fn head_of(start: &[u8], read: u64) -> (usize, String) {
    let most = if start.starts_with(EVTX) { EVTX.len() } else { HEAD_BYTES };
    let head = most.min(start.len()).min(usize::try_from(read).unwrap_or(usize::MAX));
    (head, digest(&start[..head]))
}

fn digest(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The lines of a table's heading.
fn header_of(start: &[u8]) -> &[u8] {
    if !start.starts_with(b"#separator") {
        return &[];
    }
    let mut end = 0;
    for line in start.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b"#") || !line.ends_with(b"\n") {
            break;
        }
        end += line.len();
    }
    &start[..end]
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Whole lines from a position on, so many at a time. The last line is whole if it ends, or if nothing more is written to it.
fn read_lines(file: &mut File, from: u64, is_quiet: bool) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut chunk = Vec::new();
    let mut room = CHUNK_BYTES;
    loop {
        let read = Read::by_ref(file).take(room).read_to_end(&mut chunk)?;
        let is_at_end = (read as u64) < room;
        if let Some(last) = chunk.iter().rposition(|byte| *byte == b'\n') {
            if !(is_at_end && is_quiet) {
                chunk.truncate(last + 1);
                hold_back_open_event(&mut chunk, is_at_end && !is_quiet);
            }
            return Ok(chunk);
        }
        if is_at_end {
            if !is_quiet {
                chunk.clear();
            }
            return Ok(chunk);
        }
        // A line beyond any limit of records: it is refused, piece by piece.
        if chunk.len() as u64 > 2 * CHUNK_BYTES {
            return Ok(chunk);
        }
        room = CHUNK_BYTES;
    }
}

/// Takes the lines of the last event of an audit log away, if more of them may come.
fn hold_back_open_event(chunk: &mut Vec<u8>, is_growing: bool) {
    fn event_of(line: &[u8]) -> Option<&[u8]> {
        let text = line.strip_prefix(b"type=").or_else(|| line.strip_prefix(b"node="))?;
        let at = text.windows(10).position(|part| part == b"msg=audit(")?;
        text[at + 10..].split(|byte| *byte == b')').next()
    }
    if !is_growing {
        return;
    }
    let mut end = chunk.len();
    let mut open: Option<Vec<u8>> = None;
    while end > 0 {
        let start = chunk[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let Some(event) = event_of(&chunk[start..end]) else { break };
        match &open {
            None => open = Some(event.to_vec()),
            Some(last) if last == event => {}
            Some(_) => break,
        }
        end = start;
    }
    chunk.truncate(end);
}
