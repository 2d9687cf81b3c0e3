//! What sorts and aggregations read: the values of a field, typed.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_engine::correlate::KeyValue;
use watchfire_events::{Column, EventBatch, FieldType, Timestamp, TypeFamily, ValueRef, parse_ip};
use watchfire_ir::{FieldRef, Fold, Resolution, Schema, date_range};

use crate::SearchError;
use crate::combined_time::CombinedTime;
use crate::date_format::DateFormat;

/// What names in a request stand for, and when `now` is.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) schema: &'a dyn Schema,
    /// The runtime field that the request defines.
    pub(crate) combined: Option<&'a CombinedTime>,
    pub(crate) now: Timestamp,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A field.
    Field(FieldRef),
    /// A time of two fields: the second where the first has no value.
    Combined(Box<CombinedTime>),
    /// The name of the data stream.
    Index,
    /// A field that there is not: no event has a value.
    Unmapped,
}

impl Source {
    /// The field of a name. `use_of` is what it is wanted for.
    pub(crate) fn of(name: &str, names: Names<'_>, use_of: &str) -> Result<Self, SearchError> {
        let Names { schema, combined, .. } = names;
        if let Some(combined) = combined.filter(|_| CombinedTime::is_named(name)) {
            return Ok(Self::Combined(Box::new(combined.clone())));
        }
        let field = match name {
            "_index" => return Ok(Self::Index),
            "_id" | "_source" | "_score" => {
                return Err(SearchError::unsupported(format!("{use_of} on `{name}`")));
            }
            _ => match schema.resolve(name) {
                Resolution::Field(field) => field,
                Resolution::Nested(_) => match schema.resolve_in_nested(name) {
                    Resolution::Field(field) => field,
                    _ => return Ok(Self::Unmapped),
                },
                Resolution::Object | Resolution::Unmapped => return Ok(Self::Unmapped),
            },
        };
        if field.field_type.family() == TypeFamily::AnalysedText {
            return Err(SearchError::illegal(format!(
                "{use_of} on `{name}`: a field of type `{}` is analysed and has no whole values; it may have an \
                 exact sub-field `{name}.keyword`",
                field.field_type
            )));
        }
        if matches!(field.field_type.family(), TypeFamily::Other) {
            return Err(SearchError::unsupported(format!(
                "{use_of} on `{name}` of type `{}`",
                field.field_type
            )));
        }
        Ok(Self::Field(field))
    }

    /// The columns that have to be read.
    pub(crate) fn column_names(&self) -> Vec<&Arc<str>> {
        match self {
            Self::Field(field) => vec![&field.name],
            Self::Combined(combined) => vec![&combined.first.name, &combined.second.name],
            Self::Index | Self::Unmapped => Vec::new(),
        }
    }

    pub(crate) fn family(&self) -> TypeFamily {
        match self {
            Self::Field(field) => field.field_type.family(),
            Self::Combined(_) => TypeFamily::Date,
            Self::Index => TypeFamily::Text,
            Self::Unmapped => TypeFamily::Dynamic,
        }
    }

    fn field_type(&self) -> FieldType {
        match self {
            Self::Field(field) => field.field_type,
            Self::Combined(_) => FieldType::Date,
            Self::Index => FieldType::Keyword,
            Self::Unmapped => FieldType::Dynamic,
        }
    }

