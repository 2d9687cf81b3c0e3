//! What a set of alerts comes to: hosts in the order of the intrusion, traces to look for elsewhere, and next steps.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};
use watchfire_events::Timestamp;
use watchfire_rules::model::Severity;

use crate::event_text::field_text;
use crate::scan::Found;
use crate::terminal::escape_controls;

/// Kinds of traces that are worth a search on other hosts: heading, the event categories they are taken from, and the
/// field.
const TRACES: &[(&str, &str, &str)] = &[
    ("Addresses and names contacted", "network", "destination.ip"),
    ("Addresses and names contacted", "network", "destination.domain"),
    ("Programs that ran", "process", "process.executable"),
    ("Programs that ran", "network", "process.executable"),
    ("Files written", "file", "file.path"),
    ("Registry values set", "registry", "registry.path"),
    ("Services installed", "", "service.name"),
    ("Services installed", "", "winlog.event_data.ServiceName"),
];

/// Tools of the system itself: that they ran is no trace of its own.
const SYSTEM_FOLDER: &str = "\\windows\\system";

#[derive(Default)]
struct HostCase {
    alerts: u64,
    worst: Option<Severity>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    users: BTreeSet<String>,
    /// Tactics in the order in which their alerts came.
    tactics: Vec<String>,
}

/// Gathers alerts.
#[derive(Default)]
pub(crate) struct CaseReport {
    hosts: BTreeMap<String, HostCase>,
    traces: BTreeMap<&'static str, BTreeSet<String>>,
    /// By rule, the number of alerts and the severity.
    rules: BTreeMap<String, (u64, Severity)>,
    alerts: u64,
    /// The id of the first alert of the tool that the story is about.
    founding: Option<String>,
    /// The id of the alert of the help desk's own session, and its host.
    session: Option<(String, String)>,
}

/// The name of the rule that such an alert is of.
const FOUNDING_RULE: &str = "NetSupport Client Running from a User-Writable Folder";

/// What starts sessions of the help desk, in lower case.
const DEPLOYMENT_AGENT: &str = "\\ferry-agent.exe";

