//! `watchfire scan`: all rules over files and folders, as one window.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use watchfire_detect::{AlertBuilder, CompileOptions, RuleBook, RuleState, SortedSpill};
use watchfire_diagnostics::render::one_line;
use watchfire_engine::Coverage;
use watchfire_events::{BatchBuilder, Place};
use watchfire_ir::Catalogue;
use watchfire_rules::load::{Fate, load};
use watchfire_sources::decode::{RecordSink, RejectReason, list_files, read_file};
use watchfire_sources::normalise::{NormaliseOptions, RawInput, fields, normalise};

/// Events of one batch.
const BATCH_EVENTS: usize = 4_096;
/// Places of rejected records that are shown; the others are in the count only.
const SHOWN_PLACES: usize = 20;
/// Bytes of alerts kept in memory; more go to temporary files.
const ALERT_MEMORY: usize = 64 << 20;

/// Runs rules over logs: EVTX, Windows event XML, JSON, NDJSON, JSON arrays, and gzip, zstd, zip and tar of these.
///
/// Example: watchfire scan evidence/ --rules detection-rules/rules > alerts.ndjson
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// Files and folders to read.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Rule files and folders of rules.
    #[arg(long, required = true, num_args = 1..)]
    rules: Vec<PathBuf>,
    /// How alerts are written.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One alert document a line.
    Ndjson,
    /// Time, severity, and the reason.
    Table,
}

impl Scan {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        match self.scan(&mut io::stdout().lock(), &mut io::stderr().lock()) {
            Ok(code) => code,
            // Who stops reading has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                // There is no other place left to say it.
                let _ = writeln!(io::stderr(), "watchfire: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn scan(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<ExitCode> {
        let files = load(&self.rules);
        let mut unusable = 0;
        for file in &files {
            if file.fate != Fate::Loaded {
                unusable += usize::from(file.fate == Fate::Failed);
                for diagnostic in &file.diagnostics {
                    writeln!(log, "{}", one_line(diagnostic, &file.source))?;
                }
            }
        }
        let total = files.len();
        let catalogue = catalogue();
        let rules = files.into_iter().filter_map(|file| file.content).map(|content| content.rule);
        let book = RuleBook::compile(rules, &catalogue, &CompileOptions::default());
        let mut pass = Pass::new(&book, &catalogue);
        let (inputs, mut problems) = list_files(&self.paths);
        for (path, name) in &inputs {
            let reports = read_file(path, name, &mut pass);
            problems.extend(reports.into_iter().filter(|report| report.problem.is_some()));
        }
        pass.flush();
        for report in &problems {
            writeln!(
                log,
                "{} ({}): {}",
                report.name,
                report.format,
                report.problem.as_deref().unwrap_or_default()
            )?;
        }
        if let Some(error) = pass.failure.take() {
            return Err(error);
        }
        let Pass { counts, coverage, alerts, .. } = pass;
        let found = alerts.pushed();
        let mut sorted = alerts.finish()?;
        while let Some(payload) = sorted.next_entry()? {
            let line = match self.format {
                Format::Ndjson => payload,
                Format::Table => table_row(&payload),
            };
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;

        writeln!(log, "files: {} read, {} with problems", inputs.len(), problems.len())?;
        let rejected: u64 = counts.rejected.values().sum();
        writeln!(
            log,
            "records: {} = {} normalised + {rejected} rejected",
            counts.records, counts.normalised
        )?;
        for (reason, number) in &counts.rejected {
            writeln!(log, "  rejected: {number} {reason}")?;
        }
        for place in &counts.places {
            writeln!(log, "  {place}")?;
        }
        if rejected > counts.places.len() as u64 {
            writeln!(log, "  {} of {rejected} places shown", counts.places.len())?;
        }
        for (stream, events) in coverage.streams() {
            writeln!(log, "  {events} events of {stream}")?;
        }
        let mut unsupported: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut ran, mut failed) = (0, unusable);
        for (rule, state) in book.rules() {
            match state {
                RuleState::Ready => ran += 1,
                RuleState::Unsupported(what) => *unsupported.entry(what).or_default() += 1,
                RuleState::Failed(diagnostics) => {
                    failed += 1;
                    for diagnostic in diagnostics {
                        writeln!(log, "rule `{}`: {}", rule.name, diagnostic.message)?;
                    }
                }
            }
        }
        let silent = book.could_not_match(&coverage);
        writeln!(
            log,
            "rules: {total} files = {} ran + {} cannot match here + {} unsupported + {failed} failed + {} no rules",
            ran - silent.len(),
            silent.len(),
            unsupported.values().sum::<usize>(),
            total - failed - ran - unsupported.values().sum::<usize>(),
        )?;
        for (what, number) in &unsupported {
            writeln!(log, "  unsupported: {what}: {number} rules")?;
        }
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        silent.into_iter().for_each(|(_, reason)| *reasons.entry(reason).or_default() += 1);
        for (reason, number) in reasons {
            writeln!(log, "  cannot match here: {reason}: {number} rules")?;
        }
        writeln!(log, "alerts: {} ({} found twice)", found - sorted.duplicates(), sorted.duplicates())?;
        for (name, number) in &counts.errors {
            writeln!(log, "  rule `{name}` could not be evaluated in part on {number} events")?;
        }
        let clean = problems.is_empty() && failed == 0 && rejected == 0 && counts.errors.is_empty();
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// The common schema and what the sources add to it.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::ecs();
    for source in fields() {
        for (name, field_type) in source.typed_fields() {
            catalogue.insert(name, field_type);
        }
        for &(prefix, field_type) in source.prefixes {
            catalogue.insert_prefix(prefix, field_type);
        }
    }
    catalogue
}

/// Time, severity and reason of an alert, with control characters escaped: the text comes from events.
fn table_row(payload: &[u8]) -> Vec<u8> {
    let document: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |key: &str| document.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let row = format!(
        "{}  {:8}  {}",
        text("@timestamp"),
        text("kibana.alert.severity"),
        text("kibana.alert.reason")
    );
    let safe = row.chars().flat_map(|character| {
        let escaped = character.is_control().then(|| character.escape_default().to_string());
        escaped.unwrap_or_else(|| character.to_string()).chars().collect::<Vec<_>>()
    });
    safe.collect::<String>().into_bytes()
}

#[derive(Default)]
struct Counts {
    records: u64,
    normalised: u64,
    rejected: BTreeMap<String, u64>,
    /// Where the first rejected records stand, and why they were.
    places: Vec<String>,
    /// By rule, the events on which a part of its condition could not be evaluated and was taken as false.
    errors: BTreeMap<String, u64>,
}

impl Counts {
    fn reject(&mut self, place: &Place, reason: String) {
        if self.places.len() < SHOWN_PLACES {
            self.places.push(format!("{place}: {reason}"));
        }
        *self.rejected.entry(reason).or_default() += 1;
    }
}

/// One pass over the input: records in, alerts out.
struct Pass<'a> {
    book: &'a RuleBook,
    catalogue: &'a Catalogue,
    options: NormaliseOptions,
    builder: BatchBuilder<'a>,
    alert_builder: AlertBuilder,
    counts: Counts,
    coverage: Coverage,
    alerts: SortedSpill,
    failure: Option<io::Error>,
}

impl<'a> Pass<'a> {
    fn new(book: &'a RuleBook, catalogue: &'a Catalogue) -> Self {
        Self {
            book,
            catalogue,
            options: NormaliseOptions::default(),
            builder: BatchBuilder::new(catalogue),
            alert_builder: AlertBuilder::new("default"),
            counts: Counts::default(),
            coverage: Coverage::default(),
            alerts: SortedSpill::new(ALERT_MEMORY),
            failure: None,
        }
    }

