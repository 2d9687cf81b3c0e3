//! Text to tokens (kql-semantics §2, §2.1).
//!
//! Whether a word is a keyword depends on what stands around it. `or` and `and` are keywords only where an operand has
//! ended and with white space on both sides; `not` only with white space behind it, but then even in the middle of a
//! word. The lexer therefore remembers its last token, which is all the context the grammar needs.

mod literal;

use watchfire_diagnostics::{Problems, Span};

use crate::ast::RangeOp;
use crate::characters::{is_space, starts_with_keyword};
use crate::token::{Bracket, Token, TokenKind};

/// The tokens of a text.
pub(crate) struct Tokens {
    /// The tokens; the last one is [`TokenKind::End`].
    pub(crate) list: Vec<Token>,
    /// Whether a quoted text holds a `\"` that may be the end of a path and meant to close it, as in `"C:\Tools\"`.
    pub(crate) escaped_path_end: bool,
}

/// Splits the text into tokens. With `escaped_quote_ends_path`, a `\"` of the kind above does close the text, and is
/// reported.
pub(crate) fn tokens(text: &str, escaped_quote_ends_path: bool, problems: &mut Problems) -> Tokens {
    let mut lexer =
        Lexer { text, at: 0, tokens: Vec::new(), escaped_quote_ends_path, escaped_path_end: false, problems };
    while lexer.step() {}
    Tokens { list: lexer.tokens, escaped_path_end: lexer.escaped_path_end }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    escaped_quote_ends_path: bool,
    escaped_path_end: bool,
    problems: &'a mut Problems,
}

impl Lexer<'_> {
    /// Reads one token. Returns whether there is more.
    fn step(&mut self) -> bool {
        let space = self.skip_space();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            self.push(TokenKind::End, start);
            return false;
        };
        if let Some(kind) = self.keyword(space) {
            self.at += kind.keyword().expect("it is a keyword").len();
            self.push(kind, start);
            return true;
        }
        let (kind, length) = match first {
            '(' => (TokenKind::Open(Bracket::Parenthesis), 1),
            ')' => (TokenKind::Close(Bracket::Parenthesis), 1),
            '{' => (TokenKind::Open(Bracket::Brace), 1),
            '}' => (TokenKind::Close(Bracket::Brace), 1),
            ':' => (TokenKind::Colon, 1),
            '<' if self.rest().starts_with("<=") => (TokenKind::Range(RangeOp::Lte), 2),
            '>' if self.rest().starts_with(">=") => (TokenKind::Range(RangeOp::Gte), 2),
            '<' => (TokenKind::Range(RangeOp::Lt), 1),
            '>' => (TokenKind::Range(RangeOp::Gt), 1),
            '"' => {
                self.quoted();
                return true;
            }
            _ => {
                self.unquoted();
                return true;
            }
        };
        self.at += length;
        self.push(kind, start);
        true
    }

    /// The keyword that begins here, `space` telling whether white space stands before it.
    fn keyword(&self, space: bool) -> Option<TokenKind> {
        let rest = self.rest();
        if starts_with_keyword(rest, "not") {
            return Some(TokenKind::Not);
        }
        let after_operand = self.tokens.last().is_some_and(|last| last.kind.ends_operand());
        if !(space && after_operand) {
            None
        } else if starts_with_keyword(rest, "or") {
            Some(TokenKind::Or)
        } else if starts_with_keyword(rest, "and") {
            Some(TokenKind::And)
        } else {
            None
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) -> bool {
        let length = space_length(self.rest());
        self.at += length;
        length > 0
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: Span::new(start, self.at) });
    }
}

/// Length in bytes of the white space that `text` begins with.
fn space_length(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::characters::is_trimmed;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        /// Between two tokens stands nothing but white space, which may be what a literal loses at its ends.
        #[test]
        fn tokens_and_white_space_cover_the_text(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![
                        " ", "\n", "\u{a0}", "\u{feff}", "or", " and ", "not ", "(", "}", ":", "<=", "\"", "\\", "\\\"", "*",
                        "C:\\a\\\"", "\\u0041", "\\ud83d", "'", "é", "🔥",
                    ])
                    .prop_map(str::to_owned),
                    any::<char>().prop_map(String::from),
                ],
                0..30,
            ),
            escaped_quote_ends_path in any::<bool>(),
        ) {
            let text = pieces.concat();
            let mut problems = Problems::new(crate::codes::FURTHER_PROBLEMS);
            let found = tokens(&text, escaped_quote_ends_path, &mut problems).list;
            let mut end = 0;
            for token in &found {
                let gap = text.get(end..token.span.start as usize);
                prop_assert!(gap.is_some_and(|gap| gap.chars().all(is_trimmed)), "{text:?}: {gap:?} before {token:?}");
                prop_assert!(text.get(token.span.range()).is_some(), "{text:?}: {token:?}");
                let may_be_empty = matches!(&token.kind, TokenKind::End | TokenKind::Unquoted(_));
                prop_assert!(!token.span.is_empty() || may_be_empty, "{text:?}: {token:?}");
                end = token.span.end as usize;
            }
            prop_assert_eq!(end, text.len());
            prop_assert_eq!(found.iter().filter(|token| token.kind == TokenKind::End).count(), 1);
        }
    }
}
