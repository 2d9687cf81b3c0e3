//! `LIKE` and `RLIKE`: patterns that a whole text fits (esql-semantics §8).

use watchfire_esql::ast::LikeKind;
use watchfire_ir::{Fold, Pattern, Regex};

/// Patterns of which any may fit.
#[derive(Clone, Debug)]
pub enum TextPatterns {
    /// Of `LIKE`.
    Wildcards(Vec<Pattern>),
    /// Of `RLIKE`.
    Regexes(Vec<Regex>),
}

impl TextPatterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// A backslash stands before something that needs none (`LIKE`), or a regular expression is not one of Lucene's
    /// (`RLIKE`).
    pub fn parse(kind: LikeKind, texts: &[String]) -> Result<Self, String> {
        let regex = |text: &String| {
            let regex = Regex::lucene(text, Fold::None);
            regex.map_err(|error| format!("`{text}` is no regular expression: {error}"))
        };
        Ok(match kind {
            LikeKind::Like => {
                Self::Wildcards(texts.iter().map(|text| wildcards(text)).collect::<Result<_, _>>()?)
            }
            LikeKind::Rlike => Self::Regexes(texts.iter().map(regex).collect::<Result<_, _>>()?),
        })
    }

    /// Whether any text fits: then the test asks no more than whether there is one, and its negation keeps rows without.
    pub fn is_any(&self) -> bool {
        match self {
            Self::Wildcards(patterns) => patterns.iter().any(Pattern::is_any),
            Self::Regexes(regexes) => regexes.iter().any(Regex::is_everything),
        }
    }

    /// Whether a text fits one of them.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Wildcards(patterns) => patterns.iter().any(|pattern| pattern.fits(text)),
            Self::Regexes(regexes) => regexes.iter().any(|regex| regex.fits(text)),
        }
    }
}

/// A pattern as Elasticsearch's queries write it, but that a backslash must have something to take as it is.
fn wildcards(text: &str) -> Result<Pattern, String> {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            continue;
        }
        match characters.next() {
            Some('*' | '?' | '\\') => {}
            Some(other) => {
                return Err(format!("`\\{other}`: a backslash stands before `*`, `?` or a backslash"));
            }
            None => return Err("nothing follows the last backslash".to_owned()),
        }
    }
    Ok(Pattern::from_wildcard_query(text))
}
