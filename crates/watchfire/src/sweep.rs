//! `watchfire sweep`: the pattern of an alert, looked for on all other hosts.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use watchfire_detect::ALERTS_STREAM;
use watchfire_engine::ReadFields;
use watchfire_events::{Document, EventBatch, get_field};
use watchfire_ir::Catalogue;
use watchfire_triage::{Sweep as Traces, SweepFinds, Swept, sweep_to_text};

use crate::destination::Destination;
use crate::exit::{self, Exit};
use crate::intake::{Account, InputSummary, Worker};
use crate::terminal::escape_controls;
use crate::triage::{AlertChoice, EventOptions, EventReader, Found, find, uuid_of};

/// Looks for the pattern of an alert on all other hosts.
///
/// The pattern is that of the alert and of what its process did: hashes, paths (of any user), names, signers, addresses,
/// names of the network, files that were written, and what comes back after a restart. What every host has is left out, and
/// told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire sweep alerts.ndjson evidence/ --uuid 6b298cb3…
  watchfire sweep alerts.ndjson --lake lake/ --limit 1 --format json

Exit codes:
  0  done, whether or not something was found
  1  done, but some input could not be used
  2  wrong usage, or there is no such alert")]
pub(crate) struct Sweep {
    #[command(flatten)]
    alerts: AlertChoice,
    /// How it is told what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    events: EventOptions,
}

/// How it is told what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// An object for each alert, one a line.
    Json,
}

impl Sweep {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.sweep(&mut io::stderr()))
    }

    /// Looks for it; what there is to say of the input goes to `log`.
    pub(crate) fn sweep(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let chosen = alerts.chosen();
        let mut out = self.destination.open()?;
        let (swept, account) = sweep(&self.events.reader()?, &chosen, &alerts.all)?;
        for (number, (alert, swept)) in chosen.iter().zip(&swept).enumerate() {
            self.write(number, alert, swept, &mut *out)?;
        }
        out.flush()?;
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        alerts.tell_rest("looked for", log)?;
        Ok(if summary.is_clean() && alerts.unread == 0 { Exit::Success } else { Exit::Problems })
    }

    fn write(&self, number: usize, alert: &Document, swept: &Swept, out: &mut dyn Write) -> io::Result<()> {
        let text = |name: &str| get_field(alert, name).and_then(|value| value.as_str()).unwrap_or_default();
        let (id, rule) = (uuid_of(alert), text("kibana.alert.rule.name"));
        match self.format {
            Format::Text => {
                if number > 0 {
                    writeln!(out, "\n---\n")?;
                }
                writeln!(out, "{}\nalert {}\n", escape_controls(rule), escape_controls(&id))?;
                out.write_all(sweep_to_text(swept).as_bytes())
            }
            Format::Json => writeln!(out, "{}", to_json(alert, swept)),
        }
    }
}

/// What was found of an alert, as JSON.
pub(crate) fn to_json(alert: &Document, swept: &Swept) -> Value {
    let rule = get_field(alert, "kibana.alert.rule.name").and_then(Value::as_str).unwrap_or_default();
    let mut found = swept.to_json();
    found["alert"] = json!({ "id": uuid_of(alert), "rule": rule });
    found
}

/// Looks for the patterns of alerts in what the reader reads. `all` are the alerts that are known.
pub(crate) fn sweep(
    reader: &EventReader<'_>,
    chosen: &[&Document],
    all: &[Document],
) -> io::Result<(Vec<Swept>, Account)> {
    let catalogue = &reader.catalogue;
    let Found { evidence, .. } = find(reader, &[], chosen, all, 0)?;
    let traces: Vec<Traces> = chosen
        .iter()
        .zip(&evidence)
        .map(|(alert, evidence)| Traces::new(alert, evidence, catalogue))
        .collect();
    let mut fields = ReadFields::default();
    traces.iter().for_each(|traces| traces.add_fields(&mut fields));
    let worker = || Looking { finds: traces.iter().map(Traces::finds).collect(), catalogue };
    let conditions = traces.iter().flat_map(Traces::conditions);
    let (workers, account) = reader.read(&fields, conditions, worker)?;
    let mut of_threads: Vec<_> = workers.into_iter().map(|worker| worker.finds.into_iter()).collect();
    let swept = traces.iter().map(|traces| {
        let finds: Vec<SweepFinds<'_>> = of_threads.iter_mut().filter_map(Iterator::next).collect();
        traces.swept(finds, reader.reads_all())
    });
    Ok((swept.collect(), account))
}

/// Looks for the traces of all alerts.
struct Looking<'a> {
    finds: Vec<SweepFinds<'a>>,
    catalogue: &'a Catalogue,
}

impl Worker for Looking<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        // Alerts repeat what their events say.
        if batch.streams().iter().all(|(stream, _)| stream.as_str() == ALERTS_STREAM) {
            return Ok(());
        }
        self.finds.iter_mut().for_each(|finds| finds.look(batch, self.catalogue));
        Ok(())
    }
}
