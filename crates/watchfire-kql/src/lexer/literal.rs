//! Quoted and unquoted literals, and their escapes.

use watchfire_diagnostics::{Diagnostic, Span};

use super::{Lexer, space_length};
use crate::ast::WildcardPart;
use crate::characters::{is_space, is_special, is_trimmed, starts_with_keyword};
use crate::codes;
use crate::token::TokenKind;

/// An escape sequence that the language knows, at the beginning of a text.
struct Escape {
    /// What it stands for.
    meaning: Meaning,
    /// Its length in bytes, backslash included.
    length: usize,
}

enum Meaning {
    Character(char),
    /// Half of a character: a UTF-16 unit without its partner.
    LoneSurrogate,
}

/// Reads the escapes that both kinds of literals have: `\t`, `\r`, `\n`, `\uXXXX`.
fn shared_escape(text: &str) -> Option<Escape> {
    let letter = |character| Some(Escape { meaning: Meaning::Character(character), length: 2 });
    match text.as_bytes().get(1)? {
        b't' => letter('\t'),
        b'r' => letter('\r'),
        b'n' => letter('\n'),
        b'u' => {
            let first = code_unit(text)?;
            let second = code_unit(&text[6..]);
            if let Some(Ok(character)) = char::decode_utf16([first]).next() {
                return Some(Escape { meaning: Meaning::Character(character), length: 6 });
            }
            match second.and_then(|second| char::decode_utf16([first, second]).next()) {
                Some(Ok(character)) => Some(Escape { meaning: Meaning::Character(character), length: 12 }),
                _ => Some(Escape { meaning: Meaning::LoneSurrogate, length: 6 }),
            }
        }
        _ => None,
    }
}

/// The value of the `\uXXXX` that begins the text.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` alone would also take a sign.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

