//! Exception lists and their items (detection-engine §4, §7.4).

mod check;
pub(crate) mod items;
pub(crate) mod lists;
mod store;
pub(crate) mod transfer;
