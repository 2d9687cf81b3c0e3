//! The Kibana Query Language: text → tree → text.
//!
//! ```text
//!  text ──lexer──► tokens ──parser──► Query ──Display──► text that parses to the same tree
//!           │                │          │
//!           └────────────────┴──lints───┴──► diagnostics (codes: CODES)
//! ```
//!
//! The language is Kibana's, as kql-semantics §2 describes it: whatever Kibana accepts is accepted, and means here what
//! it means there. Where the parser of the detection-rules repository refuses a query or reads it in another way
//! (kql-semantics §9), a warning says so. What a value *means* depends on the type of its field and is no business of
//! this crate: it knows no fields.
//!
//! The few rules in Lucene's query-string language are read by [`lucene`], into a tree of their own.
//!
//! Parsing never fails. It recovers from errors and reports several of them; [`Parsed::is_valid`] tells whether the
//! tree is the whole query.
//!
//! ```
//! let parsed = watchfire_kql::parse("process.name: (cmd.exe or powershell.exe) and not user.id: S-1-5-18");
//! assert!(parsed.is_valid());
//! assert_eq!(
//!     parsed.query.unwrap().to_string(),
//!     "process.name: (cmd.exe or powershell.exe) and not user.id: S-1-5-18"
//! );
//! ```

pub mod ast;
mod characters;
mod codes;
mod foreign;
mod lexer;
mod lint;
pub mod lucene;
mod parser;
mod print;
mod token;

pub use watchfire_diagnostics::MAX_DIAGNOSTICS;
use watchfire_diagnostics::{Diagnostic, Problems, Severity, Span};

pub use crate::codes::CODES;
pub use crate::parser::MAX_NESTING;

/// The longest query that is read, in bytes. The longest rule query known to us is below 30 KiB.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// What became of a query text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The tree. With errors it holds what could be made out, and must not be evaluated. `None` if the text is too
    /// long to be read at all.
    pub query: Option<ast::Query>,
    /// Errors, warnings and notes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether the tree is the whole query, without any error.
    pub fn is_valid(&self) -> bool {
        self.query.is_some() && self.errors() == 0
    }

    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

/// Reads a query.
pub fn parse(text: &str) -> Parsed {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!(
            "the query has {} bytes, {} more than the limit",
            text.len(),
            text.len() - MAX_QUERY_BYTES
        );
        let problem = Diagnostic::error(codes::QUERY_TOO_LONG, message);
        return Parsed { query: None, diagnostics: vec![problem] };
    }
    let (first, may_end_early) = attempt(text, false);
    if first.is_valid() || !may_end_early {
        return first;
    }
    // Once a path has swallowed its closing quote, every later quote is taken for its opposite. The errors are put into
    // better words by closing it; the query is wrong either way.
    let (second, _) = attempt(text, true);
    if second.errors() <= first.errors() { second } else { first }
}

/// Reads the query, and tells whether another attempt with `escaped_quote_ends_path` may give better errors.
fn attempt(text: &str, escaped_quote_ends_path: bool) -> (Parsed, bool) {
    let mut problems = Problems::new(codes::FURTHER_PROBLEMS);
    let tokens = lexer::tokens(text, escaped_quote_ends_path, &mut problems);
    let expr = parser::parse(text, &tokens.list, &mut problems);
    let query = ast::Query { expr, span: Span::new(0, text.len()) };
    lint::lint(text, &tokens.list, &query, &mut problems);
    (Parsed { query: Some(query), diagnostics: problems.into_list() }, tokens.escaped_path_end)
}
