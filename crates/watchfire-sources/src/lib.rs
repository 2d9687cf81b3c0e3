//! Decoders and normalisers.

pub mod normalise;
pub mod windows;
