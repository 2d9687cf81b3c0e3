//! The investigation guide on the page: its text, and the queries in it as lists that a person can follow.

use std::fmt::Write;

use super::markdown::{contained, without_own_heading};
use super::text::{code, code_block, line, plain};
use crate::guide::{GuidePart, parts};
use crate::model::{Investigation, OsqueryHunt, Provider, QueryType};

/// A guide taken apart.
pub(super) struct Guide {
    /// Its text, with the name of each query where it stood.
    text: String,
    pub(super) searches: Vec<Investigation>,
    pub(super) hunts: Vec<OsqueryHunt>,
}

impl Guide {
    pub(super) fn of(note: &str) -> Self {
        let mut guide = Self { text: String::new(), searches: Vec::new(), hunts: Vec::new() };
        let text = &mut guide.text;
        for part in parts(note) {
            match part {
                GuidePart::Text(part) => text.push_str(part),
                GuidePart::Broken(part) => text.push_str(&code(part)),
                GuidePart::Investigate(search) => {
                    let number = guide.searches.len() + 1;
                    let _ = write!(text, "**{}** (search {number})", plain(&search.label));
                    guide.searches.push(search);
                }
                GuidePart::Osquery(hunt) => {
                    let number = guide.hunts.len() + 1;
                    let _ = write!(text, "**{}** (Osquery {number})", plain(&hunt.label));
                    guide.hunts.push(hunt);
                }
            }
        }
        guide
    }

    /// The heading and the text, without the queries.
    pub(super) fn write_text(&self, out: &mut String) {
        let text = without_own_heading(&self.text, "investigation guide");
        let _ = writeln!(out, "## Investigation guide\n\n{}", contained(text, 2));
    }

    /// The Osquery hunts, one below the other.
    pub(super) fn write_hunts(&self, out: &mut String) {
        if self.hunts.is_empty() {
            return;
        }
        out.push_str("### Osquery\n\n");
        for (at, hunt) in self.hunts.iter().enumerate() {
            write_hunt(at + 1, hunt, out);
        }
    }
}

/// The guide's sections, below headings of level 2.
pub(super) fn write(note: &str, out: &mut String) {
    let guide = Guide::of(note);
    guide.write_text(out);
    if !guide.searches.is_empty() {
        out.push_str("### Searches\n\n");
        for (at, search) in guide.searches.iter().enumerate() {
            write_search(at + 1, search, out);
        }
        out.push('\n');
    }
    guide.write_hunts(out);
}

/// The time that a search covers.
pub(super) fn searched_time(search: &Investigation) -> String {
    match (&search.relative_from, &search.relative_to) {
        (Some(from), Some(to)) => {
            format!("{} to {}, *now* being the alert's time", code(&from.to_string()), code(&to.to_string()))
        }
        _ => "all events up to now".to_owned(),
    }
}

fn write_search(number: usize, search: &Investigation, out: &mut String) {
    let _ = writeln!(out, "{number}. **{}**: {}", plain(&search.label), searched_time(search));
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
    format!("{} {}", code(&provider.field), relation(provider))
}

/// What is asked of the field.
pub(super) fn relation(provider: &Provider) -> String {
    let value = match &provider.value.0 {
        serde_json::Value::String(text) => code(text),
        other => code(&other.to_string()),
    };
    match (provider.query_type, provider.excluded) {
        (QueryType::Phrase, false) => format!("is {value}"),
        (QueryType::Phrase, true) => format!("is not {value}"),
        (QueryType::Phrases, false) => format!("is one of {value}"),
        (QueryType::Phrases, true) => format!("is none of {value}"),
        (QueryType::Exists, false) => "has a value".to_owned(),
        (QueryType::Exists, true) => "has no value".to_owned(),
        (QueryType::Range, false) => format!("is within {value}"),
        (QueryType::Range, true) => format!("is not within {value}"),
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
