//! From a text to lists and items.

use watchfire_diagnostics::{Diagnostic, SourceText, Span};

use super::{ExceptionSource, LoadedItem, LoadedList, codes};
use crate::document::reader::{Context, FromNode, TableReader};
use crate::document::{Entry, Node, Syntax, Table, Value, json, toml};
use crate::model::{ExceptionListType, RuleType};

/// Keys of `[metadata]` beside those that are read here: about the file, not about what it does.
const METADATA_KEYS: [&str; 7] = [
    "creation_date",
    "updated_date",
    "list_name",
    "comments",
    "maturity",
    "deprecation_date",
    "min_stack_version",
];

/// What an object is, by its keys.
enum Kind {
    List,
    Item,
    /// What an export holds beside exceptions.
    Other,
    /// The answer of a search, with the objects in `data`.
    Found,
    Unknown,
}

pub(super) fn text(name: &str, text: &str) -> Vec<ExceptionSource> {
    if Syntax::of(text) == Syntax::Toml {
        return vec![of_toml(name, text)];
    }
    let first = text.trim_start().lines().next().unwrap_or_default();
    let is_line = json::parse_only(first, 0, first.len()).node.is_some_and(|node| node.as_table().is_some());
    if !is_line {
        return vec![of_json(&SourceText::new(name, text))];
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| of_json(&SourceText::new(name, line).starting_at_line(at + 1))).collect()
}

fn of_json(source: &SourceText) -> ExceptionSource {
    let mut found = ExceptionSource::new(source.clone(), Vec::new());
    let mut cx = Context::new(source.text(), Syntax::Json);
    let parsed = json::parse_only(source.text(), 0, source.text().len());
    cx.report_all(parsed.diagnostics);
    if let Some(mut node) = parsed.node {
        objects(&mut node, "", &mut found, &mut cx);
    }
    found.diagnostics = cx.into_diagnostics();
    found
}

/// Reads an object, or those of a list.
fn objects(node: &mut Node, path: &str, found: &mut ExceptionSource, cx: &mut Context<'_>) {
    if let Value::List(nodes) = &mut node.value {
        for (at, node) in nodes.iter_mut().enumerate() {
            if node.as_table().is_some() {
                objects(node, &format!("{path}[{at}]"), found, cx);
            } else {
                cx.wrong_type(node, &format!("{path}[{at}]"), "an object");
            }
        }
        return;
    }
    match kind(node) {
        Kind::List => list(node, path, found, cx),
        Kind::Item => {
            let inherited = Inherited { list_id: None, namespace: None, meta: None };
            item(node, path, &inherited, found, cx);
        }
        Kind::Other => found.others += 1,
        Kind::Found => {
            if let Some(data) = member(node, "data") {
                objects(data, "data", found, cx);
            }
        }
        Kind::Unknown => {
            let message = "the object is neither an exception list nor an exception item";
            let start = node.span.start as usize;
            let place = Span::new(start, (start + 1).min(node.span.end as usize));
            cx.report(Diagnostic::error(codes::UNKNOWN_OBJECT, message).at(place, "left out"));
        }
    }
}

fn kind(node: &Node) -> Kind {
    let Some(table) = node.as_table() else { return Kind::Unknown };
    let type_name = table.get("type").and_then(Node::as_text).unwrap_or_default();
    let is_summary = |entry: &Entry| entry.key.starts_with("exported_") && entry.key.ends_with("count");
    if table.has("entries") || table.has("item_id") {
        Kind::Item
    } else if table.has("list_id") && type_name.parse::<ExceptionListType>().is_ok() {
        Kind::List
    } else if type_name == "action"
        || ["rule_id", "risk_score", "severity"].iter().any(|key| table.has(key))
        || type_name.parse::<RuleType>().is_ok()
        || type_name == "security-rule"
        || table.entries.iter().any(is_summary)
    {
        Kind::Other
    } else if matches!(table.get("data").map(|node| &node.value), Some(Value::List(_))) {
        Kind::Found
    } else {
        Kind::Unknown
    }
}

fn member<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Table(table) = &mut node.value else { return None };
    table.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
}

fn list(node: &Node, path: &str, found: &mut ExceptionSource, cx: &mut Context<'_>) {
    if let Some(list) = FromNode::from_node(node, path, cx) {
        found.lists.push(LoadedList { list, span: place_of(node, &["name", "list_id"]) });
    }
}

/// What an item takes from its list where it does not say it itself.
struct Inherited {
    list_id: Option<Node>,
    namespace: Option<Node>,
    /// Options of this program, which stand in `meta`.
    meta: Option<Node>,
}

