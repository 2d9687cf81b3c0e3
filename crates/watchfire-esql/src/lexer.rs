//! Text to tokens (esql-semantics §2), one at a time: what a text means depends on the command that it stands in.

use watchfire_diagnostics::{Diagnostic, Problems, Span};

use crate::codes;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A word without quotes.
    Word,
    /// A name in back-quotes: what it means.
    QuotedName(String),
    /// A text: what it means.
    Text(String),
    /// A whole number; too large for 64 bits if there is none.
    Whole(Option<u64>),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// A sign, or two that belong together.
    Sign(&'static str),
    /// A character that the language does not have.
    Unknown(char),
    /// The end of the query.
    End,
}

/// Signs, the longer ones first. Some belong to other languages, so that they can be named.
const SIGNS: [&str; 29] = [
    "==", "!=", "<=", ">=", "=~", "::", "&&", "||", "??", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")",
    "[", "]", "{", "}", ",", ".", ":", "|", "?", "!",
];

/// Reads tokens.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    pub(crate) at: usize,
    /// What is wrong so far; the parser adds to it.
    pub(crate) problems: Problems,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, problems: Problems::new(codes::FURTHER_PROBLEMS) }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Passes over white space and comments.
    pub(crate) fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.comment();
            } else if blank == 0 {
                return;
            }
        }
    }

    /// A comment of several lines; they nest.
    fn comment(&mut self) {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else if let Some(character) = rest.chars().next() {
                self.at += character.len_utf8();
            } else {
                self.problem(codes::UNCLOSED_TEXT, "this comment is not closed", start, start + 2);
                return;
            }
        }
    }

    fn problem(&mut self, code: watchfire_diagnostics::Code, message: &str, start: usize, end: usize) {
        self.problems.push(Diagnostic::error(code, message).at(Span::new(start, end), ""));
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Token {
        self.skip();
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Token { kind: TokenKind::End, span: Span::empty(start) };
        };
        let kind = if first == '"' {
            self.string()
        } else if first == '`' {
            self.quoted_name()
        } else if first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            self.number()
        } else if let Some(length) = word(rest) {
            self.at += length;
            TokenKind::Word
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            TokenKind::Sign(sign)
        } else {
            self.at += first.len_utf8();
            TokenKind::Unknown(first)
        };
        Token { kind, span: Span::new(start, self.at) }
    }

    fn string(&mut self) -> TokenKind {
        let start = self.at;
        if self.rest().starts_with("\"\"\"") {
            return self.raw_string();
        }
        self.at += 1;
        let mut value = String::new();
        loop {
            let Some(character) =
                self.rest().chars().next().filter(|character| !matches!(character, '\n' | '\r'))
            else {
                self.problem(codes::UNCLOSED_TEXT, "this text is not closed", start, self.at);
                return TokenKind::Text(value);
            };
            let from = self.at;
            self.at += character.len_utf8();
            match character {
                '"' => return TokenKind::Text(value),
                '\\' => {
                    let escaped = self.rest().chars().next().filter(|next| !matches!(next, '\n' | '\r'));
                    self.at += escaped.map_or(0, char::len_utf8);
                    match escaped {
                        Some('t') => value.push('\t'),
                        Some('n') => value.push('\n'),
                        Some('r') => value.push('\r'),
                        Some(same @ ('"' | '\\')) => value.push(same),
                        _ => self.problem(codes::INVALID_ESCAPE, "there is no such escape", from, self.at),
                    }
                }
                other => value.push(other),
            }
        }
    }

    /// A text in `"""`: without escapes, and up to two more quotes at its end belong to it.
    fn raw_string(&mut self) -> TokenKind {
        let start = self.at;
        let inner = &self.rest()[3..];
        let line = inner.find(['\n', '\r']).unwrap_or(inner.len());
        let Some(mut end) = inner[..line].find("\"\"\"") else {
            self.at += 3 + line;
            self.problem(codes::UNCLOSED_TEXT, "this text is not closed", start, self.at);
            return TokenKind::Text(inner[..line].to_owned());
        };
        let more = inner[end + 3..].bytes().take(2).take_while(|byte| *byte == b'"').count();
        end += more;
        self.at += 3 + end + 3;
        TokenKind::Text(inner[..end].to_owned())
    }

    fn quoted_name(&mut self) -> TokenKind {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = self.rest();
            if rest.starts_with("``") {
                value.push('`');
                self.at += 2;
            } else if rest.starts_with('`') {
                self.at += 1;
                return TokenKind::QuotedName(value);
            } else if let Some(character) = rest.chars().next().filter(|character| *character != '\n') {
                value.push(character);
                self.at += character.len_utf8();
            } else {
                self.problem(codes::UNCLOSED_TEXT, "this name is not closed", start, self.at);
                return TokenKind::QuotedName(value);
            }
        }
    }

    fn number(&mut self) -> TokenKind {
        let rest = self.rest();
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|one: char| one.is_ascii_digit()).len();
        let mut length = digits(rest);
        let mut is_double = false;
        // `a.0.b` is no column; `1..2` is nothing. A fraction may be empty: `5.`
        if rest[length..].starts_with('.')
            && word(&rest[length + 1..]).is_none_or(|_| exponent(&rest[length + 1..]).is_some())
        {
            is_double = true;
            length += 1;
            length += digits(&rest[length..]);
        }
        if let Some(more) = exponent(&rest[length..]) {
            is_double = true;
            length += more;
        }
        self.at += length;
        let text = &rest[..length];
        if is_double {
            TokenKind::Double(text.parse().unwrap_or(f64::NAN))
        } else {
            TokenKind::Whole(text.parse().ok())
        }
    }

    /// The name of a source, as `FROM` has it: what it means.
    pub(crate) fn source_name(&mut self) -> Option<(String, Span)> {
        self.skip();
        let start = self.at;
        if self.rest().starts_with('"') {
            let TokenKind::Text(value) = self.string() else { return None };
            return Some((value, Span::new(start, self.at)));
        }
        let rest = self.rest();
        let ends = |at: usize, character: char| match character {
            ':' | '"' | '=' | '|' | ',' | '[' | ']' | '(' | ')' | ' ' | '\t' | '\r' | '\n' => true,
            '/' => rest[at + 1..].starts_with(['/', '*']),
            _ => false,
        };
        let length = rest.char_indices().find(|&(at, one)| ends(at, one)).map_or(rest.len(), |(at, _)| at);
        self.at += length;
        (length > 0).then(|| (rest[..length].to_owned(), Span::new(start, self.at)))
    }
}

/// The length of an exponent.
fn exponent(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(['e', 'E'])?;
    let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let digits = unsigned.len() - unsigned.trim_start_matches(|one: char| one.is_ascii_digit()).len();
    (digits > 0).then_some(text.len() - unsigned.len() + digits)
}

/// The length of a word at the beginning of a text.
fn word(text: &str) -> Option<usize> {
    let is_part = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let first = text.chars().next()?;
    let length = match first {
        '_' | '@' => 1 + (text.len() - 1) - text[1..].trim_start_matches(is_part).len(),
        _ if first.is_ascii_alphabetic() => text.len() - text.trim_start_matches(is_part).len(),
        _ => return None,
    };
    // A lone `_` or `@` is no name.
    (length > 1 || first.is_ascii_alphabetic()).then_some(length)
}
