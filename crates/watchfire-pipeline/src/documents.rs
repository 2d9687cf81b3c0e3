//! Cells of documents: what a field has, in the form in which ES|QL sees it (esql-semantics §5, §7).

use serde_json::Value as Json;
use watchfire_events::{Scalar, Timestamp};

use crate::convert::convert;
use crate::types::DataType;
use crate::value::{Cell, Value};

/// The cell of a field from its scalars in a document, in their order there.
///
/// What is no value of the type is dropped, as an index does that ignores what is malformed; who reads the events counts it.
pub fn cell<'a>(scalars: impl IntoIterator<Item = &'a Json>, data_type: DataType) -> Cell {
    let scalars = scalars.into_iter().filter_map(Scalar::of);
    in_order_of_index(scalars.filter_map(|scalar| value(scalar, data_type)).collect(), data_type)
}

/// Values in the order in which an index keeps them: numbers, instants and truths are sorted; exact texts, addresses and versions
/// sorted and each once; analysed texts stay as they are.
pub fn in_order_of_index(mut values: Vec<Value>, data_type: DataType) -> Cell {
    if values.len() > 1 && data_type != DataType::Text {
        values.sort_by(Value::order);
        if matches!(data_type, DataType::Keyword | DataType::Ip | DataType::Version) {
            values.dedup();
        }
    }
    Cell::of(values)
}

/// A scalar of a document as a value of a type; `None` if it is none.
pub fn value(scalar: Scalar<'_>, data_type: DataType) -> Option<Value> {
    match (data_type, scalar) {
        (DataType::Unsupported | DataType::Null, _) => None,
        (DataType::Keyword | DataType::Text, scalar) => Some(Value::Text(match scalar {
            Scalar::Text(text) => text.into(),
            Scalar::Boolean(truth) => truth.to_string().into(),
            Scalar::Integer(number) => number.to_string().into(),
            Scalar::Unsigned(number) => number.to_string().into(),
            Scalar::Double(number) => Json::from(number).to_string().into(),
        })),
        (DataType::Boolean, Scalar::Boolean(truth)) => Some(Value::Boolean(truth)),
        (DataType::Boolean, Scalar::Text(text)) => match text {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            _ => None,
        },
        (DataType::Date, Scalar::Text(text)) => Timestamp::parse(text).map(|at| Value::Date(at.millis())),
        (DataType::DateNanos, Scalar::Text(text)) => {
            let nanos = Timestamp::parse(text)?.nanos();
            i64::try_from(nanos).ok().map(Value::DateNanos)
        }
        (DataType::Date, Scalar::Integer(number)) => Some(Value::Date(number)),
        (DataType::DateNanos, Scalar::Integer(number)) => number.checked_mul(1_000_000).map(Value::DateNanos),
        (DataType::Double, number) if let Some(number) = number.as_f64() => Some(Value::Double(number)),
        (DataType::Integer | DataType::Long | DataType::UnsignedLong, number)
            if let Some(double) = number.as_f64() =>
        {
            let value = match number {
                Scalar::Integer(number) => Value::Long(number),
                Scalar::Unsigned(number) => Value::UnsignedLong(number),
                // An index cuts fractions off.
                _ => Value::Double(double.trunc()),
            };
            convert(&value, data_type).ok()
        }
        (_, Scalar::Text(text)) => convert(&Value::text(text), data_type).ok(),
        _ => None,
    }
}

/// The points of a field: objects with `lat` and `lon`, arrays of longitude and latitude, texts `lat,lon` and `POINT (lon lat)`; one or
/// several.
pub fn points(value: &Json) -> Cell {
    match value {
        Json::Array(items) if !items.first().is_some_and(Json::is_number) => {
            in_order_of_index(items.iter().filter_map(point).collect(), DataType::GeoPoint)
        }
        one => point(one).into(),
    }
}

fn point(value: &Json) -> Option<Value> {
    let number = |value: &Json| match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    match value {
        Json::Object(object) => Some(Value::Point(number(object.get("lon")?)?, number(object.get("lat")?)?)),
        Json::Array(items) => Some(Value::Point(number(items.first()?)?, number(items.get(1)?)?)),
        Json::String(text) => match text.split_once(',') {
            Some((latitude, longitude)) => {
                Some(Value::Point(longitude.trim().parse().ok()?, latitude.trim().parse().ok()?))
            }
            None => convert(&Value::text(text.as_str()), DataType::GeoPoint).ok(),
        },
        _ => None,
    }
}
