//! Looking at tokens and stepping over them; saying what is wrong with them.

use watchfire_diagnostics::{Code, Diagnostic, Span};

use super::Parser;
use crate::codes;
use crate::lexer::{Keyword, TokenKind};
use crate::problems::excerpt;

impl Parser<'_> {
    pub(super) fn kind(&self) -> TokenKind {
        self.nth(0)
    }

    pub(super) fn nth(&self, ahead: usize) -> TokenKind {
        self.tokens.get(self.position + ahead).map_or(TokenKind::End, |token| token.kind)
    }

    pub(super) fn span(&self) -> Span {
        self.nth_span(0)
    }

    pub(super) fn nth_span(&self, ahead: usize) -> Span {
        let last = self.tokens.len() - 1;
        self.tokens[(self.position + ahead).min(last)].span
    }

    pub(super) fn slice(&self, span: Span) -> &str {
        &self.text[span.range()]
    }

    /// End of the token before the cursor; at the first token its start, where the query begins.
    pub(super) fn end_of_last(&self) -> usize {
        match self.position {
            0 => self.tokens[0].span.start as usize,
            position => self.tokens[position - 1].span.end as usize,
        }
    }

    /// The place of a node that should stand before the cursor and does not: behind the last token, so that it lies
    /// inside of whatever ends there.
    pub(super) fn missing_place(&self) -> Span {
        Span::empty(self.end_of_last())
    }

    /// From `start` to the end of the token before the cursor.
    pub(super) fn span_from(&self, start: Span) -> Span {
        let start = start.start as usize;
        Span::new(start, self.end_of_last().max(start))
    }

    /// Whether token `ahead` begins where the one before it ends.
    pub(super) fn is_glued(&self, ahead: usize) -> bool {
        let at = self.position + ahead;
        at > 0 && at < self.tokens.len() && self.tokens[at - 1].span.end == self.tokens[at].span.start
    }

    pub(super) fn at(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    pub(super) fn at_end(&self) -> bool {
        self.at(TokenKind::End)
    }

    /// Steps over one token, never over the end.
    pub(super) fn bump(&mut self) -> Span {
        let span = self.span();
        if !self.at_end() {
            self.position += 1;
        }
        span
    }

    pub(super) fn eat(&mut self, kind: TokenKind) -> Option<Span> {
        self.at(kind).then(|| self.bump())
    }

    /// The keyword that stands `ahead`, in whatever case it is written.
    pub(super) fn keyword_at(&self, ahead: usize) -> Option<Keyword> {
        match self.nth(ahead) {
            TokenKind::Keyword(keyword) => Some(keyword),
            TokenKind::Identifier => {
                /// No keyword is longer than that.
                const LONGEST: usize = 8;
                let word = self.slice(self.nth_span(ahead));
                if word.len() > LONGEST {
                    return None;
                }
                let mut word = word.to_ascii_lowercase();
                if self.nth(ahead + 1) == TokenKind::Tilde && self.is_glued(ahead + 1) {
                    word.push('~');
                }
                Keyword::from_text(&word)
            }
            _ => None,
        }
    }

    pub(super) fn at_keyword(&self, keyword: Keyword) -> bool {
        self.keyword_at(0) == Some(keyword)
    }

    /// Steps over the keyword if it comes next. One in upper case is complained about and taken.
    ///
    /// Only to be asked where no name can stand.
    pub(super) fn eat_keyword(&mut self, keyword: Keyword) -> Option<Span> {
        if !self.at_keyword(keyword) {
            return None;
        }
        if self.at(TokenKind::Keyword(keyword)) {
            return Some(self.bump());
        }
        let mut span = self.bump();
        if keyword.as_str().ends_with('~') {
            span = span.cover(self.bump());
        }
        let message = format!("keywords are lower case: `{}`", self.slice(span));
        let diagnostic = Diagnostic::error(codes::KEYWORD_CASE, message)
            .at(span, "read as a name")
            .with_help(format!("write `{}`", keyword.as_str()))
            .with_edit(span, keyword.as_str());
        self.say(diagnostic);
        Some(span)
    }

    /// A token as a message names it.
    pub(super) fn name_of(&self, ahead: usize) -> String {
        if self.nth(ahead) == TokenKind::End {
            return "the end of the query".to_owned();
        }
        format!("`{}`", self.quote(self.nth_span(ahead)))
    }

    /// A piece of the text short enough for a message.
    pub(super) fn quote(&self, span: Span) -> String {
        excerpt(self.slice(span))
    }

    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        if !self.given_up {
            self.problems.push(diagnostic);
        }
    }

    /// Says something about the token at the cursor, unless something was said about it before.
    pub(super) fn complain(&mut self, make: impl FnOnce(&Self) -> Diagnostic) {
        let complained_before = self.complained_at == Some(self.position)
            || self.behind_nonsense.binary_search(&self.position).is_ok();
        self.complained_at = Some(self.position);
        if !complained_before {
            let diagnostic = make(self);
            self.say(diagnostic);
        }
    }

    /// Says what was expected where the cursor stands.
    pub(super) fn complain_expected(&mut self, code: Code, expected: &str) {
        self.complain(|parser| {
            let message = format!("expected {expected}, found {}", parser.name_of(0));
            Diagnostic::error(code, message).at(parser.span(), format!("expected {expected}"))
        });
    }

    /// Steps over an opening parenthesis, whose partner [`close`](Self::close) looks for.
    pub(super) fn open_parenthesis(&mut self) -> Span {
        self.open_parentheses += 1;
        self.bump()
    }

    /// Steps over a closing bracket that has no partner.
    pub(super) fn take_stray_closing(&mut self) {
        let place = self.span();
        self.complain(|parser| {
            let message = format!("{} closes nothing", parser.name_of(0));
            Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                .at(place, "")
                .with_help("remove it, or put what opens it before it")
                .with_edit(place, "")
        });
        self.bump();
    }

    /// Steps over a closing bracket, or says that the opening one has none.
    pub(super) fn close(&mut self, closing: TokenKind, sign: &str, opening: Span) {
        if closing == TokenKind::RightParen {
            self.open_parentheses -= 1;
        }
        if self.eat(closing).is_some() {
            return;
        }
        self.complain(|parser| {
            let message = format!("`{}` is not closed", parser.slice(opening));
            let found = format!("expected `{sign}`, found {}", parser.name_of(0));
            Diagnostic::error(codes::NOT_CLOSED, message).at(opening, "opened here").at(parser.span(), found)
        });
    }

    /// Steps over everything up to one of `stops` outside of brackets, or the end.
    pub(super) fn skip_to(&mut self, stops: &[TokenKind]) {
        let mut open = 0_usize;
        while !self.at_end() {
            let kind = self.kind();
            if open == 0 && stops.contains(&kind) {
                return;
            }
            match kind {
                TokenKind::LeftParen | TokenKind::LeftBracket | TokenKind::MissingBracket => open += 1,
                TokenKind::RightParen | TokenKind::RightBracket => open = open.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }
}
