//! Whether a rule can be kept: what `watchfire check` says of its file and its queries.

use serde_json::{Map, Value};
use watchfire_detect::{CompileOptions, QueryOptions, QueryTree, compile_rule, read_query};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText};
use watchfire_eql::ast::{MaxSpan, QueryKind};
use watchfire_rules::format::{RuleFile, json};
use watchfire_rules::lint::{QueryFacts, lint};
use watchfire_rules::model::{QueryLanguage, Rule};

use crate::answer::{ApiError, rendered};
use crate::service::DetectionApi;

/// A rule that can be kept.
#[derive(Clone, Debug)]
pub(crate) struct CheckedRule {
    pub(crate) rule: Rule,
    /// What is unwise about it.
    pub(crate) warnings: Vec<Value>,
}

impl DetectionApi {
    /// Reads a rule. Places in what is said of it are those in `text`.
    pub(crate) fn check_rule(&self, text: &str) -> Result<CheckedRule, ApiError> {
        let source = SourceText::new("rule", text);
        let parsed = json::parse(text);
        let Some(file) = parsed.file else {
            return Err(ApiError::of_diagnostics(&parsed.diagnostics, &source));
        };
        self.check_meaning(file, parsed.diagnostics, &source)
    }

    /// What there is to say of a rule that could be read, beside what was `found` before.
    pub(crate) fn check_meaning(
        &self,
        file: RuleFile,
        mut found: Vec<Diagnostic>,
        source: &SourceText,
    ) -> Result<CheckedRule, ApiError> {
        let now = Some(self.parts.clock.now());
        let catalogue = &*self.parts.catalogue;
        found.extend(compile_rule(&file.rule, catalogue, &CompileOptions { now }).diagnostics);
        if found.iter().any(|one| one.severity == Severity::Error) {
            return Err(ApiError::of_diagnostics(&found, source));
        }
        // An error of a lint is a demand of the repository of rules: nothing that keeps a rule from running.
        let linted = lint(&file, source.text(), &self.facts(&file.rule)).into_iter().map(|mut one| {
            one.severity = one.severity.min(Severity::Warning);
            one
        });
        found.extend(linted);
        Ok(CheckedRule { rule: file.rule, warnings: rendered(&found, source) })
    }

    /// As [`Self::check_rule`], of an object.
    pub(crate) fn check_object(&self, object: &Map<String, Value>) -> Result<CheckedRule, ApiError> {
        let text = serde_json::to_string(object)
            .map_err(|error| ApiError::bad(format!("the rule cannot be written: {error}")))?;
        self.check_rule(&text)
    }

    fn facts(&self, rule: &Rule) -> QueryFacts {
        let mut facts = QueryFacts::default();
        let Some(query) = rule.kind.query().filter(|query| query.language == QueryLanguage::Eql) else {
            return facts;
        };
        let options = QueryOptions {
            now: Some(self.parts.clock.now()),
            event_category_field: rule.kind.event_category_field(),
        };
        let read = read_query(&query.text, query.language, &*self.parts.catalogue, &options);
        if let Some(QueryTree::Eql(tree)) = read.tree
            && let QueryKind::Sequence(sequence) = &tree.kind
        {
            facts.sequence = true;
            facts.max_span_millis = sequence.maxspan.map(MaxSpan::millis);
        }
        facts
    }
}
