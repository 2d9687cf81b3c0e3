//! ES|QL: text → tree → text.
//!
//! ```text
//!  text ──lexer──► tokens ──parser──► Query ──Display──► text that parses to the same tree
//!           │                │
//!           └────────────────┴──► diagnostics (codes: CODES)
//! ```
//!
//! The language is that of esql-semantics §2 and §3: all that Elastic's rules use, and more. Commands of Elasticsearch
//! that are not supported are read and named, so that what a query lacks can be said. What a name or a value means depends on the columns, and
//! is no business of this crate.
//!
//! Parsing never fails. After an error it goes on behind the next `|`, so that several are told at once;
//! [`Parsed::is_valid`] tells whether the tree is the whole query.
//!
//! ```
//! let parsed = watchfire_esql::parse("FROM logs-* | where user.name == \"root\" | stats n = count(*) by host.name");
//! assert!(parsed.is_valid());
//! assert_eq!(
//!     parsed.query.unwrap().to_string(),
//!     "FROM logs-*\n| WHERE user.name == \"root\"\n| STATS n = count(*) BY host.name"
//! );
//! ```

pub mod ast;
mod codes;
mod lexer;
mod parser;
mod print;

pub use watchfire_diagnostics::MAX_DIAGNOSTICS;
use watchfire_diagnostics::{Diagnostic, Severity};

pub use crate::codes::CODES;
pub use crate::parser::MAX_NESTING;

/// The longest query that is read, in bytes: somewhat more than Elasticsearch takes in characters.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// What became of a query text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The tree. With errors it holds what could be made out, and must not be run. `None` if there is no source, or the text is
    /// too long to be read at all.
    pub query: Option<ast::Query>,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether the tree is the whole query, without any error.
    pub fn is_valid(&self) -> bool {
        let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
        self.query.is_some() && !self.diagnostics.iter().any(is_error)
    }
}

/// A value that stands beside a query, for a `?` in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, if it has one: it is written `?name` then, and else by its place, `?1` or the next `?`.
    pub name: Option<String>,
    /// The value.
    pub value: ast::Constant,
}

/// Reads a query.
pub fn parse(text: &str) -> Parsed {
    parse_with(text, &[])
}

/// Reads a query with values that stand beside it.
pub fn parse_with(text: &str, parameters: &[Parameter]) -> Parsed {
    if text.len() > MAX_QUERY_BYTES {
        let over = text.len() - MAX_QUERY_BYTES;
        let message = format!("the query has {} bytes, {over} more than the limit", text.len());
        let problem = Diagnostic::error(codes::QUERY_TOO_LONG, message);
        return Parsed { query: None, diagnostics: vec![problem] };
    }
    let (query, problems) = parser::parse(text, parameters);
    Parsed { query, diagnostics: problems.into_list() }
}
