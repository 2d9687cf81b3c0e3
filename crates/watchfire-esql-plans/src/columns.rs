//! Cells as columns of Arrow, and back.

use std::net::Ipv6Addr;
use std::sync::Arc;

use datafusion::arrow::array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int32Builder, Int64Builder,
    NullBufferBuilder, StringBuilder, TimestampMillisecondBuilder, TimestampNanosecondBuilder, UInt64Builder,
};
use datafusion::arrow::array::types::{
    Float64Type, Int32Type, Int64Type, TimestampMillisecondType, TimestampNanosecondType, UInt64Type,
};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef, TimeUnit};
use datafusion::common::{DataFusionError, Result};
use watchfire_pipeline::{Cell, DataType, Value, bytes};

/// The form that the values of a column have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// Whole numbers of 32 bits.
    Integer,
    /// Whole numbers of 64 bits.
    Long,
    /// Whole numbers of 64 bits without sign.
    UnsignedLong,
    /// Floating-point numbers.
    Double,
    /// Texts.
    Text,
    /// Instants in milliseconds.
    Date,
    /// Instants in nanoseconds.
    DateNanos,
    /// Addresses: their 16 bytes.
    Ip,
    /// Anything else, and values of several types: bytes.
    Other,
}

impl ColumnType {
    /// That of values of a type.
    pub fn of(data_type: DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Integer => Self::Integer,
            DataType::Long => Self::Long,
            DataType::UnsignedLong => Self::UnsignedLong,
            DataType::Double => Self::Double,
            DataType::Keyword | DataType::Text => Self::Text,
            DataType::Date => Self::Date,
            DataType::DateNanos => Self::DateNanos,
            DataType::Ip => Self::Ip,
            DataType::Null
            | DataType::Version
            | DataType::GeoPoint
            | DataType::DatePeriod
            | DataType::TimeDuration
            | DataType::Unsupported => Self::Other,
        }
    }

    /// The type of single values in Arrow.
    pub fn value_type(self) -> Arrow {
        let utc = || Some("UTC".into());
        match self {
            Self::Boolean => Arrow::Boolean,
            Self::Integer => Arrow::Int32,
            Self::Long => Arrow::Int64,
            Self::UnsignedLong => Arrow::UInt64,
            Self::Double => Arrow::Float64,
            Self::Text => Arrow::Utf8,
            Self::Date => Arrow::Timestamp(TimeUnit::Millisecond, utc()),
            Self::DateNanos => Arrow::Timestamp(TimeUnit::Nanosecond, utc()),
            Self::Ip => Arrow::FixedSizeBinary(16),
            Self::Other => Arrow::Binary,
        }
    }

    /// The type of a column in Arrow: a list of values.
    pub fn list_type(self) -> Arrow {
        Arrow::List(self.item())
    }

    fn item(self) -> FieldRef {
        Arc::new(Field::new_list_field(self.value_type(), true))
    }
}

/// Makes a column of cells.
#[derive(Debug)]
pub struct CellsBuilder {
    of: ColumnType,
    values: Values,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
    count: usize,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanBuilder),
    Integer(Int32Builder),
    Long(Int64Builder),
    UnsignedLong(UInt64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Date(TimestampMillisecondBuilder),
    DateNanos(TimestampNanosecondBuilder),
    Ip(FixedSizeBinaryBuilder),
    Other(BinaryBuilder),
}

