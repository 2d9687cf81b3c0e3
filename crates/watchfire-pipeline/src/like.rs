//! `LIKE` and `RLIKE`: patterns that a whole text fits (esql-semantics §8).

use watchfire_esql::ast::LikeKind;
use watchfire_ir::{Fold, Pattern, PatternPart, Regex};

/// Patterns of which any may fit.
#[derive(Clone, Debug)]
pub struct TextPatterns {
    patterns: Vec<TextPattern>,
}

#[derive(Clone, Debug)]
enum TextPattern {
    Wildcards(Pattern),
    Regex(Box<Regex>),
}

impl TextPatterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// A backslash stands before something that needs none (`LIKE`), or a regular expression is not one of Lucene's
    /// (`RLIKE`).
    pub fn parse(kind: LikeKind, texts: &[String]) -> Result<Self, String> {
        let read = |text: &String| match kind {
            LikeKind::Like => wildcards(text).map(TextPattern::Wildcards),
            LikeKind::Rlike => match Regex::lucene(text, Fold::None) {
                Ok(regex) => Ok(TextPattern::Regex(Box::new(regex))),
                Err(error) => Err(format!("`{text}` is no regular expression: {error}")),
            },
        };
        Ok(Self { patterns: texts.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Whether any text fits: then the test asks no more than whether there is one, and its negation keeps rows without.
    pub fn is_any(&self) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            TextPattern::Wildcards(pattern) => pattern.is_any(),
            TextPattern::Regex(regex) => regex.is_everything(),
        })
    }

    /// The patterns with wildcards, if all are such.
    pub fn as_wildcards(&self) -> Option<Vec<&Pattern>> {
        self.patterns
            .iter()
            .map(|pattern| match pattern {
                TextPattern::Wildcards(pattern) => Some(pattern),
                TextPattern::Regex(_) => None,
            })
            .collect()
    }

    /// The regular expressions, if all are such.
    pub fn as_regexes(&self) -> Option<Vec<&Regex>> {
        self.patterns
            .iter()
            .map(|pattern| match pattern {
                TextPattern::Regex(regex) => Some(&**regex),
                TextPattern::Wildcards(_) => None,
            })
            .collect()
    }

    /// Whether a text fits one of them.
    pub fn fits(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            TextPattern::Wildcards(pattern) => pattern.fits(text),
            TextPattern::Regex(regex) => regex.fits(text),
        })
    }
}

fn wildcards(text: &str) -> Result<Pattern, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let part = match character {
            '*' => PatternPart::AnyRun,
            '?' => PatternPart::AnyOne,
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '?' | '\\')) => {
                    literal.push(escaped);
                    continue;
                }
                Some(other) => {
                    return Err(format!("`\\{other}`: a backslash stands before `*`, `?` or a backslash"));
                }
                None => return Err("nothing follows the last backslash".to_owned()),
            },
            other => {
                literal.push(other);
                continue;
            }
        };
        parts.push(PatternPart::Literal(std::mem::take(&mut literal).into()));
        parts.push(part);
    }
    parts.push(PatternPart::Literal(literal.into()));
    Ok(Pattern::new(parts))
}
