//! The first so many hits of an order, in room for so many.
//!
//! Events are made of rows only when their keys may bring them among the first: so of most batches none is.

use std::cmp::Ordering;

use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use watchfire_engine::correlate::KeyValue;
use watchfire_events::{Event, EventBatch};
use watchfire_ir::Schema;

use crate::hit::{HitForm, Score};
use crate::rows::Rows;
use crate::sort::{After, KeyOf, SortOrder, Tie, identity};
use crate::source::Source;

/// What is wanted of the hits of a search, or of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct TopForm {
    pub(crate) order: SortOrder,
    /// Hits that are passed over.
    pub(crate) from: usize,
    /// Hits that are shown behind them.
    pub(crate) size: usize,
    pub(crate) after: Option<After>,
    /// Of hits with the same value of this, only the first is shown.
    pub(crate) collapse: Option<(String, Source)>,
    pub(crate) form: HitForm,
}

/// The first hits so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Top {
    /// In order.
    entries: Vec<Entry>,
    read: u64,
    counted: u64,
}

impl Top {
    /// How many events were taken into account.
    pub(crate) fn counted(&self) -> u64 {
        self.counted
    }
}

#[derive(Clone, Debug)]
struct Entry {
    keys: Vec<KeyOf>,
    collapsed: Option<KeyOf>,
    event: Event,
    number: u64,
}

impl TopForm {
    fn most(&self) -> usize {
        self.from + self.size
    }

    /// Whether nothing that is read later could come among the first.
    pub(crate) fn is_full(&self, top: &Top) -> bool {
        self.order.tie == Tie::AsRead
            && self.order.keys.is_empty()
            && self.collapse.is_none()
            && top.entries.len() >= self.most()
    }

    /// Whether there are as many as are wanted.
    pub(crate) fn has_all(&self, top: &Top) -> bool {
        top.entries.len() >= self.most()
    }

    fn compare(&self, one: &Entry, other: &Entry) -> Ordering {
        self.order
            .compare(&one.keys, &other.keys)
            .then_with(|| self.order.compare_ties(&one.event, &other.event))
            .then_with(|| one.number.cmp(&other.number))
    }

    /// Takes the rows of a batch.
    pub(crate) fn add(&self, top: &mut Top, batch: &EventBatch, rows: &Rows) {
        let start = top.read;
        top.read += batch.len() as u64;
        top.counted += rows.count() as u64;
        let most = self.most();
        if most == 0 || self.is_full(top) {
            return;
        }
        let columns = self.order.in_batch(batch);
        let collapse = self.collapse.as_ref().map(|(_, source)| source.in_batch(batch));
        let worst = top.entries.get(most - 1).map(|entry| entry.keys.clone());
        let mut candidates: Vec<(Vec<KeyOf>, usize)> = Vec::new();
        for row in rows.iter() {
            let keys = self.order.keys_of(&columns, row);
            if worst.as_ref().is_some_and(|worst| self.order.compare(&keys, worst).is_gt()) {
                continue;
            }
            if let Some(after) = &self.after
                && !self.order.is_behind(after, &keys, || identity(batch.event(row)))
            {
                continue;
            }
            candidates.push((keys, row));
        }
        if self.collapse.is_none() && candidates.len() > most {
            if self.order.tie == Tie::AsRead && self.order.keys.is_empty() {
                candidates.truncate(most);
            } else {
                let (_, (least, _), _) = candidates
                    .select_nth_unstable_by(most - 1, |one, other| self.order.compare(&one.0, &other.0));
                let least = least.clone();
                candidates.retain(|(keys, _)| !self.order.compare(keys, &least).is_gt());
            }
        }
        top.entries.extend(candidates.into_iter().map(|(keys, row)| Entry {
            keys,
            collapsed: collapse.map(|column| column.all(row).into_iter().next()),
            event: batch.event(row).clone(),
            number: start + row as u64,
        }));
        top.entries.sort_by(|one, other| self.compare(one, other));
        if self.collapse.is_some() {
            let mut seen: FxHashSet<Option<KeyOf>> = FxHashSet::default();
            top.entries.retain(|entry| seen.len() < most && seen.insert(entry.collapsed.clone()));
        }
        top.entries.truncate(most);
    }

    /// The hits that are shown. `scored` says that they are not sorted by anything else than their score.
    pub(crate) fn hits(&self, top: &Top, schema: &dyn Schema) -> Vec<Value> {
        let score = if self.order.is_shown { Score::None } else { Score::One };
        let shown = top.entries.iter().skip(self.from).take(self.size);
        let hit = |entry: &Entry| {
            let mut hit = self.form.hit(&entry.event, score, schema);
            if let Some((name, source)) = &self.collapse
                && let Some(Some(value)) = &entry.collapsed
            {
                let value = match value {
                    KeyValue::Instant(at) => json!(at.to_iso_millis()),
                    KeyValue::Boolean(value) => json!(value),
                    value => source.show(value, None).0,
                };
                let fields = hit.entry("fields").or_insert_with(|| json!({}));
                if let Some(fields) = fields.as_object_mut() {
                    fields.insert(name.clone(), json!([value]));
                }
            }
            if self.order.is_shown {
                hit.insert("sort".to_owned(), Value::Array(self.order.show(&entry.keys, &entry.event)));
            }
            Value::Object(hit)
        };
        shown.map(hit).collect()
    }

    /// Where the next page begins: the sort values of the last hit.
    pub(crate) fn last(&self, top: &Top) -> Option<Vec<Value>> {
        let last = top.entries.iter().skip(self.from).take(self.size).next_back()?;
        Some(self.order.show(&last.keys, &last.event))
    }
}
