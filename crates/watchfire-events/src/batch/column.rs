//! One field of a batch.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMillisecondBuilder, TimestampNanosecondBuilder, UInt64Builder,
};
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, ListArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field};
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::{DateInterval, FieldType, Timestamp, TypeFamily, parse_ip};

/// One value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// A text, analysed or not, a version, or a value of a dynamic field as text.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// An integer beyond the range of `i64`.
    Unsigned(u64),
    /// A floating-point number.
    Double(f64),
    /// A boolean.
    Boolean(bool),
    /// An address.
    Ip(Ipv6Addr),
    /// An instant.
    Instant(Timestamp),
}

impl<'a> ValueRef<'a> {
    /// The text that Elasticsearch shows for a value: numbers in Java's form, addresses in their canonical one, IPv4
    /// as such, instants as ISO 8601 with milliseconds.
    pub fn to_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Unsigned(number) => Cow::Owned(number.to_string()),
            Self::Double(number) => Cow::Owned(format!("{number:?}")),
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Ip(address) => Cow::Owned(address.to_canonical().to_string()),
            Self::Instant(at) => Cow::Owned(at.to_iso_millis()),
        }
    }
}

/// The distinct values of a column, in order of first appearance.
#[derive(Clone, Debug)]
enum Distinct {
    Text(Vec<Box<str>>),
    Integer(Vec<i64>),
    Unsigned(Vec<u64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Ip(Vec<Ipv6Addr>),
    Millis(Vec<Timestamp>),
    Nanos(Vec<Timestamp>),
}

/// One field of a batch: for each row its codes, and for each code a distinct value.
#[derive(Clone, Debug)]
pub struct Column {
    name: Arc<str>,
    field_type: FieldType,
    offsets: Vec<u32>,
    codes: Vec<u32>,
    distinct: Distinct,
}

impl Column {
    /// The dotted name of the field.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The type by which its values were read.
    pub fn field_type(&self) -> FieldType {
        self.field_type
    }

    /// Number of distinct values; codes run from 0 to below this.
    pub fn distinct(&self) -> usize {
        match &self.distinct {
            Distinct::Text(values) => values.len(),
            Distinct::Integer(values) => values.len(),
            Distinct::Unsigned(values) => values.len(),
            Distinct::Double(values) => values.len(),
            Distinct::Boolean(values) => values.len(),
            Distinct::Ip(values) => values.len(),
            Distinct::Millis(values) | Distinct::Nanos(values) => values.len(),
        }
    }

    /// The value of a code.
    pub fn value(&self, code: u32) -> ValueRef<'_> {
        let at = code as usize;
        match &self.distinct {
            Distinct::Text(values) => ValueRef::Text(&values[at]),
            Distinct::Integer(values) => ValueRef::Integer(values[at]),
            Distinct::Unsigned(values) => ValueRef::Unsigned(values[at]),
            Distinct::Double(values) => ValueRef::Double(values[at]),
            Distinct::Boolean(values) => ValueRef::Boolean(values[at]),
            Distinct::Ip(values) => ValueRef::Ip(values[at]),
            Distinct::Millis(values) | Distinct::Nanos(values) => ValueRef::Instant(values[at]),
        }
    }

    /// The codes of a row, without repetition; empty if the field is missing there.
    pub fn codes(&self, row: usize) -> &[u32] {
        &self.codes[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The column as an Arrow list of dictionary values; a row without value is an empty list.
    pub(super) fn to_arrow(&self) -> Result<ArrayRef, ArrowError> {
        let values = self.distinct.to_arrow()?;
        let keys = UInt32Array::from(self.codes.clone());
        let items = DictionaryArray::<UInt32Type>::try_new(keys, values)?;
        let offsets: Vec<i32> = self.offsets.iter().map(|&offset| offset as i32).collect();
        let field = Arc::new(Field::new("item", items.data_type().clone(), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(items), None)?))
    }
}

impl Distinct {
    fn for_type(field_type: FieldType) -> Self {
        match (field_type, field_type.family()) {
            (FieldType::UnsignedLong, _) => Self::Unsigned(Vec::new()),
            (FieldType::Long, _) => Self::Integer(Vec::new()),
            (FieldType::Double, _) => Self::Double(Vec::new()),
            (FieldType::DateNanos, _) => Self::Nanos(Vec::new()),
            (_, TypeFamily::Date) => Self::Millis(Vec::new()),
            (_, TypeFamily::Boolean) => Self::Boolean(Vec::new()),
            (_, TypeFamily::Ip) => Self::Ip(Vec::new()),
            _ => Self::Text(Vec::new()),
        }
    }

