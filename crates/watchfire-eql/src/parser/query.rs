//! Whole queries, event queries and pipes.

use watchfire_diagnostics::{Diagnostic, Span, closest};

use super::{Parser, Tree, invalid};
use crate::ast::{Category, EventQuery, Pipe, Query, QueryKind};
use crate::codes;
use crate::functions::ENDGAME_PIPES;
use crate::lexer::{Keyword, TokenKind};

/// Pipes that run.
const PIPES: &[&str] = &["head", "tail"];

const PIPE_HELP: &str = "the pipes are `head` and `tail`: `| head 10`";

/// What other languages call a pipe that takes the first results.
const NAMES_OF_HEAD: &[&str] = &["limit", "take", "top", "first"];

impl Parser<'_> {
    /// A text that is one query and nothing else.
    pub(super) fn statement(&mut self) -> Option<Query> {
        if self.at_end() {
            self.complain_empty("query");
            return None;
        }
        let start = self.span();
        let kind = match self.leading_keyword() {
            Some(Keyword::Sequence) => QueryKind::Sequence(self.sequence()),
            Some(Keyword::Sample) => QueryKind::Sample(self.sample()),
            Some(Keyword::Join) => QueryKind::Join(self.join()),
            _ => QueryKind::Event(self.event_query(&[TokenKind::Pipe]).0),
        };
        let mut pipes = Vec::new();
        loop {
            if self.at(TokenKind::Pipe) {
                pipes.push(self.pipe());
            } else if self.at_end() {
                break;
            } else if matches!(self.kind(), TokenKind::RightParen | TokenKind::RightBracket) {
                self.take_stray_closing();
                self.skip_to(&[TokenKind::Pipe]);
            } else {
                self.complain_expected(codes::UNEXPECTED_TOKEN, "`|` or the end of the query");
                self.bump();
                self.skip_to(&[TokenKind::Pipe]);
            }
        }
        Some(Query { kind, pipes, span: self.span_from(start) })
    }

    pub(super) fn complain_empty(&mut self, what: &str) {
        let span = Span::empty(0);
        self.say(Diagnostic::error(codes::EMPTY_QUERY, format!("the {what} is empty")).at(span, ""));
    }

    /// `sequence`, `sample` or `join`, unless it stands where the category of an event query does.
    fn leading_keyword(&self) -> Option<Keyword> {
        self.keyword_at(0).filter(|_| self.keyword_at(1) != Some(Keyword::Where))
    }

    /// `category where condition`, with the height of the condition. It ends at one of `ends`.
    pub(super) fn event_query(&mut self, ends: &[TokenKind]) -> (EventQuery, usize) {
        let (category, category_span) = self.category();
        let condition = if self.eat_keyword(Keyword::Where).is_some() || self.begins_condition() {
            self.expression(ends)
        } else {
            self.no_condition(ends)
        };
        let span = self.span_from(category_span).cover(condition.expr.span);
        (EventQuery { category, category_span, condition: condition.expr, span }, condition.height)
    }

    /// Whether a condition begins at the cursor although there was no `where`, which has been complained about.
    fn begins_condition(&self) -> bool {
        self.complained_at == Some(self.position) && !self.at_end()
    }

    fn no_condition(&mut self, ends: &[TokenKind]) -> Tree {
        self.complain(|parser| {
            let end = parser.end_of_last();
            let nothing_follows = parser.at_end() || ends.contains(&parser.kind());
            let message = format!("expected `where`, found {}", parser.name_of(0));
            Diagnostic::error(codes::EVENT_QUERY_FORM, message)
                .at(parser.span(), "expected `where`")
                .with_help("an event query is `category where condition`, for example `process where true`")
                .with_edit(Span::empty(end), if nothing_follows { " where true" } else { " where" })
        });
        if self.at_end() || ends.contains(&self.kind()) {
            return invalid(self.missing_place());
        }
        self.expression(ends)
    }

    fn category(&mut self) -> (Category, Span) {
        let span = self.span();
        if self.begins_bare_condition() {
            self.complain(|_| {
                Diagnostic::error(
                    codes::EVENT_QUERY_FORM,
                    "an event query begins with a category and `where`",
                )
                .at(span, "expected a category")
                .with_help("write `any where …`, or name a category: `process where …`")
                .with_edit(Span::empty(span.start as usize), "any where ")
            });
            return (Category::Any, self.missing_place());
        }
        let named = |text: String, quoted| Category::Named { text, quoted };
        match self.kind() {
            TokenKind::Keyword(Keyword::Any) => (Category::Any, self.bump()),
            kind if kind.is_string() => {
                let text = self.string(span).value;
                (named(text, true), self.bump())
            }
            TokenKind::Identifier => {
                let text = self.slice(span).to_owned();
                if text.eq_ignore_ascii_case("any") {
                    let message = format!("`{text}` is the name of a category");
                    self.say(
                        Diagnostic::warning(codes::UPPER_CASE_CONSTANT, message)
                            .at(span, "")
                            .with_help("every category is `any`")
                            .with_edit(span, "any"),
                    );
                }
                (named(text, false), self.bump())
            }
            TokenKind::QuotedIdentifier => {
                let text = self.slice(span).trim_matches('`').replace("``", "`");
                self.complain(|_| {
                    Diagnostic::error(
                        codes::EVENT_QUERY_FORM,
                        "a category is not written between back-quotes",
                    )
                    .at(span, "")
                    .with_help("write it as a string")
                    .with_edit(span, crate::lexer::strings::encode(&text))
                });
                (named(text, true), self.bump())
            }
            TokenKind::Keyword(Keyword::Where) => {
                self.complain(|_| {
                    Diagnostic::error(codes::EVENT_QUERY_FORM, "no category stands before `where`")
                        .at(span, "expected a category")
                        .with_help("write `any where …`, or name a category: `process where …`")
                        .with_edit(Span::empty(span.start as usize), "any ")
                });
                (Category::Any, self.missing_place())
            }
            TokenKind::Keyword(_) if self.keyword_at(1) == Some(Keyword::Where) => {
                let text = self.slice(span).to_owned();
                self.complain(|_| {
                    Diagnostic::error(codes::RESERVED_WORD, format!("`{text}` is a reserved word"))
                        .at(span, "stands where a category should")
                        .with_help("write it as a string")
                        .with_edit(span, format!("\"{text}\""))
                });
                (named(text, true), self.bump())
            }
            TokenKind::Integer | TokenKind::Decimal if self.keyword_at(1) == Some(Keyword::Where) => {
                let text = self.slice(span).to_owned();
                self.complain(|parser| {
                    let message = format!("expected an event category, found {}", parser.name_of(0));
                    Diagnostic::error(codes::EVENT_QUERY_FORM, message)
                        .at(span, "expected an event category")
                        .with_help("a category that is no identifier is written as a string")
                        .with_edit(span, format!("\"{text}\""))
                });
                (named(text, true), self.bump())
            }
            _ => {
                self.complain_expected(codes::EVENT_QUERY_FORM, "an event category");
                (Category::Any, self.missing_place())
            }
        }
    }

    /// Whether the text is a condition without category and `where`, as other languages have it.
    fn begins_bare_condition(&self) -> bool {
        use TokenKind as K;
        if self.keyword_at(1) == Some(Keyword::Where) {
            return false;
        }
        match self.kind() {
            K::Question | K::LeftParen | K::Keyword(Keyword::Not) => true,
            K::Identifier | K::QuotedIdentifier => {
                let operator = matches!(
                    self.nth(1),
                    K::Dot
                        | K::Colon
                        | K::Equal
                        | K::NotEqual
                        | K::Assign
                        | K::LeftParen
                        | K::Less
                        | K::Greater
                ) || matches!(self.nth(1), K::LessOrEqual | K::GreaterOrEqual);
                let word = matches!(
                    self.keyword_at(1),
                    Some(Keyword::In | Keyword::InIgnoreCase | Keyword::Like | Keyword::LikeIgnoreCase)
                );
                operator || word
            }
            _ => false,
        }
    }

    fn pipe(&mut self) -> Pipe {
        let start = self.bump();
        let name_span = self.span();
        let name = match self.kind() {
            TokenKind::Identifier | TokenKind::Keyword(_) => {
                self.bump();
                self.slice(name_span).to_owned()
            }
            _ => {
                self.complain(|parser| {
                    let message = format!("expected the name of a pipe, found {}", parser.name_of(0));
                    Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                        .at(parser.span(), "expected the name of a pipe")
                        .with_help(PIPE_HELP)
                });
                self.skip_to(&[TokenKind::Pipe]);
                let name_span = Span::empty(start.end as usize);
                return Pipe {
                    name: String::new(),
                    name_span,
                    arguments: Vec::new(),
                    span: self.span_from(start),
                };
            }
        };
        if !PIPES.contains(&name.as_str()) && !ENDGAME_PIPES.contains(&name.as_str()) {
            self.complain_unknown_pipe(&name, name_span);
            self.skip_to(&[TokenKind::Pipe]);
            return Pipe { name, name_span, arguments: Vec::new(), span: self.span_from(start) };
        }
        // Endgame's EQL needs no commas between arguments.
        let commas_needed = PIPES.contains(&name.as_str());
        let ends = [TokenKind::Comma, TokenKind::Pipe, TokenKind::Identifier];
        let ends = if commas_needed { &ends[..2] } else { &ends[..] };
        let mut arguments = Vec::new();
        if !self.at(TokenKind::Pipe) && !self.at_end() {
            loop {
                arguments.push(self.expression(ends).expr);
                let goes_on = !commas_needed && self.at(TokenKind::Identifier);
                if !goes_on && self.eat(TokenKind::Comma).is_none() {
                    break;
                }
            }
        }
        Pipe { name, name_span, arguments, span: self.span_from(start) }
    }

    fn complain_unknown_pipe(&mut self, name: &str, span: Span) {
        let lower = name.to_ascii_lowercase();
        let message = format!("there is no pipe `{}`", self.quote(span));
        let diagnostic = Diagnostic::error(codes::UNKNOWN_PIPE, message).at(span, "");
        let similar = closest(name, PIPES.iter().copied())
            .or_else(|| NAMES_OF_HEAD.contains(&lower.as_str()).then_some("head"));
        self.say(match similar {
            Some(pipe) => diagnostic.with_help(format!("did you mean `{pipe}`?")).with_edit(span, pipe),
            None => diagnostic.with_help(PIPE_HELP),
        });
    }
}
