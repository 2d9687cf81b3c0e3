//! Detection rules: their model, the formats they come in, and what can be said about them without running them.
//!
//! ```text
//! rule file (TOML) ──► format::toml ──► RuleFile { rule, metadata, transform } + diagnostics with places in the file
//! folder of rules ───► load ──────────► LoadedRules: the rules, and the fate of every file
//! ```
//!
//! This crate must not know what queries mean, nor events or alerts.

pub mod codes;
mod document;
pub mod format;
pub mod guide;
pub mod lint;
pub mod load;
pub mod model;
pub mod page;
pub mod testing;

pub use codes::CODES;