impl Lexer<'_> {
    /// Reads a quoted literal; the opening quote stands at the current place.
    pub(super) fn quoted(&mut self) {
        let start = self.at;
        let end = self.end_of_quoted(start);
        let mut decoded = String::new();
        let mut escapes = EscapesSeen::default();
        self.at += 1;
        while self.at < end {
            let rest = &self.text[self.at..end];
            if let Some(escape) = rest.starts_with('\\').then(|| shared_escape(rest)).flatten() {
                decoded.push(self.take_escape(&escape, &mut escapes));
            } else if rest.starts_with("\\\\") || rest.starts_with("\\\"") {
                decoded.push(char::from(rest.as_bytes()[1]));
                self.at += 2;
            } else {
                let character = rest.chars().next().expect("the literal goes on until its end");
                decoded.push(character);
                self.at += character.len_utf8();
            }
        }
        if self.rest().starts_with('"') {
            self.at += 1;
        }
        let span = Span::new(start, self.at);
        self.warn_of_escapes(span, &escapes);
        if self.text[span.range()].contains(['\n', '\r']) {
            let warning = "the detection-rules repository refuses a line break inside quotes";
            self.problems.push(Diagnostic::warning(codes::NOT_IN_REPOSITORY, warning).at(span, ""));
        }
        self.push(TokenKind::Quoted(decoded), start);
    }

    /// Where the text in quotes ends: the offset of the closing quote, or what comes nearest to it.
    fn end_of_quoted(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut likely_end = None;
        while at < bytes.len() {
            match bytes[at] {
                b'"' => break,
                b'\\' if matches!(bytes.get(at + 1), Some(b'\\' | b'"')) => {
                    if likely_end.is_none() && bytes[at + 1] == b'"' && is_end_of_value(&self.text[at + 2..])
                    {
                        likely_end = Some(at);
                    }
                    at += 2;
                }
                _ => at += 1,
            }
        }
        let closed = at < bytes.len();
        let path_end = likely_end.filter(|backslash| has_single_backslash(&self.text[start + 1..*backslash]));
        self.escaped_path_end |= path_end.is_some();
        match (closed, likely_end) {
            (true, _) if !(self.escaped_quote_ends_path && path_end.is_some()) => at,
            (_, Some(backslash)) => {
                self.problems.push(
                    Diagnostic::error(codes::UNCLOSED_QUOTE, "this quoted text is not closed")
                        .at(
                            Span::new(backslash, backslash + 2),
                            "this is an escaped quote, which is part of the text",
                        )
                        .at(Span::new(start, start + 1), "the text begins here")
                        .with_help("write `\\\\` for a backslash at the end"),
                );
                backslash + 1
            }
            (_, None) => {
                self.problems.push(
                    Diagnostic::error(codes::UNCLOSED_QUOTE, "this quoted text is not closed")
                        .at(Span::new(start, start + 1), "no quote follows that would close it"),
                );
                // Whoever forgets a quote rarely means the following lines.
                let line = self.text[start + 1..].split(['\r', '\n']).next().unwrap_or_default();
                start + 1 + line.trim_end_matches(is_space).len()
            }
        }
    }

    /// Reads an unquoted literal, which may turn out to hold nothing but a backslash that is in error.
    pub(super) fn unquoted(&mut self) {
        let start = self.at;
        let mut pieces = Pieces::default();
        let mut escapes = EscapesSeen::default();
        while let Some(first) = self.rest().chars().next() {
            let rest = self.rest();
            if first == '\\' {
                self.unquoted_escape(&mut pieces, &mut escapes);
            } else if first == '*' {
                pieces.star();
                self.at += 1;
            } else if is_special(first) || starts_with_keyword(rest, "not") {
                break;
            } else if is_space(first) {
                // The whole run at once: whether a keyword follows is the same for each of its characters.
                let length = space_length(rest);
                let after = &rest[length..];
                if starts_with_keyword(after, "or") || starts_with_keyword(after, "and") {
                    break;
                }
                pieces.text.push_str(&rest[..length]);
                self.at += length;
            } else {
                pieces.text.push(first);
                self.at += first.len_utf8();
            }
        }
        let raw = &self.text[start..self.at];
        let trimmed = raw.trim_start_matches(is_trimmed);
        let span = if trimmed.is_empty() {
            Span::new(start, self.at)
        } else {
            let from = start + (raw.len() - trimmed.len());
            Span::new(from, from + trimmed.trim_end_matches(is_trimmed).len())
        };
        self.warn_of_escapes(span, &escapes);
        self.tokens.push(super::Token { kind: TokenKind::Unquoted(pieces.trimmed()), span });
    }

    fn unquoted_escape(&mut self, pieces: &mut Pieces, escapes: &mut EscapesSeen) {
        let rest = self.rest();
        let next = rest[1..].chars().next();
        if let Some(escape) = shared_escape(rest) {
            if rest.starts_with("\\not") && !rest[4..].starts_with(char::is_alphanumeric) {
                let span = Span::new(self.at, self.at + 4);
                self.problems.push(
                    Diagnostic::warning(codes::ESCAPED_NOT, "`\\not` is a line feed and `ot`")
                        .at(span, "`\\n` comes first")
                        .with_help("quote the value"),
                );
            }
            let character = self.take_escape(&escape, escapes);
            pieces.text.push(character);
        } else if let Some(special) = next.filter(|&next| is_special(next)) {
            pieces.text.push(special);
            self.at += 2;
        } else if let Some(length) = escaped_keyword(rest) {
            pieces.text.push_str(&rest[1..length]);
            self.at += length;
        } else {
            let span = Span::new(self.at, self.at + 1 + next.map_or(0, char::len_utf8));
            let message = match next.filter(|next| !is_space(*next)) {
                Some(next) => format!("`\\{next}` is not an escape"),
                None => "a backslash escapes nothing here".to_owned(),
            };
            // One error for a path is enough, however many backslashes it has.
            if !escapes.invalid {
                self.problems.push(
                    Diagnostic::error(codes::INVALID_ESCAPE, message)
                        .at(span, "")
                        .with_help("write `\\\\` for a backslash, or quote the value"),
                );
            }
            escapes.invalid = true;
            pieces.text.push('\\');
            self.at += 1;
        }
    }

    /// Steps over the escape and returns its character.
    fn take_escape(&mut self, escape: &Escape, escapes: &mut EscapesSeen) -> char {
        let span = Span::new(self.at, self.at + escape.length);
        self.at = span.end as usize;
        let before = span.start.checked_sub(1).map(|at| self.text.as_bytes()[at as usize]);
        let drive = before == Some(b':');
        let in_a_word = self.rest().starts_with(|next: char| next.is_alphanumeric());
        if escapes.first.is_none() && (drive || in_a_word || escape.length > 2) {
            escapes.first = Some(span);
        }
        if escape.length > 2 {
            escapes.code_point = escapes.code_point.or(Some(span));
        }
        match escape.meaning {
            Meaning::Character(character) => character,
            Meaning::LoneSurrogate => {
                escapes.lone_surrogate = escapes.lone_surrogate.or(Some(span));
                char::REPLACEMENT_CHARACTER
            }
        }
    }

    /// Warns of `\t` and its like where the literal looks like a path.
    fn warn_of_escapes(&mut self, span: Span, escapes: &EscapesSeen) {
        let raw = &self.text[span.range()];
        if let Some(escape) = escapes.first.filter(|escape| looks_like_path(raw, *escape, span)) {
            let sequence = &self.text[escape.range()];
            let meaning = match sequence {
                "\\t" => "a tab",
                "\\r" => "a carriage return",
                "\\n" => "a line feed",
                _ => "a code point",
            };
            self.problems.push(
                Diagnostic::warning(codes::PATH_ESCAPE, format!("`{sequence}` in this path is {meaning}"))
                    .at(escape, format!("read as {meaning}"))
                    .with_edit(Span { start: escape.start, end: escape.start }, "\\"),
            );
        } else if let Some(escape) = escapes.lone_surrogate {
            let message = format!("`{}` is half of a character", &self.text[escape.range()]);
            self.problems.push(
                Diagnostic::warning(codes::LONE_SURROGATE, message)
                    .at(escape, "read as U+FFFD")
                    .with_help("write `\\\\` if a backslash is meant"),
            );
        } else if let Some(escape) = escapes.code_point {
            let warning = "the detection-rules repository does not know `\\uXXXX` escapes";
            self.problems.push(Diagnostic::warning(codes::NOT_IN_REPOSITORY, warning).at(escape, ""));
        }
    }
}