impl CellsBuilder {
    /// An empty one, with room for so many rows.
    pub fn new(of: ColumnType, rows: usize) -> Self {
        let values = match of {
            ColumnType::Boolean => Values::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnType::Integer => Values::Integer(Int32Builder::with_capacity(rows)),
            ColumnType::Long => Values::Long(Int64Builder::with_capacity(rows)),
            ColumnType::UnsignedLong => Values::UnsignedLong(UInt64Builder::with_capacity(rows)),
            ColumnType::Double => Values::Double(Float64Builder::with_capacity(rows)),
            ColumnType::Text => Values::Text(StringBuilder::new()),
            ColumnType::Date => {
                Values::Date(TimestampMillisecondBuilder::with_capacity(rows).with_data_type(of.value_type()))
            }
            ColumnType::DateNanos => Values::DateNanos(
                TimestampNanosecondBuilder::with_capacity(rows).with_data_type(of.value_type()),
            ),
            ColumnType::Ip => Values::Ip(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
            ColumnType::Other => Values::Other(BinaryBuilder::new()),
        };
        let ends = Vec::with_capacity(rows);
        Self { of, values, ends, nulls: NullBufferBuilder::new(rows), count: 0 }
    }

    /// Adds the cell of the next row.
    ///
    /// # Errors
    /// If a value is of a type that has no place in the column: a bug.
    pub fn push(&mut self, cell: &Cell) -> Result<()> {
        for value in cell.values() {
            self.put(value)?;
        }
        self.nulls.append(!cell.is_null());
        self.ends.push(i32::try_from(self.count).map_err(|_| too_much())?);
        Ok(())
    }

    fn put(&mut self, value: &Value) -> Result<()> {
        self.count += 1;
        let put = match (&mut self.values, value) {
            (Values::Boolean(values), Value::Boolean(truth)) => {
                values.append_value(*truth);
                true
            }
            (Values::Double(values), number) => {
                number.as_double().inspect(|number| values.append_value(*number)).is_some()
            }
            (Values::Integer(values), number) => {
                let number = number.as_whole().and_then(|number| i32::try_from(number).ok());
                number.inspect(|number| values.append_value(*number)).is_some()
            }
            (Values::Long(values), number) => {
                let number = number.as_whole().and_then(|number| i64::try_from(number).ok());
                number.inspect(|number| values.append_value(*number)).is_some()
            }
            (Values::UnsignedLong(values), number) => {
                let number = number.as_whole().and_then(|number| u64::try_from(number).ok());
                number.inspect(|number| values.append_value(*number)).is_some()
            }
            (Values::Text(values), Value::Text(text)) => {
                values.append_value(text);
                true
            }
            (Values::Date(values), Value::Date(millis)) => {
                values.append_value(*millis);
                true
            }
            (Values::DateNanos(values), Value::DateNanos(nanos)) => {
                values.append_value(*nanos);
                true
            }
            (Values::Ip(values), Value::Ip(address)) => {
                values.append_value(address.octets())?;
                true
            }
            (Values::Other(values), value) => {
                let mut bytes = Vec::new();
                bytes::write_value(value, &mut bytes);
                values.append_value(bytes);
                true
            }
            _ => false,
        };
        if put { Ok(()) } else { Err(internal(format!("{value:?} in a column of {:?}", self.of))) }
    }

    fn put_nothing(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.append_null(),
            Values::Integer(values) => values.append_null(),
            Values::Long(values) => values.append_null(),
            Values::UnsignedLong(values) => values.append_null(),
            Values::Double(values) => values.append_null(),
            Values::Text(values) => values.append_null(),
            Values::Date(values) => values.append_null(),
            Values::DateNanos(values) => values.append_null(),
            Values::Ip(values) => values.append_null(),
            Values::Other(values) => values.append_null(),
        }
    }

    /// Adds the next row of a column of single values.
    pub(crate) fn push_single(&mut self, cell: &Cell) -> Result<()> {
        match cell {
            Cell::Null => self.put_nothing(),
            Cell::One(value) => self.put(value)?,
            Cell::Many(_) => return Err(internal("several values where one is expected".to_owned())),
        }
        Ok(())
    }

