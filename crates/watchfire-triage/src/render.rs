//! An answered guide as text, Markdown and JSON. What comes from events and alerts can do no harm in any of them.

mod evidence;
mod sweep;

use std::fmt::Write as _;

use serde_json::{Value, json};
use watchfire_events::{Timestamp, get_field};
use watchfire_rules::page::{code, plain};

pub use self::sweep::sweep_to_text;
use crate::answers::{Answer, Finding};
use crate::guide::{AnsweredGuide, GuideBlock, NamedValue};
use crate::lineage::ProcessTree;
use crate::question::{Anchor, Question, QuestionGroup};
use crate::value_text::{harmless, text_of, visible};

/// What of an event is shown on its line, if it has it.
const SHOWN: [&str; 22] = [
    "event.category",
    "event.action",
    "kibana.alert.rule.name",
    "kibana.alert.severity",
    "host.name",
    "user.name",
    "process.name",
    "process.pid",
    "process.command_line",
    "process.parent.name",
    "destination.ip",
    "destination.port",
    "source.ip",
    "dns.question.name",
    "file.path",
    "registry.path",
    "registry.data.strings",
    "dll.path",
    "winlog.event_id",
    "url.full",
    "cloud.account.id",
    "error.code",
];

/// Most of them on a line.
const MOST_SHOWN: usize = 8;

/// As text for a terminal.
pub fn to_text(guide: &AnsweredGuide) -> String {
    let mut out = String::new();
    let facts = &guide.alert;
    let time = facts.time.map(Timestamp::to_iso_millis).unwrap_or_default();
    let risk = facts.risk.map(|risk| format!(", risk {risk}")).unwrap_or_default();
    let _ = writeln!(out, "{}  [{}{risk}]", harmless(&facts.rule), harmless(&facts.severity));
    let _ = writeln!(out, "alert {}  {time}", harmless(&facts.id));
    if !facts.reason.is_empty() {
        let _ = writeln!(out, "{}", harmless(&facts.reason));
    }
    write_values(&facts.highlighted, "  ", &mut out);
    if guide.blocks.is_empty() {
        out.push_str("\nthe rule has no investigation guide\n");
    }
    out.push('\n');
    for block in &guide.blocks {
        match block {
            GuideBlock::Text(text, named) => {
                end_line(&mut out);
                let text = visible(text);
                let text = text.trim_end_matches(['\n', ' ']);
                // The mark of a list whose item is a search, which comes next.
                out.push_str(text.strip_suffix("\n  -").or_else(|| text.strip_suffix("\n-")).unwrap_or(text));
                out.push('\n');
                write_values(named, "    = ", &mut out);
            }
            GuideBlock::Question(question, answer) => {
                end_line(&mut out);
                let _ = writeln!(out, "    ? {}", harmless(&question.label));
                for line in lines_of(question, answer) {
                    let _ = writeln!(out, "      {line}");
                }
            }
            GuideBlock::Osquery(hunt, missing) => {
                end_line(&mut out);
                let _ = writeln!(out, "    > Osquery: {}", harmless(&hunt.label));
                for line in hunt.query.lines() {
                    let _ = writeln!(out, "      {}", harmless(line));
                }
                if let Some(mapping) = &hunt.ecs_mapping {
                    let _ = writeln!(out, "      results become fields by {}", harmless(&mapping.to_text()));
                }
                if !missing.is_empty() {
                    let _ = writeln!(out, "      the alert has no {}", missing.join(", "));
                }
            }
            GuideBlock::Broken(text) => {
                end_line(&mut out);
                let _ = writeln!(out, "    ! this part of the guide cannot be read: {}", harmless(text));
            }
        }
    }
    for section in guide.evidence.iter().flat_map(evidence::sections) {
        end_line(&mut out);
        let _ = writeln!(out, "\n{}", section.title);
        write_lines(&section.lines, "  ", &mut out);
    }
    out
}

/// A tree of processes as text, a line each.
pub fn draw_tree(tree: &ProcessTree) -> String {
    evidence::tree_lines(tree).join("\n")
}

