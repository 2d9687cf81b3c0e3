//! One rule as the JSON object of Elastic's API, or as the saved object in which rule packages ship it.

use super::{ParsedRule, RuleFile, RuleForm};
use crate::document::reader::{Context, FromNode};
use crate::document::{Node, Syntax, json};
use crate::model::Rule;

/// Reads a rule. Never fails and never panics; everything wrong is in the diagnostics.
pub fn parse(text: &str) -> ParsedRule {
    let mut cx = Context::new(text, Syntax::Json);
    let parsed = json::parse_only(text, 0, text.len());
    cx.report_all(parsed.diagnostics);
    let rule = parsed.node.and_then(|node| read(&node, &mut cx));
    ParsedRule::new(rule, cx)
}

/// Reads the rule of an object.
pub(super) fn read(node: &Node, cx: &mut Context<'_>) -> Option<RuleFile> {
    let (object, path) = rule_object(node);
    let rule = Rule::from_node(object, path, cx);
    super::check_guide(object, None, cx);
    Some(RuleFile { form: RuleForm::Api, rule: rule?, metadata: None, transform: None })
}

/// The object that is the rule, and its path: the `attributes` of a saved object of type `security-rule`, else the
/// whole.
pub(crate) fn rule_object(document: &Node) -> (&Node, &'static str) {
    let attributes = document.as_table().and_then(|table| {
        let saved = table.get("type").and_then(Node::as_text) == Some("security-rule");
        table.get("attributes").filter(|attributes| saved && attributes.as_table().is_some())
    });
    attributes.map_or((document, ""), |attributes| (attributes, "attributes"))
}

/// Writes a rule; what was absent stays absent.
///
/// # Errors
/// None that a rule can cause; those of the serialiser are handed on.
pub fn write(rule: &Rule) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(crate::model::ApiObject(rule))
}
