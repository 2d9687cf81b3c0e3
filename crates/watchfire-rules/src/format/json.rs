//! One rule as the JSON object of Elastic's API.

use super::{ParsedRule, RuleFile, RuleForm};
use crate::document::reader::{Context, FromNode};
use crate::document::{Syntax, json};
use crate::model::Rule;

/// Reads a rule. Never fails and never panics; everything wrong is in the diagnostics.
pub fn parse(text: &str) -> ParsedRule {
    let mut cx = Context::new(text, Syntax::Json);
    let parsed = json::parse_only(text, 0, text.len());
    cx.diagnostics.extend(parsed.diagnostics);
    let rule = parsed.node.and_then(|node| {
        let rule = Rule::from_node(&node, "", &mut cx);
        super::check_guide(&node, None, &mut cx);
        rule
    });
    ParsedRule::new(
        rule.map(|rule| RuleFile { form: RuleForm::Api, rule, metadata: None, transform: None }),
        cx.diagnostics,
    )
}

/// Writes a rule; what was absent stays absent.
///
/// # Errors
/// None that a rule can cause; those of the serialiser are handed on.
pub fn write(rule: &Rule) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(crate::model::ApiObject(rule))
}
