//! From batches of indicators to the index over them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use watchfire_engine::{Matcher, Matches, ReadFields, RuleIndex, RuleSet, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{DataStream, EventBatch, FieldType, FieldTypes, IndexPatterns};
use watchfire_ir::Catalogue;

use super::compile::IndicatorMatch;
use super::find::{Group, IndicatorIndex, Indicators, Lookup, RuleGroups};
use super::key::Key;
use super::table::HashTable;
use crate::rule_book::RuleBook;
use crate::stored_events::{BatchEvents, EventRef, StoredEvents};

/// A field of indicators whose values are looked up, and how they are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Space {
    field: Arc<str>,
    ignore_case: bool,
}

/// Takes from batches of indicators what the rules of a book match events with.
#[derive(Debug)]
pub struct IndicatorReader<'b> {
    rules: Vec<(RuleIndex, &'b IndicatorMatch)>,
    /// What the rules ask of indicators, in the same order.
    set: RuleSet,
    spaces: Vec<Space>,
    /// For each rule, the spaces of its mapping.
    spaces_of: Vec<BTreeSet<usize>>,
}

impl<'b> IndicatorReader<'b> {
    /// The data stream under which to read indicators that name none: those count for every rule.
    pub const UNNAMED: &'static str = "indicators";

    /// For the indicator match rules of a book.
    pub fn new(book: &'b RuleBook) -> Self {
        let rules: Vec<_> = book.indicator_matches().collect();
        let mut builder = RuleSetBuilder::new();
        let (mut spaces, mut spaces_of) = (BTreeSet::new(), Vec::new());
        let space = |entry: &super::MappingEntry| Space {
            field: Arc::clone(&entry.indicator_field),
            ignore_case: entry.ignore_case,
        };
        for (_, rule) in &rules {
            builder.add(IndexPatterns::default(), rule.indicators.clone());
            spaces.extend(rule.groups.iter().flatten().map(space));
        }
        let spaces: Vec<Space> = spaces.into_iter().collect();
        for (_, rule) in &rules {
            let number = |entry| spaces.binary_search(&space(entry)).ok();
            spaces_of.push(rule.groups.iter().flatten().filter_map(number).collect());
        }
        Self { rules, set: builder.build(), spaces, spaces_of }
    }

    /// Whether there is no such rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What matches batches, for one thread.
    pub fn matcher(&self) -> Matcher<'_> {
        self.set.matcher(VALUE_CACHE_BYTES)
    }

    /// The fields to be put into columns.
    pub fn read_fields(&self) -> ReadFields {
        let mut fields = ReadFields::default();
        for (_, rule) in &self.rules {
            fields.add(&IndexPatterns::default(), &rule.indicators);
        }
        self.spaces.iter().for_each(|space| fields.add_field(&space.field));
        fields
    }

    /// The types by which indicators are read: fields for addresses take networks too, where no rule asks for more
    /// than their being there.
    pub fn catalogue(&self, catalogue: &Catalogue) -> Catalogue {
        let mut own = catalogue.clone();
        for Space { field, .. } in &self.spaces {
            let is_asked_for = self.rules.iter().any(|(_, rule)| rule.asks_for_value_of(field));
            if own.field_type(field) == FieldType::Ip && !is_asked_for {
                own.insert(field, FieldType::Keyword);
            }
        }
        own
    }

    /// What of a batch are indicators for some rule. `matches` are those of [`Self::matcher`].
    pub fn gather(&self, batch: &EventBatch, matches: &Matches) -> BatchIndicators {
        let mut gathered = BatchIndicators { read: batch.len() as u64, ..BatchIndicators::default() };
        let mut rules_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut selected: FxHashMap<(&DataStream, usize), bool> = FxHashMap::default();
        for hit in &matches.hits {
            let stream = batch.stream(hit.row as usize);
            let rule = hit.rule.0 as usize;
            let is_selected = selected.entry((stream, rule)).or_insert_with(|| {
                stream.as_str() == Self::UNNAMED || self.rules[rule].1.patterns.select(stream)
            });
            if *is_selected {
                rules_of.entry(hit.row).or_default().push(hit.rule.0);
            }
        }
        let columns: Vec<_> = self.spaces.iter().map(|space| batch.column(&space.field)).collect();
        for (row, rules) in rules_of {
            let number = gathered.rules.len() as u32;
            let spaces: BTreeSet<usize> =
                rules.iter().flat_map(|rule| &self.spaces_of[*rule as usize]).copied().collect();
            for space in spaces {
                let Some(column) = columns[space] else { continue };
                for &code in column.codes(row as usize) {
                    let key = Key::of(column.value(code), self.spaces[space].ignore_case);
                    if let Key::Block(block) = &key {
                        gathered.prefixes.insert((space, block.prefix()));
                    }
                    gathered.keys.push((space, key.hash(), number));
                }
            }
            let place = batch.place(row as usize);
            gathered.places.push((Arc::clone(&place.input), place.record));
            gathered.events.push(batch.row_event(row as usize));
            gathered.rules.push(rules);
        }
        gathered.events.close();
        gathered
    }

    /// The index over what was gathered.
    ///
    /// `memory` is about how many bytes of indicators may be unpacked at a time.
    pub fn builder(&self, memory: u64) -> IndicatorBuilder {
        let lookup = |entry: &super::MappingEntry| {
            let space = Space { field: Arc::clone(&entry.indicator_field), ignore_case: entry.ignore_case };
            Lookup {
                event_field: Arc::clone(&entry.event_field),
                ignore_case: entry.ignore_case,
                table: self.spaces.binary_search(&space).unwrap_or_default(),
            }
        };
        let entries = self.rules.iter().flat_map(|(_, of)| of.groups.iter().flatten());
        let lookups: BTreeSet<Lookup> = entries.map(lookup).collect();
        let lookups: Vec<Lookup> = lookups.into_iter().collect();
        let groups = self.rules.iter().map(|(rule, of)| {
            let numbered = |entry: &super::MappingEntry| {
                (entry.clone(), lookups.binary_search(&lookup(entry)).unwrap_or_default())
            };
            let group = |entries: &Vec<super::MappingEntry>| Group {
                entries: entries.iter().map(numbered).collect(),
            };
            let groups = of.groups.iter().map(group).collect();
            (*rule, RuleGroups { path: Arc::clone(&of.path), groups })
        });
        IndicatorBuilder {
            rules: groups.collect(),
            lookups: lookups.clone(),
            pairs: vec![Vec::new(); self.spaces.len()],
            prefixes: vec![BTreeSet::new(); self.spaces.len()],
            inputs: BTreeMap::new(),
            indicators: Vec::new(),
            rule_lists: FxHashMap::default(),
            stored: StoredEvents::new(memory),
            read: 0,
        }
    }
}

