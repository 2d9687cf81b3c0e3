//! Regular expressions over whole values, in the dialects that EQL runs (eql-semantics §8).
//!
//! ```text
//!  Lucene's dialect (a field on the left) ──lucene──┐
//!  Java's dialect (a function on the left) ──java───┼──► Syntax ──compile──► Matcher: automata under and / or / not
//!  wildcards on a computed text ────────────────────┘
//! ```
//!
//! Neither dialect is handed to the automata as it stands: `^` is a character in one and an anchor in the other, `#`
//! and `@` mean something, `\d` is ASCII in both. Each has its own small parser. What an automaton cannot do
//! (look-around, back-references; a complement in the middle of a sequence) is refused, never approximated.

mod compile;
mod cursor;
mod examples;
mod java;
mod lucene;
mod range;
mod syntax;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use self::compile::Matcher;
use self::syntax::Syntax;
use crate::Fold;

/// Longest pattern in bytes.
pub const MAX_REGEX_BYTES: usize = 1 << 16;

/// Deepest nesting of groups, prefixes and suffixes in a pattern.
pub const MAX_REGEX_NESTING: usize = 100;

/// Highest count in a repetition `{n,m}`.
pub const MAX_REGEX_REPEAT: u32 = 1_000;

/// Largest automata of one pattern together, in bytes, before they are run. Complement and intersection make several.
pub const MAX_AUTOMATON_BYTES: usize = 4 << 20;

/// Why a regular expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RegexError(pub String);

/// Whose rules a pattern was read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Lucene,
    Java,
    /// `*` and `?` on a computed text: they do not match line breaks.
    Wildcard,
}

/// A regular expression that a whole text fits or not.
#[derive(Clone, Debug)]
pub struct Regex {
    source: Arc<str>,
    fold: Fold,
    dialect: Dialect,
    literals: Option<Vec<String>>,
    everything: bool,
    required_literal: usize,
    matcher: Matcher,
}

impl Regex {
    /// A regular expression of Lucene's dialect with all its optional operators: `~x` complement, `x&y` intersection,
    /// `<1-10>` a decimal number in a range, `@` any text, `#` no text, `"…"` a literal run. `^` and `$` are ordinary.
    ///
    /// [`Fold::Ascii`] makes ASCII letters match both ways, in classes and ranges too.
    ///
    /// # Errors
    /// The pattern is not well formed, exceeds a limit, or has a complement or intersection inside of a sequence or
    /// repetition.
    pub fn lucene(source: &str, fold: Fold) -> Result<Self, RegexError> {
        check_length(source)?;
        Self::new(source, fold, Dialect::Lucene, &lucene::parse(source)?)
    }

    /// A regular expression of Java's dialect, matched against the whole text. Its predefined classes are ASCII, and
    /// so is the ignoring of case.
    ///
    /// # Errors
    /// The pattern is not well formed, exceeds a limit, or uses look-around, a back-reference, an atomic group or a
    /// possessive quantifier.
    pub fn java(source: &str, fold: Fold) -> Result<Self, RegexError> {
        check_length(source)?;
        Self::new(source, fold, Dialect::Java, &java::parse(source)?)
    }

    /// A pattern with `*` and `?` for a computed text. Unlike those of a [`Pattern`](crate::Pattern) its wildcards do
    /// not match line breaks (eql-semantics §8, "Line breaks").
    ///
    /// # Errors
    /// The pattern exceeds a limit.
    pub fn wildcard(source: &str, fold: Fold) -> Result<Self, RegexError> {
        check_length(source)?;
        Self::new(source, fold, Dialect::Wildcard, &Self::wildcard_syntax(source))
    }

    fn wildcard_syntax(source: &str) -> Syntax {
        let parts = source.chars().map(|character| match character {
            '*' => Syntax::any_run(java::any_character(false)),
            '?' => Syntax::Class(java::any_character(false)),
            other => Syntax::Literal(other),
        });
        Syntax::Concat(parts.collect())
    }

