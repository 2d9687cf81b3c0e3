//! Recipes: how the input of a case is made, in TOML. Each step does something to the bytes made so far.

use std::io::{Cursor, Write};

use serde::Deserialize;
use watchfire_sources::decode::DecodeLimits;

use super::evtx_builder::evtx;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// What the case shows.
    pub(super) about: String,
    #[serde(default)]
    pub(super) limits: Limits,
    steps: Vec<Step>,
}

/// Limits that differ from the default.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    record_bytes: Option<usize>,
    record_values: Option<usize>,
    audit_open_events: Option<usize>,
    json_depth: Option<usize>,
    xml_depth: Option<usize>,
    archive_depth: Option<usize>,
    archive_members: Option<u64>,
    decompressed_bytes: Option<u64>,
    decompression_ratio: Option<u64>,
    ratio_ignored_below: Option<u64>,
    spooled_bytes: Option<u64>,
    zstd_window_log: Option<u32>,
}

impl Limits {
    pub(super) fn applied(&self) -> DecodeLimits {
        let default = DecodeLimits::default();
        DecodeLimits {
            record_bytes: self.record_bytes.unwrap_or(default.record_bytes),
            record_values: self.record_values.unwrap_or(default.record_values),
            audit_open_events: self.audit_open_events.unwrap_or(default.audit_open_events),
            json_depth: self.json_depth.unwrap_or(default.json_depth),
            xml_depth: self.xml_depth.unwrap_or(default.xml_depth),
            archive_depth: self.archive_depth.unwrap_or(default.archive_depth),
            archive_members: self.archive_members.unwrap_or(default.archive_members),
            decompressed_bytes: self.decompressed_bytes.unwrap_or(default.decompressed_bytes),
            decompression_ratio: self.decompression_ratio.unwrap_or(default.decompression_ratio),
            ratio_ignored_below: self.ratio_ignored_below.unwrap_or(default.ratio_ignored_below),
            spooled_bytes: self.spooled_bytes.unwrap_or(default.spooled_bytes),
            zstd_window_log: self.zstd_window_log.unwrap_or(default.zstd_window_log),
            folder_depth: default.folder_depth,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Adds text.
    Text(String),
    /// Adds a text again and again, with `{n}` counting from 1.
    Repeat {
        text: String,
        times: usize,
    },
    /// Adds bytes.
    Bytes(Vec<u8>),
    /// Adds an EVTX file.
    Evtx {
        chunks: u64,
        records: u64,
    },
    Gzip {},
    /// Compresses, with a window of so many bits if that is said.
    Zstd {
        window_log: Option<u32>,
    },
    /// Puts a skippable frame in front, as parallel compressors do.
    ZstdSkippable {},
    Utf8Bom {},
    Utf16le {
        bom: bool,
    },
    Utf16be {
        bom: bool,
    },
    /// Puts what there is into an archive, and the members behind it.
    Tar {
        name: String,
        #[serde(default)]
        more: Vec<Member>,
    },
    Zip {
        name: String,
        #[serde(default)]
        more: Vec<Member>,
    },
    /// Makes the zip with the sizes behind its members, as writers to a pipe do.
    ZipStream {
        name: String,
        #[serde(default)]
        more: Vec<Member>,
    },
    /// Keeps so many bytes of the beginning.
    Keep(usize),
    /// Leaves so many bytes of the end out.
    Cut(usize),
    /// Overwrites bytes.
    Put {
        at: usize,
        bytes: Vec<u8>,
    },
    /// Overwrites with zeros.
    Zero {
        at: usize,
        length: usize,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    name: String,
    text: String,
}

impl Recipe {
    pub(super) fn parse(text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.steps.iter().fold(Vec::new(), apply)
    }
}

fn apply(mut bytes: Vec<u8>, step: &Step) -> Vec<u8> {
    match step {
        Step::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        Step::Repeat { text, times } => {
            for n in 1..=*times {
                bytes.extend_from_slice(text.replace("{n}", &n.to_string()).as_bytes());
            }
        }
        Step::Bytes(more) => bytes.extend_from_slice(more),
        Step::Evtx { chunks, records } => bytes.extend(evtx(*chunks, *records)),
        Step::Gzip {} => bytes = gzip(&bytes),
        Step::Zstd { window_log } => bytes = zstd(&bytes, *window_log),
        Step::ZstdSkippable {} => {
            bytes.splice(0..0, [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);
        }
        Step::Utf8Bom {} => {
            bytes.splice(0..0, *b"\xef\xbb\xbf");
        }
        Step::Utf16le { bom } => bytes = utf16(&bytes, *bom, u16::to_le_bytes),
        Step::Utf16be { bom } => bytes = utf16(&bytes, *bom, u16::to_be_bytes),
        Step::Tar { name, more } => {
            let mut archive = tar::Builder::new(Vec::new());
            for (name, content) in members(name, &bytes, more) {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, name, content).expect("in memory");
            }
            bytes = archive.into_inner().expect("in memory");
        }
        Step::Zip { name, more } => {
            let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
            add_members(&mut archive, name, &bytes, more);
            bytes = archive.finish().expect("in memory").into_inner();
        }
        Step::ZipStream { name, more } => {
            let mut archive = zip::ZipWriter::new_stream(Vec::new());
            add_members(&mut archive, name, &bytes, more);
            bytes = archive.finish().expect("in memory").into_inner();
        }
        Step::Keep(length) => bytes.truncate(*length),
        Step::Cut(length) => bytes.truncate(bytes.len() - length),
        Step::Put { at, bytes: new } => bytes[*at..at + new.len()].copy_from_slice(new),
        Step::Zero { at, length } => bytes[*at..at + length].fill(0),
    }
    bytes
}

fn members<'m>(name: &'m str, bytes: &'m [u8], more: &'m [Member]) -> Vec<(&'m str, &'m [u8])> {
    let more = more.iter().map(|member| (member.name.as_str(), member.text.as_bytes()));
    std::iter::once((name, bytes)).chain(more).collect()
}

fn add_members<W: Write + std::io::Seek>(
    archive: &mut zip::ZipWriter<W>,
    name: &str,
    bytes: &[u8],
    more: &[Member],
) {
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, content) in members(name, bytes, more) {
        archive.start_file(name, options).expect("in memory");
        archive.write_all(content).expect("in memory");
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(super) fn zstd(bytes: &[u8], window_log: Option<u32>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("in memory");
    if let Some(window_log) = window_log {
        encoder.window_log(window_log).expect("a window");
    }
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn utf16(bytes: &[u8], bom: bool, units: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).expect("text");
    let mark = bom.then_some(0xfeff);
    mark.into_iter().chain(text.encode_utf16()).flat_map(units).collect()
}
