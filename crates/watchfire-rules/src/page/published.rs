//! The page of a rule in the layout of the published pages of prebuilt rules (detection-engine §8), part by part, and
//! behind it what those leave out.
//!
//! ```text
//! title, description ─ facts, one a paragraph ─ guide, its searches as tables with commands ─ setup ─ query ─ framework
//! then: what makes an alert ─ settings of the type, filters ─ schedule ─ false positives ─ packages ─ fields
//! ```

use std::fmt::Write;

use super::guide::{Guide, relation, searched_time};
use super::markdown::{contained, without_own_heading};
use super::text::{address, code, code_block, codes, line, paragraphs, plain};
use super::{NONE, event_time, fields, packages, paragraph_item, risk_score, settings, severity, window};
use crate::format::RuleFile;
use crate::model::{EventSource, Investigation, Rule, RuleMetadata, ThreatEntry};

/// Longest file name without its extension, in characters.
const MOST_FILE_STEM: usize = 150;

/// What a page says beyond its rule file, told by who knows what queries mean.
pub struct Additions<'a> {
    /// The fields that the query and its filters ask of, with their types: what a page shows where the rule does not
    /// list them itself.
    pub fields: Vec<(String, String)>,
    /// The command that runs a search of the guide, if one can say it.
    pub command: &'a dyn Fn(&Investigation) -> Option<String>,
}

/// The name of a rule's page, without an extension: lower case, all but letters and digits one `-`.
pub fn file_stem(rule: &Rule) -> String {
    let mut stem = String::new();
    for character in rule.name.to_lowercase().chars().take(MOST_FILE_STEM) {
        if character.is_alphanumeric() {
            stem.push(character);
        } else if !stem.ends_with('-') {
            stem.push('-');
        }
    }
    if stem.trim_matches('-').is_empty() { "rule".to_owned() } else { stem }
}

/// The page. The same rule gives the same page, byte for byte.
pub fn published(file: &RuleFile, additions: &Additions<'_>) -> String {
    let rule = file.to_api();
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n\n{}\n", plain(&rule.name), paragraphs(&rule.description));
    write_facts(&rule, &mut out);
    if let Some(note) = rule.note.as_deref().filter(|note| !note.trim().is_empty()) {
        write_guide(note, additions, &mut out);
    }
    if !rule.setup().trim().is_empty() {
        let _ = writeln!(out, "## Setup\n\n{}", contained(without_own_heading(rule.setup(), "setup"), 2));
    }
    if rule.kind.query().is_some() {
        out.push_str("## Rule query\n\n");
        settings::write_query(&rule, &mut out);
    }
    write_framework(rule.threat(), &mut out);
    write_more(&rule, file, additions, &mut out);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn write_facts(rule: &Rule, out: &mut String) {
    let indices = rule.kind.source().map(EventSource::index).unwrap_or_default();
    let list = |title: &str, items: Vec<String>, out: &mut String| {
        if items.is_empty() {
            let _ = writeln!(out, "**{title}**: {NONE}\n");
            return;
        }
        let _ = writeln!(out, "**{title}**:\n");
        for item in items {
            let _ = writeln!(out, "- {item}");
        }
        out.push('\n');
    };
    let fact = |title: &str, value: String, out: &mut String| {
        let _ = writeln!(out, "**{title}**: {value}\n");
    };
    let texts = |texts: &[String]| texts.iter().map(|text| line(text)).collect::<Vec<_>>();
    fact("Rule type", code(rule.kind.rule_type().as_str()), out);
    list("Rule indices", indices.iter().map(|pattern| code(pattern)).collect(), out);
    fact("Severity", rule.severity.to_string(), out);
    fact("Risk score", rule.risk_score.get().to_string(), out);
    fact("Runs every", rule.interval().to_string(), out);
    fact("Searches indices from", code(&rule.from().to_string()), out);
    fact("Maximum alerts per execution", rule.max_signals().to_string(), out);
    list("References", rule.references().iter().map(|reference| address(reference)).collect(), out);
    list("Tags", texts(rule.tags()), out);
    fact("Version", rule.version.map_or(NONE.to_owned(), |version| version.to_string()), out);
    list("Rule authors", texts(rule.author()), out);
    fact("Rule license", rule.license.as_deref().map_or(NONE.to_owned(), plain), out);
}

fn write_guide(note: &str, additions: &Additions<'_>, out: &mut String) {
    let guide = Guide::of(note);
    guide.write_text(out);
    if !guide.searches.is_empty() {
        out.push_str("### Searches\n\n");
        for (at, search) in guide.searches.iter().enumerate() {
            write_search(at + 1, search, (additions.command)(search), out);
        }
    }
    guide.write_hunts(out);
}

/// A search as a table of its conditions, and the command that runs it.
fn write_search(number: usize, search: &Investigation, command: Option<String>, out: &mut String) {
    let _ = writeln!(out, "**{number}. {}**: {}\n", plain(&search.label), searched_time(search));
    if let Some(description) = search.description.as_deref().filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(out, "{}\n", line(description));
    }
    out.push_str("| | field | of the events that are shown |\n|---|---|---|\n");
    for (at, group) in search.providers.iter().enumerate() {
        for (place, provider) in group.iter().enumerate() {
            let word = match (at, place) {
                (0, 0) => "",
                (_, 0) => "or",
                _ => "and",
            };
            let _ = writeln!(out, "| {word} | {} | {} |", code(&provider.field), relation(provider));
        }
    }
    out.push('\n');
    match command {
        Some(command) => {
            let _ = writeln!(out, "{}", code_block(&command, "sh"));
            if command.contains("{{") {
                out.push_str("Write the alert's own values in place of `{{…}}`.\n\n");
            }
        }
        None => out.push_str("No command can run this search.\n\n"),
    }
}

