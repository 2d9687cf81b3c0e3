//! Which leaves hold somewhere in a batch, and in which rows.
//!
//! ```text
//! row ─► codes ─► list of leaves        a column, answered by its program
//! list ─► rows                          a bucket
//! leaf ─► buckets ─► set of rows        made when a rule asks for it
//! ```
//!
//! The tables here have an entry for every leaf of the rule set, and are used for one batch after the other: what a batch
//! has put into them is undone, and not all of them cleared.

use watchfire_events::Column;

use crate::leaf_lists::{LeafLists, ListId};
use crate::leaf_table::LeafId;
use crate::rows::Rows;

const NONE: u32 = u32::MAX;

/// What is known of a leaf.
#[derive(Clone, Copy, Debug)]
struct Alive {
    /// The first link to its buckets.
    link: u32,
    /// In how many rows it holds, or more: rows with several values can count twice.
    rows: u32,
    /// The number of its set of rows, once that is made.
    set: u32,
}

const DEAD: Alive = Alive { link: NONE, rows: 0, set: NONE };

/// A bucket of a leaf, and where the next link is.
#[derive(Clone, Copy, Debug)]
struct Link {
    bucket: u32,
    next: u32,
}

/// Rows in which one list of leaves holds: a part of all rows in buckets.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    start: u32,
    end: u32,
}

#[derive(Debug)]
pub(crate) struct AliveLeaves {
    rows: usize,
    leaves: Vec<Alive>,
    /// The leaves that are alive.
    alive: Vec<LeafId>,
    links: Vec<Link>,
    buckets: Vec<Bucket>,
    rows_of_buckets: Vec<u32>,
    /// For the column that is being entered, the bucket of each list, and the lists that have one.
    bucket_of_list: Vec<u32>,
    entered: Vec<ListId>,
    bucket_of_code: Vec<u32>,
    /// Sets of rows; those beyond `sets_in_use` are of earlier batches.
    sets: Vec<Rows>,
    sets_in_use: usize,
}

impl AliveLeaves {
    pub(crate) fn new(leaves: usize) -> Self {
        Self {
            rows: 0,
            leaves: vec![DEAD; leaves],
            alive: Vec::new(),
            links: Vec::new(),
            buckets: Vec::new(),
            rows_of_buckets: Vec::new(),
            bucket_of_list: Vec::new(),
            entered: Vec::new(),
            bucket_of_code: Vec::new(),
            sets: Vec::new(),
            sets_in_use: 0,
        }
    }

    /// Before a batch of so many rows: no leaf is alive.
    pub(crate) fn begin_batch(&mut self, rows: usize) {
        self.rows = rows;
        for leaf in self.alive.drain(..) {
            self.leaves[leaf.at()] = DEAD;
        }
        self.links.clear();
        self.buckets.clear();
        self.rows_of_buckets.clear();
        self.sets_in_use = 0;
    }

    /// The leaves that are alive, in no particular order.
    pub(crate) fn alive(&self) -> &[LeafId] {
        &self.alive
    }

    /// The number of rows in which a leaf holds, or somewhat more; 0 only if it is dead.
    pub(crate) fn rows_at_most(&self, leaf: LeafId) -> u32 {
        self.leaves[leaf.at()].rows
    }

    /// Enters leaves that hold wherever the column has a value.
    pub(crate) fn enter_existence(&mut self, column: &Column, leaves: &[LeafId]) {
        if leaves.is_empty() {
            return;
        }
        let start = self.rows_of_buckets.len() as u32;
        let with_value = (0..column.rows()).filter(|&row| !column.codes(row).is_empty());
        self.rows_of_buckets.extend(with_value.map(|row| row as u32));
        let bucket = self.add_bucket(start, self.rows_of_buckets.len() as u32);
        leaves.iter().for_each(|&leaf| self.link(leaf, bucket));
    }

