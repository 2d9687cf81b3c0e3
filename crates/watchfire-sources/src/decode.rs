//! From files to raw records. What a file is, is found from its content, never from its name alone.
//!
//! Everything readable is used. A record that cannot be read is counted with its place and reason, and so is a file.

mod capped;
mod evtx_file;
mod json_values;
mod xml_events;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchfire_events::Place;

use self::capped::Capped;
use crate::normalise::RawInput;

/// Largest JSON or XML record in bytes; a larger one is rejected and skipped.
pub const MAX_RECORD_BYTES: usize = 16 << 20;
/// Deepest nesting of a JSON record.
pub const MAX_JSON_DEPTH: usize = 64;
/// Deepest nesting of archives and compressions.
pub const MAX_ARCHIVE_DEPTH: usize = 4;
/// Most decompressed bytes of one compressed stream or member; reading it ends there, and its report says so.
pub const MAX_DECOMPRESSED_BYTES: u64 = 64 << 30;
/// Largest decompressed EVTX file inside an archive; EVTX has to be in memory to be read.
pub const MAX_ARCHIVED_EVTX_BYTES: u64 = 256 << 20;
/// Deepest nesting of folders.
pub const MAX_FOLDER_DEPTH: usize = 64;

/// Receives what is read.
pub trait RecordSink {
    /// A record.
    fn record(&mut self, record: RawInput);
    /// A record that could not be read.
    fn rejected(&mut self, place: &Place, reason: RejectReason);
}

/// Why a record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// Not valid JSON.
    InvalidJson,
    /// JSON, but no object.
    NotAnObject,
    /// More bytes than [`MAX_RECORD_BYTES`].
    TooLarge,
    /// Nested deeper than [`MAX_JSON_DEPTH`].
    TooDeep,
    /// An EVTX record or chunk that is damaged.
    DamagedEvtx,
    /// An XML event without an end, or not UTF-8.
    InvalidXml,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidJson => "not valid JSON",
            Self::NotAnObject => "JSON, but no object",
            Self::TooLarge => "larger than a record may be",
            Self::TooDeep => "nested too deeply",
            Self::DamagedEvtx => "damaged EVTX record",
            Self::InvalidXml => "not a whole XML event",
        })
    }
}

/// What became of a file, or of a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Its name as people know it.
    pub name: Arc<str>,
    /// What it is: `evtx`, `json`, `xml`, `zstd`, `zip`, `tar`, `folder`, or `unknown`.
    pub format: &'static str,
    /// Why it was not read, or not to its end; `None` if all of it was read.
    pub problem: Option<String>,
}

/// The files below some paths, in the order of their names; what cannot be listed is a report.
pub fn list_files(paths: &[PathBuf]) -> (Vec<(PathBuf, Arc<str>)>, Vec<FileReport>) {
    let (mut files, mut reports) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            list_folder(path, path, 0, &mut files, &mut reports);
            if files.len() == before {
                reports.push(problem(
                    &path.display().to_string().into(),
                    "folder",
                    "the folder holds no file".into(),
                ));
            }
        } else {
            let name = path
                .file_name()
                .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
            files.push((path.clone(), name.into()));
        }
    }
    files.sort();
    files.dedup();
    (files, reports)
}

fn list_folder(
    root: &Path,
    folder: &Path,
    depth: usize,
    files: &mut Vec<(PathBuf, Arc<str>)>,
    reports: &mut Vec<FileReport>,
) {
    let name: Arc<str> = folder.display().to_string().into();
    if depth > MAX_FOLDER_DEPTH {
        reports.push(problem(&name, "folder", format!("nested deeper than {MAX_FOLDER_DEPTH} folders")));
        return;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            reports.push(problem(&name, "folder", format!("cannot be read: {error}")));
            return;
        }
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                reports.push(problem(&name, "folder", format!("cannot be listed to its end: {error}")));
                continue;
            }
        };
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            list_folder(root, &path, depth + 1, files, reports);
        } else {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<String> =
                relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            files.push((path.clone(), parts.join("/").into()));
        }
    }
}

fn problem(name: &Arc<str>, format: &'static str, text: String) -> FileReport {
    FileReport { name: Arc::clone(name), format, problem: Some(text) }
}

/// Reads one file; one report for it, and one for each member if it is an archive. `name` is its stable name.
pub fn read_file(path: &Path, name: &Arc<str>, sink: &mut dyn RecordSink) -> Vec<FileReport> {
    let mut reports = Vec::new();
    match File::open(path) {
        Ok(mut file) => {
            let mut magic = [0; 8];
            let evtx = file.read_exact(&mut magic).is_ok() && &magic == evtx_file::MAGIC;
            if let Err(error) = io::Seek::rewind(&mut file) {
                reports.push(problem(name, "unknown", format!("cannot be read: {error}")));
            } else if evtx {
                reports.push(evtx_file::read(file, name, sink));
            } else if magic.starts_with(b"PK\x03\x04") {
                read_zip(file, name, 0, sink, &mut reports);
            } else {
                read_stream(Box::new(BufReader::new(file)), name, 0, sink, &mut reports);
            }
        }
        Err(error) => reports.push(problem(name, "unknown", format!("cannot be read: {error}"))),
    }
    reports
}

