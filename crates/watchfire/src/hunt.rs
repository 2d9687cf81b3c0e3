//! `watchfire hunt`: one query over files and folders.

mod mappings;
mod query;
mod results;
mod rows;
mod search;
mod table;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use watchfire_detect::{Correlation, CorrelationAccount, CorrelationOptions};
use watchfire_engine::correlate::{OrderFields, ResultLimit, ResultPosition};
use watchfire_esql_events::SeenFields;
use watchfire_ir::{EqlPlan, MappedCatalogue};
#[cfg(feature = "lake")]
use watchfire_lake::Needed;
use watchfire_sources::normalise::{NormaliseOptions, catalogue_with};

use self::mappings::Mappings;
use self::query::Language;
use self::results::{Format, ResultWriter};
use self::search::{Finds, Search, Searching};
use crate::destination::Destination;
use crate::exit::{self, Exit};
#[cfg(feature = "lake")]
use crate::intake::LakeInput;
use crate::intake::{Account, InputSummary, Inputs, IntakeOptions, read_all};
use crate::progress::Progress;
use crate::reading::{Reading, Resources};
use crate::terminal::escape_controls;

/// The part of the memory that results, and hits to be joined, may each take up before they go to temporary files: one
/// in this many.
const RESULT_SHARE: u64 = 8;
/// The part of the memory that begun sequences may take up, when all input has been read: one in this many.
const JOIN_SHARE: u64 = 4;
/// The part of the memory that records on their way may take up: one in this many.
const RECORD_SHARE: u64 = 2;

/// Searches logs for the events, sequences or samples that fit a query, in the order of their time; or makes the rows of a
/// query in ES|QL of them.
///
/// Reads what `scan` reads. All that fits is shown unless `--size`, or a `head` or `tail` of the query, says otherwise.
/// A sequence is decided when all input has been read, a missing event included. ES|QL takes events in the order of their
/// time, and has no limit but those in the query.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire hunt 'process where process.name : \"client32.exe\"' evidence/
  watchfire hunt 'event.code: 4624 and source.ip: 203.0.113.0/24' Security.evtx --language kql --format ndjson
  watchfire hunt 'sequence by host.id, process.entity_id with maxspan=1m [process where true] \\
    [network where true]' evidence/ --format json --size 10
  watchfire hunt 'any where own.field > 5 | tail 10' data.ndjson --mapping mapping.json --index logs-own-default
  watchfire hunt 'FROM logs-* | STATS starts = COUNT(*) BY process.name | SORT starts DESC' evidence/ --language esql
  watchfire hunt 'FROM staff | WHERE age > 60 | KEEP name' staff=staff.ndjson --mapping staff=staff.json --language esql

Exit codes:
  0  done, whether or not something was found
  1  done, but some input could not be used, or the query could not be evaluated on some events
  2  wrong usage, or a query that is wrong")]
pub(crate) struct Hunt {
    /// The query.
    query: String,
    /// Files and folders to read; `-` is standard input. With `--language esql`, `INDEX=PATH` says of which index the records
    /// are.
    #[cfg_attr(feature = "lake", arg(required_unless_present = "lake"))]
    #[cfg_attr(not(feature = "lake"), arg(required = true))]
    paths: Vec<PathBuf>,
    /// Reads the events of the event lake in this folder too.
    #[cfg(feature = "lake")]
    #[arg(long, value_name = "FOLDER")]
    lake: Option<PathBuf>,
    /// The language of the query.
    #[arg(long, value_enum, default_value_t = Language::Eql)]
    language: Language,
    /// How results are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Shows this many events, sequences, samples or rows at most; what is left out is counted.
    #[arg(long, value_name = "NUMBER")]
    size: Option<u64>,
    /// Which ones `--size` keeps where the query has neither `head` nor `tail`. Of samples and rows it keeps the first.
    #[arg(long, value_enum, default_value_t = Position::Tail)]
    result_position: Position,
    /// The field by which events are ordered. `--from` and `--to` ask for `@timestamp` all the same.
    #[arg(long, value_name = "FIELD", default_value = "@timestamp")]
    timestamp_field: String,
    /// The field that orders events of equal time. Without it they follow each other as they stand in the input: by
    /// file name, then by record.
    #[arg(long, value_name = "FIELD")]
    tiebreaker: Option<String>,
    /// The field that EQL takes for the event category. [default: `event.category`]
    #[arg(long, value_name = "FIELD")]
    event_category_field: Option<String>,
    /// Most samples with the same keys.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    max_samples_per_key: NonZeroUsize,
    /// The mapping of an index, as Elasticsearch gives it: types of fields, before those of the common schema. `INDEX=FILE`
    /// says of which index; may be given several times.
    #[arg(long, value_name = "[INDEX=]FILE")]
    mapping: Vec<String>,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

/// Which results a size keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Position {
    /// The earliest.
    Head,
    /// The latest, as Elasticsearch does.
    Tail,
}

impl From<Position> for ResultPosition {
    fn from(position: Position) -> Self {
        match position {
            Position::Head => Self::Head,
            Position::Tail => Self::Tail,
        }
    }
}

