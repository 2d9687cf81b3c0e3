//! `watchfire scan`: all rules over files and folders, as one window.

mod answered;
mod exceptions;
mod found;
mod history;
pub(crate) mod indicators;
mod on_alerts;
pub(crate) mod output;
mod profile;
pub(crate) mod selection;
mod summary;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use watchfire_detect::{
    AlertBuilder, Arrival, CompileOptions, ExceptionCounts, HitSpill, RuleBook, RuleState, SortedSpill,
    compile_rule,
};
use watchfire_diagnostics::Severity as DiagnosticSeverity;
use watchfire_diagnostics::SourceText;
use watchfire_diagnostics::render::one_line;
use watchfire_engine::{Coverage, Matcher, RuleIndex, VALUE_CACHE_BYTES};
#[cfg(feature = "lake")]
use watchfire_lake::Needed;
use watchfire_rules::load::{Fate, load_by};
use watchfire_rules::model::{Rule, Severity};
use watchfire_sources::normalise::catalogue_with;

use self::exceptions::ExceptionSummary;
pub(crate) use self::found::Found;
use self::found::{Accounts, Alerting, Finds, Joiner, Missed, count};
use self::history::read_history;
use self::indicators::Loading;
use self::on_alerts::OnAlerts;
use self::output::{AlertOutput, Format};
use self::profile::{ProfileSum, RunClock, WorkerTimes};
use self::selection::Selection;
use self::summary::{FailedRule, Lost, Rules, Summary};
use crate::destination::Destination;
use crate::exception_options::ExceptionOptions;
use crate::exit::{self, Exit};
use crate::indicator_options::IndicatorOptions;
#[cfg(feature = "lake")]
use crate::intake::LakeInput;
use crate::intake::{InputSummary, Inputs, IntakeOptions, read_all};
use crate::parallel::map_in_order;
use crate::progress::Progress;
use crate::reading::{Reading, Resources};
use crate::triage::EventReader;

/// The part of the memory that alerts may take up before they go to temporary files: one in this many.
const ALERT_SHARE: u64 = 8;
/// The part of the memory that hits to be joined, and their events, may take up: one in this many; and as much those that are
/// joined with alerts.
const HIT_SHARE: u64 = 8;
/// The part of the memory that begun sequences may take up, when all input has been read: one in this many.
const JOIN_SHARE: u64 = 4;
/// The part of the memory that records on their way may take up: one in this many. The rest is for rules and buffers.
const RECORD_SHARE: u64 = 2;
/// Alerts of a report that are answered, if nothing else is said.
const ANSWERS: usize = 20;

/// Runs rules over logs, and accounts for every file, record and rule.
///
/// Reads EVTX, Windows event XML, JSON, NDJSON, JSON arrays, search responses, bulk bodies, and gzip, zstd, zip and tar
/// of these. Formats are found from content.
///
/// The whole input is one window: every event that fits a rule gives an alert, however many there are, and every sequence
/// or sample one with its events behind it; a threshold counts all events, and values are new that the input did not have
/// before. docs/rule-types.md tells what each type of rule does. Alerts go to standard output in the order of their time, the summary to
/// standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire scan evidence/ --rules detection-rules/rules
  watchfire scan evidence.zip --rules rules/ --format ndjson --output alerts.ndjson --summary summary.json
  watchfire scan logs/ --rules rules/ --from 2026-03-02 --to 2026-03-03 --tz Europe/Berlin --min-severity high
  watchfire scan march/ --rules rules/ --history february/
  watchfire scan march/ --rules rules/ --as-scheduled=ingested
  zcat events.ndjson.gz | watchfire scan - --rules rules/ --technique T1059 --fail-on critical

Exit codes:
  0  done
  1  done, but some input or rule could not be used (with --strict: not to its full extent)
  2  wrong usage
  3  done, and there is an alert of the severity of --fail-on or above")]
