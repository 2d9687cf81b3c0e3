//! Predicates: `in`, and the pattern operators with what stands on their right side.

use watchfire_diagnostics::{Diagnostic, Span};

use super::{Parser, Tree, invalid};
use crate::ast::{Constant, Expr, ExprKind, MatchOp};
use crate::codes;
use crate::lexer::{Keyword, TokenKind};

impl Parser<'_> {
    /// Whether a predicate begins at the cursor, `not` before it included.
    pub(super) fn at_predicate(&self) -> bool {
        match self.keyword_at(0) {
            Some(Keyword::In | Keyword::InIgnoreCase) => true,
            Some(Keyword::Not) => self.predicate_op_behind_not() || self.infix_not().is_some(),
            _ => self.match_op(0).is_some(),
        }
    }

    fn predicate_op_behind_not(&self) -> bool {
        matches!(self.keyword_at(1), Some(Keyword::In | Keyword::InIgnoreCase))
    }

    /// The operator behind an infix `not` that may not have one.
    fn infix_not(&self) -> Option<MatchOp> {
        self.at_keyword(Keyword::Not).then(|| self.match_op(1)).flatten()
    }

    fn match_op(&self, ahead: usize) -> Option<MatchOp> {
        if self.nth(ahead) == TokenKind::Colon {
            return Some(MatchOp::Colon);
        }
        Some(match self.keyword_at(ahead)? {
            Keyword::Like => MatchOp::Like,
            Keyword::LikeIgnoreCase => MatchOp::LikeIgnoreCase,
            Keyword::Regex => MatchOp::Regex,
            Keyword::RegexIgnoreCase => MatchOp::RegexIgnoreCase,
            _ => return None,
        })
    }

    /// The predicate at the cursor with what stands before it.
    pub(super) fn predicate(&mut self, subject: Tree) -> Tree {
        if let Some(op) = self.infix_not() {
            return self.negated_match(subject, op);
        }
        let start = self.span();
        let negated = self.eat_keyword(Keyword::Not).is_some();
        match self.match_op(0) {
            Some(op) if !negated => self.pattern_match(subject, op),
            _ => self.membership(subject, start, negated),
        }
    }

    /// `a not like "x"`: refused, and read as `not a like "x"`.
    fn negated_match(&mut self, subject: Tree, op: MatchOp) -> Tree {
        let op_span = self.span();
        let subject_text = self.slice(subject.expr.span).to_owned();
        let replaced = Span { start: subject.expr.span.start, end: op_span.end };
        let diagnostic =
            Diagnostic::error(codes::INFIX_NOT, format!("`not` cannot stand before `{}`", op.as_str()))
                .at(op_span, "")
                .with_help(format!("put it before the whole: `not … {} …`", op.as_str()))
                .with_edit(replaced, format!("not {subject_text}"));
        self.say(diagnostic);
        self.eat_keyword(Keyword::Not);
        let positive = self.pattern_match(subject, op);
        let span = positive.expr.span;
        let kind = ExprKind::Not { operand: Box::new(positive.expr), op_span };
        self.node(kind, span, positive.height)
    }

    fn pattern_match(&mut self, subject: Tree, op: MatchOp) -> Tree {
        let op_span = self.take_operator();
        let Some(patterns) = self.patterns(op) else {
            return invalid(self.span_from(subject.expr.span));
        };
        let span = self.span_from(subject.expr.span);
        let kind = ExprKind::Match { subject: Box::new(subject.expr), op, op_span, patterns };
        self.node(kind, span, subject.height)
    }

    /// Steps over the word or sign of a predicate.
    fn take_operator(&mut self) -> Span {
        match self.keyword_at(0) {
            Some(keyword) => self.eat_keyword(keyword).unwrap_or_else(|| self.span()),
            None => self.bump(),
        }
    }

    /// The constants on the right side of a pattern operator; `None` if anything else was among them.
    fn patterns(&mut self, op: MatchOp) -> Option<Vec<Constant>> {
        if !self.at(TokenKind::LeftParen) {
            return self.pattern(op).map(|pattern| vec![pattern]);
        }
        let opening = self.open_parenthesis();
        let mut patterns = Some(Vec::new());
        if self.at(TokenKind::RightParen) {
            self.complain_empty_list(opening);
            patterns = None;
        }
        while !self.at(TokenKind::RightParen) && !self.at_end() {
            let position = self.position;
            match (self.pattern(op), &mut patterns) {
                (Some(pattern), Some(patterns)) => patterns.push(pattern),
                _ => patterns = None,
            }
            if self.at_constant() {
                self.complain_missing_comma();
            }
            if self.list_goes_on(TokenKind::RightParen) {
                continue;
            }
            if !self.at(TokenKind::RightParen) {
                self.complain_after_pattern();
                self.skip_to(&[
                    TokenKind::Comma,
                    TokenKind::RightParen,
                    TokenKind::RightBracket,
                    TokenKind::Pipe,
                ]);
                patterns = None;
                if self.eat(TokenKind::Comma).is_none() {
                    break;
                }
            }
            if self.position == position {
                break;
            }
        }
        self.close(TokenKind::RightParen, ")", opening);
        patterns.filter(|patterns| !patterns.is_empty())
    }

    /// Whether a string or a number stands at the cursor.
    pub(super) fn at_constant(&self) -> bool {
        let kind = self.kind();
        kind.is_string() || matches!(kind, TokenKind::Integer | TokenKind::Decimal)
    }

    pub(super) fn complain_missing_comma(&mut self) {
        let place = Span::empty(self.end_of_last());
        self.complain(|parser| {
            let message = format!("expected `,`, found {}", parser.name_of(0));
            Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                .at(parser.span(), "expected `,`")
                .with_help("elements of a list are separated by `,`")
                .with_edit(place, ",")
        });
    }

    fn complain_after_pattern(&mut self) {
        if self.at_keyword(Keyword::Or) || self.at_keyword(Keyword::And) {
            self.complain(|parser| {
                let message = format!("{} stands between patterns", parser.name_of(0));
                Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                    .at(parser.span(), "expected `,`")
                    .with_help("patterns are separated by `,`; any of them suffices")
            });
        } else if !self.at(TokenKind::RightBracket) && !self.at(TokenKind::Pipe) && !self.at_end() {
            self.complain_expected(codes::UNEXPECTED_TOKEN, "`,` or `)`");
        }
    }

    fn pattern(&mut self, op: MatchOp) -> Option<Constant> {
        let start = self.span();
        if let Some(literal) = self.literal() {
            return Some(Constant { literal, span: start });
        }
        self.complain(|parser| {
            let message = format!("a constant must follow `{op}`, found {}", parser.name_of(0));
            let diagnostic = Diagnostic::error(codes::PATTERN_NOT_CONSTANT, message).at(start, "");
            match parser.kind() {
                TokenKind::Minus | TokenKind::Plus => {
                    diagnostic.with_help("a number with a sign is an expression: compare with `==`")
                }
                TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Question => diagnostic
                    .with_help("a string is written between `\"`; a field or function can stand on the left side only"),
                _ => diagnostic,
            }
        });
        let closes = matches!(
            self.kind(),
            TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::Comma
                | TokenKind::Pipe
                | TokenKind::End
        );
        if !closes {
            self.not_a_constant();
        }
        None
    }

    fn membership(&mut self, subject: Tree, start: Span, negated: bool) -> Tree {
        let ignore_case = self.at_keyword(Keyword::InIgnoreCase);
        let op_span = start.cover(self.take_operator());
        let Some((list, height)) = self.list() else {
            return invalid(self.span_from(subject.expr.span));
        };
        let span = self.span_from(subject.expr.span);
        let height = height.max(subject.height);
        let kind = ExprKind::In { subject: Box::new(subject.expr), ignore_case, negated, op_span, list };
        self.node(kind, span, height)
    }

    /// The elements behind `in`, and the height of the highest.
    fn list(&mut self) -> Option<(Vec<Expr>, usize)> {
        let (opening, closing, sign) = match self.kind() {
            TokenKind::LeftParen => (self.open_parenthesis(), TokenKind::RightParen, ")"),
            TokenKind::LeftBracket => {
                self.complain_list_brackets();
                (self.bump(), TokenKind::RightBracket, "]")
            }
            _ => {
                let known = self.at_constant() || self.at(TokenKind::Identifier);
                if !known {
                    self.complain_expected(codes::UNEXPECTED_TOKEN, "`(`");
                    return None;
                }
                self.complain_list_brackets();
                let element = self.not_a_constant();
                return Some((vec![element.expr], element.height));
            }
        };
        if self.at(closing) {
            self.complain_empty_list(opening);
            self.close(closing, sign, opening);
            return None;
        }
        let (mut list, mut height) = (Vec::new(), 0);
        loop {
            let element = self.expression(&[TokenKind::Comma, closing]);
            height = height.max(element.height);
            list.push(element.expr);
            if !self.list_goes_on(closing) {
                break;
            }
        }
        self.close(closing, sign, opening);
        Some((list, height))
    }

    fn complain_list_brackets(&mut self) {
        self.complain(|parser| {
            let diagnostic =
                Diagnostic::error(codes::LIST_BRACKETS, "the list behind `in` has no parentheses")
                    .at(parser.span(), "expected `(`");
            if parser.at_constant() {
                let replacement = format!("({})", parser.slice(parser.span()));
                return diagnostic
                    .with_help("write it in parentheses, also if it has one element")
                    .with_edit(parser.span(), replacement);
            }
            diagnostic.with_help("write it in parentheses")
        });
    }

    fn complain_empty_list(&mut self, opening: Span) {
        let closing = self.span();
        self.complain(|_| {
            Diagnostic::error(codes::EMPTY_LIST, "the list is empty")
                .at(opening.cover(closing), "")
                .with_help("name at least one element")
        });
    }
}
