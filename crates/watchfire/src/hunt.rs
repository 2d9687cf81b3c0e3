//! `watchfire hunt`: one query over files and folders.

mod query;
mod results;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use watchfire_detect::SortedSpill;
use watchfire_engine::{Coverage, RuleSet, RuleSetBuilder};
use watchfire_events::{EventBatch, IndexPatterns, Timestamp, get_field};
use watchfire_ir::{Condition, MappedCatalogue, Mapping, Schema};
use watchfire_sources::normalise::catalogue;

use self::query::Language;
use self::results::{Format, ResultWriter};
use crate::destination::Destination;
use crate::exit::{self, Exit};
use crate::intake::{InputSummary, Inputs, IntakeOptions, Worker, read_all};
use crate::normalize::hit;
use crate::progress::Progress;
use crate::reading::{Reading, Resources};

/// The part of the memory that results may take up before they go to temporary files: one in this many.
const RESULT_SHARE: u64 = 8;
/// The part of the memory that records on their way may take up: one in this many.
const RECORD_SHARE: u64 = 2;

/// Searches logs for the events that fit a query, in the order of their time.
///
/// Reads what `scan` reads. Every event is shown unless `--size`, or a `head` or `tail` of the query, says otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire hunt 'process where process.name : \"client32.exe\"' evidence/
  watchfire hunt 'event.code: 4624 and source.ip: 203.0.113.0/24' Security.evtx --language kql --format ndjson
  watchfire hunt 'any where own.field > 5 | tail 10' data.ndjson --mapping mapping.json --index logs-own-default

Exit codes:
  0  done, whether or not something was found
  1  done, but some input could not be used, or the query could not be evaluated on some events
  2  wrong usage, or a query that is wrong or not supported yet")]
pub(crate) struct Hunt {
    /// The query.
    query: String,
    /// Files and folders to read; `-` is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The language of the query.
    #[arg(long, value_enum, default_value_t = Language::Eql)]
    language: Language,
    /// How events are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Shows this many events at most, the earliest ones; what is left out is counted.
    #[arg(long, value_name = "NUMBER")]
    size: Option<u64>,
    /// The mapping of an index, as Elasticsearch gives it: types of fields, before those of the common schema.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

impl Hunt {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.hunt(&mut io::stderr()))
    }

    fn hunt(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let schema = MappedCatalogue::new(self.mapping()?, catalogue());
        let Some(search) = query::understand(&self.query, self.language, &schema, log)? else {
            return Ok(Exit::Usage);
        };
        let out = self.destination.open()?;
        let mut builder = RuleSetBuilder::new();
        builder.add(IndexPatterns::default(), search.condition.clone());
        let set = builder.build();

        let inputs = Inputs::list(&self.paths);
        let progress = Progress::new(inputs.bytes(), "found");
        let max_memory = self.resources.max_memory();
        let options = IntakeOptions {
            normalise: self.reading.normalise(),
            threads: self.resources.threads(),
            memory: max_memory / RECORD_SHARE,
            window: self.reading.window()?,
            count_unmapped: false,
        };
        let results = Mutex::new(SortedSpill::new((max_memory / RESULT_SHARE) as usize));
        let worker = || Searching {
            set: &set,
            schema: &schema,
            progress: &progress,
            results: &results,
            errors: BTreeMap::new(),
        };
        let read = read_all(inputs, &options, &schema, &progress, worker);
        progress.finish();
        let (workers, account) = read?;
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        for (error, number) in workers.into_iter().flat_map(|worker| worker.errors) {
            *errors.entry(error).or_default() += number;
        }

        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let writer = ResultWriter::new(out, self.format);
        let written = results::write(results, &search.pipes, self.size, writer)?;
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        for (error, number) in &errors {
            writeln!(log, "the query could not be evaluated in part on {number} events: {error}")?;
        }
        let found = written.found;
        let twice = match written.duplicates {
            0 => String::new(),
            number => format!("; {number} more were read twice"),
        };
        if written.shown < found {
            writeln!(log, "shown: {} of {found} events{twice}", written.shown)?;
        } else {
            writeln!(log, "found: {found} events{twice}")?;
        }
        if found == 0 {
            explain_nothing(&account.coverage, &search.condition, log)?;
        }
        let clean = summary.is_clean() && errors.is_empty();
        Ok(if clean { Exit::Success } else { Exit::Problems })
    }

    fn mapping(&self) -> io::Result<Mapping> {
        let Some(path) = &self.mapping else { return Ok(Mapping::default()) };
        let wrong =
            |why: String| io::Error::new(io::ErrorKind::InvalidInput, format!("`{}`: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Mapping::parse(&text).map_err(|error| wrong(error.to_string()))
    }
}

/// Says if nothing could be found at all.
fn explain_nothing(coverage: &Coverage, condition: &Condition, log: &mut dyn Write) -> io::Result<()> {
    match coverage.absent_fields(&IndexPatterns::default(), condition) {
        Some(fields) if !fields.is_empty() => {
            let names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            writeln!(log, "nothing can be found here: no event has {}", names.join(" or "))
        }
        _ => Ok(()),
    }
}

/// Matches batches and keeps the events that fit.
struct Searching<'a> {
    set: &'a RuleSet,
    schema: &'a MappedCatalogue,
    progress: &'a Progress,
    /// Of all threads.
    results: &'a Mutex<SortedSpill>,
    errors: BTreeMap<String, u64>,
}

impl Worker for Searching<'_> {
    fn batch(&mut self, batch: EventBatch) -> io::Result<()> {
        let schema: &dyn Schema = self.schema;
        let mut matches = self.set.match_batch(&batch, schema);
        matches.errors.dedup_by_key(|error| error.row);
        for found in matches.errors {
            *self.errors.entry(found.error.to_string()).or_default() += 1;
        }
        self.progress.found(matches.hits.len() as u64);
        let entries: Vec<(Vec<u8>, Vec<u8>)> = matches
            .hits
            .iter()
            .map(|found| {
                let event = &batch.events()[found.row as usize];
                let time = get_field(&event.document, "@timestamp")
                    .and_then(serde_json::Value::as_str)
                    .and_then(Timestamp::parse);
                // Events without a time come last, as in Elasticsearch.
                let time = time.unwrap_or(Timestamp::from_nanos(i128::MAX));
                let mut key = time.to_ordered_bytes().to_vec();
                key.extend_from_slice(event.data_stream.as_str().as_bytes());
                key.push(0);
                key.extend_from_slice(event.id.as_str().as_bytes());
                (key, hit(event))
            })
            .collect();
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        entries.into_iter().try_for_each(|(key, payload)| results.push(key, payload))
    }
}
