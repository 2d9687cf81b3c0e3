//! What exceptions did in a scan, as a part of its summary.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use watchfire_detect::{ExceptionBook, ExceptionCounts, ItemState, RuleBook};
use watchfire_diagnostics::Severity;
use watchfire_diagnostics::render::one_line;
use watchfire_rules::model::Rule;

use crate::terminal::escape_controls;

/// The most lines of one kind that are shown; the JSON form has all.
const SHOWN: usize = 20;

/// Its JSON form has these names, and only ever gains some.
#[derive(Debug, Serialize)]
pub(super) struct ExceptionSummary {
    /// Exception lists.
    lists: usize,
    /// Events that some rule would have taken, each once.
    events: u64,
    /// All items, in the order of their files.
    items: Vec<ItemLine>,
    /// All value lists, by id.
    value_lists: Vec<ValueListLine>,
    /// Errors, one line each: what could not be read or applied.
    errors: Vec<String>,
    /// Warnings, one line each.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ItemLine {
    list_id: String,
    item_id: String,
    name: String,
    state: State,
    /// Events that a rule would have taken, each once.
    events: u64,
    /// The same by rule; an event that two rules would have taken counts for both.
    rules: BTreeMap<String, u64>,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Matched,
    NeverMatched,
    Expired,
    /// No rule that ran takes it.
    Unused,
    Failed,
}

impl State {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Matched, "matched"),
        (Self::NeverMatched, "never matched"),
        (Self::Expired, "expired"),
        (Self::Unused, "of no rule here"),
        (Self::Failed, "not applied"),
    ];
}

#[derive(Debug, Serialize)]
struct ValueListLine {
    id: String,
    values: usize,
    duplicates: usize,
    blank_lines: usize,
    bad_values: usize,
    used: bool,
}

impl ExceptionSummary {
    pub(super) fn new(exceptions: &ExceptionBook, book: &RuleBook, counts: &ExceptionCounts) -> Self {
        let rules: Vec<&Rule> = book.rules().map(|(rule, _)| rule).collect();
        let named = exceptions.items_named_by(&rules);
        let item = |(at, item): (usize, &watchfire_detect::BookItem)| {
            let count = counts.items.get(&at).cloned().unwrap_or_default();
            let state = match item.state {
                ItemState::Failed => State::Failed,
                ItemState::Expired => State::Expired,
                ItemState::Active if !named.contains(&at) => State::Unused,
                ItemState::Active if count.events == 0 => State::NeverMatched,
                ItemState::Active => State::Matched,
            };
            let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
            for (rule, number) in count.rules {
                *by_rule.entry(rules[rule].name.clone()).or_default() += number;
            }
            ItemLine {
                list_id: item.item.list_id.clone(),
                item_id: item.item.item_id.clone(),
                name: item.item.name.clone(),
                state,
                events: count.events,
                rules: by_rule,
            }
        };
        let said = |severity| -> Vec<String> {
            let texts = exceptions.sources().iter();
            let lines = texts.flat_map(|text| {
                let chosen = text.diagnostics.iter().filter(move |found| found.severity == severity);
                chosen.map(|found| one_line(found, &text.source))
            });
            lines.collect()
        };
        let list = |list: &watchfire_detect::ValueListUse| ValueListLine {
            id: list.id.clone(),
            values: list.values,
            duplicates: list.duplicates,
            blank_lines: list.blank_lines,
            bad_values: list.bad_values,
            used: list.is_used,
        };
        Self {
            lists: exceptions.number_of_lists(),
            events: counts.events,
            items: exceptions.items().iter().enumerate().map(item).collect(),
            value_lists: exceptions.value_lists().iter().map(list).collect(),
            errors: said(Severity::Error),
            warnings: said(Severity::Warning),
        }
    }

    /// Whether all could be read and applied.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Writes it for people: first what is wrong, then what was done.
    pub(super) fn write_problems(&self, log: &mut dyn Write) -> io::Result<()> {
        let problems: Vec<&String> = self.errors.iter().chain(&self.warnings).collect();
        for line in problems.iter().take(SHOWN) {
            writeln!(log, "{}", escape_controls(line))?;
        }
        if problems.len() > SHOWN {
            let further = problems.len() - SHOWN;
            writeln!(log, "… {further} more lines about exceptions; `watchfire exceptions check` has them")?;
        }
        Ok(())
    }

    pub(super) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        write!(log, "exceptions: {} items", self.items.len())?;
        let of = |state: State| self.items.iter().filter(move |item| item.state == state);
        let parts: Vec<String> = State::ALL
            .iter()
            .filter(|(state, _)| of(*state).next().is_some())
            .map(|(state, name)| format!("{} {name}", of(*state).count()))
            .collect();
        if !parts.is_empty() {
            write!(log, " = {}", parts.join(" + "))?;
        }
        writeln!(log, "; {} events excepted", self.events)?;
        for (state, name) in State::ALL {
            let mut items: Vec<&ItemLine> = of(state).collect();
            items.sort_by_key(|item| std::cmp::Reverse(item.events));
            for item in items.iter().take(SHOWN) {
                let what = match state {
                    State::Matched => format!("{} events excepted by", item.events),
                    _ => format!("{name}:"),
                };
                let line = format!("  {what} `{}` ({}/{})", item.name, item.list_id, item.item_id);
                writeln!(log, "{}", escape_controls(&line))?;
            }
            if items.len() > SHOWN {
                writeln!(log, "  … {} more items {name}; --summary has them", items.len() - SHOWN)?;
            }
        }
        for list in &self.value_lists {
            let mut parts = vec![format!("  value list `{}`: {} values", list.id, list.values)];
            for (number, what) in [
                (list.duplicates, "repeated lines"),
                (list.blank_lines, "blank lines"),
                (list.bad_values, "values that do not fit its type"),
            ] {
                if number > 0 {
                    parts.push(format!("{number} {what}"));
                }
            }
            if !list.used {
                parts.push("no item asks for it".to_owned());
            }
            writeln!(log, "{}", escape_controls(&parts.join(", ")))?;
        }
        Ok(())
    }
}
