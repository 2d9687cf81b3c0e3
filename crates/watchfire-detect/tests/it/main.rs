//! The public interface of the crate.

mod any_order;
mod first_tests;
