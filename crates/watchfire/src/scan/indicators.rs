//! Indicators for indicator match rules: read before the events.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use watchfire_detect::{IndicatorBuilder, IndicatorIndex, IndicatorReader, MAX_ENRICHMENTS, RuleBook};
use watchfire_engine::{Matcher, ReadFields};
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_sources::indicators::{IndicatorForm, form_of, read};
use watchfire_sources::normalise::NormaliseOptions;

use crate::intake::{InputSummary, Inputs, IntakeOptions, Window, Worker, read_all};
use crate::progress::Progress;
use crate::terminal::{escape_controls, write_counts};

/// Events of a batch that are made of STIX or CSV.
const BATCH_EVENTS: usize = 4_096;
/// The part of the memory for indicators that may be unpacked at a time: one in this many.
const READ_SHARE: u64 = 16;
/// The part of the memory that records on their way may take up: one in this many.
const RECORD_SHARE: u64 = 2;

/// What became of indicators. Its JSON form has these names, and only ever gains some.
#[derive(Debug, Default, Serialize)]
pub(crate) struct IndicatorSummary {
    /// Documents, objects and rows.
    pub(super) read: u64,
    /// Those that are an indicator for some rule.
    pub(crate) used: u64,
    /// Those that are none for any rule.
    pub(super) unused: u64,
    /// Objects of STIX and rows of tables that gave no indicator, by reason.
    pub(super) left_out: BTreeMap<String, u64>,
    /// For each indicator match rule, how many indicators it has.
    pub(super) by_rule: BTreeMap<String, u64>,
    /// Bytes that they take up in memory, on top of `--max-memory`.
    pub(super) memory_bytes: u64,
    /// What is worth knowing of files, with their names.
    pub(super) notes: Vec<String>,
    /// Files of STIX and tables that could not be read, or not to their end.
    pub(super) problems: Vec<String>,
    /// Other files, and their records.
    pub(super) input: InputSummary,
    /// Indicators that are missing in alerts, since those have as many as an alert may have: by rule.
    pub(super) enrichments_left_out: BTreeMap<String, u64>,
}

impl IndicatorSummary {
    /// The sum that must hold: the whole, its parts.
    pub(super) fn sum(&self) -> (&'static str, u64, u64) {
        let left_out: u64 = self.left_out.values().sum();
        ("indicators read", self.read, self.used + self.unused + left_out + self.input.records.rejected)
    }

    /// Whether all that was given could be read.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.input.is_clean()
    }

    /// Writes it for people.
    pub(crate) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(log, "{}", escape_controls(problem))?;
        }
        for problem in &self.input.files.problems {
            writeln!(
                log,
                "{} ({}): {}",
                escape_controls(&problem.name),
                problem.format,
                escape_controls(&problem.what)
            )?;
        }
        write!(
            log,
            "indicators: {} read = {} for some rule + {} for none",
            self.read, self.used, self.unused
        )?;
        let left_out: u64 = self.left_out.values().sum();
        for (number, what) in [(left_out, "left out"), (self.input.records.rejected, "rejected")] {
            if number > 0 {
                write!(log, " + {number} {what}")?;
            }
        }
        writeln!(log)?;
        for place in &self.input.records.rejected_places {
            writeln!(log, "  rejected: {}", escape_controls(place))?;
        }
        for note in &self.notes {
            writeln!(log, "  {}", escape_controls(note))?;
        }
        write_counts(log, &self.left_out, |why, number| format!("  {number} left out: {why}"))?;
        write_counts(log, &self.by_rule, |rule, number| format!("  {number} for rule `{rule}`"))?;
        write_counts(log, &self.enrichments_left_out, |rule, number| {
            format!(
                "  rule `{rule}`: {number} indicators are not in its alerts, which have {MAX_ENRICHMENTS} each already"
            )
        })
    }
}

/// What indicators are read with.
pub(crate) struct Loading<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) normalise: &'a NormaliseOptions,
    pub(crate) threads: usize,
    pub(crate) max_memory: u64,
    pub(crate) now: Timestamp,
}

