//! `watchfire lake import`: files into a lake.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_events::{Event, EventBatch};
use watchfire_lake::{Appended, CommitReport, Lake, LakeError};
use watchfire_sources::normalise::catalogue_with;

use super::{failed, open};
use crate::exit::Exit;
use crate::intake::{InputSummary, Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;
use crate::reading::Reading;

/// Bytes of records on their way.
const MEMORY: u64 = 64 << 20;

/// Puts the events of files and folders into a lake.
///
/// Reads what `scan` reads. An event whose id has arrived in its data stream within the last day is not stored again, so
/// the same files can be imported twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire lake import lake/ evidence/

Exit codes:
  0  done
  1  done, but some input could not be used, or some events could not be stored
  2  wrong usage")]
pub(super) struct Import {
    /// The folder of the lake; it is made if it is not there.
    lake: PathBuf,
    /// Files and folders to read; `-` is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Import {
    pub(super) fn import(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let normalise = self.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        let lake = open(&self.lake, log)?;
        let inputs = Inputs::list(&self.paths);
        let progress = Progress::new(inputs.bytes(), "stored");
        let options = IntakeOptions {
            normalise,
            enrich: self.reading.enriches(),
            // One, so that events are numbered in the order of the input.
            threads: 1,
            memory: MEMORY,
            window: self.reading.window()?,
            fields: None,
            timed: false,
            count_unmapped: false,
        };
        let worker = || Storing { lake: &lake, progress: &progress, counts: Counts::default() };
        let read = read_all(inputs, &options, &catalogue, &progress, worker);
        progress.finish();
        let (workers, account) = read?;
        let mut counts = workers.into_iter().next().map(|worker| worker.counts).unwrap_or_default();
        counts.add(lake.commit().map_err(failed)?);
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        counts.write(log)?;
        let clean = summary.is_clean() && counts.refused.is_empty();
        Ok(if clean { Exit::Success } else { Exit::Problems })
    }
}

struct Storing<'a> {
    lake: &'a Lake,
    progress: &'a Progress,
    counts: Counts,
}

impl Worker for Storing<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let events: Vec<Event> = batch.events().cloned().collect();
        let answers = match self.lake.append(&events) {
            // What waits is what this command has read: it makes room itself.
            Err(LakeError::Full { .. }) => {
                self.counts.add(self.lake.commit().map_err(failed)?);
                self.lake.append(&events)
            }
            answers => answers,
        };
        for answer in answers.map_err(failed)? {
            match answer {
                Appended::Stored(_) => self.counts.stored += 1,
                Appended::Repeated => self.counts.repeated += 1,
                Appended::Refused(reason) => *self.counts.refused.entry(reason).or_default() += 1,
            }
        }
        self.progress.found(events.len() as u64);
        self.counts.add(self.lake.commit_due().map_err(failed)?);
        Ok(())
    }
}

#[derive(Default)]
struct Counts {
    stored: u64,
    repeated: u64,
    refused: BTreeMap<String, u64>,
    diverted: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, report: CommitReport) {
        for (field, rows) in report.diverted {
            *self.diverted.entry(field).or_default() += rows;
        }
    }

    fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        writeln!(log, "stored: {} events; {} had arrived before", self.stored, self.repeated)?;
        for (reason, number) in &self.refused {
            writeln!(log, "{number} events could not be stored: {reason}")?;
        }
        for (field, number) in &self.diverted {
            writeln!(log, "{number} events have `{field}` in the side column")?;
        }
        Ok(())
    }
}
