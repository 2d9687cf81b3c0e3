//! `watchfire block`: lists of domains, addresses and hashes for what can block them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use watchfire_events::Timestamp;
use watchfire_triage::{
    Addition, BlockList, BlockListError, Blocked, Indicator, IndicatorKind, Removal, indicators_of,
};

use crate::destination::{Destination, store_whole};
use crate::doing::Doing;
use crate::exit::{self, Exit};
use crate::intake::InputSummary;
use crate::terminal::escape_controls;
use crate::time_argument::{moment, now};
use crate::triage::{AlertChoice, EventOptions, Found, find, uuid_of};

/// On how many hosts something may have been met to be blocked, if nothing else is said.
pub(crate) const MOST_HOSTS: usize = 5;

/// Keeps a list of domains, addresses and hashes to be blocked, each until a time, and writes it for firewalls, resolvers, proxies
/// and platforms.
///
/// The list is a file of JSON. What was taken off or has expired stays in it, so that it can be told what was blocked, when and why; what is
/// written of it is only what is in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire block from-alerts blocked.json alerts.ndjson evidence/ --uuid 6b298cb3… --days 14
  watchfire block add blocked.json evil.example 203.0.113.7 --reason 'case 14'
  watchfire block remove blocked.json evil.example --reason 'it is a partner'
  watchfire block show blocked.json
  watchfire block write blocked.json --format edl --kind domain --output domains.txt
  watchfire block write blocked.json --format stix --output blocked.stix.json

Exit codes:
  0  done
  1  done, but some input could not be used
  2  wrong usage, or what cannot be done with this list")]
pub(crate) struct Block {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    FromAlerts(Box<FromAlerts>),
    Add(Add),
    Remove(Remove),
    Show(Show),
    Write(WriteOut),
}

/// Until when, and by whom.
#[derive(Debug, clap::Args)]
struct Blocking {
    /// Blocks for this many days.
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Blocks until then.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "days")]
    until: Option<Timestamp>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

impl Blocking {
    fn entry(&self, indicator: Indicator, reason: &str, alert: Option<String>) -> io::Result<Blocked> {
        const DAY: i64 = 86_400_000;
        let from = self.doing.at();
        let until =
            self.until.unwrap_or_else(|| Timestamp::from_millis(from.millis() + i64::from(self.days) * DAY));
        if until <= from {
            return Err(refused("what is blocked must be blocked for some time: `--until` is in the past"));
        }
        Ok(Blocked {
            kind: indicator.kind,
            value: indicator.value,
            from,
            until,
            decided: from,
            by: self.doing.by(),
            reason: reason.to_owned(),
            alert,
            removed: None,
        })
    }
}

/// Puts what alerts and their processes tell of on a list: destinations, names and hashes.
///
/// What many hosts know is left out and told, since blocking it would hurt; so are addresses of private networks, what Microsoft signed and what
/// lies where every host has it.
#[derive(Debug, clap::Args)]
struct FromAlerts {
    /// The list; it is made if it is not there.
    list: PathBuf,
    #[command(flatten)]
    alerts: AlertChoice,
    /// Leaves out what was met on more hosts than these.
    #[arg(long, value_name = "NUMBER", default_value_t = MOST_HOSTS)]
    most_hosts: usize,
    #[command(flatten)]
    blocking: Blocking,
    #[command(flatten)]
    events: EventOptions,
}

/// Puts values on a list.
#[derive(Debug, clap::Args)]
struct Add {
    /// The list; it is made if it is not there.
    list: PathBuf,
    /// Domains, addresses, hashes (SHA-256, SHA-1, MD5).
    #[arg(required = true)]
    values: Vec<String>,
    #[command(flatten)]
    blocking: Blocking,
}

/// Takes values off a list.
#[derive(Debug, clap::Args)]
struct Remove {
    /// The list.
    list: PathBuf,
    /// What is on it.
    #[arg(required = true)]
    values: Vec<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    doing: Doing,
}

/// Shows all that is or was on a list.
#[derive(Debug, clap::Args)]
struct Show {
    /// The list.
    list: PathBuf,
    /// As of then. [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

/// Writes what is in force for what blocks it.
#[derive(Debug, clap::Args)]
struct WriteOut {
    /// The list.
    list: PathBuf,
    /// For what.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only this kind.
    #[arg(long, value_parser = kind_parser(), value_name = "KIND")]
    kind: Option<IndicatorKind>,
    /// As of then. [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    #[command(flatten)]
    destination: Destination,
}

/// For what a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A value a line, with lines of comment.
    Text,
    /// An external dynamic list of a firewall: values of one kind, one a line, and nothing else.
    Edl,
    /// A bundle of STIX 2.1, with what was taken off as revoked.
    Stix,
}

fn kind_parser() -> impl TypedValueParser<Value = IndicatorKind> {
    PossibleValuesParser::new(IndicatorKind::ALL.iter().map(|kind| kind.name())).map(|name| {
        let named = IndicatorKind::ALL.iter().find(|kind| kind.name() == name);
        *named.expect("these are the names of kinds")
    })
}

impl Block {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let mut out = io::BufWriter::new(io::stdout());
        exit::of(self.act(&mut out, &mut io::stderr()).and_then(|exit| out.flush().map(|()| exit)))
    }

    fn act(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        match &self.command {
            Subcommand::FromAlerts(from) => from.add(out, log),
            Subcommand::Add(add) => add.add(out),
            Subcommand::Remove(remove) => remove.remove(),
            Subcommand::Show(show) => show.show(out),
            Subcommand::Write(write) => write.write(),
        }
    }
}

