//! What a snapshot looks like, and how the state of sequences is written as one.
//!
//! Machines are in order of their keys and slots in order of position, so that one state has one text.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use watchfire_events::Timestamp;

use crate::correlate::age::Stamp;
use crate::correlate::hit::{HitStage, Ordinal, StageHit};
use crate::correlate::key::{KeyTuple, KeyValue};
use crate::correlate::machine::{Candidate, Lead, Machine, Partial};
use crate::correlate::sequence::{Evicted, SequenceCorrelator};

/// What is read first, of whatever version.
#[derive(Deserialize)]
pub(super) struct Header<'a> {
    pub(super) format: Cow<'a, str>,
    pub(super) version: u32,
}

/// The state of a correlator of sequences.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceForm<'a, T> {
    pub(super) evicted: EvictedForm,
    pub(super) next_stamp: u64,
    pub(super) machines: Vec<MachineForm<'a, T>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvictedForm {
    pub(super) partials: u64,
    pub(super) candidates: u64,
    pub(super) leading: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineForm<'a, T> {
    pub(super) keys: Vec<KeyForm<'a>>,
    pub(super) slots: Vec<SlotForm<'a, T>>,
    pub(super) candidates: Vec<CandidateForm<'a, T>>,
    pub(super) lead: Option<LeadForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlotForm<'a, T> {
    pub(super) position: u16,
    pub(super) stamp: u64,
    pub(super) events: Vec<T>,
    pub(super) first: Exact,
    pub(super) last: OrdinalForm<'a>,
    pub(super) lead: Option<i64>,
    pub(super) barrier: Option<i64>,
    pub(super) spoiled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CandidateForm<'a, T> {
    pub(super) stamp: u64,
    pub(super) events: Vec<T>,
    pub(super) last: OrdinalForm<'a>,
    pub(super) deadline: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeadForm {
    pub(super) stamp: u64,
    pub(super) latest: i64,
    pub(super) before: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HitForm<'a, T> {
    pub(super) at: OrdinalForm<'a>,
    pub(super) stage: StageName,
    pub(super) keys: Vec<KeyForm<'a>>,
    pub(super) payload: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrdinalForm<'a> {
    time: Exact,
    tiebreaker: Option<KeyForm<'a>>,
    arrival: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StageName {
    Stage(u16),
    Until,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyForm<'a> {
    Null,
    Boolean(bool),
    Integer(Exact),
    /// The bits of the number: its decimal digits would do, but for those that are none.
    Fraction(Exact),
    Ip(Ipv6Addr),
    Instant(Exact),
    Text(Cow<'a, str>),
}

/// A number of 128 bits, as text.
#[derive(Clone, Copy)]
pub(super) struct Exact(pub(super) i128);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl serde::de::Visitor<'_> for Digits {
            type Value = Exact;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer of at most 128 bits as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Exact, E> {
                let unexpected = |_| E::invalid_value(serde::de::Unexpected::Str(text), &self);
                text.parse().map(Exact).map_err(unexpected)
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

impl<'a, T> SequenceForm<'a, &'a T> {
    pub(super) fn of(correlator: &'a SequenceCorrelator<T>) -> Self {
        let Evicted { partials, candidates, leading } = correlator.evicted;
        let mut machines: Vec<_> = correlator.machines.iter().collect();
        machines.sort_by_key(|(keys, _)| *keys);
        Self {
            evicted: EvictedForm { partials, candidates, leading },
            next_stamp: correlator.ages.next_stamp(),
            machines: machines.into_iter().map(|(keys, machine)| MachineForm::of(keys, machine)).collect(),
        }
    }
}

impl<'a, T> MachineForm<'a, &'a T> {
    fn of(keys: &'a KeyTuple, machine: &'a Machine<T>) -> Self {
        let slot = |(position, Stamp(stamp), partial): &'a (u16, Stamp, Partial<T>)| SlotForm {
            position: *position,
            stamp: *stamp,
            events: partial.events.iter().collect(),
            first: partial.first.into(),
            last: (&partial.last).into(),
            lead: partial.lead,
            barrier: partial.barrier,
            spoiled: partial.spoiled,
        };
        let mut slots: Vec<_> = machine.slots.iter().map(slot).collect();
        slots.sort_by_key(|slot| slot.position);
        let candidate = |candidate: &'a Candidate<T>| CandidateForm {
            stamp: candidate.stamp.0,
            events: candidate.events.iter().collect(),
            last: (&candidate.last).into(),
            deadline: candidate.deadline,
        };
        let lead = |Lead { stamp, latest, before }: Lead| LeadForm { stamp: stamp.0, latest, before };
        Self {
            keys: keys.iter().map(Into::into).collect(),
            slots,
            candidates: machine.candidates.iter().map(candidate).collect(),
            lead: machine.lead.map(lead),
        }
    }
}

