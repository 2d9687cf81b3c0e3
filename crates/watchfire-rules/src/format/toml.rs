//! The TOML files of the detection-rules repository (detection-engine §1.3): `[metadata]`, `[rule]`, `[transform]`.

use watchfire_diagnostics::{Diagnostic, Span};

use super::{ParsedRule, RuleFile, RuleForm};
use crate::codes;
use crate::document::reader::{Context, FromNode, TableReader};
use crate::document::{Entry, Node, Syntax, Table, Value, toml};
use crate::model::{Rule, RuleMetadata, Transform};

/// Tables that only the behavior rules of Elastic Defend have.
const BEHAVIOR_RULE_KEYS: [&str; 3] = ["os_list", "min_endpoint_version", "reputation"];

/// Reads a rule file. Never fails and never panics; everything wrong is in the diagnostics.
pub fn parse(text: &str) -> ParsedRule {
    let mut cx = Context::new(text, Syntax::Toml);
    let (mut document, diagnostics) = toml::parse(text);
    if !diagnostics.is_empty() {
        // What else would be said of a text that was read by guesses is noise.
        cx.report_all(diagnostics);
        return ParsedRule::new(None, cx);
    }
    if let Some(diagnostic) = not_a_detection_rule(&document) {
        cx.report(diagnostic);
        return ParsedRule::new(None, cx);
    }
    flatten_new_terms(&mut document);
    let file = read(&document, &mut cx);
    ParsedRule::new(file, cx)
}

fn read(document: &Node, cx: &mut Context<'_>) -> Option<RuleFile> {
    let mut reader = TableReader::new(document, "", cx)?;
    let metadata = reader.node("metadata").map(|node| RuleMetadata::from_node(node, "metadata", cx));
    let rule = reader.node("rule").map(|node| Rule::from_node(node, "rule", cx));
    let transform = reader.node("transform").map(|node| Transform::from_node(node, "transform", cx));
    if rule.is_none() && !cx.has_errors() {
        reader.report_missing("rule", cx);
    }
    reader.finish(cx);
    if let Some(node) = document.as_table().and_then(|table| table.get("rule")) {
        super::check_guide(node, transform.as_ref().and_then(Option::as_ref), cx);
    }
    Some(RuleFile {
        form: RuleForm::Repository,
        rule: rule??,
        metadata: metadata.flatten(),
        transform: transform.flatten(),
    })
}

/// Says what the file is, if it is well formed and something else than a detection rule.
fn not_a_detection_rule(document: &Node) -> Option<Diagnostic> {
    let table = document.as_table()?;
    let rule = table.get("rule").and_then(Node::as_table);
    let place = |entry: Option<&Entry>| entry.map_or(Span::default(), |entry| entry.key_span);
    if let Some(rule) = rule.filter(|rule| !rule.has("risk_score") && !rule.has("severity")) {
        let key = BEHAVIOR_RULE_KEYS.iter().find_map(|key| rule.entry(key))?;
        let message = "not a detection rule, but a behavior rule of Elastic Defend";
        return Some(
            Diagnostic::error(codes::NOT_A_RULE, message)
                .at(key.key_span, "only behavior rules have this key"),
        );
    }
    if rule.is_none() && table.has("test") {
        let message = "not a detection rule, but the tests of one";
        return Some(Diagnostic::error(codes::NOT_A_RULE, message).at(place(table.entry("test")), ""));
    }
    if rule.is_none() && table.has("exceptions") {
        let message = "not a detection rule, but exceptions for some";
        return Some(Diagnostic::error(codes::NOT_A_RULE, message).at(place(table.entry("exceptions")), ""));
    }
    None
}

/// Brings `[rule.new_terms]`, which names fields and values by `field` and `value`, to the flat keys of the API.
fn flatten_new_terms(document: &mut Node) {
    let Value::Table(top) = &mut document.value else { return };
    let Some(Value::Table(rule)) =
        top.entries.iter_mut().find(|entry| entry.key == "rule").map(|entry| &mut entry.node.value)
    else {
        return;
    };
    // One block for each version of the attack framework, read by nothing but the repository itself.
    rule.entries.retain(|entry| entry.key != "threat_mappings");
    let Some(at) = rule.entries.iter().position(|entry| entry.key == "new_terms") else { return };
    let Value::Table(new_terms) = &rule.entries[at].node.value else { return };
    let mut flat = Vec::new();
    flat.extend(named_value(new_terms, "new_terms_fields"));
    if let Some(Value::List(windows)) = new_terms.get("history_window_start").map(|node| &node.value) {
        let first = windows.first().and_then(Node::as_table);
        flat.extend(first.and_then(|window| named_value(window, "history_window_start")));
    }
    if flat.len() == 2 {
        rule.entries.remove(at);
        rule.entries.extend(flat);
    }
}

/// From `field = "name"`, `value = …` the entry `name = …`.
fn named_value(table: &Table, name: &str) -> Option<Entry> {
    table.get("field").and_then(Node::as_text).filter(|field| *field == name)?;
    let value = table.entry("value")?;
    Some(Entry { key: name.to_owned(), key_span: value.key_span, node: value.node.clone() })
}
