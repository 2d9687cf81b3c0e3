//! Operands: constants, fields, calls, parentheses and the predicates that bind to them.

use watchfire_diagnostics::{Diagnostic, Span};

use super::expression::Level;
use super::{Parser, Tree, invalid, leaf};
use crate::ast::{
    ArrayIndex, ExprKind, FieldName, Literal, NamePart, Number, NumberValue, ProcessRelation, StringLiteral,
};
use crate::codes;
use crate::lexer::{Keyword, TokenKind, strings};
use crate::problems::excerpt;

impl Parser<'_> {
    /// A primary and the predicate behind it, if any (eql-semantics §3).
    pub(super) fn operand_with_predicate(&mut self) -> Tree {
        let mut tree = self.primary();
        let mut predicate: Option<Span> = None;
        loop {
            let before = self.span();
            let next = if self.at_method_call() {
                self.method_call(tree)
            } else if self.at_predicate() {
                if let Some(first) = predicate {
                    self.complain(|parser| {
                        let message = format!("{} follows another comparison", parser.name_of(0));
                        Diagnostic::error(codes::CHAINED_COMPARISON, message)
                            .at(parser.span(), "")
                            .at(first, "first comparison")
                            .with_help("join two comparisons by `and` or `or`")
                    });
                }
                predicate = Some(before);
                self.predicate(tree)
            } else {
                return tree;
            };
            tree = next;
        }
    }

    fn primary(&mut self) -> Tree {
        let start = self.span();
        match self.kind() {
            TokenKind::LeftParen => self.parenthesised(),
            TokenKind::Identifier if self.nth(1) == TokenKind::LeftParen => self.call(),
            TokenKind::Identifier
                if self.nth(1) == TokenKind::Tilde
                    && self.is_glued(1)
                    && self.nth(2) == TokenKind::LeftParen =>
            {
                self.call()
            }
            TokenKind::Identifier if self.nth(1) == TokenKind::Keyword(Keyword::Of) => self.relation(),
            TokenKind::Identifier | TokenKind::QuotedIdentifier => self.field_or_reference(None),
            TokenKind::Question => self.optional_field(),
            TokenKind::Variable => self.variable(),
            TokenKind::Keyword(_) if self.nth(1) == TokenKind::Dot => {
                self.complain_reserved();
                self.field_or_reference(None)
            }
            _ => match self.literal() {
                Some(literal) => leaf(ExprKind::Literal(literal), self.span_from(start)),
                None => self.no_operand(),
            },
        }
    }

    /// A constant at the cursor, stepped over.
    pub(super) fn literal(&mut self) -> Option<Literal> {
        let span = self.span();
        let literal = match self.kind() {
            TokenKind::Keyword(Keyword::Null) => Literal::Null,
            TokenKind::Keyword(Keyword::True) => Literal::Boolean(true),
            TokenKind::Keyword(Keyword::False) => Literal::Boolean(false),
            TokenKind::Integer | TokenKind::Decimal => Literal::Number(self.number(span)),
            kind if kind.is_string() => Literal::String(self.string(span)),
            _ => return None,
        };
        self.bump();
        Some(literal)
    }

    fn number(&mut self, span: Span) -> Number {
        let text = self.slice(span).to_owned();
        Number::from_text(&text).unwrap_or_else(|| {
            let message = format!("the number `{}` is out of range", self.quote(span));
            let number = Number { text: text.clone(), value: NumberValue::Double(f64::MAX) };
            self.say(Diagnostic::error(codes::BAD_NUMBER, message).at(span, ""));
            number
        })
    }

    /// The value of the string at the cursor, which may be in a form that is refused.
    pub(super) fn string(&mut self, span: Span) -> StringLiteral {
        let text = self.slice(span);
        let start = span.start as usize;
        match self.kind() {
            TokenKind::RawString => strings::decode_raw(text, start),
            TokenKind::SingleQuoted => {
                let (string, edit) = strings::requote(strings::content(text));
                let diagnostic =
                    Diagnostic::error(codes::SINGLE_QUOTES, "strings are not written in single quotes")
                        .at(span, "")
                        .with_note("`'…'` is Endgame EQL")
                        .with_help("write the string between `\"`")
                        .with_edit(span, edit);
                self.say(diagnostic);
                string
            }
            TokenKind::TypographicString => {
                let mut content = text.chars();
                let mark = content.next().unwrap_or_default();
                content.next_back();
                let (string, edit) = strings::requote(content.as_str());
                let message = format!("typographic quotation mark `{mark}`");
                let diagnostic = Diagnostic::error(codes::UNEXPECTED_CHARACTER, message)
                    .at(span, "")
                    .with_help("strings are written between straight quotation marks: `\"…\"`")
                    .with_edit(span, edit);
                self.say(diagnostic);
                string
            }
            TokenKind::OldRawString => {
                let content = strings::content(&text[1..]);
                let string = StringLiteral::new(content);
                let edit = if strings::can_be_raw(content) {
                    format!("\"\"\"{content}\"\"\"")
                } else {
                    strings::encode(content)
                };
                let diagnostic =
                    Diagnostic::error(codes::OLD_RAW_STRING, "raw strings are not written `?\"…\"`")
                        .at(span, "")
                        .with_note("`?\"…\"` is Endgame EQL")
                        .with_help("write the raw string between `\"\"\"`")
                        .with_edit(span, edit);
                self.say(diagnostic);
                string
            }
            _ => {
                let (string, problem) = strings::decode(text, start);
                if let Some(problem) = problem {
                    self.say(problem);
                }
                string
            }
        }
    }

    fn parenthesised(&mut self) -> Tree {
        let start = self.open_parenthesis();
        let mut tree = self.expression(&[TokenKind::RightParen]);
        if self.at(TokenKind::Comma) && tree.expr.kind != ExprKind::Invalid {
            self.complain(|parser| {
                Diagnostic::error(codes::UNEXPECTED_TOKEN, "a list cannot stand here")
                    .at(parser.span(), "expected `)`")
                    .with_help("lists stand behind `in`, `:`, `like` and `regex` only")
            });
            self.skip_to(&[TokenKind::RightParen, TokenKind::Pipe]);
            tree.expr.kind = ExprKind::Invalid;
        }
        self.close(TokenKind::RightParen, ")", start);
        tree.expr.span = self.span_from(start);
        tree
    }

    fn call(&mut self) -> Tree {
        let name_span = self.bump();
        let name = self.slice(name_span).to_owned();
        let ignore_case = self.eat(TokenKind::Tilde).is_some();
        let opening = self.open_parenthesis();
        let (arguments, height) = self.arguments(opening);
        let kind = ExprKind::Call { name, name_span, ignore_case, arguments };
        let span = self.span_from(name_span);
        self.node(kind, span, height)
    }

    fn relation(&mut self) -> Tree {
        let word = self.bump();
        let relation_span = word.cover(self.bump());
        let relation =
            ProcessRelation::ALL.into_iter().find(|relation| relation.as_str() == self.slice(word));
        if relation.is_none() {
            let message = format!("`{} of` is no relation", self.quote(word));
            self.say(
                Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                    .at(relation_span, "expected an expression"),
            );
        }
        if !self.at(TokenKind::LeftBracket) {
            self.complain_expected(codes::UNEXPECTED_TOKEN, "`[`");
            return invalid(self.span_from(word));
        }
        let opening = self.bump();
        let (event, height) = self.event_query(&[TokenKind::RightBracket]);
        self.close(TokenKind::RightBracket, "]", opening);
        let span = self.span_from(word);
        match relation {
            Some(relation) => self.node(
                ExprKind::Relation { relation, relation_span, event: Box::new(event) },
                span,
                height,
            ),
            None => invalid(span),
        }
    }

    fn optional_field(&mut self) -> Tree {
        let mut question = self.bump();
        // A loop, since text of nothing but `?` must not cost stack.
        let mut repeated = false;
        while self.at(TokenKind::Question) {
            question = question.cover(self.bump());
            repeated = true;
        }
        match self.kind() {
            TokenKind::Identifier | TokenKind::QuotedIdentifier if repeated => {
                let diagnostic =
                    Diagnostic::error(codes::OPTIONAL_WITHOUT_FIELD, "`?` stands before another `?`");
                self.say(diagnostic.at(question, "").with_help("one is enough").with_edit(question, "?"));
                self.field_or_reference(Some(question))
            }
            TokenKind::Identifier | TokenKind::QuotedIdentifier if self.nth(1) != TokenKind::LeftParen => {
                self.field_or_reference(Some(question))
            }
            _ => {
                self.say(
                    Diagnostic::error(
                        codes::OPTIONAL_WITHOUT_FIELD,
                        "`?` stands before something other than a field",
                    )
                    .at(question, "")
                    .with_help("remove it")
                    .with_edit(question, ""),
                );
                let mut tree = self.primary();
                tree.expr.span = question.cover(tree.expr.span);
                tree
            }
        }
    }

    fn variable(&mut self) -> Tree {
        let name_span = self.bump();
        let name = self.slice(name_span)[1..].to_owned();
        let field = self.eat(TokenKind::Dot).map(|_| self.field_name(None));
        leaf(ExprKind::Variable { name, name_span, field }, self.span_from(name_span))
    }

    /// A field, or the field of an earlier stage if its first part is the name of one.
    fn field_or_reference(&mut self, question: Option<Span>) -> Tree {
        let bare = self.at(TokenKind::Identifier);
        let mut field = self.field_name(question);
        let span = field.span;
        // Back-quotes make no difference, as with any other name: they are not kept, so they could not be printed.
        let refers = field.parts.len() > 1
            && field.parts[0].indexes.is_empty()
            && self.aliases.contains(&field.parts[0].text);
        if refers {
            let alias = field.parts.remove(0);
            field.span = Span { start: field.parts[0].span.start, end: span.end };
            let kind = ExprKind::EventReference { alias: alias.text, alias_span: alias.span, field };
            return leaf(kind, span);
        }
        if bare && field.parts.len() == 1 && !field.optional {
            self.warn_of_constant_in_upper_case(&field);
        }
        leaf(ExprKind::Field(field), span)
    }

    fn warn_of_constant_in_upper_case(&mut self, field: &FieldName) {
        let lower = field.parts[0].text.to_ascii_lowercase();
        if matches!(lower.as_str(), "true" | "false" | "null") {
            let message = format!("`{}` is the name of a field", field.parts[0].text);
            self.say(
                Diagnostic::warning(codes::UPPER_CASE_CONSTANT, message)
                    .at(field.span, "")
                    .with_help(format!("the constant is written `{lower}`"))
                    .with_edit(field.span, lower),
            );
        }
    }

    /// A dotted name; the cursor stands at its first part.
    pub(super) fn field_name(&mut self, question: Option<Span>) -> FieldName {
        let start = question.unwrap_or_else(|| self.span());
        let mut parts = Vec::new();
        self.name_part(&mut parts);
        loop {
            if self.at(TokenKind::Decimal) && self.is_glued(0) && self.slice(self.span()).starts_with('.') {
                self.number_in_name(&mut parts);
            } else if self.eat(TokenKind::Dot).is_some() {
                self.name_part(&mut parts);
            } else {
                break;
            }
        }
        let start = start.cover(parts[0].span);
        FieldName { parts, optional: question.is_some(), span: self.span_from(start) }
    }

    fn name_part(&mut self, parts: &mut Vec<NamePart>) {
        let span = self.span();
        match self.kind() {
            TokenKind::Identifier => {
                self.bump();
                parts.push(NamePart { text: self.slice(span).to_owned(), span, indexes: Vec::new() });
            }
            TokenKind::QuotedIdentifier => {
                self.quoted_name(span, parts);
                self.bump();
            }
            TokenKind::Keyword(_) => {
                self.complain_reserved();
                self.bump();
                parts.push(NamePart { text: self.slice(span).to_owned(), span, indexes: Vec::new() });
            }
            TokenKind::Star => {
                self.complain(|parser| {
                    Diagnostic::error(codes::UNEXPECTED_TOKEN, "a field name takes no wildcard")
                        .at(parser.span(), "")
                        .with_help("name one field; join conditions on several fields by `or`")
                });
                self.bump();
                parts.push(NamePart { text: "*".to_owned(), span, indexes: Vec::new() });
            }
            _ => {
                self.complain_expected(codes::UNEXPECTED_TOKEN, "a name");
                parts.push(NamePart { text: String::new(), span: self.missing_place(), indexes: Vec::new() });
            }
        }
        if let Some(part) = parts.last_mut() {
            // `by x [any where …]` is a key and a stage, so only digits between brackets are an index.
            while self.at(TokenKind::LeftBracket)
                && self.nth(1) == TokenKind::Integer
                && self.nth(2) == TokenKind::RightBracket
            {
                let opening = self.bump();
                let text = self.slice(self.span()).to_owned();
                self.bump();
                part.indexes.push(ArrayIndex { text, span: opening.cover(self.bump()) });
            }
        }
    }

    /// The parts of a name between back-quotes: dots inside count as dots outside (eql-semantics §2).
    fn quoted_name(&mut self, span: Span, parts: &mut Vec<NamePart>) {
        let text = &self.text[span.range()];
        let content = text[1..].strip_suffix('`').unwrap_or(&text[1..]);
        if content.is_empty() {
            let message = "nothing stands between the back-quotes";
            self.say(Diagnostic::error(codes::BAD_QUOTED_NAME, message).at(span, ""));
        } else if content.split('.').any(str::is_empty) {
            let message = "a part of the name is empty";
            let diagnostic = Diagnostic::error(codes::BAD_QUOTED_NAME, message).at(span, "");
            self.say(diagnostic.with_note("a dot between back-quotes separates parts, as one outside does"));
        }
        let mut at = span.start as usize + 1;
        for piece in content.split('.') {
            let place = Span::new(at, at + piece.len());
            parts.push(NamePart { text: piece.replace("``", "`"), span: place, indexes: Vec::new() });
            at += piece.len() + 1;
        }
    }

    /// `.0` behind a name, which reads as a number.
    fn number_in_name(&mut self, parts: &mut Vec<NamePart>) {
        let mut span = self.bump();
        while matches!(self.kind(), TokenKind::Identifier | TokenKind::Integer | TokenKind::Decimal)
            && self.is_glued(0)
            && !self.slice(self.span()).starts_with('.')
        {
            span = span.cover(self.bump());
        }
        let part = Span { start: span.start + 1, end: span.end };
        let text = self.slice(part).trim_end_matches('.').to_owned();
        let span = Span::new(part.start as usize, part.start as usize + text.len());
        self.say(
            Diagnostic::error(
                codes::UNEXPECTED_TOKEN,
                format!("`{}` cannot stand in a name as it is", self.quote(span)),
            )
            .at(span, "begins with a digit")
            .with_help(format!("write it between back-quotes: `` `{}` ``", excerpt(&text)))
            .with_edit(span, format!("`{text}`")),
        );
        let ends_in_dot = part.len() > text.len();
        parts.push(NamePart { text, span, indexes: Vec::new() });
        if ends_in_dot {
            self.name_part(parts);
        }
    }

    fn complain_reserved(&mut self) {
        self.complain(|parser| {
            let span = parser.span();
            let word = parser.slice(span);
            Diagnostic::error(codes::RESERVED_WORD, format!("`{word}` is a reserved word"))
                .at(span, "stands where a name should")
                .with_help(format!("write it between back-quotes: `` `{word}` ``"))
                .with_edit(span, format!("`{word}`"))
        });
    }

    fn no_operand(&mut self) -> Tree {
        let span = self.span();
        let next = self.nth(1);
        let operator_follows = matches!(
            next,
            TokenKind::Equal
                | TokenKind::NotEqual
                | TokenKind::Colon
                | TokenKind::Keyword(Keyword::In | Keyword::Like)
        );
        let word = match self.kind() {
            TokenKind::Keyword(word) => Some(word),
            _ => None,
        };
        let is_clause = matches!(word, Some(Keyword::By | Keyword::With | Keyword::Until));
        if word.is_some() && operator_follows && !(is_clause && next == TokenKind::Colon) {
            self.complain_reserved();
            self.bump();
            return invalid(span);
        }
        self.complain_expected(codes::UNEXPECTED_TOKEN, "an expression");
        // What closes or joins something is left to whoever waits for it; anything else would only be in the way.
        let in_the_way = matches!(self.kind(), TokenKind::Dot | TokenKind::Tilde)
            || matches!(word, Some(Keyword::Any | Keyword::Of | Keyword::Where | Keyword::MaxSpan));
        if in_the_way {
            self.bump();
            return invalid(span);
        }
        invalid(self.missing_place())
    }

    fn at_method_call(&self) -> bool {
        self.at(TokenKind::Colon)
            && self.nth(1) == TokenKind::Identifier
            && self.nth(2) == TokenKind::LeftParen
    }

    fn method_call(&mut self, receiver: Tree) -> Tree {
        self.bump();
        let name_span = self.bump();
        let name = self.slice(name_span).to_owned();
        let opening = self.open_parenthesis();
        let (arguments, height) = self.arguments(opening);
        let span = self.span_from(receiver.expr.span);
        let height = height.max(receiver.height);
        let kind = ExprKind::MethodCall { receiver: Box::new(receiver.expr), name, name_span, arguments };
        self.node(kind, span, height)
    }

    /// The arguments of a call behind its opening parenthesis, and the height of the highest.
    fn arguments(&mut self, opening: Span) -> (Vec<crate::ast::Expr>, usize) {
        let mut arguments = Vec::new();
        let mut height = 0;
        if !self.at(TokenKind::RightParen) {
            loop {
                let argument = self.expression(&[TokenKind::Comma, TokenKind::RightParen]);
                height = height.max(argument.height);
                arguments.push(argument.expr);
                if !self.list_goes_on(TokenKind::RightParen) {
                    break;
                }
            }
        }
        self.close(TokenKind::RightParen, ")", opening);
        (arguments, height)
    }

    /// Steps over the comma between two elements of a list; one that is missing before a constant was complained about.
    pub(super) fn list_goes_on(&mut self, closing: TokenKind) -> bool {
        match self.eat(TokenKind::Comma) {
            Some(_) => !self.trailing_comma(closing),
            None => self.at_constant(),
        }
    }

    /// Whether a list ends behind the comma just stepped over, which is complained about.
    fn trailing_comma(&mut self, closing: TokenKind) -> bool {
        if !self.at(closing) {
            return false;
        }
        let end = self.end_of_last();
        let comma = Span::new(end - 1, end);
        self.complain(|_| {
            Diagnostic::error(codes::TRAILING_COMMA, "a list does not end in a comma")
                .at(comma, "")
                .with_help("remove it")
                .with_edit(comma, "")
        });
        true
    }

    /// The expression that could have been meant, where a constant must stand; it is only complained about.
    pub(super) fn not_a_constant(&mut self) -> Tree {
        self.tree(Level::Unary)
    }
}
