//! What is inside of strings (eql-semantics §2).

use watchfire_diagnostics::{Diagnostic, Span, SpanMap};

use crate::ast::StringLiteral;
use crate::codes;
use crate::problems::excerpt;

/// Decodes the content of `"…"`; `text` is the token with its quotation marks, the closing one perhaps missing.
///
/// A string with wrong escapes still gets a value, with those escapes as they stand, and one diagnostic.
pub(crate) fn decode(text: &str, start: usize) -> (StringLiteral, Option<Diagnostic>) {
    let content = content(text);
    let offset = start + 1;
    let mut map = SpanMap::shifted(offset);
    let mut value = String::with_capacity(content.len());
    let mut wrong: Vec<WrongEscape> = Vec::new();
    let mut rest = content;
    while let Some(found) = rest.find('\\') {
        value.push_str(&rest[..found]);
        let at = offset + (content.len() - rest.len()) + found;
        let escape = &rest[found..];
        let length = match read_escape(escape) {
            Ok((character, length)) => {
                map.push(value.len(), at);
                value.push(character);
                map.push(value.len(), at + length);
                length
            }
            Err((reason, length)) => {
                wrong.push(WrongEscape { span: Span::new(at, at + length), reason });
                value.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[length..];
    }
    value.push_str(rest);
    let diagnostic = wrong_escapes(text, start, &wrong);
    (StringLiteral { value, raw: false, map }, diagnostic)
}

/// Length of what stands before the closing `quote` in a text that begins behind the opening one; if there is none on
/// the line, the length of its rest. A quote behind a backslash does not close, unless the backslash is itself behind
/// one.
///
/// One pass, and no look beyond: a query on one line may hold very many strings.
pub(crate) fn closing_quote(text: &str, quote: u8) -> Result<usize, usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' | b'\r' => return Err(at),
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return Ok(at),
            _ => {}
        }
    }
    Err(text.len())
}

/// The content of a string token that is closed by its opening quote, if it is closed.
pub(crate) fn content(text: &str) -> &str {
    let inside = &text[1..];
    let Some(content) = inside.strip_suffix(char::from(text.as_bytes()[0])) else { return inside };
    // A quote behind an odd number of backslashes is part of the content.
    let backslashes = content.bytes().rev().take_while(|&byte| byte == b'\\').count();
    if backslashes % 2 == 0 { content } else { inside }
}

/// The string that is meant by content between other quotation marks, and how it is written here: escapes are taken for
/// escapes if all of them are.
pub(crate) fn requote(content: &str) -> (StringLiteral, String) {
    let mut text = String::with_capacity(content.len() + 2);
    text.push('"');
    let mut escaped = false;
    for character in content.chars() {
        if character == '"' && !escaped {
            text.push('\\');
        }
        escaped = character == '\\' && !escaped;
        text.push(character);
    }
    text.push('"');
    match decode(&text, 0) {
        (string, None) if !escaped => (StringLiteral::new(string.value), text),
        _ => (StringLiteral::new(content), encode(content)),
    }
}

/// The content of `"""…"""`, the closing marks perhaps missing.
pub(crate) fn decode_raw(text: &str, start: usize) -> StringLiteral {
    let content = text.strip_prefix("\"\"\"").unwrap_or(text);
    let content = content.strip_suffix("\"\"\"").unwrap_or(content);
    StringLiteral { value: content.to_owned(), raw: true, map: SpanMap::shifted(start + 3) }
}

/// Whether a value can stand between `"""`, which has no escapes.
pub(crate) fn can_be_raw(value: &str) -> bool {
    !value.contains(['\n', '\r']) && !value.contains("\"\"\"")
}

/// A string constant that reads back as `value`.
pub(crate) fn encode(value: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            // A NUL has no escape; it stands for itself.
            _ if character.is_control() && character != '\0' => {
                write!(text, "\\u{{{:02x}}}", u32::from(character))
                    .expect("writing to a string does not fail");
            }
            _ => text.push(character),
        }
    }
    text.push('"');
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// A backslash before a character that makes no escape.
    Unknown,
    /// `\u` without the right number of digits.
    Digits,
    /// A code that is zero, a surrogate, or beyond Unicode.
    Code,
}

struct WrongEscape {
    span: Span,
    reason: Reason,
}

/// Reads an escape at the start of `text`: the character and the length of the escape, or what is wrong with how much.
fn read_escape(text: &str) -> Result<(char, usize), (Reason, usize)> {
    let Some(kind) = text[1..].chars().next() else { return Err((Reason::Unknown, 1)) };
    let character = match kind {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        '"' | '\'' | '\\' => kind,
        'u' => return read_code(text),
        _ => return Err((Reason::Unknown, 1 + kind.len_utf8())),
    };
    Ok((character, 2))
}

