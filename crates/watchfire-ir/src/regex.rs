//! Regular expressions over whole values, in the dialects that EQL runs (eql-semantics §8).

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::Fold;

/// Why a regular expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RegexError(pub String);

/// A regular expression that a whole text fits or not.
#[derive(Clone, Debug)]
pub struct Regex {
    source: Arc<str>,
    fold: Fold,
    compiled: regex_automata::meta::Regex,
}

impl Regex {
    /// A regular expression of Lucene's dialect with all its optional operators.
    pub fn lucene(source: &str, fold: Fold) -> Result<Self, RegexError> {
        let pattern = format!(r"\A(?s:{source})\z");
        let compiled =
            regex_automata::meta::Regex::new(&pattern).map_err(|error| RegexError(error.to_string()))?;
        Ok(Self { source: source.into(), fold, compiled })
    }

    /// Whether the whole text fits.
    pub fn fits(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.fold == other.fold
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "regex{} {:?}", if self.fold == Fold::None { "" } else { "~" }, self.source)
    }
}
