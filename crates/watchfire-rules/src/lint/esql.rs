//! Whether the rows of an ES|QL query are events, and can be told apart.

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_esql::ast::{Command, CommandKind, NamePattern, SourceKind};

use crate::codes;
use crate::format::RuleFile;
use crate::model::RuleKind;

/// What identifies an event.
const IDENTITY: [&str; 3] = ["_id", "_version", "_index"];

pub(super) fn check(file: &RuleFile, found: &mut Vec<Diagnostic>) {
    let RuleKind::Esql(rule) = &file.rule.kind else { return };
    let Some(query) = watchfire_esql::parse(&rule.query.text).query else { return };
    let SourceKind::From { patterns, metadata } = &query.source.kind else { return };
    // What another command would make of the rows is not known.
    let is_other = |command: &Command| {
        matches!(command.kind, CommandKind::Stats { inline: false, .. } | CommandKind::Unsupported(_))
    };
    if query.commands.iter().any(is_other) {
        return;
    }
    let mut report = |message: String, place: Span, label: &str| {
        let diagnostic = Diagnostic::warning(codes::ESQL_IDENTITY, message).at(place, label);
        found.push(rule.query.in_file(diagnostic));
    };
    let missing: Vec<String> = IDENTITY
        .into_iter()
        .filter(|name| !metadata.iter().any(|column| column.name == *name))
        .map(|name| format!("`{name}`"))
        .collect();
    let last = metadata.last().map(|column| column.span).or(patterns.last().map(|pattern| pattern.span));
    if let (false, Some(last)) = (missing.is_empty(), last) {
        let message = format!("ES|QL without `STATS` has no {} behind `METADATA`", missing.join(", "));
        report(message, last, "here ends `FROM`");
    }
    let kept = query.commands.iter().rev().find_map(|command| match &command.kind {
        CommandKind::Keep(patterns) => Some((command, patterns)),
        _ => None,
    });
    match kept {
        None => {
            let message = "ES|QL without `STATS` has no `KEEP`".to_owned();
            report(message, name_of(query.source.span, "FROM"), "all columns become fields of the alert");
        }
        Some((keep, patterns)) if missing.is_empty() && !patterns.iter().any(may_keep_id) => {
            let message = "`KEEP` drops `_id`, so the event alerts again in the next execution".to_owned();
            report(message, name_of(keep.span, "KEEP"), "without `_id`");
        }
        Some(_) => {}
    }
}

/// The place of a command's name.
fn name_of(command: Span, name: &str) -> Span {
    let start = command.start as usize;
    Span::new(start, start + name.len())
}

/// Whether a pattern is `_id`, or may stand for it.
fn may_keep_id(pattern: &NamePattern) -> bool {
    match pattern.name() {
        Some(name) => name == "_id",
        None => pattern.parts.first().is_some_and(|start| "_id".starts_with(start.as_str())),
    }
}
