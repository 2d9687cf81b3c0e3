//! Byte ranges, and their translation from a query to the file that holds it.

use std::ops::Range;

use serde::Serialize;

/// A half-open range of byte offsets into a source text of less than 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte; never less than `start`.
    pub end: u32,
}

impl Span {
    /// The span from `start` to `end`.
    ///
    /// # Panics
    /// If `end` is before `start`, or beyond 4 GiB: both are errors of the caller.
    pub fn new(start: usize, end: usize) -> Self {
        assert!(start <= end, "a span ends before it starts: {start}..{end}");
        let convert = |offset| u32::try_from(offset).expect("source texts are smaller than 4 GiB");
        Self { start: convert(start), end: convert(end) }
    }

    /// The empty span at `offset`.
    pub fn empty(offset: usize) -> Self {
        Self::new(offset, offset)
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn cover(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// As a range, to index a text with.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it covers no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `other` lies wholly inside.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// Translates spans in a decoded text (a query) to spans in the text it was decoded from (a TOML or JSON file, where an
/// escape such as `\\` is two bytes that stand for one).
///
/// It is a list of points (decoded offset, file offset) in ascending order. Between two points both texts run in step;
/// a point is set wherever they get out of step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanMap {
    points: Vec<(u32, u32)>,
}

impl SpanMap {
    /// The map of a text that is its own source.
    pub fn identity() -> Self {
        Self::default()
    }

    /// The map of a text that stands unchanged in its file, beginning at `offset`.
    pub fn shifted(offset: usize) -> Self {
        let mut map = Self::default();
        map.push(0, offset);
        map
    }

    /// From here on, decoded offset `decoded` corresponds to file offset `file`. Points come in ascending order.
    pub fn push(&mut self, decoded: usize, file: usize) {
        let point = Span::new(0, decoded).end;
        let target = Span::new(0, file).end;
        debug_assert!(self.points.last().is_none_or(|&(last, _)| last <= point), "points are in order");
        match self.points.last_mut() {
            Some(last) if last.0 == point => last.1 = target,
            _ => self.points.push((point, target)),
        }
    }

    fn offset(&self, decoded: u32) -> u32 {
        match self.points.partition_point(|&(point, _)| point <= decoded) {
            0 => decoded,
            n => {
                let (point, target) = self.points[n - 1];
                target + (decoded - point)
            }
        }
    }

    /// The span in the file that `span` of the decoded text comes from.
    pub fn map(&self, span: Span) -> Span {
        let start = self.offset(span.start);
        // The end is taken behind the last byte, so that an escape at the end of the span is covered whole.
        let end = if span.is_empty() { start } else { self.offset(span.end).max(start) };
        Span { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_through_an_escape() {
        // file `"a\\b"` holds the text `a\b`
        let mut map = SpanMap::shifted(1);
        map.push(2, 4);
        assert_eq!(map.map(Span::new(0, 1)), Span::new(1, 2));
        assert_eq!(map.map(Span::new(1, 2)), Span::new(2, 4));
        assert_eq!(map.map(Span::new(2, 3)), Span::new(4, 5));
        assert_eq!(map.map(Span::empty(3)), Span::empty(5));
    }
}
