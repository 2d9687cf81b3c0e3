//! Evidence as lines of text, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};
use watchfire_events::Timestamp;

use crate::evidence::{Deed, DeedKind, Evidence, Fact, RELATED_HOURS, Related, Remark, Weight};
use crate::lineage::{Folded, Image, ProcessTree, Standing, TreeNode};
use crate::value_text::{harmless, visible};

/// Most deeds of a kind that are shown.
const MOST_DEEDS: usize = 20;
/// Most related alerts that are shown.
const MOST_RELATED: usize = 20;
/// Most children of one process that are shown one by one.
const MOST_CHILDREN: usize = 30;
/// Most levels of a tree that are drawn further to the right.
const MOST_INDENT: usize = 24;

/// A part of the evidence: its title and its lines, in which nothing can do harm.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

/// The evidence part by part. A part without anything in it says so: what is not there is an answer too.
pub(super) fn sections(evidence: &Evidence) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |title: &str, lines: Vec<String>, nothing: &str| {
        let lines = if lines.is_empty() { vec![nothing.to_owned()] } else { lines };
        sections.push(Section { title: title.to_owned(), lines });
    };
    let mut identity: Vec<String> = evidence.identity.iter().map(fact).collect();
    if let Some(seen) = evidence.seen.filter(|_| identity.iter().any(|line| line.ends_with(')'))) {
        let (hosts, users) = (number(seen.hosts, "host"), number(seen.users, "user"));
        identity
            .push(format!("in brackets: on how many of {hosts} and of {users} it was met, and since when"));
    }
    identity.extend(evidence.remarks.iter().map(|one| format!("! {}", remark(one))));
    add("What it is", identity, "the alert names no process, file or destination");
    let tree = evidence.tree.as_ref().map(tree_lines).unwrap_or_default();
    add("Processes", tree, "UNRESOLVED: no event tells of the process of this alert");
    if !evidence.decoded.is_empty() {
        let mut lines = Vec::new();
        for decoded in &evidence.decoded {
            let below =
                if decoded.layer == 0 { String::new() } else { format!(", layer {}", decoded.layer + 1) };
            lines.push(format!("{} ({}{below})", harmless(&decoded.of), decoded.encoding));
            lines.extend(visible(&decoded.text).lines().map(|line| format!("  {}", harmless(line))));
        }
        add("Decoded command lines", lines, "");
    }
    for kind in DeedKind::ALL {
        let deeds = evidence.deeds.of_kind(kind);
        if deeds.is_empty() {
            continue;
        }
        let mut lines: Vec<String> = deeds.iter().take(MOST_DEEDS).map(deed).collect();
        if deeds.len() > MOST_DEEDS {
            lines.push(format!("… and {} more", deeds.len() - MOST_DEEDS));
        }
        add(&format!("What it did: {}", kind.name()), lines, "");
    }
    if evidence.deeds.all().next().is_none() {
        add("What it did", Vec::new(), "no event of its own but those of its start and end");
    }
    if evidence.deeds.left_out > 0 {
        let note =
            format!("{} events of the process beyond the first were not looked at", evidence.deeds.left_out);
        add("Not looked at", vec![note], "");
    }
    let mut alerts: Vec<String> = evidence.related.iter().take(MOST_RELATED).map(related).collect();
    if evidence.related.len() > MOST_RELATED {
        alerts.push(format!("… and {} more", evidence.related.len() - MOST_RELATED));
    }
    add(&format!("Related alerts within {RELATED_HOURS} hours"), alerts, "none among the alerts given");
    sections
}

fn fact(fact: &Fact) -> String {
    let weight = fact.weight.as_ref().map(|weight| format!("  ({})", weighed(weight))).unwrap_or_default();
    format!("{}: {}{weight}", fact.field, harmless(&fact.value))
}

/// How often a value is met, in words.
pub(super) fn weighed(weight: &Weight) -> String {
    let mut words = format!("{}, {}", number(weight.hosts.len(), "host"), number(weight.users.len(), "user"));
    let _ = write!(words, ", {}", number(weight.events as usize, "event"));
    if let (Some(first), Some(last)) = (weight.first, weight.last) {
        let _ = write!(words, ", first {}, last {}", first.to_iso_millis(), last.to_iso_millis());
    }
    words
}

