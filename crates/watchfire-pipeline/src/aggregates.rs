//! What is computed over rows (esql-semantics §9).

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rustc_hash::FxHashSet;
use watchfire_engine::correlate::{Distinct, DistinctCounter};

use crate::bytes;
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

impl Aggregation {
    /// What [`Accumulator::write`] wrote of one of this aggregation; `None` for anything else.
    pub fn read(self, mut from: &[u8]) -> Option<Accumulator> {
        let from = &mut from;
        let mut read = self.start();
        match &mut read {
            Accumulator::Count(count) => *count = bytes::read_u64(from)? as i64,
            Accumulator::Distinct(distinct) => *distinct = DistinctCounter::read(std::mem::take(from))?,
            Accumulator::Sum(sum) => *sum = Sum::read(from)?,
            Accumulator::Average(sum, count) => {
                *count = bytes::read_u64(from)?;
                *sum = Sum::read(from)?;
            }
            Accumulator::Extreme(best, _) => *best = bytes::read_values(from)?.into_iter().next(),
            Accumulator::Values(values) => values.extend(bytes::read_values(from)?),
            Accumulator::Top { best, .. } => {
                for _ in 0..bytes::read_u64(from)? {
                    let value = bytes::read_value(from)?;
                    best.push((value, bytes::read_values(from)?.into_iter().next()));
                }
            }
            Accumulator::Edge { row, .. } => {
                if !from.is_empty() {
                    *row = Some((Cell::of(bytes::read_values(from)?), Cell::of(bytes::read_values(from)?)));
                }
            }
        }
        from.is_empty().then_some(read)
    }
}