impl<'a, T> HitForm<'a, &'a T> {
    pub(super) fn of(hit: &'a StageHit<T>) -> Self {
        Self {
            at: (&hit.ordinal).into(),
            stage: hit.stage.into(),
            keys: hit.keys.iter().map(Into::into).collect(),
            payload: &hit.payload,
        }
    }
}

impl From<Timestamp> for Exact {
    fn from(at: Timestamp) -> Self {
        Self(at.nanos())
    }
}

impl From<Exact> for Timestamp {
    fn from(Exact(nanos): Exact) -> Self {
        Self::from_nanos(nanos)
    }
}

impl From<HitStage> for StageName {
    fn from(stage: HitStage) -> Self {
        match stage {
            HitStage::Stage(number) => Self::Stage(number),
            HitStage::Until => Self::Until,
        }
    }
}

impl From<StageName> for HitStage {
    fn from(stage: StageName) -> Self {
        match stage {
            StageName::Stage(number) => Self::Stage(number),
            StageName::Until => Self::Until,
        }
    }
}

impl<'a> From<&'a Ordinal> for OrdinalForm<'a> {
    fn from(ordinal: &'a Ordinal) -> Self {
        Self {
            time: ordinal.time.into(),
            tiebreaker: ordinal.tiebreaker.as_ref().map(Into::into),
            arrival: ordinal.arrival,
        }
    }
}

impl TryFrom<OrdinalForm<'_>> for Ordinal {
    type Error = &'static str;

    fn try_from(form: OrdinalForm<'_>) -> Result<Self, Self::Error> {
        let tiebreaker = form.tiebreaker.map(KeyValue::try_from).transpose()?;
        Ok(Self { time: form.time.into(), tiebreaker, arrival: form.arrival })
    }
}

impl<'a> From<&'a KeyValue> for KeyForm<'a> {
    fn from(value: &'a KeyValue) -> Self {
        match value {
            KeyValue::Null => Self::Null,
            KeyValue::Boolean(value) => Self::Boolean(*value),
            KeyValue::Integer(number) => Self::Integer(Exact(*number)),
            KeyValue::Fraction(number) => Self::Fraction(Exact(number.get().to_bits().into())),
            KeyValue::Ip(address) => Self::Ip(*address),
            KeyValue::Instant(at) => Self::Instant((*at).into()),
            KeyValue::Text(text) => Self::Text(text.as_ref().into()),
        }
    }
}

impl KeyForm<'_> {
    /// The same, without a loan.
    pub(super) fn into_owned(self) -> KeyForm<'static> {
        match self {
            Self::Null => KeyForm::Null,
            Self::Boolean(value) => KeyForm::Boolean(value),
            Self::Integer(number) => KeyForm::Integer(number),
            Self::Fraction(bits) => KeyForm::Fraction(bits),
            Self::Ip(address) => KeyForm::Ip(address),
            Self::Instant(at) => KeyForm::Instant(at),
            Self::Text(text) => KeyForm::Text(text.into_owned().into()),
        }
    }
}

impl OrdinalForm<'_> {
    /// The same, without a loan.
    pub(super) fn into_owned(self) -> OrdinalForm<'static> {
        let tiebreaker = self.tiebreaker.map(KeyForm::into_owned);
        OrdinalForm { time: self.time, tiebreaker, arrival: self.arrival }
    }
}

impl TryFrom<KeyForm<'_>> for KeyValue {
    type Error = &'static str;

    fn try_from(form: KeyForm<'_>) -> Result<Self, Self::Error> {
        Ok(match form {
            KeyForm::Null => Self::Null,
            KeyForm::Boolean(value) => Self::Boolean(value),
            KeyForm::Integer(Exact(number)) => Self::Integer(number),
            KeyForm::Fraction(Exact(bits)) => {
                let none = "a key is written as a fraction and is none";
                let bits = u64::try_from(bits).map_err(|_| none)?;
                match Self::double(f64::from_bits(bits)) {
                    Self::Fraction(number) if number.get().to_bits() == bits => Self::Fraction(number),
                    _ => return Err(none),
                }
            }
            KeyForm::Ip(address) => Self::Ip(address),
            KeyForm::Instant(at) => Self::Instant(at.into()),
            KeyForm::Text(text) => Self::text(&text),
        })
    }
}
