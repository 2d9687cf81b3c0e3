//! The state of thresholds and of what is known of new values, as text and back.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use watchfire_events::Timestamp;

use super::form::{Exact, KeyForm, OrdinalForm};
use super::hit_stream::{Checked, StatefulCorrelator, ensure, keys};
use crate::correlate::hit::Ordinal;
use crate::correlate::key::KeyTuple;
use crate::correlate::new_terms::{NewTermsCorrelator, NewTermsShape};
use crate::correlate::threshold::{RecentEvent, ThresholdShape, ThresholdWindow};

fn form_of(keys: &KeyTuple) -> Vec<KeyForm<'static>> {
    keys.iter().map(|key| KeyForm::from(key).into_owned()).collect()
}

/// A bucket of a threshold.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketForm<T> {
    keys: Vec<KeyForm<'static>>,
    events: Vec<EventForm<T>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventForm<T> {
    at: OrdinalForm<'static>,
    /// The hashes of the counted values.
    values: Vec<Exact>,
    payload: T,
}

impl fmt::Display for ThresholdShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events by {} fields", self.value, self.groups)?;
        self.cardinality.map_or(Ok(()), |least| write!(f, ", {least} distinct values"))
    }
}

impl<T: Clone + Serialize + DeserializeOwned> StatefulCorrelator<T> for ThresholdWindow<T> {
    type Written<'a>
        = Vec<BucketForm<T>>
    where
        Self: 'a;
    type Read = Vec<BucketForm<T>>;

    fn shape_text(&self) -> String {
        self.shape.to_string()
    }

    fn state(&self) -> Vec<BucketForm<T>> {
        let mut buckets: Vec<_> = self.buckets.iter().collect();
        buckets.sort_by_key(|(keys, _)| *keys);
        let event = |event: &RecentEvent<T>| EventForm {
            at: OrdinalForm::from(&event.ordinal).into_owned(),
            values: event.values.iter().map(|value| Exact(i128::from(*value))).collect(),
            payload: event.payload.clone(),
        };
        buckets
            .into_iter()
            .map(|(keys, bucket)| BucketForm {
                keys: form_of(keys),
                events: bucket.events.iter().map(event).collect(),
            })
            .collect()
    }

    fn take_over(
        &mut self,
        state: Vec<BucketForm<T>>,
        evicted: u64,
        latest: Option<&Ordinal>,
        _watermark: Option<Timestamp>,
    ) -> Checked<()> {
        let mut all: Vec<(KeyTuple, RecentEvent<T>)> = Vec::new();
        for BucketForm { keys: form, events } in state {
            let keys = keys(form)?;
            ensure(keys.len() == self.shape.groups, "a bucket has other fields than the query")?;
            ensure(!events.is_empty(), "a bucket holds nothing")?;
            for EventForm { at, values, payload } in events {
                let ordinal = Ordinal::try_from(at)?;
                ensure(
                    latest.is_some_and(|latest| ordinal <= *latest),
                    "an event is held that was not taken yet",
                )?;
                let hashes = values.into_iter().map(|Exact(value)| u64::try_from(value));
                let values: Vec<u64> =
                    hashes.collect::<Result<_, _>>().map_err(|_| "a hash is too large to be one")?;
                ensure(values.windows(2).all(|pair| pair[0] < pair[1]), "the hashes are not in order")?;
                all.push((KeyTuple::clone(&keys), RecentEvent { ordinal, values, payload }));
            }
        }
        all.sort_by(|(one, a), (other, b)| a.ordinal.cmp(&b.ordinal).then_with(|| one.cmp(other)));
        let is_twice = |pair: &[(KeyTuple, RecentEvent<T>)]| {
            pair[0].0 == pair[1].0 && pair[0].1.ordinal == pair[1].1.ordinal
        };
        ensure(!all.windows(2).any(is_twice), "a bucket holds an event twice")?;
        all.into_iter().for_each(|(keys, event)| self.hold(keys, event));
        self.forget_judged(latest.map(|latest| latest.time));
        self.evicted = evicted;
        self.make_room();
        Ok(())
    }
}

/// A combination of values.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownForm {
    keys: Vec<KeyForm<'static>>,
    /// When it was there last; absent if it is known for good.
    last: Option<Exact>,
}

impl fmt::Display for NewTermsShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fields", self.fields)
    }
}

impl<T: Clone + Serialize + DeserializeOwned> StatefulCorrelator<T> for NewTermsCorrelator {
    type Written<'a> = Vec<KnownForm>;
    type Read = Vec<KnownForm>;

    fn shape_text(&self) -> String {
        self.shape.to_string()
    }

    fn state(&self) -> Vec<KnownForm> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(|(keys, _)| *keys);
        let form = |(keys, last): (&KeyTuple, &Option<_>)| KnownForm {
            keys: form_of(keys),
            last: last.map(Into::into),
        };
        known.into_iter().map(form).collect()
    }

    fn take_over(
        &mut self,
        state: Vec<KnownForm>,
        evicted: u64,
        latest: Option<&Ordinal>,
        _watermark: Option<Timestamp>,
    ) -> Checked<()> {
        for KnownForm { keys: form, last } in state {
            let keys = keys(form)?;
            ensure(keys.len() == self.shape.fields, "a combination has other fields than the query")?;
            ensure(!self.known.contains_key(&keys), "a combination is there twice")?;
            let last = last.map(Into::into);
            let is_taken = last.is_none_or(|last| latest.is_some_and(|latest| last <= latest.time));
            ensure(is_taken, "a value is known from an event that was not taken yet")?;
            self.learn(keys, last);
        }
        self.evicted = evicted;
        self.make_room();
        Ok(())
    }
}
