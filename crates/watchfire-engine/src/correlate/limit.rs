//! Which results are kept: `head`, `tail`, a size and a position (eql-semantics §11).

use std::ops::Range;

use watchfire_ir::Pipe;

/// Which results a size keeps where the query has no pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultPosition {
    /// The earliest.
    Head,
    /// The latest; Elasticsearch's default.
    #[default]
    Tail,
}

/// All limits of a query in one, as Elasticsearch combines them while planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultLimit(Option<Window>);

/// So many results, behind so many others, counted from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    from: ResultPosition,
    count: u64,
    skip: u64,
}

impl ResultLimit {
    /// The limit that pipes, a size and a position come to. Without a size, nothing but a pipe limits.
    pub fn new(pipes: &[Pipe], size: Option<u64>, position: ResultPosition) -> Self {
        let Some((&first, rest)) = pipes.split_first() else {
            return Self(size.map(|count| Window { from: position, count, skip: 0 }));
        };
        let (from, count) = direction(first);
        let mut window = Window { from, count: size.map_or(count, |size| size.min(count)), skip: 0 };
        for &pipe in rest {
            let (from, count) = direction(pipe);
            if count >= window.count {
                continue;
            }
            if from != window.from {
                window.skip += window.count - count;
            }
            window.count = count;
        }
        Self(Some(window))
    }

    /// Whether there is no limit.
    pub fn keeps_all(self) -> bool {
        self.0.is_none()
    }

    /// Keeps those results that the limit selects. They come, and stay, in ascending order.
    pub fn apply<T>(self, mut results: Vec<T>) -> Vec<T> {
        let range = self.range(results.len() as u64);
        results.truncate(range.end as usize);
        results.drain(..range.start as usize);
        results
    }

    /// Which of so many results in ascending order it selects.
    pub fn range(self, length: u64) -> Range<u64> {
        let Some(Window { from, count, skip }) = self.0 else { return 0..length };
        if count == 0 {
            return 0..0;
        }
        // The range in the order of the direction, then turned round for the latest.
        let (start, end) = if length >= count.saturating_add(skip) {
            (skip, skip + count)
        } else {
            (length.saturating_sub(count), length)
        };
        match from {
            ResultPosition::Head => start..end,
            ResultPosition::Tail => length - end..length - start,
        }
    }
}

fn direction(pipe: Pipe) -> (ResultPosition, u64) {
    match pipe {
        Pipe::Head(count) => (ResultPosition::Head, count),
        Pipe::Tail(count) => (ResultPosition::Tail, count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Pipe::{Head, Tail};

    fn kept(pipes: &[Pipe], size: Option<u64>, position: ResultPosition, length: usize) -> Vec<usize> {
        ResultLimit::new(pipes, size, position).apply((1..=length).collect())
    }

    #[test]
    fn pipes_are_combined_as_upstream_plans_them() {
        let window = |pipes: &[Pipe]| ResultLimit::new(pipes, Some(50), ResultPosition::Tail).0.unwrap();
        let (head, tail) = (ResultPosition::Head, ResultPosition::Tail);
        assert_eq!(window(&[Head(10), Tail(7)]), Window { from: head, count: 7, skip: 3 });
        assert_eq!(window(&[Tail(10), Head(7)]), Window { from: tail, count: 7, skip: 3 });
        assert_eq!(window(&[Head(10), Tail(7), Head(5), Tail(3)]), Window { from: head, count: 3, skip: 5 });
        assert_eq!(window(&[Head(1), Tail(7)]), Window { from: head, count: 1, skip: 0 });
    }

    #[test]
    fn a_size_keeps_the_latest_and_stays_in_order() {
        assert_eq!(kept(&[], Some(2), ResultPosition::Tail, 6), [5, 6]);
        assert_eq!(kept(&[], Some(2), ResultPosition::Head, 6), [1, 2]);
        assert_eq!(kept(&[], None, ResultPosition::Tail, 3), [1, 2, 3]);
        assert_eq!(kept(&[], Some(0), ResultPosition::Tail, 3), [0; 0]);
        assert_eq!(kept(&[Head(1000)], Some(2), ResultPosition::Tail, 6), [1, 2], "a pipe adds to the size");
    }

    #[test]
    fn one_or_two_pipes_read_from_left_to_right() {
        for length in 0..12 {
            for (a, b) in (0..9_u64).flat_map(|a| (0..9_u64).map(move |b| (a, b))) {
                let all: Vec<usize> = (1..=length).collect();
                let head = |list: &[usize], n: u64| list[..list.len().min(n as usize)].to_vec();
                let tail = |list: &[usize], n: u64| list[list.len().saturating_sub(n as usize)..].to_vec();
                let found = |pipes: &[Pipe]| kept(pipes, None, ResultPosition::Tail, length);
                assert_eq!(found(&[Head(a)]), head(&all, a));
                assert_eq!(
                    found(&[Head(a), Tail(b)]),
                    tail(&head(&all, a), b),
                    "{length}: head {a} | tail {b}"
                );
                assert_eq!(
                    found(&[Tail(a), Head(b)]),
                    head(&tail(&all, a), b),
                    "{length}: tail {a} | head {b}"
                );
            }
        }
    }
}
