//! Counting.

use rustc_hash::FxHashMap;
use watchfire_engine::correlate::{DistinctCounter, KeyValue};
use watchfire_events::EventBatch;

use super::composite::Composite;
use super::{AggregationForm, Kind, MAX_BUCKETS, QueryId, SourceId};
use crate::SearchError;
use crate::rows::Rows;
use crate::source::{InBatch, number_of};
use crate::top::Top;

/// A batch, with what aggregations ask of it.
pub(crate) struct BatchView<'b> {
    pub(crate) batch: &'b EventBatch,
    /// By the number of a source, its values.
    pub(crate) sources: Vec<InBatch<'b>>,
    /// By the number of a query, its rows.
    pub(crate) queries: Vec<Rows>,
}

impl BatchView<'_> {
    fn source(&self, source: SourceId) -> &InBatch<'_> {
        &self.sources[source.0]
    }

    fn satisfies(&self, query: QueryId, row: usize) -> bool {
        self.queries[query.0].contains(row)
    }

    /// The values of a row, or the one that stands for none.
    pub(super) fn values(&self, source: SourceId, row: usize, missing: Option<&KeyValue>) -> Vec<KeyValue> {
        let mut values = self.source(source).all(row);
        if values.is_empty() {
            values.extend(missing.cloned());
        }
        values
    }
}

/// What was counted for an aggregation.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// Buckets by their key.
    Keyed(FxHashMap<KeyValue, Bucket>),
    /// Buckets by the number of what they are for.
    Listed(Vec<Bucket>),
    Composite(Composite),
    Count(u64),
    Distinct(DistinctCounter),
    Number(Numbers),
    Top(Top),
}

/// What was counted in a bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    pub(super) count: u64,
    pub(super) below: Vec<State>,
}

/// What many numbers come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(super) count: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    /// What the sum lost by rounding (Kahan).
    lost: f64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { count: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, lost: 0.0 }
    }
}

impl Numbers {
    fn add(&mut self, number: f64) {
        self.count += 1;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        let corrected = number - self.lost;
        let sum = self.sum + corrected;
        self.lost = (sum - self.sum) - corrected;
        self.sum = sum;
    }
}

/// Counts, within the number of buckets that there may be.
#[derive(Debug, Default)]
pub(crate) struct Collecting {
    buckets: usize,
}

impl Collecting {
    /// What has counted nothing.
    pub(crate) fn new_states(forms: &[AggregationForm]) -> Vec<State> {
        forms.iter().map(new_state).collect()
    }

    /// Takes one more bucket.
    pub(super) fn take_bucket(&mut self) -> Result<(), SearchError> {
        self.buckets += 1;
        if self.buckets > MAX_BUCKETS {
            return Err(SearchError::too_much(format!(
                "the aggregations need more than {MAX_BUCKETS} buckets; a narrower query or a composite needs fewer"
            )));
        }
        Ok(())
    }

    /// Gives back a bucket, with those below it.
    pub(super) fn give_back(&mut self, bucket: &Bucket) {
        self.buckets -= 1;
        for state in &bucket.below {
            match state {
                State::Keyed(buckets) => buckets.values().for_each(|bucket| self.give_back(bucket)),
                State::Listed(buckets) => buckets.iter().flat_map(|bucket| &bucket.below).for_each(|state| {
                    if let State::Keyed(buckets) = state {
                        buckets.values().for_each(|bucket| self.give_back(bucket));
                    }
                }),
                _ => {}
            }
        }
    }

    /// Counts the rows of a batch.
    pub(crate) fn add(
        &mut self,
        forms: &[AggregationForm],
        states: &mut [State],
        view: &BatchView<'_>,
        rows: &Rows,
    ) -> Result<(), SearchError> {
        for (form, state) in forms.iter().zip(states) {
            // Hits of a whole batch are chosen together.
            if let (Kind::TopHits(top), State::Top(found)) = (&form.kind, &mut *state) {
                top.add(found, view.batch, rows);
                continue;
            }
            for row in rows.iter() {
                self.row(form, state, view, row)?;
            }
        }
        Ok(())
    }

    /// Counts a row in a bucket.
    pub(super) fn count(
        &mut self,
        form: &AggregationForm,
        bucket: &mut Bucket,
        view: &BatchView<'_>,
        row: usize,
    ) -> Result<(), SearchError> {
        bucket.count += 1;
        form.below
            .iter()
            .zip(&mut bucket.below)
            .try_for_each(|(form, state)| self.row(form, state, view, row))
    }

