//! Expressions: `OR`, `AND`, `NOT`, predicates, sums, products, values, from the weakest to the strongest.

use watchfire_diagnostics::{Diagnostic, Span};

use super::{MAX_NESTING, Parser, Read, Told};
use crate::Parameter;
use crate::ast::{Arguments, Arithmetic, Comparison, Constant, Expr, ExprKind, LikeKind, TimeUnit};
use crate::codes;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// An expression of any kind.
    pub(super) fn condition(&mut self) -> Read<Expr> {
        self.nested(|parser| parser.joined("or", |parser| parser.joined("and", Self::negation)))
    }

    /// Counts how deep it goes.
    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Read<Expr>) -> Read<Expr> {
        if self.depth == MAX_NESTING {
            return self
                .wrong(codes::NESTED_TOO_DEEPLY, &format!("this is nested more than {MAX_NESTING} deep"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Operands of `AND` or `OR`.
    fn joined(&mut self, word: &str, mut operand: impl FnMut(&mut Self) -> Read<Expr>) -> Read<Expr> {
        let start = self.token.span.start as usize;
        let mut operands = vec![operand(self)?];
        while self.accept_word(word) {
            operands.push(operand(self)?);
        }
        if operands.len() == 1 {
            return operands.pop().ok_or(Told);
        }
        let kind = if word == "or" { ExprKind::Or(operands) } else { ExprKind::And(operands) };
        Ok(self.expr_since(start, kind))
    }

    fn expr_since(&self, start: usize, kind: ExprKind) -> Expr {
        Expr { kind, span: Span::new(start, self.end) }
    }

    fn negation(&mut self) -> Read<Expr> {
        let start = self.token.span.start as usize;
        if self.accept_word("not") {
            let inner = self.nested(Self::negation)?;
            return Ok(self.expr_since(start, ExprKind::Not(Box::new(inner))));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Read<Expr> {
        let start = self.token.span.start as usize;
        let value = self.sum()?;
        if let Some(comparison) = self.comparison() {
            let right = self.sum()?;
            let compared =
                self.expr_since(start, ExprKind::Compare(comparison, Box::new(value), Box::new(right)));
            if let Some(again) = self.comparison_here() {
                let message = format!("a comparison is no side of `{}`", again.text());
                return self.wrong(codes::CHAINED_COMPARISON, &message);
            }
            return Ok(compared);
        }
        let kind = if self.accept_word("is") {
            let negated = self.accept_word("not");
            if !self.accept_word("null") {
                return self.wrong(codes::MISSING, "`NULL` is missing behind `IS`");
            }
            ExprKind::IsNull { value: Box::new(value), negated }
        } else if self.is(":") {
            self.bump();
            ExprKind::Match(Box::new(value), self.constant()?)
        } else {
            let negated = self.is_word("not");
            if negated {
                self.bump();
            }
            if self.accept_word("in") {
                self.expect("(")?;
                if self.is_word("from") {
                    return self.wrong(codes::UNSUPPORTED_COMMAND, "a query inside `IN` is not supported");
                }
                let list = self.list(Self::sum)?;
                self.expect(")")?;
                ExprKind::In { value: Box::new(value), list, negated }
            } else if self.is_word("like") || self.is_word("rlike") {
                let kind = if self.is_word("like") { LikeKind::Like } else { LikeKind::Rlike };
                self.bump();
                let patterns = self.patterns()?;
                ExprKind::Like { value: Box::new(value), kind, patterns, negated }
            } else if negated {
                return self.wrong(codes::MISSING, "`IN`, `LIKE` or `RLIKE` is missing behind `NOT`");
            } else {
                return Ok(value);
            }
        };
        Ok(self.expr_since(start, kind))
    }

    fn patterns(&mut self) -> Read<Vec<String>> {
        if self.accept("(") {
            let patterns = self.list(Self::text_constant)?;
            self.expect(")")?;
            return Ok(patterns);
        }
        Ok(vec![self.text_constant()?])
    }

    fn comparison_here(&self) -> Option<Comparison> {
        Some(match self.token.kind {
            TokenKind::Sign("==") => Comparison::Equal,
            TokenKind::Sign("!=") => Comparison::NotEqual,
            TokenKind::Sign("<") => Comparison::Less,
            TokenKind::Sign("<=") => Comparison::LessOrEqual,
            TokenKind::Sign(">") => Comparison::Greater,
            TokenKind::Sign(">=") => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let comparison = self.comparison_here()?;
        self.bump();
        Some(comparison)
    }

    fn sum(&mut self) -> Read<Expr> {
        self.arithmetic(&[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)], |parser| {
            parser.arithmetic(
                &[("*", Arithmetic::Multiply), ("/", Arithmetic::Divide), ("%", Arithmetic::Modulo)],
                Self::signed,
            )
        })
    }

    fn arithmetic(
        &mut self,
        operators: &[(&str, Arithmetic)],
        mut operand: impl FnMut(&mut Self) -> Read<Expr>,
    ) -> Read<Expr> {
        let start = self.token.span.start as usize;
        let mut left = operand(self)?;
        let mut length = 0;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.is(sign)) {
            // Each makes the tree one deeper.
            length += 1;
            if self.depth + length > MAX_NESTING {
                let message = format!("this is nested more than {MAX_NESTING} deep");
                return self.wrong(codes::NESTED_TOO_DEEPLY, &message);
            }
            self.bump();
            let right = operand(self)?;
            let kind = ExprKind::Arithmetic(*operator, Box::new(left), Box::new(right));
            left = self.expr_since(start, kind);
        }
        Ok(left)
    }

    fn signed(&mut self) -> Read<Expr> {
        let start = self.token.span.start as usize;
        if self.accept("+") {
            return self.nested(Self::signed);
        }
        if self.accept("-") {
            let inner = self.nested(Self::signed)?;
            // The sign of a number belongs to it.
            let kind = match inner.kind {
                ExprKind::Constant(Constant::Whole(number)) => ExprKind::Constant(Constant::Whole(-number)),
                ExprKind::Constant(Constant::Double(number)) => ExprKind::Constant(Constant::Double(-number)),
                _ => ExprKind::Negate(Box::new(inner)),
            };
            return Ok(self.expr_since(start, kind));
        }
        self.primary()
    }

    /// A value with nothing behind it but casts.
    pub(super) fn primary(&mut self) -> Read<Expr> {
        let start = self.token.span.start as usize;
        let mut value = self.plain()?;
        let mut casts = 0;
        while self.accept("::") {
            casts += 1;
            if self.depth + casts > MAX_NESTING {
                let message = format!("this is nested more than {MAX_NESTING} deep");
                return self.wrong(codes::NESTED_TOO_DEEPLY, &message);
            }
            let Some(name) = self.word() else {
                return self.wrong(codes::MISSING, "the name of a type is missing behind `::`");
            };
            self.bump();
            value = self.expr_since(start, ExprKind::Cast(Box::new(value), name.to_ascii_lowercase()));
        }
        Ok(value)
    }

    fn plain(&mut self) -> Read<Expr> {
        let start = self.token.span.start as usize;
        if self.accept("(") {
            let mut inner = self.condition()?;
            self.expect(")")?;
            inner.span = Span::new(start, self.end);
            return Ok(inner);
        }
        match self.token.kind {
            TokenKind::Word if self.is_call() => self.call(),
            TokenKind::Word if !self.is_constant() => {
                let column = self.column()?;
                Ok(self.expr_since(start, ExprKind::Column(column)))
            }
            TokenKind::QuotedName(_) => {
                let column = self.column()?;
                Ok(self.expr_since(start, ExprKind::Column(column)))
            }
            _ => {
                let constant = self.constant()?;
                Ok(self.expr_since(start, ExprKind::Constant(constant)))
            }
        }
    }

    /// Whether a bracket comes behind the word; `in (` and `like (` are no functions.
    fn is_call(&self) -> bool {
        let rest = self.text[self.lexer.at..].trim_start();
        let is_operator =
            ["and", "or", "not", "in", "like", "rlike", "is"].iter().any(|word| self.is_word(word));
        rest.starts_with('(') && !is_operator
    }

    fn is_constant(&self) -> bool {
        ["true", "false", "null"].iter().any(|word| self.is_word(word))
    }

    fn call(&mut self) -> Read<Expr> {
        let token = self.bump();
        let name = self.slice(token.span).to_owned();
        self.expect("(")?;
        let arguments = if self.accept("*") {
            Arguments::Star
        } else {
            let (mut list, mut options) = (Vec::new(), Vec::new());
            while !self.is(")") {
                if self.is("{") {
                    options = self.options()?;
                    break;
                }
                list.push(self.condition()?);
                if !self.accept(",") {
                    break;
                }
                if self.is(")") {
                    return self.wrong(codes::MISSING, "a value is missing behind the comma");
                }
            }
            Arguments::List(list, options)
        };
        self.expect(")")?;
        Ok(self.expr_since(token.span.start as usize, ExprKind::Call { name, arguments }))
    }

    pub(super) fn constant(&mut self) -> Read<Constant> {
        let constant = match &self.token.kind {
            TokenKind::Text(text) => Constant::String(text.clone()),
            TokenKind::Double(number) => Constant::Double(*number),
            TokenKind::Whole(None) => {
                return self.wrong(codes::NUMBER_OUT_OF_RANGE, "this number has more than 64 bits");
            }
            TokenKind::Whole(Some(number)) => {
                let number = *number;
                self.bump();
                if let Some(unit) = self.word().and_then(TimeUnit::of) {
                    self.bump();
                    return Ok(Constant::Span(number, unit));
                }
                return Ok(Constant::Whole(i128::from(number)));
            }
            TokenKind::Word if self.is_word("true") => Constant::Boolean(true),
            TokenKind::Word if self.is_word("false") => Constant::Boolean(false),
            TokenKind::Word if self.is_word("null") => Constant::Null,
            TokenKind::Sign("[") => return self.array(),
            TokenKind::Sign("-") => {
                self.bump();
                let number = match self.token.kind {
                    TokenKind::Whole(Some(number)) => Constant::Whole(-i128::from(number)),
                    TokenKind::Double(number) => Constant::Double(-number),
                    _ => return self.wrong(codes::MISSING, "a number is missing behind `-`"),
                };
                self.bump();
                return Ok(number);
            }
            TokenKind::Sign("?") => return self.parameter(),
            TokenKind::End => return self.wrong(codes::MISSING, "a value is missing here"),
            _ => return self.no_place(),
        };
        self.bump();
        Ok(constant)
    }

    /// A value that stands beside the query: `?`, `?1`, `?name`.
    fn parameter(&mut self) -> Read<Constant> {
        let sign = self.bump();
        let is_adjacent = self.token.span.start == sign.span.end;
        let which = match &self.token.kind {
            TokenKind::Word if is_adjacent => {
                let name = self.slice(self.token.span);
                let named = |parameter: &Parameter| parameter.name.as_deref() == Some(name);
                let found = self.parameters.iter().find(|parameter| named(parameter));
                self.bump();
                found
            }
            TokenKind::Whole(number) if is_adjacent => {
                let place = number.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
                self.bump();
                place.and_then(|place| self.parameters.get(place))
            }
            _ => {
                self.unnamed += 1;
                self.parameters.get(self.unnamed - 1)
            }
        };
        match which {
            Some(parameter) => Ok(parameter.value.clone()),
            None => {
                let span = Span::new(sign.span.start as usize, self.end);
                let problem = Diagnostic::error(codes::PARAMETER, "no value was given for this parameter");
                self.lexer.problems.push(problem.at(span, "stands for a value"));
                Err(Told)
            }
        }
    }

    fn array(&mut self) -> Read<Constant> {
        let start = self.token.span;
        self.bump();
        let items = self.list(|parser| {
            if parser.is("[") {
                return parser.wrong(codes::MIXED_ARRAY, "an array has no arrays");
            }
            parser.constant()
        })?;
        let end = self.token.span;
        self.expect("]")?;
        let kind = |item: &Constant| match item {
            Constant::Boolean(_) => Some(0),
            Constant::Whole(_) | Constant::Double(_) => Some(1),
            Constant::String(_) => Some(2),
            Constant::Null | Constant::Span(..) | Constant::Array(_) => None,
        };
        let first = items.first().and_then(kind);
        if first.is_none() || items.iter().any(|item| kind(item) != first) {
            let message = "an array has values of one type: numbers, texts or booleans";
            self.lexer.problems.push(Diagnostic::error(codes::MIXED_ARRAY, message).at(start.cover(end), ""));
            return Err(Told);
        }
        Ok(Constant::Array(items))
    }
}
