//! Cases of EQL.