impl CaseReport {
    /// The id of the alert of the help desk's own session.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_ref().map(|(id, _)| id.as_str())
    }

    /// The id of the alert that is followed further.
    pub(crate) fn founding(&self) -> Option<&str> {
        self.founding.as_deref()
    }

    /// Takes an alert. They come in the order of their time.
    pub(crate) fn alert(&mut self, found: &Found) {
        let fields = found.alert.fields();
        let text = |name: &str| field_text(&fields, name);
        self.alerts += 1;
        let is_of_help_desk = text("process.parent.executable").to_lowercase().ends_with(DEPLOYMENT_AGENT);
        if is_of_help_desk && text("kibana.alert.rule.name") == FOUNDING_RULE {
            self.session = Some((text("kibana.alert.uuid"), found.alert.host.clone()));
            return;
        }
        let host = self.hosts.entry(found.alert.host.clone()).or_default();
        host.alerts += 1;
        host.worst = host.worst.max(Some(found.severity));
        host.first = host.first.or(found.alert.time);
        host.last = found.alert.time.or(host.last);
        let user = text("user.name");
        if !user.is_empty() && !user.eq_ignore_ascii_case("SYSTEM") {
            host.users.insert(user);
        }
        for tactic in tactics(&fields) {
            if !host.tactics.contains(&tactic) {
                host.tactics.push(tactic);
            }
        }
        let rule = text("kibana.alert.rule.name");
        if rule == FOUNDING_RULE && self.founding.is_none() {
            self.founding = Some(text("kibana.alert.uuid"));
        }
        self.rules.entry(rule).or_insert((0, found.severity)).0 += 1;
        let category = text("event.category");
        for &(heading, wanted, field) in TRACES {
            let value = text(field);
            let of_category = wanted.is_empty() || category.split(", ").any(|one| one == wanted);
            if of_category && !value.is_empty() && !value.to_lowercase().contains(SYSTEM_FOLDER) {
                self.traces.entry(heading).or_default().insert(value);
            }
        }
    }

    /// Writes what was found and what to do; `kept` is the folder where the files of the demo stay.
    pub(crate) fn write(&self, out: &mut dyn Write, kept: Option<&Path>) -> io::Result<()> {
        let mut hosts: Vec<(&String, &HostCase)> = self.hosts.iter().collect();
        hosts.sort_by_key(|(name, case)| (case.first, *name));
        writeln!(
            out,
            "\nWHAT WAS FOUND\n\n{} alerts; {} of them are an intrusion on {} hosts, in this order:\n",
            self.alerts,
            hosts.iter().map(|(_, case)| case.alerts).sum::<u64>(),
            hosts.len()
        )?;
        for (at, (name, case)) in hosts.iter().enumerate() {
            let time = |time: Option<Timestamp>| {
                time.map_or_else(|| "?".to_owned(), |time| time.to_iso_millis()[11..19].to_owned())
            };
            writeln!(
                out,
                "{}. {}: {} alerts from {} to {} UTC, {} at worst",
                at + 1,
                escape_controls(name),
                case.alerts,
                time(case.first),
                time(case.last),
                case.worst.map_or_else(String::new, |worst| worst.to_string())
            )?;
            let users: Vec<String> = case.users.iter().map(|user| escape_controls(user)).collect();
            writeln!(
                out,
                "   users: {}",
                if users.is_empty() { "none but SYSTEM".to_owned() } else { users.join(", ") }
            )?;
            writeln!(out, "   tactics: {}", case.tactics.join(" → "))?;
        }
        if let Some((_, host)) = &self.session {
            writeln!(
                out,
                "\nOne more is none: on {} the help desk's deployment agent started the vendor's own program, and it\n\
                 connected to the company's own gateway. An exception keeps it silent, and nothing else.",
                escape_controls(host)
            )?;
        }
        for (heading, values) in &self.traces {
            writeln!(out, "\n{heading}:")?;
            for value in values {
                writeln!(out, "  {}", escape_controls(value))?;
            }
        }
        self.next_steps(&hosts, out, kept)
    }

    fn next_steps(
        &self,
        hosts: &[(&String, &HostCase)],
        out: &mut dyn Write,
        kept: Option<&Path>,
    ) -> io::Result<()> {
        let names: Vec<String> = hosts.iter().map(|(name, _)| escape_controls(name)).collect();
        let users: BTreeSet<&String> = hosts.iter().flat_map(|(_, case)| &case.users).collect();
        let users: Vec<String> = users.into_iter().map(|user| escape_controls(user)).collect();
        writeln!(out, "\nWHAT TO DO NEXT\n")?;
        writeln!(
            out,
            "1. Cut {} off the network, and keep them running: memory holds evidence.",
            names.join(", ")
        )?;
        writeln!(
            out,
            "2. End the sessions of {}, and change their passwords from a clean machine.",
            users.join(", ")
        )?;
        writeln!(out, "3. Copy the files named above before anything removes them, and note their hashes.")?;
        writeln!(out, "4. Look for the same addresses, files and registry values on every other host.")?;
        writeln!(
            out,
            "5. Undo what keeps the intruder in: services, tasks, run values, accounts, exclusions."
        )?;
        writeln!(
            out,
            "6. The roll-out from the software server is the same tool, installed as it should be: no rule"
        )?;
        writeln!(
            out,
            "   fired on it. Ask whoever ran it, and the session of the help desk, so that both stay known."
        )?;
        let folder = kept.map_or_else(|| "DIR".to_owned(), |folder| folder.display().to_string());
        let rule = self.rules.iter().max_by_key(|(_, (number, severity))| (*severity, *number));
        writeln!(out, "\nGo on from here:")?;
        if kept.is_none() {
            writeln!(out, "  watchfire demo --output DIR        keeps the records, rules and alerts")?;
        }
        if let Some((name, _)) = rule {
            writeln!(out, "  watchfire rules show '{}' {folder}/rules", escape_controls(name))?;
        }
        writeln!(out, "  watchfire scan {folder}/logs --rules {folder}/rules --format csv")?;
        writeln!(out, "  watchfire hunt 'process where process.name : \"client32.exe\"' {folder}/logs")
    }
}

fn tactics(fields: &Map<String, Value>) -> Vec<String> {
    let entries = fields.get("kibana.alert.rule.threat").and_then(Value::as_array);
    let names = entries.into_iter().flatten().filter_map(|entry| entry["tactic"]["name"].as_str());
    names.map(str::to_owned).collect()
}
