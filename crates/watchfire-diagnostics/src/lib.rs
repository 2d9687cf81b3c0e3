//! Source spans and diagnostics: the one way in which Watchfire speaks about something wrong in a rule, a query,
//! a configuration file or a request.
//!
//! ```text
//!  lexer / parser / resolver / linter ──► Diagnostic (plain data) ──► render::{full, one_line} · JSON · SARIF
//!           spans in the query               │
//!                 └── SpanMap ───────────────┘   spans in the rule file
//! ```
//!
//! A [`Diagnostic`] is data: a stable [`Code`], a severity, one message that stands alone, labelled spans. It knows
//! nothing of terminals; the renderers are in [`render`]. This crate has no dependency inside the workspace, and must
//! not know any query language.

mod code;
mod diagnostic;
mod hidden;
mod problems;
pub mod render;
mod source;
mod span;
mod suggest;

pub use code::{Code, CodeInfo};
pub use diagnostic::{Diagnostic, Edit, Label, Severity};
pub use hidden::is_hidden;
pub use problems::{MAX_DIAGNOSTICS, Problems};
pub use source::{LineColumn, SourceText};
pub use span::{Span, SpanMap};
pub use suggest::{closest, closest_within, did_you_mean};
