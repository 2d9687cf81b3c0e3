//! A query over batches of events, and its results in order.
//!
//! Single events are put in line as they are found. The stages of sequences and samples are joined when all input has
//! been read, and what comes of that is put in line then.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use watchfire_detect::{
    BatchHits, Correlation, CorrelationAccount, EventReader, EventRef, HitSpill, ReadBackError, SortedSpill,
    event_identity, event_position,
};
use watchfire_engine::correlate::{KeyValue, Sequence, SequencePlace, StageExtractor};
use watchfire_engine::{Coverage, Matcher, RuleSet, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_esql_events::SeenFields;
use watchfire_events::{Event, EventBatch, IndexPatterns, Place};
use watchfire_ir::{MappedCatalogue, Schema};

use super::results::Results;
use crate::intake::Worker;
use crate::normalize::hit;
use crate::progress::Progress;

/// A query, ready to be asked.
pub(super) struct Search<'a> {
    set: RuleSet,
    correlation: Correlation,
    extractor: StageExtractor,
    patterns: IndexPatterns,
    schema: &'a MappedCatalogue,
}

impl<'a> Search<'a> {
    /// Of a query over the fields of a schema.
    pub(super) fn new(correlation: Correlation, schema: &'a MappedCatalogue) -> Self {
        let patterns = correlation.program().map(|program| program.patterns().clone()).unwrap_or_default();
        let mut builder = RuleSetBuilder::new();
        let stages: Vec<_> = correlation
            .conditions()
            .into_iter()
            .map(|condition| builder.add(patterns.clone(), condition.clone()))
            .collect();
        let extractor = correlation.extractor(&stages);
        Self { set: builder.build(), correlation, extractor, patterns, schema }
    }

    /// What it asks of events: each fits one of these.
    #[cfg(feature = "lake")]
    pub(super) fn conditions(&self) -> Vec<&watchfire_ir::Condition> {
        self.correlation.conditions()
    }

    /// The fields that it looks at.
    #[cfg(feature = "lake")]
    pub(super) fn read_fields(&self) -> watchfire_engine::ReadFields {
        let mut fields = watchfire_engine::ReadFields::default();
        for condition in self.correlation.conditions() {
            fields.add(&self.patterns, condition);
        }
        self.extractor.fields().for_each(|name| fields.add_field(name));
        fields
    }

    /// What results are called.
    pub(super) fn name_of_results(&self) -> &'static str {
        self.correlation.name_of_results()
    }

    /// Whether a result is a sequence or a sample.
    pub(super) fn gives_groups(&self) -> bool {
        self.correlation.gives_groups()
    }

    /// Why nothing can be found in this data, if something is known to be in the way.
    pub(super) fn why_not(&self, coverage: &Coverage) -> Option<String> {
        self.correlation.why_not(&self.patterns, coverage)
    }
}

/// What all threads find.
pub(super) struct Finds {
    /// Results in their order.
    pub(super) results: Results,
    /// What is to be joined when all input has been read.
    hits: HitSpill,
    /// The fields of events that were found, if the query asks which there are.
    pub(super) seen: SeenFields,
}

impl Finds {
    /// Nothing yet. Results, and what is to be joined, keep within so many bytes each.
    pub(super) fn new(memory: u64) -> Self {
        Self {
            results: Results::new(SortedSpill::new(memory as usize)),
            hits: HitSpill::new(1, memory),
            seen: SeenFields::default(),
        }
    }

    /// The same, with the fields of events that were found.
    pub(super) fn seeing(self, seen: SeenFields) -> Self {
        Self { seen, ..self }
    }

    /// Joins what is to be joined, within so many bytes.
    /// The places are those of records that are not in their file any more as they were read: for each result that is
    /// missing for it, one.
    pub(super) fn join(
        self,
        search: &Search<'_>,
        memory: u64,
    ) -> io::Result<(Results, CorrelationAccount, Vec<Place>)> {
        let Self { mut results, hits, .. } = self;
        let mut lost = Vec::new();
        let correlation = &search.correlation;
        let mut number = 0;
        let accounts = hits.join(&[correlation], memory, &mut |_, detection, events| {
            let key = correlation.sort_key(&detection.sequence, number);
            number += 1;
            match group(&detection.sequence, events) {
                Ok(group) => results.push(&key, &[], &group),
                Err(ReadBackError::Spill(error)) => Err(error),
                Err(ReadBackError::Changed(place)) => {
                    lost.push(place);
                    Ok(())
                }
            }
        })?;
        lost.sort_unstable();
        Ok((results, accounts.first().copied().unwrap_or_default(), lost))
    }
}

