//! The public interface of the crate, over random input and over cases that are files.

mod any_order;
mod exceptions;
mod first_tests;
