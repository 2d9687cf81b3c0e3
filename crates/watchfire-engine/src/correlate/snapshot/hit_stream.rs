//! A [`HitStream`] as text, and back: what waits, what was counted, and what its correlator holds.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use watchfire_events::Timestamp;

use super::form::{Exact, Header, HitForm, KeyForm, OrdinalForm};
use super::{FORMAT, RestoreError, VERSION};
use crate::correlate::hit::{Ordinal, StageHit};
use crate::correlate::hit_correlator::HitCorrelator;
use crate::correlate::hit_stream::{HitStream, HitStreamSettings, Tally};
use crate::correlate::key::{KeyTuple, KeyValue};
use crate::correlate::waiting::Waiting;

/// Stamps and counts are below it, so that none overflows: at a thousand million a second it lasts for 292 years.
pub(super) const MAX_COUNT: u64 = 1 << 63;

pub(super) type Checked<T> = Result<T, &'static str>;

pub(super) fn ensure(holds: bool, otherwise: &'static str) -> Checked<()> {
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
    type Written<'a>: Serialize
    where
        Self: 'a;
    /// The state as it is read.
    type Read: DeserializeOwned;

    /// What it is asked, in a text that differs where state must not be taken over.
    fn shape_text(&self) -> String;

    /// The state.
    fn state(&self) -> Self::Written<'_>;

    /// Takes a state over; `latest` is the event that was fed last, and no event before `watermark` will come.
    ///
    /// # Errors
    /// What no correlator says of itself.
    fn take_over(
        &mut self,
        state: Self::Read,
        evicted: u64,
        latest: Option<&Ordinal>,
        watermark: Option<Timestamp>,
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
    stream.correlator.take_over(state, evicted, stream.latest.as_ref(), stream.watermark)?;
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

pub(super) fn keys(form: Vec<KeyForm<'_>>) -> Checked<KeyTuple> {
    form.into_iter().map(KeyValue::try_from).collect()
}
