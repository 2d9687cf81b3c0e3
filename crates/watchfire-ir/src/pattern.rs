//! Wildcard patterns and the folding of case.

use std::fmt;
use std::sync::Arc;

use memchr::memmem;

/// Which differences of case do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fold {
    /// All count.
    #[default]
    None,
    /// Those of ASCII letters do not: `:`, `in~`, `like~` and the functions with `~` on a field (eql-semantics §8).
    Ascii,
    /// None do: both sides are lower-cased, as a `lowercase` normaliser does (kql-semantics §8).
    Lowercase,
}

impl Fold {
    /// The text in the form in which texts are compared.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Ascii => text.to_ascii_lowercase(),
            Self::Lowercase => lowercase(text),
        }
    }

    /// Whether two texts are equal under this folding.
    pub fn equal(self, a: &str, b: &str) -> bool {
        match self {
            Self::None => a == b,
            Self::Ascii => a.eq_ignore_ascii_case(b),
            Self::Lowercase => lowercase(a) == lowercase(b),
        }
    }
}

/// The text in lower case, character by character, as Lucene's `lowercase` filter does it: `Σ` is `σ` also at the end of
/// a word, so that a part of a text is folded as the whole is.
pub(crate) fn lowercase(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(|character| character.to_lowercase().next().unwrap_or(character)).collect()
}

/// A part of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatternPart {
    /// This text.
    Literal(Arc<str>),
    /// Any run of characters, line breaks included, also none.
    AnyRun,
    /// Exactly one character (code point).
    AnyOne,
}

/// A pattern that a whole text fits or not.
///
/// Made by the constructors, which merge neighbouring literals and neighbouring runs, drop empty literals, and put
/// single characters before the run beside them (`*?` is `?*`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    parts: Vec<PatternPart>,
}

impl Pattern {
    /// A pattern of these parts.
    pub fn new(parts: impl IntoIterator<Item = PatternPart>) -> Self {
        let mut list: Vec<PatternPart> = Vec::new();
        for part in parts {
            match (list.last_mut(), part) {
                (_, PatternPart::Literal(text)) if text.is_empty() => {}
                (Some(PatternPart::Literal(last)), PatternPart::Literal(text)) => {
                    *last = format!("{last}{text}").into();
                }
                (Some(PatternPart::AnyRun), PatternPart::AnyRun) => {}
                (Some(PatternPart::AnyRun), PatternPart::AnyOne) => {
                    let at = list.len() - 1;
                    list.insert(at, PatternPart::AnyOne);
                }
                (_, part) => list.push(part),
            }
        }
        Self { parts: list }
    }

    /// The pattern that only this text fits.
    pub fn literal(text: &str) -> Self {
        Self::new([PatternPart::Literal(text.into())])
    }

    /// A text in which `*` and `?` are wildcards and nothing can be escaped: EQL's `:` and `like` (eql-semantics §8).
    pub fn from_eql(text: &str) -> Self {
        Self::new(split(text, |character| match character {
            '*' => Some(PatternPart::AnyRun),
            '?' => Some(PatternPart::AnyOne),
            _ => None,
        }))
    }

    /// A text in which `*` and `?` are wildcards and `\` takes the next character as it is: the `wildcard` clause of
    /// Elasticsearch's query language (kql-semantics §11), and `stringContains` on a field (eql-semantics §10).
    pub fn from_wildcard_query(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let wildcard = match character {
                '*' => PatternPart::AnyRun,
                '?' => PatternPart::AnyOne,
                '\\' => {
                    literal.push(characters.next().unwrap_or('\\'));
                    continue;
                }
                other => {
                    literal.push(other);
                    continue;
                }
            };
            parts.push(PatternPart::Literal(std::mem::take(&mut literal).into()));
            parts.push(wildcard);
        }
        parts.push(PatternPart::Literal(literal.into()));
        Self::new(parts)
    }

    /// The parts.
    pub fn parts(&self) -> &[PatternPart] {
        &self.parts
    }

    /// The text, if only one fits.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [PatternPart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The pattern as most languages write it, for people: nothing is escaped.
    pub fn plain(&self) -> String {
        let part = |part: &PatternPart| match part {
            PatternPart::Literal(text) => text.to_string(),
            PatternPart::AnyRun => "*".to_owned(),
            PatternPart::AnyOne => "?".to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Whether every text fits.
    pub fn is_any(&self) -> bool {
        self.parts == [PatternPart::AnyRun]
    }

    /// The same pattern with its literals folded, to be asked of texts folded the same way.
    #[must_use]
    pub fn folded(&self, fold: Fold) -> Self {
        Self::new(self.parts.iter().map(|part| match part {
            PatternPart::Literal(text) => PatternPart::Literal(fold.apply(text).into()),
            other => other.clone(),
        }))
    }

    /// Whether the whole text fits, literally (fold both first where case must not count).
    ///
    /// Linear in the text for each part at worst: the last run is the only one ever retried.
    pub fn fits(&self, text: &str) -> bool {
        let (mut part, mut rest) = (0, text);
        // The last run, and from where on what follows it was tried.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let advanced = match self.parts.get(part) {
                None if rest.is_empty() => return true,
                None => None,
                Some(PatternPart::AnyRun) => {
                    let from = match &self.parts[part + 1..] {
                        [] => return true,
                        [PatternPart::Literal(end)] => return rest.ends_with(&**end),
                        [PatternPart::Literal(next), ..] => {
                            // If it does not come here, no earlier run can make it come.
                            let Some(at) = memmem::find(rest.as_bytes(), next.as_bytes()) else {
                                return false;
                            };
                            &rest[at..]
                        }
                        _ => rest,
                    };
                    retry = Some((part, from));
                    Some(from)
                }
                Some(PatternPart::AnyOne) => one_character(rest),
                Some(PatternPart::Literal(literal)) => rest.strip_prefix(&**literal),
            };
            if let Some(next) = advanced {
                part += 1;
                rest = next;
                continue;
            }
            let Some((run, from)) = retry else { return false };
            let Some(next) = one_character(from) else { return false };
            part = run;
            rest = next;
        }
    }

    /// Whether a text may fit whose ASCII letters are not folded yet, as far as the ends of the pattern tell.
    pub(crate) fn ends_fit_ascii(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let begins = match self.parts.first() {
            Some(PatternPart::Literal(start)) => {
                text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
            }
            _ => true,
        };
        let ends = || match self.parts.last() {
            Some(PatternPart::Literal(last)) => {
                let from = text.len().checked_sub(last.len());
                from.is_some_and(|from| text[from..].eq_ignore_ascii_case(last.as_bytes()))
            }
            _ => true,
        };
        begins && ends()
    }
}

