//! From a string's decoded text back to its literal in the file.
//!
//! The parsers give the decoded text and the span of the literal. The map between them is made here, by reading the
//! literal once more, and only for the strings that need it: the queries.

use watchfire_diagnostics::{Span, SpanMap};

use super::Syntax;

/// The map of the string whose literal, quotes included, is `source[span]`, and whose decoded text is `decoded`.
pub(crate) fn map_string(source: &str, span: Span, syntax: Syntax, decoded: &str) -> SpanMap {
    let literal = source.get(span.range()).unwrap_or_default();
    let (text, map) = match syntax {
        Syntax::Json => decode(literal, span.start as usize, 1, Escapes::Json),
        Syntax::Toml => decode_toml(literal, span.start as usize),
    };
    // The two agree on every valid literal (a property test says so). In a file with syntax errors the parser may have
    // made up something else; then the place of the string as a whole has to do.
    if text == decoded { map } else { SpanMap::shifted(span.start as usize) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Json,
    Toml,
}

fn decode_toml(literal: &str, start: usize) -> (String, SpanMap) {
    let (quotes, escapes) = match literal {
        text if text.starts_with("\"\"\"") => (3, Escapes::Toml),
        text if text.starts_with("'''") => (3, Escapes::None),
        text if text.starts_with('\'') => (1, Escapes::None),
        text if text.starts_with('"') => (1, Escapes::Toml),
        // Not a literal: nothing else has decoded text that differs from its own.
        _ => (0, Escapes::None),
    };
    decode(literal, start, quotes, escapes)
}

/// Decodes `literal`, which stands at `start` of its file between `quotes` quotes on each side.
fn decode(literal: &str, start: usize, quotes: usize, escapes: Escapes) -> (String, SpanMap) {
    let end = literal.len().saturating_sub(quotes).max(quotes.min(literal.len()));
    let mut at = quotes.min(end);
    if quotes == 3 {
        // A line end directly behind the opening quotes is not part of the text.
        let rest = &literal[at..end];
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let mut text = String::with_capacity(end - at);
    let mut map = SpanMap::shifted(start + at);
    while at < end {
        let rest = &literal[at..end];
        let run = if escapes == Escapes::None { rest.len() } else { rest.find('\\').unwrap_or(rest.len()) };
        text.push_str(&rest[..run]);
        at += run;
        if at == end {
            break;
        }
        let (character, length) = escape(&literal[at..end], escapes);
        text.extend(character);
        at = (at + length).min(end);
        while !literal.is_char_boundary(at) {
            at += 1;
        }
        map.push(text.len(), start + at);
    }
    (text, map)
}

/// The character an escape stands for (none for a line-ending backslash), and the length of the escape.
fn escape(rest: &str, escapes: Escapes) -> (Option<char>, usize) {
    let second = rest.chars().nth(1).unwrap_or('\\');
    let simple = |character| (Some(character), 2);
    match second {
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'e' if escapes == Escapes::Toml => simple('\u{1b}'),
        'x' if escapes == Escapes::Toml => (hexadecimal(rest, 2, 2).and_then(char::from_u32), 4),
        'U' if escapes == Escapes::Toml => (hexadecimal(rest, 2, 8).and_then(char::from_u32), 10),
        'u' => match hexadecimal(rest, 2, 4) {
            Some(first @ 0xD800..=0xDBFF) if escapes == Escapes::Json => {
                let second = hexadecimal(rest, 8, 4).unwrap_or(0xDC00);
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second & 0x3FF);
                (char::from_u32(code), 12)
            }
            code => (code.and_then(char::from_u32), 6),
        },
        ' ' | '\t' | '\n' | '\r' if escapes == Escapes::Toml => {
            let body = rest[1..].trim_start_matches([' ', '\t', '\n', '\r']);
            (None, rest.len() - body.len())
        }
        other => (Some(other), 1 + other.len_utf8()),
    }
}

fn hexadecimal(rest: &str, from: usize, count: usize) -> Option<u32> {
    u32::from_str_radix(rest.get(from..from + count)?, 16).ok()
}
