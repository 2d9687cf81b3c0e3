//! What a rule makes of events that it counts, or of which it asks whether their values are new.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_engine::correlate::{
    BucketTally, KeyTuple, KeyValue, NewTermsCorrelator, OrderFields, StageExtractor, StageHit, tally_buckets,
};
use watchfire_engine::{Matcher, Matches, RuleIndex, RuleSet, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, Event, EventBatch, FieldTypes, Timestamp};
use watchfire_ir::{FieldRef, Schema};
use watchfire_rules::model::RuleKind;

use super::{RuleQuestions, WhyNot};
use crate::counting::{NewTermsPlan, ThresholdPlan};

/// What is asked of events that satisfy the condition.
#[derive(Debug)]
pub(super) enum Counting {
    /// That enough of them share values.
    Threshold(ThresholdPlan),
    /// That their values were not there before.
    NewTerms(NewTermsPlan),
}

/// A field and its value.
pub type NamedValue = (String, String);

/// What a rule makes of events that it counts or compares. Events are known by their place in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountedAnswer {
    /// Of a threshold: what events share and how many they are; those first that reach it, then those that come nearest.
    pub buckets: Vec<BucketAnswer>,
    /// Of new terms: the combinations of each event, in the order of time.
    pub terms: Vec<TermsAnswer>,
    /// Events that satisfy the condition and take no part, and why.
    pub left_out: BTreeMap<usize, WhyNot>,
}

/// Events that share values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAnswer {
    /// The values; none if all events are one bucket.
    pub values: Vec<NamedValue>,
    /// How many events there are.
    pub count: u64,
    /// How many are needed.
    pub needed: u64,
    /// Of the field whose distinct values are counted.
    pub distinct: Option<DistinctAnswer>,
    /// The events, in the order of time.
    pub events: Vec<usize>,
}

/// How many distinct values there are in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinctAnswer {
    /// The field.
    pub field: String,
    /// How many values there are.
    pub number: u64,
    /// Whether that is an estimate.
    pub is_estimate: bool,
    /// How many are needed.
    pub needed: u64,
}

impl BucketAnswer {
    /// Whether it alerts.
    pub fn is_reached(&self) -> bool {
        self.count >= self.needed
            && self.distinct.as_ref().is_none_or(|distinct| distinct.number >= distinct.needed)
    }

    /// How much of what is needed is there, in thousandths: that of what lacks most.
    fn share(&self) -> u64 {
        let of = |there: u64, needed: u64| there.min(needed).saturating_mul(1_000) / needed.max(1);
        let distinct = self.distinct.as_ref().map_or(1_000, |distinct| of(distinct.number, distinct.needed));
        of(self.count, self.needed).min(distinct)
    }
}

/// A combination of values of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsAnswer {
    /// The event.
    pub event: usize,
    /// The values.
    pub values: Vec<NamedValue>,
    /// By what the combination is known; without it, it is new.
    pub known: Option<KnownBy>,
}

/// By what a combination of values is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// By an event that has it, so many milliseconds before: the latest such.
    Event {
        /// The event.
        event: usize,
        /// The time between the two.
        milliseconds: i128,
    },
    /// By the event of a history that stands at this place.
    History(String),
}

/// The hits of the events of a question that counts or compares.
#[derive(Debug)]
pub struct Counted<'r> {
    questions: &'r RuleQuestions,
    counting: &'r Counting,
    /// In the order of time.
    hits: Vec<StageHit<usize>>,
    left_out: BTreeMap<usize, WhyNot>,
}

/// What is asked of a history: which of the combinations that matter it knows.
#[derive(Debug)]
pub struct KnownTerms {
    set: RuleSet,
    extractor: StageExtractor,
    wanted: BTreeSet<KeyTuple>,
    found: BTreeMap<KeyTuple, String>,
}

/// Reads a history.
pub struct KnownTermsReader<'k> {
    matcher: Matcher<'k>,
    extractor: &'k StageExtractor,
    wanted: &'k BTreeSet<KeyTuple>,
    types: &'k (dyn FieldTypes + Sync),
    found: BTreeMap<KeyTuple, String>,
}

