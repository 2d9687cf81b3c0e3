//! Values of events as text that can do no harm where it is shown.

use std::fmt::Write as _;

use serde_json::Value;
use watchfire_diagnostics::is_hidden;

/// Most characters of a value that are shown.
const MOST_CHARACTERS: usize = 300;

/// A value on one line: control characters, those that turn the direction of text and those that are not seen are written by
/// their numbers, and what is long is cut.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => harmless(text),
        other => harmless(&other.to_string()),
    }
}

/// The same of a text.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == MOST_CHARACTERS {
            let _ = write!(shown, "… ({} characters)", text.chars().count());
            break;
        }
        push_visible(character, &mut shown);
    }
    shown
}

/// A text of several lines, of a guide, in which nothing is hidden.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' {
            shown.push(character);
        } else {
            push_visible(character, &mut shown);
        }
    }
    shown
}

fn push_visible(character: char, shown: &mut String) {
    if is_hidden(character) {
        let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
    } else {
        shown.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_guide_stay_lines() {
        assert_eq!(visible("a\u{1b}[2J\n- b\u{202e}"), "a\\u{1b}[2J\n- b\\u{202e}");
    }

    #[test]
    fn what_is_not_seen_is_written() {
        assert_eq!(harmless("a\u{202e}exe.\u{1b}[31m\n\tä"), "a\\u{202e}exe.\\u{1b}[31m\\u{a}\\u{9}ä");
        assert_eq!(harmless(&"ü".repeat(1_000)), format!("{}… (1000 characters)", "ü".repeat(300)));
        assert_eq!(text_of(&serde_json::json!({"a": [1, "x\u{7}"]})), r#"{"a":[1,"x\u0007"]}"#);
    }
}
