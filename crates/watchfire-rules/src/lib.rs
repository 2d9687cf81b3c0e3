//! Detection rules: their model, the formats they come in, and what can be said about them without running them.
//!
//! ```text
//! rule file (TOML, JSON) ──► format ──► RuleFile { rule, metadata, transform } + diagnostics with places in the file
//! export (NDJSON) ─────────► format::ndjson ──► rules, exception lists and items, connectors, each line with its fate
//! exceptions, value lists ──► exceptions ──► lists and items with their places, values
//! files and folders ───────► load ──► the rules, and the fate of every file
//!
//! RuleFile ──► lint   what is unwise about it
//!          ──► guide  its investigation guide with the queries in place
//!          ──► page   its page, as Markdown
//! tests beside a rule ──► testing ──► events, and what the rule must make of them
//! ```
//!
//! This crate must not know what queries mean, nor events or alerts.

pub mod codes;
mod document;
pub mod exceptions;
pub mod format;
pub mod guide;
pub mod lint;
pub mod load;
pub mod model;
pub mod page;
pub mod testing;

pub use codes::CODES;