fn item(
    node: &mut Node,
    path: &str,
    inherited: &Inherited,
    found: &mut ExceptionSource,
    cx: &mut Context<'_>,
) {
    let number = found.items.len() + 1;
    if let Value::Table(table) = &mut node.value {
        complete(table, inherited, number);
    }
    let Some(item) = FromNode::from_node(node, path, cx) else { return };
    let item: crate::model::ExceptionItem = item;
    let entries = node.as_table().and_then(|table| table.get("entries"));
    let Some(Node { value: Value::List(entries), .. }) = entries else { return };
    if entries.is_empty() {
        let place = place_of(node, &["name", "item_id"]);
        let message = "the item has no entries: it would except every event";
        cx.report(Diagnostic::error(crate::codes::BAD_VALUE, message).at(place, ""));
        return;
    }
    // An entry that cannot be read is reported, and left out of the others: what is left means something else.
    if entries.len() != item.entries.len() {
        return;
    }
    let entries = entries.iter().map(|node| place_of(node, &["value", "list", "field"])).collect();
    found.items.push(LoadedItem { item, span: place_of(node, &["name", "item_id"]), entries });
}

/// Adds what an item may leave out, because its list, or a server, says it.
fn complete(table: &mut Table, inherited: &Inherited, number: usize) {
    let text = |text: String| Node { span: Span::default(), value: Value::Text(text) };
    let list_id = table.get("list_id").or(inherited.list_id.as_ref()).and_then(Node::as_text);
    let item_id = format!("{}-{number}", list_id.unwrap_or("item"));
    let name = table.get("name").and_then(Node::as_text).unwrap_or_default().to_owned();
    let added = [
        ("list_id", inherited.list_id.clone()),
        ("namespace_type", inherited.namespace.clone()),
        ("meta", inherited.meta.clone()),
        ("item_id", Some(text(item_id))),
        ("type", Some(text("simple".to_owned()))),
        ("description", Some(text(name))),
    ];
    for (key, node) in added {
        if let (Some(node), false) = (node, table.has(key)) {
            table.entries.push(Entry { key: key.to_owned(), key_span: Span::default(), node });
        }
    }
}

/// Where the first of these keys has its value; the beginning of the whole if there is none.
fn place_of(node: &Node, keys: &[&str]) -> Span {
    let table = node.as_table();
    let named = keys.iter().find_map(|key| table.and_then(|table| table.get(key)));
    let named = named.map(|node| node.span).filter(|span| !span.is_empty());
    named.unwrap_or_else(|| Span::empty(node.span.start as usize))
}

fn of_toml(name: &str, text: &str) -> ExceptionSource {
    let mut found = ExceptionSource::new(SourceText::new(name, text), Vec::new());
    let mut cx = Context::new(text, Syntax::Toml);
    let (mut document, diagnostics) = toml::parse(text);
    let broken = !diagnostics.is_empty();
    cx.report_all(diagnostics);
    let is_ours = document.as_table().is_some_and(|table| table.has("exceptions"));
    if !broken && is_ours {
        repository(&mut document, &mut found, &mut cx);
    }
    found.others += usize::from(!broken && !is_ours);
    found.diagnostics = cx.into_diagnostics();
    found
}

/// The form of the detection-rules repository (detection-engine §1.3).
fn repository(document: &mut Node, found: &mut ExceptionSource, cx: &mut Context<'_>) {
    if let Some(mut reader) = TableReader::new(document, "", cx) {
        if let Some(node) = reader.node("metadata")
            && let Some(mut metadata) = TableReader::new(node, "metadata", cx)
        {
            found.rule_ids = metadata.optional("rule_ids", cx).unwrap_or_default();
            found.rule_names = metadata.optional("rule_names", cx).unwrap_or_default();
            metadata.allow(&METADATA_KEYS);
            metadata.finish(cx);
        }
        reader.allow(&["exceptions"]);
        reader.finish(cx);
    }
    let Some(exceptions) = member(document, "exceptions") else { return };
    let Value::List(blocks) = &mut exceptions.value else {
        cx.wrong_type(exceptions, "exceptions", "a list of tables, each written `[[exceptions]]`");
        return;
    };
    for (at, block) in blocks.iter_mut().enumerate() {
        let path = format!("exceptions[{at}]");
        let Some(mut reader) = TableReader::new(block, &path, cx) else { continue };
        let container = reader.node("container").cloned();
        if container.is_none() {
            reader.report_missing("container", cx);
        }
        reader.allow(&["items"]);
        reader.finish(cx);
        let container_of = |key: &str| {
            let table = container.as_ref().and_then(Node::as_table);
            table.and_then(|table| table.get(key)).cloned()
        };
        if let Some(container) = &container {
            list(container, &format!("{path}.container"), found, cx);
        }
        let inherited = Inherited {
            list_id: container_of("list_id"),
            namespace: container_of("namespace_type"),
            meta: container_of("meta"),
        };
        match member(block, "items") {
            Some(Node { value: Value::List(items), .. }) => {
                for (number, node) in items.iter_mut().enumerate() {
                    item(node, &format!("{path}.items[{number}]"), &inherited, found, cx);
                }
            }
            Some(other) => cx.wrong_type(other, &format!("{path}.items"), "a list of tables"),
            None => {}
        }
    }
}