pub(crate) struct Scan {
    /// Files and folders to read; `-` is standard input.
    #[cfg_attr(feature = "lake", arg(required_unless_present = "lake"))]
    #[cfg_attr(not(feature = "lake"), arg(required = true))]
    paths: Vec<PathBuf>,
    /// Reads the events of the event lake in this folder too.
    #[cfg(feature = "lake")]
    #[arg(long, value_name = "FOLDER")]
    lake: Option<PathBuf>,
    /// Rule files, folders of rules.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// How alerts are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// In a report (`--format html`), answers the guides of this many alerts, those with the highest risk. For that the input is
    /// read twice more.
    #[arg(long, value_name = "NUMBER", default_value_t = ANSWERS)]
    answers: usize,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    indicators: IndicatorOptions,
    /// Writes the summary as JSON to this file.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Tells what stages, fields and rules cost: the most expensive ones below the summary, all in its JSON form under
    /// `profile`.
    ///
    /// Times differ from run to run, and numbers of rows do where several threads cut the input into other batches; with
    /// `--threads 1` they are the same each time. What is made for one rule and then used by others counts for the
    /// first. A rule that asks what others ask shows the cost that they share.
    #[arg(long)]
    profile_rules: bool,
    /// Executes each rule as a server does, every `interval`, over the time since `from`, with at most `max_signals` alerts each
    /// time; what is over that alerts at later executions, and events that no execution looks back to are counted.
    ///
    /// An event is there at its own time, or when it was `ingested`; then windows go by the rule's `timestamp_override`. Alerts
    /// are made at the time of their execution.
    #[arg(long, value_enum, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "event")]
    as_scheduled: Option<ArrivalTime>,
    /// Files and folders with events from before the input, whose values rules of new terms take as known; nothing else is
    /// looked for in them. Without it, the first event with a value alerts.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    history: Vec<PathBuf>,
    /// Only alerts of this severity or above; the others are counted.
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser())]
    min_severity: Option<Severity>,
    /// Ends with exit code 3 if there is an alert of this severity or above, shown or not.
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser())]
    fail_on: Option<Severity>,
    /// Ends with exit code 1 also if a rule is not supported or cannot match in this input, or an event is of no known
    /// source or has values that do not fit their field.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    exceptions: ExceptionOptions,
}

/// When an event is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ArrivalTime {
    /// At its own time.
    Event,
    /// At `event.ingested`.
    Ingested,
}

impl From<ArrivalTime> for Arrival {
    fn from(time: ArrivalTime) -> Self {
        match time {
            ArrivalTime::Event => Self::Event,
            ArrivalTime::Ingested => Self::Ingested,
        }
    }
}

fn severity_parser() -> impl clap::builder::TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(["low", "medium", "high", "critical"])
        .map(|text| text.parse().expect("these are the names of severities"))
}

