//! `watchfire sources coverage`.
//!
//! For each rule and each source that its index patterns select: how many of the rule's fields the source gives, and
//! whether the query can hold with what it gives. The stages of a sequence can come from one source each.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_engine::impossible_without;
use watchfire_ir::Condition;
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_sources::normalise::{SourceFields, catalogue_with};

use super::Format;
use crate::check::{Examination, NamedSources, Search};
use crate::exit::Exit;
use crate::rule_paths::load_paths;
use crate::source_tables::SourceTables;
use crate::terminal::escape_controls;

/// Tells, rule by rule, which sources can satisfy it: which of its index patterns are known, how many of its fields each
/// source gives, and for want of which field a query can never hold.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire sources coverage --rules detection-rules/rules
  watchfire sources coverage --rules my_rule.toml --format json

Exit codes:
  0  done
  1  done, but some rule can be satisfied by none of its sources, or could not be read
  2  wrong usage")]
pub(super) struct Coverage {
    /// Rule files and folders of rules.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// How the answer is written. `text` lists single rules only where there is one, or something is in the way.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    tables: SourceTables,
}

/// What one source is to one rule.
struct OfSource {
    source: &'static SourceFields,
    given: usize,
    missing: BTreeSet<String>,
    /// The fields for want of which the query cannot hold.
    blocking: Option<BTreeSet<String>>,
}

/// What there is to say of one rule.
struct OfRule {
    file: String,
    id: String,
    name: String,
    fields: usize,
    known: Vec<String>,
    unknown: Vec<String>,
    sources: Vec<OfSource>,
    /// The fields for want of which a stage can hold in none of the sources; `None` if each can in some.
    blocking: Option<BTreeSet<String>>,
}

/// How a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Some source can satisfy it.
    Satisfied,
    /// No source that is known can, but not all of its patterns are known.
    Open,
    /// None of its patterns is known.
    Unknown,
    /// None of its sources can.
    Impossible,
}

impl OfRule {
    fn state(&self) -> State {
        if self.sources.is_empty() {
            State::Unknown
        } else if self.blocking.is_none() {
            State::Satisfied
        } else if self.unknown.is_empty() {
            State::Impossible
        } else {
            State::Open
        }
    }
}

impl Coverage {
    pub(super) fn coverage(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let tables = self.tables.load()?;
        let catalogue = catalogue_with(&tables);
        let mut examination = Examination::new(&catalogue);
        let (mut rules, mut failed, mut without_query) = (Vec::new(), 0, 0);
        for LoadedFile { source, fate, content, .. } in load_paths(&self.rules)? {
            let Some(content) = content else {
                failed += usize::from(fate == Fate::Failed);
                continue;
            };
            match examination.search(&content, &source, &tables) {
                Some(search) => {
                    let rule = &content.rule;
                    let id = rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default();
                    rules.push(of_rule(source.name(), id, &rule.name, &search));
                }
                None => without_query += 1,
            }
        }
        match self.format {
            Format::Text => text(&rules, out)?,
            Format::Json => {
                let all: Vec<Value> = rules.iter().map(OfRule::json).collect();
                serde_json::to_writer_pretty(&mut *out, &all)?;
                writeln!(out)?;
            }
        }
        out.flush()?;
        let number = |state| rules.iter().filter(|rule| rule.state() == state).count();
        let impossible = number(State::Impossible);
        writeln!(
            log,
            "rules: {} = {} that some source can satisfy + {} open, with patterns that are not known + {} of no known \
             pattern + {impossible} that none of their sources can satisfy",
            rules.len(),
            number(State::Satisfied),
            number(State::Open),
            number(State::Unknown),
        )?;
        if without_query > 0 {
            writeln!(log, "{without_query} rules have no query over events, or one that is not read yet")?;
        }
        if failed > 0 {
            writeln!(log, "{failed} files could not be used; `watchfire check` says why")?;
        }
        Ok(if impossible == 0 && failed == 0 { Exit::Success } else { Exit::Problems })
    }
}

