//! `watchfire exceptions suggest`: an exception made from an alert.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use watchfire_diagnostics::render::one_line;
use watchfire_events::{Timestamp, get_field};
use watchfire_rules::format::RuleFile;
use watchfire_sources::normalise::catalogue_with;

use super::preview;
use super::suggested_item::{SuggestedItem, entries, fields_of_guide, highlighted, too_broad};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::reading::{Reading, Resources};
use crate::rule_paths::load_paths;
use crate::terminal::escape_controls;
use crate::time_argument::{moment, now};

/// Longest line of an alert in bytes.
const MAX_ALERT_BYTES: u64 = 16 << 20;

/// Makes an exception from an alert.
///
/// It asks for the values that the alert has in the fields which the section about false positives in the rule's
/// investigation guide names; where it names none, in those that an alert's page shows first. What would ask for nothing but
/// a name, a user or a host is refused. The exception goes to standard output, what it would have hidden to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire scan evidence/ --rules rules/ --format ndjson > alerts.ndjson
  watchfire exceptions suggest alerts.ndjson --rule rules/my_rule.toml --output exceptions/my_rule.toml
  watchfire exceptions suggest alerts.ndjson --uuid 0b6d… --alerts alerts.ndjson --format json
  watchfire exceptions suggest alert.json --rule my_rule.toml --field process.executable --field user.id --events evidence/

Exit codes:
  0  done
  1  no exception could be made, or it would be too broad
  2  wrong usage")]
pub(super) struct Suggest {
    /// A file with alerts, one JSON object a line, as `scan --format ndjson` writes them; `-` is standard input.
    alert: PathBuf,
    /// The alert of this `kibana.alert.uuid`; else the first one.
    #[arg(long, value_name = "UUID")]
    uuid: Option<String>,
    /// The file of the rule. Else its guide is taken from the alert.
    #[arg(long, value_name = "FILE")]
    rule: Option<PathBuf>,
    /// Makes it of these fields instead.
    #[arg(long, value_name = "NAME")]
    field: Vec<String>,
    /// How the exception is written.
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,
    /// The list that it goes to. [default: the id of the rule with `-exceptions`]
    #[arg(long, value_name = "ID")]
    list_id: Option<String>,
    /// The day on which it is made. [default: today]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    #[command(flatten)]
    destination: Destination,
    /// Tells how many of these alerts it would have hidden.
    #[arg(long, value_name = "FILE", help_heading = "What it would have hidden")]
    alerts: Option<PathBuf>,
    /// Tells which of the events that the rule takes in these files and folders it would have hidden.
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "rule", help_heading = "What it would have hidden")]
    events: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

/// How an exception is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A file of the detection-rules repository, with its list and the rule that takes it.
    Toml,
    /// An item as Elastic's API takes it.
    Json,
}

/// Makes an exception from an alert of a file, and writes it into a new file.
pub(crate) fn suggest_from(
    alerts: &Path,
    uuid: &str,
    at: Timestamp,
    output: &Path,
    log: &mut dyn Write,
) -> io::Result<Exit> {
    Suggest {
        alert: alerts.to_owned(),
        uuid: Some(uuid.to_owned()),
        rule: None,
        field: Vec::new(),
        format: Format::Toml,
        list_id: None,
        at: Some(at),
        destination: Destination::to_file(output),
        alerts: Some(alerts.to_owned()),
        events: Vec::new(),
        reading: Reading::default(),
        resources: Resources::default(),
    }
    .suggest(log)
}