impl Scan {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let run = || {
            // Before the work, so that a name that is taken does not cost a scan.
            let out = self.destination.open()?;
            self.scan(out, &mut |_| Ok(()), &mut io::stderr())
        };
        exit::of(run())
    }

    /// A scan of these folders as it is without options.
    pub(crate) fn of_folders(logs: &Path, rules: &Path) -> Self {
        Self {
            paths: vec![logs.to_owned()],
            #[cfg(feature = "lake")]
            lake: None,
            rules: vec![rules.to_owned()],
            format: Format::Table,
            answers: ANSWERS,
            destination: Destination::default(),
            indicators: IndicatorOptions::default(),
            summary: None,
            as_scheduled: None,
            history: Vec::new(),
            profile_rules: false,
            min_severity: None,
            fail_on: None,
            strict: false,
            reading: Reading::default(),
            resources: Resources::default(),
            selection: Selection::default(),
            exceptions: ExceptionOptions::default(),
        }
    }

    /// A scan of these inputs with these rules.
    pub(crate) fn of(
        paths: &[PathBuf],
        rules: &[PathBuf],
        indicators: &IndicatorOptions,
        reading: &Reading,
        resources: &Resources,
    ) -> Self {
        Self {
            paths: paths.to_vec(),
            rules: rules.to_vec(),
            indicators: indicators.clone(),
            reading: reading.clone(),
            resources: resources.clone(),
            ..Self::of_folders(Path::new(""), Path::new(""))
        }
    }

    /// What makes no alert.
    pub(crate) fn set_exceptions(&mut self, exceptions: &ExceptionOptions) {
        self.exceptions = exceptions.clone();
    }

    /// Scans; writes alerts to `out`, and shows each to `observe`.
    pub(crate) fn scan(
        &self,
        out: Box<dyn Write + Send>,
        observe: &mut dyn FnMut(&Found) -> io::Result<()>,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let start = Instant::now();
        let summary_file = self.summary.as_ref().map(|path| self.destination.create(path)).transpose()?;
        let colour = self.destination.colour();

        let normalise = self.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        let mut summary = Summary::default();
        let threads = self.resources.threads();
        let (rules, sources) = self.load_rules(&mut summary, threads);
        let now = self.indicators.now();
        let exceptions = self.exceptions.load(&catalogue, now);
        let options = CompileOptions { now: Some(now) };
        let compiled = map_in_order(&rules, threads, |rule| {
            let mut compiled = compile_rule(rule, &catalogue, &options);
            if let Some(time) = self.as_scheduled {
                compiled.program = compiled.program.map(|program| program.scheduled(rule, time.into()));
            }
            compiled
        });
        let book = RuleBook::with_exceptions(rules.into_iter().zip(compiled), exceptions.as_ref());

        let max_memory = self.resources.max_memory();
        let indicators = if self.indicators.indicators.is_empty() {
            None
        } else {
            let loading = Loading { catalogue: &catalogue, normalise: &normalise, threads, max_memory, now };
            let (index, found) = loading.load(&self.indicators.indicators, &book)?;
            summary.indicators = Some(found);
            Some(index)
        };
        let matchers = indicators.iter().flat_map(|index| index.matchers(threads));
        let mut matchers: Vec<_> = matchers.collect();

        let inputs = Inputs::list(&self.paths);
        #[cfg(feature = "lake")]
        let inputs = inputs.with_lake(self.lake.as_ref().map(|folder| LakeInput {
            folder: folder.clone(),
            fields: book.read_fields(),
            // With so many rules few events are of use to none.
            needed: Needed::default(),
        }));
        let progress = Progress::new(inputs.bytes(), "alerts");
        let intake = IntakeOptions {
            normalise,
            enrich: self.reading.enriches(),
            threads,
            memory: max_memory / RECORD_SHARE,
            window: self.reading.window()?,
            fields: Some(book.read_fields()),
            timed: self.profile_rules,
            count_unmapped: false,
        };
        let alerts = SortedSpill::new((max_memory / ALERT_SHARE) as usize);
        let spill = || HitSpill::new(book.correlations().len(), max_memory / HIT_SHARE);
        let (hits, hits_on_alerts) = (spill(), spill());
        let finds = Mutex::new(Finds { alerts, hits, hits_on_alerts });
        summary.history = read_history(&self.history, &book, &catalogue, &intake, &finds)?;
        let builder = AlertBuilder::new("default", &book);
        let worker = || Alerting {
            book: &book,
            matcher: self.matcher(&book),
            indicators: matchers.pop(),
            enrichments_left_out: BTreeMap::new(),
            times: self.profile_rules.then(WorkerTimes::start),
            catalogue: &catalogue,
            builder: &builder,
            progress: &progress,
            finds: &finds,
            own_alerts: BTreeMap::new(),
            errors: BTreeMap::new(),
            host_width: 0,
            exceptions: exceptions.as_ref(),
            excepted: ExceptionCounts::default(),
        };
        let read = read_all(inputs, &intake, &catalogue, &progress, worker);
        progress.finish();
        let (workers, account) = read?;
        summary.input = InputSummary::new(&account);

        let host_width = workers.iter().map(|worker| worker.host_width).max().unwrap_or_default();
        let mut profile = self.profile_rules.then(|| ProfileSum::new(book.set()));
        let mut excepted = ExceptionCounts::default();
        let mut missed = Missed::default();
        for worker in workers {
            excepted.merge(worker.excepted);
            if let (Some(sum), Some(times), Some(matched)) =
                (&mut profile, &worker.times, worker.matcher.profile())
            {
                sum.add(times, matched);
            }
            matchers.extend(worker.indicators);
            for (rule, number) in worker.enrichments_left_out {
                count(&mut missed.enrichments, rule, number);
            }
            for (rule, number) in worker.own_alerts {
                *summary.rules.own_alerts.entry(book.rule(rule).name.clone()).or_default() += number;
            }
            for (rule, number) in worker.errors {
                let name = book.rule(rule).name.clone();
                *summary.rules.evaluation_errors.entry(name).or_default() += number;
            }
        }
        let Finds { alerts, mut hits, hits_on_alerts } =
            finds.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut joiner = Joiner {
            memory: max_memory / JOIN_SHARE,
            threads,
            indicators: matchers,
            catalogue: &catalogue,
            host_width,
            missed,
        };
        let of_events = |number| !book.reads_alerts(book.correlated(number));
        let (alerts, joined) = joiner.join(&book, &builder, &mut hits, alerts, of_events)?;
        drop(hits);
        let context = on_alerts::Context {
            book: &book,
            builder: &builder,
            catalogue: &catalogue,
            exceptions: exceptions.as_ref(),
            memory: (max_memory / ALERT_SHARE) as usize,
        };
        let (alerts, on_alerts) = on_alerts::evaluate(context, alerts, hits_on_alerts, &mut joiner)?;
        let Joiner { host_width, missed, .. } = joiner;
        excepted.merge(on_alerts.looked_at.excepted.clone());
        let mut coverage = account.coverage;
        coverage.merge(on_alerts.looked_at.coverage.clone());
        account_for_rules(&book, &coverage, &sources, &mut summary);
        account_for_correlations(&book, &joined, self.as_scheduled.is_some(), &mut summary);
        account_for_rules_on_alerts(&book, &on_alerts, &mut summary);
        summary.exceptions =
            exceptions.as_ref().map(|exceptions| ExceptionSummary::new(exceptions, &book, &excepted));
        for (rule, lost) in missed.alerts {
            let lost = Lost { alerts: lost.number, first_record: lost.first.to_string() };
            summary.rules.lost_to_changed_files.insert(book.rule(rule).name.clone(), lost);
        }
        for (rule, number) in missed.enrichments {
            let name = book.rule(rule).name.clone();
            let left_out = summary.indicators.as_mut().map(|summary| &mut summary.enrichments_left_out);
            left_out.into_iter().for_each(|of| *of.entry(name.clone()).or_default() += number);
        }
        summary.profile = profile.map(|sum| sum.finish(&book, account.times));
        let mut output = AlertOutput::begin(out, self.format, colour, host_width, self.answers)?;
        let worst = self.write_alerts(&builder, alerts, &mut output, observe, &mut summary)?;

        let elapsed = start.elapsed().as_secs_f64();
        let can_read_again = !self.paths.iter().any(|path| path.as_os_str() == "-");
        let answered = output.answer(can_read_again, || {
            EventReader::again(
                &self.paths,
                #[cfg(feature = "lake")]
                self.lake.as_deref(),
                catalogue_with(&intake.normalise.tables),
                intake.clone(),
            )
        })?;
        summary.run.threads = threads;
        summary.run.elapsed_seconds = elapsed;
        summary.run.events_per_second = summary.input.events.searched as f64 / elapsed.max(0.001);
        summary.run.peak_memory_bytes = crate::memory::peak();
        summary.run.max_memory_bytes = max_memory;
        let mut account = Vec::new();
        summary.write(&mut account)?;
        if let Some(answered) = answered {
            writeln!(account, "guides answered: {answered}")?;
        }
        output.end(&String::from_utf8_lossy(&account))?;
        log.write_all(&account)?;
        if let Some(mut file) = summary_file {
            serde_json::to_writer_pretty(&mut file, &summary)?;
            file.write_all(b"\n")?;
        }
        if let Some(broken) = summary.broken_sum() {
            return Err(io::Error::other(format!("the account does not add up, which is a bug: {broken}")));
        }
        Ok(self.exit(&summary, worst))
    }

    /// What a thread matches with.
    fn matcher<'a>(&self, book: &'a RuleBook) -> Matcher<'a> {
        let matcher = book.set().matcher(VALUE_CACHE_BYTES);
        if self.profile_rules { matcher.with_profile(Box::new(RunClock::start())) } else { matcher }
    }

    /// The rules that are selected, with the texts of their files; what happened to the others goes to the summary.
    fn load_rules(&self, summary: &mut Summary, threads: usize) -> (Vec<Rule>, Vec<SourceText>) {
        let (mut rules, mut sources) = (Vec::new(), Vec::new());
        let files =
            load_by(&self.rules, |files, load_file| map_in_order(files, threads, |path| load_file(path)));
        for file in files {
            match (file.fate, file.content) {
                (Fate::Loaded, Some(content)) => {
                    summary.rules.loaded += 1;
                    rules.push(content.to_api());
                    sources.push(file.source);
                }
                (Fate::Failed, _) | (Fate::Loaded, None) => {
                    summary.rules.loaded += 1;
                    let errors = file
                        .diagnostics
                        .iter()
                        .filter(|found| found.severity == DiagnosticSeverity::Error)
                        .map(|found| one_line(found, &file.source));
                    let rule = file.source.name().to_owned();
                    summary.rules.failed.push(FailedRule { rule, errors: errors.collect() });
                }
                (Fate::NotARule, _) => summary.rules.other_files += 1,
            }
        }
        let all: Vec<&Rule> = rules.iter().collect();
        let unknown = self.selection.unknown(&all);
        summary.rules.unknown_selectors =
            unknown.into_iter().map(|(option, value)| format!("{option} {value}")).collect();
        let selected: Vec<bool> = rules.iter().map(|rule| self.selection.takes(rule)).collect();
        summary.rules.not_selected = selected.iter().filter(|selected| !**selected).count();
        let mut at = selected.iter();
        rules.retain(|_| at.next().is_some_and(|selected| *selected));
        let mut at = selected.iter();
        sources.retain(|_| at.next().is_some_and(|selected| *selected));
        (rules, sources)
    }

    /// Writes the alerts in order. Gives back the highest severity of all.
    fn write_alerts(
        &self,
        builder: &AlertBuilder<'_>,
        alerts: SortedSpill,
        output: &mut AlertOutput,
        observe: &mut dyn FnMut(&Found) -> io::Result<()>,
        summary: &mut Summary,
    ) -> io::Result<Option<Severity>> {
        let mut worst = None;
        let mut sorted = alerts.finish()?;
        while let Some(payload) = sorted.next_payload()? {
            let found = Found::decode(&payload, builder)?;
            worst = worst.max(Some(found.severity));
            if self.min_severity.is_some_and(|least| found.severity < least) {
                summary.alerts.below_min_severity += 1;
                continue;
            }
            output.alert(&found)?;
            observe(&found)?;
            summary.alert(&found, &builder.of(found.rule).rule().name);
        }
        summary.alerts.duplicates += sorted.duplicates();
        Ok(worst)
    }

    fn exit(&self, summary: &Summary, worst: Option<Severity>) -> Exit {
        if self.fail_on.is_some_and(|least| worst.is_some_and(|worst| worst >= least)) {
            return Exit::Alerts;
        }
        let well = if self.strict { summary.is_complete() } else { summary.is_clean() };
        if well { Exit::Success } else { Exit::Problems }
    }
}

