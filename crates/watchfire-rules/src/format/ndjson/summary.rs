//! The summary of an export: made for what is written, compared with what was read.

use std::collections::BTreeSet;

use serde_json::json;
use watchfire_diagnostics::Diagnostic;

use super::{ExportLine, LineContent, LineKind};
use crate::codes;
use crate::document::json::parse_only;
use crate::model::{Export, ExportSummary, FreeForm, Rule};

/// Types of actions that belong to the system, and have no connector of their own.
const SYSTEM_ACTIONS: [&str; 2] = [".cases", ".workflows"];

/// How many objects of each kind there are.
struct Counts {
    rules: u64,
    lists: u64,
    items: u64,
    connectors: u64,
}

/// Warns of each count of a summary that is not that of the lines. Lines that cannot be used count too: they are there.
pub(super) fn check(lines: &mut [ExportLine<'_>]) {
    let count = |kind| lines.iter().filter(|line| line.kind == Some(kind)).count() as u64;
    let counts = Counts {
        rules: count(LineKind::Rule),
        lists: count(LineKind::ExceptionList),
        items: count(LineKind::ExceptionItem),
        connectors: count(LineKind::Connector),
    };
    for line in lines {
        let Some(LineContent::Summary(summary)) = &line.content else { continue };
        for (key, stated, found) in stated(summary, &counts) {
            if stated == found {
                continue;
            }
            let message = format!("the summary's `{key}` is {stated}, the file holds {found}");
            let node = parse_only(line.text, 0, line.text.len()).node;
            let place = node.as_ref().and_then(|node| node.as_table()?.get(key)).map(|node| node.span);
            let diagnostic = Diagnostic::warning(codes::SUMMARY_DIFFERS, message);
            line.diagnostics.push(match place {
                Some(place) => diagnostic.at(place, format!("found {found}")),
                None => diagnostic,
            });
        }
    }
}

/// The counts a summary states: key, stated, found.
fn stated(summary: &ExportSummary, counts: &Counts) -> Vec<(&'static str, u64, u64)> {
    let Counts { rules, lists, items, connectors } = *counts;
    let all = [
        ("exported_count", summary.exported_count, rules + lists + items + connectors),
        ("exported_rules_count", summary.exported_rules_count, rules),
        ("exported_exception_list_count", summary.exported_exception_list_count, lists),
        ("exported_exception_list_item_count", summary.exported_exception_list_item_count, items),
        ("exported_action_connector_count", summary.exported_action_connector_count, connectors),
    ];
    all.into_iter().filter_map(|(key, stated, found)| Some((key, stated?, found))).collect()
}

/// The summary of what is written.
pub(super) fn of(export: &Export) -> ExportSummary {
    let counts = Counts {
        rules: export.rules.len() as u64,
        lists: export.exception_lists.len() as u64,
        items: export.exception_items.len() as u64,
        connectors: export.connectors.len() as u64,
    };
    let missing_lists = missing_lists(export);
    let missing_connectors = missing_connectors(export);
    ExportSummary {
        exported_count: Some(counts.rules + counts.lists + counts.items + counts.connectors),
        exported_rules_count: Some(counts.rules),
        missing_rules_count: Some(export.missing_rules.len() as u64),
        missing_rules: Some(export.missing_rules.clone()),
        exported_exception_list_count: Some(counts.lists),
        exported_exception_list_item_count: Some(counts.items),
        missing_exception_lists_count: Some(missing_lists.len() as u64),
        missing_exception_lists: Some(missing_lists),
        missing_exception_list_items_count: Some(0),
        missing_exception_list_items: Some(Vec::new()),
        exported_action_connector_count: Some(counts.connectors),
        missing_action_connection_count: Some(missing_connectors.len() as u64),
        missing_action_connections: Some(missing_connectors),
        excluded_action_connection_count: Some(0),
        excluded_action_connections: Some(Vec::new()),
    }
}

/// Lists that rules refer to and the export lacks, each once.
fn missing_lists(export: &Export) -> Vec<FreeForm> {
    let present: BTreeSet<&str> = export.exception_lists.iter().map(|list| list.list_id.as_str()).collect();
    let references = export.rules.iter().flat_map(Rule::exceptions_list);
    let missing: BTreeSet<&str> =
        references.map(|list| list.list_id.as_str()).filter(|list| !present.contains(list)).collect();
    missing.into_iter().map(|list| FreeForm(json!({ "list_id": list }))).collect()
}

/// Connectors that actions refer to and the export lacks, each once.
fn missing_connectors(export: &Export) -> Vec<FreeForm> {
    let present: BTreeSet<&str> = export.connectors.iter().map(|connector| connector.id.as_str()).collect();
    let actions = export.rules.iter().flat_map(Rule::actions);
    let references = actions.filter(|action| !SYSTEM_ACTIONS.contains(&action.action_type_id.as_str()));
    let missing: BTreeSet<&str> =
        references.map(|action| action.id.as_str()).filter(|id| !present.contains(id)).collect();
    missing.into_iter().map(|id| FreeForm(json!({ "id": id, "type": "action" }))).collect()
}
