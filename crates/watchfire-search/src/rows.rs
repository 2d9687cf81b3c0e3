//! Sets of rows of one batch.

/// A set of rows, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    words: Vec<u64>,
    length: usize,
}

impl Rows {
    /// No row of a batch of so many.
    pub(crate) fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], length }
    }

    /// All rows of a batch of so many.
    pub(crate) fn all(length: usize) -> Self {
        Self::none(length).complement()
    }

    pub(crate) fn insert(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    #[must_use]
    pub(crate) fn complement(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        if let Some(last) = self.words.last_mut()
            && !self.length.is_multiple_of(64)
        {
            *last &= (1 << (self.length % 64)) - 1;
        }
        self
    }

    #[must_use]
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
        self
    }

    #[must_use]
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
        self
    }

    /// The rows, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sets() {
        for length in [0, 1, 63, 64, 65, 130] {
            let mut some = Rows::none(length);
            (0..length).step_by(3).for_each(|row| some.insert(row));
            let rest = some.clone().complement();
            assert_eq!(some.count() + rest.count(), length);
            assert_eq!(some.clone().and(&rest), Rows::none(length));
            assert_eq!(some.clone().or(&rest), Rows::all(length));
            assert!(some.iter().eq((0..length).step_by(3)));
            assert!(rest.iter().all(|row| !some.contains(row)));
        }
    }
}
