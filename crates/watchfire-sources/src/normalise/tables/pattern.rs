//! Texts that tables compare values with.

use std::fmt;

/// A text to compare with, without case; a `*` at its start or end stands for anything.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    pub(super) fn new(written: &str) -> Self {
        let (open_start, rest) = match written.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let (open_end, rest) = match rest.strip_suffix('*') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        Self { text: rest.to_lowercase(), open_start, open_end }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        if !self.text.is_ascii() || !text.is_ascii() {
            let text = text.to_lowercase();
            return match (self.open_start, self.open_end) {
                (true, true) => text.contains(&self.text),
                (true, false) => text.ends_with(&self.text),
                (false, true) => text.starts_with(&self.text),
                (false, false) => text == self.text,
            };
        }
        let (text, pattern) = (text.as_bytes(), self.text.as_bytes());
        let Some(room) = text.len().checked_sub(pattern.len()) else { return false };
        let is_at = |at: usize| text[at..at + pattern.len()].eq_ignore_ascii_case(pattern);
        match (self.open_start, self.open_end) {
            (true, true) => (0..=room).any(is_at),
            (true, false) => is_at(room),
            (false, true) => is_at(0),
            (false, false) => room == 0 && is_at(0),
        }
    }

    pub(super) fn any(patterns: &[Self], text: &str) -> bool {
        patterns.iter().any(|pattern| pattern.matches(text))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |open| if open { "*" } else { "" };
        write!(f, "{}{}{}", star(self.open_start), self.text, star(self.open_end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_without_case_and_open_where_they_have_a_star() {
        for (pattern, text, expected) in [
            ("Ab", "aB", true),
            ("ab", "abc", false),
            ("ab*", "ABC", true),
            ("*bc", "ABC", true),
            ("*b*", "ABC", true),
            ("*x*", "ABC", false),
            ("*abcd", "abc", false),
            ("*", "", true),
            ("*É*", "caféine", true),
            ("É", "é", true),
            ("Start", "START", true),
            ("Start", "Started", false),
            ("*ApiCall", "OpenProcessApiCall", true),
            ("*ApiCall", "ApiCalls", false),
            ("Dns*", "dnsQuery", true),
            ("Dns*", "aDns", false),
            ("*Write*", "WriteMemory", true),
            ("*Write*", "Writ", false),
            ("ÄRGER*", "ärgerlich", true),
            ("x", "ä", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }
}
