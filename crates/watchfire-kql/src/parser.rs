//! Tokens to tree (kql-semantics §2).
//!
//! The same ladder of `or`, `and` and `not` is climbed twice: by conditions, and by the values of a group behind
//! `field:`. It is written once, over the trait [`Operand`]. What goes wrong is put into words in [`recovery`].

mod operand;
mod recovery;

use watchfire_diagnostics::{Diagnostic, Problems, Span};

use self::operand::Operand;
use crate::ast::{
    Expr, ExprKind, FieldName, NamePattern, Value, ValueExpr, ValueKind, ValueLiteral, WildcardPart,
    WildcardPattern,
};
use crate::token::{Bracket, Token, TokenKind};

/// How deeply parentheses, braces and `not` may be nested. It bounds the recursion of this parser and of everything
/// that walks the tree; the tree is at most three times as deep.
pub const MAX_NESTING: usize = 128;

/// Parses all tokens. `None` is an empty query, or one of which nothing could be made out.
pub(crate) fn parse(text: &str, tokens: &[Token], problems: &mut Problems) -> Option<Expr> {
    let mut parser =
        Parser { text, tokens, at: 0, open: Vec::new(), depth: 0, last_error_at: None, problems };
    if parser.kind() == &TokenKind::End {
        return None;
    }
    let mut found = Vec::new();
    loop {
        found.extend(parser.ladder::<Expr>());
        if parser.kind() == &TokenKind::End {
            break;
        }
        // The ladder stops early only at a closing bracket; what follows it is read as well, for its errors.
        parser.stray_close();
        if parser.kind() == &TokenKind::End {
            break;
        }
    }
    Expr::joined(found, Expr::and)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// The brackets that are open at the current place.
    open: Vec<Bracket>,
    /// How many brackets and negations the current place is nested in.
    depth: usize,
    /// The token at which the last error was reported; what follows from it at the same token is not.
    last_error_at: Option<usize>,
    problems: &'a mut Problems,
}

