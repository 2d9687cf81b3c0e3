//! Operators and their precedence.

use watchfire_diagnostics::{Diagnostic, Span};

use super::{Parser, Tree, invalid};
use crate::ast::{ArithmeticOp, CompareOp, Expr, ExprKind};
use crate::codes;
use crate::lexer::{Keyword, TokenKind};
use crate::limits::MAX_NESTING;

/// How tightly an operator binds: each takes operands of a greater level only (eql-semantics §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Compare,
    Sum,
    Product,
    Unary,
}

impl Parser<'_> {
    /// An expression that ends at one of `ends`, whatever must be passed over to get there. It stops earlier only
    /// before what closes or follows something around it.
    pub(super) fn expression(&mut self, ends: &[TokenKind]) -> Tree {
        let mut tree = self.tree(Level::Or);
        // Words in a row are one mistake.
        let mut in_a_row = false;
        while !self.at_end() && !ends.contains(&self.kind()) && !self.ends_any_expression() {
            if ends.contains(&TokenKind::Comma) && self.at_constant() {
                self.complain_missing_comma();
                break;
            } else if self.starts_operand() {
                if in_a_row {
                    self.complained_at = Some(self.position);
                }
                self.complain(|parser| {
                    let message = format!("expected an operator, found {}", parser.name_of(0));
                    Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                        .at(parser.span(), "expected an operator")
                        .with_help("two conditions are joined by `and` or `or`")
                });
                let further = self.tree(Level::Or);
                in_a_row = matches!(further.expr.kind, ExprKind::Field(_) | ExprKind::Literal(_));
                let span = tree.expr.span.cover(further.expr.span);
                let height = tree.height.max(further.height);
                tree = self.node(ExprKind::And(vec![tree.expr, further.expr]), span, height);
            } else {
                self.complain_expected(codes::UNEXPECTED_TOKEN, "an operator");
                self.bump();
            }
        }
        tree
    }

    /// Whether what comes next belongs to something around the expression, wherever the expression stands.
    fn ends_any_expression(&self) -> bool {
        use TokenKind as K;
        let closes = matches!(self.kind(), K::RightParen | K::RightBracket | K::Comma | K::Pipe);
        let opens = matches!(self.kind(), K::LeftBracket | K::MissingBracket);
        let clause = matches!(self.keyword_at(0), Some(Keyword::By | Keyword::With | Keyword::Until));
        closes || opens || clause
    }

    fn starts_operand(&self) -> bool {
        use TokenKind as K;
        match self.kind() {
            K::Identifier
            | K::QuotedIdentifier
            | K::Variable
            | K::Question
            | K::LeftParen
            | K::Integer
            | K::Decimal => true,
            kind if kind.is_string() => true,
            K::Keyword(word) => {
                matches!(word, Keyword::True | Keyword::False | Keyword::Null | Keyword::Not)
            }
            _ => false,
        }
    }

    /// An expression whose operators bind at least as tightly as `level`.
    pub(super) fn tree(&mut self, level: Level) -> Tree {
        if self.depth >= MAX_NESTING {
            let span = self.span();
            self.give_up_as_too_deep(span);
            return invalid(Span::empty(span.start as usize));
        }
        self.depth += 1;
        let mut left = self.prefix(level);
        loop {
            if level <= Level::Or && self.at_connective(Keyword::Or, TokenKind::DoublePipe) {
                left = self.chain(left, Keyword::Or, TokenKind::DoublePipe, Level::And);
            } else if level <= Level::And && self.at_connective(Keyword::And, TokenKind::DoubleAmpersand) {
                left = self.chain(left, Keyword::And, TokenKind::DoubleAmpersand, Level::Not);
            } else if level <= Level::Compare && self.compare_op().is_some() {
                left = self.comparison(left);
            } else if level <= Level::Compare && self.foreign_word().is_some() {
                left = self.foreign_comparison(&left);
            } else if let Some((op, operand)) = self.arithmetic_op().filter(|&(_, operand)| operand > level) {
                let op_span = self.bump();
                let right = self.tree(operand);
                let span = left.expr.span.cover(right.expr.span);
                let height = left.height.max(right.height);
                let (left_side, right_side) = (Box::new(left.expr), Box::new(right.expr));
                let kind = ExprKind::Arithmetic { op, op_span, left: left_side, right: right_side };
                left = self.node(kind, span, height);
            } else if level == Level::Or && self.at(TokenKind::RightParen) && self.open_parentheses == 0 {
                self.take_stray_closing();
            } else {
                break;
            }
        }
        self.depth -= 1;
        left
    }

    fn at_connective(&self, keyword: Keyword, foreign: TokenKind) -> bool {
        self.at_keyword(keyword) || self.at(foreign)
    }

    /// The rest of `left and … and …`, or of the same with `or`.
    fn chain(&mut self, left: Tree, keyword: Keyword, foreign: TokenKind, operand: Level) -> Tree {
        let (mut span, mut height) = (left.expr.span, left.height);
        let mut operands = vec![left.expr];
        while self.at_connective(keyword, foreign) {
            if self.at(foreign) {
                self.take_foreign_operator(1, keyword.as_str());
            } else {
                self.eat_keyword(keyword);
            }
            let next = self.tree(operand);
            span = span.cover(next.expr.span);
            height = height.max(next.height);
            operands.push(next.expr);
        }
        let kind = if keyword == Keyword::Or { ExprKind::Or(operands) } else { ExprKind::And(operands) };
        self.node(kind, span, height)
    }

    fn prefix(&mut self, level: Level) -> Tree {
        let start = self.span();
        // `NOT (…)` looks like a call, but there is no such function.
        let upper_case_not = self.at(TokenKind::Identifier) && self.at_keyword(Keyword::Not) && {
            let next = self.nth(1);
            next == TokenKind::LeftParen || next == TokenKind::Identifier || next == TokenKind::Question
        };
        if self.at(TokenKind::Keyword(Keyword::Not)) || upper_case_not || self.at(TokenKind::Bang) {
            if level > Level::Not {
                self.complain(|parser| {
                    let message = format!("{} cannot stand on one side of an operator", parser.name_of(0));
                    Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                        .at(parser.span(), "")
                        .with_help("put the negation between parentheses")
                });
            }
            let op_span = if self.at(TokenKind::Bang) {
                self.take_foreign_operator(1, "not")
            } else {
                self.eat_keyword(Keyword::Not).unwrap_or(start)
            };
            let operand = self.tree(Level::Not);
            let span = start.cover(operand.expr.span);
            return self.node(
                ExprKind::Not { operand: Box::new(operand.expr), op_span },
                span,
                operand.height,
            );
        }
        if let Some(op_span) = self.eat(TokenKind::Minus) {
            let operand = self.tree(Level::Unary);
            let span = start.cover(operand.expr.span);
            return self.node(
                ExprKind::Negate { operand: Box::new(operand.expr), op_span },
                span,
                operand.height,
            );
        }
        if self.eat(TokenKind::Plus).is_some() {
            let mut operand = self.tree(Level::Unary);
            operand.expr.span = start.cover(operand.expr.span);
            return operand;
        }
        self.operand_with_predicate()
    }

    fn arithmetic_op(&self) -> Option<(ArithmeticOp, Level)> {
        Some(match self.kind() {
            TokenKind::Plus => (ArithmeticOp::Add, Level::Product),
            TokenKind::Minus => (ArithmeticOp::Subtract, Level::Product),
            TokenKind::Star => (ArithmeticOp::Multiply, Level::Unary),
            TokenKind::Slash => (ArithmeticOp::Divide, Level::Unary),
            TokenKind::Percent => (ArithmeticOp::Remainder, Level::Unary),
            _ => return None,
        })
    }

    /// The comparison that stands at the cursor; `=` counts as `==`.
    pub(super) fn compare_op(&self) -> Option<CompareOp> {
        Some(match self.kind() {
            TokenKind::Equal | TokenKind::Assign => CompareOp::Equal,
            TokenKind::NotEqual => CompareOp::NotEqual,
            TokenKind::Less => CompareOp::Less,
            TokenKind::LessOrEqual => CompareOp::LessOrEqual,
            TokenKind::Greater => CompareOp::Greater,
            TokenKind::GreaterOrEqual => CompareOp::GreaterOrEqual,
            _ => return None,
        })
    }

    fn comparison(&mut self, left: Tree) -> Tree {
        let (op, op_span) = self.take_compare_op();
        let right = self.tree(Level::Sum);
        let span = left.expr.span.cover(right.expr.span);
        let height = left.height.max(right.height);
        let middle = right.expr.span;
        let kind = ExprKind::Compare { op, op_span, left: Box::new(left.expr), right: Box::new(right.expr) };
        let mut comparison = self.node(kind, span, height);
        while self.compare_op().is_some() {
            let second_op = self.span();
            self.complain(|parser| {
                let (op, next, middle) = (parser.quote(op_span), parser.name_of(0), parser.quote(middle));
                Diagnostic::error(
                    codes::CHAINED_COMPARISON,
                    format!("{next} follows another comparison, `{op}`"),
                )
                .at(second_op, "")
                .at(op_span, "first comparison")
                .with_help(format!(
                    "repeat the operand: `… {op} {middle} and {middle} {} …`",
                    next.trim_matches('`')
                ))
            });
            self.take_compare_op_silently();
            let further = self.tree(Level::Sum);
            comparison.expr.span = comparison.expr.span.cover(further.expr.span);
        }
        comparison
    }

    /// Steps over a comparison operator, with a word about those that are written otherwise here.
    fn take_compare_op(&mut self) -> (CompareOp, Span) {
        let op = self.compare_op().unwrap_or(CompareOp::Equal);
        if self.at(TokenKind::Less) && self.nth(1) == TokenKind::Greater && self.is_glued(1) {
            return (CompareOp::NotEqual, self.take_foreign_operator(2, "!="));
        }
        if self.at(TokenKind::Equal) && self.nth(1) == TokenKind::Assign && self.is_glued(1) {
            return (op, self.take_foreign_operator(2, "=="));
        }
        if self.at(TokenKind::Assign) && self.nth(1) == TokenKind::Tilde && self.is_glued(1) {
            return (op, self.take_foreign_operator(2, ":"));
        }
        if self.at(TokenKind::Assign) {
            let span = self.span();
            let diagnostic = Diagnostic::error(codes::SINGLE_EQUALS, "`=` does not compare")
                .at(span, "")
                .with_note("`=` for equality is Endgame EQL, where it also ignores case and takes wildcards")
                .with_help("write `==`, or `:` to ignore case and use wildcards")
                .with_edit(span, "==");
            self.say(diagnostic);
        }
        (op, self.bump())
    }

    fn take_compare_op_silently(&mut self) {
        self.bump();
        if matches!(self.kind(), TokenKind::Greater | TokenKind::Assign) && self.is_glued(0) {
            self.bump();
        }
    }

    /// A text that is one expression and nothing else.
    pub(super) fn lone_expression(&mut self) -> Option<Expr> {
        if self.at_end() {
            self.complain_empty("expression");
            return None;
        }
        let mut tree = self.expression(&[TokenKind::End]);
        while !self.at_end() {
            self.complain_expected(codes::UNEXPECTED_TOKEN, "an operator or the end");
            self.bump();
            tree.expr = Expr::new(ExprKind::Invalid, tree.expr.span);
        }
        Some(tree.expr)
    }
}
