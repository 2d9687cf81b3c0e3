//! Events against indicators.

use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use watchfire_engine::RuleIndex;
use watchfire_events::{Document, Event, EventBatch, IpBlock, get_field, set_field};

use super::MappingEntry;
use super::build::IndicatorCounts;
use super::key::{Key, hash_of_block};
use super::table::HashTable;
use crate::stored_events::{EventReader, EventRef, StoredEvents};

/// Most enrichments of an event, as in Elastic. Indicators beyond, in the order of their places, are counted.
pub const MAX_ENRICHMENTS: usize = 200;

/// Indicators, and how to find those that an event shares values with.
#[derive(Debug)]
pub struct IndicatorIndex {
    rules: FxHashMap<RuleIndex, (u32, RuleGroups)>,
    tables: Vec<HashTable>,
    indicators: Indicators,
    counts: IndicatorCounts,
}

/// The indicators themselves, in the order of their places.
#[derive(Debug)]
pub(super) struct Indicators {
    /// Where each is stored, and the list of rules that it counts for.
    pub(super) list: Vec<(EventRef, u32)>,
    pub(super) rule_lists: Vec<Vec<u32>>,
    pub(super) stored: StoredEvents,
}

/// The mapping of a rule.
#[derive(Debug)]
pub(super) struct RuleGroups {
    pub(super) path: Arc<str>,
    pub(super) groups: Vec<Group>,
}

/// Entries that must all hold, each with the number of its table.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) entries: Vec<(MappingEntry, usize)>,
}

impl IndicatorIndex {
    pub(super) fn new(
        rules: Vec<(RuleIndex, RuleGroups)>,
        tables: Vec<HashTable>,
        indicators: Indicators,
        counts: IndicatorCounts,
    ) -> Self {
        let numbered = rules.into_iter().enumerate();
        let rules = numbered.map(|(number, (rule, groups))| (rule, (number as u32, groups))).collect();
        Self { rules, tables, indicators, counts }
    }

    /// What was read.
    pub fn counts(&self) -> &IndicatorCounts {
        &self.counts
    }

    /// What matches events, so many for as many threads.
    pub fn matchers(&self, number: usize) -> Vec<IndicatorMatcher<'_>> {
        let readers = self.indicators.stored.readers(number).into_iter();
        readers.map(|reader| IndicatorMatcher { index: self, reader }).collect()
    }

    /// The indicators that a value of an event may be equal to, in order.
    fn candidates(&self, table: usize, key: &Key, found: &mut Vec<u32>) {
        let table = &self.tables[table];
        found.extend_from_slice(table.get(key.hash()));
        if let Key::Ip(address) = key {
            for prefix in &table.prefixes {
                found.extend_from_slice(table.get(hash_of_block(IpBlock::around(*address, *prefix))));
            }
        }
    }

    fn counts_for(&self, indicator: u32, rule: u32) -> bool {
        let (_, list) = self.indicators.list[indicator as usize];
        self.indicators.rule_lists[list as usize].contains(&rule)
    }
}

/// Matches events with indicators, for one thread.
#[derive(Debug)]
pub struct IndicatorMatcher<'i> {
    index: &'i IndicatorIndex,
    reader: EventReader<'i>,
}

/// What indicators say of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enrichments {
    /// Elements of `threat.enrichments`.
    pub list: Vec<Value>,
    /// Indicators that were not looked at, since there are [`MAX_ENRICHMENTS`] already.
    pub left_out: u64,
}