impl<'a> Parser<'a> {
    fn token(&self) -> &'a Token {
        &self.tokens[self.at]
    }

    fn kind(&self) -> &'a TokenKind {
        &self.token().kind
    }

    fn span(&self) -> Span {
        self.token().span
    }

    fn previous(&self) -> Option<&'a Token> {
        self.at.checked_sub(1).map(|at| &self.tokens[at])
    }

    fn next_kind(&self) -> &'a TokenKind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    /// Steps over the current token; the last one, the end, stays.
    fn bump(&mut self) -> &'a Token {
        let token = self.token();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, kind: &TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.bump();
        }
        found
    }

    fn error(&mut self, problem: Diagnostic) {
        if self.last_error_at != Some(self.at) {
            self.problems.push(problem);
        }
        self.last_error_at = Some(self.at);
    }

    /// `and { or and }`, the weakest step of the ladder.
    fn ladder<T: Operand>(&mut self) -> Option<T> {
        let mut operands = Vec::new();
        loop {
            operands.extend(self.conjunction::<T>());
            if !self.accept(&TokenKind::Or) {
                break;
            }
        }
        T::joined(operands, T::or)
    }

    /// `unary { and unary }`.
    fn conjunction<T: Operand>(&mut self) -> Option<T> {
        let mut operands = Vec::new();
        operands.extend(self.unary::<T>());
        loop {
            match self.kind() {
                TokenKind::And => {
                    self.bump();
                    operands.extend(self.unary::<T>());
                }
                TokenKind::Or | TokenKind::Close(_) | TokenKind::End => break,
                TokenKind::Open(_)
                | TokenKind::Colon
                | TokenKind::Range(_)
                | TokenKind::Not
                | TokenKind::Quoted(_)
                | TokenKind::Unquoted(_) => operands.extend(self.recover_connective::<T>()),
            }
        }
        T::joined(operands, T::and)
    }

    /// `[ not ] atom`. A repeated `not` is an error before a condition, and a warning before a value.
    fn unary<T: Operand>(&mut self) -> Option<T> {
        let mut negations = Vec::new();
        while self.kind() == &TokenKind::Not {
            negations.push(self.bump().span);
        }
        if negations.len() > 1 {
            self.repeated_not::<T>(&negations);
        }
        if self.depth + negations.len() > MAX_NESTING {
            self.too_deep(negations[MAX_NESTING - self.depth]);
            negations.clear();
        }
        self.depth += negations.len();
        let atom = T::atom(self);
        self.depth -= negations.len();
        let atom = atom?;
        Some(negations.iter().rev().fold(atom, |inner, negation| T::not(*negation, inner)))
    }

    /// What stands between an opening bracket, the current token, and its partner; with the span of both.
    fn bracketed<T: Operand>(&mut self, bracket: Bracket) -> (Option<T>, Span) {
        let opening = self.bump().span;
        if self.depth >= MAX_NESTING {
            self.too_deep(opening);
            self.skip_to_partner();
            return (None, opening.cover(self.previous().map_or(opening, |last| last.span)));
        }
        self.open.push(bracket);
        self.depth += 1;
        let inner = self.ladder::<T>();
        self.depth -= 1;
        self.open.pop();
        let end = self.close(bracket, opening);
        (inner, opening.cover(end))
    }

    /// Steps over everything up to the partner of the bracket just passed, without recursion.
    fn skip_to_partner(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 && self.kind() != &TokenKind::End {
            match self.bump().kind {
                TokenKind::Open(_) => depth += 1,
                TokenKind::Close(_) => depth -= 1,
                _ => {}
            }
        }
    }

    /// A condition without connectives: a group, or a leaf.
    fn condition(&mut self) -> Option<Expr> {
        match self.kind() {
            TokenKind::Open(Bracket::Parenthesis) => {
                let (inner, span) = self.bracketed::<Expr>(Bracket::Parenthesis);
                inner.map(|inner| Expr { span, ..inner })
            }
            TokenKind::Quoted(_) | TokenKind::Unquoted(_) => self.leaf(),
            TokenKind::Open(Bracket::Brace) => {
                self.brace_without_path();
                let (inner, span) = self.bracketed::<Expr>(Bracket::Brace);
                inner.map(|inner| Expr { span, ..inner })
            }
            TokenKind::Colon | TokenKind::Range(_) => {
                self.missing_field();
                self.bump();
                // What would have been the values is read for its errors only.
                if matches!(self.kind(), TokenKind::Quoted(_) | TokenKind::Unquoted(_) | TokenKind::Open(_)) {
                    self.values();
                }
                None
            }
            TokenKind::Close(_) | TokenKind::And | TokenKind::Or | TokenKind::Not | TokenKind::End => {
                self.missing_operand();
                None
            }
        }
    }

    fn leaf(&mut self) -> Option<Expr> {
        let first = self.bump();
        match self.kind() {
            TokenKind::Colon => {
                self.bump();
                let field = field_name(first);
                if self.kind() == &TokenKind::Open(Bracket::Brace) {
                    let (inner, span) = self.bracketed::<Expr>(Bracket::Brace);
                    let kind = ExprKind::Nested { path: field, inner: Box::new(inner?) };
                    return Some(Expr { kind, span: first.span.cover(span) });
                }
                if let TokenKind::Range(_) = self.kind() {
                    self.range_after_colon();
                    return self.range(first);
                }
                if self.kind() == &TokenKind::Not {
                    self.not_before_value(first);
                    self.bump();
                }
                let values = self.values()?;
                let span = first.span.cover(values.span);
                Some(Expr { kind: ExprKind::Field { field, values }, span })
            }
            TokenKind::Range(_) => self.range(first),
            TokenKind::Open(_)
            | TokenKind::Close(_)
            | TokenKind::And
            | TokenKind::Or
            | TokenKind::Not
            | TokenKind::Quoted(_)
            | TokenKind::Unquoted(_)
            | TokenKind::End => {
                let value = value(first)?;
                Some(Expr { span: value.span, kind: ExprKind::FreeText(value) })
            }
        }
    }

    /// The operator, the current token, and its bound.
    fn range(&mut self, field: &Token) -> Option<Expr> {
        let operator = self.bump();
        let TokenKind::Range(op) = operator.kind else { return None };
        let Some(value) = value(self.token()) else {
            self.missing_operand();
            return None;
        };
        self.bump();
        let span = field.span.cover(value.span);
        let kind = ExprKind::Range { field: field_name(field), op, value, op_span: operator.span };
        Some(Expr { kind, span })
    }

    /// What stands behind `field:`, one value or a group.
    fn values(&mut self) -> Option<ValueExpr> {
        match self.kind() {
            TokenKind::Open(Bracket::Parenthesis) => {
                let (inner, span) = self.bracketed::<ValueExpr>(Bracket::Parenthesis);
                inner.map(|inner| ValueExpr { span, ..inner })
            }
            TokenKind::Open(Bracket::Brace) => {
                self.brace_in_values();
                let (inner, span) = self.bracketed::<ValueExpr>(Bracket::Brace);
                inner.map(|inner| ValueExpr { span, ..inner })
            }
            TokenKind::Quoted(_) | TokenKind::Unquoted(_) => {
                let value = value(self.bump())?;
                Some(ValueExpr { span: value.span, kind: ValueKind::Value(value) })
            }
            TokenKind::Close(_)
            | TokenKind::Colon
            | TokenKind::Range(_)
            | TokenKind::And
            | TokenKind::Or
            | TokenKind::Not
            | TokenKind::End => {
                self.missing_operand();
                None
            }
        }
    }
}

/// The name that a literal gives to a field.
fn field_name(token: &Token) -> FieldName {
    let (name, quoted) = match &token.kind {
        TokenKind::Quoted(name) => (NamePattern::Exact(name.clone()), true),
        TokenKind::Unquoted(parts) => match plain_text(parts) {
            Some(name) => (NamePattern::Exact(name.to_owned()), false),
            None => (NamePattern::Pattern(WildcardPattern { parts: parts.clone() }), false),
        },
        _ => unreachable!("a field name is a literal"),
    };
    FieldName { name, quoted, span: token.span }
}

/// The value of a literal; `None` if the token is something else.
fn value(token: &Token) -> Option<Value> {
    let kind = match &token.kind {
        TokenKind::Quoted(text) => ValueLiteral::Phrase(text.clone()),
        TokenKind::Unquoted(parts) => match (plain_text(parts), parts.as_slice()) {
            (Some("null"), _) => ValueLiteral::Null,
            (Some("true"), _) => ValueLiteral::Boolean(true),
            (Some("false"), _) => ValueLiteral::Boolean(false),
            (Some(text), _) => ValueLiteral::Text(text.to_owned()),
            (None, [WildcardPart::Any]) => ValueLiteral::Exists,
            (None, parts) => ValueLiteral::Wildcard(WildcardPattern { parts: parts.to_vec() }),
        },
        _ => return None,
    };
    Some(Value { kind, span: token.span })
}

/// The text of an unquoted literal without stars.
fn plain_text(parts: &[WildcardPart]) -> Option<&str> {
    match parts {
        [] => Some(""),
        [WildcardPart::Text(text)] => Some(text),
        _ => None,
    }
}
