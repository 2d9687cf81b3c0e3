//! `watchfire triage`: the investigation guides of alerts, answered by events.

mod alerts;
mod find;
mod reading;
mod workers;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;
use watchfire_events::{Document, get_field};
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;
use watchfire_triage::{
    AnsweredGuide, Answers, Evidence, Inquiry, ReportWriter, to_json, to_markdown, to_text,
};

pub(crate) use self::alerts::{AlertChoice, MOST_KNOWN, uuid_of, without_rule};
pub(crate) use self::find::{Found, find};
pub(crate) use self::reading::{EventOptions, EventReader};
use crate::destination::Destination;
use crate::exit::{self, Exit};
use crate::intake::{Account, InputSummary};
use crate::rule_paths::load_paths;
use crate::scan::output::account_lines;
use crate::terminal::escape_controls;

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
    #[command(flatten)]
    alerts: AlertChoice,
    /// Rule files, folders of rules, whose guides are taken. Else the guide is that in the alert.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// How the answers are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Shows this many events of each answer.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    size: usize,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    events: EventOptions,
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
    /// A report in one HTML file that loads nothing.
    Html,
}

impl Triage {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.triage(&mut io::stderr()))
    }

    /// Answers; what there is to say of the input goes to `log`.
    pub(crate) fn triage(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let reader = self.events.reader()?;
        let rules = load_rules(&self.rules, log)?;
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let out = self.destination.open()?;
        let (answered, account) = answer(&reader, &alerts.chosen(), &alerts.all, &rules, self.size)?;
        let answered = alerts.chosen().into_iter().zip(answered);
        let summary = InputSummary::new(&account);
        let mut told = Vec::new();
        summary.write(&mut told)?;
        alerts.tell_rest("answered", &mut told)?;
        self.write(answered, &String::from_utf8_lossy(&told), out)?;
        log.write_all(&told)?;
        Ok(if summary.is_clean() && alerts.unread == 0 { Exit::Success } else { Exit::Problems })
    }

    fn write<'d>(
        &self,
        answered: impl Iterator<Item = (&'d Document, AnsweredGuide)>,
        account: &str,
        mut out: Box<dyn Write + Send>,
    ) -> io::Result<()> {
        if self.format == Format::Html {
            let mut report = ReportWriter::begin(out, "Alerts, investigated")?;
            for (number, (alert, guide)) in answered.enumerate() {
                report.alert(alert)?;
                report.answer(number, to_json(&guide))?;
            }
            return report.end(&account_lines(account));
        }
        for (number, (_, guide)) in answered.enumerate() {
            match self.format {
                Format::Text | Format::Markdown if number > 0 => writeln!(out, "\n---\n")?,
                _ => {}
            }
            match self.format {
                Format::Text => out.write_all(to_text(&guide).as_bytes())?,
                Format::Markdown => out.write_all(to_markdown(&guide).as_bytes())?,
                Format::Json | Format::Html => writeln!(out, "{}", to_json(&guide))?,
            }
        }
        out.flush()
    }
}

/// The guides of some alerts, and what they ask.
pub(crate) struct Guides<'a> {
    alerts: &'a [&'a Document],
    texts: Vec<String>,
    pub(crate) inquiries: Vec<Inquiry>,
}

impl<'a> Guides<'a> {
    /// Of alerts, each answer with at most so many events. A guide is that of a rule that was given, or that in the alert.
    pub(crate) fn new(
        alerts: &'a [&'a Document],
        rules: &[Rule],
        catalogue: &Catalogue,
        most_findings: usize,
    ) -> Self {
        let texts: Vec<String> = alerts.iter().map(|alert| guide_of(alert, rules)).collect();
        let guided = alerts.iter().zip(&texts);
        let inquiries = guided.map(|(alert, guide)| Inquiry::new(guide, alert, catalogue, most_findings));
        Self { alerts, inquiries: inquiries.collect(), texts }
    }

    /// The guides with what was found.
    pub(crate) fn answered(&self, answers: Vec<Answers>, evidence: Vec<Evidence>) -> Vec<AnsweredGuide> {
        let asked = self.alerts.iter().zip(&self.texts).zip(&self.inquiries);
        let answered = asked.zip(answers.into_iter().zip(evidence));
        let guide = |(((alert, guide), inquiry), (answers, evidence)): (((&&Document, &String), _), _)| {
            AnsweredGuide::new(guide, alert, inquiry, answers, Some(evidence))
        };
        answered.map(guide).collect()
    }
}

/// The guides of some alerts answered, with the evidence; and what was read. `all` are the alerts that are known.
pub(crate) fn answer(
    reader: &EventReader<'_>,
    chosen: &[&Document],
    all: &[Document],
    rules: &[Rule],
    most_findings: usize,
) -> io::Result<(Vec<AnsweredGuide>, Account)> {
    let guides = Guides::new(chosen, rules, &reader.catalogue, most_findings);
    let Found { answers, evidence, account, .. } =
        find(reader, &guides.inquiries, chosen, all, most_findings)?;
    Ok((guides.answered(answers, evidence), account))
}

/// Rules whose guides are taken, in the form of the API.
pub(crate) fn load_rules(paths: &[PathBuf], log: &mut dyn Write) -> io::Result<Vec<Rule>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut rules = Vec::new();
    for file in load_paths(paths)? {
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
