//! Values as bytes, for who has to put them away for a while. The form is that of one run: nothing is kept in it.

use std::net::Ipv6Addr;
use std::sync::Arc;

use watchfire_events::Version;

use crate::value::{TimeSpan, Value};

pub(crate) fn write_values(values: &[Value], out: &mut Vec<u8>) {
    write_u64(values.len() as u64, out);
    values.iter().for_each(|value| write_value(value, out));
}

pub(crate) fn read_values(from: &mut &[u8]) -> Option<Vec<Value>> {
    (0..read_u64(from)?).map(|_| read_value(from)).collect()
}

/// Appends the bytes of a value.
pub fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Boolean(truth) => out.extend([0, u8::from(*truth)]),
        Value::Integer(number) => {
            out.push(1);
            out.extend(number.to_be_bytes());
        }
        Value::Long(number) => {
            out.push(2);
            out.extend(number.to_be_bytes());
        }
        Value::UnsignedLong(number) => {
            out.push(3);
            write_u64(*number, out);
        }
        Value::Double(number) => {
            out.push(4);
            write_u64(number.to_bits(), out);
        }
        Value::Text(text) => {
            out.push(5);
            write_text(text, out);
        }
        Value::Date(millis) => {
            out.push(6);
            out.extend(millis.to_be_bytes());
        }
        Value::DateNanos(nanos) => {
            out.push(7);
            out.extend(nanos.to_be_bytes());
        }
        Value::Ip(address) => {
            out.push(8);
            out.extend(address.octets());
        }
        Value::Version(version) => {
            out.push(9);
            write_text(version.as_str(), out);
        }
        Value::Point(x, y) => {
            out.push(10);
            write_u64(x.to_bits(), out);
            write_u64(y.to_bits(), out);
        }
        Value::Span(TimeSpan { months, days, millis }) => {
            out.push(11);
            for part in [months, days, millis] {
                out.extend(part.to_be_bytes());
            }
        }
    }
}

/// Appends bytes that sort as values of one type do, for the types whose values have no order in other systems: versions,
/// points and spans of time. Those of other types are as [`write_value`] writes them.
pub fn write_ordered(value: &Value, out: &mut Vec<u8>) {
    // Negative numbers come first, the greatest of them last.
    let ordered = |number: f64| {
        let bits = number.to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    match value {
        Value::Version(version) => version.write_ordered(out),
        Value::Point(x, y) => [x, y].into_iter().for_each(|part| write_u64(ordered(*part), out)),
        Value::Span(TimeSpan { months, days, millis }) => {
            [months, days, millis].into_iter().for_each(|part| write_u64(*part as u64 ^ 1 << 63, out));
        }
        other => write_value(other, out),
    }
}

/// Takes what [`write_value`] wrote from the front; `None` if something else stands there.
pub fn read_value(from: &mut &[u8]) -> Option<Value> {
    Some(match take::<1>(from)? {
        [0] => Value::Boolean(take::<1>(from)? != [0]),
        [1] => Value::Integer(i32::from_be_bytes(take(from)?)),
        [2] => Value::Long(read_i64(from)?),
        [3] => Value::UnsignedLong(read_u64(from)?),
        [4] => Value::Double(f64::from_bits(read_u64(from)?)),
        [5] => Value::Text(Arc::from(read_text(from)?)),
        [6] => Value::Date(read_i64(from)?),
        [7] => Value::DateNanos(read_i64(from)?),
        [8] => Value::Ip(Ipv6Addr::from(take::<16>(from)?)),
        [9] => Value::Version(Arc::new(Version::new(read_text(from)?))),
        [10] => Value::Point(f64::from_bits(read_u64(from)?), f64::from_bits(read_u64(from)?)),
        [11] => {
            Value::Span(TimeSpan { months: read_i64(from)?, days: read_i64(from)?, millis: read_i64(from)? })
        }
        _ => return None,
    })
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_u64(text.len() as u64, out);
    out.extend(text.as_bytes());
}

fn read_text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(read_u64(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    std::str::from_utf8(text).ok()
}

pub(crate) fn write_u64(number: u64, out: &mut Vec<u8>) {
    out.extend(number.to_be_bytes());
}

pub(crate) fn read_u64(from: &mut &[u8]) -> Option<u64> {
    take(from).map(u64::from_be_bytes)
}

fn read_i64(from: &mut &[u8]) -> Option<i64> {
    take(from).map(i64::from_be_bytes)
}

pub(crate) fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<Value> {
        let versions =
            ["1.2", "1.2.0", "1.10", "1.2.3-a.9", "1.2.3-a.10", "1.2.3-a.b", "1.2.3", "x", "x.y", ""];
        let mut values: Vec<Value> =
            versions.iter().map(|text| Value::Version(Arc::new(Version::new(text)))).collect();
        for x in [-2.5, -0.5, 0.0, 0.25, 9e9] {
            values.extend([-1.0, 3.0].map(|y| Value::Point(x, y)));
            values.push(Value::Double(x));
        }
        for number in [i64::MIN, -1, 0, 1, i64::MAX] {
            values.push(Value::Span(TimeSpan { months: number, days: 1, millis: -number.max(-5) }));
            values.extend([Value::Long(number), Value::Date(number), Value::DateNanos(number)]);
        }
        values.extend([Value::Boolean(true), Value::Integer(-7), Value::UnsignedLong(u64::MAX)]);
        values.extend([Value::text("a\0b"), Value::Ip(Ipv6Addr::LOCALHOST)]);
        values
    }

    #[test]
    fn what_is_written_is_read() {
        for value in values() {
            let mut bytes = Vec::new();
            let written = [value.clone(), value];
            write_values(&written, &mut bytes);
            let read = read_values(&mut &bytes[..]).expect("what was written");
            assert_eq!(format!("{read:?}"), format!("{written:?}"));
            assert_eq!(read_values(&mut &bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn bytes_sort_as_values_do() {
        let has_order =
            |value: &Value| matches!(value, Value::Version(_) | Value::Point(..) | Value::Span(_));
        let ordered: Vec<Value> = values().into_iter().filter(has_order).collect();
        let bytes = |value: &Value| {
            let mut bytes = Vec::new();
            write_ordered(value, &mut bytes);
            bytes
        };
        for a in &ordered {
            for b in ordered.iter().filter(|b| std::mem::discriminant(*b) == std::mem::discriminant(a)) {
                assert_eq!(bytes(a).cmp(&bytes(b)), a.order(b), "{a:?} and {b:?}");
            }
        }
    }
}
