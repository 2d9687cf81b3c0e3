//! `watchfire sources detect`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_sources::normalise::{NormaliseOptions, RawInput, recognise};

use super::Format;
use super::record::{Taker, read_each};
use crate::exit::Exit;
use crate::reading::Reading;
use crate::terminal::escape_controls;

/// Tells what the records of files are taken for, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire sources detect logs/
  watchfire sources detect export.json --records 20 --format json

Exit codes:
  0  done
  1  done, but some input could not be read, or some record is of no known source
  2  wrong usage")]
pub(super) struct Detect {
    /// Files and folders to look into; `-` is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How many records of each file are looked at, the first ones.
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    records: NonZeroU64,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    reading: Reading,
}

/// What records of one file were taken for.
struct Seen<'o> {
    options: &'o NormaliseOptions,
    most: u64,
    records: u64,
    /// By source, data stream and reason: how many, and the ordinal of the first.
    kinds: BTreeMap<(String, String, String), (u64, u64)>,
    unrecognised: u64,
}

impl Taker for Seen<'_> {
    fn take(&mut self, record: RawInput) -> bool {
        self.records += 1;
        let (source, stream, reason) =
            match recognise(&record.payload, record.given_index.as_deref(), self.options) {
                Ok(found) => {
                    self.unrecognised += u64::from(found.source.name() == "unrecognised");
                    (found.source.to_string(), found.data_stream.to_string(), found.reason)
                }
                Err(error) => {
                    self.unrecognised += 1;
                    ("none".to_owned(), String::new(), error.to_string())
                }
            };
        let kind = self.kinds.entry((source, stream, reason)).or_insert((0, record.place.record));
        kind.0 += 1;
        self.records < self.most
    }
}

impl Detect {
    pub(super) fn detect(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let options = self.reading.normalise()?;
        let most = self.records.get();
        let (files, clean) = read_each(&self.paths, log, || Seen {
            options: &options,
            most,
            records: 0,
            kinds: BTreeMap::new(),
            unrecognised: 0,
        })?;
        let strange = files.iter().any(|(_, seen)| seen.unrecognised > 0);
        match self.format {
            Format::Text => {
                for (name, seen) in &files {
                    write!(out, "{}: {} records", escape_controls(name), seen.records)?;
                    writeln!(out, "{}", if seen.records == most { ", the first ones" } else { "" })?;
                    for ((source, stream, reason), (number, first)) in &seen.kinds {
                        let to = if stream.is_empty() {
                            String::new()
                        } else {
                            format!(" → {}", escape_controls(stream))
                        };
                        writeln!(out, "  {number} of {source}{to}")?;
                        writeln!(out, "    because {} (record {first})", escape_controls(reason))?;
                    }
                }
            }
            Format::Json => {
                let all: Vec<Value> = files.iter().map(|(name, seen)| seen.json(name)).collect();
                serde_json::to_writer_pretty(&mut *out, &all)?;
                writeln!(out)?;
            }
        }
        out.flush()?;
        Ok(if clean && !strange { Exit::Success } else { Exit::Problems })
    }
}

impl Seen<'_> {
    fn json(&self, name: &str) -> Value {
        let kinds: Vec<Value> = self
            .kinds
            .iter()
            .map(|((source, stream, reason), (number, first))| {
                json!({
                    "source": source, "data_stream": stream, "reason": reason, "records": number,
                    "first_record": first,
                })
            })
            .collect();
        json!({"file": name, "records": self.records, "found": kinds})
    }
}