    /// What reads its values in a batch.
    pub(crate) fn in_batch<'b>(&self, batch: &'b EventBatch) -> InBatch<'b> {
        let (column, second) = match self {
            Self::Field(field) => (batch.column(&field.name), None),
            Self::Combined(combined) => {
                (batch.column(&combined.first.name), batch.column(&combined.second.name))
            }
            Self::Index | Self::Unmapped => (None, None),
        };
        InBatch { batch, column, second, field_type: self.field_type(), index: *self == Self::Index }
    }

    /// A value of a request, such as `missing` or one of `after`, as a value of this field.
    pub(crate) fn read(&self, value: &Value, now: Timestamp) -> Result<KeyValue, SearchError> {
        let wrong = || {
            SearchError::illegal(format!("{value} is no value of a field of type `{}`", self.field_type()))
        };
        let as_text = || match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        let text = as_text().ok_or_else(wrong)?;
        let as_number = || {
            let whole = text.parse::<i128>().ok().map(KeyValue::Integer);
            whole.or_else(|| {
                text.parse::<f64>().ok().filter(|number| number.is_finite()).map(KeyValue::double)
            })
        };
        match self.family() {
            TypeFamily::Number => as_number().ok_or_else(wrong),
            TypeFamily::Boolean => match text.as_str() {
                "true" | "1" => Ok(KeyValue::Boolean(true)),
                "false" | "0" => Ok(KeyValue::Boolean(false)),
                _ => Err(wrong()),
            },
            TypeFamily::Ip => parse_ip(&text).map(KeyValue::Ip).ok_or_else(wrong),
            TypeFamily::Date => {
                let interval = match value {
                    Value::Number(number) => {
                        let millis = number.as_i64().or_else(|| number.as_f64().map(|number| number as i64));
                        return millis
                            .map(|at| KeyValue::Instant(Timestamp::from_millis(at)))
                            .ok_or_else(wrong);
                    }
                    _ => date_range(&text, now),
                };
                interval.map(|found| KeyValue::Instant(found.start)).ok_or_else(wrong)
            }
            _ => Ok(KeyValue::text(&text)),
        }
    }

    /// A value as the key of a bucket, and the text beside it where it has one.
    pub(crate) fn show(&self, value: &KeyValue, format: Option<DateFormat>) -> (Value, Option<String>) {
        match value {
            KeyValue::Null => (Value::Null, None),
            KeyValue::Boolean(value) => (json!(u8::from(*value)), Some(value.to_string())),
            KeyValue::Instant(at) => (json!(at.millis()), Some(format.unwrap_or_default().show(*at))),
            other => (number_or_text(other, self.field_type() == FieldType::Double), None),
        }
    }
}

/// A value as JSON. `is_double` says that whole numbers are shown as such that may have a fraction.
pub(crate) fn number_or_text(value: &KeyValue, is_double: bool) -> Value {
    match value {
        KeyValue::Null => Value::Null,
        KeyValue::Boolean(value) => json!(value),
        KeyValue::Integer(number) if is_double => json!(*number as f64),
        KeyValue::Integer(number) => {
            let small = i64::try_from(*number).map(Value::from);
            small
                .or_else(|_| u64::try_from(*number).map(Value::from))
                .unwrap_or_else(|_| json!(*number as f64))
        }
        KeyValue::Fraction(number) => json!(number.get()),
        KeyValue::Ip(_) | KeyValue::Instant(_) | KeyValue::Text(_) => json!(value.to_text()),
    }
}

/// The values of a source in the rows of a batch.
#[derive(Clone, Copy)]
pub(crate) struct InBatch<'b> {
    batch: &'b EventBatch,
    column: Option<&'b Column>,
    /// What has the values of rows without one in the first.
    second: Option<&'b Column>,
    field_type: FieldType,
    index: bool,
}

impl InBatch<'_> {
    /// Calls `visit` with each value of a row.
    pub(crate) fn each(&self, row: usize, visit: &mut dyn FnMut(KeyValue)) {
        if self.index {
            visit(KeyValue::text(self.batch.stream(row).as_str()));
        }
        let has_value = |column: &&Column| !column.codes(row).is_empty();
        let Some(column) = self.column.filter(has_value).or(self.second) else { return };
        for &code in column.codes(row) {
            let value = column.value(code);
            visit(match (self.field_type, value) {
                (FieldType::CaselessKeyword, ValueRef::Text(text)) => {
                    KeyValue::text(&Fold::Lowercase.apply(text))
                }
                _ => KeyValue::from(value),
            });
        }
    }

    /// The values of a row, in order.
    pub(crate) fn all(&self, row: usize) -> Vec<KeyValue> {
        let mut values = Vec::new();
        self.each(row, &mut |value| values.push(value));
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The numbers of a row: dates in milliseconds. A value that is none is passed over, which only a field without a type
    /// has.
    pub(crate) fn numbers(&self, row: usize, visit: &mut dyn FnMut(f64)) {
        self.each(row, &mut |value| {
            if let Some(number) = number_of(&value) {
                visit(number);
            }
        });
    }
}

/// A value as a number.
pub(crate) fn number_of(value: &KeyValue) -> Option<f64> {
    match value {
        KeyValue::Integer(number) => Some(*number as f64),
        KeyValue::Fraction(number) => Some(number.get()),
        KeyValue::Boolean(value) => Some(f64::from(u8::from(*value))),
        KeyValue::Instant(at) => Some(at.nanos() as f64 / 1e6),
        KeyValue::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        KeyValue::Null | KeyValue::Ip(_) => None,
    }
}

/// A value in the order of a sort: the value of a field without a type is a number where it can be read as one.
pub(crate) fn sortable(value: KeyValue, family: TypeFamily) -> KeyValue {
    match &value {
        KeyValue::Text(_) if family == TypeFamily::Dynamic => match number_of(&value) {
            Some(number) => KeyValue::double(number),
            None => value,
        },
        _ => value,
    }
}