/// The escapes of one literal that may not be meant as such.
#[derive(Default)]
struct EscapesSeen {
    /// The first escape that a path could have made by accident.
    first: Option<Span>,
    /// The first `\uXXXX`.
    code_point: Option<Span>,
    /// The first escape that is half of a character.
    lone_surrogate: Option<Span>,
    /// Whether a backslash stood where none may.
    invalid: bool,
}

/// Whether the raw literal has a drive letter, or a backslash that is surely meant as one.
fn looks_like_path(raw: &str, escape: Span, literal: Span) -> bool {
    let drive = raw.as_bytes().windows(3).enumerate().any(|(at, window)| {
        window[0].is_ascii_alphabetic()
            && (window[1..] == *b":\\"
                || (window[1..] == *b"\\:" && raw.as_bytes().get(at + 3) == Some(&b'\\')))
    });
    let other_backslash = raw.match_indices('\\').any(|(at, _)| {
        let own = literal.start as usize + at == escape.start as usize;
        // In `\\` the second backslash counts as well, which does no harm: the first did already.
        let next = raw.as_bytes().get(at + 1);
        !own && next
            .is_some_and(|next| *next == b'\\' || next.is_ascii_alphanumeric() && !b"trnu".contains(next))
    });
    drive || other_backslash
}

/// Whether a quoted value could have ended before `rest`: white space, a bracket or nothing follows.
fn is_end_of_value(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| is_space(next) || matches!(next, ')' | '}'))
}

/// Whether a backslash stands for itself in the quoted text, as in a path that nobody has escaped.
fn has_single_backslash(quoted: &str) -> bool {
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        match rest.as_bytes().get(at + 1) {
            Some(b'\\' | b'"') => rest = &rest[at + 2..],
            // The backslash before the quote in question, as in `"C:\"`, has a drive before it.
            _ => return true,
        }
    }
    quoted.ends_with(':')
}

/// Length of the escaped keyword that begins the text, backslash included. `\not` is one only if its `n` is not small:
/// otherwise Kibana, whose order of attempts we follow, has found `\n` before.
fn escaped_keyword(text: &str) -> Option<usize> {
    ["or", "and", "not"].into_iter().find_map(|keyword| {
        let word = text.get(1..=keyword.len())?;
        word.eq_ignore_ascii_case(keyword).then_some(1 + keyword.len())
    })
}

/// The pieces of an unquoted literal while it is read.
#[derive(Default)]
struct Pieces {
    done: Vec<WildcardPart>,
    text: String,
}

impl Pieces {
    fn star(&mut self) {
        self.end_text();
        self.done.push(WildcardPart::Any);
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.done.push(WildcardPart::Text(std::mem::take(&mut self.text)));
        }
    }

    /// The pieces without white space at the ends. As in Kibana, escapes are read first, so `\t` at an end goes too.
    fn trimmed(mut self) -> Vec<WildcardPart> {
        self.end_text();
        if let Some(WildcardPart::Text(text)) = self.done.first_mut() {
            *text = text.trim_start_matches(is_trimmed).to_owned();
        }
        if let Some(WildcardPart::Text(text)) = self.done.last_mut() {
            text.truncate(text.trim_end_matches(is_trimmed).len());
        }
        self.done.retain(|part| *part != WildcardPart::Text(String::new()));
        self.done
    }
}
