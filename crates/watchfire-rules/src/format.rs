//! The file formats of rules.

pub mod json;
pub mod toml;

use watchfire_diagnostics::{Diagnostic, Severity};

use crate::document::reader::Context;
use crate::document::{Node, Syntax, string_map};
use crate::guide;
use crate::model::{Rule, RuleMetadata, Transform};

/// What one rule file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleFile {
    /// The rule.
    pub rule: Rule,
    /// What the repository knows about the rule (TOML only).
    pub metadata: Option<RuleMetadata>,
    /// The queries of the investigation guide (TOML only).
    pub transform: Option<Transform>,
}

/// What became of a rule file's text.
#[derive(Clone, Debug)]
pub struct ParsedRule {
    /// The rule; absent if any diagnostic is an error.
    pub file: Option<RuleFile>,
    /// Everything there is to say, with places in the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl ParsedRule {
    fn new(file: Option<RuleFile>, diagnostics: Vec<Diagnostic>) -> Self {
        let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        Self { file: file.filter(|_| !failed), diagnostics }
    }
}

/// Reads a rule in whichever format the text begins like. Never fails and never panics.
pub fn parse(text: &str) -> ParsedRule {
    match Syntax::of(text) {
        Syntax::Toml => toml::parse(text),
        Syntax::Json => json::parse(text),
    }
}

/// Says what is wrong with the guide in the rule's table.
fn check_guide(rule_table: &Node, transform: Option<&Transform>, cx: &mut Context<'_>) {
    let Some(node) = rule_table.as_table().and_then(|table| table.get("note")) else { return };
    let Some(note) = node.as_text() else { return };
    // Most guides have neither, and the map of a long note is not free.
    if note.contains('$') || note.contains("!{") {
        let map = string_map::map_string(cx.source, node.span, cx.syntax, note);
        cx.diagnostics.extend(guide::check(note, transform, &map));
    }
}
