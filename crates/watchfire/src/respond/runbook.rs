//! `watchfire respond runbook`: what to do by hand.

use std::io::{self, Write};

use crate::block::MOST_HOSTS;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::intake::InputSummary;
use crate::triage::{AlertChoice, EventOptions, Found, find};

/// Writes what to do by hand about the hosts and processes of alerts, as Markdown: for hosts that no product can act on.
///
/// Each command that changes something has the one that undoes it beside it, or says that there is none. What comes from events
/// stands in commands as a literal, or not at all.
#[derive(Debug, clap::Args)]
pub(super) struct Runbook {
    #[command(flatten)]
    alerts: AlertChoice,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    events: EventOptions,
}

impl Runbook {
    pub(super) fn write(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let chosen = alerts.chosen();
        let mut out = self.destination.open()?;
        let reader = self.events.reader()?;
        let Found { evidence, account, .. } = find(&reader, &[], &chosen, &alerts.all, 0)?;
        for (number, (alert, evidence)) in chosen.iter().zip(&evidence).enumerate() {
            if number > 0 {
                writeln!(out, "\n---\n")?;
            }
            out.write_all(watchfire_triage::runbook(alert, evidence, MOST_HOSTS).as_bytes())?;
        }
        out.flush()?;
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        alerts.tell_rest("written", log)?;
        Ok(if summary.is_clean() && alerts.unread == 0 { Exit::Success } else { Exit::Problems })
    }
}
