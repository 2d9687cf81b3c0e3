//! `watchfire triage`: the investigation guides of alerts, answered by events.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value};
use watchfire_detect::ALERTS_STREAM;
use watchfire_engine::{Matcher, ReadFields};
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventBatch, EventId, Place, get_field};
use watchfire_ir::{Catalogue, Schema};
#[cfg(feature = "lake")]
use watchfire_lake::Needed;
use watchfire_rules::model::Rule;
use watchfire_sources::normalise::catalogue_with;
use watchfire_triage::{AnsweredGuide, Answers, Inquiry, to_json, to_markdown, to_text};

use crate::destination::Destination;
use crate::exceptions::open_alerts;
use crate::exit::{self, Exit};
#[cfg(feature = "lake")]
use crate::intake::LakeInput;
use crate::intake::{InputSummary, Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;
use crate::reading::{Reading, Resources};
use crate::rule_paths::load_paths;
use crate::terminal::escape_controls;

/// The part of the memory that records on their way may take up: one in this many.
const RECORD_SHARE: u64 = 2;
/// Longest line of a file of alerts in bytes.
const MAX_ALERT_BYTES: u64 = 16 << 20;

/// Answers the investigation guides of alerts.
///
/// Each search of a guide is run for the alert at hand over the events given, and over the alerts of the file; its answer
/// stands in its place: how many events, the first of them, and where nothing came back, whether events of that kind came from
/// the alert's host at all. Fields that the guide names stand with the alert's values.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire scan evidence/ --rules rules/ --format ndjson > alerts.ndjson
  watchfire triage alerts.ndjson evidence/
  watchfire triage alerts.ndjson evidence/ --uuid 6b298cb3… --format markdown --output alert.md
  watchfire triage alerts.ndjson evidence/ --rules detection-rules/rules/windows --format json

Exit codes:
  0  done
  1  done, but some input could not be used
  2  wrong usage, or there is no such alert")]
pub(crate) struct Triage {
    /// A file with alerts, one JSON object a line, as `scan --format ndjson` and `alerts list --ndjson` write them; `-` is
    /// standard input.
    alerts: PathBuf,
    /// Files and folders with the events that answer.
    #[cfg_attr(feature = "lake", arg(required_unless_present = "lake"))]
    #[cfg_attr(not(feature = "lake"), arg(required = true))]
    paths: Vec<PathBuf>,
    /// Asks the events of the event lake in this folder too.
    #[cfg(feature = "lake")]
    #[arg(long, value_name = "FOLDER")]
    lake: Option<PathBuf>,
    /// The alerts of these `kibana.alert.uuid`; else the first ones.
    #[arg(long, value_name = "UUID")]
    uuid: Vec<String>,
    /// Rule files, folders of rules, whose guides are taken. Else the guide is that in the alert.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// How the answers are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Shows this many events of each answer.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    size: usize,
    /// Most alerts; how many there are more is said.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// One document, the alerts one below the other.
    Markdown,
    /// An object for each alert, one a line.
    Json,
}

impl Triage {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.triage(&mut io::stderr()))
    }

    fn triage(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let normalise = self.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        let rules = self.load_rules(log)?;
        let (all, unread) = read_alerts(&self.alerts)?;
        if unread > 0 {
            writeln!(log, "{unread} lines of `{}` are no alerts", self.alerts.display())?;
        }
        let is_asked = |alert: &&Document| self.uuid.is_empty() || self.uuid.contains(&uuid_of(alert));
        let asked: Vec<&Document> = all.iter().filter(is_asked).collect();
        let unknown: Vec<&String> =
            self.uuid.iter().filter(|uuid| !asked.iter().any(|alert| uuid_of(alert) == **uuid)).collect();
        if let Some(uuid) = unknown.first() {
            writeln!(log, "there is no alert `{}` in `{}`", escape_controls(uuid), self.alerts.display())?;
            return Ok(Exit::Usage);
        }
        if asked.is_empty() {
            writeln!(log, "there is no alert in `{}`", self.alerts.display())?;
            return Ok(Exit::Usage);
        }
        let limit = if self.uuid.is_empty() { self.limit } else { asked.len() };
        let guides: Vec<String> = asked.iter().take(limit).map(|alert| guide_of(alert, &rules)).collect();
        let inquiries: Vec<Inquiry> = asked
            .iter()
            .zip(&guides)
            .map(|(alert, guide)| Inquiry::new(guide, alert, &catalogue, self.size))
            .collect();

        let out = self.destination.open()?;
        let inputs = Inputs::list(&self.paths);
        #[cfg(feature = "lake")]
        let inputs = inputs.with_lake(self.lake.as_ref().map(|folder| LakeInput {
            folder: folder.clone(),
            fields: read_fields(&inquiries),
            needed: Needed::by_any(inquiries.iter().flat_map(Inquiry::conditions)),
        }));
        let progress = Progress::new(inputs.bytes(), "found");
        let options = IntakeOptions {
            normalise,
            enrich: self.reading.enriches(),
            threads: self.resources.threads(),
            memory: self.resources.max_memory() / RECORD_SHARE,
            window: self.reading.window()?,
            fields: Some(read_fields(&inquiries)),
            timed: false,
            count_unmapped: false,
        };
        let worker = || Asking::new(&inquiries, &catalogue, &progress);
        let read = read_all(inputs, &options, &catalogue, &progress, worker);
        progress.finish();
        let (workers, account) = read?;
        let mut of_alerts = Asking::new(&inquiries, &catalogue, &progress);
        of_alerts.batch(&batch_of(&all, &catalogue))?;
        let mut answers: Vec<Answers> = inquiries.iter().map(Inquiry::answers).collect();
        for worker in workers.into_iter().chain([of_alerts]) {
            for (answers, part) in answers.iter_mut().zip(worker.answers) {
                answers.merge(part, self.size);
            }
        }
        let answered = asked.iter().zip(&guides).zip(inquiries.iter().zip(answers));
        self.write(
            answered.map(|((alert, guide), (inquiry, answers))| {
                AnsweredGuide::new(guide, alert, inquiry, answers)
            }),
            out,
        )?;
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        if asked.len() > guides.len() {
            let (shown, all) = (guides.len(), asked.len());
            writeln!(log, "answered: the first {shown} of {all} alerts; --limit or --uuid says which")?;
        }
        Ok(if summary.is_clean() && unread == 0 { Exit::Success } else { Exit::Problems })
    }

    fn write(
        &self,
        answered: impl Iterator<Item = AnsweredGuide>,
        mut out: Box<dyn Write + Send>,
    ) -> io::Result<()> {
        for (number, guide) in answered.enumerate() {
            match self.format {
                Format::Text | Format::Markdown if number > 0 => writeln!(out, "\n---\n")?,
                _ => {}
            }
            match self.format {
                Format::Text => out.write_all(to_text(&guide).as_bytes())?,
                Format::Markdown => out.write_all(to_markdown(&guide).as_bytes())?,
                Format::Json => writeln!(out, "{}", to_json(&guide))?,
            }
        }
        out.flush()
    }

    /// The rules whose guides are taken, in the form of the API.
    fn load_rules(&self, log: &mut dyn Write) -> io::Result<Vec<Rule>> {
        if self.rules.is_empty() {
            return Ok(Vec::new());
        }
        let mut rules = Vec::new();
        for file in load_paths(&self.rules)? {
            match file.content {
                Some(content) => rules.push(content.to_api()),
                None if file.fate == watchfire_rules::load::Fate::Failed => {
                    writeln!(log, "rule not loaded: {}", escape_controls(file.source.name()))?;
                }
                None => {}
            }
        }
        Ok(rules)
    }
}