    fn row(
        &mut self,
        form: &AggregationForm,
        state: &mut State,
        view: &BatchView<'_>,
        row: usize,
    ) -> Result<(), SearchError> {
        match (&form.kind, state) {
            (Kind::Terms(terms), State::Keyed(buckets)) => {
                for value in view.values(terms.source, row, terms.missing.as_ref()) {
                    if terms.takes(&value) {
                        self.keyed(form, buckets, value, view, row)?;
                    }
                }
            }
            (Kind::DateHistogram(histogram), State::Keyed(buckets)) => {
                let mut starts: Vec<i64> = view
                    .values(histogram.source, row, histogram.missing.as_ref())
                    .iter()
                    .filter_map(|value| match value {
                        KeyValue::Instant(at) => histogram.interval.start(at.millis()),
                        _ => None,
                    })
                    .collect();
                starts.dedup();
                for start in starts {
                    self.keyed(form, buckets, KeyValue::Integer(start.into()), view, row)?;
                }
            }
            (Kind::Histogram { source, interval, offset, .. }, State::Keyed(buckets)) => {
                let mut keys: Vec<KeyValue> = view
                    .values(*source, row, None)
                    .iter()
                    .filter_map(number_of)
                    .map(|number| {
                        KeyValue::double(((number - offset) / interval).floor() * interval + offset)
                    })
                    .collect();
                keys.dedup();
                for key in keys {
                    self.keyed(form, buckets, key, view, row)?;
                }
            }
            (Kind::Composite(composite), State::Composite(state)) => {
                composite.count(state, form, self, view, row)?;
            }
            (Kind::Filter(query), State::Listed(buckets)) => {
                if view.satisfies(*query, row) {
                    self.count(form, &mut buckets[0], view, row)?;
                }
            }
            (Kind::Missing(source), State::Listed(buckets)) => {
                if view.values(*source, row, None).is_empty() {
                    self.count(form, &mut buckets[0], view, row)?;
                }
            }
            (Kind::Filters { named, other, .. }, State::Listed(buckets)) => {
                let mut fits_none = true;
                for (at, (_, query)) in named.iter().enumerate() {
                    if view.satisfies(*query, row) {
                        fits_none = false;
                        self.count(form, &mut buckets[at], view, row)?;
                    }
                }
                if fits_none && other.is_some() {
                    self.count(form, &mut buckets[named.len()], view, row)?;
                }
            }
            (Kind::ValueCount(source), State::Count(count)) => {
                view.source(*source).each(row, &mut |_| *count += 1);
            }
            (Kind::Cardinality { source, missing }, State::Distinct(distinct)) => {
                view.values(*source, row, missing.as_ref()).iter().for_each(|value| distinct.add(value));
            }
            (Kind::Number { source, missing, .. }, State::Number(numbers)) => {
                let mut found = false;
                view.source(*source).numbers(row, &mut |number| {
                    found = true;
                    numbers.add(number);
                });
                if let Some(number) = missing.as_ref().filter(|_| !found).and_then(number_of) {
                    numbers.add(number);
                }
            }
            (Kind::TopHits(top), State::Top(found)) => {
                let mut one = Rows::none(view.batch.len());
                one.insert(row);
                top.add(found, view.batch, &one);
            }
            (kind, _) => unreachable!("the state of {kind:?} is made for it"),
        }
        Ok(())
    }

    fn keyed(
        &mut self,
        form: &AggregationForm,
        buckets: &mut FxHashMap<KeyValue, Bucket>,
        key: KeyValue,
        view: &BatchView<'_>,
        row: usize,
    ) -> Result<(), SearchError> {
        if !buckets.contains_key(&key) {
            self.take_bucket()?;
        }
        self.count(form, buckets.entry(key).or_insert_with(|| new_bucket(form)), view, row)
    }
}

pub(super) fn new_bucket(form: &AggregationForm) -> Bucket {
    Bucket { count: 0, below: Collecting::new_states(&form.below) }
}

fn new_state(form: &AggregationForm) -> State {
    match &form.kind {
        Kind::Terms(_) | Kind::DateHistogram(_) | Kind::Histogram { .. } => {
            State::Keyed(FxHashMap::default())
        }
        Kind::Filter(_) | Kind::Missing(_) => State::Listed(vec![new_bucket(form)]),
        Kind::Filters { named, other, .. } => {
            State::Listed(vec![new_bucket(form); named.len() + usize::from(other.is_some())])
        }
        Kind::Composite(_) => State::Composite(Composite::default()),
        Kind::ValueCount(_) => State::Count(0),
        Kind::Cardinality { .. } => State::Distinct(DistinctCounter::default()),
        Kind::Number { .. } => State::Number(Numbers::default()),
        Kind::TopHits(_) => State::Top(Top::default()),
    }
}
