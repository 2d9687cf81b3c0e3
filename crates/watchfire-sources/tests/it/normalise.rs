//! Normalisation, by cases and by comparison.
