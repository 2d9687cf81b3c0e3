//! Exports: one JSON object a line (detection-engine §1.4).
//!
//! ```text
//! text ─ parse ─► a line each: rule · exception list · exception item · connector · summary, or why it is none
//! Export ─ write ─► rules, exception lists, exception items, connectors, summary
//! ```
//!
//! Lines are told apart by what they hold, not by their order. Each is a text of its own: the places of its
//! diagnostics count from its start, so that a line of a large export can be shown, and imported, without the others.

mod lines;
mod summary;

use watchfire_diagnostics::{Code, Diagnostic, Severity};

use super::RuleFile;
use crate::document::{Syntax, json};
use crate::model::{ApiObject, Connector, ExceptionContainer, ExceptionItem, Export, ExportSummary, Rule};

/// The most rules of one export; Elastic's limit for imports, where it can be set.
pub const MAX_EXPORT_RULES: usize = 10_000;

/// What kind of object a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is described at the type of its content")]
pub enum LineKind {
    Rule,
    ExceptionList,
    ExceptionItem,
    Connector,
    Summary,
}

/// The object of a line.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is described at its type")]
pub enum LineContent {
    Rule(Box<RuleFile>),
    ExceptionList(ExceptionContainer),
    ExceptionItem(ExceptionItem),
    Connector(Connector),
    Summary(ExportSummary),
}

/// A line that is not blank.
#[derive(Clone, Debug)]
pub struct ExportLine<'t> {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Where it begins in the file, in bytes.
    pub offset: usize,
    /// Its text, without the line end.
    pub text: &'t str,
    /// What it is, if that can be told; also of a line that cannot be used.
    pub kind: Option<LineKind>,
    /// The object; absent if any of the line's diagnostics is an error.
    pub content: Option<LineContent>,
    /// Everything there is to say, with places in `text`.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of an export.
#[derive(Clone, Debug)]
pub struct ParsedExport<'t> {
    /// The lines, in order.
    pub lines: Vec<ExportLine<'t>>,
}

/// Reads an export. Never fails and never panics: a line that cannot be used says why, and the others are read.
pub fn parse(text: &str) -> ParsedExport<'_> {
    let mut lines = Vec::new();
    let (mut offset, mut rules) = (0, 0);
    for (at, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end_matches(['\n', '\r']);
        if !line.trim().is_empty() {
            let mut read = lines::read(at + 1, offset, line);
            rules += usize::from(read.kind == Some(LineKind::Rule));
            if read.kind == Some(LineKind::Rule) && rules > MAX_EXPORT_RULES {
                lines::refuse(&mut read);
            }
            lines.push(read);
        }
        offset += whole.len();
    }
    summary::check(&mut lines);
    ParsedExport { lines }
}

/// Whether a text is an export rather than one rule in JSON: several objects, or one that is no rule.
pub fn is_export(text: &str) -> bool {
    if Syntax::of(text) != Syntax::Json {
        return false;
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    match (json::parse_only(first, 0, first.len()).node, second) {
        (Some(node), None) => lines::kind(&node).is_some_and(|kind| kind != LineKind::Rule),
        (Some(_), Some(_)) => true,
        // The first line is broken: it is a line of its own if it closes its object, and the next opens another.
        (None, Some(second)) => first.ends_with('}') && second.starts_with('{'),
        (None, None) => false,
    }
}

impl ParsedExport<'_> {
    /// The objects that can be used; the summary is made anew when they are written.
    pub fn into_export(self) -> Export {
        self.lines.into_iter().filter_map(|line| line.content).collect()
    }
}

impl FromIterator<LineContent> for Export {
    fn from_iter<I: IntoIterator<Item = LineContent>>(contents: I) -> Self {
        let mut export = Self::default();
        for content in contents {
            match content {
                LineContent::Rule(file) => export.rules.push(file.rule),
                LineContent::ExceptionList(list) => export.exception_lists.push(list),
                LineContent::ExceptionItem(item) => export.exception_items.push(item),
                LineContent::Connector(connector) => export.connectors.push(connector),
                LineContent::Summary(summary) => {
                    export.missing_rules.extend(summary.missing_rules.unwrap_or_default());
                }
            }
        }
        export
    }
}

/// Writes an export with its summary, in the order that readers rely on.
///
/// # Errors
/// None that an export can cause; those of the serialiser are handed on.
pub fn write(export: &Export) -> serde_json::Result<String> {
    let mut text = write_rules(&export.rules)?;
    for list in &export.exception_lists {
        push_line(&mut text, list)?;
    }
    for item in &export.exception_items {
        push_line(&mut text, item)?;
    }
    for connector in &export.connectors {
        push_line(&mut text, connector)?;
    }
    push_line(&mut text, &summary::of(export))?;
    Ok(text)
}

/// The summary that stands at the end of an export.
pub fn summary(export: &Export) -> ExportSummary {
    summary::of(export)
}

/// Writes rules only, as an export without details has them: no summary, and nothing that the rules refer to.
///
/// # Errors
/// None that a rule can cause; those of the serialiser are handed on.
pub fn write_rules(rules: &[Rule]) -> serde_json::Result<String> {
    let mut text = String::new();
    for rule in rules {
        push_line(&mut text, &ApiObject(rule))?;
    }
    Ok(text)
}

fn push_line(text: &mut String, object: &impl serde::Serialize) -> serde_json::Result<()> {
    text.push_str(&serde_json::to_string(object)?);
    text.push('\n');
    Ok(())
}

impl ExportLine<'_> {
    fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(crate) fn has_code(&self, code: Code) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.code == code)
    }
}
