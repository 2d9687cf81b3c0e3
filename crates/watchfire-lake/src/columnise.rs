//! From stored documents to the columns of a table.
//!
//! The values are those that a matcher would see of the same documents: they are made by the same
//! [`BatchBuilder`], and only put into another form here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use serde_json::{Map, Value};
use watchfire_events::{
    BatchBuilder, Column, DataStream, Document, EventBatch, Place, Timestamp, ValueRef, WrittenEvent,
    WrittenEvents, flatten,
};

use crate::shape::{
    self, DIVERTED, ID, INDEX, INGESTED, LakeSchema, SEQUENCE, SOURCE, Shape, TIMESTAMP, TableColumns,
    ValueKind,
};
use crate::stored::{StoredEvent, input_of};

/// Events in the form of a table, sorted by day of arrival, then time, then sequence number.
pub(crate) struct Columnised {
    pub(crate) batch: RecordBatch,
    /// The columns of the table with those that it gets by this batch.
    pub(crate) columns: TableColumns,
    /// Where each day of arrival begins: days since 1970, and the first row.
    pub(crate) days: Vec<(i32, usize)>,
}

/// Nanoseconds in a microsecond.
const MICRO: i128 = 1_000;
/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

pub(crate) fn columnise(
    stream: &DataStream,
    events: &Arc<[StoredEvent]>,
    schema: &dyn LakeSchema,
    known: &TableColumns,
) -> Result<Columnised, ArrowError> {
    let batch = event_batch(stream, events, schema)?;
    let times = instants(batch.column(TIMESTAMP), events.len());
    let mut order: Vec<u32> = (0..events.len() as u32).collect();
    let day = |row: u32| micros(events[row as usize].ingested).unwrap_or(0).div_euclid(DAY) as i32;
    order.sort_by_key(|&row| (day(row), times[row as usize], events[row as usize].sequence));
    let mut days: Vec<(i32, usize)> = Vec::new();
    for (at, &row) in order.iter().enumerate() {
        if days.last().is_none_or(|(last, _)| *last != day(row)) {
            days.push((day(row), at));
        }
    }

    let mut columns = known.clone();
    let mut diverted = Diverted::default();
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let ids = StringArray::from_iter_values(order.iter().map(|&row| events[row as usize].id.as_str()));
    let index = StringArray::from_iter_values(order.iter().map(|_| stream.as_str()));
    let numbers = Int64Array::from_iter_values(order.iter().map(|&row| events[row as usize].sequence as i64));
    let sources = StringArray::from_iter_values(order.iter().map(|&row| &*events[row as usize].source));
    let own: [(&str, ArrayRef); 4] = [
        (ID, Arc::new(ids)),
        (INDEX, Arc::new(index)),
        (SEQUENCE, Arc::new(numbers)),
        (SOURCE, Arc::new(sources)),
    ];
    for (name, array) in own {
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    diverted.find_misfits(&batch, events);
    for column in batch.columns() {
        let name = &**column.name();
        let shape = match columns.get(name) {
            Some(shape) if !shape::is_reserved(name) => shape,
            None if columns.takes(name) => Shape::of(schema, name),
            _ => {
                diverted.all_of(column);
                continue;
            }
        };
        diverted.find(column, shape);
        let array = column_array(column, shape, &order, diverted.rows(name))?;
        if array.null_count() < array.len() {
            if columns.get(name).is_none() {
                columns.insert(name, shape);
            }
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
    }
    for name in [TIMESTAMP, INGESTED] {
        if !fields.iter().any(|field| field.name() == name) {
            let kind = ValueKind::Instant.to_arrow();
            arrays.push(arrow_array::new_null_array(&kind, events.len()));
            fields.push(Field::new(name, kind, true));
        }
    }
    arrays.push(Arc::new(diverted.column(events, &order)));
    fields.push(Field::new(DIVERTED, DataType::Utf8, true));
    Ok(Columnised { batch: RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?, columns, days })
}

/// The documents as a batch of events, with every value as often as it is there.
fn event_batch(
    stream: &DataStream,
    events: &Arc<[StoredEvent]>,
    schema: &dyn LakeSchema,
) -> Result<EventBatch, ArrowError> {
    let input = input_of(stream);
    let written = events.iter().map(|event| WrittenEvent {
        id: event.id.clone(),
        data_stream: stream.clone(),
        document: Arc::clone(&event.source),
        place: Place { input: Arc::clone(&input), record: event.sequence, line: None, offset: None },
    });
    let batch = WrittenEvents::batch(written, &mut BatchBuilder::keeping_repetitions(schema));
    batch.map_err(|error| ArrowError::JsonError(error.to_string()))
}

fn document(event: &StoredEvent) -> Result<Document, ArrowError> {
    serde_json::from_str(&event.source)
        .map_err(|error| ArrowError::JsonError(format!("stored event {}: {error}", event.sequence)))
}

/// Microseconds since 1970, if they say the whole of it.
fn micros(at: Timestamp) -> Option<i64> {
    i64::try_from(at.nanos().div_euclid(MICRO)).ok().filter(|_| at.nanos() % MICRO == 0)
}

/// The first instant of each row, least where there is none.
fn instants(column: Option<&Column>, rows: usize) -> Vec<i64> {
    let first = |row| {
        let column = column?;
        match column.value(*column.codes(row).first()?) {
            ValueRef::Instant(at) => micros(at),
            _ => None,
        }
    };
    (0..rows).map(|row| first(row).unwrap_or(i64::MIN)).collect()
}

/// Which rows of which fields are not in the field's own column.
#[derive(Default)]
struct Diverted {
    rows: BTreeMap<String, BTreeSet<u32>>,
}

impl Diverted {
    fn rows(&self, name: &str) -> Option<&BTreeSet<u32>> {
        self.rows.get(name)
    }

    fn add(&mut self, name: &str, row: usize) {
        self.rows.entry(name.to_owned()).or_default().insert(row as u32);
    }

    fn all_of(&mut self, column: &Column) {
        for row in (0..column.rows()).filter(|&row| !column.codes(row).is_empty()) {
            self.add(column.name(), row);
        }
    }

    /// The rows that have several values in a field with room for one, or a value of another kind than the table's.
    fn find(&mut self, column: &Column, shape: Shape) {
        let fits: Vec<bool> =
            (0..column.distinct() as u32).map(|code| fits(column.value(code), shape.kind)).collect();
        let all_fit = fits.iter().all(|fits| *fits);
        for row in 0..column.rows() {
            let codes = column.codes(row);
            let too_many = !shape.list && codes.len() > 1;
            if too_many || (!all_fit && codes.iter().any(|&code| !fits[code as usize])) {
                self.add(column.name(), row);
            }
        }
    }

    /// The rows of which a value did not fit the type of its field, and is in no column of the batch.
    fn find_misfits(&mut self, batch: &EventBatch, events: &[StoredEvent]) {
        if batch.misfits().is_empty() {
            return;
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (row, event) in events.iter().enumerate() {
            let Ok(document) = document(event) else { continue };
            counts.clear();
            counts.extend(batch.misfits().keys().map(|name| (&**name, 0)));
            flatten(&document, &mut |name, _| {
                if let Some(count) = counts.get_mut(name) {
                    *count += 1;
                }
            });
            for (name, count) in &counts {
                if *count > batch.column(name).map_or(0, |column| column.codes(row).len()) {
                    self.add(name, row);
                }
            }
        }
    }

    /// The side column.
    fn column(&self, events: &[StoredEvent], order: &[u32]) -> StringArray {
        let mut by_row: BTreeMap<u32, Map<String, Value>> = BTreeMap::new();
        for (name, rows) in &self.rows {
            for &row in rows {
                by_row.entry(row).or_default().insert(name.clone(), Value::Null);
            }
        }
        for (&row, object) in &mut by_row {
            let Ok(document) = document(&events[row as usize]) else { continue };
            flatten(&document, &mut |name, value| match object.get_mut(name) {
                Some(Value::Array(values)) => values.push(value.clone()),
                Some(none) => *none = Value::Array(vec![value.clone()]),
                None => {}
            });
        }
        let text = |row: &u32| by_row.get(row).map(|object| Value::Object(object.clone()).to_string());
        order.iter().map(text).collect()
    }
}

fn fits(value: ValueRef<'_>, kind: ValueKind) -> bool {
    match (value, kind) {
        (ValueRef::Text(_) | ValueRef::Ip(_), ValueKind::Text)
        | (ValueRef::Integer(_), ValueKind::Long)
        | (ValueRef::Unsigned(_), ValueKind::Unsigned)
        | (ValueRef::Double(_), ValueKind::Double)
        | (ValueRef::Boolean(_), ValueKind::Boolean) => true,
        (ValueRef::Instant(at), ValueKind::Instant) => micros(at).is_some(),
        _ => false,
    }
}

/// A column of a table, in the order of its rows, without the rows that are diverted.
fn column_array(
    column: &Column,
    shape: Shape,
    order: &[u32],
    diverted: Option<&BTreeSet<u32>>,
) -> Result<ArrayRef, ArrowError> {
    let codes = |row: u32| -> &[u32] {
        if diverted.is_some_and(|rows| rows.contains(&row)) { &[] } else { column.codes(row as usize) }
    };
    let single = |row: &u32| codes(*row).first().copied();
    let value = |code: u32| column.value(code);
    if !shape.list {
        return Ok(match shape.kind {
            ValueKind::Text => texts(column, order.iter().map(single))?,
            ValueKind::Long => primitive::<Int64Type>(order.iter().map(single), |code| match value(code) {
                ValueRef::Integer(number) => Some(number),
                _ => None,
            }),
            ValueKind::Unsigned => decimals(order.iter().map(single), value)?,
            ValueKind::Double => {
                primitive::<Float64Type>(order.iter().map(single), |code| match value(code) {
                    ValueRef::Double(number) => Some(number),
                    _ => None,
                })
            }
            ValueKind::Boolean => {
                let truth = |code: u32| matches!(value(code), ValueRef::Boolean(true));
                Arc::new(order.iter().map(|row| single(row).map(truth)).collect::<BooleanArray>())
            }
            ValueKind::Instant => {
                let times = primitive::<TimestampMicrosecondType>(order.iter().map(single), |code| {
                    instant(value(code))
                });
                in_utc(&times)
            }
        });
    }
    let rows = order.iter().map(|&row| codes(row));
    let element = shape.kind.element();
    Ok(match shape.kind {
        ValueKind::Text => {
            let texts: Vec<_> = (0..column.distinct() as u32).map(|code| value(code).to_text()).collect();
            let mut list = ListBuilder::new(StringBuilder::new()).with_field(element);
            for codes in rows {
                codes.iter().for_each(|&code| list.values().append_value(&texts[code as usize]));
                list.append(!codes.is_empty());
            }
            Arc::new(list.finish())
        }
        ValueKind::Boolean => {
            let mut list = ListBuilder::new(BooleanBuilder::new()).with_field(element);
            for codes in rows {
                let truth = |code| matches!(value(code), ValueRef::Boolean(true));
                codes.iter().for_each(|&code| list.values().append_value(truth(code)));
                list.append(!codes.is_empty());
            }
            Arc::new(list.finish())
        }
        ValueKind::Long => {
            lists(rows, PrimitiveBuilder::<Int64Type>::new(), element, |code| match value(code) {
                ValueRef::Integer(number) => Some(number),
                _ => None,
            })
        }
        ValueKind::Double => {
            lists(rows, PrimitiveBuilder::<Float64Type>::new(), element, |code| match value(code) {
                ValueRef::Double(number) => Some(number),
                _ => None,
            })
        }
        ValueKind::Unsigned => lists(
            rows,
            PrimitiveBuilder::<Decimal128Type>::new().with_data_type(shape.kind.to_arrow()),
            element,
            |code| match value(code) {
                ValueRef::Unsigned(number) => Some(i128::from(number)),
                _ => None,
            },
        ),
        ValueKind::Instant => lists(
            rows,
            PrimitiveBuilder::<TimestampMicrosecondType>::new().with_data_type(shape.kind.to_arrow()),
            element,
            |code| instant(value(code)),
        ),
    })
}

fn instant(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Instant(at) => micros(at),
        _ => None,
    }
}

/// A column of texts. Where values repeat, each is there once: that is how they are written.
fn texts(column: &Column, codes: impl Iterator<Item = Option<u32>>) -> Result<ArrayRef, ArrowError> {
    let values = (0..column.distinct() as u32).map(|code| column.value(code).to_text());
    let values = Arc::new(StringArray::from_iter_values(values));
    let keys: UInt32Array = codes.collect();
    Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
}

fn primitive<T: arrow_array::ArrowPrimitiveType>(
    codes: impl Iterator<Item = Option<u32>>,
    value: impl Fn(u32) -> Option<T::Native>,
) -> ArrayRef {
    Arc::new(codes.map(|code| code.and_then(&value)).collect::<arrow_array::PrimitiveArray<T>>())
}

fn decimals<'a>(
    codes: impl Iterator<Item = Option<u32>>,
    value: impl Fn(u32) -> ValueRef<'a>,
) -> Result<ArrayRef, ArrowError> {
    let numbers = codes.map(|code| match value(code?) {
        ValueRef::Unsigned(number) => Some(i128::from(number)),
        _ => None,
    });
    let numbers: arrow_array::Decimal128Array = numbers.collect();
    Ok(Arc::new(numbers.with_precision_and_scale(20, 0)?))
}

fn in_utc(times: &ArrayRef) -> ArrayRef {
    use arrow_array::cast::AsArray;
    Arc::new(times.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC"))
}

fn lists<'a, T: arrow_array::ArrowPrimitiveType>(
    rows: impl Iterator<Item = &'a [u32]>,
    values: PrimitiveBuilder<T>,
    element: arrow_schema::FieldRef,
    value: impl Fn(u32) -> Option<T::Native>,
) -> ArrayRef {
    let mut list = ListBuilder::new(values).with_field(element);
    for codes in rows {
        codes.iter().for_each(|&code| list.values().append_option(value(code)));
        list.append(!codes.is_empty());
    }
    Arc::new(list.finish())
}