fn number(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

/// A remark in words.
pub(super) fn remark(remark: &Remark) -> String {
    match remark {
        Remark::Renamed { name, original } => {
            format!("it is called {}, and was made as {}", harmless(name), harmless(original))
        }
        Remark::Unsigned => "it is not signed".to_owned(),
        Remark::BadSignature(status) => format!("its signature does not hold: {}", harmless(status)),
        Remark::UserWritable(field) => format!("`{field}` lies where a user without rights may write"),
    }
}

fn deed(deed: &Deed) -> String {
    let mut line = deed.first.to_iso_millis();
    if !deed.action.is_empty() {
        let _ = write!(line, "  {}", harmless(&deed.action));
    }
    let _ = write!(line, "  {}", harmless(&deed.object));
    for (field, value) in &deed.details {
        let _ = write!(line, "  {}={}", field, harmless(value));
    }
    if deed.count > 1 {
        let _ = write!(line, "  ×{} until {}", deed.count, deed.last.to_iso_millis());
    }
    if let Some(what) = deed.persistence {
        let _ = write!(line, "  ! comes back: {what}");
    }
    if let Some(weight) = &deed.weight {
        let _ = write!(line, "  ({})", weighed(weight));
    }
    line
}

fn related(related: &Related) -> String {
    format!(
        "{}  {}  {}  shares {}  {}",
        related.time.map(Timestamp::to_iso_millis).unwrap_or_default(),
        harmless(&related.severity),
        harmless(&related.rule),
        related.shares.join(", "),
        harmless(&related.id)
    )
}

/// A tree, drawn from its root.
pub(super) fn tree_lines(tree: &ProcessTree) -> Vec<String> {
    let mut lines = Vec::new();
    if tree.more_above {
        lines.push("… more processes above".to_owned());
    }
    if tree.has_loop {
        lines.push("! events say that a process is its own ancestor; the tree is cut there".to_owned());
    }
    // A list in place of recursion: a chain may be as long as it likes.
    let mut next = vec![(0, 0)];
    while let Some((number, depth)) = next.pop() {
        let node = &tree.nodes[number];
        let mark = if number == tree.alerted { "► " } else { "" };
        let indent = "  ".repeat(depth.min(MOST_INDENT));
        lines.push(format!("{indent}{mark}{}", node_line(node)));
        if !node.folded.is_empty() {
            lines.push(format!("{indent}  + {}", folded(&node.folded)));
        }
        let (shown, rest) = node.children.split_at(node.children.len().min(MOST_CHILDREN));
        if !rest.is_empty() {
            lines.push(format!("{indent}  + {} more children", rest.len()));
        }
        next.extend(shown.iter().rev().map(|&child| (child, depth + 1)));
    }
    if tree.more_below > 0 {
        lines.push(format!("… at least {} more processes below", tree.more_below));
    }
    lines
}

fn folded(folded: &[Folded]) -> String {
    let all: usize = folded.iter().map(|one| one.count).sum();
    let names: Vec<String> =
        folded.iter().take(6).map(|one| format!("{} ×{}", harmless(&one.name), one.count)).collect();
    let rest = if folded.len() > 6 { ", …" } else { "" };
    format!(
        "{}: {}{rest}",
        if all == 1 { "1 other child".to_owned() } else { format!("{all} other children") },
        names.join(", ")
    )
}

fn node_line(node: &TreeNode) -> String {
    let mut line = name_of(&node.image);
    if let Some(pid) = node.process.pid {
        let _ = write!(line, " ({pid})");
    }
    if let Some(user) = &node.process.user {
        let _ = write!(line, "  {}", harmless(user));
    }
    if let Some(started) = node.process.started {
        let _ = write!(line, "  {}", started.to_iso_millis());
    }
    match node.standing {
        Standing::Recorded => {}
        Standing::Mentioned => line.push_str("  [no event of its start]"),
        Standing::Outside => line.push_str("  [no event of it; as its child tells]"),
    }
    if node.process.images.len() > 1 {
        let names: Vec<String> = node.process.images.iter().map(name_of).collect();
        let _ = write!(line, "  ran {}", names.join(" → "));
    }
    if let Some(command_line) = node.image.command_line.as_deref().or(node.image.executable.as_deref()) {
        let _ = write!(line, "  {}", harmless(command_line));
    }
    line
}

fn name_of(image: &Image) -> String {
    let name = image.name.as_deref().or(image.executable.as_deref());
    name.map_or_else(|| "?".to_owned(), harmless)
}

/// The evidence as JSON; values are as they came.
pub(super) fn to_json(evidence: &Evidence) -> Value {
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_iso_millis);
    let weight = |weight: &Option<Weight>| {
        weight.as_ref().map(|weight| {
            json!({
                "hosts": weight.hosts.len(), "users": weight.users.len(), "events": weight.events,
                "first": time(weight.first), "last": time(weight.last),
            })
        })
    };
    let facts: Vec<Value> = evidence
        .identity
        .iter()
        .map(|fact| json!({ "field": fact.field, "value": fact.value, "prevalence": weight(&fact.weight) }))
        .collect();
    let decoded: Vec<Value> = evidence
        .decoded
        .iter()
        .map(|one| json!({ "of": one.of, "layer": one.layer, "encoding": one.encoding, "text": one.text }))
        .collect();
    let deeds: serde_json::Map<String, Value> = DeedKind::ALL
        .into_iter()
        .filter(|kind| !evidence.deeds.of_kind(*kind).is_empty())
        .map(|kind| {
            let deeds: Vec<Value> = evidence
                .deeds
                .of_kind(kind)
                .iter()
                .map(|deed| {
                    json!({
                        "action": deed.action, "object": deed.object, "count": deed.count,
                        "first": deed.first.to_iso_millis(), "last": deed.last.to_iso_millis(),
                        "details": deed.details.iter().cloned().map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, Value>>(),
                        "persistence": deed.persistence, "prevalence": weight(&deed.weight),
                    })
                })
                .collect();
            (kind.name().to_owned(), deeds.into())
        })
        .collect();
    let related: Vec<Value> = evidence
        .related
        .iter()
        .map(|one| {
            json!({
                "id": one.id, "rule": one.rule, "severity": one.severity, "time": time(one.time), "shares": one.shares,
            })
        })
        .collect();
    json!({
        "weighed_over": evidence.seen.map(|seen| json!({ "hosts": seen.hosts, "users": seen.users })),
        "identity": facts,
        "remarks": evidence.remarks.iter().map(remark).collect::<Vec<_>>(),
        "decoded": decoded,
        "tree": evidence.tree.as_ref().map(tree_json),
        "deeds": deeds,
        "deeds_left_out": evidence.deeds.left_out,
        "related_alerts": related,
    })
}

