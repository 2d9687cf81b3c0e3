//! The values of a column of a file, one by one.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, TimeUnit};
use watchfire_events::{Scalar, Timestamp};

/// A column in the form in which its values can be asked for.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    Text(StringArray),
    Long(Int64Array),
    Unsigned(Decimal128Array),
    Double(Float64Array),
    Boolean(BooleanArray),
    Instant(TimestampMicrosecondArray),
    List(ListArray, Box<Cells>),
}

impl Cells {
    /// `None` of a type that the lake does not write.
    pub(crate) fn of(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string().clone()),
            DataType::Int64 => Self::Long(array.as_primitive::<Int64Type>().clone()),
            DataType::Decimal128(20, 0) => Self::Unsigned(array.as_primitive::<Decimal128Type>().clone()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Instant(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>().clone();
                let values = Self::of(list.values())?;
                Self::List(list, Box::new(values))
            }
            _ => return None,
        })
    }

    /// Calls `visit` with each value of a row.
    pub(crate) fn each(&self, row: usize, visit: &mut dyn FnMut(Scalar<'_>)) {
        match self {
            Self::List(list, values) if list.is_valid(row) => {
                let offsets = list.value_offsets();
                (offsets[row]..offsets[row + 1]).for_each(|at| values.each(at as usize, visit));
            }
            Self::Text(array) if array.is_valid(row) => visit(Scalar::Text(array.value(row))),
            Self::Long(array) if array.is_valid(row) => visit(Scalar::Integer(array.value(row))),
            Self::Unsigned(array) if array.is_valid(row) => {
                visit(Scalar::Unsigned(u64::try_from(array.value(row)).unwrap_or(u64::MAX)));
            }
            Self::Double(array) if array.is_valid(row) => visit(Scalar::Double(array.value(row))),
            Self::Boolean(array) if array.is_valid(row) => visit(Scalar::Boolean(array.value(row))),
            Self::Instant(array) if array.is_valid(row) => {
                let micros = array.value(row);
                if micros % 1_000 == 0 {
                    visit(Scalar::Integer(micros / 1_000));
                } else {
                    visit(Scalar::Text(&iso_micros(micros)));
                }
            }
            _ => {}
        }
    }

    /// Whether its values are texts.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::List(_, values) => values.is_text(),
            _ => false,
        }
    }

    /// The single number or instant of a row, as the statistics have it.
    pub(crate) fn number(&self, row: usize) -> Option<i64> {
        match self {
            Self::Long(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Instant(array) => array.is_valid(row).then(|| array.value(row)),
            _ => None,
        }
    }

    /// The single text of a row.
    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Text(array) => array.is_valid(row).then(|| array.value(row)),
            _ => None,
        }
    }
}

/// ISO 8601 with microseconds.
pub(crate) fn iso_micros(micros: i64) -> String {
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    jiff::Timestamp::new(seconds, rest as i32 * 1_000)
        .map_or_else(|_| Timestamp::from_millis(micros / 1_000).to_iso_millis(), |at| format!("{at:.6}"))
}

/// Microseconds since 1970, rounded down; saturates.
pub(crate) fn floor_micros(at: Timestamp) -> i64 {
    let micros = at.nanos().div_euclid(1_000);
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}