fn of_rule(file: &str, id: String, name: &str, search: &Search) -> OfRule {
    let fields: BTreeSet<&str> =
        search.uses.iter().map(|used| used.name.as_str()).filter(|name| !name.starts_with('_')).collect();
    let gives =
        |source: &SourceFields, name: &str| NamedSources::is_added_on_the_way(name) || source.gives(name);
    let needed: Vec<&Condition> =
        search.stages.iter().filter(|stage| stage.needed).map(|stage| &stage.condition).collect();
    let blocked = |source: &SourceFields, condition: &Condition| {
        impossible_without(condition, &|name| gives(source, name))
    };
    let of_source = |source: &'static SourceFields| {
        let gives = |name: &str| gives(source, name);
        let missing: BTreeSet<String> =
            fields.iter().filter(|field| !gives(field)).map(|field| (*field).to_owned()).collect();
        let blocked = needed.iter().find_map(|condition| blocked(source, condition));
        OfSource {
            source,
            given: fields.len() - missing.len(),
            missing,
            blocking: blocked.map(|names| names.iter().map(ToString::to_string).collect()),
        }
    };
    // Of a stage that no source satisfies, what they all lack.
    let blocking = needed.iter().find_map(|condition| {
        let all: Option<Vec<_>> = search.sources.known().map(|source| blocked(source, condition)).collect();
        Some(all?.into_iter().flatten().map(|name| name.to_string()).collect())
    });
    let (known, unknown) = search.sources.patterns();
    OfRule {
        file: file.to_owned(),
        id,
        name: name.to_owned(),
        fields: fields.len(),
        known,
        unknown,
        sources: search.sources.known().map(of_source).collect(),
        blocking,
    }
}

impl OfRule {
    fn json(&self) -> Value {
        let sources: Vec<Value> = self
            .sources
            .iter()
            .map(|of| {
                json!({
                    "source": of.source.source.name(), "fields_given": of.given, "fields_missing": of.missing,
                    "can_match": of.blocking.is_none(), "blocked_by": of.blocking,
                })
            })
            .collect();
        let state = match self.state() {
            State::Satisfied => "satisfied",
            State::Open => "open",
            State::Unknown => "unknown",
            State::Impossible => "impossible",
        };
        json!({
            "file": self.file, "rule_id": self.id, "name": self.name, "fields": self.fields, "state": state,
            "patterns_known": self.known, "patterns_unknown": self.unknown, "sources": sources,
            "blocked_by": self.blocking,
        })
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", escape_controls(&self.name))?;
        writeln!(
            out,
            "  {} of {} index patterns known, {} fields",
            self.known.len(),
            self.known.len() + self.unknown.len(),
            self.fields
        )?;
        if !self.unknown.is_empty() {
            writeln!(out, "  not known: {}", escape_controls(&self.unknown.join(", ")))?;
        }
        for of in &self.sources {
            let can = if of.blocking.is_none() { "can match" } else { "CANNOT match" };
            write!(out, "  {:32} {can:12} {}/{} fields", of.source.source.name(), of.given, self.fields)?;
            let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
            match &of.blocking {
                Some(names) if !names.is_empty() => write!(out, ", needs {}", escape_controls(&list(names)))?,
                _ if !of.missing.is_empty() => {
                    write!(out, ", without {}", escape_controls(&list(&of.missing)))?;
                }
                _ => {}
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

fn text(rules: &[OfRule], out: &mut dyn Write) -> io::Result<()> {
    if let [single] = rules {
        return single.text(out);
    }
    // By source: rules that name it, that it can satisfy, and of whose fields it gives all.
    let mut by_source: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for of in rules.iter().flat_map(|rule| &rule.sources) {
        let row = by_source.entry(of.source.source.name()).or_default();
        row[0] += 1;
        row[1] += usize::from(of.blocking.is_none());
        row[2] += usize::from(of.missing.is_empty());
    }
    writeln!(
        out,
        "{:34} {:>9} {:>9} {:>11} {:>10}",
        "source", "rules", "can match", "cannot match", "all fields"
    )?;
    for (source, [named, can, all]) in by_source {
        writeln!(out, "{source:34} {named:>9} {can:>9} {:>12} {all:>10}", named - can)?;
    }
    let impossible: Vec<&OfRule> = rules.iter().filter(|rule| rule.state() == State::Impossible).collect();
    if !impossible.is_empty() {
        writeln!(out, "\nRules that none of their sources can satisfy, with the fields that are wanting:")?;
        for rule in impossible {
            let fields: Vec<&str> = rule.blocking.iter().flatten().map(String::as_str).collect();
            writeln!(out, "  {}: {}", escape_controls(&rule.name), escape_controls(&fields.join(", ")))?;
        }
    }
    let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
    rules.iter().flat_map(|rule| &rule.unknown).for_each(|pattern| *unknown.entry(pattern).or_default() += 1);
    if !unknown.is_empty() {
        writeln!(out, "\nIndex patterns whose sources are not known, with the rules that name them:")?;
        let mut rows: Vec<_> = unknown.into_iter().collect();
        rows.sort_unstable_by_key(|(pattern, number)| (std::cmp::Reverse(*number), *pattern));
        for (pattern, number) in rows {
            writeln!(out, "  {number:>5}  {}", escape_controls(pattern))?;
        }
    }
    Ok(())
}
