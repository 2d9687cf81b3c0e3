//! Analysed text: tokens and phrases, as Elasticsearch's standard analyser makes and `match`, `match_phrase` ask for
//! them (kql-semantics §3.1, §3.2).

use std::fmt;

use unicode_segmentation::UnicodeSegmentation;

use crate::Pattern;
use crate::pattern::lowercase;

/// The analyser cuts tokens longer than this many characters in pieces.
const MAX_TOKEN_LENGTH: usize = 255;

/// What an analysed text must hold. Tokens are lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenMatch {
    /// Any of these tokens; of none, no text.
    AnyOf(Vec<String>),
    /// All of these tokens, adjacent and in order; of none, no text.
    Phrase(Vec<String>),
    /// A token that fits one of these patterns.
    Fits(Vec<Pattern>),
}

/// The tokens of a text: its words by the Unicode rules for word boundaries, in lower case.
pub fn tokenize(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().flat_map(|word| {
        let folded = lowercase(word);
        if folded.len() <= MAX_TOKEN_LENGTH {
            return vec![folded];
        }
        let characters: Vec<char> = folded.chars().collect();
        characters.chunks(MAX_TOKEN_LENGTH).map(|piece| piece.iter().collect()).collect()
    })
}

impl TokenMatch {
    /// Whether the text holds them.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::AnyOf(tokens) => tokenize(text).any(|token| tokens.contains(&token)),
            Self::Phrase(phrase) => {
                let tokens: Vec<String> = tokenize(text).collect();
                !phrase.is_empty() && tokens.windows(phrase.len()).any(|window| window == phrase.as_slice())
            }
            Self::Fits(patterns) => {
                tokenize(text).any(|token| patterns.iter().any(|pattern| pattern.fits(&token)))
            }
        }
    }
}

impl fmt::Display for TokenMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(tokens) => write!(f, "has-any {tokens:?}"),
            Self::Phrase(tokens) => write!(f, "has-phrase {tokens:?}"),
            Self::Fits(patterns) => {
                f.write_str("has-fit")?;
                patterns.iter().try_for_each(|pattern| write!(f, " {pattern}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_word_boundaries() {
        let tokens: Vec<String> =
            tokenize("Invoke-Mimikatz $x.Net_y 'System.Net.WebClient' -Enc 3.5").collect();
        assert_eq!(tokens, ["invoke", "mimikatz", "x.net_y", "system.net.webclient", "enc", "3.5"]);
        assert_eq!(tokenize(&"a".repeat(300)).map(|token| token.len()).collect::<Vec<_>>(), [255, 45]);
    }

    #[test]
    fn phrases_are_adjacent_and_ordered() {
        let phrase = |text: &str| TokenMatch::Phrase(tokenize(text).collect());
        assert!(phrase("lazy DOG").holds("The lazy dog"));
        assert!(!phrase("quick dog").holds("quick brown dog"));
        assert!(!phrase("").holds("anything"));
    }
}
