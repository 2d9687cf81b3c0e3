//! Zip archives, member by member.
//!
//! The list of members is read as it is needed, not kept. A zip that comes in a stream is put into a temporary file
//! first, because that list is at its end. Without the list, members are read in the order they stand in.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::bufread::DeflateDecoder;
use zip::ZipReadOptions;
use zip::unstable::read::ZipIterable;

use super::limits::BUFFER_BYTES;
use super::meter::Decompressed;
use super::report::Problems;
use super::session::{Layers, Session, describe, member_name, read_full};

const LOCAL_HEADER: &[u8; 4] = b"PK\x03\x04";
const CENTRAL_HEADER: &[u8; 4] = b"PK\x01\x02";
const END_OF_CENTRAL_DIRECTORY: &[u8; 4] = b"PK\x05\x06";
/// Length of a local header behind its signature, without name and extra fields.
const LOCAL_HEADER_BYTES: usize = 26;

/// Reads an archive out of a stream.
pub(super) fn read_stream(
    stream: &mut dyn BufRead,
    name: &Arc<str>,
    layers: Layers,
    session: &mut Session<'_>,
) {
    let mut problems = Problems::default();
    let mut file = match tempfile::tempfile() {
        Ok(file) => file,
        Err(error) => return session.problem(name, "zip", format!("no temporary file for it: {error}")),
    };
    let limit = session.limits.spooled_bytes;
    // What there is of an archive that is cut off or too large is still read.
    match io::copy(&mut stream.take(limit), &mut file) {
        Ok(copied) if copied == limit => {
            problems.add(format!("cut off at the {limit} bytes allowed in a stream"));
        }
        Ok(_) => {}
        Err(error) => problems.add(describe(&error)),
    }
    read_with_problems(file, name, layers, problems, session);
}

/// Reads an archive.
pub(super) fn read<R: Read + Seek>(file: R, name: &Arc<str>, layers: Layers, session: &mut Session<'_>) {
    read_with_problems(file, name, layers, Problems::default(), session);
}

fn read_with_problems<R: Read + Seek>(
    mut file: R,
    name: &Arc<str>,
    layers: Layers,
    mut problems: Problems,
    session: &mut Session<'_>,
) {
    let files = match ZipIterable::try_new(&mut file, zip::read::Config::default()) {
        Ok(archive) => read_listed(archive, name, layers, &mut problems, session),
        Err(error) => {
            problems.add(format!("the list of its members cannot be read ({error})"));
            match file.seek(SeekFrom::Start(0)) {
                Ok(_) => {
                    let stream = &mut BufReader::with_capacity(BUFFER_BYTES, file);
                    read_unlisted(stream, name, layers, &mut problems, session)
                }
                Err(error) => {
                    problems.add(describe(&error));
                    Some(0)
                }
            }
        }
    };
    if files == Some(0) {
        problems.add("holds no file");
    }
    session.reports.push(problems.report(name, "zip"));
}

/// Reads the members that the archive lists, and counts them; nothing if there are too many.
fn read_listed<R: Read + Seek>(
    mut archive: ZipIterable<R>,
    name: &Arc<str>,
    layers: Layers,
    problems: &mut Problems,
    session: &mut Session<'_>,
) -> Option<u64> {
    let listed = archive.len();
    let (mut count, mut files) = (0, 0);
    let entries = match archive.files() {
        Ok(entries) => entries,
        Err(error) => {
            problems.add(format!("the list of its members cannot be read ({error})"));
            return Some(0);
        }
    };
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                problems.add(format!("{} of {listed} members cannot be found: {error}", listed - count));
                break;
            }
        };
        count += 1;
        if !entry.is_file() {
            continue;
        }
        if session.members_left == 0 {
            let limit = session.limits.archive_members;
            problems.add(format!("more than {limit} members: {} were not read", listed - count + 1));
            return None;
        }
        session.members_left -= 1;
        files += 1;
        let member = match entry.name() {
            Ok(text) => member_name(name, &text),
            Err(_) => member_name(name, &String::from_utf8_lossy(entry.name_raw())),
        };
        match entry.with_reader(entries.reader_mut(), ZipReadOptions::new()) {
            Ok(content) => {
                let content = Decompressed::new(content, &session.meter);
                session.read(Box::new(content), &member, layers);
            }
            Err(error) => session.problem(&member, "unknown", format!("cannot be read: {error}")),
        }
    }
    Some(files)
}

/// Reads members as they stand in a damaged archive, and counts them.
fn read_unlisted(
    stream: &mut dyn BufRead,
    name: &Arc<str>,
    layers: Layers,
    problems: &mut Problems,
    session: &mut Session<'_>,
) -> Option<u64> {
    let mut files = 0;
    loop {
        match next_signature(stream) {
            Ok(true) => {}
            Ok(false) => return Some(files),
            Err(error) => {
                problems.add(describe(&error));
                return Some(files);
            }
        }
        let mut header = [0; LOCAL_HEADER_BYTES];
        let Ok(LOCAL_HEADER_BYTES) = read_full(stream, &mut header) else {
            problems.add("cut off inside of a header");
            return Some(files);
        };
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let (flags, method) = (short(2), short(4));
        let size = u32::from_le_bytes([header[14], header[15], header[16], header[17]]);
        let (mut path, mut extra) = (vec![0; short(22).into()], vec![0; short(24).into()]);
        let both = read_full(stream, &mut path).and_then(|read| Ok(read + read_full(stream, &mut extra)?));
        if !both.is_ok_and(|read| read == path.len() + extra.len()) {
            problems.add("cut off inside of a header");
            return Some(files);
        }
        if path.ends_with(b"/") {
            continue;
        }
        if session.members_left == 0 {
            problems
                .add(format!("more than {} members: the rest was not read", session.limits.archive_members));
            return None;
        }
        session.members_left -= 1;
        files += 1;
        let member = member_name(name, &String::from_utf8_lossy(&path));
        let (is_encrypted, has_size) = (flags & 1 != 0, flags & 8 == 0 && size != u32::MAX);
        match method {
            _ if is_encrypted => session.problem(&member, "unknown", "cannot be read: it is encrypted"),
            // Deflated data says itself where it ends.
            8 => {
                let content = DeflateDecoder::new(&mut *stream);
                let mut content = Decompressed::new(content, &session.meter);
                session.read(Box::new(&mut content), &member, layers);
                pass_over(&mut content, problems);
            }
            0 if has_size => {
                let mut content = (&mut *stream).take(size.into());
                session.read(Box::new(&mut content), &member, layers);
                pass_over(&mut content, problems);
            }
            _ => session.problem(&member, "unknown", "cannot be read without the list of members"),
        }
    }
}

/// Passes over what was not read of a member, so that no signature is looked for in it.
fn pass_over(content: &mut dyn Read, problems: &mut Problems) {
    if let Err(error) = io::copy(content, &mut io::sink()) {
        problems.add(describe(&error));
    }
}

/// Goes behind the signature of the next member; `false` if there is none.
fn next_signature(stream: &mut dyn BufRead) -> io::Result<bool> {
    let mut last = [0; 4];
    loop {
        let mut byte = [0];
        if read_full(stream, &mut byte)? == 0 {
            return Ok(false);
        }
        last.rotate_left(1);
        last[3] = byte[0];
        match &last {
            LOCAL_HEADER => return Ok(true),
            CENTRAL_HEADER | END_OF_CENTRAL_DIRECTORY => return Ok(false),
            _ => {}
        }
    }
}