fn read_code(text: &str) -> Result<(char, usize), (Reason, usize)> {
    let behind = &text[2..];
    let (digits, length) = match behind.strip_prefix('{') {
        Some(braced) => {
            let digits = hex_digits(braced);
            if !(2..=8).contains(&digits.len()) || !braced[digits.len()..].starts_with('}') {
                return Err((Reason::Digits, 3 + digits.len()));
            }
            (digits, 2 + 1 + digits.len() + 1)
        }
        None => {
            let digits = hex_digits(behind);
            if digits.len() < 4 {
                return Err((Reason::Digits, 2 + digits.len()));
            }
            (&digits[..4], 2 + 4)
        }
    };
    let code = u32::from_str_radix(digits, 16).ok().filter(|&code| code != 0);
    match code.and_then(char::from_u32) {
        Some(character) => Ok((character, length)),
        None => Err((Reason::Code, length)),
    }
}

fn hex_digits(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(text.len());
    &text[..end]
}

/// One diagnostic for all wrong escapes of a string: they mostly have one cause, a Windows path.
fn wrong_escapes(text: &str, start: usize, wrong: &[WrongEscape]) -> Option<Diagnostic> {
    /// Most escapes that get a label of their own.
    const LABELLED: usize = 4;
    let content = content(text);
    let closed = text.len() > content.len() + 1;
    // What is missing at the end of a string that is not closed has been said.
    let wrong = match wrong {
        [before @ .., last] if !closed && last.span.len() == 1 => before,
        _ => wrong,
    };
    let first = wrong.first()?;
    let shown = excerpt(&text[first.span.start as usize - start..first.span.end as usize - start]);
    let message = match first.reason {
        Reason::Unknown if shown.len() == 1 => "a lone backslash ends the string".to_owned(),
        Reason::Unknown => format!("`{shown}` is no escape sequence"),
        Reason::Digits => {
            format!(
                "`{shown}` is cut short: a code is `\\u` with 4 hexadecimal digits or `\\u{{…}}` with 2 to 8"
            )
        }
        Reason::Code => format!("`{shown}` stands for no character that a string can hold"),
    };
    let mut diagnostic = Diagnostic::error(codes::BAD_ESCAPE, message).at(first.span, "");
    for further in wrong.iter().skip(1).take(LABELLED - 1) {
        diagnostic = diagnostic.at(further.span, "");
    }
    if wrong.len() > LABELLED {
        diagnostic = diagnostic.with_note(format!("{} more in the same string", wrong.len() - LABELLED));
    }
    if first.reason == Reason::Code {
        return Some(diagnostic.with_help(
            "write the code of one character, for example `\\u{1f600}`; halves of a pair, U+D800 to U+DFFF, and U+0000 \
             are none",
        ));
    }
    // With `\\` or `\"` in it the author does escape; a raw string would double or keep those backslashes.
    let raw_fits = closed && !content.contains("\\\\") && !content.contains('"');
    let whole = Span::new(start, start + text.len());
    let doubled = doubled(text, start, wrong);
    let replacement = if raw_fits { format!("\"\"\"{content}\"\"\"") } else { doubled };
    let help = "write `\\\\` for a backslash, or use a raw string: `\"\"\"C:\\Windows\"\"\"`";
    Some(diagnostic.with_help(help).with_edit(whole, replacement))
}

/// The string with the backslash of each wrong escape doubled.
fn doubled(text: &str, start: usize, wrong: &[WrongEscape]) -> String {
    let mut result = String::with_capacity(text.len() + wrong.len());
    let mut copied = 0;
    for escape in wrong {
        let at = escape.span.start as usize - start;
        result.push_str(&text[copied..at]);
        result.push('\\');
        copied = at;
    }
    result.push_str(&text[copied..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_have_their_own_places() {
        let text = r#""a\u{1f600}b\\c""#;
        let (string, problem) = decode(text, 10);
        assert_eq!(problem, None);
        assert_eq!(string.value, "a😀b\\c");
        let part = |start: usize, end: usize| {
            &text[string.part_span(start, end).range().start - 10..][..string.part_span(start, end).len()]
        };
        assert_eq!(part(0, 1), "a");
        assert_eq!(part(1, 5), r"\u{1f600}");
        assert_eq!(part(5, 6), "b");
        assert_eq!(part(6, 7), r"\\");
        assert_eq!(part(7, 8), "c");
    }

    #[test]
    fn codes_are_characters() {
        for (text, value) in
            [(r#""\u0041""#, "A"), (r#""\u00410""#, "A0"), (r#""\u{0010ffff}""#, "\u{10ffff}")]
        {
            assert_eq!(decode(text, 0).0.value, value);
        }
        for text in [
            r#""\u041""#,
            r#""\u{4}""#,
            r#""\u{000000041}""#,
            r#""\u{41""#,
            r#""\ud800""#,
            r#""\u0000""#,
            r#""\u{110000}""#,
            r#""\x""#,
        ] {
            assert!(decode(text, 0).1.is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_encoded_reads_back() {
        let value = "a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{7f}'😀";
        assert_eq!(decode(&encode(value), 0).0.value, value);
    }

    #[test]
    fn a_windows_path_becomes_a_raw_string() {
        let edit = decode(r#""C:\Windows\temp""#, 0).1.and_then(|problem| problem.edit).unwrap();
        assert_eq!(edit.replacement, r#""""C:\Windows\temp""""#);
        let edit = decode(r#""C:\\Windows\Temp""#, 0).1.and_then(|problem| problem.edit).unwrap();
        assert_eq!(edit.replacement, r#""C:\\Windows\\Temp""#);
    }
}
