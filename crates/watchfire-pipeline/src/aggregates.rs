//! What is computed over rows (esql-semantics §9).

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rustc_hash::FxHashSet;
use watchfire_engine::correlate::{Distinct, DistinctCounter};

use crate::types::DataType;
use crate::value::{Cell, Value};

/// What an estimate is told as.
pub const ESTIMATED: &str = "more than 10,000 distinct values: their number is estimated, to about 1 in 100";

/// What a sum out of range is told as.
pub const SUM_OUT_OF_RANGE: &str = "the sum is out of range";

/// Something that is computed over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// How many rows.
    CountRows,
    /// How many values.
    Count,
    /// How many different values.
    CountDistinct,
    /// The sum of all values.
    Sum,
    /// Their mean.
    Average,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The different values.
    Values,
    /// The least or greatest so many values; of each row, with another argument, what it has there.
    Top {
        /// How many.
        count: usize,
        /// Whether the greatest.
        descending: bool,
    },
    /// What the row with the least key has.
    First,
    /// What the row with the greatest key has.
    Last,
}

impl Aggregation {
    /// The aggregation of a name, in any case. `COUNT` is that of values.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "COUNT" => Self::Count,
            "COUNT_DISTINCT" => Self::CountDistinct,
            "SUM" => Self::Sum,
            "AVG" => Self::Average,
            "MIN" => Self::Min,
            "MAX" => Self::Max,
            "VALUES" => Self::Values,
            "TOP" => Self::Top { count: 1, descending: false },
            "FIRST" => Self::First,
            "LAST" => Self::Last,
            _ => return None,
        })
    }

    /// The names of all.
    pub const NAMES: [&str; 10] =
        ["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "VALUES", "TOP", "FIRST", "LAST"];

    /// The type of what it gives, for an argument of this type; `None` if it takes no such argument.
    pub fn returns(self, of: DataType) -> Option<DataType> {
        match self {
            Self::CountRows | Self::Count | Self::CountDistinct => Some(DataType::Long),
            Self::Sum if of == DataType::Double => Some(DataType::Double),
            Self::Sum if of.is_number() => Some(DataType::Long),
            Self::Average if of.is_number() || of == DataType::Null => Some(DataType::Double),
            Self::Sum if of == DataType::Null => Some(DataType::Null),
            Self::Sum | Self::Average => None,
            Self::Min | Self::Max | Self::Top { .. } | Self::Values | Self::First | Self::Last => {
                (of != DataType::Unsupported && !of.is_span()).then_some(of.computed())
            }
        }
    }

    /// What a group begins with.
    pub fn start(self) -> Accumulator {
        match self {
            Self::CountRows | Self::Count => Accumulator::Count(0),
            Self::CountDistinct => Accumulator::Distinct(DistinctCounter::default()),
            Self::Sum => Accumulator::Sum(Sum::default()),
            Self::Average => Accumulator::Average(Sum::default(), 0),
            Self::Min => Accumulator::Extreme(None, Ordering::Less),
            Self::Max => Accumulator::Extreme(None, Ordering::Greater),
            Self::Values => Accumulator::Values(FxHashSet::default()),
            Self::Top { count, descending } => Accumulator::Top { best: Vec::new(), count, descending },
            Self::First => Accumulator::Edge { row: None, wins: Ordering::Less },
            Self::Last => Accumulator::Edge { row: None, wins: Ordering::Greater },
        }
    }
}

/// What is known of a group so far.
#[derive(Clone, Debug)]
pub enum Accumulator {
    /// A number of rows or values.
    Count(i64),
    /// Different values.
    Distinct(DistinctCounter),
    /// A sum.
    Sum(Sum),
    /// A sum, and of how many.
    Average(Sum, u64),
    /// The least or greatest value.
    Extreme(Option<Value>, Ordering),
    /// Different values.
    Values(FxHashSet<Value>),
    /// The least or greatest values, with what their rows have.
    Top {
        /// The values so far, the best first.
        best: Vec<(Value, Option<Value>)>,
        /// How many are kept.
        count: usize,
        /// Whether the greatest are the best.
        descending: bool,
    },
    /// What the row with the least or greatest key has.
    Edge {
        /// The cell, and its key.
        row: Option<(Cell, Cell)>,
        /// How a better key compares with the last.
        wins: Ordering,
    },
}

