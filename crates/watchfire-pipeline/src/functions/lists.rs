//! Functions of cells with several values.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one form")]

use rustc_hash::FxHashSet;

use super::texts::MAX_TEXT_BYTES;
use super::{Arguments, Body, Failure, Function, Parameter, Returns, plain};
use crate::aggregates::Sum;
use crate::types::DataType;
use crate::value::{Cell, Value};

const ANY: &[Parameter] = &[Parameter::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    plain(
        "MV_COUNT",
        ANY,
        Returns::Type(DataType::Integer),
        Body::List(|l, _| one(Value::Integer(l.len() as i32))),
    ),
    plain("MV_FIRST", ANY, Returns::AsFirst, Body::List(|l, _| Ok(l.first().cloned().into()))),
    plain("MV_LAST", ANY, Returns::AsFirst, Body::List(|l, _| Ok(l.last().cloned().into()))),
    plain(
        "MV_MIN",
        ANY,
        Returns::AsFirst,
        Body::List(|l, _| Ok(l.iter().min_by(|a, b| a.order(b)).cloned().into())),
    ),
    plain(
        "MV_MAX",
        ANY,
        Returns::AsFirst,
        Body::List(|l, _| Ok(l.iter().max_by(|a, b| a.order(b)).cloned().into())),
    ),
    plain("MV_SUM", &[Parameter::Number], Returns::AsFirst, Body::List(sum)),
    plain("MV_AVG", &[Parameter::Number], Returns::Type(DataType::Double), Body::List(average)),
    plain(
        "MV_CONCAT",
        &[Parameter::Text, Parameter::Text],
        Returns::Type(DataType::Keyword),
        Body::List(concat),
    ),
    plain("MV_DEDUPE", ANY, Returns::AsFirst, Body::List(|l, _| Ok(Cell::of(distinct(l))))),
    Function {
        optional: 1,
        ..plain(
            "MV_SLICE",
            &[Parameter::Any, Parameter::Whole, Parameter::Whole],
            Returns::AsFirst,
            Body::List(slice),
        )
    },
    Function {
        optional: 1,
        ..plain("MV_SORT", &[Parameter::Any, Parameter::Text], Returns::AsFirst, Body::List(sort))
    },
    plain(
        "MV_INTERSECTION",
        &[Parameter::Any, Parameter::AsFirst],
        Returns::AsFirst,
        Body::Cells(intersection),
    ),
    plain(
        "MV_CONTAINS",
        &[Parameter::Any, Parameter::AsFirst],
        Returns::Type(DataType::Boolean),
        Body::Cells(contains),
    ),
];

fn one(value: Value) -> Result<Cell, Failure> {
    Ok(value.into())
}

fn sum(list: &[Value], _: &Arguments<'_>) -> Result<Cell, Failure> {
    let mut sum = Sum::default();
    list.iter().for_each(|value| sum.add(value));
    let total = sum.total().ok_or("the sum is out of range")?;
    // The type stays what it was.
    match (list.first(), total) {
        (Some(Value::Integer(_)), Value::Long(number)) => {
            one(Value::Integer(i32::try_from(number).map_err(|_| "the sum is out of range")?))
        }
        (_, total) => one(total),
    }
}

fn average(list: &[Value], _: &Arguments<'_>) -> Result<Cell, Failure> {
    let mut sum = Sum::default();
    list.iter().for_each(|value| sum.add(value));
    one(Value::Double(sum.double() / list.len() as f64))
}

fn concat(list: &[Value], arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let texts: Vec<&str> = list.iter().filter_map(Value::as_text).collect();
    let length: usize = texts.iter().map(|text| text.len() + arguments.text(0).len()).sum();
    if length > MAX_TEXT_BYTES {
        return Err("the text would be longer than 1 MiB");
    }
    one(Value::text(texts.join(arguments.text(0))))
}

/// Each value once, where it stands first.
fn distinct(list: &[Value]) -> Vec<Value> {
    let mut seen = FxHashSet::default();
    list.iter().filter(|value| seen.insert(*value)).cloned().collect()
}

/// From a place to a place, both counted from 0 and included, or from the end where they are negative.
fn slice(list: &[Value], arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let count = list.len() as i128;
    let from = arguments.whole(0).unwrap_or(0);
    let to = arguments.whole(1).unwrap_or(from);
    if from > to && (from < 0) == (to < 0) {
        return Err("MV_SLICE begins behind its end");
    }
    let place = |at: i128| if at < 0 { count + at } else { at };
    let (from, to) = (place(from).max(0), place(to).min(count - 1));
    if from > to {
        return Ok(Cell::Null);
    }
    Ok(Cell::of(list[from as usize..=to as usize].to_vec()))
}

fn sort(list: &[Value], arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let mut list = list.to_vec();
    list.sort_by(Value::order);
    match arguments.text(0).to_ascii_lowercase().as_str() {
        "" | "asc" => {}
        "desc" => list.reverse(),
        _ => return Err("MV_SORT takes the orders `asc` and `desc`"),
    }
    Ok(Cell::of(list))
}

fn intersection(cells: &[Cell]) -> Result<Cell, Failure> {
    let [a, b] = cells else { return Ok(Cell::Null) };
    let kept: Vec<Value> = a.values().iter().filter(|value| b.values().contains(value)).cloned().collect();
    Ok(Cell::of(distinct(&kept)))
}

/// Whether all values of the second are in the first; nothing is an empty set.
fn contains(cells: &[Cell]) -> Result<Cell, Failure> {
    let [set, subset] = cells else { return Ok(Cell::Null) };
    Ok(Cell::truth(subset.values().iter().all(|value| set.values().contains(value))))
}