impl Hunt {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.hunt(&mut io::stderr()))
    }

    fn hunt(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let category = self.event_category_field.as_deref();
        if category.is_some() && self.language != Language::Eql {
            writeln!(log, "`--event-category-field` makes no difference: only EQL asks for a category")?;
        }
        if self.language == Language::Esql {
            return self.hunt_rows(log);
        }
        if self.format == Format::Csv {
            writeln!(log, "`--format csv` is for the rows of ES|QL: events have no columns of their own")?;
            return Ok(Exit::Usage);
        }
        let normalise = self.reading.normalise()?;
        let mappings = Mappings::read(&self.mapping)?;
        mappings.write_differences(log)?;
        let schema = MappedCatalogue::new(mappings.joined, catalogue_with(&normalise.tables));
        let Some(plan) = query::understand(&self.query, self.language, category, &schema, log)? else {
            return Ok(Exit::Usage);
        };
        // Elasticsearch stops making samples when it has enough of them.
        let position = match &plan {
            EqlPlan::Sample(_) => ResultPosition::Head,
            EqlPlan::Event(_) | EqlPlan::Sequence(_) => self.result_position.into(),
        };
        let limit = ResultLimit::new(plan.pipes(), self.size, position);
        let samples_per_key = self.max_samples_per_key.get();
        let options = CorrelationOptions { order: self.order(), limit, samples_per_key };
        let search = match Correlation::new(plan, &[], options) {
            Ok(correlation) => Search::new(correlation, &schema),
            Err(reason) => {
                writeln!(log, "the query cannot be run: {reason}")?;
                return Ok(Exit::Usage);
            }
        };
        let out = self.destination.open()?;
        let inputs = Inputs::list(&self.paths);
        let Found { finds, errors, account } = self.search(&search, inputs, &schema, normalise)?;

        let (results, joined, lost) = finds.join(&search, self.resources.max_memory() / JOIN_SHARE)?;
        let summary = InputSummary::new(&account);
        let given_up = joined.counts.evicted + joined.extracted.tuples_left_out;
        let clean = summary.is_clean() && errors.is_empty() && given_up == 0 && lost.is_empty();
        let writer = ResultWriter::new(out, self.format, search.gives_groups(), !clean);
        // What is joined has been limited on the way.
        let limit = if search.gives_groups() { ResultLimit::new(&[], None, position) } else { limit };
        let mut written = results.write(limit, writer)?;
        if search.gives_groups() {
            written.found = joined.counts.found;
            written.duplicates = joined.repeated;
        }
        summary.write(log)?;
        write_errors(&errors, log)?;
        write_joined(&joined, log)?;
        if let Some(first) = lost.first() {
            let number = lost.len();
            let first = escape_controls(&first.to_string());
            writeln!(log, "{first} has changed since it was read: {number} results are missing")?;
        }
        written.tell(search.name_of_results(), log)?;
        if written.found == 0
            && let Some(reason) = search.why_not(&account.coverage)
        {
            writeln!(log, "nothing can be found here: {reason}")?;
        }
        Ok(if clean { Exit::Success } else { Exit::Problems })
    }

    /// Reads all input, and keeps what is found in it.
    fn search(
        &self,
        search: &Search<'_>,
        inputs: Inputs,
        schema: &MappedCatalogue,
        normalise: NormaliseOptions,
    ) -> io::Result<Found> {
        #[cfg(feature = "lake")]
        let inputs = inputs.with_lake(self.lake.as_ref().map(|folder| LakeInput {
            folder: folder.clone(),
            fields: search.read_fields(),
            needed: Needed::by_any(search.conditions()),
        }));
        let progress = Progress::new(inputs.bytes(), "found");
        let max_memory = self.resources.max_memory();
        let options = IntakeOptions {
            normalise,
            enrich: self.reading.enriches(),
            threads: self.resources.threads(),
            memory: max_memory / RECORD_SHARE,
            window: self.reading.window()?,
            fields: None,
            timed: false,
            count_unmapped: false,
        };
        let finds = Mutex::new(Finds::new(max_memory / RESULT_SHARE));
        let worker = || Searching::new(search, &progress, &finds);
        let read = read_all(inputs, &options, schema, &progress, worker);
        progress.finish();
        let (workers, account) = read?;
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen = SeenFields::default();
        for worker in workers {
            for (error, number) in worker.errors {
                *errors.entry(error).or_default() += number;
            }
            seen.merge(worker.seen);
        }
        let finds = finds.into_inner().unwrap_or_else(PoisonError::into_inner).seeing(seen);
        Ok(Found { finds, errors, account })
    }

    /// How events are ordered.
    fn order(&self) -> OrderFields {
        OrderFields {
            timestamp: self.timestamp_field.as_str().into(),
            tiebreaker: self.tiebreaker.as_deref().map(Into::into),
        }
    }
}

/// What came of reading all input.
struct Found {
    finds: Finds,
    /// Why the query could not be evaluated in part, and on how many events.
    errors: BTreeMap<String, u64>,
    account: Account,
}

fn write_errors(errors: &BTreeMap<String, u64>, log: &mut dyn Write) -> io::Result<()> {
    for (error, number) in errors {
        writeln!(log, "the query could not be evaluated in part on {number} events: {error}")?;
    }
    Ok(())
}

/// Says what took no part in sequences or samples, or was given up.
fn write_joined(joined: &CorrelationAccount, log: &mut dyn Write) -> io::Result<()> {
    let extracted = &joined.extracted;
    for (number, what) in [
        (extracted.without_time, "events have no time, and so take no part"),
        (extracted.without_key, "events lack a key that is not optional, and so take no part"),
        (
            extracted.tuples_left_out,
            "combinations of key values of an event were left out: results may be missing",
        ),
        (
            joined.counts.evicted,
            "begun sequences or events of samples were given up: results may be missing; --max-memory helps",
        ),
    ] {
        if number > 0 {
            writeln!(log, "{number} {what}")?;
        }
    }
    Ok(())
}