/// Puts every rule into its state.
fn account_for_rules(book: &RuleBook, coverage: &Coverage, sources: &[SourceText], summary: &mut Summary) {
    let rules = &mut summary.rules;
    let mut ready = 0;
    for (number, ((rule, state), source)) in book.rules().zip(sources).enumerate() {
        match state {
            RuleState::Ready => {
                ready += 1;
                let lists = book.absent_exception_lists(number).iter();
                for list in lists {
                    let what = format!("exception list `{list}`, which is absent");
                    rules.not_applied.entry(what).or_default().push(rule.name.clone());
                }
            }
            RuleState::Unsupported(what) => {
                rules.unsupported.entry(what.clone()).or_default().push(rule.name.clone());
            }
            RuleState::Failed(diagnostics) => rules.failed.push(FailedRule {
                rule: rule.name.clone(),
                errors: diagnostics.iter().map(|found| one_line(found, source)).collect(),
            }),
        }
    }
    let mut cannot_match = book.could_not_match(coverage);
    for (index, _) in book.indicator_matches() {
        let rule = book.rule(index);
        let lacks = indicators::lacks(summary.indicators.as_ref(), &rule.name);
        if let Some(reason) = lacks.filter(|_| !cannot_match.iter().any(|(of, _)| std::ptr::eq(*of, rule))) {
            cannot_match.push((rule, reason.to_owned()));
        }
    }
    for (rule, reason) in cannot_match {
        ready -= 1;
        rules.cannot_match.entry(reason).or_default().push(rule.name.clone());
    }
    rules.ran = ready;
}

