//! What a file is, from its first bytes.

use super::text::{self, TextFormat};

/// What the first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Empty,
    Evtx,
    Gzip,
    Zstd,
    Zip,
    Tar,
    Xml,
    Json,
    /// A log of lines.
    Lines(TextFormat),
    /// Text in another encoding than UTF-8.
    Utf16(&'static encoding_rs::Encoding),
    /// None of these: what it seems to be.
    Other(&'static str),
}

/// Offset and bytes by which other files are known, and what is said of them.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive, which is not read"),
    (0, b"Rar!\x1a\x07", "a RAR archive, which is not read"),
    (0, b"\xfd7zXZ\0", "xz compression, which is not read"),
    (0, b"BZh", "bzip2 compression, which is not read"),
    (0, b"\x04\x22\x4d\x18", "LZ4 compression, which is not read"),
    (0, b"PAR1", "a Parquet file, which is not read"),
    (4, b"LfLe", "an event log of a Windows before Vista, which is not read"),
    (0, b"ElfChnk\0", "a chunk of an EVTX file without the file's header"),
    (0, b"\0\x05\x16\x07", "attributes of a file that macOS keeps beside it, no log"),
    (0, b"regf", "a registry hive, no log"),
    (0, b"SQLite format 3\0", "a SQLite database, no log"),
    (0, b"\xd4\xc3\xb2\xa1", "a packet capture, no log"),
    (0, b"\x0a\x0d\x0d\x0a", "a packet capture, no log"),
    (0, b"\x7fELF", "a program (ELF), no log"),
    (0, b"MZ", "a program (PE), no log"),
    (0, b"\x89PNG", "a picture (PNG), no log"),
    (0, b"\xff\xd8\xff", "a picture (JPEG), no log"),
    (0, b"%PDF", "a document (PDF), no log"),
];

/// Recognises a file by its first bytes: up to the number that the decoder looks at, all of them if there are fewer.
pub(super) fn recognise(start: &[u8]) -> Kind {
    let is_zstd_skippable = matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    if start.is_empty() {
        Kind::Empty
    } else if start.starts_with(super::evtx_file::MAGIC) {
        Kind::Evtx
    } else if start.starts_with(b"\x1f\x8b") {
        Kind::Gzip
    } else if start.starts_with(b"\x28\xb5\x2f\xfd") || is_zstd_skippable {
        Kind::Zstd
    } else if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        Kind::Zip
    } else if start.get(257..262) == Some(b"ustar") {
        Kind::Tar
    } else if let Some(encoding) = utf16(start) {
        Kind::Utf16(encoding)
    } else if let Some((_, _, what)) =
        OTHERS.iter().find(|(at, magic, _)| start.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
    {
        Kind::Other(what)
    } else {
        plain_text(start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start))
    }
}

/// How a file grows, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Nothing is in it yet, or not a whole line.
    NotKnown,
    /// Line by line: what has been written stays as it is, and each line can be read by itself.
    ByLines,
    /// It has to be read from its start: EVTX, archives, XML, documents over several lines.
    AsAWhole,
}

impl Growth {
    /// Of a file with these first bytes.
    pub fn of(start: &[u8]) -> Self {
        match recognise(start) {
            Kind::Empty => Self::NotKnown,
            Kind::Lines(_) => Self::ByLines,
            Kind::Json => {
                let first = start.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
                let is_whole = first.len() < start.trim_ascii_start().len();
                match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(first) {
                    Ok(_) => Self::ByLines,
                    // Its end may not have been written yet.
                    Err(error) if error.is_eof() && !is_whole && first.starts_with(b"{") => Self::NotKnown,
                    Err(_) => Self::AsAWhole,
                }
            }
            _ => Self::AsAWhole,
        }
    }
}

/// UTF-16 by its byte order mark, or because its first character is one that logs begin with.
fn utf16(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    const FIRST: &[u8] = b"{[< \t\r\n";
    match start {
        // With two more zeros it would be UTF-32, which no log is written in.
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        &[first, 0, next, _, ..] if next != 0 && FIRST.contains(&first) => Some(encoding_rs::UTF_16LE),
        &[0, first, _, next, ..] if next != 0 && FIRST.contains(&first) => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

/// What a text is, or that it is no text.
fn plain_text(start: &[u8]) -> Kind {
    let trimmed = start.trim_ascii_start();
    let Some((&first, rest)) = trimmed.split_first() else {
        return Kind::Other("nothing but blanks");
    };
    let next = rest.trim_ascii_start().first();
    match first {
        b'{' => Kind::Json,
        // A line like `[2024-05-01 12:00] started` is no array.
        b'[' if matches!(next, None | Some(b'{' | b'[' | b']')) => Kind::Json,
        // Lines of syslog may begin with their priority, in which no name of an element begins.
        b'<' if !next.is_some_and(u8::is_ascii_digit) => Kind::Xml,
        _ if let Some(format) = text::recognise(start) => Kind::Lines(format),
        b'<' => Kind::Xml,
        // Control characters are in no text but for blanks; a NUL is the surest of them.
        _ if memchr::memchr(0, start).is_some() => Kind::Other("binary data, no log"),
        // A log that was cut begins in the middle of a record, and tools print a heading above.
        _ if start.split(|&byte| byte == b'\n').skip(1).any(begins_document) => Kind::Json,
        _ if has_event(start) => Kind::Xml,
        _ => Kind::Other("text, but no JSON, Windows events as XML, audit log, syslog or Zeek log"),
    }
}

pub(super) fn begins_document(line: &[u8]) -> bool {
    line.starts_with(b"{\"") || line.trim_ascii_end() == b"{"
}

fn has_event(start: &[u8]) -> bool {
    ["<Event ", "<Event>"].iter().any(|tag| memchr::memmem::find(start, tag.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_file_grows_is_known_by_its_first_line() {
        for (start, growth) in [
            ("", Growth::NotKnown),
            ("{\"a\":1}\n{\"a\"", Growth::ByLines),
            ("{\"a\":", Growth::NotKnown),
            ("{\n  \"a\": 1\n}", Growth::AsAWhole),
            ("[{\"a\":1}]", Growth::AsAWhole),
            ("type=SYSCALL msg=audit(1700000000.000:7): pid=1\n", Growth::ByLines),
            ("Mar  1 10:00:00 ws1 sshd[1]: x\n", Growth::ByLines),
            ("<Events>", Growth::AsAWhole),
            ("ElfFile\0", Growth::AsAWhole),
        ] {
            assert_eq!(Growth::of(start.as_bytes()), growth, "{start}");
        }
    }
}
