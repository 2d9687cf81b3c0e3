//! Elastic's Event Query Language, from text to tree and back.
//!
//! ```text
//!  text ──lexer──► tokens ──parser──► Query (ast) ──print──► text that parses to the same tree
//!                     └──────┬───────────┘ │
//!                            ▼             ▼
//!                        diagnostics ◄── checks   what needs no schema: functions, pipes, stages, keys
//! ```
//!
//! [`parse`] never fails: it returns the tree it could make and everything it has to say, several problems at once. The
//! tree has a span on every node and is said in [`ast`]; the meaning of fields and types is not known here, that is the
//! resolver's. The language is that of Elasticsearch. Endgame's older dialect and the extensions of Elastic Defend's
//! behaviour rules are read as far as needed to say which of their features a query uses ([`codes`]), then refused.
//!
//! This crate knows no schema, no evaluation and no rule files.
//!
//! ```
//! let parsed = watchfire_eql::parse("process where process.name = \"cmd.exe\"");
//! assert!(!parsed.is_valid());
//! assert_eq!(parsed.diagnostics[0].code, watchfire_eql::codes::SINGLE_EQUALS);
//! let query = parsed.query.expect("the rest could be read");
//! assert_eq!(query.to_string(), "process where process.name == \"cmd.exe\"");
//! ```

pub mod ast;
mod checks;
pub mod codes;
mod endgame;
pub mod functions;
mod lexer;
pub mod limits;
mod parser;
mod print;
mod problems;

pub use checks::check;
pub use codes::CODES;
pub use lexer::{Keyword, Token, TokenKind, tokenize};
pub use parser::{Parsed, ParsedExpression, parse, parse_expression};
