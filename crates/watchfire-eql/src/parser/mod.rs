//! From tokens to a tree (eql-semantics §3).
//!
//! A hand-written parser: queries and clauses by recursive descent, operators by precedence. It never gives up: where
//! something is wrong it says so once, makes of it what the author most likely meant or an
//! [`Invalid`](crate::ast::ExprKind::Invalid) node, and goes on behind it. Every loop steps over at least one token, and
//! recursion is bounded by [`MAX_NESTING`], so any text is read in time linear in its length and in bounded stack.

mod clauses;
mod cursor;
mod expression;
mod foreign;
mod lists;
mod operand;
mod query;

use watchfire_diagnostics::{Diagnostic, Severity, Span};

use crate::ast::{Expr, ExprKind, Query};
use crate::lexer::{Token, TokenKind, lex};
use crate::limits::{MAX_NESTING, MAX_QUERY_BYTES};
use crate::problems::Problems;
use crate::{checks, codes};

/// What became of a query's text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The tree; absent only if the text holds nothing or is too long. Beside errors it is what could be read.
    pub query: Option<Query>,
    /// What there is to say, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether the query is well formed and uses nothing that is refused: there is no diagnostic of severity error.
    pub fn is_valid(&self) -> bool {
        is_valid(&self.diagnostics)
    }
}

/// What became of an expression's text.
#[derive(Clone, Debug)]
pub struct ParsedExpression {
    /// The tree; absent only if the text holds nothing or is too long.
    pub expression: Option<Expr>,
    /// What there is to say, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

impl ParsedExpression {
    /// Whether the expression is well formed and uses nothing that is refused.
    pub fn is_valid(&self) -> bool {
        is_valid(&self.diagnostics)
    }
}

fn is_valid(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().all(|diagnostic| diagnostic.severity < Severity::Error)
}

/// Reads a query. Never fails and never panics; everything wrong is in the diagnostics.
pub fn parse(text: &str) -> Parsed {
    let mut problems = Problems::default();
    let query = Parser::begin(text, &mut problems).and_then(|mut parser| {
        let query = parser.statement();
        problems = parser.problems;
        query
    });
    if let Some(query) = &query {
        problems.extend(checks::check_after_parsing(query, !problems.has_errors()));
    }
    Parsed { query, diagnostics: problems.into_sorted() }
}

/// Reads an expression alone, such as the condition of an exception or a case of a test.
pub fn parse_expression(text: &str) -> ParsedExpression {
    let mut problems = Problems::default();
    let expression = Parser::begin(text, &mut problems).and_then(|mut parser| {
        let expression = parser.lone_expression();
        problems = parser.problems;
        expression
    });
    if let Some(expression) = &expression {
        problems.extend(checks::check_expression(expression));
    }
    ParsedExpression { expression, diagnostics: problems.into_sorted() }
}

/// A tree with its height, which the parser bounds so that whoever walks or drops the tree may recurse.
struct Tree {
    expr: Expr,
    height: usize,
}

struct Parser<'t> {
    text: &'t str,
    /// The tokens that mean something; the last is the end.
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    /// Parentheses that were opened and not closed yet.
    open_parentheses: usize,
    problems: Problems,
    /// The token that was complained about last: one place gets one complaint.
    complained_at: Option<usize>,
    /// Tokens before which something stands that means nothing, which has been complained about; in order.
    behind_nonsense: Vec<usize>,
    /// Set when nothing more is to be read or said.
    given_up: bool,
    /// Names given to stages so far by `as`.
    aliases: Vec<String>,
}

impl<'t> Parser<'t> {
    fn begin(text: &'t str, problems: &mut Problems) -> Option<Self> {
        if text.len() > MAX_QUERY_BYTES {
            let message =
                format!("the query has {} bytes, more than the {MAX_QUERY_BYTES} allowed", text.len());
            problems.push(Diagnostic::error(codes::QUERY_TOO_LONG, message));
            return None;
        }
        let (mut tokens, problems) = lex(text);
        tokens.retain(|token| !token.kind.is_trivia());
        let mut behind_nonsense = Vec::new();
        let mut kept = 0;
        tokens.retain(|token| {
            let means_something = token.kind != TokenKind::Unknown;
            if means_something {
                kept += 1;
            } else {
                behind_nonsense.push(kept);
            }
            means_something
        });
        Some(Self {
            text,
            tokens,
            position: 0,
            depth: 0,
            open_parentheses: 0,
            problems,
            complained_at: None,
            behind_nonsense,
            given_up: false,
            aliases: Vec::new(),
        })
    }

    /// A node over children of which the highest has `height`.
    fn node(&mut self, kind: ExprKind, span: Span, height: usize) -> Tree {
        if height >= MAX_NESTING {
            self.give_up_as_too_deep(span);
            return invalid(span);
        }
        Tree { expr: Expr::new(kind, span), height: height + 1 }
    }

    fn give_up_as_too_deep(&mut self, span: Span) {
        if !self.given_up {
            let message = format!("the query nests deeper than {MAX_NESTING} levels");
            let place = Span::empty(span.start as usize);
            self.problems
                .push(Diagnostic::error(codes::TOO_DEEP, message).at(place, "not read from here on"));
        }
        self.given_up = true;
        self.position = self.tokens.len() - 1;
    }
}

fn leaf(kind: ExprKind, span: Span) -> Tree {
    Tree { expr: Expr::new(kind, span), height: 1 }
}

fn invalid(span: Span) -> Tree {
    leaf(ExprKind::Invalid, span)
}
