//! Carrying out plans that were approved, each step recorded before and after.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::json;
use watchfire_actions::ResponseClient;
use watchfire_triage::{CallError, Calls, Outcome, Plan, Reply, Request, Undo};

use super::act::Approval;
use super::record::Record;
use crate::case::note;
use crate::doing::Doing;
use crate::exit::Exit;
use crate::terminal::escape_controls;

/// Time between two looks whether something has been done.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Most characters of an answer that are recorded.
const MOST_OF_ANSWER: usize = 2_000;

impl Approval {
    /// Carries out what was approved.
    pub(super) fn send(
        &self,
        approved: &[&(Plan, Vec<String>)],
        out: &mut dyn Write,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let approved_by = self.approved_by.as_deref().unwrap_or_default();
        let mut exit = Exit::Success;
        for (plan, alerts) in approved {
            let value = |name: &str| std::env::var(name).ok();
            let client = match ResponseClient::new(plan.settings, value, Duration::from_secs(self.timeout)) {
                Ok(client) => client,
                Err(error) => {
                    writeln!(log, "{}: nothing was sent: {error}", plan.title)?;
                    exit = Exit::Problems;
                    continue;
                }
            };
            let by = self.doing.by();
            let mut record = Record::open(&self.record, plan, &by, approved_by, alerts)?;
            record.write(self.doing.at(), "approved", json!({ "requests": plan.to_text(usize::MAX) }))?;
            let mut calls = Recorded {
                client,
                record: &mut record,
                doing: &self.doing,
                until: Instant::now() + Duration::from_secs(self.wait),
            };
            let outcome = plan.carry_out(&mut calls);
            // What was done is told even if it cannot be recorded any more.
            writeln!(out, "{}: {}", plan.title, outcome)?;
            let undo = match &outcome {
                Outcome::Failed { may_have_acted: false, .. } => "nothing is to be undone".to_owned(),
                _ => undo_words(plan, alerts),
            };
            writeln!(out, "  {undo}")?;
            out.flush()?;
            record.end(self.doing.at(), &outcome)?;
            if let Some(case) = &self.case {
                let text = format!(
                    "{}: {} (plan {}, approved by {}); {undo}",
                    plan.title,
                    outcome.name(),
                    plan.id(),
                    approved_by
                );
                note(case, text, &self.doing)?;
            }
            if matches!(outcome, Outcome::Failed { .. }) {
                exit = Exit::Problems;
            }
        }
        Ok(exit)
    }
}

fn undo_words(plan: &Plan, alerts: &[String]) -> String {
    match plan.undo {
        Undo::By(order) => {
            let uuid = alerts.first().map_or("", String::as_str);
            let agent = plan.agent.as_deref().unwrap_or_default();
            let undo = format!(
                "undone by: watchfire respond {order} ALERTS --uuid {uuid} --through {} --agent {agent}",
                plan.through
            );
            escape_controls(&undo)
        }
        Undo::None => "it cannot be undone".to_owned(),
    }
}

/// Calls that are recorded.
struct Recorded<'a> {
    client: ResponseClient,
    record: &'a mut Record,
    doing: &'a Doing,
    until: Instant,
}

impl Calls for Recorded<'_> {
    fn call(&mut self, what: &str, acts: bool, request: &Request) -> Result<Reply, CallError> {
        let sent = json!({ "step": what, "request": request.to_text() });
        if acts {
            let written = self.record.write(self.doing.at(), "sending", sent.clone());
            written.map_err(|error| CallError::NotSent(error.to_string()))?;
        }
        let reply = self.client.send(request);
        let mut said = sent;
        match &reply {
            Ok(reply) => {
                said["status"] = json!(reply.status);
                // What a token service answers is a secret.
                if reply.body.get("access_token").is_none() {
                    let text: String = reply.body.to_string().chars().take(MOST_OF_ANSWER).collect();
                    said["answer"] = json!(text);
                }
            }
            Err(CallError::NotSent(why) | CallError::NoAnswer(why)) => said["error"] = json!(why),
        }
        let written = self.record.write(self.doing.at(), "answered", said);
        written.map_err(|error| CallError::NoAnswer(error.to_string()))?;
        reply
    }

    fn look_again(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(BETWEEN_LOOKS.min(left));
        true
    }
}
