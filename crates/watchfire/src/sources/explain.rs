//! `watchfire sources explain`.
//!
//! Which raw field gives which field is not told by the tables, which know nothing of what functions do: each raw field
//! is left out of the record once, and what changes in the document comes from it. So it is true of every source.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_events::flatten;
use watchfire_sources::normalise::{
    NormaliseOptions, Normalised, RawInput, RawPayload, normalise, recognise,
};

use super::Format;
use super::record::{Taker, read_each};
use crate::exit::Exit;
use crate::reading::Reading;
use crate::terminal::escape_controls;

/// Shows a raw record beside the document that it becomes, field by field, and what stayed unmapped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire sources explain fdr.ndjson
  watchfire sources explain Security.evtx --record 17 --format json

Exit codes:
  0  done
  1  there is no such record, or it cannot be read
  2  wrong usage")]
pub(super) struct Explain {
    /// The file of the record; `-` is standard input.
    path: PathBuf,
    /// Which record of the file, from 1.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    record: NonZeroU64,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    reading: Reading,
}

/// The record of a number.
struct Wanted {
    left: u64,
    record: Option<RawInput>,
}

impl Taker for Wanted {
    fn take(&mut self, record: RawInput) -> bool {
        self.left -= 1;
        if self.left == 0 {
            self.record = Some(record);
        }
        self.left > 0
    }
}

/// Raw fields of one record that are looked at; more are left alone, and told of.
const MOST_FIELDS: usize = 5_000;

impl Explain {
    pub(super) fn explain(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let options = self.reading.normalise()?;
        let wanted = || Wanted { left: self.record.get(), record: None };
        let (files, _) = read_each(std::slice::from_ref(&self.path), log, wanted)?;
        let Some(record) = files.into_iter().find_map(|(_, wanted)| wanted.record) else {
            writeln!(log, "there is no record {}", self.record)?;
            return Ok(Exit::Problems);
        };
        let explained = match Explained::of(record, &options) {
            Ok(explained) => explained,
            Err(error) => {
                writeln!(log, "the record gives no document: {error}")?;
                return Ok(Exit::Problems);
            }
        };
        match self.format {
            Format::Text => explained.text(out)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &explained.json())?;
                writeln!(out)?;
            }
        }
        out.flush()?;
        Ok(Exit::Success)
    }
}

/// What there is to say about a record.
struct Explained {
    record: RawInput,
    normalised: Normalised,
    reason: String,
    /// By raw field: its value, and the fields that come from it.
    raw: Vec<(String, String, Gives)>,
    left_alone: usize,
}

/// What a raw field gives.
struct Gives {
    fields: BTreeSet<String>,
    /// Whether without it the record would be of another source, or of none.
    tells_source: bool,
}

type Flat = BTreeMap<String, Vec<Value>>;

fn flat(normalised: &Normalised) -> Flat {
    let mut fields = Flat::new();
    flatten(&normalised.event.document, &mut |name, value| {
        fields.entry(name.to_owned()).or_default().push(value.clone());
    });
    fields
}

impl Explained {
    fn of(
        record: RawInput,
        options: &NormaliseOptions,
    ) -> Result<Self, watchfire_sources::normalise::NormaliseError> {
        let normalised = normalise(record.clone(), options)?;
        let reason = recognise(&record.payload, record.given_index.as_deref(), options)?.reason;
        let whole = flat(&normalised);
        let parts = parts_of(&record.payload);
        // As if the source had been asked for, so that a field that tells it can show what else it gives.
        let as_such = NormaliseOptions { source: Some(normalised.source), ..options.clone() };
        let left_alone = parts.len().saturating_sub(MOST_FIELDS);
        let raw = parts.into_iter().take(MOST_FIELDS).map(|part| {
            let rest = RawInput { payload: part.rest, ..record.clone() };
            let mut without = normalise(rest.clone(), options);
            let tells_source = without.as_ref().map_or(true, |without| without.source != normalised.source);
            if tells_source {
                without = normalise(rest, &as_such);
            }
            let fields = without.map(|without| {
                let rest = flat(&without);
                let changed = whole.iter().filter(|(name, values)| rest.get(*name) != Some(values));
                changed.map(|(name, _)| name.clone()).collect()
            });
            (part.name, part.value, Gives { fields: fields.unwrap_or_default(), tells_source })
        });
        let raw = raw.collect();
        Ok(Self { record, normalised, reason, raw, left_alone })
    }

