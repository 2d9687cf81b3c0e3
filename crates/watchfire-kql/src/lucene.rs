//! The part of Lucene's query-string language that rules use (kql-semantics §10).
//!
//! Rules with `language: lucene` are rare, and their language is larger than what detection needs. This module reads
//! field and free-text values, phrases, wildcards, regular expressions, ranges, groups and the boolean operators, and
//! reports the rest as unsupported: fuzzy terms and proximity.
//!
//! The boolean operators are not what they seem. The language has no precedence: `AND`, `OR`, `NOT`, `+` and `-` only
//! decide for each clause of a group whether it must, may or must not hold. The tree says exactly that; see
//! [`LuceneKind::Boolean`].

mod codes;
mod lexer;
mod parser;

use watchfire_diagnostics::{Diagnostic, Problems, Severity, Span};

pub use self::codes::CODES;
use crate::MAX_QUERY_BYTES;
use crate::ast::FieldName;

/// What became of a query text.
#[derive(Clone, Debug)]
pub struct ParsedLucene {
    /// The tree. With errors it holds what could be made out, and must not be evaluated. `None` if the text is too
    /// long to be read at all.
    pub query: Option<LuceneQuery>,
    /// Errors, warnings and notes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl ParsedLucene {
    /// Whether the tree is the whole query, without any error or unsupported part.
    pub fn is_valid(&self) -> bool {
        self.query.is_some() && self.diagnostics.iter().all(|problem| problem.severity != Severity::Error)
    }
}

/// A whole query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LuceneQuery {
    /// The condition; `None` is the empty query, which matches every event.
    pub expr: Option<LuceneExpr>,
    /// The whole text.
    pub span: Span,
}

/// A condition on one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LuceneExpr {
    /// What it is.
    pub kind: LuceneKind,
    /// Where it stands, parentheses around it included.
    pub span: Span,
}

/// The kinds of conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LuceneKind {
    /// A group of clauses. It holds if every [`Occur::Must`] holds, no [`Occur::MustNot`] does, and, only where there
    /// is no `Must` but some [`Occur::Should`], at least one of these holds. A group of `MustNot` alone holds wherever
    /// none of them does.
    Boolean(Vec<LuceneClause>),
    /// `field:( … )`: the field of every leaf inside that names none.
    Scoped {
        /// The field.
        field: FieldName,
        /// What stands in the parentheses.
        inner: Box<LuceneExpr>,
    },
    /// A question about one field, or about the field of the enclosing scope, or else about all searched fields.
    Leaf {
        /// The field.
        field: Option<FieldName>,
        /// What is asked of it.
        test: LuceneTest,
    },
}

/// A member of a [`LuceneKind::Boolean`] group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LuceneClause {
    /// Whether it must, may or must not hold.
    pub occur: Occur,
    /// The condition.
    pub expr: LuceneExpr,
}

/// What a clause means to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Occur {
    /// It must hold.
    Must,
    /// It may hold; see [`LuceneKind::Boolean`] for when one has to.
    Should,
    /// It must not hold.
    MustNot,
}

/// What a leaf asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LuceneTest {
    /// A word, or several words in a row, which are one text: a keyword field equals it, a text field has any token.
    Text(String),
    /// A quoted text.
    Phrase(String),
    /// A word with `*` or `?` in it.
    Wildcard(LucenePattern),
    /// `/…/`: the expression between the slashes, as written. It must fit the whole value (or token).
    Regex(String),
    /// `[a TO b]`, `{a TO b}`, `>a` and their like.
    Range {
        /// The lower end.
        lower: LuceneBound,
        /// The upper end.
        upper: LuceneBound,
    },
    /// `_exists_:f`, `f:*`: the field has a value. Without a field (`*`), or with the field `*` (`*:*`), everything.
    Exists,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LuceneBound {
    /// `*`: none.
    Unbounded,
    /// The value belongs to the range.
    Inclusive(String),
    /// The value does not belong to the range.
    Exclusive(String),
}

/// A text with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LucenePattern {
    /// The texts and the wildcards between them, in order.
    pub parts: Vec<LucenePart>,
}

/// A piece of a [`LucenePattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LucenePart {
    /// These characters, exactly.
    Text(String),
    /// `*`: any run of characters, also none.
    Any,
    /// `?`: one character.
    One,
}

/// Reads a query.
pub fn parse(text: &str) -> ParsedLucene {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!(
            "the query has {} bytes, {} more than the limit",
            text.len(),
            text.len() - MAX_QUERY_BYTES
        );
        let problem = Diagnostic::error(codes::QUERY_TOO_LONG, message);
        return ParsedLucene { query: None, diagnostics: vec![problem] };
    }
    let mut problems = Problems::new(codes::FURTHER_PROBLEMS);
    let tokens = lexer::tokens(text, &mut problems);
    let expr = parser::parse(text, &tokens, &mut problems);
    let query = LuceneQuery { expr, span: Span::new(0, text.len()) };
    ParsedLucene { query: Some(query), diagnostics: problems.into_list() }
}