impl Counting {
    /// What a rule counts or compares, if it does.
    pub(super) fn of(kind: &RuleKind, schema: &dyn Schema) -> Option<Self> {
        // The condition is asked elsewhere.
        let any = watchfire_ir::Condition::constant(true);
        match kind {
            RuleKind::Threshold(rule) => {
                Some(Self::Threshold(ThresholdPlan::new(any, &rule.threshold, schema)))
            }
            RuleKind::NewTerms(rule) => {
                NewTermsPlan::new(any, &rule.new_terms_fields, &rule.history_window_start, schema)
                    .map(Self::NewTerms)
            }
            _ => None,
        }
    }

    /// The fields whose values an event must have.
    fn fields(&self) -> &[FieldRef] {
        match self {
            Self::Threshold(plan) => &plan.fields,
            Self::NewTerms(plan) => &plan.fields,
        }
    }

    fn extractor(&self) -> StageExtractor {
        match self {
            Self::Threshold(plan) => plan.extractor(RuleIndex(0), OrderFields::default()),
            Self::NewTerms(plan) => plan.extractor(RuleIndex(0), OrderFields::default()),
        }
    }
}

impl RuleQuestions {
    /// Whether it counts events or compares their values with those of others: see [`Self::count`].
    pub fn counts(&self) -> bool {
        self.counting.is_some()
    }

    /// Whether it asks which values were there before, so that a history says something.
    pub fn asks_history(&self) -> bool {
        matches!(self.counting, Some(Counting::NewTerms(_)))
    }

    /// Takes those of these events that satisfy the condition together; `None` if the rule takes each event for itself, or
    /// joins them otherwise. `is_out` says of an event that it takes no part, since an exception hides it.
    pub fn count(
        &self,
        events: &[Event],
        types: &dyn FieldTypes,
        is_out: &dyn Fn(usize) -> bool,
    ) -> Option<Counted<'_>> {
        let counting = self.counting.as_ref()?;
        let mut builder = BatchBuilder::new(types);
        events.iter().cloned().for_each(|event| builder.push(event));
        let batch = builder.finish();
        let set = self.set();
        let mut matches = set.matcher(VALUE_CACHE_BYTES).match_batch(&batch, types);
        matches.hits.retain(|hit| !is_out(hit.row as usize));
        let extractor = counting.extractor();
        let mut hits = Vec::new();
        extractor.extract(&batch, &matches, |row| (row as u64, row), &mut hits);
        hits.sort_by(StageHit::feeding_order);
        let left_out = left_out(counting, &batch, &matches);
        Some(Counted { questions: self, counting, hits, left_out })
    }

    /// The condition alone.
    fn set(&self) -> RuleSet {
        let mut builder = RuleSetBuilder::new();
        builder.add(self.patterns.clone(), self.stages[0].condition.clone());
        builder.build()
    }
}

/// The events that satisfy the condition and lack what counting needs.
fn left_out(counting: &Counting, batch: &EventBatch, matches: &Matches) -> BTreeMap<usize, WhyNot> {
    let order = OrderFields::default();
    let times = order.columns(batch);
    let mut left_out = BTreeMap::new();
    for hit in &matches.hits {
        let row = hit.row as usize;
        let is_absent =
            |field: &&FieldRef| batch.column(&field.name).is_none_or(|column| column.codes(row).is_empty());
        if let Some(field) = counting.fields().iter().find(is_absent) {
            left_out.insert(row, WhyNot::NoKey(field.name.to_string()));
        } else if times.time(row).is_none() {
            left_out.insert(row, WhyNot::NoTime);
        }
    }
    left_out
}