impl Suggest {
    pub(super) fn suggest(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let Some(alert) = self.alert()? else {
            let what = self
                .uuid
                .as_ref()
                .map_or_else(|| "no alert".to_owned(), |uuid| format!("no alert with the uuid `{uuid}`"));
            writeln!(log, "watchfire: `{}` holds {}", self.alert.display(), escape_controls(&what))?;
            return Ok(Exit::Problems);
        };
        let Some(rule_id) = text(&alert, "kibana.alert.rule.rule_id") else {
            writeln!(log, "watchfire: this is no alert: it has no `kibana.alert.rule.rule_id`")?;
            return Ok(Exit::Problems);
        };
        let rule = match &self.rule {
            None => None,
            Some(path) => match rule_of(path, &rule_id, log)? {
                Some(rule) => Some(rule),
                None => return Ok(Exit::Problems),
            },
        };
        let normalise = self.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        let note = match &rule {
            Some(rule) => rule.to_api().note,
            None => text(&alert, "kibana.alert.rule.note"),
        };
        let (mut fields, mut origin) = (self.field.clone(), "--field");
        if fields.is_empty() {
            fields = note.map(|note| fields_of_guide(&note, &catalogue)).unwrap_or_default();
            origin = "named by the guide's section about false positives";
        }
        fields.retain(|field| get_field(&alert, field).is_some());
        // What the guide names may be no more than where and who: then what is shown first says what.
        if self.field.is_empty() && too_broad(&fields).is_some() {
            let investigated = rule.as_ref().map(|rule| rule.rule.investigation_fields().to_vec());
            fields = highlighted(&alert, &investigated.unwrap_or_default());
            fields.retain(|field| get_field(&alert, field).is_some());
            origin = "shown first on an alert's page, since the guide's section about false positives names none that are narrow enough";
        }
        if fields.iter().any(|field| field == "process.command_line") && self.field.is_empty() {
            fields.retain(|field| field != "process.args");
        }
        let (entries, left_out) = entries(&alert, &fields);
        for field in left_out {
            writeln!(log, "left out: `{field}` has too many values, or too long ones")?;
        }
        let used: Vec<String> = entries.iter().map(|(field, _)| field.clone()).collect();
        if let Some(why) = too_broad(&used) {
            writeln!(log, "refused: {why}; fields: {}", names(&used))?;
            return Ok(Exit::Problems);
        }
        let rule_name = rule.as_ref().map_or_else(
            || text(&alert, "kibana.alert.rule.name").unwrap_or_else(|| rule_id.clone()),
            |rule| rule.rule.name.clone(),
        );
        let uuid = text(&alert, "kibana.alert.uuid").unwrap_or_default();
        let list_id = self.list_id.clone().unwrap_or_else(|| format!("{rule_id}-exceptions"));
        let value = entries.first().map(|(_, value)| value.clone()).unwrap_or_default();
        let item = SuggestedItem {
            item_id: format!("{list_id}-{}", uuid.get(..8).unwrap_or(&uuid)),
            list_id,
            name: format!("{rule_name}: {value}"),
            description: format!("Made from the alert {uuid}. Say here why this is no threat."),
            rule_id,
            rule_name,
            entries,
            os_type: text(&alert, "host.os.type")
                .filter(|name| ["windows", "linux", "macos"].contains(&name.as_str())),
            date: self.at.unwrap_or_else(now).to_iso_millis().get(..10).unwrap_or_default().replace('-', "/"),
        };
        let mut out = self.destination.open()?;
        match self.format {
            Format::Toml => write!(out, "{}", item.to_toml())?,
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&item.to_json())?)?,
        }
        out.flush()?;
        writeln!(log, "fields: {}: {origin}", names(&used))?;
        if let Some(path) = &self.alerts {
            preview::of_alerts(path, &item, &catalogue, log)?;
        }
        if let (Some(rule), false) = (rule, self.events.is_empty()) {
            let run = preview::Run { reading: &self.reading, resources: &self.resources, normalise };
            preview::of_events(&self.events, rule.rule, &item, &catalogue, run, log)?;
        }
        Ok(Exit::Success)
    }

    /// The alert that is asked for. A file with one alert over several lines is read as well.
    fn alert(&self) -> io::Result<Option<Map<String, Value>>> {
        let stdin = Path::new("-") == self.alert;
        let mut input: Box<dyn BufRead> =
            if stdin { Box::new(io::stdin().lock()) } else { Box::new(open(&self.alert)?) };
        let is_asked =
            |alert: &Map<String, Value>| self.uuid.is_none() || text(alert, "kibana.alert.uuid") == self.uuid;
        let mut whole = String::new();
        loop {
            let before = whole.len();
            let read = io::Read::take(&mut input, MAX_ALERT_BYTES).read_line(&mut whole)?;
            if read == 0 {
                break;
            }
            if let Ok(alert) = serde_json::from_str::<Map<String, Value>>(&whole[before..]) {
                if is_asked(&alert) {
                    return Ok(Some(alert));
                }
                whole.clear();
            }
            if whole.len() as u64 > MAX_ALERT_BYTES {
                return Err(io::Error::other(format!("no alert has more than {MAX_ALERT_BYTES} bytes")));
            }
        }
        Ok(serde_json::from_str(&whole).ok().filter(is_asked))
    }
}

/// Opens a file for reading; an error names it.
pub(crate) fn open(path: &Path) -> io::Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` cannot be read: {error}", path.display()))
    })?;
    Ok(BufReader::new(file))
}

/// A field of an alert as text.
pub(super) fn text(alert: &Map<String, Value>, field: &str) -> Option<String> {
    get_field(alert, field).and_then(Value::as_str).map(str::to_owned)
}

/// The rule of this id in a file, or its only one; if there is none, that is told.
fn rule_of(path: &Path, rule_id: &str, log: &mut dyn Write) -> io::Result<Option<RuleFile>> {
    let files = load_paths(&[path.to_owned()])?;
    let is_asked =
        |content: &RuleFile| content.rule.rule_id.as_ref().is_some_and(|own| own.to_string() == rule_id);
    for file in &files {
        for diagnostic in file.diagnostics.iter().filter(|_| file.content.is_none()) {
            writeln!(log, "{}", one_line(diagnostic, &file.source))?;
        }
    }
    let found = files.into_iter().filter_map(|file| file.content).find(is_asked);
    if found.is_none() {
        writeln!(log, "watchfire: `{}` holds no rule with the id `{rule_id}` of the alert", path.display())?;
    }
    Ok(found)
}

fn names(fields: &[String]) -> String {
    let mut names: Vec<String> = Vec::new();
    for field in fields {
        let name = format!("`{field}`");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