fn one_character(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}

fn split(text: &str, wildcard: impl Fn(char) -> Option<PatternPart>) -> Vec<PatternPart> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, character) in text.char_indices() {
        if let Some(part) = wildcard(character) {
            parts.push(PatternPart::Literal(text[start..at].into()));
            parts.push(part);
            start = at + character.len_utf8();
        }
    }
    parts.push(PatternPart::Literal(text[start..].into()));
    parts
}

/// The pattern with `*` and `?` as wildcards; in a literal these and `\` are escaped by `\`.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for part in &self.parts {
            match part {
                PatternPart::AnyRun => f.write_str("*")?,
                PatternPart::AnyOne => f.write_str("?")?,
                PatternPart::Literal(text) => {
                    for character in text.chars() {
                        match character {
                            '*' | '?' | '\\' | '`' => write!(f, "\\{character}")?,
                            control if control.is_control() => write!(f, "{}", control.escape_debug())?,
                            plain => write!(f, "{plain}")?,
                        }
                    }
                }
            }
        }
        f.write_str("`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abcc", true),
            ("*b*", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?:\\x", "C:\\x", true),
            ("?", "ä", true),
            ("?", "ab", false),
            ("*?", "", false),
            ("*??", "ab", true),
            ("*ab", "aab", true),
            ("*a*\n*", "xa\ny", true),
        ] {
            assert_eq!(Pattern::from_eql(pattern).fits(text), expected, "{pattern} on {text}");
        }
    }

    /// What a pattern means, said as plainly as possible.
    fn fits_plainly(parts: &[PatternPart], text: &str) -> bool {
        match parts {
            [] => text.is_empty(),
            [PatternPart::Literal(literal), rest @ ..] => {
                text.strip_prefix(&**literal).is_some_and(|text| fits_plainly(rest, text))
            }
            [PatternPart::AnyOne, rest @ ..] => {
                one_character(text).is_some_and(|text| fits_plainly(rest, text))
            }
            [PatternPart::AnyRun, rest @ ..] => {
                fits_plainly(rest, text) || one_character(text).is_some_and(|text| fits_plainly(parts, text))
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn fits_as_said_plainly(pattern in "[abÄ*?]{0,9}", text in "[abÄ]{0,12}") {
            let pattern = Pattern::from_eql(&pattern);
            proptest::prop_assert_eq!(pattern.fits(&text), fits_plainly(pattern.parts(), &text));
        }

        #[test]
        fn ends_rule_out_no_text_that_fits(pattern in "[aBÄ*?]{0,7}", text in "[AbÄä]{0,9}") {
            let pattern = Pattern::from_eql(&pattern).folded(Fold::Ascii);
            let fits = pattern.fits(&Fold::Ascii.apply(&text));
            proptest::prop_assert!(pattern.ends_fit_ascii(&text) || !fits);
        }
    }

    #[test]
    fn escapes_only_in_wildcard_queries() {
        assert!(Pattern::from_wildcard_query(r"principal=\*").fits("principal=*"));
        assert!(!Pattern::from_wildcard_query(r"principal=\*").fits("principal=x"));
        assert!(Pattern::from_eql(r"principal=\*").fits(r"principal=\x"));
        assert_eq!(Pattern::from_wildcard_query("a\\").as_literal(), Some("a\\"));
    }

    #[test]
    fn folds_character_by_character() {
        assert_eq!(Fold::Lowercase.apply("ΟΔΟΣ İX"), "οδοσ ix");
        assert!(Pattern::literal("ΟΔΟΣ").folded(Fold::Lowercase).fits(&lowercase("οδοΣ")));
        assert!(!Fold::Ascii.equal("Ä", "ä") && Fold::Lowercase.equal("Ä", "ä"));
    }

    #[test]
    fn is_brought_to_one_form() {
        assert_eq!(Pattern::from_eql("*?*"), Pattern::from_eql("?*"));
        assert_eq!(Pattern::from_eql("a**b").to_string(), "`a*b`");
        assert_eq!(Pattern::literal(r"a\*").to_string(), r"`a\\\*`");
    }
}
