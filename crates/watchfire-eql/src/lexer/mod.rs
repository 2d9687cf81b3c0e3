//! From text to tokens (eql-semantics §2).
//!
//! Lexing never fails: what means nothing becomes a token of its own and a diagnostic, and the tokens cover the text
//! without gap or overlap, white space and comments included.

pub(crate) mod strings;
mod token;

use watchfire_diagnostics::{Diagnostic, Span};

pub use token::{Keyword, Token, TokenKind};

use crate::codes;
use crate::problems::{Problems, excerpt};

/// Cuts a text into tokens; the last is [`TokenKind::End`]. The diagnostics are those of the cutting alone; what is
/// inside of strings is looked at by the parser.
///
/// The caller keeps texts below 4 GiB, the most a [`Span`] can tell.
pub fn tokenize(text: &str) -> (Vec<Token>, Vec<Diagnostic>) {
    let (tokens, problems) = lex(text);
    (tokens, problems.into_sorted())
}

/// As [`tokenize`], for a caller that finds more problems.
pub(crate) fn lex(text: &str) -> (Vec<Token>, Problems) {
    let mut lexer = Lexer { text, position: 0, problems: Problems::default() };
    let mut tokens: Vec<Token> = Vec::new();
    while lexer.position < text.len() {
        let start = lexer.position;
        let kind = lexer.next_kind();
        debug_assert!(lexer.position > start, "every token has a length");
        let span = Span::new(start, lexer.position);
        match tokens.last_mut() {
            // A run of nonsense is one problem, not one per character.
            Some(last) if kind == TokenKind::Unknown && last.kind == kind => last.span.end = span.end,
            _ => tokens.push(Token { kind, span }),
        }
    }
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Unknown) {
        lexer.problems.push(unknown_characters(text, token.span));
    }
    tokens.push(Token { kind: TokenKind::End, span: Span::empty(text.len()) });
    (tokens, lexer.problems)
}

/// Whether a text can stand as an identifier without back-quotes.
pub(crate) fn is_plain_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(starts_identifier)
        && characters.all(continues_identifier)
        && Keyword::from_text(text).is_none()
}

fn starts_identifier(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || character == '@'
}

