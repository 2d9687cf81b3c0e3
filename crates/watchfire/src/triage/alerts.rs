//! The alerts of a file, and which of them are asked for.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use watchfire_detect::ALERTS_STREAM;
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventBatch, EventId, Place, get_field};
use watchfire_ir::Catalogue;

use crate::exceptions::open_alerts;
use crate::terminal::escape_controls;

/// Longest line of a file of alerts in bytes.
const MAX_ALERT_BYTES: u64 = 16 << 20;

/// Most alerts that others are set beside: what is over that is no related alert of any.
pub(crate) const MOST_KNOWN: usize = 20_000;

/// Fields of alerts, and what is below them, that tell of their rule and of nothing that another alert could share.
const OF_RULE: [&str; 7] = [
    "kibana.alert.rule.parameters",
    "kibana.alert.rule.note",
    "kibana.alert.rule.setup",
    "kibana.alert.rule.description",
    "kibana.alert.rule.references",
    "kibana.alert.rule.false_positives",
    "kibana.alert.rule.threat",
];

/// Which alerts are asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct AlertChoice {
    /// A file with alerts, one JSON object a line, as `scan --format ndjson` and `alerts list --ndjson` write them; `-` is
    /// standard input.
    pub(crate) alerts: PathBuf,
    /// The alerts of these `kibana.alert.uuid`; else the first ones.
    #[arg(long, value_name = "UUID")]
    pub(crate) uuid: Vec<String>,
    /// Most alerts; how many there are more is said.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(crate) limit: usize,
}

/// The alerts of a file.
pub(crate) struct AlertFile {
    /// All of them.
    pub(crate) all: Vec<Document>,
    /// Lines that are none.
    pub(crate) unread: u64,
    /// By their places, those that are asked for.
    chosen: Vec<usize>,
    /// How many more would have been.
    pub(crate) beyond: usize,
}

impl AlertChoice {
    /// Reads the file. `None` if it has none of what is asked for, which has been said then.
    pub(crate) fn read(&self, log: &mut dyn Write) -> io::Result<Option<AlertFile>> {
        let (all, unread) = read_alerts(&self.alerts)?;
        if unread > 0 {
            writeln!(log, "{unread} lines of `{}` are no alerts", self.alerts.display())?;
        }
        let is_asked = |alert: &Document| self.uuid.is_empty() || self.uuid.contains(&uuid_of(alert));
        let mut chosen: Vec<usize> = (0..all.len()).filter(|&at| is_asked(&all[at])).collect();
        let is_known = |uuid: &&String| chosen.iter().any(|&at| uuid_of(&all[at]) == **uuid);
        if let Some(uuid) = self.uuid.iter().find(|uuid| !is_known(uuid)) {
            writeln!(log, "there is no alert `{}` in `{}`", escape_controls(uuid), self.alerts.display())?;
            return Ok(None);
        }
        if chosen.is_empty() {
            writeln!(log, "there is no alert in `{}`", self.alerts.display())?;
            return Ok(None);
        }
        let limit = if self.uuid.is_empty() { self.limit } else { chosen.len() };
        let beyond = chosen.len().saturating_sub(limit);
        chosen.truncate(limit);
        Ok(Some(AlertFile { all, unread, chosen, beyond }))
    }
}

impl AlertFile {
    /// Those that are asked for.
    pub(crate) fn chosen(&self) -> Vec<&Document> {
        self.chosen.iter().map(|&at| &self.all[at]).collect()
    }

    /// Says how many more there are.
    pub(crate) fn tell_rest(&self, done: &str, log: &mut dyn Write) -> io::Result<()> {
        if self.beyond == 0 {
            return Ok(());
        }
        let (shown, all) = (self.chosen.len(), self.chosen.len() + self.beyond);
        writeln!(log, "{done}: the first {shown} of {all} alerts; --limit or --uuid says which")
    }
}

/// The id of an alert.
pub(crate) fn uuid_of(alert: &Document) -> String {
    get_field(alert, "kibana.alert.uuid").and_then(Value::as_str).unwrap_or_default().to_owned()
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

/// An alert as others are set beside it.
pub(crate) fn without_rule(mut alert: Document) -> Document {
    alert.retain(|name, _| !OF_RULE.iter().any(|field| name.starts_with(field)));
    alert
}

/// Alerts as events.
pub(super) fn batch_of(alerts: &[Document], catalogue: &Catalogue) -> EventBatch {
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