/// The indicators of a batch.
#[derive(Debug, Default)]
pub struct BatchIndicators {
    read: u64,
    /// By number in the batch: the rules that the indicator counts for.
    rules: Vec<Vec<u32>>,
    places: Vec<(Arc<str>, u64)>,
    events: BatchEvents,
    /// Space, hash and number of the indicator.
    keys: Vec<(usize, u64, u32)>,
    prefixes: BTreeSet<(usize, u8)>,
}

/// An indicator, and where it stood: in the order of places, indicators are the same in every run.
#[derive(Clone, Copy, Debug)]
struct Placed {
    input: u32,
    record: u64,
    event: EventRef,
    rules: u32,
}

/// Collects the indicators of all batches, which may come in any order.
#[derive(Debug)]
pub struct IndicatorBuilder {
    rules: Vec<(RuleIndex, RuleGroups)>,
    lookups: Vec<Lookup>,
    pairs: Vec<Vec<(u64, u32)>>,
    prefixes: Vec<BTreeSet<u8>>,
    inputs: BTreeMap<Arc<str>, u32>,
    indicators: Vec<Placed>,
    rule_lists: FxHashMap<Vec<u32>, u32>,
    stored: StoredEvents,
    read: u64,
}

/// What was read for indicators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndicatorCounts {
    /// Documents.
    pub read: u64,
    /// Those that are an indicator for some rule.
    pub used: u64,
    /// For each indicator match rule of the book, those that are one for it.
    pub by_rule: Vec<(RuleIndex, u64)>,
    /// Bytes that the index takes up in memory.
    pub bytes: u64,
}

impl IndicatorBuilder {
    /// Adds the indicators of a batch.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn add(&mut self, batch: BatchIndicators) -> io::Result<()> {
        self.read += batch.read;
        let first = self.indicators.len() as u32;
        let events = self.stored.append(batch.events)?;
        for ((rules, (input, record)), event) in batch.rules.into_iter().zip(batch.places).zip(events) {
            let next = self.rule_lists.len() as u32;
            let rules = *self.rule_lists.entry(rules).or_insert(next);
            let next = self.inputs.len() as u32;
            let input = *self.inputs.entry(input).or_insert(next);
            self.indicators.push(Placed { input, record, event, rules });
        }
        for (space, hash, number) in batch.keys {
            self.pairs[space].push((hash, first + number));
        }
        for (space, prefix) in batch.prefixes {
            self.prefixes[space].insert(prefix);
        }
        Ok(())
    }

    /// The index, now that all have been added.
    pub fn finish(self) -> IndicatorIndex {
        // Inputs were numbered as they came; their names have an order of their own.
        let mut order_of_input = vec![0; self.inputs.len()];
        for (order, number) in self.inputs.values().enumerate() {
            order_of_input[*number as usize] = order;
        }
        let mut sorted: Vec<u32> = (0..self.indicators.len() as u32).collect();
        sorted.sort_unstable_by_key(|number| {
            let of = &self.indicators[*number as usize];
            (order_of_input[of.input as usize], of.record, *number)
        });
        let mut place = vec![0_u32; sorted.len()];
        for (at, number) in sorted.iter().enumerate() {
            place[*number as usize] = at as u32;
        }
        let mut lists = vec![Vec::new(); self.rule_lists.len()];
        for (list, number) in self.rule_lists {
            lists[number as usize] = list;
        }
        let mut by_rule = vec![0_u64; self.rules.len()];
        let indicators: Vec<(EventRef, u32)> = sorted
            .iter()
            .map(|number| {
                let of = &self.indicators[*number as usize];
                lists[of.rules as usize].iter().for_each(|rule| by_rule[*rule as usize] += 1);
                (of.event, of.rules)
            })
            .collect();
        let tables: Vec<HashTable> = self
            .pairs
            .into_iter()
            .zip(self.prefixes)
            .map(|(mut pairs, prefixes)| {
                pairs.iter_mut().for_each(|(_, number)| *number = place[*number as usize]);
                HashTable::new(pairs, prefixes)
            })
            .collect();
        let bytes = tables.iter().map(HashTable::bytes).sum::<usize>()
            + indicators.len() * size_of::<(EventRef, u32)>();
        let counts = IndicatorCounts {
            read: self.read,
            used: indicators.len() as u64,
            by_rule: self.rules.iter().map(|(rule, _)| *rule).zip(by_rule).collect(),
            bytes: bytes as u64,
        };
        let indicators = Indicators { list: indicators, rule_lists: lists, stored: self.stored };
        IndicatorIndex::new(self.rules, self.lookups, tables, indicators, counts)
    }
}
