//! Going through the text of a pattern.

use super::{MAX_REGEX_NESTING, MAX_REGEX_REPEAT, RegexError};

/// What is left of a pattern, and how deep the parser is.
pub(super) struct Cursor<'a> {
    rest: std::str::Chars<'a>,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { rest: source.chars(), depth: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest.as_str()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        self.rest.next()
    }

    /// Steps over `text` if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest().strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.chars();
                true
            }
            None => false,
        }
    }

    /// Takes everything up to `end`, and steps over that too.
    pub(super) fn take_until(&mut self, end: &str) -> Option<&'a str> {
        let (inner, rest) = self.rest().split_once(end)?;
        self.rest = rest.chars();
        Some(inner)
    }

    /// Takes everything that is left.
    pub(super) fn take_rest(&mut self) -> &'a str {
        std::mem::replace(&mut self.rest, "".chars()).as_str()
    }

    pub(super) fn expect(&mut self, text: &str, what: &str) -> Result<(), RegexError> {
        if self.take(text) {
            Ok(())
        } else {
            Err(RegexError(format!("{what} is not closed: expected `{text}`")))
        }
    }

    /// One level deeper; [`Cursor::leave`] undoes it.
    pub(super) fn enter(&mut self) -> Result<(), RegexError> {
        self.depth += 1;
        if self.depth > MAX_REGEX_NESTING {
            return Err(RegexError(format!("the pattern nests deeper than {MAX_REGEX_NESTING} levels")));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, levels: usize) {
        self.depth -= levels;
    }

    fn digits(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        self.rest = rest[length..].chars();
        (length > 0).then_some(&rest[..length])
    }

    /// The inside of `{n}`, `{n,}` or `{n,m}`, up to and with the closing brace.
    pub(super) fn repetition(&mut self) -> Result<(u32, Option<u32>), RegexError> {
        let count = |digits: &str| {
            digits.parse().ok().filter(|&count: &u32| count <= MAX_REGEX_REPEAT).ok_or_else(|| {
                RegexError(format!("a repetition of {digits} is more than the limit of {MAX_REGEX_REPEAT}"))
            })
        };
        let missing =
            || RegexError("a repetition needs a number behind `{`; write `\\{` for the brace".to_owned());
        let min = count(self.digits().ok_or_else(missing)?)?;
        let max = if self.take(",") { self.digits().map(count).transpose()? } else { Some(min) };
        self.expect("}", "a repetition")?;
        if max.is_some_and(|max| max < min) {
            return Err(RegexError(format!(
                "the repetition `{{{min},{}}}` runs backwards",
                max.unwrap_or(0)
            )));
        }
        Ok((min, max))
    }
}