/// A sequence or sample as Elasticsearch answers it.
fn group(result: &Sequence<EventRef>, events: &mut EventReader<'_>) -> Result<Vec<u8>, ReadBackError> {
    let place = |place: &SequencePlace<Arc<Event>>| match place {
        SequencePlace::Event(event) => hit(event),
        SequencePlace::Missing => json!({ "_index": "", "_id": "", "_source": {}, "missing": true }),
    };
    let places: Vec<Value> = events.places(result)?.iter().map(place).collect();
    let mut group = Map::new();
    if !result.keys.is_empty() {
        group.insert("join_keys".to_owned(), result.keys.iter().map(join_key).collect());
    }
    group.insert("events".to_owned(), places.into());
    Ok(Value::Object(group).to_string().into_bytes())
}

fn join_key(key: &KeyValue) -> Value {
    let number = |number: &i128| {
        let small = i64::try_from(*number).map(Value::from);
        small.or_else(|_| u64::try_from(*number).map(Value::from)).unwrap_or_else(|_| json!(*number as f64))
    };
    match key {
        KeyValue::Boolean(value) => json!(value),
        KeyValue::Integer(whole) => number(whole),
        KeyValue::Fraction(fraction) => json!(fraction.get()),
        other => json!(other.to_text()),
    }
}

/// Matches batches and keeps what fits.
pub(super) struct Searching<'a> {
    search: &'a Search<'a>,
    /// Of the conditions of the search.
    matcher: Matcher<'a>,
    progress: &'a Progress,
    /// Of all threads.
    finds: &'a Mutex<Finds>,
    /// Why the query could not be evaluated in part, and on how many events.
    pub(super) errors: BTreeMap<String, u64>,
    /// The fields of events that were found, if the query asks which there are.
    pub(super) seen: SeenFields,
}

impl<'a> Searching<'a> {
    pub(super) fn new(search: &'a Search<'a>, progress: &'a Progress, finds: &'a Mutex<Finds>) -> Self {
        let matcher = search.set.matcher(VALUE_CACHE_BYTES);
        let (errors, seen) = (BTreeMap::new(), SeenFields::default());
        Self { search, matcher, progress, finds, errors, seen }
    }

    /// What is kept of an event.
    fn kept(&mut self, event: &Event) -> Vec<u8> {
        let kept = match self.search.correlation.program() {
            Some(program) => {
                if program.lists_fields() {
                    self.seen.add(&event.document);
                }
                hit(&program.needed(event))
            }
            None => hit(event),
        };
        kept.to_string().into_bytes()
    }
}

impl Worker for Searching<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let schema: &dyn Schema = self.search.schema;
        let mut matches = self.matcher.match_batch(batch, schema);
        matches.errors.sort_by_key(|error| error.row);
        matches.errors.dedup_by_key(|error| error.row);
        for found in &matches.errors {
            *self.errors.entry(found.error.to_string()).or_default() += 1;
        }
        if self.search.gives_groups() {
            let hits = BatchHits::new([&self.search.extractor], batch, &matches);
            return self.finds.lock().unwrap_or_else(PoisonError::into_inner).hits.push(hits);
        }
        self.progress.found(matches.hits.len() as u64);
        let mut hits = Vec::new();
        self.search.extractor.extract(batch, &matches, |row| (0, row), &mut hits);
        let entries: Vec<_> = hits
            .iter()
            .map(|found| {
                let event = batch.event(found.payload);
                let mut key = Vec::new();
                found.write_ordered(&event_position(&event.place), &mut key);
                (key, event_identity(event), self.kept(event))
            })
            .collect();
        let mut finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner);
        entries.into_iter().try_for_each(|(key, identity, hit)| finds.results.push(&key, &identity, &hit))
    }
}
