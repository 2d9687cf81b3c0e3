//! Sets of rows of one batch.

/// A set of rows, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    words: Vec<u64>,
}

impl Rows {
    pub(crate) fn none(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)] }
    }

    /// Becomes the empty set of a batch of so many rows.
    pub(crate) fn clear(&mut self, rows: usize) {
        self.words.clear();
        self.words.resize(rows.div_ceil(64), 0);
    }

    pub(crate) fn insert(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.words[row as usize / 64] >> (row % 64) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Number of rows in it.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// The rows in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| numbers_of(at, word))
    }
}

/// The numbers that the bits of a word stand for, which is the word of this number in its set.
pub(crate) fn numbers_of(at: usize, mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros();
            word &= word - 1;
            at as u32 * 64 + bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_set() {
        let mut set = Rows::none(130);
        for row in [0, 63, 64, 129] {
            set.insert(row);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!(set.count(), 4);
        assert!(set.contains(64) && !set.contains(65));
        let mut rest = Rows::none(130);
        for row in 60..70 {
            rest.insert(row);
        }
        rest.subtract(&set);
        assert_eq!(rest.iter().collect::<Vec<_>>(), [60, 61, 62, 65, 66, 67, 68, 69]);
        rest.intersect(&set);
        assert!(rest.is_empty());
        rest.unite(&set);
        assert_eq!(rest, set);
        rest.clear(70);
        assert_eq!(rest, Rows::none(70));
        assert!(Rows::none(0).is_empty());
    }
}