/// Reads standard input or a decompressed member.
pub fn read_stream(
    mut stream: Box<dyn BufRead + '_>,
    name: &Arc<str>,
    depth: usize,
    sink: &mut dyn RecordSink,
    reports: &mut Vec<FileReport>,
) {
    if depth > MAX_ARCHIVE_DEPTH {
        reports.push(problem(
            name,
            "unknown",
            format!("archives are nested deeper than {MAX_ARCHIVE_DEPTH}"),
        ));
        return;
    }
    let start = match stream.fill_buf() {
        Ok(start) => start,
        Err(error) => {
            reports.push(problem(name, "unknown", format!("cannot be read: {error}")));
            return;
        }
    };
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let first = text.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    if start.is_empty() {
        reports.push(problem(name, "unknown", "the file is empty".into()));
    } else if start.starts_with(b"\x1f\x8b") {
        let inner = Capped::new(flate2::bufread::MultiGzDecoder::new(stream), MAX_DECOMPRESSED_BYTES);
        read_stream(Box::new(BufReader::new(inner)), name, depth + 1, sink, reports);
    } else if start.starts_with(b"\x28\xb5\x2f\xfd") {
        match zstd::Decoder::with_buffer(stream) {
            Ok(inner) => {
                let inner = Capped::new(inner, MAX_DECOMPRESSED_BYTES);
                read_stream(Box::new(BufReader::new(inner)), name, depth + 1, sink, reports);
            }
            Err(error) => reports.push(problem(name, "zstd", format!("cannot be read: {error}"))),
        }
    } else if start.len() > 262 && &start[257..262] == b"ustar" {
        read_tar(stream, name, depth, sink, reports);
    } else if start.starts_with(evtx_file::MAGIC) || start.starts_with(b"PK\x03\x04") {
        let zip = start.starts_with(b"PK");
        let mut bytes = Vec::new();
        match stream.take(MAX_ARCHIVED_EVTX_BYTES + 1).read_to_end(&mut bytes) {
            Ok(length) if length as u64 > MAX_ARCHIVED_EVTX_BYTES => {
                let text =
                    format!("larger than the {MAX_ARCHIVED_EVTX_BYTES} bytes allowed inside an archive");
                reports.push(problem(name, if zip { "zip" } else { "evtx" }, text));
            }
            Ok(_) if zip => read_zip(io::Cursor::new(bytes), name, depth, sink, reports),
            Ok(_) => reports.push(evtx_file::read(io::Cursor::new(bytes), name, sink)),
            Err(error) => reports.push(problem(name, "evtx", format!("cannot be read: {error}"))),
        }
    } else if first == Some(b'<') {
        reports.push(xml_events::read(stream, name, sink));
    } else if matches!(first, Some(b'{' | b'[')) {
        reports.push(json_values::read(stream, name, sink));
    } else {
        reports.push(problem(name, "unknown", "neither EVTX, XML, JSON nor an archive of these".into()));
    }
}

fn read_tar(
    stream: Box<dyn BufRead + '_>,
    name: &Arc<str>,
    depth: usize,
    sink: &mut dyn RecordSink,
    reports: &mut Vec<FileReport>,
) {
    let mut archive = tar::Archive::new(stream);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => {
            reports.push(problem(name, "tar", format!("cannot be read: {error}")));
            return;
        }
    };
    for entry in entries {
        match entry {
            Ok(entry) if entry.header().entry_type().is_file() => {
                let path = entry.path().map(|path| path.display().to_string()).unwrap_or_default();
                let member: Arc<str> = format!("{name}!{path}").into();
                read_stream(Box::new(BufReader::new(entry)), &member, depth + 1, sink, reports);
            }
            Ok(_) => {}
            Err(error) => {
                reports.push(problem(name, "tar", format!("damaged behind the last member read: {error}")));
                return;
            }
        }
    }
}

fn read_zip<R: Read + io::Seek>(
    file: R,
    name: &Arc<str>,
    depth: usize,
    sink: &mut dyn RecordSink,
    reports: &mut Vec<FileReport>,
) {
    let mut archive = match zip::ZipArchive::new(file) {
        Ok(archive) => archive,
        Err(error) => {
            reports.push(problem(name, "zip", format!("cannot be read: {error}")));
            return;
        }
    };
    for at in 0..archive.len() {
        match archive.by_index(at) {
            Ok(member) if member.is_file() => {
                let inner_name = member.name().map_or_else(|_| at.to_string(), std::borrow::Cow::into_owned);
                let member_name: Arc<str> = format!("{name}!{inner_name}").into();
                let inner = Capped::new(member, MAX_DECOMPRESSED_BYTES);
                read_stream(Box::new(BufReader::new(inner)), &member_name, depth + 1, sink, reports);
            }
            Ok(_) => {}
            Err(error) => reports.push(problem(name, "zip", format!("member {at} cannot be read: {error}"))),
        }
    }
}