impl Counted<'_> {
    /// What a history is to be asked; `None` if it would say nothing.
    pub fn known_terms(&self) -> Option<KnownTerms> {
        let Counting::NewTerms(plan) = self.counting else { return None };
        Some(KnownTerms {
            set: self.questions.set(),
            extractor: plan.history_extractor(RuleIndex(0)),
            wanted: self.hits.iter().map(|hit| KeyTuple::clone(&hit.keys)).collect(),
            found: BTreeMap::new(),
        })
    }

    /// What becomes of the events, with what a history knows.
    pub fn answer(self, history: Option<&KnownTerms>) -> CountedAnswer {
        let named = |keys: &[KeyValue]| -> Vec<NamedValue> {
            let names = self.counting.fields().iter().map(|field| field.name.to_string());
            names.zip(keys.iter().map(|key| key.to_text().unwrap_or_default())).collect()
        };
        let mut answer = CountedAnswer { left_out: self.left_out, ..CountedAnswer::default() };
        match self.counting {
            Counting::Threshold(plan) => {
                let bucket =
                    |BucketTally { keys, count, distinct, events }: BucketTally<usize>| BucketAnswer {
                        values: named(&keys),
                        count,
                        needed: plan.shape.value,
                        distinct: plan.counted.as_ref().zip(plan.shape.cardinality).map(|(field, needed)| {
                            DistinctAnswer {
                                field: field.name.to_string(),
                                number: distinct.number,
                                is_estimate: distinct.is_estimate,
                                needed,
                            }
                        }),
                        events,
                    };
                answer.buckets = tally_buckets(&plan.shape, self.hits).into_iter().map(bucket).collect();
                answer.buckets.sort_by_key(|bucket| (!bucket.is_reached(), u64::MAX - bucket.share()));
            }
            Counting::NewTerms(plan) => {
                let mut correlator = NewTermsCorrelator::new(plan.shape, usize::MAX);
                let mut last: BTreeMap<KeyTuple, (Timestamp, usize)> = BTreeMap::new();
                for hit in self.hits {
                    let (time, event) = (hit.ordinal.time, hit.payload);
                    let in_history = history.and_then(|history| history.found.get(&hit.keys));
                    let is_known = correlator.learn(KeyTuple::clone(&hit.keys), Some(time));
                    let before = last.insert(KeyTuple::clone(&hit.keys), (time, event));
                    let by_event = before.filter(|_| is_known).map(|(at, event)| KnownBy::Event {
                        event,
                        milliseconds: (time.nanos() - at.nanos()) / 1_000_000,
                    });
                    let known = in_history.map(|place| KnownBy::History(place.clone())).or(by_event);
                    answer.terms.push(TermsAnswer { event, values: named(&hit.keys), known });
                }
            }
        }
        answer
    }
}

impl KnownTerms {
    /// Whether anything is left to be looked for.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Reads a history, batch by batch and in order.
    pub fn reader<'k>(&'k self, types: &'k (dyn FieldTypes + Sync)) -> KnownTermsReader<'k> {
        KnownTermsReader {
            matcher: self.set.matcher(VALUE_CACHE_BYTES),
            extractor: &self.extractor,
            wanted: &self.wanted,
            types,
            found: BTreeMap::new(),
        }
    }

    /// Takes up what a reader has found.
    #[must_use]
    pub fn with(mut self, found: FoundTerms) -> Self {
        self.found.extend(found.0);
        self
    }
}

/// What was found in a history.
#[derive(Clone, Debug, Default)]
pub struct FoundTerms(BTreeMap<KeyTuple, String>);

impl KnownTermsReader<'_> {
    /// Looks at a batch.
    pub fn batch(&mut self, batch: &EventBatch) {
        let matches = self.matcher.match_batch(batch, self.types);
        let mut hits = Vec::new();
        self.extractor.extract(batch, &matches, |row| (row as u64, row), &mut hits);
        for hit in hits {
            if self.wanted.contains(&hit.keys) && !self.found.contains_key(&hit.keys) {
                self.found.insert(hit.keys, batch.place(hit.payload).to_string());
            }
        }
    }

    /// What was found.
    pub fn finish(self) -> FoundTerms {
        FoundTerms(self.found)
    }
}