/// As Markdown: the guide as it is, the answers as lists.
pub fn to_markdown(guide: &AnsweredGuide) -> String {
    let mut out = String::new();
    let facts = &guide.alert;
    let time = facts.time.map(Timestamp::to_iso_millis).unwrap_or_default();
    let risk = facts.risk.map(|risk| format!(", risk {risk}")).unwrap_or_default();
    let _ = writeln!(out, "# {}\n", escaped(&facts.rule));
    let _ = writeln!(out, "Alert {}, {}{risk}, {time}\n", in_code(&facts.id), escaped(&facts.severity));
    if !facts.reason.is_empty() {
        let _ = writeln!(out, "{}\n", escaped(&facts.reason));
    }
    for NamedValue { field, values } in &facts.highlighted {
        let _ = writeln!(out, "- `{field}`: {}", codes(values));
    }
    out.push('\n');
    for block in &guide.blocks {
        match block {
            GuideBlock::Text(text, named) => {
                out.push_str(&visible(text));
                if !named.is_empty() {
                    out.push_str("\n\n");
                    for NamedValue { field, values } in named {
                        let _ = writeln!(out, "> `{field}` is {}  ", codes(values));
                    }
                    out.push('\n');
                }
            }
            GuideBlock::Question(question, answer) => {
                let _ = writeln!(out, "\n\n> **{}**  ", escaped(&question.label));
                for line in lines_of(question, answer) {
                    let _ = writeln!(out, "> {}  ", in_code(&line));
                }
                out.push('\n');
            }
            GuideBlock::Osquery(hunt, missing) => {
                let _ = writeln!(out, "\n\n**{}** (Osquery)\n", escaped(&hunt.label));
                for line in hunt.query.lines() {
                    let _ = writeln!(out, "    {}", harmless(line));
                }
                if !missing.is_empty() {
                    let _ = writeln!(out, "\nThe alert has no {}.", escaped(&missing.join(", ")));
                }
                out.push('\n');
            }
            GuideBlock::Broken(text) => {
                let _ = writeln!(out, "\n\nThis part of the guide cannot be read: {}\n", in_code(text));
            }
        }
    }
    for section in guide.evidence.iter().flat_map(evidence::sections) {
        end_line(&mut out);
        let _ = writeln!(out, "\n## {}\n", escaped(&section.title));
        write_lines(&section.lines, "    ", &mut out);
    }
    end_line(&mut out);
    out
}

/// As JSON; values are those of the alert and the events, unchanged.
pub fn to_json(guide: &AnsweredGuide) -> Value {
    let named = |values: &[NamedValue]| -> Vec<Value> {
        values.iter().map(|one| json!({ "field": one.field, "values": one.values })).collect()
    };
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_iso_millis);
    let facts = &guide.alert;
    let blocks: Vec<Value> = guide
        .blocks
        .iter()
        .map(|block| match block {
            GuideBlock::Text(text, values) => json!({ "text": text, "alert_values": named(values) }),
            GuideBlock::Question(question, answer) => {
                let groups: Vec<Value> = question
                    .groups
                    .iter()
                    .map(|group| match group {
                        QuestionGroup::Asked(parts) => json!({ "asked": parts }),
                        QuestionGroup::NotApplicable(missing) => json!({ "not_applicable": missing }),
                        QuestionGroup::Wrong(why) => json!({ "wrong": why }),
                    })
                    .collect();
                let findings: Vec<Value> = answer
                    .findings
                    .values()
                    .map(|one| json!({ "_index": one.stream, "_id": one.id.as_str(), "_source": one.document }))
                    .collect();
                json!({
                    "question": question.label,
                    "description": question.description,
                    "from": time(question.asking.from),
                    "to": time(question.asking.to),
                    "anchor": match question.asking.anchor {
                        Anchor::Alert => "alert",
                        Anchor::Event => "event",
                        Anchor::Around => "around",
                    },
                    "groups": groups,
                    "count": answer.count,
                    "first": time(answer.first),
                    "last": time(answer.last),
                    "events_of_that_kind": answer.ground,
                    "verdict": verdict(question, answer),
                    "events": findings,
                })
            }
            GuideBlock::Osquery(hunt, missing) => json!({
                "osquery": hunt.label,
                "query": hunt.query,
                "ecs_mapping": hunt.ecs_mapping.as_ref().map(|mapping| &mapping.0),
                "missing": missing,
            }),
            GuideBlock::Broken(text) => json!({ "broken": text }),
        })
        .collect();
    json!({
        "alert": {
            "id": facts.id,
            "rule": facts.rule,
            "severity": facts.severity,
            "risk_score": facts.risk,
            "time": time(facts.time),
            "reason": facts.reason,
            "highlighted": named(&facts.highlighted),
        },
        "guide": blocks,
        "evidence": guide.evidence.as_ref().map(evidence::to_json),
    })
}

