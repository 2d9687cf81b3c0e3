//! EVTX: the public attack samples, the same files again and again in one folder after the other until there are as many
//! records as were asked for. Several hundred small files alone would be read before the rules are.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use watchfire_events::Place;
use watchfire_sources::decode::{RecordSink, RejectReason, read_file};
use watchfire_sources::normalise::RawInput;

use super::{Format, Workload};

/// A file, and how many records it has.
struct Sample {
    path: PathBuf,
    records: u64,
}

/// Unpacks the samples, and repeats them.
pub(super) fn make(packed: &Path, place: &Path, events: u64) -> Result<Workload> {
    let samples = place.join("evtx-samples");
    let file = File::open(packed).with_context(|| format!("cannot open `{}`", packed.display()))?;
    tar::Archive::new(zstd::Decoder::new(file)?).unpack(&samples)?;
    let mut all = Vec::new();
    for path in files(&samples)? {
        let mut count = Count::default();
        read_file(&path, &Arc::from(path.to_string_lossy().as_ref()), &mut count);
        all.push(Sample { path, records: count.0 });
    }
    ensure!(all.iter().any(|sample| sample.records > 0), "there are no records in `{}`", packed.display());
    let path = place.join("evtx");
    let (events, bytes) = repeat(&all, &path, events)?;
    Ok(Workload { name: "evtx", path, events, bytes, format: Format::Evtx })
}

/// Links files into folders below another one, over and over, until they have so many records. Gives back the records and
/// bytes.
fn repeat(samples: &[Sample], folder: &Path, least: u64) -> Result<(u64, u64)> {
    let (mut records, mut bytes) = (0, 0);
    for round in 0_u32.. {
        let below = folder.join(format!("{round:04}"));
        fs::create_dir_all(&below)?;
        for (number, sample) in samples.iter().enumerate() {
            if records >= least {
                return Ok((records, bytes));
            }
            let to = below.join(format!("{number:04}.evtx"));
            link(&sample.path, &to).with_context(|| format!("cannot make `{}`", to.display()))?;
            records += sample.records;
            bytes += fs::metadata(&to)?.len();
        }
    }
    Ok((records, bytes))
}

/// A second name for a file; a copy of it where the file system has no such thing.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

/// The first files of a workload that have so many records; gives back how many they have.
pub(super) fn first(from: &Path, to: &Path, least: u64) -> Result<u64> {
    let mut samples = Vec::new();
    let mut records = 0;
    for path in files(from)? {
        let mut count = Count::default();
        read_file(&path, &Arc::from(path.to_string_lossy().as_ref()), &mut count);
        records += count.0;
        samples.push(Sample { path, records: count.0 });
        if records >= least {
            break;
        }
    }
    Ok(repeat(&samples, to, records.min(least))?.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_repeated_until_there_are_enough_records() {
        let place = tempfile::tempdir().unwrap();
        let samples = [("a.evtx", 3), ("b.evtx", 4)].map(|(name, records)| {
            let path = place.path().join(name);
            fs::write(&path, "1234567890").unwrap();
            Sample { path, records }
        });
        let folder = place.path().join("repeated");
        assert_eq!(repeat(&samples, &folder, 12).unwrap(), (14, 40));
        let found = files(&folder).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(&folder).unwrap()).collect();
        assert_eq!(
            names,
            ["0000/0000.evtx", "0000/0001.evtx", "0001/0000.evtx", "0001/0001.evtx"].map(Path::new)
        );
    }
}
