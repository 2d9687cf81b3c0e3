//! Tar archives, as a stream: ustar, GNU and pax.
//!
//! The archive is walked here, and not by the `tar` crate, which only reads its headers: the crate takes headers that
//! extend another one into memory whole, whatever length they claim.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use tar::{EntryType, Header};

use super::limits::TAR_EXTENSION_BYTES;
use super::report::Problems;
use super::session::{Layers, PROGRESS_BYTES, Session, describe, member_name, read_full};

const BLOCK: usize = 512;

/// What headers in front of a member say about it.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

/// Reads all members and reports them, then the archive.
pub(super) fn read(stream: &mut dyn BufRead, name: &Arc<str>, layers: Layers, session: &mut Session<'_>) {
    let mut problems = Problems::default();
    let (mut extension, mut files) = (Extension::default(), 0_u64);
    loop {
        let mut block = [0; BLOCK];
        match read_full(stream, &mut block) {
            Ok(BLOCK) => {}
            // An archive ends with empty blocks; not every tool writes them.
            Ok(0) => break,
            Ok(_) => {
                problems.add("cut off before its end");
                break;
            }
            Err(error) => {
                problems.add(describe(&error));
                break;
            }
        }
        if block.iter().all(|&byte| byte == 0) {
            break;
        }
        let header = Header::from_byte_slice(&block);
        let Some(mut size) = size_of_member(header) else {
            problems.add("damaged behind the last member that was read");
            break;
        };
        let kind = header.entry_type();
        let is_extension = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        let outcome = if is_extension {
            extend(&mut extension, kind, size, stream)
        } else {
            let Extension { path, size: true_size, sparse } = std::mem::take(&mut extension);
            size = true_size.unwrap_or(size);
            let path = path.unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
            let member = member_name(name, &path);
            if sparse || kind.is_gnu_sparse() {
                session.problem(&member, "unknown", "a sparse member of a tar archive, which is not read");
                skip(stream, size)
            } else if kind.is_file() || kind == EntryType::Continuous {
                if !session.take_member(name, "tar") {
                    return;
                }
                files += 1;
                let mut content = stream.take(size);
                session.read(Box::new(&mut content), &member, layers);
                let left = content.limit();
                skip(stream, left).map_err(|error| format!("{error}, in `{member}`"))
            } else {
                // Folders, links and devices hold nothing.
                skip(stream, size)
            }
        };
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let ended = outcome.and_then(|()| skip(stream, padding));
        session.announce(PROGRESS_BYTES);
        if let Err(problem) = ended {
            problems.add(problem);
            break;
        }
    }
    if files == 0 {
        problems.add("holds no file");
    }
    session.reports.push(problems.report(name, "tar"));
}

/// The length of what is behind a header; nothing if its checksum says that it is none.
fn size_of_member(header: &Header) -> Option<u64> {
    let bytes = header.as_bytes();
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    let own: u32 = bytes[148..156].iter().map(|&byte| u32::from(byte)).sum();
    // The checksum is made with blanks in its own place.
    let matches = header.cksum().is_ok_and(|stored| stored == sum - own + 8 * u32::from(b' '));
    // No length comes near the end of the numbers, so that sums with it stay numbers too.
    header.entry_size().ok().filter(|&size| matches && size < 1 << 62)
}

/// Takes what a header says about the next one.
fn extend(
    extension: &mut Extension,
    kind: EntryType,
    size: u64,
    stream: &mut dyn BufRead,
) -> Result<(), String> {
    let mut text = Vec::new();
    stream.take(size.min(TAR_EXTENSION_BYTES)).read_to_end(&mut text).map_err(|error| describe(&error))?;
    skip(stream, size.saturating_sub(TAR_EXTENSION_BYTES))?;
    if (text.len() as u64) < size.min(TAR_EXTENSION_BYTES) {
        return Err("cut off before its end".into());
    }
    if kind.is_gnu_longname() {
        let end = memchr::memchr(0, &text).unwrap_or(text.len());
        extension.path = Some(String::from_utf8_lossy(&text[..end]).into_owned());
    } else if kind.is_pax_local_extensions() {
        for (key, value) in pax_records(&text) {
            match key {
                b"path" => extension.path = Some(String::from_utf8_lossy(value).into_owned()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                    extension.size = size.filter(|&size: &u64| size < 1 << 62);
                }
                _ if key.starts_with(b"GNU.sparse.") => extension.sparse = true,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The records of a pax header: `LENGTH KEY=VALUE\n`, where the length is that of the whole record.
fn pax_records(mut text: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut records = Vec::new();
    while let Some(blank) = memchr::memchr(b' ', text) {
        let length = std::str::from_utf8(&text[..blank]).ok().and_then(|length| length.parse().ok());
        let Some(record) = length.and_then(|length: usize| text.get(blank + 1..length.checked_sub(1)?))
        else {
            break;
        };
        if let Some(equals) = memchr::memchr(b'=', record) {
            records.push((&record[..equals], &record[equals + 1..]));
        }
        text = &text[blank + 1 + record.len() + 1..];
    }
    records
}

fn skip(stream: &mut dyn BufRead, bytes: u64) -> Result<(), String> {
    match io::copy(&mut stream.take(bytes), &mut io::sink()) {
        Ok(skipped) if skipped == bytes => Ok(()),
        Ok(_) => Err("cut off before its end".into()),
        Err(error) => Err(describe(&error)),
    }
}
