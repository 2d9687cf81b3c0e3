//! `watchfire alerts`: the alerts of a server, from the folder of its data.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use watchfire_detect::ExecutionWindow;
use watchfire_events::Timestamp;
use watchfire_state::{
    AlertOrder, AlertQuery, AlertStatus, KeptAlert, StateDatabase, StateError, StateOptions, Triage,
};

use super::upkeep::chain;
use crate::event_text::field_text;
use crate::exit::{self, Exit};
use crate::terminal::escape_controls;
use crate::time_argument;

/// Lists and shows the alerts of a server, and changes what people say of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire alerts list --data data --status open
  watchfire alerts show --data data ID
  watchfire alerts set --data data ID --status closed --reason false_positive --note 'asked the owner'

Exit codes:
  0  done
  1  the alerts could not be read or changed
  2  wrong usage, or there is no such alert")]
pub(crate) struct Alerts {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    List(List),
    Show(Show),
    Set(Set),
}

/// Where the alerts are.
#[derive(Debug, clap::Args)]
pub(super) struct Kept {
    /// The folder of the server's data.
    #[arg(
        long,
        value_name = "DIR",
        env = "WATCHFIRE_DATA",
        hide_env_values = true,
        required_unless_present = "database"
    )]
    data: Option<PathBuf>,
    /// The server's database, if it is not in that folder.
    #[arg(long, value_name = "URL", env = "WATCHFIRE_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

/// What alerts are listed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    /// When they were made.
    Made,
    /// The time for which their execution was meant. A back-fill, and a scan `--as-scheduled`, have the same order.
    Slot,
}

impl From<Order> for AlertOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Made => Self::Made,
            Order::Slot => Self::Slot,
        }
    }
}

/// Lists alerts, the oldest first.
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    kept: Kept,
    /// Only those of this status: open, acknowledged, closed.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<AlertStatus>,
    /// Only those of the rule with this id, as `alerts show` prints it.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only those that were made at this time or later.
    #[arg(long, value_name = "TIME", value_parser = start)]
    since: Option<Timestamp>,
    /// At most so many; how many there are more is said.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: u32,
    /// What they are ordered by.
    #[arg(long, value_enum, default_value_t = Order::Made)]
    order: Order,
    /// One document a line instead of a table.
    #[arg(long)]
    ndjson: bool,
}

/// Shows an alert whole, and what was done with it.
#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    kept: Kept,
    /// Its id.
    id: String,
}

/// Changes the status, tags and assignees of alerts, or adds a note; the history of each says who did it, and when.
#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    kept: Kept,
    /// Their ids.
    #[arg(required = true)]
    ids: Vec<String>,
    /// Another status: open, acknowledged, closed.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<AlertStatus>,
    /// Why the status is another one, such as `false_positive`.
    #[arg(long, value_name = "REASON", requires = "status")]
    reason: Option<String>,
    /// Tags to add.
    #[arg(long, value_name = "TAG")]
    add_tag: Vec<String>,
    /// Tags to take away.
    #[arg(long, value_name = "TAG")]
    remove_tag: Vec<String>,
    /// Who is to look at them.
    #[arg(long, value_name = "NAME")]
    assign: Vec<String>,
    /// Who is not to look at them any more.
    #[arg(long, value_name = "NAME")]
    unassign: Vec<String>,
    /// A note.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Who changes them. [default: the user of this machine]
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    actor: Option<String>,
}

fn status(text: &str) -> Result<AlertStatus, String> {
    AlertStatus::of(text)
        .ok_or_else(|| format!("`{text}` is no status: there are open, acknowledged and closed"))
}

fn start(text: &str) -> Result<Timestamp, String> {
    time_argument::interval(text, None).map(|interval| interval.start)
}

