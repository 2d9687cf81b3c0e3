//! An export among the loaded files: each rule is one by itself, the rest stays together.

use watchfire_diagnostics::{Diagnostic, Severity, SourceText, SpanMap};

use super::{Fate, LoadedFile};
use crate::codes;
use crate::format::ndjson::{self, LineContent, LineKind, ParsedExport};
use crate::model::Export;

/// The most lines without use that are shown one by one; a file of something else has nothing but such lines.
pub const MAX_USELESS_LINES_SHOWN: usize = 5;

/// Takes an export apart. The lines bear its name, and count as it does.
pub(super) fn load(name: &str, text: &str) -> Vec<LoadedFile> {
    let parsed = ndjson::parse(text);
    if parsed.lines.iter().all(|line| line.kind.is_none()) {
        return vec![not_an_export(name, text, &parsed)];
    }
    let (mut loaded, mut others) = (Vec::new(), Vec::new());
    let (mut rules, mut useless) = (0, 0);
    for line in parsed.lines {
        rules += usize::from(line.kind == Some(LineKind::Rule));
        useless += usize::from(line.kind.is_none());
        let (fate, content) = match line.content {
            Some(LineContent::Rule(file)) => (Fate::Loaded, Some(*file)),
            Some(other) => {
                others.push(other);
                (Fate::NotARule, None)
            }
            None => (Fate::Failed, None),
        };
        let has_news = fate != Fate::NotARule || !line.diagnostics.is_empty();
        if has_news && (line.kind.is_some() || useless <= MAX_USELESS_LINES_SHOWN) {
            let source = SourceText::new(name, line.text).starting_at_line(line.number);
            loaded.push(LoadedFile { source, fate, content, export: None, diagnostics: line.diagnostics });
        }
    }
    loaded.extend(remainder(name, others.into_iter().collect(), rules, useless));
    loaded
}

fn not_an_export(name: &str, text: &str, parsed: &ParsedExport<'_>) -> LoadedFile {
    let count = counted(parsed.lines.len(), "line");
    let message = format!("not an export of rules: {count}, none of them a rule or what belongs to one");
    let mut diagnostics = vec![Diagnostic::error(codes::NOT_A_RULE, message)];
    if let Some(broken) = parsed.lines.iter().find(|line| line.has_code(codes::JSON_SYNTAX)) {
        let before = broken.offset;
        let map = SpanMap::shifted(before);
        diagnostics.extend(broken.diagnostics.iter().map(|diagnostic| diagnostic.clone().mapped(&map)));
    }
    LoadedFile {
        source: SourceText::new(name, text),
        fate: Fate::NotARule,
        content: None,
        export: None,
        diagnostics,
    }
}

/// What an export holds beside its rules, and what there is to say of it as a whole.
fn remainder(name: &str, export: Export, rules: usize, useless: usize) -> Option<LoadedFile> {
    let Export { exception_lists: lists, exception_items: items, connectors, .. } = &export;
    let mut diagnostics = Vec::new();
    if lists.len() + items.len() + connectors.len() > 0 {
        let message = format!(
            "beside {} the export holds {}, {} and {}",
            counted(rules, "rule"),
            counted(lists.len(), "exception list"),
            counted(items.len(), "exception item"),
            counted(connectors.len(), "connector")
        );
        diagnostics.push(Diagnostic::new(codes::NOT_A_RULE, Severity::Note, message));
    }
    if useless > MAX_USELESS_LINES_SHOWN {
        let further = useless - MAX_USELESS_LINES_SHOWN;
        let message = format!("{} of unknown kind left out as well", counted(further, "further line"));
        diagnostics.push(Diagnostic::error(codes::UNKNOWN_LINE, message));
    }
    if rules == 0 {
        diagnostics.push(Diagnostic::warning(codes::NO_RULES, "the export holds no rule"));
    }
    if diagnostics.is_empty() {
        return None;
    }
    let fate = if useless > MAX_USELESS_LINES_SHOWN { Fate::Failed } else { Fate::NotARule };
    let source = SourceText::new(name, "");
    Some(LoadedFile { source, fate, content: None, export: Some(Box::new(export)), diagnostics })
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
