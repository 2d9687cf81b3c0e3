//! Text to tokens, after the classic query parser of Lucene.

use watchfire_diagnostics::{Diagnostic, Problems, Span};

use super::{LuceneBound, LucenePart, codes};

pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    And,
    Or,
    /// `NOT` or `!`.
    Not,
    Plus,
    Minus,
    OpenParen,
    CloseParen,
    Colon,
    /// A word without wildcards.
    Term(String),
    /// A word with wildcards.
    Wildcard(Vec<LucenePart>),
    Quoted(String),
    Regex(String),
    Range {
        lower: LuceneBound,
        upper: LuceneBound,
    },
    /// `~` and the number that may follow it.
    Fuzzy,
    /// `^` and the number that follows it.
    Boost,
    /// What was already reported, and stands where a value may.
    Invalid,
    End,
}

pub(super) fn tokens(text: &str, problems: &mut Problems) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), problems };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    problems: &'a mut Problems,
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{3000}')
}

/// Characters that no word holds unless escaped. `+` and `-` may follow a word's first character, `*` and `?` make a
/// wildcard of it.
fn ends_word(character: char) -> bool {
    is_space(character)
        || matches!(character, '!' | '(' | ')' | ':' | '^' | '[' | ']' | '"' | '{' | '}' | '~' | '/')
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: Span::new(start, self.at) });
    }

    fn error(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn step(&mut self) -> bool {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_space).len();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            self.push(TokenKind::End, start);
            return false;
        };
        let (kind, length) = match first {
            '(' => (TokenKind::OpenParen, 1),
            ')' => (TokenKind::CloseParen, 1),
            ':' => (TokenKind::Colon, 1),
            '+' | '-' | '!' if self.rest()[1..].starts_with(is_space) || self.rest().len() == 1 => {
                let message = format!("`{first}` stands alone");
                let place = Span::new(start, start + 1);
                self.error(
                    Diagnostic::error(codes::UNEXPECTED, message)
                        .at(place, "")
                        .with_help("put it directly before what it applies to"),
                );
                (TokenKind::Invalid, 1)
            }
            '+' => (TokenKind::Plus, 1),
            '-' => (TokenKind::Minus, 1),
            '!' => (TokenKind::Not, 1),
            '&' if self.rest().starts_with("&&") => (TokenKind::And, 2),
            '|' if self.rest().starts_with("||") => (TokenKind::Or, 2),
            '~' | '^' => {
                self.at += 1;
                let number = self.rest().find(|next: char| !next.is_ascii_digit() && next != '.');
                self.at += number.unwrap_or(self.rest().len());
                self.push(if first == '~' { TokenKind::Fuzzy } else { TokenKind::Boost }, start);
                return true;
            }
            '"' => {
                self.quoted();
                return true;
            }
            '/' => {
                self.regex();
                return true;
            }
            '[' | '{' => {
                self.range();
                return true;
            }
            ']' | '}' => {
                let message = format!("`{first}` closes nothing");
                self.error(Diagnostic::error(codes::UNEXPECTED, message).at(Span::new(start, start + 1), ""));
                (TokenKind::Invalid, 1)
            }
            _ => {
                self.word();
                return true;
            }
        };
        self.at += length;
        self.push(kind, start);
        true
    }

    /// The character that a backslash at the current place stands for; steps over both.
    fn escape(&mut self) -> char {
        let start = self.at;
        self.at += 1;
        let Some(next) = self.rest().chars().next() else {
            let problem = Diagnostic::error(codes::INVALID_ESCAPE, "a backslash at the end escapes nothing");
            self.error(problem.at(Span::new(start, self.at), "").with_help("write `\\\\` for a backslash"));
            return '\\';
        };
        self.at += next.len_utf8();
        if next != 'u' {
            return next;
        }
        let digits =
            self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            self.at += 4;
            // Half of a character can be written, and is in no event.
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        let problem = Diagnostic::error(codes::INVALID_ESCAPE, "`\\u` needs four hexadecimal digits");
        self.error(problem.at(Span::new(start, self.at), "").with_help("write `\\\\` for a backslash"));
        next
    }

    fn word(&mut self) {
        let start = self.at;
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut escaped = false;
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\\' => {
                    escaped = true;
                    let character = self.escape();
                    text.push(character);
                }
                '*' | '?' => {
                    if !text.is_empty() {
                        parts.push(LucenePart::Text(std::mem::take(&mut text)));
                    }
                    parts.push(if next == '*' { LucenePart::Any } else { LucenePart::One });
                    self.at += 1;
                }
                _ if ends_word(next) => break,
                _ => {
                    text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
        let kind = match text.as_str() {
            _ if !parts.is_empty() => {
                if !text.is_empty() {
                    parts.push(LucenePart::Text(text));
                }
                TokenKind::Wildcard(parts)
            }
            "AND" if !escaped => TokenKind::And,
            "OR" if !escaped => TokenKind::Or,
            "NOT" if !escaped => TokenKind::Not,
            _ => TokenKind::Term(text),
        };
        self.push(kind, start);
    }

    fn quoted(&mut self) {
        let start = self.at;
        self.at += 1;
        let text = self.until_quote(start);
        self.push(text.map_or(TokenKind::Invalid, TokenKind::Quoted), start);
    }

    /// The text up to the closing quote, past which it steps.
    fn until_quote(&mut self, opening: usize) -> Option<String> {
        let mut text = String::new();
        while let Some(next) = self.rest().chars().next() {
            match next {
                '"' => {
                    self.at += 1;
                    return Some(text);
                }
                '\\' => {
                    let character = self.escape();
                    text.push(character);
                }
                _ => {
                    text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
        let place = Span::new(opening, opening + 1);
        self.error(
            Diagnostic::error(codes::UNCLOSED_TEXT, "this quoted text is not closed")
                .at(place, "no quote follows that would close it"),
        );
        None
    }

    fn regex(&mut self) {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while at < bytes.len() && bytes[at] != b'/' {
            at += if bytes[at] == b'\\' && bytes.get(at + 1) == Some(&b'/') { 2 } else { 1 };
        }
        if at < bytes.len() {
            self.at = at + 1;
            let expression = self.text[start + 1..at].to_owned();
            self.push(TokenKind::Regex(expression), start);
            if self
                .rest()
                .starts_with(|next: char| next.is_alphanumeric() || matches!(next, '/' | '\\' | '.' | '*'))
            {
                self.error(
                    Diagnostic::warning(codes::SLASHES, "slashes of a path are read as a regular expression")
                        .at(Span::new(start, self.at), "all of the expression")
                        .with_help("write `\\/` for each slash, or quote the value"),
                );
            }
        } else {
            self.error(
                Diagnostic::error(codes::UNCLOSED_TEXT, "this regular expression is not closed")
                    .at(Span::new(start, start + 1), "")
                    .with_help("write `\\/` for a slash that belongs to a value, such as a path"),
            );
            self.at = self.text.len();
            self.push(TokenKind::Invalid, start);
        }
    }

    /// `[a TO b]` and its like; the opening bracket stands at the current place.
    fn range(&mut self) {
        let start = self.at;
        let lower_inclusive = self.rest().starts_with('[');
        self.at += 1;
        let mut words = Vec::new();
        let closing = loop {
            self.at += self.rest().len() - self.rest().trim_start_matches(is_space).len();
            match self.rest().chars().next() {
                None => break None,
                Some(close @ (']' | '}')) => {
                    self.at += 1;
                    break Some(close);
                }
                Some('"') => {
                    let opening = self.at;
                    self.at += 1;
                    match self.until_quote(opening) {
                        Some(text) => words.push(BoundText { text, plain: false }),
                        None => return self.push(TokenKind::Invalid, start),
                    }
                }
                Some(_) => {
                    let text = self.bound();
                    words.push(text);
                }
            }
        };
        let Some(closing) = closing else {
            let place = Span::new(start, start + 1);
            let problem = Diagnostic::error(codes::UNCLOSED_TEXT, "this range is not closed");
            self.error(problem.at(place, "no `]` or `}` follows"));
            return self.push(TokenKind::Invalid, start);
        };
        let span = Span::new(start, self.at);
        if let [lower, to, upper] = words.as_slice()
            && to.plain
            && to.text == "TO"
        {
            let kind =
                TokenKind::Range { lower: lower.bound(lower_inclusive), upper: upper.bound(closing == ']') };
            return self.push(kind, start);
        }
        let problem =
            Diagnostic::error(codes::MALFORMED_RANGE, "a range needs two ends with `TO` between them");
        self.error(problem.at(span, "").with_help("write `[low TO high]`, with `*` for no limit"));
        self.push(TokenKind::Invalid, start);
    }

    fn bound(&mut self) -> BoundText {
        let mut bound = BoundText { text: String::new(), plain: true };
        while let Some(next) = self.rest().chars().next() {
            if next == '\\' {
                bound.plain = false;
                let character = self.escape();
                bound.text.push(character);
            } else if is_space(next) || matches!(next, ']' | '}') {
                break;
            } else {
                bound.text.push(next);
                self.at += next.len_utf8();
            }
        }
        bound
    }
}

/// A word inside a range.
struct BoundText {
    text: String,
    /// Whether it is written without quotes and escapes, so that `*` and `TO` mean something.
    plain: bool,
}

impl BoundText {
    fn bound(&self, inclusive: bool) -> LuceneBound {
        match (self.plain && self.text == "*", inclusive) {
            (true, _) => LuceneBound::Unbounded,
            (false, true) => LuceneBound::Inclusive(self.text.clone()),
            (false, false) => LuceneBound::Exclusive(self.text.clone()),
        }
    }
}
