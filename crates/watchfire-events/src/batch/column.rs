//! One field of a batch.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, ListArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field};
use serde_json::Value;

use super::distinct::{Codes, Distinct, Kind};
use crate::{DateInterval, FieldType, Timestamp, parse_ip};

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

/// One value of a field as a document has it, before the type of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// An integer beyond the range of `i64`.
    Unsigned(u64),
    /// Any other number.
    Double(f64),
    /// A boolean.
    Boolean(bool),
}

impl<'a> Scalar<'a> {
    /// A scalar of a document; `None` for null, arrays and objects.
    pub fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Bool(value) => Some(Self::Boolean(*value)),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Some(Self::Integer(number)),
                (None, Some(number)) => Some(Self::Unsigned(number)),
                (None, None) => number.as_f64().map(Self::Double),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Scalar<'_> {
    /// The number that it is.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(number as f64),
            Self::Unsigned(number) => Some(number as f64),
            Self::Double(number) => Some(number),
            Self::Text(_) | Self::Boolean(_) => None,
        }
    }
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
        self.distinct.len()
    }

    /// The value of a code.
    pub fn value(&self, code: u32) -> ValueRef<'_> {
        self.distinct.get(code)
    }

    /// The codes of a row, without repetition unless the builder keeps them; empty if the field is missing there.
    #[inline]
    pub fn codes(&self, row: usize) -> &[u32] {
        &self.codes[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Number of rows.
    #[inline]
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

/// Collects the values of one field, batch after batch.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    field_type: FieldType,
    ignore_above: Option<usize>,
    keeps_repetitions: bool,
    /// Where the values of each row begin, as far as there are values.
    offsets: Vec<u32>,
    codes: Vec<u32>,
    distinct: Distinct,
    known: Codes,
}

impl ColumnBuilder {
    pub(super) fn new(field_type: FieldType, ignore_above: Option<usize>, keeps_repetitions: bool) -> Self {
        Self {
            field_type,
            ignore_above,
            keeps_repetitions,
            offsets: Vec::new(),
            codes: Vec::new(),
            distinct: Distinct::for_type(field_type),
            known: Codes::default(),
        }
    }

    /// Whether its columns are of this type.
    pub(super) fn is_of(&self, field_type: FieldType) -> bool {
        self.field_type == field_type
    }

    /// Whether a row of the present batch has been given a value, be it one that fits or not.
    pub(super) fn is_touched(&self) -> bool {
        !self.offsets.is_empty()
    }

    /// Adds a value to a row, which is the last row or a later one. False if the value does not fit the type.
    pub(super) fn push(&mut self, row: usize, value: Scalar<'_>) -> bool {
        if self.offsets.len() <= row {
            self.offsets.resize(row + 1, self.codes.len() as u32);
        }
        let known = &mut self.known;
        let code = match (&mut self.distinct, value) {
            (Distinct::Text(texts), Scalar::Text(text)) => {
                // A text has no more characters than bytes.
                let is_long = |limit| text.len() > limit && text.chars().count() > limit;
                if self.ignore_above.is_some_and(is_long) {
                    return true;
                }
                Some(known.of_text(texts, text, self.codes.last().copied()))
            }
            (Distinct::Text(texts), Scalar::Boolean(value)) => {
                Some(known.of_text(texts, if value { "true" } else { "false" }, None))
            }
            (Distinct::Text(texts), number) => Some(known.of_text(texts, &number_text(number), None)),
            (Distinct::Integer(values), value) => {
                integer(value).map(|found| known.of_bits(values, found, found as u128))
            }
            (Distinct::Unsigned(values), value) => {
                unsigned(value).map(|found| known.of_bits(values, found, found.into()))
            }
            (Distinct::Double(values), value) => {
                double(value).map(|found| known.of_bits(values, found, found.to_bits().into()))
            }
            (Distinct::Boolean(values), value) => {
                boolean(value).map(|found| known.of_bits(values, found, found.into()))
            }
            (Distinct::Ip(values), Scalar::Text(text)) => {
                parse_ip(text).map(|found| known.of_bits(values, found, found.into()))
            }
            (Distinct::Ip(_), _) => None,
            (Distinct::Millis(values), value) => instant(value)
                .map(Timestamp::to_millisecond)
                .map(|found| known.of_bits(values, found, found.nanos() as u128)),
            (Distinct::Nanos(values), value) => {
                instant(value).map(|found| known.of_bits(values, found, found.nanos() as u128))
            }
        };
        let Some(code) = code else { return false };
        let row_start = self.offsets[row] as usize;
        if self.keeps_repetitions || !self.codes[row_start..].contains(&code) {
            self.codes.push(code);
        }
        true
    }

    /// Takes back the memory of a column that it made, if it has none in use.
    pub(super) fn recycle(&mut self, mut column: Column) {
        if !self.is_touched() {
            column.offsets.clear();
            column.codes.clear();
            column.distinct.clear();
            (self.offsets, self.codes, self.distinct) = (column.offsets, column.codes, column.distinct);
        }
    }

    /// The column of the present batch; then the builder is ready for the next one.
    pub(super) fn finish(&mut self, name: Arc<str>, rows: usize) -> Column {
        self.offsets.resize(rows + 1, self.codes.len() as u32);
        self.known.clear();
        Column {
            name,
            field_type: self.field_type,
            offsets: std::mem::take(&mut self.offsets),
            codes: std::mem::take(&mut self.codes),
            distinct: std::mem::replace(&mut self.distinct, Distinct::for_type(self.field_type)),
        }
    }
}

/// Whether a value has a place in a column of this kind.
pub(super) fn fits(kind: Kind, value: Scalar<'_>) -> bool {
    match kind {
        Kind::Text => true,
        Kind::Integer => integer(value).is_some(),
        Kind::Unsigned => unsigned(value).is_some(),
        Kind::Double => double(value).is_some(),
        Kind::Boolean => boolean(value).is_some(),
        Kind::Ip => matches!(value, Scalar::Text(text) if parse_ip(text).is_some()),
        Kind::Millis | Kind::Nanos => instant(value).is_some(),
    }
}

/// A number as JSON writes it.
fn number_text(number: Scalar<'_>) -> String {
    match number {
        Scalar::Integer(number) => number.to_string(),
        Scalar::Unsigned(number) => number.to_string(),
        Scalar::Double(number) => Value::from(number).to_string(),
        Scalar::Text(text) => text.to_owned(),
        Scalar::Boolean(value) => value.to_string(),
    }
}

/// A value of a `long` field: texts are parsed and fractions cut, as Elasticsearch coerces them.
fn integer(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Integer(number) => Some(number),
        Scalar::Unsigned(number) => cut(number as f64),
        Scalar::Double(number) => cut(number),
        Scalar::Text(text) => text.trim().parse().ok().or_else(|| cut(text.trim().parse().ok()?)),
        Scalar::Boolean(_) => None,
    }
}

