//! The pages of `docs/sources/`, generated from the tables.

use std::fmt::Write as _;

use rustc_hash::FxHashMap;

use super::conversion::CONVERSIONS;
use super::naming::Naming;
use super::paths::Slot;
use super::pattern::Pattern;
use super::rest::Rest;
use super::step::{Condition, Row, Step};
use super::{Source, TableRef};
use crate::fields::FieldValue;

/// The page of a source whose mapping is a table, in Markdown.
pub fn source_page(table: TableRef) -> String {
    let source = &table.0.source;
    let mut page = format!("# {}\n\n", table.title());
    if !table.about().is_empty() {
        let _ = writeln!(page, "{}\n", table.about().trim());
    }
    let fields = table.fields();
    let _ = writeln!(
        page,
        "Source `{}`, `event.module` `{}`, data stream `{}`.\n",
        table.name(),
        table.module(),
        fields.data_stream_pattern
    );
    let tests = table.recognition();
    if !tests.is_empty() {
        page.push_str("## How it is recognised\n\n");
        for test in tests {
            let _ = writeln!(page, "- {test}");
        }
        page.push('\n');
    }
    if !source.wrappers.is_empty() {
        let names: Vec<String> = source.wrappers.iter().map(|path| format!("`{path}`")).collect();
        let _ = writeln!(page, "A record may also be in {} of a shipper's.\n", names.join(" or "));
    }
    if !source.time.is_empty() {
        let names: Vec<String> =
            source.time.iter().map(|(slot, _)| format!("`{}`", source.paths.names()[*slot])).collect();
        let _ = writeln!(page, "`@timestamp` is the first of {} that is a time.\n", names.join(", "));
    }
    page.push_str("## Where each raw field goes\n\n");
    if let Some(inside) = source.inside {
        let _ = writeln!(page, "Fields of the object `{inside}` count as fields of the record.\n");
    }
    page.push_str("In this order; a later row writes over an earlier one.\n\n");
    if let Some(rest) = &source.rest {
        let names = match rest.naming {
            Naming::Same => "under the same names",
            Naming::Snake => "in lower case with words apart",
        };
        let of =
            rest.of.map_or_else(|| "All raw fields".to_owned(), |of| format!("All raw fields in `{of}`"));
        let _ = writeln!(page, "{of} are kept below `{}`, {names}.\n", rest.under);
        rest.write_names(&mut page);
    }
    for step in &source.steps {
        step.write(source, &mut page);
    }
    for (name, words) in sorted(&source.words) {
        let _ = writeln!(page, "### Words of `{name}`\n\n| raw | text |\n|---|---|");
        for (key, value) in sorted(words) {
            let _ = writeln!(page, "| `{key}` | {} |", shown(value));
        }
        page.push('\n');
    }
    if !source.table.written.is_empty() {
        page.push_str("## What the program writes beside the table\n\n| field | type |\n|---|---|\n");
        for (name, kind) in &source.table.written {
            let _ = writeln!(page, "| `{name}` | {} |", kind.name());
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// The table of all conversions, in Markdown.
pub fn conversions_page() -> String {
    let mut page = String::from("| conversion | what it does |\n|---|---|\n");
    for (name, argument, meaning) in CONVERSIONS {
        let argument = if argument.is_empty() { String::new() } else { format!(":{argument}") };
        let _ = writeln!(page, "| `{name}{argument}` | {meaning} |");
    }
    page
}

fn sorted<'m, V>(map: &'m FxHashMap<&'static str, V>) -> Vec<(&'static str, &'m V)> {
    let mut entries: Vec<_> = map.iter().map(|(name, value)| (*name, value)).collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries
}

fn shown(value: &FieldValue<'static>) -> String {
    match value {
        FieldValue::Words(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        other => match other.clone().into_value() {
            serde_json::Value::String(text) if text.is_empty() => String::new(),
            serde_json::Value::String(text) => format!("`{}`", cell(&text)),
            value => format!("`{value}`"),
        },
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn raw(source: &Source, slots: &[Slot]) -> String {
    slots.iter().map(|slot| format!("`{}`", source.paths.names()[*slot])).collect::<Vec<_>>().join(", ")
}

fn texts(patterns: &[Pattern]) -> String {
    patterns
        .iter()
        .map(|pattern| format!("`{}`", cell(&pattern.to_string())))
        .collect::<Vec<_>>()
        .join(" or ")
}

impl Rest {
    /// The names that are not what the rule makes of them.
    fn write_names(&self, page: &mut String) {
        for (heading, names) in [("raw field", &self.rename), ("part of a name", &self.parts)] {
            if !names.is_empty() {
                let _ = writeln!(page, "| {heading} | is named |\n|---|---|");
                for (from, to) in sorted(names) {
                    let _ = writeln!(page, "| `{from}` | `{to}` |");
                }
                page.push('\n');
            }
        }
        if !self.prefixes.is_empty() {
            page.push_str("| a raw field that begins with | is kept below |\n|---|---|\n");
            for (prefix, to) in &self.prefixes {
                let _ = writeln!(page, "| `{prefix}` | `{to}` |");
            }
            page.push('\n');
        }
        if !self.without.is_empty() {
            let mut left_out: Vec<&str> = self.without.iter().copied().collect();
            left_out.sort_unstable();
            let _ = writeln!(page, "Left out: `{}`.\n", left_out.join("`, `"));
        }
    }
}

impl Condition {
    fn words(&self, source: &Source) -> String {
        let mut parts = Vec::new();
        parts.extend(self.has.iter().map(|slot| format!("there is {}", raw(source, &[*slot]))));
        parts.extend(self.lacks.iter().map(|slot| format!("there is no {}", raw(source, &[*slot]))));
        parts
            .extend(self.when.iter().map(|(slot, of)| format!("{} is {}", raw(source, &[*slot]), texts(of))));
        parts.extend(
            self.unless.iter().map(|(slot, of)| format!("{} is not {}", raw(source, &[*slot]), texts(of))),
        );
        parts.extend(
            self.fields.iter().map(|test| format!("field `{}` is {}", test.field, texts(&test.texts))),
        );
        parts.extend(self.lacks_field.iter().map(|field| format!("there is no field `{field}` yet")));
        parts.join(", and ")
    }
}

impl Step {
    fn write(&self, source: &Source, page: &mut String) {
        let condition = self.condition.words(source);
        let heading = if self.note.is_empty() { &condition } else { &self.note };
        if !heading.is_empty() {
            let _ = writeln!(page, "### {heading}\n");
        }
        if !self.note.is_empty() && !condition.is_empty() {
            let _ = writeln!(page, "When {condition}.\n");
        }
        if !self.set.is_empty() {
            page.push_str("| field | value |\n|---|---|\n");
            for (field, value) in &self.set {
                let _ = writeln!(page, "| `{field}` | {} |", shown(value));
            }
            page.push('\n');
        }
        for (field, texts) in &self.add {
            let texts: Vec<String> = texts.iter().map(|text| format!("`{}`", cell(text))).collect();
            let _ = writeln!(page, "- {} joins `{field}`", texts.join(", "));
        }
        if !self.add.is_empty() {
            page.push('\n');
        }
        if let Some(lookup) = &self.lookup {
            let columns: Vec<String> = lookup.columns.iter().map(|field| format!("`{field}`")).collect();
            let _ = writeln!(page, "| {} | {} |", raw(source, &lookup.by), columns.join(" | "));
            let _ = writeln!(page, "|---|{}", "---|".repeat(columns.len()));
            let mut keys: Vec<(String, usize)> =
                lookup.exact.iter().map(|(key, row)| ((*key).to_owned(), *row)).collect();
            keys.extend(lookup.patterns.iter().map(|(pattern, row)| (pattern.to_string(), *row)));
            keys.sort_unstable_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
            for (key, row) in keys {
                let values: Vec<String> = lookup.rows[row].iter().map(shown).collect();
                let _ = writeln!(page, "| `{}` | {} |", cell(&key), values.join(" | "));
            }
            if let Some(values) = &lookup.otherwise {
                let values: Vec<String> = values.iter().map(shown).collect();
                let _ = writeln!(page, "| anything else | {} |", values.join(" | "));
            }
            page.push('\n');
        }
        if !self.rows.is_empty() {
            page.push_str("| raw field | field | conversion |\n|---|---|---|\n");
            for row in &self.rows {
                row.write(source, page);
            }
            page.push('\n');
        }
        for (from, to) in &self.rename {
            let _ = writeln!(page, "- `{from}` goes to `{to}`");
        }
        for (from, to) in &self.copy {
            let _ = writeln!(page, "- `{from}` is copied to `{to}`");
        }
        for field in &self.remove {
            let _ = writeln!(page, "- `{field}` is taken out");
        }
        if !(self.rename.is_empty() && self.copy.is_empty() && self.remove.is_empty()) {
            page.push('\n');
        }
    }
}

impl Row {
    fn write(&self, source: &Source, page: &mut String) {
        let targets: Vec<String> = self.to.iter().map(|(target, _)| format!("`{target}`")).collect();
        let from = match self.join {
            Some(separator) => format!("{} joined with `{}`", raw(source, &self.from), cell(separator)),
            None if self.from.len() > 1 && !self.add => format!("the first of {}", raw(source, &self.from)),
            None => raw(source, &self.from),
        };
        let mut conversion = cell(self.written);
        if self.if_absent {
            conversion.push_str(", if it is not there yet");
        }
        if self.add {
            conversion.push_str(", beside what is there");
        }
        let _ = writeln!(page, "| {from} | {} | {conversion} |", targets.join(", "));
    }
}