impl Accumulator {
    /// Takes a row with these arguments.
    pub fn add(&mut self, arguments: &[Cell]) {
        let nothing = Cell::Null;
        let first = arguments.first().unwrap_or(&nothing);
        match self {
            // Rows are counted without an argument.
            Self::Count(count) => {
                *count += if arguments.is_empty() { 1 } else { first.values().len() as i64 }
            }
            Self::Distinct(distinct) => first.values().iter().for_each(|value| distinct.insert(hash(value))),
            Self::Sum(sum) => first.values().iter().for_each(|value| sum.add(value)),
            Self::Average(sum, count) => {
                first.values().iter().for_each(|value| sum.add(value));
                *count += first.values().len() as u64;
            }
            Self::Extreme(best, wins) => {
                for value in first.values() {
                    if best.as_ref().is_none_or(|best| value.order(best) == *wins) {
                        *best = Some(value.clone());
                    }
                }
            }
            Self::Values(values) => {
                for value in first.values() {
                    if !values.contains(value) {
                        values.insert(value.clone());
                    }
                }
            }
            Self::Top { best, count, descending } => {
                let out = arguments.get(1).and_then(|out| out.values().first().cloned());
                for value in first.values() {
                    let better = |other: &Value| {
                        let order = value.order(other);
                        if *descending { order.is_gt() } else { order.is_lt() }
                    };
                    let at = best.iter().position(|(other, _)| better(other)).unwrap_or(best.len());
                    if at < *count {
                        best.insert(at, (value.clone(), out.clone()));
                        best.truncate(*count);
                    }
                }
            }
            Self::Edge { row, wins } => {
                let key = arguments.get(1).unwrap_or(&nothing);
                let better = match row {
                    None => true,
                    // A row without a key is the last choice at both ends.
                    Some((_, Cell::Null)) => !key.is_null(),
                    Some((_, best)) => !key.is_null() && key.order(best) == *wins,
                };
                if better {
                    *row = Some((first.clone(), key.clone()));
                }
            }
        }
    }

    /// What it comes to. What is to be told of it is told to `warn`.
    pub fn finish(self, warn: &mut dyn FnMut(&'static str)) -> Cell {
        match self {
            Self::Count(count) => Value::Long(count).into(),
            Self::Distinct(distinct) => {
                let Distinct { number, is_estimate } = distinct.number();
                if is_estimate {
                    warn(ESTIMATED);
                }
                Value::Long(number as i64).into()
            }
            Self::Sum(sum) if sum.is_empty() => Cell::Null,
            Self::Sum(sum) => {
                let total = sum.total();
                if total.is_none() {
                    warn(SUM_OUT_OF_RANGE);
                }
                total.into()
            }
            Self::Average(_, 0) => Cell::Null,
            Self::Average(sum, count) => Value::Double(sum.double() / count as f64).into(),
            Self::Extreme(best, _) => best.into(),
            Self::Values(values) => {
                let mut values: Vec<Value> = values.into_iter().collect();
                values.sort_unstable_by(Value::order);
                Cell::of(values)
            }
            Self::Top { best, .. } => {
                Cell::of(best.into_iter().map(|(value, out)| out.unwrap_or(value)).collect())
            }
            Self::Edge { row, .. } => row.map_or(Cell::Null, |(cell, _)| cell),
        }
    }
}

/// A sum: of whole numbers exactly, of others with what was lost to rounding added at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    whole: i128,
    double: f64,
    lost: f64,
    has_double: bool,
    any: bool,
}

impl Sum {
    /// Adds a number.
    pub fn add(&mut self, value: &Value) {
        self.any = true;
        if let Some(number) = value.as_whole() {
            self.whole += number;
        } else if let Some(number) = value.as_double() {
            self.has_double = true;
            let next = self.double + number;
            self.lost += if self.double.abs() >= number.abs() {
                (self.double - next) + number
            } else {
                (number - next) + self.double
            };
            self.double = next;
        }
    }

    fn is_empty(&self) -> bool {
        !self.any
    }

    /// The sum as a floating-point number.
    pub fn double(&self) -> f64 {
        self.double + self.lost + self.whole as f64
    }

    /// The sum in the type of what was added; `None` if it is out of range.
    pub fn total(&self) -> Option<Value> {
        if self.has_double {
            return Some(Value::Double(self.double()));
        }
        i64::try_from(self.whole).ok().map(Value::Long)
    }
}

/// What stands for a value where values are counted: the same in each run.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