    fn to_arrow(&self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(values) => {
                let bytes = values.iter().map(|value| value.len()).sum();
                let mut builder = StringBuilder::with_capacity(values.len(), bytes);
                for value in values {
                    builder.append_value(value);
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

/// Collects the values of one field.
pub(super) struct ColumnBuilder {
    field_type: FieldType,
    ignore_above: Option<usize>,
    offsets: Vec<u32>,
    codes: Vec<u32>,
    distinct: Distinct,
    /// Codes of the values that are not texts, by their bits.
    seen: FxHashMap<u128, u32>,
    texts: FxHashMap<Box<str>, u32>,
}

impl ColumnBuilder {
    pub(super) fn new(field_type: FieldType, ignore_above: Option<usize>) -> Self {
        Self {
            field_type,
            ignore_above,
            offsets: vec![0],
            codes: Vec::new(),
            distinct: Distinct::for_type(field_type),
            seen: FxHashMap::default(),
            texts: FxHashMap::default(),
        }
    }

    /// Adds a value to a row, which is the last row or a later one. False if the value does not fit the type.
    pub(super) fn push(&mut self, row: usize, value: &Value) -> bool {
        while self.offsets.len() <= row {
            self.offsets.push(self.codes.len() as u32);
        }
        let code = match (&mut self.distinct, value) {
            (Distinct::Text(_), Value::String(text)) => {
                // A text has no more characters than bytes.
                let is_long = |limit| text.len() > limit && text.chars().count() > limit;
                if self.ignore_above.is_some_and(is_long) {
                    return true;
                }
                Some(self.text_code(text))
            }
            (Distinct::Text(_), Value::Number(number)) => Some(self.text_code(&number.to_string())),
            (Distinct::Text(_), Value::Bool(value)) => {
                Some(self.text_code(if *value { "true" } else { "false" }))
            }
            (Distinct::Integer(values), value) => {
                integer(value).map(|found| code(&mut self.seen, values, found, found as u128))
            }
            (Distinct::Unsigned(values), value) => {
                unsigned(value).map(|found| code(&mut self.seen, values, found, found.into()))
            }
            (Distinct::Double(values), value) => {
                double(value).map(|found| code(&mut self.seen, values, found, found.to_bits().into()))
            }
            (Distinct::Boolean(values), value) => {
                boolean(value).map(|found| code(&mut self.seen, values, found, found.into()))
            }
            (Distinct::Ip(values), Value::String(text)) => {
                parse_ip(text).map(|found| code(&mut self.seen, values, found, found.into()))
            }
            (Distinct::Millis(values), value) => instant(value)
                .map(Timestamp::to_millisecond)
                .map(|found| code(&mut self.seen, values, found, found.nanos() as u128)),
            (Distinct::Nanos(values), value) => {
                instant(value).map(|found| code(&mut self.seen, values, found, found.nanos() as u128))
            }
            _ => None,
        };
        let Some(code) = code else { return false };
        let row_start = self.offsets[row] as usize;
        if !self.codes[row_start..].contains(&code) {
            self.codes.push(code);
        }
        true
    }

    fn text_code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.texts.get(text) {
            return code;
        }
        let Distinct::Text(values) = &mut self.distinct else { unreachable!("asked of text columns only") };
        let code = values.len() as u32;
        values.push(text.into());
        self.texts.insert(text.into(), code);
        code
    }

    pub(super) fn finish(mut self, name: Arc<str>, rows: usize) -> Column {
        while self.offsets.len() <= rows {
            self.offsets.push(self.codes.len() as u32);
        }
        Column {
            name,
            field_type: self.field_type,
            offsets: self.offsets,
            codes: self.codes,
            distinct: self.distinct,
        }
    }
}

fn code<T>(seen: &mut FxHashMap<u128, u32>, values: &mut Vec<T>, value: T, bits: u128) -> u32 {
    *seen.entry(bits).or_insert_with(|| {
        values.push(value);
        values.len() as u32 - 1
    })
}

/// A value of a `long` field: texts are parsed and fractions cut, as Elasticsearch coerces them.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| cut(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| cut(text.trim().parse().ok()?)),
        _ => None,
    }
}

fn cut(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9.3e18).then_some(number as i64)
}

fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| u64::try_from(cut(number.as_f64()?)?).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.as_str() {
            "true" => Some(true),
            "false" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A date: a text in Elasticsearch's default formats, or milliseconds since 1970 as number or digits.
fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => {
            number.as_i64().or_else(|| cut(number.as_f64()?)).map(Timestamp::from_millis)
        }
        Value::String(text) => DateInterval::parse(text)
            .map(|interval| interval.start)
            .filter(|_| text.len() == 4 || !text.bytes().all(|byte| byte.is_ascii_digit()))
            .or_else(|| text.parse().ok().map(Timestamp::from_millis)),
        _ => None,
    }
}
