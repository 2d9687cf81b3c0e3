//! Numbers that look random and are the same in each run.

/// splitmix64, from a seed on.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number, below this one.
    pub fn below(&mut self, number: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % number
    }
}

/// The seeds of a simulation: that which `WATCHFIRE_SEED` names, or these.
pub fn seeds(usual: std::ops::Range<u64>) -> Vec<u64> {
    match std::env::var("WATCHFIRE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        Err(_) => usual.collect(),
    }
}
