//! The inputs: fixed, named, and made anew in a temporary folder.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use watchfire_events::Place;
use watchfire_sources::decode::{RecordSink, RejectReason, list_files, read_file};
use watchfire_sources::normalise::{RawInput, RawPayload};

/// How an input is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line, in one file.
    Json,
    /// EVTX files in a folder.
    Evtx,
}

/// An input.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) format: Format,
}

impl Workload {
    /// All names.
    pub(crate) const NAMES: [&'static str; 3] = ["windows-json", "defend-json", "evtx"];

    /// Makes the input of a name.
    pub(crate) fn make(name: &str, shared: &Path, place: &Path, events: usize) -> Result<Self> {
        match name {
            "windows-json" => {
                let folder = shared.join("datasets/otrf");
                let (inputs, _) = list_files(&[folder]);
                let mut sink = Lines::new(place.join("windows.ndjson"), events)?;
                for (path, name) in inputs {
                    if !sink.is_satisfied() {
                        read_file(&path, &name, &mut sink);
                    }
                }
                sink.finish("windows-json")
            }
            "defend-json" => {
                let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/elastic-defend.ndjson");
                let story = fs::read_to_string(own)?;
                let mut sink = Lines::new(place.join("defend.ndjson"), events)?;
                // The same day on one host after another, so that most values are shared, as in real telemetry, and
                // identifiers are not.
                let lines = (0..).flat_map(|host| story.lines().map(move |line| (host, line)));
                for (host, line) in lines.take(events) {
                    let own = line.replace("bw-", &format!("h{host}-"));
                    sink.line(&own.replace("entity_id\":\"", &format!("entity_id\":\"{host}-")))?;
                }
                sink.finish("defend-json")
            }
            _ => {
                let folder = place.join("evtx");
                let packed = File::open(shared.join("datasets/evtx-attack-samples.tar.zst"))
                    .context("the packed EVTX samples")?;
                tar::Archive::new(zstd::Decoder::new(packed)?).unpack(&folder)?;
                let bytes = files(&folder)?
                    .iter()
                    .map(|path| Ok(fs::metadata(path)?.len()))
                    .sum::<io::Result<u64>>()?;
                let mut count = Count::default();
                let (inputs, _) = list_files(std::slice::from_ref(&folder));
                for (path, name) in inputs {
                    read_file(&path, &name, &mut count);
                }
                Ok(Self { name: "evtx", path: folder, events: count.0, bytes, format: Format::Evtx })
            }
        }
    }
}

/// The `.evtx` files below a folder, in order.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("evtx")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes JSON records as lines, up to a number.
struct Lines {
    path: PathBuf,
    out: BufWriter<File>,
    left: usize,
    written: u64,
    failure: Option<io::Error>,
}

impl Lines {
    fn new(path: PathBuf, most: usize) -> Result<Self> {
        let out = BufWriter::new(File::create(&path)?);
        Ok(Self { path, out, left: most, written: 0, failure: None })
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.left = self.left.saturating_sub(1);
        self.written += 1;
        writeln!(self.out, "{text}")
    }

    fn finish(mut self, name: &'static str) -> Result<Workload> {
        if let Some(failure) = self.failure {
            return Err(failure.into());
        }
        ensure!(self.written > 0, "there are no events for {name}");
        self.out.flush()?;
        let bytes = fs::metadata(&self.path)?.len();
        Ok(Workload { name, path: self.path, events: self.written, bytes, format: Format::Json })
    }
}

impl RecordSink for Lines {
    fn record(&mut self, record: RawInput) {
        let RawPayload::Json(value) = &record.payload else { return };
        if self.left > 0
            && is_windows(value)
            && let Err(error) = self.line(&value.to_string())
        {
            self.failure.get_or_insert(error);
        }
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}

    fn is_satisfied(&self) -> bool {
        self.left == 0 || self.failure.is_some()
    }
}

/// The Windows events among the records: a flat object with a channel.
fn is_windows(record: &Value) -> bool {
    record.get("Channel").is_some()
}

/// Counts records.
#[derive(Default)]
struct Count(u64);

impl RecordSink for Count {
    fn record(&mut self, _: RawInput) {
        self.0 += 1;
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {
        self.0 += 1;
    }
}