/// Tells what became of the hits of each rule that joins some.
fn account_for_correlations(book: &RuleBook, joined: &Accounts, is_scheduled: bool, summary: &mut Summary) {
    let has_history = summary.history.is_some();
    let rules = &mut summary.rules;
    for (number, correlation) in book.correlations().iter().enumerate() {
        let name = &book.rule(book.correlated(number)).name;
        if is_scheduled && correlation.schedule().is_none() {
            rules
                .one_window
                .entry("`from` or `to` that is no distance from now".to_owned())
                .or_default()
                .push(name.clone());
        }
        for what in correlation.depends_on_window() {
            rules.one_window.entry(what.to_owned()).or_default().push(name.clone());
        }
        if !has_history && correlation.history_extractor(book.correlated(number)).is_some() {
            rules.without_history.push(name.clone());
        }
    }
    count_joined(book, joined, rules);
}

/// Tells what became of the rules on alerts.
fn account_for_rules_on_alerts(book: &RuleBook, on_alerts: &OnAlerts, summary: &mut Summary) {
    let looked_at = &on_alerts.looked_at;
    summary.alerts.duplicates += looked_at.duplicates;
    summary.alerts.not_given_to_rules = looked_at.too_deep;
    let name = |rule: &RuleIndex| book.rule(*rule).name.clone();
    summary.rules.unsettled = on_alerts.unsettled.iter().map(name).collect();
    for (rule, number) in &looked_at.own {
        *summary.rules.own_alerts.entry(book.rule(*rule).name.clone()).or_default() += number;
    }
    count_joined(book, &on_alerts.accounts, &mut summary.rules);
}

/// Counts what was left out or repeated.
fn count_joined(book: &RuleBook, joined: &Accounts, rules: &mut Rules) {
    for (number, account) in joined.iter().enumerate() {
        let name = &book.rule(book.correlated(number)).name;
        for (counts, number) in [
            (&mut rules.repeated_events, account.repeated),
            (&mut rules.events_without_time, account.extracted.without_time),
            (&mut rules.evicted, account.counts.evicted),
            (
                &mut rules.join_values_left_out,
                account.extracted.tuples_left_out + account.counts.groups_left_out,
            ),
            (&mut rules.suppressed, account.counts.suppressed),
            (&mut rules.missed_by_schedule, account.counts.missed),
            (&mut rules.held_back, account.counts.held_back),
            (&mut rules.executions, account.counts.executions),
            (&mut rules.estimated_cardinality, account.counts.estimated),
            (&mut rules.not_computed, account.counts.not_computed),
            (&mut rules.events_not_read_again, account.counts.unread),
        ] {
            if number > 0 {
                *counts.entry(name.clone()).or_default() += number;
            }
        }
    }
}