    /// The fields that come from no raw field.
    fn constants(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = flat(&self.normalised).into_keys().collect();
        for (_, _, gives) in &self.raw {
            gives.fields.iter().for_each(|field| {
                names.remove(field);
            });
        }
        names
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let event = &self.normalised.event;
        writeln!(out, "{}: {}", escape_controls(&self.record.place.to_string()), self.normalised.source)?;
        writeln!(out, "  because {}", escape_controls(&self.reason))?;
        writeln!(out, "  goes to {}", escape_controls(&event.data_stream.to_string()))?;
        if !self.normalised.has_time {
            writeln!(out, "  it has no time")?;
        }
        let fields = flat(&self.normalised);
        writeln!(out, "\nRaw field, its value, and what comes from it:")?;
        for (name, value, gives) in &self.raw {
            writeln!(out, "\n{} = {}", escape_controls(name), escape_controls(value))?;
            if gives.tells_source {
                writeln!(out, "  tells the source")?;
            } else if gives.fields.is_empty() {
                writeln!(out, "  nothing by itself")?;
            }
            for name in &gives.fields {
                writeln!(out, "  {name} = {}", shown(&fields[name]))?;
            }
        }
        if self.left_alone > 0 {
            writeln!(out, "\n{} further raw fields were not looked at", self.left_alone)?;
        }
        writeln!(out, "\nSet by the mapping itself:")?;
        for name in self.constants() {
            writeln!(out, "  {name} = {}", shown(&fields[&name]))?;
        }
        let unmapped = self.normalised.unmapped();
        if !unmapped.is_empty() {
            writeln!(out, "\nUnmapped, and kept as they are:")?;
            for name in unmapped {
                writeln!(out, "  {}", escape_controls(&name))?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let raw: Vec<Value> = self
            .raw
            .iter()
            .map(|(name, value, gives)| {
                json!({
                    "raw": name, "value": value, "fields": gives.fields, "tells_source": gives.tells_source,
                })
            })
            .collect();
        let record = match &self.record.payload {
            RawPayload::Json(value) => value.clone(),
            RawPayload::WindowsXml(text) => text.clone().into(),
        };
        json!({
            "place": self.record.place.to_string(),
            "source": self.normalised.source.name(),
            "data_stream": self.normalised.event.data_stream.as_str(),
            "reason": self.reason,
            "record": record,
            "document": self.normalised.event.document,
            "fields": raw,
            "constants": self.constants(),
            "unmapped": self.normalised.unmapped(),
        })
    }
}

fn shown(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(|value| escape_controls(&value.to_string())).collect();
    match &texts[..] {
        [single] => single.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// A raw field, and the record without it.
struct Part {
    name: String,
    value: String,
    rest: RawPayload,
}

fn parts_of(payload: &RawPayload) -> Vec<Part> {
    match payload {
        RawPayload::Json(record) => {
            let mut paths = Vec::new();
            collect(record, &mut Vec::new(), &mut paths);
            paths.truncate(MOST_FIELDS + 1);
            paths.iter().map(|path| json_part(record, path)).collect()
        }
        RawPayload::WindowsXml(text) => xml_parts(text),
    }
}

/// A step into a value.
#[derive(Clone)]
enum Step {
    Key(String),
    Item(usize),
}

fn collect(value: &Value, path: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                path.push(Step::Key(key.clone()));
                collect(value, path, paths);
                path.pop();
            }
        }
        // A list of texts is one field; objects in a list have fields of their own.
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                path.push(Step::Item(at));
                collect(item, path, paths);
                path.pop();
            }
        }
        Value::Null => {}
        _ if path.is_empty() => {}
        _ => paths.push(path.clone()),
    }
}

fn json_part(record: &Value, path: &[Step]) -> Part {
    let mut rest = record.clone();
    let mut holder = &mut rest;
    let (last, before) = path.split_last().expect("a field has a name");
    let mut name = String::new();
    for step in before {
        add_step(&mut name, step);
        holder = match step {
            Step::Key(key) => holder.get_mut(key),
            Step::Item(at) => holder.get_mut(at),
        }
        .expect("the path is one of the record");
    }
    add_step(&mut name, last);
    let value = match (last, holder) {
        (Step::Key(key), Value::Object(members)) => members.shift_remove(key),
        (Step::Item(at), Value::Array(items)) => Some(items.remove(*at)),
        _ => None,
    };
    let value = value.unwrap_or_default().to_string();
    Part { name, value, rest: RawPayload::Json(rest) }
}

fn add_step(name: &mut String, step: &Step) {
    match step {
        Step::Key(key) => {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(key);
        }
        Step::Item(at) => {
            name.push('[');
            name.push_str(&at.to_string());
            name.push(']');
        }
    }
}

/// The texts and attribute values of an element's text, each with the text without it. Names of data are taken for
/// names, not for values.
fn xml_parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let at = text.len() - rest.len() + start;
        let Some(length) = text[at..].find('>') else { break };
        let tag = &text[at + 1..at + length];
        let after = at + length + 1;
        if !tag.starts_with(['/', '?', '!']) {
            let element = tag.split([' ', '/', '\n', '\t']).next().unwrap_or_default();
            let mut own_name = element.to_owned();
            for (name, value_at, value) in attributes(text, at + 1, tag) {
                if name == "Name" && element == "Data" {
                    value.clone_into(&mut own_name);
                } else if !name.starts_with("xmlns") {
                    let name = format!("{element}@{name}");
                    parts.push(cut(text, name, value_at, value.len()));
                }
            }
            let content = text[after..].find('<').unwrap_or(0);
            if !text[after..after + content].trim().is_empty() {
                parts.push(cut(text, own_name, after, content));
            }
        }
        rest = &text[after..];
    }
    parts
}

fn attributes<'t>(text: &'t str, tag_at: usize, tag: &str) -> Vec<(&'t str, usize, &'t str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(equals) = tag[at..].find('=') {
        let name = tag[at..at + equals].trim().rsplit([' ', '\n', '\t']).next().unwrap_or_default();
        let behind = at + equals + 1;
        let Some(quote) = tag[behind..].chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            break;
        };
        let Some(length) = tag[behind + 1..].find(quote) else { break };
        let name_at = tag_at + at + equals - name.len();
        let value_at = tag_at + behind + 1;
        found.push((&text[name_at..name_at + name.len()], value_at, &text[value_at..value_at + length]));
        at = behind + 1 + length + 1;
    }
    found
}

fn cut(text: &str, name: String, at: usize, length: usize) -> Part {
    let value = text[at..at + length].to_owned();
    Part { name, value, rest: RawPayload::WindowsXml(format!("{}{}", &text[..at], &text[at + length..])) }
}
