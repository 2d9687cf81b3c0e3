//! Functions of points on earth.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one form")]

use super::{Arguments, Body, Failure, Function, Parameter, Returns, plain};
use crate::types::DataType;
use crate::value::{Cell, Value};

/// The mean radius of the earth in metres.
const EARTH_RADIUS: f64 = 6_371_008.771_4;

const DOUBLE: Returns = Returns::Type(DataType::Double);

pub(super) const FUNCTIONS: &[Function] = &[
    plain(
        "ST_X",
        &[Parameter::Point],
        DOUBLE,
        Body::Single(|a| Ok(point(a, 0).map(|(x, _)| Value::Double(x)).into())),
    ),
    plain(
        "ST_Y",
        &[Parameter::Point],
        DOUBLE,
        Body::Single(|a| Ok(point(a, 0).map(|(_, y)| Value::Double(y)).into())),
    ),
    plain("ST_DISTANCE", &[Parameter::Point, Parameter::Point], DOUBLE, Body::Single(distance)),
];

fn point(arguments: &Arguments<'_>, at: usize) -> Option<(f64, f64)> {
    match arguments.values.get(at) {
        Some(Value::Point(x, y)) => Some((*x, *y)),
        _ => None,
    }
}

/// In metres, on a sphere.
fn distance(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let (Some((x1, y1)), Some((x2, y2))) = (point(arguments, 0), point(arguments, 1)) else {
        return Ok(Cell::Null);
    };
    let half = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
    let haversine = half(y1, y2) + y1.to_radians().cos() * y2.to_radians().cos() * half(x1, x2);
    Ok(Value::Double(2.0 * EARTH_RADIUS * haversine.sqrt().min(1.0).asin()).into())
}
