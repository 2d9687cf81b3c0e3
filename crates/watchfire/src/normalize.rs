//! `watchfire normalize`: raw records as the events that rules see.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use watchfire_events::{Event, EventBatch};
use watchfire_sources::normalise::catalogue_with;

use crate::destination::Destination;
use crate::exit::{self, Exit};
use crate::intake::{InputSummary, Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;
use crate::reading::Reading;

/// Bytes of records on their way. They are written as soon as they are read.
const MEMORY: u64 = 64 << 20;

/// Writes the events that rules see, as search hits.
///
/// Each is one JSON object on a line, with the data stream as `_index`, the id as `_id`, and the ECS document as
/// `_source`, in the order of the input.
///
/// `scan` and `hunt` read this output again, with the same result as the raw records. The summary on standard error
/// lists the raw fields that no mapping reads; they are in the documents all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire normalize Security.evtx | head -n 1 | jq ._source
  watchfire normalize logs/ --source windows.sysmon_operational --output events.ndjson

Exit codes:
  0  done
  1  done, but some input could not be used
  2  wrong usage")]
pub(crate) struct Normalize {
    /// Files and folders to read; `-` is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    reading: Reading,
}

impl Normalize {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.normalize(&mut io::stderr()))
    }

    fn normalize(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let normalise = self.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        let inputs = Inputs::list(&self.paths);
        let progress = Progress::new(inputs.bytes(), "written");
        let options = IntakeOptions {
            normalise,
            enrich: self.reading.enriches(),
            // One, so that events come in the order of the input.
            threads: 1,
            memory: MEMORY,
            window: self.reading.window()?,
            fields: None,
            timed: false,
            count_unmapped: true,
        };
        let mut out = Some(self.destination.open()?);
        let worker = || Writing { out: out.take().expect("there is one thread"), progress: &progress };
        let read = read_all(inputs, &options, &catalogue, &progress, worker);
        progress.finish();
        let (workers, account) = read?;
        for mut worker in workers {
            worker.out.flush()?;
        }
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        Ok(if summary.is_clean() { Exit::Success } else { Exit::Problems })
    }
}

struct Writing<'a> {
    out: Box<dyn Write + Send>,
    progress: &'a Progress,
}

impl Worker for Writing<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        for event in batch.events() {
            serde_json::to_writer(&mut self.out, &hit(event))?;
            self.out.write_all(b"\n")?;
        }
        self.progress.found(batch.len() as u64);
        Ok(())
    }
}

/// An event in the form of a search hit.
pub(crate) fn hit(event: &Event) -> Value {
    json!({ "_index": event.data_stream.as_str(), "_id": event.id.as_str(), "_source": event.document })
}