fn read_fields(inquiries: &[Inquiry]) -> ReadFields {
    let mut fields = ReadFields::default();
    inquiries.iter().for_each(|inquiry| inquiry.add_fields(&mut fields));
    fields
}

fn uuid_of(alert: &Document) -> String {
    get_field(alert, "kibana.alert.uuid").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The guide of an alert's rule: of a rule that was given, or that in the alert.
fn guide_of(alert: &Document, rules: &[Rule]) -> String {
    let rule_id = get_field(alert, "kibana.alert.rule.rule_id").and_then(Value::as_str);
    let is_its = |rule: &&Rule| rule.rule_id.as_ref().map(ToString::to_string).as_deref() == rule_id;
    match rules.iter().find(is_its) {
        Some(rule) => rule.note.clone().unwrap_or_default(),
        None => {
            let note = get_field(alert, "kibana.alert.rule.note").and_then(Value::as_str);
            note.unwrap_or_default().to_owned()
        }
    }
}

/// The alerts of a file, and how many of its lines are none.
fn read_alerts(path: &Path) -> io::Result<(Vec<Document>, u64)> {
    let mut input: Box<dyn BufRead> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(open_alerts(path)?) };
    let (mut alerts, mut unread) = (Vec::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if io::Read::take(&mut input, MAX_ALERT_BYTES).read_line(&mut line)? == 0 {
            return Ok((alerts, unread));
        }
        if line.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str::<Map<String, Value>>(&line).ok().map(|mut object| {
            match object.remove("_source") {
                Some(Value::Object(source)) => source,
                _ => object,
            }
        });
        match read.filter(|alert| get_field(alert, "kibana.alert.uuid").is_some()) {
            Some(alert) => alerts.push(alert),
            None => unread += 1,
        }
    }
}

/// Alerts as events.
fn batch_of(alerts: &[Document], catalogue: &Catalogue) -> EventBatch {
    let mut builder = BatchBuilder::new(catalogue);
    for (number, alert) in (1..).zip(alerts) {
        builder.push(Event {
            id: EventId::given(uuid_of(alert)),
            data_stream: DataStream::new(ALERTS_STREAM),
            document: alert.clone(),
            place: Place { input: ALERTS_STREAM.into(), record: number, line: None, offset: None },
        });
    }
    builder.finish()
}

/// Asks the questions of all alerts of batches.
struct Asking<'a> {
    inquiries: &'a [Inquiry],
    matchers: Vec<Matcher<'a>>,
    answers: Vec<Answers>,
    catalogue: &'a Catalogue,
    progress: &'a Progress,
}

impl<'a> Asking<'a> {
    fn new(inquiries: &'a [Inquiry], catalogue: &'a Catalogue, progress: &'a Progress) -> Self {
        Self {
            inquiries,
            matchers: inquiries.iter().map(Inquiry::matcher).collect(),
            answers: inquiries.iter().map(Inquiry::answers).collect(),
            catalogue,
            progress,
        }
    }
}

impl Worker for Asking<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let schema: &dyn Schema = self.catalogue;
        let before: u64 = self.found();
        for ((inquiry, matcher), answers) in
            self.inquiries.iter().zip(&mut self.matchers).zip(&mut self.answers)
        {
            inquiry.ask(matcher, batch, schema, answers);
        }
        self.progress.found(self.found() - before);
        Ok(())
    }
}

impl Asking<'_> {
    fn found(&self) -> u64 {
        self.answers.iter().flat_map(|answers| &answers.0).map(|answer| answer.count).sum()
    }
}
