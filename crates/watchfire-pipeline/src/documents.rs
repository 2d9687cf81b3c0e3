//! Cells of documents: what a field has, in the form in which ES|QL sees it (esql-semantics §5, §7).

use std::sync::Arc;

use serde_json::Value as Json;
use watchfire_events::Timestamp;

use crate::convert::convert;
use crate::types::DataType;
use crate::value::{Cell, Value};

/// The cell of a field from its scalars in a document, in their order there.
///
/// Numbers, instants and truths are sorted; exact texts, addresses and versions sorted and each once; analysed texts stay as they
/// are. What is no value of the type is dropped, as an index does that ignores what is malformed; who reads the events counts it.
pub fn cell<'a>(scalars: impl IntoIterator<Item = &'a Json>, data_type: DataType) -> Cell {
    let values = scalars.into_iter().filter_map(|scalar| value(scalar, data_type)).collect();
    in_order_of_index(values, data_type)
}

/// Values in the order in which an index keeps them.
fn in_order_of_index(mut values: Vec<Value>, data_type: DataType) -> Cell {
    if values.len() > 1 && data_type != DataType::Text {
        values.sort_by(Value::order);
        if matches!(data_type, DataType::Keyword | DataType::Ip | DataType::Version) {
            values.dedup();
        }
    }
    Cell::of(values)
}

/// A scalar of a document as a value of a type; `None` if it is none.
fn value(scalar: &Json, data_type: DataType) -> Option<Value> {
    match (data_type, scalar) {
        (DataType::Unsupported | DataType::Null, _) => None,
        (DataType::Keyword | DataType::Text, Json::String(text)) => Some(Value::text(text.as_str())),
        (DataType::Keyword | DataType::Text, Json::Bool(_) | Json::Number(_)) => {
            Some(Value::Text(scalar.to_string().into()))
        }
        (DataType::Boolean, Json::Bool(truth)) => Some(Value::Boolean(*truth)),
        (DataType::Boolean, Json::String(text)) => match text.as_str() {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            _ => None,
        },
        (DataType::Date, Json::String(text)) => Timestamp::parse(text).map(|at| Value::Date(at.millis())),
        (DataType::DateNanos, Json::String(text)) => {
            let nanos = Timestamp::parse(text)?.nanos();
            i64::try_from(nanos).ok().map(Value::DateNanos)
        }
        (DataType::Date, Json::Number(number)) => number.as_i64().map(Value::Date),
        (DataType::DateNanos, Json::Number(number)) => {
            number.as_i64()?.checked_mul(1_000_000).map(Value::DateNanos)
        }
        (DataType::Double, Json::Number(number)) => number.as_f64().map(Value::Double),
        (DataType::Integer | DataType::Long | DataType::UnsignedLong, Json::Number(number)) => {
            let value = match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Value::Long(number),
                (None, Some(number)) => Value::UnsignedLong(number),
                // An index cuts fractions off.
                (None, None) => Value::Double(number.as_f64()?.trunc()),
            };
            convert(&value, data_type).ok()
        }
        (_, Json::String(text)) => convert(&Value::Text(Arc::from(text.as_str())), data_type).ok(),
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
