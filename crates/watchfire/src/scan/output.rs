//! The forms in which alerts are written.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::{Value, json};
use watchfire_diagnostics::render::Colour;
use watchfire_events::{Document, Timestamp};
use watchfire_rules::model::Severity;
use watchfire_triage::ReportWriter;

use super::answered::Leading;
use super::found::{Found, FoundAlert};
use crate::event_text::{field, field_text, text_of, what};
use crate::terminal::{escape_controls, time_in_table};
use crate::triage::EventReader;

/// How alerts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A line for people: time, severity, host, rule, and what it was.
    Table,
    /// One alert document a line.
    Ndjson,
    /// All alert documents as one JSON array.
    Json,
    /// The main facts of each alert for a spreadsheet.
    Csv,
    /// The main facts as JSON lines that Timesketch imports.
    Timesketch,
    /// A report in one HTML file that loads nothing: summary, ATT&CK, a list to search and sort, each alert.
    Html,
}

/// The columns of CSV, and the fields of a Timesketch line, with the field of the alert that each shows: the first
/// one that is there. Where none is named, code below knows it.
const COLUMNS: &[(&str, &[&str])] = &[
    ("timestamp", &[]),
    ("severity", &["kibana.alert.severity"]),
    ("risk_score", &["kibana.alert.risk_score"]),
    ("rule", &["kibana.alert.rule.name"]),
    ("rule_id", &["kibana.alert.rule.rule_id"]),
    ("host", &["host.name", "host.id"]),
    ("user", &["user.name", "user.id"]),
    ("process", &["process.executable", "process.name"]),
    ("command_line", &["process.command_line"]),
    ("pid", &["process.pid"]),
    ("parent_process", &["process.parent.executable", "process.parent.name"]),
    ("file", &["file.path"]),
    ("registry", &["registry.path"]),
    ("service", &["service.name", "winlog.event_data.ServiceName"]),
    ("destination", &["dns.question.name", "destination.domain", "destination.ip"]),
    ("source_ip", &["source.ip"]),
    ("event_action", &["event.action"]),
    ("event_code", &["event.code"]),
    ("data_stream", &[]),
    ("event_id", &[]),
    ("alert_id", &["kibana.alert.uuid"]),
    ("group_id", &["kibana.alert.group.id"]),
    ("group_index", &["kibana.alert.group.index"]),
    ("evidence", &["watchfire.evidence.path"]),
    ("record", &["watchfire.evidence.record"]),
    ("reason", &["kibana.alert.reason"]),
];

/// What writes alerts.
pub(super) enum AlertOutput {
    /// One behind the other.
    Lines(AlertWriter),
    /// A report, which is read as a whole, and which of its alerts are answered.
    Report(Box<ReportWriter<'static>>, Leading),
}

impl AlertOutput {
    /// Writes into `out` what comes before the first alert; `host_width` is the length of the longest name of a host, `answers`
    /// how many alerts of a report are answered.
    pub(super) fn begin(
        out: Box<dyn Write + Send>,
        format: Format,
        colour: Colour,
        host_width: usize,
        answers: usize,
    ) -> io::Result<Self> {
        if format == Format::Html {
            let report = ReportWriter::begin(out, "Alerts of a scan")?;
            return Ok(Self::Report(Box::new(report), Leading::new(answers)));
        }
        let mut writer = AlertWriter::new(out, format, colour, host_width);
        writer.begin()?;
        Ok(Self::Lines(writer))
    }

    /// Writes an alert.
    pub(super) fn alert(&mut self, found: &Found) -> io::Result<()> {
        match self {
            Self::Lines(writer) => writer.alert(found),
            Self::Report(report, leading) => {
                // The events of a sequence stand with it.
                for alert in found.all() {
                    let fields = alert.fields();
                    report.alert(&fields)?;
                    leading.see(&fields);
                }
                Ok(())
            }
        }
    }

    /// Answers the guides of a report by what the reader reads, and gives back what there is to say of that.
    pub(super) fn answer<'r>(
        &mut self,
        can_read_again: bool,
        reader: impl FnOnce() -> EventReader<'r>,
    ) -> io::Result<Option<String>> {
        match self {
            Self::Lines(_) => Ok(None),
            Self::Report(report, leading) => leading.answer(&reader(), can_read_again, report),
        }
    }

    /// Writes what comes behind the last alert. A report tells how many there are of everything, too: `account` is the text
    /// that is told to the user.
    pub(super) fn end(self, account: &str) -> io::Result<()> {
        match self {
            Self::Lines(writer) => writer.end(),
            Self::Report(report, _) => report.end(&account_lines(account)),
        }
    }
}

/// The account of a run as lines with a name, less what is of this run alone, or is in the report anyway.
pub(crate) fn account_lines(account: &str) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut is_left_out = false;
    for line in account.lines() {
        if let Some(rest) = line.strip_prefix(' ') {
            if !is_left_out {
                lines.push((String::new(), rest.trim().to_owned()));
            }
            continue;
        }
        let (name, rest) = line.split_once(": ").unwrap_or(("", line));
        is_left_out = matches!(name, "elapsed" | "alerts");
        if name != "elapsed" {
            lines.push((name.to_owned(), rest.to_owned()));
        }
    }
    lines
}

/// Writes alerts in one form.
pub(super) struct AlertWriter {
    out: Box<dyn Write + Send>,
    format: Format,
    colour: Colour,
    host_width: usize,
    written: u64,
}