/// What is known of a group so far: the same, in whatever order its rows are taken.
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
    /// Takes a row with these arguments. Tells how many bytes more it holds for it, about.
    pub fn add(&mut self, arguments: &[Cell]) -> usize {
        let nothing = Cell::Null;
        let first = arguments.first().unwrap_or(&nothing);
        let before = self.held();
        let mut grown = 0;
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
                first.values().iter().for_each(|value| take_extreme(best, *wins, value));
            }
            Self::Values(values) => {
                for value in first.values() {
                    if !values.contains(value) {
                        grown += text_bytes(value);
                        values.insert(value.clone());
                    }
                }
            }
            Self::Top { best, count, descending } => {
                let out = arguments.get(1).and_then(|out| out.values().first().cloned());
                // A row that has nothing there is passed over, as one without a value is.
                let values = if arguments.len() > 1 && out.is_none() { &[] } else { first.values() };
                for value in values {
                    take_best(best, *count, *descending, (value.clone(), out.clone()));
                }
            }
            Self::Edge { row, wins } => {
                take_edge(row, *wins, first.clone(), arguments.get(1).cloned().unwrap_or_default());
            }
        }
        grown + self.held().saturating_sub(before)
    }

    /// About how many bytes it has beside its own, without those of texts.
    fn held(&self) -> usize {
        match self {
            Self::Distinct(distinct) => distinct.kept() * size_of::<(u64, u64)>(),
            Self::Sum(sum) | Self::Average(sum, _) => sum.partials.len() * size_of::<f64>(),
            Self::Values(values) => values.len() * 2 * size_of::<Value>(),
            Self::Top { best, .. } => best.len() * size_of::<(Value, Option<Value>)>(),
            Self::Count(_) | Self::Extreme(..) | Self::Edge { .. } => 0,
        }
    }

    /// Takes what another one of the same aggregation has taken: the result is that of one which has taken all of it.
    pub fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (Self::Distinct(distinct), Self::Distinct(more)) => distinct.merge(&more),
            (Self::Sum(sum), Self::Sum(more)) => sum.merge(&more),
            (Self::Average(sum, count), Self::Average(more, number)) => {
                sum.merge(&more);
                *count += number;
            }
            (Self::Extreme(best, wins), Self::Extreme(Some(value), _)) => take_extreme(best, *wins, &value),
            (Self::Values(values), Self::Values(more)) => values.extend(more),
            (Self::Top { best, count, descending }, Self::Top { best: more, .. }) => {
                more.into_iter().for_each(|pair| take_best(best, *count, *descending, pair));
            }
            (Self::Edge { row, wins }, Self::Edge { row: Some((cell, key)), .. }) => {
                take_edge(row, *wins, cell, key);
            }
            // Of nothing there is nothing to take, and of another aggregation nobody has a state.
            _ => {}
        }
    }

    /// Appends bytes of what it has taken, for [`Aggregation::read`].
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Count(count) => bytes::write_u64(*count as u64, out),
            Self::Distinct(distinct) => distinct.write(out),
            Self::Sum(sum) => sum.write(out),
            Self::Average(sum, count) => {
                bytes::write_u64(*count, out);
                sum.write(out);
            }
            Self::Extreme(best, _) => bytes::write_values(best.as_slice(), out),
            Self::Values(values) => {
                bytes::write_u64(values.len() as u64, out);
                values.iter().for_each(|value| bytes::write_value(value, out));
            }
            Self::Top { best, .. } => {
                bytes::write_u64(best.len() as u64, out);
                for (value, of) in best {
                    bytes::write_value(value, out);
                    bytes::write_values(of.as_slice(), out);
                }
            }
            Self::Edge { row, .. } => {
                if let Some((cell, key)) = row {
                    bytes::write_values(cell.values(), out);
                    bytes::write_values(key.values(), out);
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
            Self::Average(sum, count) => {
                let mean = sum.double() / count as f64;
                if !mean.is_finite() {
                    warn(SUM_OUT_OF_RANGE);
                    return Cell::Null;
                }
                Value::Double(mean).into()
            }
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

fn take_extreme(best: &mut Option<Value>, wins: Ordering, value: &Value) {
    if best.as_ref().is_none_or(|best| value.order(best) == wins) {
        *best = Some(value.clone());
    }
}

/// Puts a value with what its row has among the best. Of equal values the one with less beside it comes first.
fn take_best(
    best: &mut Vec<(Value, Option<Value>)>,
    count: usize,
    descending: bool,
    pair: (Value, Option<Value>),
) {
    let comes_before = |other: &(Value, Option<Value>)| {
        let order = pair.0.order(&other.0);
        let order = if descending { order.reverse() } else { order };
        order.then_with(|| Cell::from(pair.1.clone()).order(&Cell::from(other.1.clone()))).is_lt()
    };
    let at = best.iter().position(comes_before).unwrap_or(best.len());
    if at < count {
        best.insert(at, pair);
        best.truncate(count);
    }
}

/// Keeps the row at an end. Of rows with equal keys it is the one with the least cell, nothing being the most.
fn take_edge(row: &mut Option<(Cell, Cell)>, wins: Ordering, cell: Cell, key: Cell) {
    let better = match row {
        None => true,
        Some((other, best)) => match (key.is_null(), best.is_null()) {
            // A row without a key is the last choice at both ends.
            (true, false) => false,
            (false, true) => true,
            (true, true) => cell.order(other).is_lt(),
            (false, false) => {
                let order = key.order(best);
                order == wins || order.is_eq() && cell.order(other).is_lt()
            }
        },
    };
    if better {
        *row = Some((cell, key));
    }
}

/// The bytes of a text.
fn text_bytes(value: &Value) -> usize {
    value.as_text().map_or(0, str::len)
}

/// A sum without any rounding before its end: in whatever order numbers are added, it is the same.
///
/// Whole numbers are added as such. Of the others it keeps numbers that do not overlap and together are the sum (J. R. Shewchuk,
/// *Adaptive Precision Floating-Point Arithmetic*, 1997).
#[derive(Clone, Debug, Default)]
pub struct Sum {
    whole: i128,
    /// From the least on.
    partials: Vec<f64>,
    is_beyond: bool,
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
            self.add_double(number);
        }
    }

    fn add_double(&mut self, number: f64) {
        let mut number = number;
        let mut kept = 0;
        for at in 0..self.partials.len() {
            let other = self.partials[at];
            let (great, small) = if number.abs() < other.abs() { (other, number) } else { (number, other) };
            let sum = great + small;
            let lost = small - (sum - great);
            if lost != 0.0 {
                self.partials[kept] = lost;
                kept += 1;
            }
            number = sum;
        }
        self.partials.truncate(kept);
        self.is_beyond |= !number.is_finite();
        if number != 0.0 {
            self.partials.push(number);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.whole += other.whole;
        other.partials.iter().for_each(|number| self.add_double(*number));
        self.is_beyond |= other.is_beyond;
        self.has_double |= other.has_double;
        self.any |= other.any;
    }

    fn is_empty(&self) -> bool {
        !self.any
    }

    /// The sum as a floating-point number.
    pub fn double(&self) -> f64 {
        if self.is_beyond {
            return f64::NAN;
        }
        let mut all = self.clone();
        all.add_double(self.whole as f64);
        rounded(&all.partials)
    }

    /// The sum in the type of what was added; `None` if it is out of range.
    pub fn total(&self) -> Option<Value> {
        if self.has_double {
            return Some(self.double()).filter(|sum| sum.is_finite()).map(Value::Double);
        }
        i64::try_from(self.whole).ok().map(Value::Long)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.is_beyond), u8::from(self.has_double), u8::from(self.any)]);
        out.extend(self.whole.to_be_bytes());
        bytes::write_u64(self.partials.len() as u64, out);
        self.partials.iter().for_each(|number| bytes::write_u64(number.to_bits(), out));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let [is_beyond, has_double, any] = bytes::take(from)?;
        let whole = i128::from_be_bytes(bytes::take(from)?);
        let partials = (0..bytes::read_u64(from)?).map(|_| bytes::read_u64(from).map(f64::from_bits));
        let partials = partials.collect::<Option<_>>()?;
        Some(Self { whole, partials, is_beyond: is_beyond != 0, has_double: has_double != 0, any: any != 0 })
    }
}