/// What a count means.
fn verdict(question: &Question, answer: &Answer) -> &'static str {
    match (question.is_asked(), answer.count, answer.ground) {
        (false, ..) => "not applicable",
        (true, 1.., _) => "found",
        (true, 0, 1..) => "none",
        // What did not arrive cannot be told from what did not happen.
        (true, 0, 0) => "unresolved",
    }
}

fn lines_of(question: &Question, answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(description) = &question.description {
        lines.push(harmless(description));
    }
    lines.extend(question.groups.iter().map(|group| harmless(&group.to_string())));
    let at = |at: Option<Timestamp>| at.map_or_else(|| "…".to_owned(), Timestamp::to_iso_millis);
    let anchor = match question.asking.anchor {
        Anchor::Alert => "",
        Anchor::Event => " (by the time of the event: the alert was made much later)",
        Anchor::Around => {
            " (as long behind the event as before it: the alert was made at the time of its event)"
        }
    };
    lines.push(match (question.asking.from, question.asking.to) {
        (None, None) => "at any time".to_owned(),
        (Some(from), Some(to)) if from == to => {
            format!("at {} alone: the guide asks for no span of time", from.to_iso_millis())
        }
        (from, to) => format!("from {} to {}{anchor}", at(from), at(to)),
    });
    lines.push(match verdict(question, answer) {
        "not applicable" => "not asked".to_owned(),
        "found" => {
            let (first, last) = (at(answer.first), at(answer.last));
            format!("{}, first {first}, last {last}", events(answer.count))
        }
        "none" => format!("nothing, among {} of that kind from this host", events(answer.ground)),
        _ => "UNRESOLVED: nothing, and no event of that kind from this host at all: missing telemetry is not benign"
            .to_owned(),
    });
    lines.extend(answer.findings.iter().map(|((time, ..), finding)| line_of(*time, finding)));
    let left = answer.count - (answer.findings.len() as u64).min(answer.count);
    if left > 0 {
        lines.push(format!("… and {left} more"));
    }
    lines
}

fn events(number: u64) -> String {
    if number == 1 { "1 event".to_owned() } else { format!("{number} events") }
}

fn line_of(time: Timestamp, finding: &Finding) -> String {
    let shown = SHOWN.iter().filter_map(|name| Some((name, get_field(&finding.document, name)?)));
    let shown: Vec<String> =
        shown.take(MOST_SHOWN).map(|(name, value)| format!("{name}={}", list_of(value))).collect();
    format!("{}  {}", time.to_iso_millis(), shown.join("  "))
}

/// A value, or several one behind the other.
fn list_of(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        value => text_of(value),
    }
}

fn write_values(values: &[NamedValue], indent: &str, out: &mut String) {
    for NamedValue { field, values } in values {
        let values: Vec<String> = values.iter().map(text_of).collect();
        let _ = writeln!(out, "{indent}{field}: {}", values.join(", "));
    }
}

fn write_lines(lines: &[String], indent: &str, out: &mut String) {
    for line in lines {
        let _ = writeln!(out, "{indent}{line}");
    }
}

fn end_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

fn codes(values: &[Value]) -> String {
    values.iter().map(|value| in_code(&text_of(value))).collect::<Vec<_>>().join(", ")
}

/// A text as a span of code in Markdown.
fn in_code(text: &str) -> String {
    code(&harmless(text))
}

/// A text as Markdown that means nothing else.
fn escaped(text: &str) -> String {
    plain(&harmless(text))
}