fn continues_identifier(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_white_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Whether a character is a typographic quotation mark, and whether a double one.
fn typographic(character: char) -> Option<bool> {
    match character {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}' => Some(true),
        '\u{2018}' | '\u{2019}' | '\u{201a}' => Some(false),
        _ => None,
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

struct Lexer<'t> {
    text: &'t str,
    position: usize,
    problems: Problems,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Steps over the text if it comes next.
    fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.position += expected.len();
        }
        found
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.position += rest.find(|character| !accept(character)).unwrap_or(rest.len());
    }

    /// Length of the rest of the line.
    fn line_rest(&self) -> usize {
        let rest = self.rest();
        rest.find(['\n', '\r']).unwrap_or(rest.len())
    }

    fn next_kind(&mut self) -> TokenKind {
        use TokenKind as K;
        let Some(first) = self.peek() else { return K::End };
        if is_white_space(first) {
            self.eat_while(is_white_space);
            return K::WhiteSpace;
        }
        if starts_identifier(first) || first.is_alphabetic() {
            return self.word();
        }
        let second = self.rest()[first.len_utf8()..].chars().next();
        let digit_follows = second.is_some_and(|second| second.is_ascii_digit());
        if first.is_ascii_digit() || (first == '.' && digit_follows) {
            return self.number();
        }
        match first {
            '"' => return self.string(),
            '\'' => return self.single_quoted(),
            '`' => return self.quoted_identifier(),
            // Read to its end as well, so that the words inside are not taken for names.
            _ if typographic(first).is_some() => return self.typographic_string(first),
            '#' => {
                self.position += self.line_rest();
                return K::Unknown;
            }
            '?' if matches!(second, Some('"' | '\'')) => return self.old_raw_string(),
            '$' if second.is_some_and(|second| second.is_ascii_alphabetic() || second == '_') => {
                self.position += 1;
                self.eat_while(continues_identifier);
                return K::Variable;
            }
            _ => {}
        }
        let (kind, length) = match (first, second) {
            ('/', Some('/')) => {
                self.position += self.line_rest();
                return K::Comment;
            }
            ('/', Some('*')) => return self.block_comment(),
            ('=', Some('=')) => (K::Equal, 2),
            ('!', Some('=')) => (K::NotEqual, 2),
            ('!', Some('[')) => (K::MissingBracket, 2),
            ('<', Some('=')) => (K::LessOrEqual, 2),
            ('>', Some('=')) => (K::GreaterOrEqual, 2),
            ('&', Some('&')) => (K::DoubleAmpersand, 2),
            ('&', _) => (K::DoubleAmpersand, 1),
            ('|', Some('|')) => (K::DoublePipe, 2),
            ('<', _) => (K::Less, 1),
            ('>', _) => (K::Greater, 1),
            ('=', _) => (K::Assign, 1),
            ('!', _) => (K::Bang, 1),
            ('(', _) => (K::LeftParen, 1),
            (')', _) => (K::RightParen, 1),
            ('[', _) => (K::LeftBracket, 1),
            (']', _) => (K::RightBracket, 1),
            (',', _) => (K::Comma, 1),
            ('.', _) => (K::Dot, 1),
            ('|', _) => (K::Pipe, 1),
            (':', _) => (K::Colon, 1),
            ('?', _) => (K::Question, 1),
            ('~', _) => (K::Tilde, 1),
            ('+', _) => (K::Plus, 1),
            ('-', _) => (K::Minus, 1),
            ('*', _) => (K::Star, 1),
            ('/', _) => (K::Slash, 1),
            ('%', _) => (K::Percent, 1),
            _ => (K::Unknown, first.len_utf8()),
        };
        self.position += length;
        kind
    }

    fn word(&mut self) -> TokenKind {
        let start = self.position;
        self.eat_while(|character| {
            starts_identifier(character) || character.is_alphanumeric() || character == '_'
        });
        let word = &self.text[start..self.position];
        if !word.is_ascii() {
            // Read as the name it is meant to be, so that nothing else is said about it.
            let shown = excerpt(word);
            let name = word.replace('`', "``");
            self.problems.push(
                Diagnostic::error(
                    codes::UNEXPECTED_CHARACTER,
                    format!("`{shown}` holds other than ASCII letters"),
                )
                .at(Span::new(start, self.position), "")
                .with_help("write such a name between back-quotes")
                .with_edit(Span::new(start, self.position), format!("`{name}`")),
            );
            return TokenKind::Identifier;
        }
        let Some(keyword) = Keyword::from_text(word) else { return TokenKind::Identifier };
        let ignoring_case = match keyword {
            Keyword::In => Some(Keyword::InIgnoreCase),
            Keyword::Like => Some(Keyword::LikeIgnoreCase),
            Keyword::Regex => Some(Keyword::RegexIgnoreCase),
            _ => None,
        };
        match ignoring_case {
            Some(ignoring_case) if self.eat("~") => TokenKind::Keyword(ignoring_case),
            _ => TokenKind::Keyword(keyword),
        }
    }

    fn number(&mut self) -> TokenKind {
        let digit = |character: char| character.is_ascii_digit();
        let mut kind = TokenKind::Integer;
        self.eat_while(digit);
        if self.eat(".") {
            kind = TokenKind::Decimal;
            self.eat_while(digit);
        }
        let rest = self.rest().as_bytes();
        if matches!(rest.first(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(1), Some(b'+' | b'-')));
            if rest.get(1 + sign).is_some_and(u8::is_ascii_digit) {
                kind = TokenKind::Decimal;
                self.position += 1 + sign;
                self.eat_while(digit);
            }
        }
        kind
    }

    fn string(&mut self) -> TokenKind {
        let start = self.position;
        if !self.eat("\"\"\"") {
            self.position += 1;
            self.quoted_content(b'"', start);
            return TokenKind::String;
        }
        // Closed by the first three marks; up to two further ones belong to the content.
        let mut marks = 0;
        let bytes = self.rest().as_bytes();
        let found = bytes.iter().position(|&byte| {
            marks = if byte == b'"' { marks + 1 } else { 0 };
            marks == 3 || is_line_end(byte)
        });
        let end = found.map_or(bytes.len(), |at| if marks == 3 { at + 1 } else { at });
        let further = bytes[end..].iter().take(2).take_while(|&&byte| byte == b'"').count();
        if marks == 3 {
            self.position += end + further;
        } else {
            self.position += end;
            let problem = not_closed(Span::new(start, start + 3), "raw string", "\"\"\"");
            self.problems.push(problem.with_help("write `\"\"\"` where it ends"));
        }
        TokenKind::RawString
    }

    /// A string between typographic quotation marks; a lone mark means nothing.
    fn typographic_string(&mut self, opening: char) -> TokenKind {
        self.position += opening.len_utf8();
        let closes = |character: char| typographic(character) == typographic(opening);
        let mut line = self.rest().char_indices().take_while(|&(_, next)| !matches!(next, '\n' | '\r'));
        let closing = line.find(|&(_, character)| closes(character));
        let Some((at, closing)) = closing else { return TokenKind::Unknown };
        self.position += at + closing.len_utf8();
        TokenKind::TypographicString
    }

    fn single_quoted(&mut self) -> TokenKind {
        let start = self.position;
        self.position += 1;
        self.quoted_content(b'\'', start);
        TokenKind::SingleQuoted
    }

    /// Steps over the rest of a string that is closed by `quote` unless a backslash stands before it.
    fn quoted_content(&mut self, quote: u8, start: usize) {
        let length = match strings::closing_quote(self.rest(), quote) {
            Ok(length) => {
                self.position += length + 1;
                return;
            }
            Err(length) => length,
        };
        self.position += length;
        let quote = char::from(quote);
        let content = &self.text[start..self.position];
        let escaped_quote = format!("\\{quote}");
        let problem = not_closed(Span::new(start, start + 1), "string", &quote.to_string());
        self.problems.push(if content.contains(&escaped_quote) {
            let help = format!(
                "`{escaped_quote}` is a quotation mark inside of the string: a backslash is written `\\\\`"
            );
            let problem = problem.with_help(help);
            match content.strip_suffix(&escaped_quote) {
                Some(before) => problem.with_edit(Span::empty(start + before.len()), "\\"),
                None => problem,
            }
        } else {
            problem.with_help(format!("write `{quote}` where it ends"))
        });
    }

    fn old_raw_string(&mut self) -> TokenKind {
        let start = self.position;
        let quote = self.text.as_bytes()[start + 1];
        self.position += 2;
        self.quoted_content(quote, start + 1);
        TokenKind::OldRawString
    }

    fn quoted_identifier(&mut self) -> TokenKind {
        let start = self.position;
        let mut search = start + 1;
        loop {
            let Some(found) = self.text[search..].find('`') else {
                // Quoted names may hold line breaks; one that is not closed is taken to end with its line, so that
                // the rest of the query can still be read.
                self.position += self.line_rest();
                self.problems.push(not_closed(Span::new(start, start + 1), "quoted name", "`"));
                return TokenKind::QuotedIdentifier;
            };
            let behind = search + found + 1;
            if self.text[behind..].starts_with('`') {
                search = behind + 1;
            } else {
                self.position = behind;
                return TokenKind::QuotedIdentifier;
            }
        }
    }

    fn block_comment(&mut self) -> TokenKind {
        let start = self.position;
        let mut depth = 0_usize;
        while self.position < self.text.len() {
            if self.eat("/*") {
                depth += 1;
            } else if self.eat("*/") {
                depth -= 1;
                if depth == 0 {
                    return TokenKind::Comment;
                }
            } else {
                let rest = self.rest();
                let next = rest.char_indices().skip(1).find(|&(_, character)| matches!(character, '/' | '*'));
                self.position += next.map_or(rest.len(), |(offset, _)| offset);
            }
        }
        self.problems.push(not_closed(Span::new(start, start + 2), "comment", "*/"));
        TokenKind::Comment
    }
}

