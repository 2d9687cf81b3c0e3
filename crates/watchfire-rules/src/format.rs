//! The file formats of rules.

pub mod json;
pub mod toml;

use watchfire_diagnostics::{Diagnostic, Severity};

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