fn write_framework(threat: &[ThreatEntry], out: &mut String) {
    let mut framework = None;
    let entry = |what: &str, id: &str, name: &str, reference: &str, out: &mut String| {
        let _ = writeln!(out, "- {what}:\n  - Name: {}\n  - Id: {}", plain(name), plain(id));
        let _ = writeln!(out, "  - Reference URL: {}", address(reference));
    };
    for of in threat {
        if framework != Some(&of.framework) {
            framework = Some(&of.framework);
            let blank = if out.ends_with("\n\n") { "" } else { "\n" };
            let _ = writeln!(out, "{blank}## Framework: {}\n", plain(&of.framework));
        }
        entry("Tactic", &of.tactic.id, &of.tactic.name, &of.tactic.reference, out);
        for technique in &of.techniques {
            entry("Technique", &technique.id, &technique.name, &technique.reference, out);
            for narrower in &technique.subtechniques {
                entry("Sub-technique", &narrower.id, &narrower.name, &narrower.reference, out);
            }
        }
    }
    if !threat.is_empty() {
        out.push('\n');
    }
}

/// What the published pages leave out.
fn write_more(rule: &Rule, file: &RuleFile, additions: &Additions<'_>, out: &mut String) {
    let _ = writeln!(out, "## What makes an alert\n\n{}\n", settings::what_alerts(&rule.kind));
    settings::write_type_settings(rule, out);
    out.push_str("## Schedule and alerts\n\n");
    let mut facts = vec![("Covered window", window(rule)), ("Time of an event", event_time(rule))];
    if !rule.severity_mapping().is_empty() {
        facts.push(("Severity of an alert", severity(rule)));
    }
    if !rule.risk_score_mapping().is_empty() {
        facts.push(("Risk score of an alert", risk_score(rule)));
    }
    if let Some(field) = &rule.rule_name_override {
        facts.push(("Name of an alert", format!("the value of {}", code(field))));
    }
    if rule.is_building_block() {
        facts.push(("Building block", "yes: its alerts only feed other rules".to_owned()));
    }
    if !rule.exceptions_list().is_empty() {
        facts.push(("Exception lists", codes(rule.exceptions_list().iter().map(|list| &list.list_id))));
    }
    if !rule.investigation_fields().is_empty() {
        facts.push(("Highlighted fields", codes(rule.investigation_fields())));
    }
    for (title, value) in facts {
        let _ = writeln!(out, "- **{title}**: {value}");
    }
    out.push('\n');
    super::write_list("False positives", rule.false_positives().iter().map(|text| paragraph_item(text)), out);
    if rule.related_integrations().is_empty() {
        // What a release of the repository would compute the list from.
        let named = file.metadata.as_ref().map_or(&[][..], RuleMetadata::integrations);
        super::write_list("Related integrations", named.iter().map(|package| code(package)), out);
    } else {
        super::write_list("Related integrations", packages(rule), out);
    }
    if rule.required_fields().is_empty() {
        let found = additions.fields.iter().map(|(name, kind)| format!("{} ({})", code(name), code(kind)));
        super::write_list("Required fields", found, out);
    } else {
        super::write_list("Required fields", fields(rule), out);
    }
}