impl FromAlerts {
    fn add(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let mut list = load_or_new(&self.list)?;
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let chosen = alerts.chosen();
        let reader = self.events.reader()?;
        let Found { evidence, account, .. } = find(&reader, &[], &chosen, &alerts.all, 0)?;
        for (alert, evidence) in chosen.iter().zip(&evidence) {
            let (indicators, left_out) = indicators_of(alert, evidence, self.most_hosts);
            let uuid = uuid_of(alert);
            let rule = watchfire_events::get_field(alert, "kibana.alert.rule.name");
            let rule = rule.and_then(|name| name.as_str()).unwrap_or("a rule");
            let reason = self.blocking.reason.clone().unwrap_or_else(|| format!("alert of {rule}"));
            writeln!(out, "alert {}:", escape_controls(&uuid))?;
            if indicators.is_empty() {
                writeln!(out, "  it has nothing that could be blocked")?;
            }
            for indicator in indicators {
                let met = match indicator.hosts {
                    None => String::new(),
                    Some(1) => ", met on 1 host".to_owned(),
                    Some(hosts) => format!(", met on {hosts} hosts"),
                };
                let entry = self.blocking.entry(indicator, &reason, Some(uuid.clone()))?;
                put(&mut list, entry, &met, out)?;
            }
            for (what, why) in left_out {
                writeln!(out, "  left out   {}: {}", escape_controls(&what), escape_controls(&why))?;
            }
        }
        store_whole(&self.list, list.to_json().as_bytes())?;
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        alerts.tell_rest("looked at", log)?;
        Ok(if summary.is_clean() && alerts.unread == 0 { Exit::Success } else { Exit::Problems })
    }
}

impl Add {
    fn add(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let mut list = load_or_new(&self.list)?;
        let reason = self.blocking.reason.as_deref().unwrap_or_default();
        if reason.is_empty() {
            return Err(refused("say why: `--reason`"));
        }
        let parsed = self.values.iter().map(|value| {
            Indicator::parse(value).ok_or_else(|| {
                refused(&format!(
                    "`{}` is no domain, address or hash (SHA-256, SHA-1, MD5); nothing was put on the list",
                    escape_controls(value)
                ))
            })
        });
        for indicator in parsed.collect::<io::Result<Vec<_>>>()? {
            put(&mut list, self.blocking.entry(indicator, reason, None)?, "", out)?;
        }
        store_whole(&self.list, list.to_json().as_bytes())?;
        Ok(Exit::Success)
    }
}

/// Puts an entry on a list, and tells of it.
fn put(list: &mut BlockList, entry: Blocked, met: &str, out: &mut dyn Write) -> io::Result<()> {
    let (kind, value, until) = (entry.kind.name(), entry.value.clone(), entry.until);
    let (what, until) = match list.add(entry) {
        Addition::Added => ("added", until),
        Addition::Extended => ("extended", until),
        Addition::Known(until) => ("known", until),
    };
    writeln!(out, "  {what:<10} {kind:<8} {value} until {}{met}", until.to_iso_millis())
}

impl Remove {
    fn remove(&self) -> io::Result<Exit> {
        let mut list = load(&self.list)?;
        let removal = Removal { at: self.doing.at(), by: self.doing.by(), reason: self.reason.clone() };
        for value in &self.values {
            list.remove(value, &removal).map_err(|error| refused(&error.to_string()))?;
        }
        store_whole(&self.list, list.to_json().as_bytes())?;
        Ok(Exit::Success)
    }
}

impl Show {
    fn show(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let list = load(&self.list)?;
        let at = self.at.unwrap_or_else(now);
        for entry in list.entries() {
            let state = match &entry.removed {
                Some(removed) => {
                    format!("removed {} by {}: {}", removed.at.to_iso_millis(), removed.by, removed.reason)
                }
                None if entry.is_in_force(at) => format!("until {}", entry.until.to_iso_millis()),
                None if at < entry.from => format!("from {}", entry.from.to_iso_millis()),
                None => format!("expired {}", entry.until.to_iso_millis()),
            };
            let alert = entry.alert.as_ref().map_or_else(String::new, |alert| format!(", alert {alert}"));
            let line = format!(
                "{:<8} {}  {state}  (since {} by {}: {}{alert})",
                entry.kind.name(),
                entry.value,
                entry.from.to_iso_millis(),
                entry.by,
                entry.reason
            );
            writeln!(out, "{}", escape_controls(&line))?;
        }
        let in_force = list.in_force(at, None).len();
        writeln!(out, "{in_force} of {} in force at {}", list.entries().len(), at.to_iso_millis())?;
        Ok(Exit::Success)
    }
}

impl WriteOut {
    fn write(&self) -> io::Result<Exit> {
        let list = load(&self.list)?;
        let at = self.at.unwrap_or_else(now);
        let text = match self.format {
            Format::Text => list.to_text(at, self.kind),
            Format::Edl => list.to_edl(at, self.kind).map_err(|error| refused(&error.to_string()))?,
            Format::Stix => list.to_stix(at, self.kind),
        };
        let mut out = self.destination.open()?;
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(Exit::Success)
    }
}

fn load(path: &Path) -> io::Result<BlockList> {
    let failed = |why: &dyn std::fmt::Display| refused(&format!("`{}`: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    BlockList::from_json(&text).map_err(|error: BlockListError| failed(&error))
}

fn load_or_new(path: &Path) -> io::Result<BlockList> {
    if path.exists() { load(path) } else { Ok(BlockList::default()) }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}