    /// Enters the leaves of a column whose values satisfy these lists, by code.
    pub(crate) fn enter_column(&mut self, column: &Column, list_of_code: &[ListId], lists: &LeafLists) {
        self.bucket_of_list.resize(lists.len(), NONE);
        self.bucket_of_code.clear();
        let first = self.buckets.len();
        for &list in list_of_code {
            if list == ListId::EMPTY {
                self.bucket_of_code.push(NONE);
                continue;
            }
            if self.bucket_of_list[list.at()] == NONE {
                self.bucket_of_list[list.at()] = self.add_bucket(0, 0);
                self.entered.push(list);
            }
            self.bucket_of_code.push(self.bucket_of_list[list.at()]);
        }
        if self.entered.is_empty() {
            return;
        }
        self.fill_buckets(column, first);
        while let Some(list) = self.entered.pop() {
            let bucket = std::mem::replace(&mut self.bucket_of_list[list.at()], NONE);
            lists.get(list).iter().for_each(|&leaf| self.link(leaf, bucket));
        }
    }

    /// Sorts the rows of a column into its buckets, which begin with this one. A row with two values of one list stands
    /// there once.
    fn fill_buckets(&mut self, column: &Column, first: usize) {
        let bucket_of_code = |code: u32| self.bucket_of_code[code as usize];
        for row in 0..column.rows() {
            for &code in column.codes(row) {
                if let Some(bucket) = self.buckets.get_mut(bucket_of_code(code) as usize) {
                    bucket.end += 1;
                }
            }
        }
        let mut start = self.rows_of_buckets.len() as u32;
        for bucket in &mut self.buckets[first..] {
            let length = bucket.end;
            (bucket.start, bucket.end) = (start, start);
            start += length;
        }
        self.rows_of_buckets.resize(start as usize, NONE);
        for row in 0..column.rows() as u32 {
            for &code in column.codes(row as usize) {
                let Some(bucket) = self.buckets.get_mut(bucket_of_code(code) as usize) else { continue };
                let is_there =
                    bucket.end > bucket.start && self.rows_of_buckets[bucket.end as usize - 1] == row;
                if !is_there {
                    self.rows_of_buckets[bucket.end as usize] = row;
                    bucket.end += 1;
                }
            }
        }
    }

    fn add_bucket(&mut self, start: u32, end: u32) -> u32 {
        self.buckets.push(Bucket { start, end });
        self.buckets.len() as u32 - 1
    }

    fn link(&mut self, leaf: LeafId, bucket: u32) {
        let Bucket { start, end } = self.buckets[bucket as usize];
        let alive = &mut self.leaves[leaf.at()];
        if alive.rows == 0 {
            self.alive.push(leaf);
        }
        self.links.push(Link { bucket, next: alive.link });
        alive.link = self.links.len() as u32 - 1;
        alive.rows += end - start;
    }

    fn buckets_of(&self, leaf: LeafId) -> impl Iterator<Item = &[u32]> {
        let mut at = self.leaves[leaf.at()].link;
        std::iter::from_fn(move || {
            let Link { bucket, next } = *self.links.get(at as usize)?;
            at = next;
            let Bucket { start, end } = self.buckets[bucket as usize];
            Some(&self.rows_of_buckets[start as usize..end as usize])
        })
    }

    /// Adds the rows in which a leaf holds, in no particular order, and some perhaps twice.
    pub(crate) fn rows_into(&self, leaf: LeafId, rows: &mut Vec<u32>) {
        self.buckets_of(leaf).for_each(|bucket| rows.extend_from_slice(bucket));
    }

    /// The set of rows in which a leaf holds, if it is made already.
    pub(crate) fn known_set(&self, leaf: LeafId) -> Option<&Rows> {
        self.sets.get(self.leaves[leaf.at()].set as usize)
    }

    /// The set of rows in which a leaf holds; `None` if it is dead.
    pub(crate) fn set(&mut self, leaf: LeafId) -> Option<&Rows> {
        let Alive { rows, set, .. } = self.leaves[leaf.at()];
        if rows == 0 {
            return None;
        }
        if set != NONE {
            return Some(&self.sets[set as usize]);
        }
        let at = self.sets_in_use;
        self.sets_in_use += 1;
        let mut made = self.sets.get_mut(at).map(std::mem::take).unwrap_or_default();
        made.clear(self.rows);
        for bucket in self.buckets_of(leaf) {
            bucket.iter().for_each(|&row| made.insert(row));
        }
        self.leaves[leaf.at()].set = at as u32;
        if at == self.sets.len() {
            self.sets.push(made);
        } else {
            self.sets[at] = made;
        }
        Some(&self.sets[at])
    }
}
