//! A [`HitStream`] as text, and back: what waits, what was counted, and what its correlator holds.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::form::{Exact, Header, HitForm, KeyForm, OrdinalForm};
use super::{RestoreError, VERSION};
use crate::correlate::hit::{Ordinal, StageHit};
use crate::correlate::hit_correlator::HitCorrelator;
use crate::correlate::hit_stream::{HitStream, HitStreamSettings};
use crate::correlate::key::{KeyTuple, KeyValue};
use crate::correlate::new_terms::{NewTermsCorrelator, NewTermsShape};
use crate::correlate::stream::Tally;
use crate::correlate::threshold::{RecentEvent, ThresholdShape, ThresholdWindow};
use crate::correlate::waiting::Waiting;

/// What the document calls itself.
const FORMAT: &str = "watchfire-hit-stream";

/// Counts are below it, so that none overflows.
const MAX_COUNT: u64 = 1 << 63;

type Checked<T> = Result<T, &'static str>;

fn ensure(holds: bool, otherwise: &'static str) -> Checked<()> {
    if holds { Ok(()) } else { Err(otherwise) }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a, S, T> {
    format: Cow<'a, str>,
    version: u32,
    query: Cow<'a, str>,
    shape: Cow<'a, str>,
    pushed: u64,
    fed: u64,
    fed_early: u64,
    late: u64,
    evicted: u64,
    watermark: Option<Exact>,
    latest: Option<OrdinalForm<'a>>,
    state: S,
    waiting: Vec<HitForm<'a, T>>,
}

/// A correlator whose state can be written and read. What is held is checked as far as a stream relies on it.
pub trait StatefulCorrelator<T>: HitCorrelator<T> {
    /// The state as it is written.
    type Written: Serialize;
    /// The state as it is read.
    type Read: DeserializeOwned;

    /// What it is asked, in a text that differs where state must not be taken over.
    fn shape_text(&self) -> String;

    /// The state.
    fn state(&self) -> Self::Written;

    /// Takes a state over; `latest` is the event that was fed last.
    ///
    /// # Errors
    /// What no correlator says of itself.
    fn take_over(
        &mut self,
        state: Self::Read,
        evicted: u64,
        latest: Option<&Ordinal>,
    ) -> Result<(), &'static str>;
}

impl<T: Clone, C: StatefulCorrelator<T>> HitStream<T, C> {
    /// The whole state, as one JSON document. `query` is what the caller knows the query by, conditions and fields
    /// included: its text, or a hash of it. Fails only if a payload cannot be written.
    pub fn snapshot(&self, query: &str) -> serde_json::Result<String>
    where
        T: Serialize,
    {
        let Tally { pushed, fed, fed_early, late } = self.tally;
        serde_json::to_string(&Document {
            format: FORMAT.into(),
            version: VERSION,
            query: query.into(),
            shape: self.correlator.shape_text().into(),
            pushed,
            fed,
            fed_early,
            late,
            evicted: self.correlator.evicted(),
            watermark: self.watermark.map(Into::into),
            latest: self.latest.as_ref().map(Into::into),
            state: self.correlator.state(),
            waiting: self.waiting.to_sorted().into_iter().map(HitForm::of).collect(),
        })
    }

    /// The stream that a snapshot was taken of, to be continued with this correlator, which has seen nothing.
    pub fn restore(
        snapshot: &str,
        query: &str,
        correlator: C,
        settings: HitStreamSettings,
    ) -> Result<Self, RestoreError>
    where
        T: DeserializeOwned,
    {
        let unreadable = |error: serde_json::Error| RestoreError::Unreadable { reason: error.to_string() };
        let header: Header<'_> = serde_json::from_str(snapshot).map_err(unreadable)?;
        if header.format != FORMAT {
            return Err(RestoreError::Unreadable { reason: format!("its format is `{}`", header.format) });
        }
        if header.version != VERSION {
            return Err(RestoreError::UnknownVersion { found: header.version });
        }
        let document: Document<'_, C::Read, T> = serde_json::from_str(snapshot).map_err(unreadable)?;
        if document.query != query {
            return Err(RestoreError::OtherQuery { found: document.query.into_owned() });
        }
        let expected = correlator.shape_text();
        if document.shape != expected {
            return Err(RestoreError::OtherShape { found: document.shape.into_owned(), expected });
        }
        restored(document, correlator, settings).map_err(|what| RestoreError::Inconsistent { what })
    }
}

fn restored<T: Clone, C: StatefulCorrelator<T>>(
    document: Document<'_, C::Read, T>,
    correlator: C,
    settings: HitStreamSettings,
) -> Checked<HitStream<T, C>> {
    let Document { pushed, fed, fed_early, late, evicted, watermark, latest, state, waiting, .. } = document;
    let sum = fed.checked_add(late).and_then(|sum| sum.checked_add(waiting.len() as u64));
    ensure(pushed < MAX_COUNT && sum == Some(pushed), "hits fed, late and waiting are not those pushed")?;
    ensure(fed_early <= fed, "more hits were fed early than were fed")?;
    ensure(evicted < MAX_COUNT, "more was given up than there can have been")?;
    ensure((fed > 0) == latest.is_some(), "a hit was fed and none was taken, or the other way round")?;
    let mut stream = HitStream::new(correlator, settings);
    stream.tally = Tally { pushed, fed, fed_early, late };
    stream.watermark = watermark.map(Into::into);
    stream.latest = latest.map(Ordinal::try_from).transpose()?;
    stream.correlator.take_over(state, evicted, stream.latest.as_ref())?;
    let mut sorted = Waiting::default();
    for HitForm { at, stage, keys: tuple, payload } in waiting {
        let hit = StageHit { ordinal: at.try_into()?, stage: stage.into(), keys: keys(tuple)?, payload };
        ensure(stream.correlator.knows(&hit), "a hit waits that is none of the query")?;
        ensure(!stream.is_past(&hit.ordinal), "a hit waits although it is late")?;
        sorted.insert(hit);
    }
    stream.waiting = sorted;
    Ok(stream)
}

fn keys(form: Vec<KeyForm<'_>>) -> Checked<KeyTuple> {
    form.into_iter().map(KeyValue::try_from).collect()
}

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
    type Written = Vec<BucketForm<T>>;
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
    type Written = Vec<KnownForm>;
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

    fn take_over(&mut self, state: Vec<KnownForm>, evicted: u64, latest: Option<&Ordinal>) -> Checked<()> {
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
