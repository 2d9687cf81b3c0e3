//! Unions of spans of time.

/// Spans of milliseconds that neither overlap nor touch, in order. Each holds what lies behind its first number, up to its
/// second: so a span and the one that follows it become one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet(Vec<(i64, i64)>);

impl RangeSet {
    /// The union of spans.
    pub fn of(spans: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut set = Self::default();
        spans.into_iter().for_each(|span| set.add(span));
        set
    }

    /// The spans.
    pub fn spans(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Adds a span; one that is empty adds nothing.
    pub fn add(&mut self, (from, to): (i64, i64)) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|span| span.1 < from);
        let last = self.0.partition_point(|span| span.0 <= to);
        let joined =
            self.0[first..last].iter().fold((from, to), |all, span| (all.0.min(span.0), all.1.max(span.1)));
        self.0.splice(first..last, [joined]);
    }

    /// Whether an instant lies in one of them.
    pub fn holds(&self, at: i64) -> bool {
        let number = self.0.partition_point(|span| span.1 < at);
        self.0.get(number).is_some_and(|span| span.0 < at)
    }

    /// What of a span lies in none of them.
    pub fn gaps(&self, (from, to): (i64, i64)) -> Vec<(i64, i64)> {
        let mut gaps = Vec::new();
        let mut at = from;
        for &(start, end) in &self.0 {
            if start >= to {
                break;
            }
            if start > at {
                gaps.push((at, start));
            }
            at = at.max(end);
        }
        if at < to {
            gaps.push((at, to));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_a_list_of_instants_says(
            spans in prop::collection::vec((0..40_i64, 0..40_i64), 0..12),
            asked in (0..40_i64, 0..40_i64),
        ) {
            let set = RangeSet::of(spans.iter().copied());
            let holds = |at: i64| spans.iter().any(|(from, to)| *from < at && at <= *to);
            for at in 0..=41 {
                prop_assert_eq!(set.holds(at), holds(at), "{}", at);
            }
            prop_assert!(set.spans().windows(2).all(|pair| pair[0].1 < pair[1].0));
            let gaps = RangeSet::of(set.gaps(asked));
            for at in 0..=41 {
                let expected = asked.0 < at && at <= asked.1 && !holds(at);
                prop_assert_eq!(gaps.holds(at), expected, "{}", at);
            }
        }
    }
}
