//! Events against indicators.
//!
//! Most values are no indicator's. So each distinct value of a batch is hashed where it lies, once, and a small filter that
//! fits into the processor's cache says of nearly all that they are none; only then are values made comparable.

use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;
use watchfire_engine::correlate::SequencePlace;
use watchfire_engine::{Matches, RuleIndex};
use watchfire_events::{
    BatchBuilder, Column, Document, Event, EventBatch, FieldTypes, IpBlock, nesting_part,
};

use super::MappingEntry;
use super::build::IndicatorCounts;
use super::enrich::{Enrichments, MAX_ENRICHMENTS, enrichment};
use super::key::{Hashed, Key, hash_of_block};
use super::table::HashTable;
use crate::rule_book::RuleBook;
use crate::stored_events::{EventReader, EventRef, StoredEvents};

/// Values that are looked up at a time: with millions of indicators the filter is larger than the cache, and accesses to it that do
/// not wait for each other cost a third.
const ASKED_TOGETHER: usize = 32;

/// Indicators, and how to find those that an event shares values with.
#[derive(Debug)]
pub struct IndicatorIndex {
    rules: FxHashMap<RuleIndex, (u32, RuleGroups)>,
    lookups: Vec<Lookup>,
    tables: Vec<HashTable>,
    indicators: Indicators,
    counts: IndicatorCounts,
}

/// A field of events whose values are looked up in a table: several rules ask the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lookup {
    pub(super) event_field: Arc<str>,
    pub(super) ignore_case: bool,
    pub(super) table: usize,
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

/// Entries that must all hold, each with the number of its look-up.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) entries: Vec<(MappingEntry, usize)>,
}

impl IndicatorIndex {
    pub(super) fn new(
        rules: Vec<(RuleIndex, RuleGroups)>,
        lookups: Vec<Lookup>,
        tables: Vec<HashTable>,
        indicators: Indicators,
        counts: IndicatorCounts,
    ) -> Self {
        let numbered = rules.into_iter().enumerate();
        let rules = numbered.map(|(number, (rule, groups))| (rule, (number as u32, groups))).collect();
        Self { rules, lookups, tables, indicators, counts }
    }

    /// What was read.
    pub fn counts(&self) -> &IndicatorCounts {
        &self.counts
    }

    /// What matches events, so many for as many threads.
    pub fn matchers(&self, number: usize) -> Vec<IndicatorMatcher<'_>> {
        let readers = self.indicators.stored.readers(number).into_iter();
        let answers = || vec![Vec::new(); self.lookups.len()];
        readers.map(|reader| IndicatorMatcher { index: self, reader, answers: answers() }).collect()
    }

    /// Whether some indicator may have a value; few have it of those of which this is so wrongly.
    fn may_have(&self, table: usize, value: Hashed) -> bool {
        let table = &self.tables[table];
        table.may_have(value.hash)
            || value.address.is_some_and(|address| {
                let mut prefixes = table.prefixes.iter();
                prefixes.any(|prefix| table.may_have(hash_of_block(IpBlock::around(address, *prefix))))
            })
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
    /// For each look-up what is known of the values of the present batch, by their codes.
    answers: Vec<Vec<Answer>>,
}

/// Whether an indicator may have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    NotAsked,
    No,
    Maybe,
}

impl<'i> IndicatorMatcher<'i> {
    /// What matches the events of a batch.
    pub fn in_batch<'m>(&'m mut self, batch: &'m EventBatch) -> BatchLookups<'m, 'i> {
        let mut columns = Vec::with_capacity(self.answers.len());
        for (lookup, answers) in self.index.lookups.iter().zip(&mut self.answers) {
            let column = batch.column(&lookup.event_field);
            answers.clear();
            answers.resize(column.map_or(0, Column::distinct), Answer::NotAsked);
            columns.push(column);
        }
        BatchLookups { matcher: self, columns }
    }

    /// As [`BatchLookups::enrich`], of an event that is in no batch. `types` are those of the columns of events.
    ///
    /// # Errors
    /// If the temporary file of the indicators cannot be read.
    pub fn enrich_event(
        &mut self,
        rule: RuleIndex,
        event: &Event,
        types: &dyn FieldTypes,
    ) -> io::Result<Option<Enrichments>> {
        let mut builder = BatchBuilder::new(types);
        builder.push(event.clone());
        self.in_batch(&builder.finish()).enrich(rule, 0)
    }

    /// Puts what the indicators say into the events of a detection. Gives back how many indicators are left out.
    ///
    /// # Errors
    /// If the temporary file of the indicators cannot be read.
    pub fn enrich_places(
        &mut self,
        rule: RuleIndex,
        places: &mut [SequencePlace<Arc<Event>>],
        types: &dyn FieldTypes,
    ) -> io::Result<u64> {
        let mut sum = 0;
        for place in places {
            if let SequencePlace::Event(event) = place
                && let Some(enrichments) = self.enrich_event(rule, event, types)?
            {
                let (enriched, left_out) = enrichments.of(event);
                *event = Arc::new(enriched);
                sum += left_out;
            }
        }
        Ok(sum)
    }
}

