//! Command lines split into arguments, in the ways that the reference mappings do it (sources §0.4).
//!
//! Nothing here splits as a POSIX shell would: single quotes and backslashes before blanks are plain characters,
//! whatever system the command line comes from.

use std::borrow::Cow;

/// A way to split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splitting {
    /// As a C program on Windows sees its `argv`: Sysmon, PowerShell (variant A of sources §0.4).
    Argv,
    /// As [`Splitting::Argv`], without empty arguments: CrowdStrike, Defender XDR, SentinelOne (variant A′).
    ArgvWithoutEmpty,
    /// At white space outside double quotes, quotes kept: event 4688 (variant B).
    KeepQuotes,
}

/// Splits a command line.
pub fn split(command_line: &str, splitting: Splitting) -> Vec<Cow<'_, str>> {
    match splitting {
        Splitting::Argv => argv(command_line),
        Splitting::ArgvWithoutEmpty => {
            let mut arguments = argv(command_line);
            arguments.retain(|argument| !argument.is_empty());
            arguments
        }
        Splitting::KeepQuotes => keep_quotes(command_line),
    }
}

fn argv(command_line: &str) -> Vec<Cow<'_, str>> {
    let mut arguments = Vec::new();
    let mut rest = command_line.trim_start_matches([' ', '\t']);
    while !rest.is_empty() {
        let (argument, after) = first_argument(rest);
        arguments.push(argument);
        rest = after.trim_start_matches([' ', '\t']);
    }
    arguments
}

/// The first argument of a text that does not begin with a separator, and what follows it.
fn first_argument(text: &str) -> (Cow<'_, str>, &str) {
    // Most arguments are a piece of the line.
    let plain = plain_length(text);
    if matches!(text.as_bytes().get(plain), None | Some(b' ' | b'\t')) {
        return (Cow::Borrowed(&text[..plain]), &text[plain..]);
    }
    let mut argument = String::new();
    let mut quoted = false;
    let mut rest = text;
    loop {
        let plain = plain_length(rest);
        argument.push_str(&rest[..plain]);
        rest = &rest[plain..];
        match rest.as_bytes() {
            [] => return (Cow::Owned(argument), rest),
            [b'\\', ..] => {
                let behind = rest.trim_start_matches('\\');
                let backslashes = &rest[..rest.len() - behind.len()];
                rest = behind;
                // Before a quote, 2n backslashes stand for n and leave it its meaning; one more makes it a literal.
                if let Some(behind) = rest.strip_prefix('"') {
                    argument.push_str(&backslashes[..backslashes.len() / 2]);
                    if backslashes.len() % 2 == 1 {
                        argument.push('"');
                        rest = behind;
                    }
                } else {
                    argument.push_str(backslashes);
                }
            }
            // A doubled quote inside quotes is one literal quote, and closes them.
            [b'"', b'"', ..] if quoted => {
                argument.push('"');
                quoted = false;
                rest = &rest[2..];
            }
            [b'"', ..] => {
                quoted = !quoted;
                rest = &rest[1..];
            }
            _ if quoted => {
                argument.push_str(&rest[..1]);
                rest = &rest[1..];
            }
            _ => return (Cow::Owned(argument), rest),
        }
    }
}

/// How many bytes stand for themselves whatever is around them.
fn plain_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let length = memchr::memchr3(b'\\', b'"', b' ', bytes).unwrap_or(bytes.len());
    memchr::memchr(b'\t', &bytes[..length]).unwrap_or(length)
}

/// Two blanks in a row and a blank at the end give an empty argument, as in the reference.
fn keep_quotes(command_line: &str) -> Vec<Cow<'_, str>> {
    let mut arguments = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for (at, character) in command_line.char_indices() {
        quoted ^= character == '"';
        if !quoted && is_white_space(character) {
            arguments.push(Cow::Borrowed(&command_line[start..at]));
            // All of them have one byte.
            start = at + 1;
        }
    }
    arguments.push(Cow::Borrowed(&command_line[start..]));
    arguments
}

/// What Java's `\s` matches, which is what the reference splits at.
fn is_white_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(splitting: Splitting, command_line: &str, expected: &[&str]) {
        assert_eq!(split(command_line, splitting), expected, "{command_line}");
    }

    #[test]
    fn argv_follows_the_c_runtime() {
        let argv = |line, expected: &[&str]| check(Splitting::Argv, line, expected);
        argv("", &[]);
        argv(" \t ", &[]);
        argv(r#""C:\Program Files\a b.exe" /x  "y z" "#, &[r"C:\Program Files\a b.exe", "/x", "y z"]);
        argv(r#"a "" b"#, &["a", "", "b"]);
        argv(r"a\\b c:\ d", &[r"a\\b", r"c:\", "d"]);
        argv(r#""a\"b" c"#, &[r#"a"b"#, "c"]);
        argv(r#""a\\" b"#, &[r"a\", "b"]);
        argv(r#"a\\\"b"#, &[r#"a\"b"#]);
        argv(r#""a""b c" d"#, &[r#"a"b"#, "c d"]);
        argv(r"'single quotes' stay\ plain", &["'single", r"quotes'", r"stay\", "plain"]);
        argv("line\nends stay", &["line\nends", "stay"]);
        argv(r#""open end"#, &["open end"]);
        argv("ü é", &["ü", "é"]);
    }

    #[test]
    fn the_second_variant_drops_empty_arguments() {
        check(Splitting::ArgvWithoutEmpty, r#"a "" b"#, &["a", "b"]);
    }

    #[test]
    fn the_third_variant_keeps_quotes_and_empty_arguments() {
        let keep = |line, expected: &[&str]| check(Splitting::KeepQuotes, line, expected);
        keep(r#""C:\a b\x.exe" /c "y z""#, &[r#""C:\a b\x.exe""#, "/c", r#""y z""#]);
        keep("a  b ", &["a", "", "b", ""]);
        keep("a", &["a"]);
        keep(r#"a "open end"#, &["a", r#""open end"#]);
    }
}
