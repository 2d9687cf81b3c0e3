//! The investigation guide on the page: its text, and the queries in it as lists that a person can follow.

use std::fmt::Write;

use super::markdown::{contained, without_own_heading};
use super::text::{code, code_block, line, plain};
use crate::guide::{GuidePart, parts};
use crate::model::{Investigation, OsqueryHunt, Provider, QueryType};

/// The guide's sections, below headings of level 2.
pub(super) fn write(note: &str, out: &mut String) {
    let (mut searches, mut hunts) = (Vec::new(), Vec::new());
    let mut text = String::new();
    for part in parts(note) {
        match part {
            GuidePart::Text(part) => text.push_str(part),
            GuidePart::Broken(part) => text.push_str(&code(part)),
            GuidePart::Investigate(search) => {
                searches.push(search);
                let number = searches.len();
                let _ = write!(text, "**{}** (search {number})", plain(&searches[number - 1].label));
            }
            GuidePart::Osquery(hunt) => {
                hunts.push(hunt);
                let number = hunts.len();
                let _ = write!(text, "**{}** (Osquery {number})", plain(&hunts[number - 1].label));
            }
        }
    }
    let text = without_own_heading(&text, "investigation guide");
    let _ = writeln!(out, "## Investigation guide\n\n{}", contained(text, 2));
    if !searches.is_empty() {
        out.push_str("### Searches\n\n");
        for (at, search) in searches.iter().enumerate() {
            write_search(at + 1, search, out);
        }
        out.push('\n');
    }
    if !hunts.is_empty() {
        out.push_str("### Osquery\n\n");
        for (at, hunt) in hunts.iter().enumerate() {
            write_hunt(at + 1, hunt, out);
        }
    }
}

fn write_search(number: usize, search: &Investigation, out: &mut String) {
    let time = match (&search.relative_from, &search.relative_to) {
        (Some(from), Some(to)) => {
            format!("{} to {}, *now* being the alert's time", code(&from.to_string()), code(&to.to_string()))
        }
        _ => "all events up to now".to_owned(),
    };
    let _ = writeln!(out, "{number}. **{}**: {time}", plain(&search.label));
    let indent = " ".repeat(number.to_string().len() + 2);
    if let Some(description) = search.description.as_deref().filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(out, "{indent}{}", line(description));
    }
    for (at, group) in search.providers.iter().enumerate() {
        let conditions: Vec<String> = group.iter().map(condition).collect();
        let or = if at == 0 { "" } else { "or " };
        let _ = writeln!(out, "{indent}- {or}{}", conditions.join(" and "));
    }
}

fn condition(provider: &Provider) -> String {
    let field = code(&provider.field);
    let value = match &provider.value.0 {
        serde_json::Value::String(text) => code(text),
        other => code(&other.to_string()),
    };
    match (provider.query_type, provider.excluded) {
        (QueryType::Phrase, false) => format!("{field} is {value}"),
        (QueryType::Phrase, true) => format!("{field} is not {value}"),
        (QueryType::Phrases, false) => format!("{field} is one of {value}"),
        (QueryType::Phrases, true) => format!("{field} is none of {value}"),
        (QueryType::Exists, false) => format!("{field} has a value"),
        (QueryType::Exists, true) => format!("{field} has no value"),
        (QueryType::Range, false) => format!("{field} is within {value}"),
        (QueryType::Range, true) => format!("{field} is not within {value}"),
    }
}

fn write_hunt(number: usize, hunt: &OsqueryHunt, out: &mut String) {
    let _ = writeln!(out, "{number}. **{}**\n", plain(&hunt.label));
    let indent = " ".repeat(number.to_string().len() + 2);
    for line in code_block(&hunt.query, "sql").lines() {
        let _ = writeln!(out, "{indent}{line}");
    }
    if let Some(mapping) = &hunt.ecs_mapping {
        let _ = writeln!(out, "\n{indent}Results become ECS fields by {}.", code(&mapping.to_text()));
    }
    out.push('\n');
}