impl IndicatorMatcher<'_> {
    /// What the indicators say of the event of a row, for an indicator match rule that it is a hit of; `None` if it
    /// shares no value with any.
    ///
    /// # Errors
    /// If the temporary file of the indicators cannot be read.
    pub fn enrich(
        &mut self,
        rule: RuleIndex,
        batch: &EventBatch,
        row: usize,
    ) -> io::Result<Option<Enrichments>> {
        let Some((number, rule)) = self.index.rules.get(&rule) else { return Ok(None) };
        let mut enrichments = Enrichments::default();
        for group in &rule.groups {
            let Some((values, candidates)) = self.candidates(group, *number, batch, row) else { continue };
            for indicator in candidates {
                if enrichments.list.len() >= MAX_ENRICHMENTS {
                    enrichments.left_out += 1;
                    continue;
                }
                let (stored, _) = self.index.indicators.list[indicator as usize];
                let event = self.reader.get(stored)?;
                if !group.holds(&values, &event.document) {
                    continue;
                }
                let wanted = group.entries.iter().zip(&values).filter(|((entry, _), _)| !entry.negate);
                for ((entry, _), values) in wanted {
                    let equal = values.iter().find(|(key, _)| entry.has(&event.document, key));
                    let atomic = equal.map(|(_, text)| text.as_str()).unwrap_or_default();
                    let element = enrichment(&rule.path, &event, &entry.event_field, atomic);
                    // Several groups may find it, and it may have been read twice.
                    if !enrichments.list.contains(&element) {
                        enrichments.list.push(element);
                    }
                }
            }
        }
        Ok((!enrichments.list.is_empty()).then_some(enrichments))
    }

    /// For each entry of a group the values of the event, and the indicators that may satisfy all of them; `None` if the
    /// event lacks one that is wanted.
    #[expect(
        clippy::type_complexity,
        reason = "keys and texts of each entry's values, beside the candidates"
    )]
    fn candidates(
        &self,
        group: &Group,
        rule: u32,
        batch: &EventBatch,
        row: usize,
    ) -> Option<(Vec<Vec<(Key, String)>>, Vec<u32>)> {
        let mut all: Option<Vec<u32>> = None;
        let mut values = Vec::new();
        for (entry, table) in &group.entries {
            let column = batch.column(&entry.event_field);
            let codes = column.map_or(&[][..], |column| column.codes(row));
            let of_entry: Vec<(Key, String)> = codes
                .iter()
                .zip(std::iter::repeat(column))
                .filter_map(|(code, column)| {
                    let value = column?.value(*code);
                    Some((Key::of(value, entry.ignore_case), value.to_text().into_owned()))
                })
                .collect();
            if !entry.negate {
                let mut found = Vec::new();
                of_entry.iter().for_each(|(key, _)| self.index.candidates(*table, key, &mut found));
                found.sort_unstable();
                found.dedup();
                match &mut all {
                    Some(all) => all.retain(|indicator| found.binary_search(indicator).is_ok()),
                    none => *none = Some(found),
                }
                if all.as_ref().is_none_or(Vec::is_empty) {
                    return None;
                }
            }
            values.push(of_entry);
        }
        let mut all = all?;
        all.retain(|indicator| self.index.counts_for(*indicator, rule));
        Some((values, all))
    }
}

impl Group {
    /// Whether all entries hold between the values of an event and an indicator. A hash alone does not say so.
    fn holds(&self, values: &[Vec<(Key, String)>], indicator: &Document) -> bool {
        self.entries.iter().zip(values).all(|((entry, _), values)| {
            values.iter().any(|(key, _)| entry.has(indicator, key)) != entry.negate
        })
    }
}

impl MappingEntry {
    /// Whether a value of the indicator's field takes a value of an event.
    fn has(&self, indicator: &Document, value: &Key) -> bool {
        let takes = |of: &Value| Key::of_json(of, self.ignore_case).is_some_and(|key| key.takes(value));
        let mut found = false;
        for_each_value(indicator, &self.indicator_field, &mut |of| found |= takes(of));
        found
    }
}

/// Visits the scalars of a field, also those in lists on the way to it.
fn for_each_value(document: &Document, name: &str, visit: &mut dyn FnMut(&Value)) {
    fn below(value: &Value, rest: &str, visit: &mut dyn FnMut(&Value)) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| below(item, rest, visit)),
            Value::Object(inner) if !rest.is_empty() => for_each_value(inner, rest, visit),
            scalar if rest.is_empty() => visit(scalar),
            _ => {}
        }
    }
    if let Some(value) = document.get(name) {
        below(value, "", visit);
    }
    for (dot, _) in name.match_indices('.') {
        if let Some(value) = document.get(&name[..dot]) {
            below(value, &name[dot + 1..], visit);
        }
    }
}

/// An element of `threat.enrichments`.
fn enrichment(path: &str, indicator: &Event, field: &str, atomic: &str) -> Value {
    let document = &indicator.document;
    let mut element = Document::new();
    element.insert(
        "indicator".to_owned(),
        get_field(document, path).cloned().unwrap_or_else(|| Value::Object(Document::new())),
    );
    if let Some(name) = get_field(document, "threat.feed.name") {
        set_field(&mut element, "feed.name", name.clone());
    }
    element.insert(
        "matched".to_owned(),
        json!({
            "atomic": atomic,
            "field": field,
            "id": indicator.id.as_str(),
            "index": indicator.data_stream.as_str(),
            "type": "indicator_match_rule",
        }),
    );
    Value::Object(element)
}

impl Enrichments {
    /// The event with these behind the enrichments that it has, and how many indicators are left out.
    pub fn of(self, event: &Event) -> (Event, u64) {
        let mut event = event.clone();
        let mut list = match get_field(&event.document, "threat.enrichments") {
            Some(Value::Array(present)) => present.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let room = MAX_ENRICHMENTS.saturating_sub(list.len());
        let left_out = self.left_out + self.list.len().saturating_sub(room) as u64;
        list.extend(self.list.into_iter().take(room));
        set_field(&mut event.document, "threat.enrichments", Value::Array(list));
        (event, left_out)
    }
}
