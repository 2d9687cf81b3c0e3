//! How many events each item excepted, and from which rules.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_engine::reference::evaluate;
use watchfire_engine::{Matches, RuleIndex};
use watchfire_events::{EventBatch, FieldTypes};

use super::ExceptionBook;
use crate::rule_book::RuleBook;

/// What an item excepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemCount {
    /// Events that some rule would have taken. An event that several items except counts for each.
    pub events: u64,
    /// The same, by the number of the rule in the book.
    pub rules: BTreeMap<usize, u64>,
}

/// What all items excepted. Sums, so that the order of batches does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionCounts {
    /// Events that some rule would have taken, each once.
    pub events: u64,
    /// By the number of the item.
    pub items: BTreeMap<usize, ItemCount>,
}

impl ExceptionCounts {
    /// Counts what was excepted in a batch. `types` are those the batch was made with.
    pub fn add(
        &mut self,
        book: &RuleBook,
        exceptions: &ExceptionBook,
        batch: &EventBatch,
        types: &dyn FieldTypes,
        matches: &Matches,
    ) {
        let excepted = book.excepted(matches);
        let rows: BTreeSet<u32> = excepted.iter().map(|&(_, row)| row).collect();
        self.events += rows.len() as u64;
        // Several rules can have the same items.
        let mut known: BTreeMap<(usize, u32), bool> = BTreeMap::new();
        for (rule, row) in excepted {
            for &item in book.exception_items(rule) {
                let first = !known.contains_key(&(item, row));
                let holds = *known.entry((item, row)).or_insert_with(|| {
                    let condition = &exceptions.items()[item].condition;
                    evaluate(condition, batch, row as usize, types, &mut Vec::new())
                });
                if holds {
                    let count = self.items.entry(item).or_default();
                    count.events += u64::from(first);
                    *count.rules.entry(rule).or_default() += 1;
                }
            }
        }
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: Self) {
        self.events += other.events;
        for (item, theirs) in other.items {
            let ours = self.items.entry(item).or_default();
            ours.events += theirs.events;
            for (rule, number) in theirs.rules {
                *ours.rules.entry(rule).or_default() += number;
            }
        }
    }
}

/// The rows in which one condition holds and the other, which is narrower, does not.
pub(crate) fn rows_lost(matches: &Matches, wide: RuleIndex, narrow: RuleIndex) -> Vec<u32> {
    let rows = |rule: RuleIndex| {
        let start = matches.hits.partition_point(|hit| hit.rule < rule);
        matches.hits[start..].iter().take_while(move |hit| hit.rule == rule).map(|hit| hit.row)
    };
    let mut kept = rows(narrow).peekable();
    let is_lost = |row: &u32| {
        while kept.next_if(|kept| kept < row).is_some() {}
        kept.peek() != Some(row)
    };
    rows(wide).filter(is_lost).collect()
}
