//! The file formats of rules.

pub mod json;
pub mod ndjson;
pub mod toml;

use std::borrow::Cow;

use watchfire_diagnostics::Diagnostic;

use crate::document::reader::Context;
use crate::document::{Node, Syntax, string_map};
use crate::guide::{self, NoteAndSetup};
use crate::model::{Rule, RuleMetadata, Transform};

/// The most that is said about one text. Of the rest is said only that there is more.
pub const MAX_DIAGNOSTICS: usize = 100;

/// What a rule was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleForm {
    /// The detection-rules repository: TOML, with tables for the guide's queries.
    Repository,
    /// Elastic's API and its exports: JSON.
    Api,
}

/// What one rule file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleFile {
    /// What it was written for.
    pub form: RuleForm,
    /// The rule.
    pub rule: Rule,
    /// What the repository knows about the rule (TOML only).
    pub metadata: Option<RuleMetadata>,
    /// The queries of the investigation guide (TOML only).
    pub transform: Option<Transform>,
}

impl RuleFile {
    /// The rule as the API has it (detection-engine §1.3): the guide's queries stand in the note, and a section
    /// `## Setup` of the note becomes `setup` where there is none.
    ///
    /// What the repository computes from queries and packages when it builds a release, `required_fields` and
    /// `related_integrations`, is not filled in.
    pub fn to_api(&self) -> Rule {
        let mut rule = self.rule.clone();
        rule.note = self.guide().map(Cow::into_owned);
        if self.form == RuleForm::Repository && rule.setup.is_none() {
            let taken = rule.note.as_deref().and_then(guide::take_setup);
            if let Some(NoteAndSetup { note, setup }) = taken {
                rule.note = Some(note).filter(|note| !note.is_empty());
                rule.setup = Some(setup);
            }
        }
        rule
    }
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
    fn new(file: Option<RuleFile>, cx: Context<'_>) -> Self {
        Self { file: file.filter(|_| !cx.has_errors()), diagnostics: cx.into_diagnostics() }
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
        cx.report_all(guide::check(note, transform, &map));
    }
}
