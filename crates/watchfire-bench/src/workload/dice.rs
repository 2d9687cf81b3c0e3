//! Chance that is the same in every run: the generated workloads are seeded.

/// A stream of numbers that look random (SplitMix64): the same for the same seed, on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream that belongs to a name, for what a name has for good: a hash, an identifier.
    pub(crate) fn of(name: &str) -> Self {
        Self(name.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// One of some things.
    pub(crate) fn one<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }

    /// One of some things, the first more often than the last: as programs, users and addresses repeat in real logs.
    pub(crate) fn often_first<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        let bound = 1 + self.below(things.len() as u64);
        &things[self.below(bound) as usize]
    }

    /// Whether a thing happens that happens once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        self.text(digits, b"0123456789abcdef")
    }

    /// Characters of an alphabet.
    pub(crate) fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        (0..length).map(|_| char::from(*self.one(alphabet))).collect()
    }

    /// A UUID's text.
    pub(crate) fn uuid(&mut self) -> String {
        let parts = [8, 4, 4, 4, 12].map(|digits| self.hex(digits));
        parts.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_decides() {
        // The published test values of SplitMix64 for this seed.
        let mut dice = Dice::new(1_234_567);
        assert_eq!(dice.number(), 6_457_827_717_110_365_317);
        assert_eq!(dice.number(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn the_first_is_thrown_most_often() {
        let mut dice = Dice::new(1);
        let mut counts = [0; 4];
        for _ in 0..1000 {
            counts[*dice.often_first(&[0, 1, 2, 3])] += 1;
        }
        assert!(counts.is_sorted_by(|before, after| before > after), "{counts:?}");
    }
}
