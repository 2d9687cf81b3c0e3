//! Memory over time, on an input that is larger than any memory.
//!
//! The events of a workload are written to the standard input of a scan again and again, so that no disk is needed, each
//! time with other record numbers and in another year. Meanwhile the memory of the scan is read from `/proc`, where there
//! is one.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::scan::{Scanner, ended, read_summary};
use crate::workload::Workload;

/// How often memory is read.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
const THREADS: usize = 2;
/// How many events of a workload are repeated, whatever the other measurements take: few would stay in every cache.
pub(crate) const DISTINCT_EVENTS: usize = 100_000;
/// The bytes that wait for the scan.
const BUFFER: usize = 1 << 20;

/// What a scan of a large input took.
pub(crate) struct Large {
    pub(crate) bytes: u64,
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    pub(crate) peak_mebibytes: Option<u64>,
    pub(crate) alerts: u64,
    /// The memory in MiB at equal distances of time, from the first byte to the last; empty where it cannot be read.
    pub(crate) samples: Vec<u64>,
}

impl Large {
    /// The most memory of each quarter of the time, in MiB.
    pub(crate) fn quarters(&self) -> Option<[u64; 4]> {
        let quarter = self.samples.len() / 4;
        let most =
            |number: usize| self.samples[number * quarter..(number + 1) * quarter].iter().max().copied();
        Some([most(0)?, most(1)?, most(2)?, most(3)?])
    }

    /// The last quarter's memory over the first one's.
    pub(crate) fn growth(&self) -> Option<f64> {
        let [first, .., last] = self.quarters()?;
        Some(last as f64 / first.max(1) as f64)
    }
}

/// Scans so many gigabytes.
pub(crate) fn measure(scanner: &Scanner, workload: &Workload, rules: &Path, gigabytes: u64) -> Result<Large> {
    let place = tempfile::tempdir()?;
    let summary = place.path().join("summary.json");
    let lines = BufReader::new(File::open(&workload.path)?).lines().take(DISTINCT_EVENTS);
    let lines = lines.map(|line| Ok(Line::new(line?))).collect::<Result<Vec<Line>>>()?;
    let mut child = Command::new(&scanner.command)
        .args(Scanner::arguments(Path::new("-"), rules, THREADS, &summary))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run `{}`", scanner.command.display()))?;
    let stdin = child.stdin.take().context("a process without standard input")?;
    let process = child.id();
    let is_done = AtomicBool::new(false);
    let (written, samples) = thread::scope(|scope| {
        let sampler = scope.spawn(|| samples(process, &is_done));
        let written = write(&lines, stdin, gigabytes * 1_000_000_000);
        is_done.store(true, Ordering::Relaxed);
        (written, sampler.join())
    });
    let status = child.wait()?;
    let bytes = written.context("the scan did not read to the end")?;
    ended(status)?;
    let run = read_summary(&summary)?;
    Ok(Large {
        bytes,
        events: run.events,
        seconds: run.seconds,
        peak_mebibytes: run.peak_mebibytes,
        alerts: run.alerts,
        samples: samples.unwrap_or_default(),
    })
}

/// Reads the memory of a process until the input is done.
fn samples(process: u32, is_done: &AtomicBool) -> Vec<u64> {
    let mut samples = Vec::new();
    while !is_done.load(Ordering::Relaxed) {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        samples.extend(resident_mebibytes(&status));
        thread::sleep(SAMPLE_EVERY);
    }
    samples
}

fn resident_mebibytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.div_ceil(1024))
}

/// Writes lines over and over until there are so many bytes; gives back how many.
fn write(lines: &[Line], out: impl Write, least: u64) -> Result<u64> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let mut bytes = 0;
    for round in 0_u32.. {
        for (number, line) in lines.iter().enumerate() {
            if bytes >= least {
                out.flush()?;
                return Ok(bytes);
            }
            bytes += line.write(&mut out, round, u64::from(round) * lines.len() as u64 + number as u64)?;
        }
    }
    Ok(bytes)
}

/// A line of which two things change.
struct Line {
    text: String,
    /// Where years of the event's time, and its record's number, stand; in order.
    places: Vec<(Range<usize>, Change)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Year,
    RecordNumber,
}

impl Line {
    fn new(text: String) -> Self {
        let mut places = Vec::new();
        for (key, change) in [
            ("\"EventTime\":\"", Change::Year),
            ("\"@timestamp\":\"", Change::Year),
            ("\"RecordNumber\":", Change::RecordNumber),
        ] {
            let Some(start) = text.find(key).map(|at| at + key.len()) else { continue };
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            if (change == Change::Year && digits == 4) || (change == Change::RecordNumber && digits > 0) {
                places.push((start..start + digits, change));
            }
        }
        places.sort_by_key(|(range, _)| range.start);
        Self { text, places }
    }

    fn write(&self, out: &mut impl Write, round: u32, record: u64) -> Result<u64> {
        // Leap years, in which every date exists that exists in any year.
        let year = (1972 + 4 * (round % 32)).to_string();
        let record = (1 + record).to_string();
        let (mut at, mut bytes) = (0, 0);
        for (range, change) in &self.places {
            let new = if *change == Change::Year { &year } else { &record };
            out.write_all(&self.text.as_bytes()[at..range.start])?;
            out.write_all(new.as_bytes())?;
            bytes += (range.start - at + new.len()) as u64;
            at = range.end;
        }
        out.write_all(&self.text.as_bytes()[at..])?;
        out.write_all(b"\n")?;
        Ok(bytes + (self.text.len() - at) as u64 + 1)
    }
}

/// A scan with round numbers, for tests.
#[cfg(test)]
pub(crate) fn example() -> Large {
    let samples = vec![100, 200, 210, 205, 208, 209, 210, 212];
    Large {
        bytes: 10_000_000_000,
        events: 2_800_000,
        seconds: 70.0,
        peak_mebibytes: Some(215),
        alerts: 7,
        samples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_have_their_own_peaks() {
        let large = example();
        assert_eq!(large.quarters(), Some([200, 210, 209, 212]));
        assert!((large.growth().unwrap() - 1.06).abs() < 1e-9);
        assert_eq!(Large { samples: vec![1, 2, 3], ..example() }.growth(), None);
    }

    #[test]
    fn each_round_has_other_times_and_numbers() {
        let lines = [
            Line::new(r#"{"RecordNumber":77,"EventTime":"2020-02-29 01:02:03","a":"2020"}"#.to_owned()),
            Line::new(r#"{"@timestamp":"2021-05-06T01:02:03Z"}"#.to_owned()),
        ];
        let mut out = Vec::new();
        let bytes = write(&lines, &mut out, 150).unwrap();
        assert_eq!(bytes, out.len() as u64);
        assert_eq!(
            String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(),
            [
                r#"{"RecordNumber":1,"EventTime":"1972-02-29 01:02:03","a":"2020"}"#,
                r#"{"@timestamp":"1972-05-06T01:02:03Z"}"#,
                r#"{"RecordNumber":3,"EventTime":"1976-02-29 01:02:03","a":"2020"}"#,
            ]
        );
    }

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident_mebibytes("VmHWM:\t  9000 kB\nVmRSS:\t    2049 kB\n"), Some(3));
        assert_eq!(resident_mebibytes(""), None);
    }
}
