//! One line: what it is, and its object.

use watchfire_diagnostics::{Diagnostic, Span};

use super::super::json as rule_json;
use super::{ExportLine, LineContent, LineKind, MAX_EXPORT_RULES};
use crate::codes;
use crate::document::reader::{Context, FromNode};
use crate::document::{Node, Syntax, json};
use crate::model::{ExceptionListType, RuleType};

/// Keys that only rules have, besides their `type`.
const RULE_KEYS: [&str; 3] = ["rule_id", "risk_score", "severity"];

/// What an object is, by its keys (detection-engine §1.4).
pub(super) fn kind(node: &Node) -> Option<LineKind> {
    let table = node.as_table()?;
    let type_name = table.get("type").and_then(Node::as_text).unwrap_or_default();
    let has_count =
        |entry: &crate::document::Entry| entry.key.starts_with("exported_") && entry.key.ends_with("count");
    if table.entries.iter().any(has_count) {
        Some(LineKind::Summary)
    } else if type_name == "security-rule"
        || RULE_KEYS.iter().any(|key| table.has(key))
        || type_name.parse::<RuleType>().is_ok()
    {
        Some(LineKind::Rule)
    } else if table.has("item_id") {
        Some(LineKind::ExceptionItem)
    } else if table.has("list_id") && type_name.parse::<ExceptionListType>().is_ok() {
        Some(LineKind::ExceptionList)
    } else if type_name == "action" {
        Some(LineKind::Connector)
    } else {
        None
    }
}

pub(super) fn read(number: usize, offset: usize, text: &str) -> ExportLine<'_> {
    let mut cx = Context::new(text, Syntax::Json);
    let parsed = json::parse_only(text, 0, text.len());
    cx.report_all(parsed.diagnostics);
    let kind = parsed.node.as_ref().and_then(kind);
    let content = parsed.node.and_then(|node| {
        let Some(kind) = kind else {
            let message = "the line is no rule, exception list, exception item, connector or summary";
            cx.report(Diagnostic::error(codes::UNKNOWN_LINE, message).at(first_character(text), "left out"));
            return None;
        };
        object(kind, &node, &mut cx)
    });
    let mut line = ExportLine { number, offset, text, kind, content, diagnostics: cx.into_diagnostics() };
    if line.has_errors() {
        line.content = None;
    }
    line
}

fn object(kind: LineKind, node: &Node, cx: &mut Context<'_>) -> Option<LineContent> {
    match kind {
        LineKind::Rule => rule_json::read(node, cx).map(|file| LineContent::Rule(Box::new(file))),
        LineKind::ExceptionList => FromNode::from_node(node, "", cx).map(LineContent::ExceptionList),
        LineKind::ExceptionItem => FromNode::from_node(node, "", cx).map(LineContent::ExceptionItem),
        LineKind::Connector => FromNode::from_node(node, "", cx).map(LineContent::Connector),
        LineKind::Summary => FromNode::from_node(node, "", cx).map(LineContent::Summary),
    }
}

/// Refuses a rule beyond the limit.
pub(super) fn refuse(line: &mut ExportLine<'_>) {
    let message = format!("the export has more than {MAX_EXPORT_RULES} rules");
    let place = first_character(line.text);
    line.diagnostics.push(Diagnostic::error(codes::TOO_LARGE, message).at(place, "one more"));
    line.content = None;
}

fn first_character(text: &str) -> Span {
    let start = text.len() - text.trim_start().len();
    Span::new(start, start + text[start..].chars().next().map_or(0, char::len_utf8))
}
