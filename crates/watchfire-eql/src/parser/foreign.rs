//! Operators of other languages: read as what they most likely mean, and named.

use watchfire_diagnostics::{Diagnostic, Span};

use super::{Parser, Tree, invalid};
use crate::codes;
use crate::lexer::{Keyword, TokenKind};
use crate::parser::expression::Level;

/// Words that other languages have for comparisons, and what to write here.
const WORDS: &[(&str, &str)] = &[
    ("is", "write `== null` or `!= null`"),
    ("equals", "write `==`, or `:` to ignore case"),
    ("eq", "write `==`, or `:` to ignore case"),
    ("ne", "write `!=`"),
    ("contains", "write `stringContains(field, \"…\")`, or `field : \"*…*\"`"),
    ("startswith", "write `startsWith(field, \"…\")`, or `field : \"…*\"`"),
    ("endswith", "write `endsWith(field, \"…\")`, or `field : \"*…\"`"),
    ("has", "write `field : \"*…*\"`"),
    ("matches", "write `field : \"…\"` for wildcards or `field regex \"…\"` for a regular expression"),
    ("rlike", "write `field regex \"…\"`"),
    ("ilike", "write `field like~ \"…\"`"),
    ("between", "write `field >= … and field <= …`"),
];

impl Parser<'_> {
    /// Steps over an operator of `tokens` tokens that is written `right` here.
    pub(super) fn take_foreign_operator(&mut self, tokens: usize, right: &str) -> Span {
        let mut span = self.bump();
        let mut written = self.slice(span).to_owned();
        for _ in 1..tokens {
            let next = self.bump();
            if next.start > span.end {
                // Whatever stands between them, perhaps a line end, does not belong into a message.
                written.push(' ');
            }
            written.push_str(self.slice(next));
            span = span.cover(next);
        }
        let message = format!("`{written}` is no operator of EQL");
        let diagnostic = Diagnostic::error(codes::FOREIGN_OPERATOR, message)
            .at(span, "")
            .with_help(format!("write `{right}`"))
            .with_edit(span, right);
        self.say(diagnostic);
        span
    }

    /// What to write instead of the word at the cursor, if it stands where an operator should and is one elsewhere.
    pub(super) fn foreign_word(&self) -> Option<&'static str> {
        if !self.at(TokenKind::Identifier) {
            return None;
        }
        let next = self.nth(1);
        let operand = next.is_string()
            || matches!(
                next,
                TokenKind::Integer | TokenKind::Decimal | TokenKind::Identifier | TokenKind::LeftParen
            );
        let constant =
            matches!(next, TokenKind::Keyword(Keyword::Not | Keyword::Null | Keyword::True | Keyword::False));
        if !operand && !constant {
            return None;
        }
        let word = self.slice(self.span());
        WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, advice)| advice)
    }

    /// `left contains "x"` and its like.
    pub(super) fn foreign_comparison(&mut self, left: &Tree) -> Tree {
        let advice = self.foreign_word().unwrap_or_default();
        self.complain(|parser| {
            let message = format!("{} is no operator of EQL", parser.name_of(0));
            Diagnostic::error(codes::FOREIGN_OPERATOR, message).at(parser.span(), "").with_help(advice)
        });
        self.bump();
        if self.at(TokenKind::Keyword(Keyword::Not)) {
            self.bump();
        }
        let right = self.tree(Level::Sum);
        invalid(left.expr.span.cover(right.expr.span))
    }
}