    fn new(source: &str, fold: Fold, dialect: Dialect, syntax: &Syntax) -> Result<Self, RegexError> {
        Ok(Self {
            source: source.into(),
            fold,
            dialect,
            literals: syntax.literals(),
            everything: syntax.is_everything(),
            required_literal: syntax.required_literal(),
            matcher: Matcher::new(syntax, fold)?,
        })
    }

    /// Whether the whole text fits.
    pub fn fits(&self, text: &str) -> bool {
        match self.fold {
            Fold::None | Fold::Ascii => self.matcher.fits(text),
            Fold::Lowercase => self.matcher.fits(&self.fold.apply(text)),
        }
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The same pattern without regard to the case of letters; `None` if it has none already, or cannot be made.
    pub fn ignoring_case(&self) -> Option<Self> {
        match (self.fold, self.dialect) {
            (Fold::Ascii | Fold::Lowercase, _) => None,
            (Fold::None, Dialect::Lucene) => Self::lucene(&self.source, Fold::Ascii).ok(),
            (Fold::None, Dialect::Java) => Self::java(&self.source, Fold::Ascii).ok(),
            (Fold::None, Dialect::Wildcard) => Self::wildcard(&self.source, Fold::Ascii).ok(),
        }
    }

    /// The texts that fit, if the pattern has no operator but `|`.
    pub fn literals(&self) -> Option<&[String]> {
        self.literals.as_deref()
    }

    /// How many bytes the longest literal has, as far as can be seen, that stands in every text that fits; the case of
    /// letters left aside.
    pub fn required_literal(&self) -> usize {
        self.required_literal
    }

    /// Whether the pattern is written in a way that plainly fits every text, such as `.*`.
    pub fn is_everything(&self) -> bool {
        self.everything
    }
}

fn check_length(source: &str) -> Result<(), RegexError> {
    if source.len() > MAX_REGEX_BYTES {
        return Err(RegexError(format!(
            "the pattern has {} bytes, more than the limit of {MAX_REGEX_BYTES}",
            source.len()
        )));
    }
    Ok(())
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.fold == other.fold && self.dialect == other.dialect
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.dialect {
            Dialect::Lucene => "regex",
            Dialect::Java => "java-regex",
            Dialect::Wildcard => "like",
        })?;
        f.write_str(match self.fold {
            Fold::None => "",
            Fold::Ascii => "~",
            Fold::Lowercase => "~~",
        })?;
        write!(f, " {:?}", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lucene(pattern: &str, text: &str) -> bool {
        Regex::lucene(pattern, Fold::None).unwrap().fits(text)
    }

    fn java(pattern: &str, text: &str) -> bool {
        Regex::java(pattern, Fold::None).unwrap().fits(text)
    }

    #[test]
    fn lucene_operators() {
        for (pattern, text, expected) in [
            ("net.exe", "net.exe", true),
            ("net.exe", "xnet.exe", false),
            ("^a", "^a", true),
            ("^a", "a", false),
            ("a$", "a$", true),
            (".*", "a\nb", true),
            ("a.c", "a\nc", true),
            (".*?x", "aax", true),
            ("a{2}", "aa", true),
            ("a{2,}", "a", false),
            ("a{2,3}", "aaa", true),
            ("[a-c]+", "abc", true),
            ("[^a-c]+", "abc", false),
            ("[^a-c]", "é", true),
            (r"[\d.]+", "1.2", true),
            (r"\d\w\s", "1_\t", true),
            (r"\D\W\S", "a!b", true),
            (r"a\.b", "a.b", true),
            (r"a\.b", "axb", false),
            ("a|b|", "", true),
            ("()", "", true),
            ("(ab)*", "abab", true),
            ("@", "anything", true),
            ("#", "", false),
            ("a@", "abc", true),
            ("\"a.b\"", "a.b", true),
            ("\"a.b\"", "axb", false),
            ("~(abc)", "abc", false),
            ("~(abc)", "x", true),
            ("a.*&.*b", "ab", true),
            ("a.*&.*b", "ac", false),
            (".*&~(a.*)", "ba", true),
            (".*&~(a.*)", "ab", false),
            ("x<1-12>", "x7", true),
            ("x<1-12>", "x007", true),
            ("x<1-12>", "x13", false),
            ("<01-12>", "7", false),
            ("<01-12>", "07", true),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("*a", "*a", true),
            ("*a", "a", false),
            ("x(a|+)y", "x+y", true),
            ("(a|b&[bc]|d)e", "be", true),
            ("(a|b&c|d)e", "ce", false),
            (".*(x>&|0>|y).*", "a0>b", false),
            (".*(x>&|0>|y).*", "ayb", true),
        ] {
            assert_eq!(lucene(pattern, text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn ascii_case_is_ignored_on_request() {
        let regex = Regex::lucene("É[a-c]net|[^X]", Fold::Ascii).unwrap();
        assert!(regex.fits("ÉBNeT") && !regex.fits("ébnet") && !regex.fits("x"));
        assert!(Regex::java("K", Fold::Ascii).unwrap().fits("k"));
        assert!(!Regex::java("K", Fold::Ascii).unwrap().fits("\u{212a}"));
    }

    #[test]
    fn java_differs() {
        for (pattern, text, expected) in [
            ("^a.*$", "abc", true),
            (".*", "a\nb", false),
            ("(?s).*", "a\nb", true),
            ("(?s:a.)b", "a\nb", true),
            ("(?i)ABC", "abc", true),
            ("a(?i)B", "ab", true),
            (r"\Qa.b\E+", "a.bb", true),
            (r"\x41\u0042\t", "AB\t", true),
            (r"\bfoo\b.*", "foo bar", true),
            (r"[a&&[^b]]", "b", false),
            (r"[a-c&&[^b]]+", "ac", true),
            (r"\p{Lower}+\p{Punct}", "ab!", true),
            (r"\p{Lower}", "é", false),
            (r"\p{L}", "é", true),
            ("(?<n>a)(?:b)", "ab", true),
            ("a*?b", "aab", true),
            ("~#@\"<1-2>", "~#@\"<1-2>", true),
        ] {
            assert_eq!(java(pattern, text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_run() {
        let deep = "(".repeat(500) + &")".repeat(500);
        let huge = "((a{900}){900}){900}".to_owned();
        let long = "a".repeat(MAX_REGEX_BYTES + 1);
        let many = "~([^a]{9})&x.*|".repeat(4_000) + "x";
        for pattern in [
            "(", "a)", "[", "[a", "a{", "a{2,1}", "a{1001}", "(?a)", "\"a", "<1-", "a\\", "x~(y)z", &deep,
            &huge, &long, &many,
        ] {
            assert!(Regex::lucene(pattern, Fold::None).is_err(), "{pattern:.20}");
        }
        for pattern in [
            "(?=a)b",
            "(?<!a)b",
            r"(a)\1",
            "(?>a)",
            "a*+",
            "a++",
            "(",
            "[a",
            r"\k<n>",
            "*a",
            r"\p{Nope}",
            &deep,
            &huge,
        ] {
            assert!(Regex::java(pattern, Fold::None).is_err(), "{pattern:.20}");
        }
    }

    #[test]
    fn knows_plain_texts() {
        let literals =
            |pattern| Regex::lucene(pattern, Fold::None).unwrap().literals().map(<[String]>::to_vec);
        assert_eq!(literals(r"net\.exe"), Some(vec!["net.exe".to_owned()]));
        assert_eq!(literals(r"a|b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(literals("a.b"), None);
        assert!(Regex::lucene(".*", Fold::None).unwrap().is_everything());
        assert!(Regex::lucene("a|@", Fold::None).unwrap().is_everything());
    }

    #[test]
    fn wildcards_stop_at_line_breaks() {
        let pattern = Regex::wildcard("a*.?", Fold::Ascii).unwrap();
        assert!(pattern.fits("Abc.x") && !pattern.fits("a\n.x") && !pattern.fits("a.\n"));
        assert_eq!(pattern.to_string(), "like~ \"a*.?\"");
    }
}