/// The floating-point number next to the sum of numbers that do not overlap, from the least on; of two as near the even one.
fn rounded(partials: &[f64]) -> f64 {
    let Some((greatest, mut below)) = partials.split_last() else { return 0.0 };
    let mut sum = *greatest;
    while let Some((next, rest)) = below.split_last() {
        let added = sum + next;
        let lost = next - (added - sum);
        (sum, below) = (added, rest);
        if lost != 0.0 {
            // Half of the last place was cut off: what is below decides.
            let doubled = lost * 2.0;
            let is_half = doubled == (sum + doubled) - sum;
            if is_half && rest.last().is_some_and(|rest| (*rest < 0.0) == (lost < 0.0)) {
                sum += doubled;
            }
            break;
        }
    }
    sum
}

/// What stands for a value where values are counted: the same in each run.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles() -> Vec<f64> {
        let mut numbers = vec![1e100, 1.0, -1e100, 1e-9, 0.1, 0.2, 0.3, -7.25e15, 7.25e15, 2.5];
        numbers.extend((1..200).map(|number| 1.0 / f64::from(number)));
        numbers
    }

    fn accumulated(aggregation: Aggregation, rows: &[Vec<Cell>]) -> Accumulator {
        let mut accumulator = aggregation.start();
        for row in rows {
            accumulator.add(row);
        }
        accumulator
    }

    /// In whatever order rows come, and however they are parted, the result is the same to the last bit.
    #[test]
    fn order_and_parts_make_no_difference() {
        let numbers = doubles();
        let cell = |at: usize| Cell::One(Value::Double(numbers[at % numbers.len()]));
        let rows: Vec<Vec<Cell>> = (0..numbers.len())
            .map(|at| {
                vec![cell(at), if at % 7 == 0 { Cell::Null } else { Cell::One(Value::Long(at as i64 / 9)) }]
            })
            .collect();
        let top = |descending| Aggregation::Top { count: 5, descending };
        for aggregation in [
            Aggregation::Count,
            Aggregation::CountDistinct,
            Aggregation::Sum,
            Aggregation::Average,
            Aggregation::Min,
            Aggregation::Max,
            Aggregation::Values,
            top(false),
            top(true),
            Aggregation::First,
            Aggregation::Last,
        ] {
            let whole = accumulated(aggregation, &rows).finish(&mut |_| {});
            let mut reversed = rows.clone();
            reversed.reverse();
            assert_eq!(accumulated(aggregation, &reversed).finish(&mut |_| {}), whole, "{aggregation:?}");
            let mut merged = aggregation.start();
            for part in rows.chunks(17).rev() {
                let mut bytes = Vec::new();
                accumulated(aggregation, part).write(&mut bytes);
                merged.merge(aggregation.read(&bytes).expect("what was written"));
            }
            assert_eq!(merged.finish(&mut |_| {}), whole, "{aggregation:?}");
        }
    }

    #[test]
    fn sums_are_exact() {
        let sum = |numbers: &[f64]| {
            let rows: Vec<Vec<Cell>> =
                numbers.iter().map(|number| vec![Cell::One(Value::Double(*number))]).collect();
            accumulated(Aggregation::Sum, &rows).finish(&mut |_| {})
        };
        assert_eq!(sum(&[0.1; 10]), Cell::One(Value::Double(1.0)));
        assert_eq!(sum(&[1e100, 1.0, -1e100]), Cell::One(Value::Double(1.0)));
        assert_eq!(sum(&[f64::MAX, f64::MAX]), Cell::Null);
    }
}
