//! Rules (detection-engine §7.2).
//!
//! ```text
//! body ─ check ─► Rule, warnings ─ provenance ─► Rule ─ StateChange::PutRule ─► KeptRule ─ object ─► answer
//! ```

pub(crate) mod bulk;
pub(crate) mod check;
pub(crate) mod crud;
mod edit;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod object;
pub(crate) mod prebuilt;
pub(crate) mod preview;