fn cut(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9.3e18).then_some(number as i64)
}

fn unsigned(value: Scalar<'_>) -> Option<u64> {
    match value {
        Scalar::Integer(number) => u64::try_from(number).ok(),
        Scalar::Unsigned(number) => Some(number),
        Scalar::Double(number) => u64::try_from(cut(number)?).ok(),
        Scalar::Text(text) => text.trim().parse().ok(),
        Scalar::Boolean(_) => None,
    }
}

fn double(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        other => other.as_f64(),
    }
}

fn boolean(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Boolean(value) => Some(value),
        Scalar::Text("true") => Some(true),
        Scalar::Text("false" | "") => Some(false),
        _ => None,
    }
}

/// A date: a text in Elasticsearch's default formats, or milliseconds since 1970 as number or digits.
fn instant(value: Scalar<'_>) -> Option<Timestamp> {
    match value {
        Scalar::Integer(number) => Some(Timestamp::from_millis(number)),
        Scalar::Unsigned(number) => cut(number as f64).map(Timestamp::from_millis),
        Scalar::Double(number) => cut(number).map(Timestamp::from_millis),
        Scalar::Text(text) => DateInterval::parse(text)
            .map(|interval| interval.start)
            .filter(|_| text.len() == 4 || !text.bytes().all(|byte| byte.is_ascii_digit()))
            .or_else(|| text.parse().ok().map(Timestamp::from_millis)),
        Scalar::Boolean(_) => None,
    }
}
