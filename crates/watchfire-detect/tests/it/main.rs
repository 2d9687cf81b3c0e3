//! The public interface of the crate, over random input.

mod any_order;