fn not_closed(opening: Span, what: &str, closing: &str) -> Diagnostic {
    let (code, note) = match what {
        "comment" => (codes::COMMENT_NOT_CLOSED, "comments nest: each `/*` needs its own `*/`"),
        "quoted name" => (codes::BAD_QUOTED_NAME, "a back-quote inside of a quoted name is written twice"),
        _ => (codes::STRING_NOT_CLOSED, "a string ends on the line it begins on"),
    };
    let message = format!("{what} is not closed: a `{closing}` is missing");
    Diagnostic::error(code, message).at(opening, "opened here").with_note(note)
}

fn unknown_characters(text: &str, span: Span) -> Diagnostic {
    let run = &text[span.range()];
    let first = run.chars().next().unwrap_or_default();
    let shown = excerpt(run);
    let diagnostic = |message: String| Diagnostic::error(codes::UNEXPECTED_CHARACTER, message).at(span, "");
    match first {
        ';' => {
            diagnostic("`;` does not end an EQL query".to_owned()).with_help("remove it").with_edit(span, "")
        }
        '#' => diagnostic("`#` does not begin a comment".to_owned())
            .with_help("comments begin with `//`")
            .with_edit(Span::new(span.start as usize, span.start as usize + 1), "//"),
        _ if typographic(first).is_some() => diagnostic(format!("typographic quotation mark `{first}`"))
            .with_help("strings are written between straight quotation marks: `\"…\"`"),
        _ if first.is_whitespace() || matches!(first, '\u{200b}' | '\u{feff}' | '\u{2060}') => {
            diagnostic(format!("invisible character U+{:04X} outside of a string", u32::from(first)))
                .with_help("replace it by an ordinary space")
                .with_edit(span, " ")
        }
        _ if first.is_control() => {
            diagnostic(format!("control character U+{:04X} outside of a string", u32::from(first)))
                .with_help("remove it")
                .with_edit(span, "")
        }
        _ => diagnostic(format!("`{shown}` means nothing in EQL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let (tokens, _) = tokenize(text);
        let solid = tokens.iter().filter(|token| !token.kind.is_trivia() && token.kind != TokenKind::End);
        solid.map(|token| (token.kind, &text[token.span.range()])).collect()
    }

    #[test]
    fn raw_strings_take_further_quotes() {
        use TokenKind::{RawString, String};
        for text in [r#"""""""""#, r#"""""a"""""#, r#""""a\""""#, r#""""""""#] {
            assert_eq!(kinds(text), [(RawString, text)], "{text}");
        }
        assert_eq!(
            kinds(r#"""""""""""#),
            [(RawString, r#""""""""""#), (String, "\"")],
            "nine is eight and one"
        );
        assert_eq!(kinds(r#""" """#), [(String, "\"\""), (String, "\"\"")]);
    }

    #[test]
    fn numbers_end_where_they_must() {
        use TokenKind::{Decimal, Identifier, Integer};
        assert_eq!(kinds("1e"), [(Integer, "1"), (Identifier, "e")]);
        assert_eq!(kinds("1e+"), [(Integer, "1"), (Identifier, "e"), (TokenKind::Plus, "+")]);
        assert_eq!(kinds("1. .5 1.5E-3"), [(Decimal, "1."), (Decimal, ".5"), (Decimal, "1.5E-3")]);
        assert_eq!(kinds("30s"), [(Integer, "30"), (Identifier, "s")]);
    }

    #[test]
    fn comments_nest() {
        assert_eq!(kinds("/* a /* b */ c */ x // y"), [(TokenKind::Identifier, "x")]);
        assert_eq!(tokenize("/* /* */").1.len(), 1);
    }

    #[test]
    fn keywords_take_a_tilde_only_where_it_means_something() {
        use TokenKind::{Keyword as K, Tilde};
        assert_eq!(
            kinds("in~ by~"),
            [(K(Keyword::InIgnoreCase), "in~"), (K(Keyword::By), "by"), (Tilde, "~")]
        );
    }

    #[test]
    fn quoted_names_may_hold_anything() {
        let text = "`a``b\n?`";
        assert_eq!(kinds(text), [(TokenKind::QuotedIdentifier, text)]);
    }
}