impl AlertWriter {
    fn new(out: Box<dyn Write + Send>, format: Format, colour: Colour, host_width: usize) -> Self {
        Self { out, format, colour, host_width: host_width.max("HOST".len()), written: 0 }
    }

    /// Writes what comes before the first alert.
    fn begin(&mut self) -> io::Result<()> {
        match self.format {
            Format::Json => self.out.write_all(b"["),
            Format::Csv => {
                let names: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
                write_csv_row(&mut self.out, &names)
            }
            Format::Table | Format::Ndjson | Format::Timesketch | Format::Html => Ok(()),
        }
    }

    /// Writes an alert.
    fn alert(&mut self, found: &Found) -> io::Result<()> {
        match self.format {
            Format::Table => self.table_rows(found)?,
            _ => found.all().try_for_each(|alert| self.document(alert))?,
        }
        Ok(())
    }

    /// Writes what comes behind the last alert.
    fn end(mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(if self.written == 0 { b"]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()
    }

    /// Writes one document in a form that has no more to say about a group of alerts than each of them says.
    fn document(&mut self, alert: &FoundAlert) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Html => {}
            Format::Ndjson => alert.write_line(&mut self.out)?,
            Format::Json => {
                self.out.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
                self.out.write_all(&alert.document)?;
            }
            Format::Csv => write_csv_row(&mut self.out, &cells(alert))?,
            Format::Timesketch => {
                serde_json::to_writer(&mut self.out, &timesketch(alert))?;
                self.out.write_all(b"\n")?;
            }
        }
        self.written += 1;
        Ok(())
    }

    fn table_rows(&mut self, found: &Found) -> io::Result<()> {
        if self.written == 0 {
            let width = self.host_width;
            writeln!(self.out, "{:23}  {:8}  {:width$}  RULE: WHAT", "TIME (UTC)", "SEVERITY", "HOST")?;
        }
        self.written += 1;
        let Found { alert, blocks, .. } = found;
        let fields = alert.fields();
        let time = |alert: &FoundAlert| alert.time.map_or_else(|| "no time".to_owned(), time_in_table);
        let severity = format!("{:8}", found.severity.to_string());
        let severity = match (self.colour, found.severity) {
            (Colour::Never, _) | (_, Severity::Low) => severity,
            (_, Severity::Medium) => format!("\x1b[33m{severity}\x1b[0m"),
            (_, Severity::High) => format!("\x1b[31m{severity}\x1b[0m"),
            (_, Severity::Critical) => format!("\x1b[1;31m{severity}\x1b[0m"),
        };
        let width = self.host_width;
        let rule = field_text(&fields, "kibana.alert.rule.name");
        writeln!(
            self.out,
            "{:23}  {severity}  {:width$}  {}: {}",
            time(alert),
            escape_controls(&alert.host),
            escape_controls(&rule),
            escape_controls(&what(&fields))
        )?;
        for (at, block) in blocks.iter().enumerate() {
            let place = format!("{} of {}", at + 1, blocks.len());
            let fields = block.fields();
            if field(&fields, "missing").is_some() {
                writeln!(self.out, "{:23}  {:8}  {:width$}    {place}: no such event", "", "", "")?;
            } else {
                let (time, host, what) =
                    (time(block), escape_controls(&block.host), escape_controls(&what(&fields)));
                writeln!(self.out, "{time:23}  {:8}  {host:width$}    {place}: {what}", "")?;
            }
        }
        Ok(())
    }
}

/// A row of a spreadsheet.
fn cells(alert: &FoundAlert) -> Vec<String> {
    let fields = alert.fields();
    let cell = |column: &(&str, &[&str])| match column.0 {
        "timestamp" => alert.time.map(Timestamp::to_iso_millis).unwrap_or_default(),
        _ => fact(&fields, column).map(text_of).unwrap_or_default(),
    };
    COLUMNS.iter().map(cell).collect()
}

/// A line for Timesketch: its three required fields, then the facts that are there.
fn timesketch(alert: &FoundAlert) -> Document {
    let fields = alert.fields();
    let mut line = Document::new();
    line.insert("message".to_owned(), field_text(&fields, "kibana.alert.reason").into());
    let time = alert.time.unwrap_or_default();
    line.insert("datetime".to_owned(), time.to_iso_millis().into());
    line.insert("timestamp_desc".to_owned(), "Event that an alert was made of".into());
    line.insert("timestamp".to_owned(), json!(i64::try_from(time.nanos() / 1_000).unwrap_or_default()));
    if let Some(tags) = field(&fields, "kibana.alert.rule.tags") {
        line.insert("tag".to_owned(), tags.clone());
    }
    for column in COLUMNS.iter().skip(1) {
        if let Some(value) = fact(&fields, column) {
            line.insert(column.0.to_owned(), value.clone());
        }
    }
    line
}

fn fact<'d>(fields: &'d Document, (column, names): &(&str, &[&str])) -> Option<&'d Value> {
    let ancestor = |key: &str| field(fields, "kibana.alert.ancestors")?.get(0)?.get(key);
    match *column {
        "data_stream" => ancestor("index"),
        "event_id" => ancestor("id"),
        _ => names.iter().find_map(|name| field(fields, name)),
    }
}

/// Writes a row as RFC 4180 has it. A cell that a spreadsheet would take for a formula gets a leading apostrophe.
fn write_csv_row(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let mut row =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::with_capacity(256));
    for cell in cells {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let cell = if formula { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) };
        row.write_field(cell.as_bytes())?;
    }
    row.write_record(None::<&[u8]>)?;
    out.write_all(&row.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
