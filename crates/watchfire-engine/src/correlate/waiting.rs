//! Hits that wait for their turn, in the order in which they will be fed.
//!
//! Most hits of a stream come in order, and are appended to a list. Only those that do not go into a heap; the next hit is
//! the lesser of the two fronts. A stream in order costs nothing but the list, and one in any order a logarithm.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::hit::StageHit;

/// Hits in [`StageHit::feeding_order`].
#[derive(Debug)]
pub(super) struct Waiting<T> {
    in_order: VecDeque<StageHit<T>>,
    stragglers: BinaryHeap<Straggler<T>>,
}

/// A hit in a heap whose greatest element is the hit that is fed first.
#[derive(Debug)]
struct Straggler<T>(StageHit<T>);

impl<T> Ord for Straggler<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.feeding_order(&self.0)
    }
}

impl<T> PartialOrd for Straggler<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Straggler<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Straggler<T> {}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { in_order: VecDeque::new(), stragglers: BinaryHeap::new() }
    }
}

impl<T> Waiting<T> {
    pub(super) fn len(&self) -> usize {
        self.in_order.len() + self.stragglers.len()
    }

    pub(super) fn insert(&mut self, hit: StageHit<T>) {
        if self.in_order.back().is_none_or(|last| last.feeding_order(&hit).is_le()) {
            self.in_order.push_back(hit);
        } else {
            self.stragglers.push(Straggler(hit));
        }
    }

    /// Takes out the first hit if it is as asked.
    pub(super) fn pop_if(&mut self, asked: impl FnOnce(&StageHit<T>) -> bool) -> Option<StageHit<T>> {
        let straggler_is_first = match (self.in_order.front(), self.stragglers.peek()) {
            (Some(hit), Some(Straggler(straggler))) => straggler.feeding_order(hit).is_lt(),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if straggler_is_first {
            let is_as_asked = self.stragglers.peek().is_some_and(|Straggler(hit)| asked(hit));
            if is_as_asked { self.stragglers.pop().map(|Straggler(hit)| hit) } else { None }
        } else {
            self.in_order.pop_front_if(|hit| asked(hit))
        }
    }

    /// All hits in order.
    pub(super) fn to_sorted(&self) -> Vec<&StageHit<T>> {
        let stragglers = self.stragglers.iter().map(|Straggler(hit)| hit);
        let mut hits: Vec<&StageHit<T>> = self.in_order.iter().chain(stragglers).collect();
        hits.sort_by(|a, b| a.feeding_order(b));
        hits
    }
}