    /// The column.
    ///
    /// # Errors
    /// None that is known.
    pub fn finish(mut self) -> Result<ArrayRef> {
        let mut offsets = vec![0];
        offsets.append(&mut self.ends);
        let (item, nulls) = (self.of.item(), self.nulls.finish());
        let values = self.finish_single();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?))
    }

    /// The column of single values.
    pub(crate) fn finish_single(self) -> ArrayRef {
        match self.values {
            Values::Boolean(mut values) => Arc::new(values.finish()),
            Values::Integer(mut values) => Arc::new(values.finish()),
            Values::Long(mut values) => Arc::new(values.finish()),
            Values::UnsignedLong(mut values) => Arc::new(values.finish()),
            Values::Double(mut values) => Arc::new(values.finish()),
            Values::Text(mut values) => Arc::new(values.finish()),
            Values::Date(mut values) => Arc::new(values.finish()),
            Values::DateNanos(mut values) => Arc::new(values.finish()),
            Values::Ip(mut values) => Arc::new(values.finish()),
            Values::Other(mut values) => Arc::new(values.finish()),
        }
    }
}

/// A column of single values as one of lists. The values are not copied.
///
/// # Errors
/// If there are more rows than a list of Arrow can count.
pub fn list_of(values: &ArrayRef) -> Result<ArrayRef> {
    let length = i32::try_from(values.len()).map_err(|_| too_much())?;
    let offsets = OffsetBuffer::new((0..=length).collect::<ScalarBuffer<i32>>());
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::clone(values), values.nulls().cloned())?))
}

/// The cell of a row of a column, be it of lists or of single values.
///
/// # Errors
/// If it is of no type that a plan makes.
pub fn cell_at(column: &ArrayRef, row: usize) -> Result<Cell> {
    if column.is_null(row) || *column.data_type() == Arrow::Null {
        return Ok(Cell::Null);
    }
    let Some(list) = column.as_list_opt::<i32>() else { return Ok(value_at(column, row)?.into()) };
    let offsets = list.value_offsets();
    let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
    let values = list.values();
    if to - from == 1 {
        return Ok(value_at(values, from)?.into());
    }
    Ok(Cell::of((from..to).map(|at| value_at(values, at)).collect::<Result<_>>()?))
}

fn value_at(values: &ArrayRef, at: usize) -> Result<Value> {
    Ok(match values.data_type() {
        Arrow::Boolean => Value::Boolean(values.as_boolean().value(at)),
        Arrow::Int32 => Value::Integer(values.as_primitive::<Int32Type>().value(at)),
        Arrow::Int64 => Value::Long(values.as_primitive::<Int64Type>().value(at)),
        Arrow::UInt64 => Value::UnsignedLong(values.as_primitive::<UInt64Type>().value(at)),
        Arrow::Float64 => Value::Double(values.as_primitive::<Float64Type>().value(at)),
        Arrow::Utf8 => Value::text(values.as_string::<i32>().value(at)),
        Arrow::Timestamp(TimeUnit::Millisecond, _) => {
            Value::Date(values.as_primitive::<TimestampMillisecondType>().value(at))
        }
        Arrow::Timestamp(TimeUnit::Nanosecond, _) => {
            Value::DateNanos(values.as_primitive::<TimestampNanosecondType>().value(at))
        }
        Arrow::FixedSizeBinary(16) => {
            let octets: [u8; 16] = values.as_fixed_size_binary().value(at).try_into().unwrap_or_default();
            Value::Ip(Ipv6Addr::from(octets))
        }
        Arrow::Binary => {
            let mut bytes = values.as_binary::<i32>().value(at);
            bytes::read_value(&mut bytes).ok_or_else(|| internal("bytes of no value".to_owned()))?
        }
        other => return Err(internal(format!("a column of {other}"))),
    })
}

/// The rows of a batch of a plan's answer, each with the columns of the answer.
///
/// # Errors
/// If it is no batch of a plan.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Vec<Cell>>> {
    let row = |row| batch.columns().iter().map(|column| cell_at(column, row)).collect::<Result<Vec<_>>>();
    (0..batch.num_rows()).map(row).collect()
}

pub(crate) fn internal(what: String) -> DataFusionError {
    DataFusionError::Internal(what)
}

fn too_much() -> DataFusionError {
    DataFusionError::Execution("a batch has more than 2,147,483,647 values".to_owned())
}
