//! `watchfire rules list`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_rules::model::{EventSource, QueryLanguage, Rule, RuleId, RuleType, Severity};

use super::{Loaded, NamedRule};
use crate::exit::Exit;
use crate::scan::selection::Selection;
use crate::terminal::escape_controls;

/// Lists rules, in the order of their files.
///
/// All options that choose must fit; of one option given several times, one must.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire rules list detection-rules/rules --technique T1059 --severity high
  watchfire rules list export.ndjson --text netsupport --format ndjson

Exit codes:
  0  done
  1  done, but some file could not be used
  2  wrong usage")]
pub(super) struct List {
    /// Rule files and folders of rules; `-` alone is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How the rules are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    selection: Selection,
    /// Only rules of one of these types, such as `eql` or `new_terms`.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<RuleType>,
    /// Only rules of one of these severities.
    #[arg(long = "severity", value_name = "SEVERITY")]
    severities: Vec<Severity>,
    /// Only rules with this text, in any case, in their name, description or query.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// How rules are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people: severity, risk score, type, id and name.
    Table,
    /// One JSON list.
    Json,
    /// One JSON object a line.
    Ndjson,
}

impl List {
    pub(super) fn list(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let loaded = Loaded::from_paths(&self.paths, log)?;
        let all: Vec<&Rule> = loaded.rules.iter().map(|rule| &rule.content.rule).collect();
        for (option, value) in self.selection.unknown(&all) {
            writeln!(log, "no rule has `{value}` ({option})")?;
        }
        let chosen: Vec<&NamedRule> =
            loaded.rules.iter().filter(|rule| self.takes(&rule.content.rule)).collect();
        match self.format {
            Format::Table => table(&chosen, out)?,
            Format::Json => {
                let objects: Vec<Value> = chosen.iter().map(|rule| summary(rule)).collect();
                serde_json::to_writer_pretty(&mut *out, &objects)?;
                writeln!(out)?;
            }
            Format::Ndjson => {
                for rule in &chosen {
                    writeln!(out, "{}", summary(rule))?;
                }
            }
        }
        out.flush()?;
        writeln!(
            log,
            "rules: {} of {} shown; {} files failed, {} are no rules",
            chosen.len(),
            all.len(),
            loaded.failed,
            loaded.not_rules
        )?;
        Ok(loaded.exit())
    }

    fn takes(&self, rule: &Rule) -> bool {
        let has_text = |text: &String| {
            let wanted = text.to_lowercase();
            let query = rule.kind.query().map_or("", |query| query.text.as_str());
            [&rule.name, &rule.description, query].iter().any(|part| part.to_lowercase().contains(&wanted))
        };
        self.selection.takes(rule)
            && (self.types.is_empty() || self.types.contains(&rule.kind.rule_type()))
            && (self.severities.is_empty() || self.severities.contains(&rule.severity))
            && self.text.as_ref().is_none_or(has_text)
    }
}

/// Columns as wide as their widest cell; the name stands last, since it may be long and in any script.
fn table(rules: &[&NamedRule], out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<[String; 5]> = rules
        .iter()
        .map(|NamedRule { content, .. }| {
            let rule = &content.rule;
            [
                rule.severity.to_string(),
                rule.risk_score.get().to_string(),
                rule.kind.rule_type().to_string(),
                rule.rule_id.as_ref().map_or_else(|| "-".to_owned(), |id| escape_controls(id.as_str())),
                escape_controls(&rule.name),
            ]
        })
        .collect();
    let title = ["SEVERITY", "RISK", "TYPE", "ID", "NAME"].map(str::to_owned);
    if cells.is_empty() {
        return Ok(());
    }
    let width = |column: usize| {
        let of = |row: &[String; 5]| row[column].chars().count();
        cells.iter().chain([&title]).map(of).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for row in [&title].into_iter().chain(&cells) {
        for (cell, width) in row.iter().zip(widths) {
            write!(out, "{cell:width$}  ")?;
        }
        writeln!(out, "{}", row[4])?;
    }
    Ok(())
}

/// What a program may want to choose by. The keys are stable.
fn summary(rule: &NamedRule) -> Value {
    let NamedRule { file, content } = rule;
    let rule = &content.rule;
    let mut techniques = Vec::new();
    for technique in rule.threat().iter().flat_map(|entry| &entry.techniques) {
        techniques.push(technique.id.as_str());
        techniques.extend(technique.subtechniques.iter().map(|narrower| narrower.id.as_str()));
    }
    let tactics: Vec<&str> = rule.threat().iter().map(|entry| entry.tactic.id.as_str()).collect();
    json!({
        "rule_id": rule.rule_id.as_ref().map(RuleId::as_str),
        "name": rule.name,
        "type": rule.kind.rule_type().as_str(),
        "language": rule.kind.language().map(QueryLanguage::as_str),
        "severity": rule.severity.as_str(),
        "risk_score": rule.risk_score.get(),
        "tags": rule.tags(),
        "tactics": tactics,
        "techniques": techniques,
        "index": rule.kind.source().map(EventSource::index).unwrap_or_default(),
        "building_block": rule.is_building_block(),
        "file": file,
    })
}