    fn flush(&mut self) {
        let batch = std::mem::replace(&mut self.builder, BatchBuilder::new(self.catalogue)).finish();
        self.coverage.add(&batch);
        let mut matches = self.book.set().match_batch(&batch, self.catalogue);
        matches.errors.dedup_by_key(|error| (error.rule, error.row));
        for error in matches.errors {
            *self.counts.errors.entry(self.book.rule(error.rule).name.clone()).or_default() += 1;
        }
        for hit in matches.hits {
            let alert =
                self.alert_builder.of_event(self.book.rule(hit.rule), &batch.events()[hit.row as usize]);
            let mut key = alert.time.millis().wrapping_sub(i64::MIN).to_be_bytes().to_vec();
            key.extend_from_slice(alert.id.as_str().as_bytes());
            let payload = serde_json::Value::Object(alert.document).to_string().into_bytes();
            if let Err(error) = self.alerts.push(key, payload) {
                self.failure.get_or_insert(error);
            }
        }
    }
}

impl RecordSink for Pass<'_> {
    fn record(&mut self, record: RawInput) {
        self.counts.records += 1;
        let place = record.place.clone();
        match normalise(record, &self.options) {
            Ok(normalised) => {
                self.counts.normalised += 1;
                self.builder.push(normalised.event);
                if self.builder.len() >= BATCH_EVENTS {
                    self.flush();
                }
            }
            Err(error) => self.counts.reject(&place, error.reason().to_string()),
        }
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        self.counts.records += 1;
        self.counts.reject(place, reason.to_string());
    }
}