impl Loading<'_> {
    /// Reads the indicators of these files and folders for the rules of a book.
    pub(crate) fn load(
        &self,
        paths: &[PathBuf],
        book: &RuleBook,
    ) -> io::Result<(IndicatorIndex, IndicatorSummary)> {
        let reader = IndicatorReader::new(book);
        let catalogue = reader.catalogue(self.catalogue);
        let builder = Mutex::new(reader.builder(self.max_memory / READ_SHARE));
        let gather = || Gathering {
            reader: &reader,
            matcher: reader.matcher(),
            catalogue: &catalogue,
            builder: &builder,
        };
        let (_, mut summary) = self.walk(paths, &catalogue, reader.read_fields(), gather)?;
        let index = builder.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        let counts = index.counts();
        summary.used = counts.used;
        summary.unused = counts.read - counts.used;
        summary.memory_bytes = counts.bytes;
        for (rule, number) in &counts.by_rule {
            summary.by_rule.insert(book.rule(*rule).name.clone(), *number);
        }
        Ok((index, summary))
    }

    /// Hands the indicators of these files and folders to workers; what there is to say of them is in the summary.
    pub(crate) fn walk<W: Worker>(
        &self,
        paths: &[PathBuf],
        catalogue: &Catalogue,
        fields: ReadFields,
        worker: impl Fn() -> W,
    ) -> io::Result<(Vec<W>, IndicatorSummary)> {
        let mut summary = IndicatorSummary::default();
        let (mut inputs, mut others) = (Inputs::list(paths), Vec::new());
        inputs.take_files(|path, name| match form_of(path) {
            Ok(Some(form)) => {
                others.push((path.clone(), name.clone(), form));
                true
            }
            // What cannot be opened is told of where it is read.
            Ok(None) | Err(_) => false,
        });
        let mut of_others = worker();
        for (path, name, form) in others {
            self.other((&path, &name, form), catalogue, &mut of_others, &mut summary)?;
        }
        let progress = Progress::new(inputs.bytes(), "indicators");
        let options = IntakeOptions {
            normalise: NormaliseOptions {
                source: None,
                index: Some(DataStream::new(IndicatorReader::UNNAMED)),
                ..self.normalise.clone()
            },
            enrich: false,
            threads: self.threads,
            memory: self.max_memory / RECORD_SHARE,
            window: Window::default(),
            fields: Some(fields),
            timed: false,
            count_unmapped: false,
        };
        let read = read_all(inputs, &options, catalogue, &progress, worker);
        progress.finish();
        let (mut workers, account) = read?;
        workers.push(of_others);
        summary.input = InputSummary::new(&account);
        summary.read += summary.input.records.read;
        Ok((workers, summary))
    }

    /// A file of STIX or a table.
    fn other(
        &self,
        (path, name, form): (&std::path::Path, &std::sync::Arc<str>, IndicatorForm),
        catalogue: &Catalogue,
        worker: &mut impl Worker,
        summary: &mut IndicatorSummary,
    ) -> io::Result<()> {
        let mut builder = BatchBuilder::new(catalogue);
        let mut failure = None;
        let report = {
            let mut sink = |event: Event| {
                builder.push(event);
                if builder.len() >= BATCH_EVENTS {
                    let batch = builder.finish();
                    failure = failure.take().or(worker.batch(&batch).err());
                    builder.recycle(batch);
                }
            };
            read(path, name, form, self.now, &mut sink)
        };
        failure.map_or(Ok(()), Err)?;
        worker.batch(&builder.finish())?;
        summary.read += report.read;
        for (why, number) in report.left_out {
            *summary.left_out.entry(why).or_default() += number;
        }
        summary.notes.extend(report.notes.into_iter().map(|note| format!("{name}: {note}")));
        summary.problems.extend(report.problem.map(|problem| format!("{name}: {problem}")));
        Ok(())
    }
}

/// Gathers the indicators of batches.
struct Gathering<'a> {
    reader: &'a IndicatorReader<'a>,
    matcher: Matcher<'a>,
    catalogue: &'a Catalogue,
    builder: &'a Mutex<IndicatorBuilder>,
}

impl Worker for Gathering<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let matches = self.matcher.match_batch(batch, self.catalogue);
        let gathered = self.reader.gather(batch, &matches);
        self.builder.lock().unwrap_or_else(PoisonError::into_inner).add(gathered)
    }
}

/// Why an indicator match rule cannot find anything: it has no indicators.
pub(super) fn lacks(summary: Option<&IndicatorSummary>, rule: &str) -> Option<&'static str> {
    match summary {
        None => Some("no indicators were given (--indicators)"),
        Some(summary) if summary.by_rule.get(rule).is_none_or(|number| *number == 0) => {
            Some("none of the indicators is one for its threat query")
        }
        Some(_) => None,
    }
}