fn tree_json(tree: &ProcessTree) -> Value {
    let image = |image: &Image| {
        json!({
            "at": image.at.map(Timestamp::to_iso_millis), "name": image.name.as_deref(),
            "executable": image.executable.as_deref(), "command_line": image.command_line.as_deref(),
        })
    };
    let nodes: Vec<Value> = tree
        .nodes
        .iter()
        .map(|node| {
            json!({
                "parent": node.parent,
                "standing": match node.standing {
                    Standing::Recorded => "recorded",
                    Standing::Mentioned => "mentioned",
                    Standing::Outside => "outside",
                },
                "entity_ids": node.process.entity_ids.iter().map(|id| &**id).collect::<Vec<_>>(),
                "pid": node.process.pid,
                "user": node.process.user.as_deref(),
                "started": node.process.started.map(Timestamp::to_iso_millis),
                "ended": node.process.ended.map(Timestamp::to_iso_millis),
                "image": image(&node.image),
                "images": node.process.images.iter().map(image).collect::<Vec<_>>(),
                "other_children": node.folded.iter().map(|one| (one.name.clone(), one.count.into())).collect::<serde_json::Map<_, Value>>(),
            })
        })
        .collect();
    json!({
        "nodes": nodes, "alerted": tree.alerted, "has_loop": tree.has_loop, "more_above": tree.more_above,
        "more_below": tree.more_below,
    })
}