/// Matches the events of a batch with indicators.
#[derive(Debug)]
pub struct BatchLookups<'m, 'i> {
    matcher: &'m mut IndicatorMatcher<'i>,
    /// For each look-up its column.
    columns: Vec<Option<&'m Column>>,
}

impl BatchLookups<'_, '_> {
    /// What the indicators say of the event of a row, for an indicator match rule that it is a hit of; `None` if it
    /// shares no value with any.
    ///
    /// # Errors
    /// If the temporary file of the indicators cannot be read.
    pub fn enrich(&mut self, rule: RuleIndex, row: usize) -> io::Result<Option<Enrichments>> {
        let index = self.matcher.index;
        let Some((number, rule)) = index.rules.get(&rule) else { return Ok(None) };
        let mut enrichments = Enrichments::default();
        for group in &rule.groups {
            let mut wanted = group.entries.iter().filter(|(entry, _)| !entry.negate);
            if !wanted.all(|(_, lookup)| self.may_match(*lookup, row)) {
                continue;
            }
            let Some((values, candidates)) = self.candidates(group, *number, row) else { continue };
            for indicator in candidates {
                if enrichments.list.len() >= MAX_ENRICHMENTS {
                    enrichments.left_out += 1;
                    continue;
                }
                let (stored, _) = index.indicators.list[indicator as usize];
                let event = self.matcher.reader.get(stored)?;
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

    /// Leaves out the hits of indicator match rules that are joined, of events that share no value with an indicator.
    ///
    /// # Errors
    /// If the temporary file of the indicators cannot be read.
    pub fn retain(&mut self, book: &RuleBook, matches: &mut Matches) -> io::Result<()> {
        let mut failure = None;
        matches.hits.retain(|hit| {
            if book.is_alert(hit.rule) || !book.needs_indicator(hit.rule) || failure.is_some() {
                return true;
            }
            match self.enrich(hit.rule, hit.row as usize) {
                Ok(enrichments) => enrichments.is_some(),
                Err(error) => {
                    failure = Some(error);
                    true
                }
            }
        });
        failure.map_or(Ok(()), Err)
    }

    /// Whether an indicator may have a value of a row. Each distinct value of the batch is looked up once, together with those
    /// that came behind it.
    fn may_match(&mut self, lookup: usize, row: usize) -> bool {
        let Some(column) = self.columns[lookup] else { return false };
        let Lookup { ignore_case, table, .. } = self.matcher.index.lookups[lookup];
        let answers = &mut self.matcher.answers[lookup];
        column.codes(row).iter().any(|code| {
            let asked = *code as usize;
            if answers[asked] == Answer::NotAsked {
                let end = answers.len().min(asked + ASKED_TOGETHER);
                let mut values = [Hashed::default(); ASKED_TOGETHER];
                for (value, code) in values.iter_mut().zip(*code..end as u32) {
                    *value = Hashed::of(column.value(code), ignore_case);
                }
                for (value, answer) in values.into_iter().zip(&mut answers[asked..end]) {
                    let may_have = self.matcher.index.may_have(table, value);
                    *answer = if may_have { Answer::Maybe } else { Answer::No };
                }
            }
            answers[asked] == Answer::Maybe
        })
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
        row: usize,
    ) -> Option<(Vec<Vec<(Key, String)>>, Vec<u32>)> {
        let index = self.matcher.index;
        let mut all: Option<Vec<u32>> = None;
        let mut values = Vec::new();
        for (entry, lookup) in &group.entries {
            let column = self.columns[*lookup];
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
                let table = index.lookups[*lookup].table;
                of_entry.iter().for_each(|(key, _)| index.candidates(table, key, &mut found));
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
        all.retain(|indicator| index.counts_for(*indicator, rule));
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
    for (dot, _) in nesting_part(name).match_indices('.') {
        if let Some(value) = document.get(&name[..dot]) {
            below(value, &name[dot + 1..], visit);
        }
    }
}
