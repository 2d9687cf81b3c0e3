//! Text in JSON that is no Unicode: bytes of another encoding, and halves of surrogate pairs.
//!
//! Windows cuts texts at a number of UTF-16 units, and an intruder can put half a pair into a command line on
//! purpose. Such a record is read with U+FFFD in the place of what is no character, and counted.

use std::borrow::Cow;

use serde_json::Value;

/// The document that a text is after its repair; nothing if there is nothing to repair, or that does not help.
pub(super) fn repaired(text: &[u8]) -> Option<Value> {
    let unicode = String::from_utf8_lossy(text);
    let paired = replace_lone_surrogates(&unicode);
    if matches!((&unicode, &paired), (Cow::Borrowed(_), Cow::Borrowed(_))) {
        return None;
    }
    serde_json::from_str(&paired).ok()
}

fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut replaced = String::new();
    // What is before this is in `replaced`.
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
        let escape = at + found;
        at = match unit(text, escape) {
            // Any other escape: a backslash and the byte behind it, which is no part of another escape.
            None => (escape + 2).min(text.len()),
            Some(0xd800..=0xdbff) if matches!(unit(text, escape + 6), Some(0xdc00..=0xdfff)) => escape + 12,
            Some(0xd800..=0xdfff) => {
                replaced.push_str(&text[copied..escape]);
                replaced.push_str("\\ufffd");
                copied = escape + 6;
                copied
            }
            Some(_) => escape + 6,
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(&text[copied..]);
    Cow::Owned(replaced)
}

/// The UTF-16 unit that is escaped at a place: `\uXXXX`.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.as_bytes().get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` would take a sign.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_of_pairs_are_replaced() {
        for (text, expected) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""C:\\x\\\ud83d é""#, r#""C:\\x\\\ufffd é""#),
            (r#""\u+123 \u12"#, r#""\u+123 \u12"#),
            ("\\é", "\\é"),
        ] {
            assert_eq!(replace_lone_surrogates(text), expected);
        }
    }
}
