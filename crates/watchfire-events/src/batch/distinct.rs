//! The distinct values of a column, by their code, and the way from a value to its code.

use std::net::Ipv6Addr;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMillisecondBuilder, TimestampNanosecondBuilder, UInt64Builder,
};
use arrow_schema::ArrowError;
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;

use super::column::ValueRef;
use crate::{FieldType, Timestamp, TypeFamily};

/// The distinct values of a column, in order of first appearance.
#[derive(Clone, Debug)]
pub(super) enum Distinct {
    Text(Texts),
    Integer(Vec<i64>),
    Unsigned(Vec<u64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Ip(Vec<Ipv6Addr>),
    Millis(Vec<Timestamp>),
    Nanos(Vec<Timestamp>),
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Unsigned,
    Double,
    Boolean,
    Ip,
    Millis,
    Nanos,
}

impl Kind {
    pub(super) fn of(field_type: FieldType) -> Self {
        match (field_type, field_type.family()) {
            (FieldType::UnsignedLong, _) => Self::Unsigned,
            (FieldType::Long, _) => Self::Integer,
            (FieldType::Double, _) => Self::Double,
            (FieldType::DateNanos, _) => Self::Nanos,
            (_, TypeFamily::Date) => Self::Millis,
            (_, TypeFamily::Boolean) => Self::Boolean,
            (_, TypeFamily::Ip) => Self::Ip,
            _ => Self::Text,
        }
    }
}

impl Distinct {
    pub(super) fn for_type(field_type: FieldType) -> Self {
        match Kind::of(field_type) {
            Kind::Text => Self::Text(Texts::default()),
            Kind::Integer => Self::Integer(Vec::new()),
            Kind::Unsigned => Self::Unsigned(Vec::new()),
            Kind::Double => Self::Double(Vec::new()),
            Kind::Boolean => Self::Boolean(Vec::new()),
            Kind::Ip => Self::Ip(Vec::new()),
            Kind::Millis => Self::Millis(Vec::new()),
            Kind::Nanos => Self::Nanos(Vec::new()),
        }
    }

    /// Takes the values away, and keeps their memory unless it is unusually much.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Text(values) => values.clear(),
            Self::Integer(values) => values.clear(),
            Self::Unsigned(values) => values.clear(),
            Self::Double(values) => values.clear(),
            Self::Boolean(values) => values.clear(),
            Self::Ip(values) => values.clear(),
            Self::Millis(values) | Self::Nanos(values) => values.clear(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Ip(values) => values.len(),
            Self::Millis(values) | Self::Nanos(values) => values.len(),
        }
    }

    pub(super) fn get(&self, code: u32) -> ValueRef<'_> {
        let at = code as usize;
        match self {
            Self::Text(values) => ValueRef::Text(values.get(code)),
            Self::Integer(values) => ValueRef::Integer(values[at]),
            Self::Unsigned(values) => ValueRef::Unsigned(values[at]),
            Self::Double(values) => ValueRef::Double(values[at]),
            Self::Boolean(values) => ValueRef::Boolean(values[at]),
            Self::Ip(values) => ValueRef::Ip(values[at]),
            Self::Millis(values) | Self::Nanos(values) => ValueRef::Instant(values[at]),
        }
    }

    pub(super) fn to_arrow(&self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(values) => {
                let mut builder = StringBuilder::with_capacity(values.len(), values.bytes.len());
                for code in 0..values.len() as u32 {
                    builder.append_value(values.get(code));
                }
                Arc::new(builder.finish())
            }
            Self::Integer(values) => {
                let mut builder = Int64Builder::with_capacity(values.len());
                builder.append_slice(values);
                Arc::new(builder.finish())
            }
            Self::Unsigned(values) => {
                let mut builder = UInt64Builder::with_capacity(values.len());
                builder.append_slice(values);
                Arc::new(builder.finish())
            }
            Self::Double(values) => {
                let mut builder = Float64Builder::with_capacity(values.len());
                builder.append_slice(values);
                Arc::new(builder.finish())
            }
            Self::Boolean(values) => {
                let mut builder = BooleanBuilder::with_capacity(values.len());
                builder.append_slice(values);
                Arc::new(builder.finish())
            }
            Self::Ip(values) => {
                let mut builder = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
                for value in values {
                    builder.append_value(value.octets())?;
                }
                Arc::new(builder.finish())
            }
            Self::Millis(values) => {
                let mut builder = TimestampMillisecondBuilder::with_capacity(values.len());
                for value in values {
                    builder.append_value(value.millis());
                }
                Arc::new(builder.finish().with_timezone("UTC"))
            }
            Self::Nanos(values) => {
                let mut builder = TimestampNanosecondBuilder::with_capacity(values.len());
                for value in values {
                    // Beyond the years 1677 to 2262 the nearest instant that fits.
                    let nanos = value.nanos().clamp(i64::MIN.into(), i64::MAX.into());
                    builder.append_value(nanos as i64);
                }
                Arc::new(builder.finish().with_timezone("UTC"))
            }
        })
    }
}

/// Texts one behind another.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Texts {
    /// No more memory than this is kept of a batch.
    const MOST_KEPT_BYTES: usize = 16 << 20;

    fn clear(&mut self) {
        if self.bytes.capacity() > Self::MOST_KEPT_BYTES {
            self.bytes = String::new();
        }
        self.bytes.clear();
        self.ends.clear();
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn get(&self, code: u32) -> &str {
        let at = code as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}

/// The codes of values. Its tables are used again for the next batch.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// Codes of the values that are not texts, by their bits.
    by_bits: FxHashMap<u128, u32>,
    /// Codes of texts, with the hash of each.
    texts: HashTable<(u64, u32)>,
}

impl Codes {
    pub(super) fn clear(&mut self) {
        self.by_bits.clear();
        self.texts.clear();
    }

    /// The code of a value that is no text.
    pub(super) fn of_bits<T>(&mut self, values: &mut Vec<T>, value: T, bits: u128) -> u32 {
        *self.by_bits.entry(bits).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    /// The code of a text. `recent` is a code that it may well have: fields repeat from one row to the next.
    pub(super) fn of_text(&mut self, values: &mut Texts, text: &str, recent: Option<u32>) -> u32 {
        if let Some(recent) = recent
            && values.get(recent) == text
        {
            return recent;
        }
        let hash = FxBuildHasher.hash_one(text);
        if let Some(&(_, code)) =
            self.texts.find(hash, |&(known, code)| known == hash && values.get(code) == text)
        {
            return code;
        }
        let code = values.len() as u32;
        values.bytes.push_str(text);
        values.ends.push(values.bytes.len());
        self.texts.insert_unique(hash, (hash, code), |&(hash, _)| hash);
        code
    }
}
