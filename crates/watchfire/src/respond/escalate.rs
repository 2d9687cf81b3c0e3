//! `watchfire respond escalate`: alerts handed on with all that is known of them.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::Value;
use watchfire_triage::{escalation, to_json, to_markdown};

use super::act::Approval;
use crate::exit::Exit;
use crate::intake::InputSummary;
use crate::triage::{AlertChoice, EventOptions, answer, load_rules, uuid_of};

/// Hands alerts on to whoever takes over: one message to a webhook, with the alerts, their guides answered and the evidence, as
/// JSON and as Markdown.
///
/// The address is in `WATCHFIRE_ESCALATION_URL`; `WATCHFIRE_ESCALATION_TOKEN` is sent as a bearer token if it is set.
#[derive(Debug, clap::Args)]
pub(super) struct Escalate {
    #[command(flatten)]
    alerts: AlertChoice,
    /// What it is about.
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// What whoever takes over should know first.
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Rule files, folders of rules, whose guides are taken. Else the guide is that in the alert.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Sends this many events of each answer.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    size: usize,
    #[command(flatten)]
    approval: Approval,
    #[command(flatten)]
    events: EventOptions,
}

impl Escalate {
    pub(super) fn escalate(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let rules = load_rules(&self.rules, log)?;
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let reader = self.events.reader()?;
        let chosen = alerts.chosen();
        let (answered, account) = answer(&reader, &chosen, &alerts.all, &rules, self.size)?;
        let markdown: Vec<String> = answered.iter().map(to_markdown).collect();
        let bundle: Vec<Value> = chosen
            .iter()
            .zip(&answered)
            .map(|(alert, answered)| {
                let mut value = to_json(answered);
                value["document"] = Value::Object((*alert).clone());
                value
            })
            .collect();
        let plan = escalation(&self.title, &self.message, &bundle, &markdown.join("\n---\n\n"));
        let uuids = chosen.iter().map(|alert| uuid_of(alert)).collect();
        let summary = InputSummary::new(&account);
        summary.write(log)?;
        alerts.tell_rest("in it", log)?;
        let is_complete = summary.is_clean() && alerts.unread == 0;
        self.approval.show_or_send(&vec![(plan, uuids)], is_complete, out, log)
    }
}
