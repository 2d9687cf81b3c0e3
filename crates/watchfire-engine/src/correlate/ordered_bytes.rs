//! Hits as bytes that sort in the order in which correlators take them: what a sort on disk needs.
//!
//! The number of an event in the whole input is known only when all of it is in order; so the position of its event is
//! given as bytes, which sort as the input does, and stands where the number will.
//!
//! ```text
//! time (16 bytes) │ tiebreaker: 0 and the value, or 1 │ position │ stage (2 bytes) │ number of keys (2 bytes), keys
//! ```
//!
//! A value is a byte for its kind and its content; texts and positions end with two zero bytes, and a zero inside is
//! written as `00 FF`. Numbers of both forms sort by what they are worth: the whole number below, then zero for itself,
//! or else the bits of the fraction.

use std::net::Ipv6Addr;

use watchfire_events::{Timestamp, ValueRef};

use super::hit::{HitStage, Ordinal, StageHit};
use super::key::{KeyTuple, KeyValue};

/// A hit whose event has a position, and no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortableHit {
    /// The time of its event.
    pub time: Timestamp,
    /// The value of the tiebreaker field.
    pub tiebreaker: Option<KeyValue>,
    /// The position of its event: bytes that sort as the input does.
    pub position: Vec<u8>,
    /// What the event satisfies.
    pub stage: HitStage,
    /// The values of the stage's keys.
    pub keys: KeyTuple,
}

impl SortableHit {
    /// The hit of an event with this number.
    pub fn into_hit<T>(self, arrival: u64, payload: T) -> StageHit<T> {
        let ordinal = Ordinal { time: self.time, tiebreaker: self.tiebreaker, arrival };
        StageHit { ordinal, stage: self.stage, keys: self.keys, payload }
    }

    /// Reads what [`StageHit::write_ordered`] wrote; `None` for anything else.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let time = Timestamp::from_ordered_bytes(take(bytes)?);
        let tiebreaker = match take::<1>(bytes)? {
            [0] => Some(KeyValue::read_ordered(bytes)?),
            [1] => None,
            _ => return None,
        };
        let position = read_text(bytes)?;
        let stage = match u16::from_be_bytes(take(bytes)?) {
            u16::MAX => HitStage::Until,
            number => HitStage::Stage(u16::MAX - 1 - number),
        };
        let count = u16::from_be_bytes(take(bytes)?);
        let keys = (0..count).map(|_| KeyValue::read_ordered(bytes)).collect::<Option<KeyTuple>>()?;
        bytes.is_empty().then_some(Self { time, tiebreaker, position, stage, keys })
    }
}

impl<T> StageHit<T> {
    /// Appends bytes of the hit, if its event has this position in place of a number. They sort in
    /// [`Self::feeding_order`] if positions sort as numbers would.
    pub fn write_ordered(&self, position: &[u8], out: &mut Vec<u8>) {
        write_moment(self.ordinal.time, self.ordinal.tiebreaker.as_ref(), out);
        write_position(&[position], out);
        write_stage(self.stage, out);
        write_keys(&self.keys, out);
    }
}

impl Ordinal {
    /// Appends bytes that sort as ordinals do.
    pub fn write_ordered(&self, out: &mut Vec<u8>) {
        write_moment(self.time, self.tiebreaker.as_ref(), out);
        out.extend(self.arrival.to_be_bytes());
    }
}

/// Appends the bytes of keys: their number, then their values. Tuples of one query, which are equally long, sort by them.
pub fn write_keys(keys: &[KeyValue], out: &mut Vec<u8>) {
    out.extend((keys.len() as u16).to_be_bytes());
    keys.iter().for_each(|key| key.write_ordered(out));
}

/// Appends the bytes of a position, given in parts.
pub fn write_position(parts: &[&[u8]], out: &mut Vec<u8>) {
    parts.iter().for_each(|part| write_inside(part, out));
    out.extend([0, 0]);
}

pub(super) fn write_stage(stage: HitStage, out: &mut Vec<u8>) {
    let stage = match stage {
        HitStage::Stage(number) => u16::MAX - 1 - number,
        HitStage::Until => u16::MAX,
    };
    out.extend(stage.to_be_bytes());
}

/// Appends the bytes of the key that a value is.
pub(super) fn write_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Text(text) => {
            out.push(TEXT);
            write_text(text.as_bytes(), out);
        }
        other => KeyValue::from(other).write_ordered(out),
    }
}

pub(super) fn write_moment(time: Timestamp, tiebreaker: Option<&KeyValue>, out: &mut Vec<u8>) {
    out.extend(time.to_ordered_bytes());
    match tiebreaker {
        Some(value) => {
            out.push(0);
            value.write_ordered(out);
        }
        None => out.push(1),
    }
}

const NULL: u8 = 0;
const BOOLEAN: u8 = 1;
const NUMBER: u8 = 2;
const IP: u8 = 3;
const INSTANT: u8 = 4;
const TEXT: u8 = 5;

impl KeyValue {
    /// Appends bytes that sort as values do.
    pub fn write_ordered(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(NULL),
            Self::Boolean(value) => out.extend([BOOLEAN, u8::from(*value)]),
            Self::Integer(number) => write_number(*number, 0, out),
            Self::Fraction(fraction) => {
                let number = fraction.get();
                let below = if number.is_nan() { i128::MAX } else { number.floor() as i128 };
                write_number(below, ordered_bits(number), out);
            }
            Self::Ip(address) => {
                out.push(IP);
                out.extend(address.octets());
            }
            Self::Instant(at) => {
                out.push(INSTANT);
                out.extend(at.to_ordered_bytes());
            }
            Self::Text(text) => {
                out.push(TEXT);
                write_text(text.as_bytes(), out);
            }
        }
    }

    /// Reads a value, and moves behind it; `None` if there is none.
    pub fn read_ordered(bytes: &mut &[u8]) -> Option<Self> {
        Some(match take::<1>(bytes)?[0] {
            NULL => Self::Null,
            BOOLEAN => Self::Boolean(take::<1>(bytes)? != [0]),
            NUMBER => {
                let below = u128::from_be_bytes(take(bytes)?) as i128 ^ i128::MIN;
                match u64::from_be_bytes(take(bytes)?) {
                    0 => Self::Integer(below),
                    bits => Self::double(from_ordered_bits(bits)),
                }
            }
            IP => Self::Ip(Ipv6Addr::from(take::<16>(bytes)?)),
            INSTANT => Self::Instant(Timestamp::from_ordered_bytes(take(bytes)?)),
            TEXT => Self::Text(String::from_utf8(read_text(bytes)?).ok()?.into()),
            _ => return None,
        })
    }
}

fn write_number(below: i128, bits: u64, out: &mut Vec<u8>) {
    out.push(NUMBER);
    out.extend((below ^ i128::MIN).to_be_bytes());
    out.extend(bits.to_be_bytes());
}

const SIGN: u64 = 1 << 63;

/// Bits that sort as the numbers do. None is zero: that would be a NaN, of which there is only the positive one here.
fn ordered_bits(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN })
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    write_inside(text, out);
    out.extend([0, 0]);
}

/// A text or a part of one, without its end.
fn write_inside(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(0, rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend([0, 0xFF]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn read_text(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        text.extend_from_slice(&bytes[..end]);
        match &bytes[end..] {
            [0, 0, rest @ ..] => {
                *bytes = rest;
                return Some(text);
            }
            [0, 0xFF, rest @ ..] => {
                *bytes = rest;
                text.push(0);
            }
            _ => return None,
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