impl Kept {
    /// The folder of events, if that of the data is known.
    pub(super) fn lake(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|data| data.join("lake"))
    }

    /// The database of the server.
    pub(super) async fn open(&self) -> io::Result<StateDatabase> {
        let url = match (&self.database, &self.data) {
            (Some(url), _) => url.clone(),
            (None, data) => {
                let path = data.clone().unwrap_or_default().join("state.db");
                // To make a new one would hide a mistake in the path.
                if !path.exists() {
                    let message = format!("there is no state of a server at `{}`", path.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
                format!("sqlite:{}", path.display())
            }
        };
        StateDatabase::open(&StateOptions::new(url)).await.map_err(|error| failed(&error))
    }
}

impl Alerts {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (mut out, mut log) = (io::BufWriter::new(io::stdout().lock()), io::stderr());
            let exit = runtime.block_on(async {
                match &self.command {
                    Subcommand::List(list) => list.list(&mut out, &mut log).await,
                    Subcommand::Show(show) => show.show(&mut out).await,
                    Subcommand::Set(set) => set.set(&mut log).await,
                }
            })?;
            out.flush()?;
            Ok(exit)
        };
        exit::of(run())
    }
}

impl List {
    async fn list(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let database = self.kept.open().await?;
        let query = AlertQuery {
            rule: self.rule.clone(),
            status: self.status,
            made: self.since.map(|from| ExecutionWindow { from, to: Timestamp::from_millis(i64::MAX) }),
            // One more shows whether there are more.
            limit: self.limit.saturating_add(1),
            after: None,
            order: self.order.into(),
        };
        let mut alerts = database.alerts(&query).await.map_err(|error| failed(&error))?;
        let has_more = alerts.len() > self.limit as usize;
        alerts.truncate(self.limit as usize);
        for alert in &alerts {
            if self.ndjson {
                writeln!(out, "{}", hit(alert))?;
                continue;
            }
            let field = |name: &str| escape_controls(&field_text(&alert.document, name));
            writeln!(
                out,
                "{}  {:<12}  {:<8}  {}  {}  {}",
                alert.made.to_iso_millis(),
                alert.status.name(),
                field("kibana.alert.severity"),
                alert.id,
                field("host.name"),
                field("kibana.alert.rule.name"),
            )?;
        }
        database.close().await;
        if has_more {
            writeln!(log, "there are more than {}: raise --limit, or ask for less", self.limit)?;
        }
        Ok(Exit::Success)
    }
}

impl Show {
    async fn show(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let database = self.kept.open().await?;
        let alert = database.alert(&self.id).await.map_err(|error| failed(&error))?;
        let history = database.alert_history(&self.id).await.map_err(|error| failed(&error))?;
        database.close().await;
        let change = |change: &watchfire_state::AlertChange| json!({ "at": change.at.to_iso_millis(), "by": change.actor, "change": change.change, "content": change.body });
        let mut shown = hit(&alert);
        shown["history"] = history.iter().map(change).collect();
        serde_json::to_writer_pretty(&mut *out, &shown)?;
        writeln!(out)?;
        Ok(Exit::Success)
    }
}

impl Set {
    async fn set(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let list = |add: &[String], remove: &[String]| {
            (!add.is_empty() || !remove.is_empty()).then(|| (add.to_vec(), remove.to_vec()))
        };
        let tags = list(&self.add_tag, &self.remove_tag).map(|(add, remove)| Triage::Tags { add, remove });
        let assignees =
            list(&self.assign, &self.unassign).map(|(add, remove)| Triage::Assignees { add, remove });
        let changes: Vec<Triage> = self
            .status
            .map(|status| Triage::Status(status, self.reason.clone()))
            .into_iter()
            .chain(tags)
            .chain(assignees)
            .chain(self.note.clone().map(Triage::Note))
            .collect();
        if changes.is_empty() {
            let message =
                "say what to change: --status, --add-tag, --remove-tag, --assign, --unassign or --note";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let actor = self.actor.as_deref().unwrap_or("unknown");
        let database = self.kept.open().await?;
        let mut changed = 0;
        for change in &changes {
            let now = time_argument::now();
            changed +=
                database.triage(&self.ids, change, actor, now).await.map_err(|error| failed(&error))?;
        }
        database.close().await;
        writeln!(log, "changes: {changed}")?;
        Ok(Exit::Success)
    }
}

/// An alert as a search would give it.
fn hit(alert: &KeptAlert) -> Value {
    json!({ "_index": watchfire_state::ALERTS_STREAM, "_id": alert.id, "_source": alert.document })
}

fn failed(error: &StateError) -> io::Error {
    let kind = match error {
        StateError::Absent { .. } => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, chain(error))
}
