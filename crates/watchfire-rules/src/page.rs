//! The page of a rule: everything it says, as Markdown for people (detection-engine §8).
//!
//! ```text
//! title, description ─ table of facts ─ ATT&CK ─ false positives ─ guide with its queries ─ setup ─ query ─ needs
//! ```
//!
//! Unlike the published pages of Elastic's rules it also shows the settings of the rule's type, its filters, the time an
//! execution covers, and the guide's queries. Rules are hostile: what is text in a rule is text on the page.

mod guide;
mod html;
mod index;
mod markdown;
mod published;
mod settings;
mod text;

use std::fmt::Write;

pub use self::html::to_html;
pub use self::index::index;
use self::markdown::{contained, without_own_heading};
pub use self::published::{Additions, file_stem, published};
use self::text::{address, codes, link, paragraphs};
pub use self::text::{code, plain};
use crate::format::RuleFile;
use crate::model::{EventSource, Rule, RuleKind, ThreatEntry};

/// What stands where a rule says nothing.
const NONE: &str = "none";

/// The page of a rule. The same rule gives the same page, byte for byte.
pub fn markdown(file: &RuleFile) -> String {
    let rule = file.to_api();
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n\n{}\n", plain(&rule.name), paragraphs(&rule.description));
    write_facts(&rule, file, &mut out);
    write_attack(rule.threat(), &mut out);
    write_list("False positives", rule.false_positives().iter().map(|text| paragraph_item(text)), &mut out);
    if let Some(note) = rule.note.as_deref().filter(|note| !note.trim().is_empty()) {
        guide::write(note, &mut out);
    }
    if !rule.setup().trim().is_empty() {
        let _ = writeln!(out, "## Setup\n\n{}", contained(without_own_heading(rule.setup(), "setup"), 2));
    }
    settings::write(&rule, &mut out);
    write_list("Related integrations", packages(&rule), &mut out);
    write_list("Required fields", fields(&rule), &mut out);
    write_list("References", rule.references().iter().map(|reference| address(reference)), &mut out);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn packages(rule: &Rule) -> impl Iterator<Item = String> {
    rule.related_integrations().iter().map(|needed| {
        let part = needed.integration.as_ref().map(|part| format!(", {}", code(part))).unwrap_or_default();
        format!("{}{part}, version {}", code(&needed.package), code(&needed.version))
    })
}

fn fields(rule: &Rule) -> impl Iterator<Item = String> {
    rule.required_fields().iter().map(|field| {
        let ecs = if field.ecs == Some(true) { ", an ECS field" } else { "" };
        format!("{} ({}){ecs}", code(&field.name), code(&field.field_type))
    })
}

fn write_facts(rule: &Rule, file: &RuleFile, out: &mut String) {
    let mut facts: Vec<(&str, String)> = vec![
        ("Rule id", rule.rule_id.as_ref().map_or(NONE.to_owned(), |id| code(id.as_str()))),
        ("Rule type", code(rule.kind.rule_type().as_str())),
        ("Language", rule.kind.language().map_or(NONE.to_owned(), |language| code(language.as_str()))),
        ("Rule indices", indices(rule)),
        ("Severity", severity(rule)),
        ("Risk score", risk_score(rule)),
        ("Runs every", stated(rule.interval.is_some(), code(&rule.interval().to_string()))),
        ("Searches", window(rule)),
        ("Time of an event", event_time(rule)),
        ("Maximum alerts per execution", stated(rule.max_signals.is_some(), rule.max_signals().to_string())),
        ("Tags", texts(rule.tags())),
        ("Authors", texts(rule.author())),
        ("License", rule.license.as_deref().map_or(NONE.to_owned(), plain)),
        ("Version", stated(rule.version.is_some(), rule.version().to_string())),
    ];
    if let Some(field) = &rule.rule_name_override {
        facts.push(("Name of an alert", format!("the value of {}", code(field))));
    }
    if rule.is_building_block() {
        facts.push(("Building block", "yes: its alerts only feed other rules".to_owned()));
    }
    if !rule.investigation_fields().is_empty() {
        facts.push(("Highlighted fields", codes(rule.investigation_fields())));
    }
    if !rule.exceptions_list().is_empty() {
        facts.push(("Exception lists", codes(rule.exceptions_list().iter().map(|list| &list.list_id))));
    }
    if let Some(title) = &rule.timeline_title {
        facts.push(("Timeline", plain(title)));
    }
    if let Some(metadata) = &file.metadata {
        let dates = format!("{}, last changed {}", metadata.creation_date, metadata.updated_date);
        facts.push(("Written", dates));
        if let Some(maturity) = metadata.maturity {
            facts.push(("Maturity", maturity.to_string()));
        }
        if let Some(version) = &metadata.min_stack_version {
            facts.push(("Oldest Elastic Stack", plain(version)));
        }
    }
    out.push_str("| | |\n|---|---|\n");
    for (name, value) in facts {
        let _ = writeln!(out, "| **{name}** | {value} |");
    }
    out.push('\n');
}

fn stated(is_stated: bool, value: String) -> String {
    if is_stated { value } else { format!("{value} by default") }
}

fn texts(texts: &[String]) -> String {
    if texts.is_empty() {
        return NONE.to_owned();
    }
    texts.iter().map(|text| plain(text)).collect::<Vec<_>>().join(", ")
}

fn indices(rule: &Rule) -> String {
    match (rule.kind.source(), &rule.kind) {
        (Some(EventSource { data_view_id: Some(view), .. }), _) => format!("data view {}", code(view)),
        (Some(source), _) if source.index().is_empty() => "the default ones".to_owned(),
        (Some(source), _) => codes(source.index()),
        (None, RuleKind::Esql(_)) => "named in the query".to_owned(),
        (None, _) => NONE.to_owned(),
    }
}

fn severity(rule: &Rule) -> String {
    let mut text = rule.severity.to_string();
    for mapping in rule.severity_mapping() {
        let (field, value) = (code(&mapping.field), code(&mapping.value));
        let _ = write!(text, "; {} if {field} is {value}", mapping.severity);
    }
    text
}

fn risk_score(rule: &Rule) -> String {
    let mut text = rule.risk_score.get().to_string();
    for mapping in rule.risk_score_mapping() {
        let _ = write!(text, "; the value of {} where there is one", code(&mapping.field));
    }
    text
}

/// The searched window, and how it relates to the time between two executions.
fn window(rule: &Rule) -> String {
    let (from, to) = (rule.from(), rule.to());
    let range = format!("{} to {}", code(&from.to_string()), code(&to.to_string()));
    let range = stated(rule.from.is_some(), range);
    let covered = from.seconds_before_now().zip(to.seconds_before_now()).map(|(from, to)| from - to);
    let Some(covered) = covered.and_then(|seconds| u64::try_from(seconds).ok()) else { return range };
    let interval = rule.interval().seconds();
    match covered.cmp(&interval) {
        std::cmp::Ordering::Less => {
            format!("{range}; never searched: {} of each interval", duration(interval - covered))
        }
        std::cmp::Ordering::Equal => format!("{range}; nothing is searched twice"),
        std::cmp::Ordering::Greater => {
            format!(
                "{range}; {} are searched again, for events that arrive late",
                duration(covered - interval)
            )
        }
    }
}

/// A length of time in words.
fn duration(seconds: u64) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let (name, length) =
        units.into_iter().find(|(_, length)| seconds.is_multiple_of(*length)).unwrap_or(("second", 1));
    let count = seconds / length;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

fn event_time(rule: &Rule) -> String {
    match &rule.timestamp_override {
        Some(field) if rule.falls_back_to_timestamp() => format!("{}, else `@timestamp`", code(field)),
        Some(field) => code(field),
        None => "`@timestamp`".to_owned(),
    }
}

fn write_attack(threat: &[ThreatEntry], out: &mut String) {
    let mut framework = "";
    for entry in threat {
        if entry.framework != framework {
            framework = &entry.framework;
            let blank = if out.ends_with("\n\n") { "" } else { "\n" };
            let _ = writeln!(out, "{blank}## {}\n", plain(framework));
        }
        let line = |id: &str, name: &str, reference: &str| format!("{} {}", link(id, reference), plain(name));
        let tactic = &entry.tactic;
        let _ = writeln!(out, "- {}", line(&tactic.id, &tactic.name, &tactic.reference));
        for technique in &entry.techniques {
            let _ = writeln!(out, "  - {}", line(&technique.id, &technique.name, &technique.reference));
            for narrower in &technique.subtechniques {
                let _ = writeln!(out, "    - {}", line(&narrower.id, &narrower.name, &narrower.reference));
            }
        }
    }
    if !threat.is_empty() {
        out.push('\n');
    }
}

fn write_list(title: &str, items: impl Iterator<Item = String>, out: &mut String) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "## {title}\n");
    for item in items {
        let _ = writeln!(out, "- {item}");
    }
    out.push('\n');
}

/// A text of several paragraphs inside a list.
fn paragraph_item(text: &str) -> String {
    paragraphs(text).replace("\n\n", "\n\n  ")
}
