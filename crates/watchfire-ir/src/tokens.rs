//! Analysed text: tokens and phrases, as Elasticsearch's standard analyser makes and `match`, `match_phrase` ask for
//! them (kql-semantics §3.1, §3.2).

use std::fmt;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::Pattern;
use crate::pattern::lowercase;

/// The analyser cuts tokens longer than this many characters in pieces.
pub const MAX_TOKEN_LENGTH: usize = 255;

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

/// The first word of an ASCII text at or behind `from`, by the same rules as in [`tokenize`]; `from` must not be inside
/// of a word. To find one costs no more than its length and what stands before it, so it can be asked for place by place.
///
/// ```
/// assert_eq!(watchfire_ir::ascii_word("Net.WebClient]::new()", 13), Some(16..19));
/// ```
pub fn ascii_word(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut from = from;
    loop {
        let start = from + bytes.get(from..)?.iter().position(|&byte| is_part(byte))?;
        let mut end = start;
        loop {
            end += bytes[end..].iter().take_while(|&&byte| is_part(byte)).count();
            // A mark within a word or a number belongs to it.
            let joined = match bytes[end..] {
                [b'\'' | b'.' | b':', next, ..] if next.is_ascii_alphabetic() => {
                    bytes[end - 1].is_ascii_alphabetic()
                }
                [b'\'' | b'.' | b',' | b';', next, ..] if next.is_ascii_digit() => {
                    bytes[end - 1].is_ascii_digit()
                }
                _ => false,
            };
            if !joined {
                break;
            }
            end += 1;
        }
        // Underscores alone are no word.
        if bytes[start..end].iter().any(u8::is_ascii_alphanumeric) {
            return Some(start..end);
        }
        from = end;
    }
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
    fn ascii_words_are_cut_as_all_words() {
        // Every text of up to six of these, so that every mark stands between everything.
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            let longer = texts
                .iter()
                .flat_map(|text| ["a", "1", "_", ".", ":", ",", "'", " "].map(|end| text.clone() + end));
            let longer: Vec<String> = longer.collect();
            for text in &longer {
                let mut from = 0;
                let words = std::iter::from_fn(|| {
                    let word = ascii_word(text, from)?;
                    from = word.end;
                    Some(word.start)
                });
                let expected = text.unicode_word_indices().map(|(start, _)| start);
                assert!(words.eq(expected), "{text}");
            }
            texts = longer;
        }
        assert_eq!(ascii_word("a;b", 0), Some(0..1));
        assert_eq!(ascii_word("1;2", 0), Some(0..3));
        assert_eq!(ascii_word("ab", 7), None);
    }

    #[test]
    fn phrases_are_adjacent_and_ordered() {
        let phrase = |text: &str| TokenMatch::Phrase(tokenize(text).collect());
        assert!(phrase("lazy DOG").holds("The lazy dog"));
        assert!(!phrase("quick dog").holds("quick brown dog"));
        assert!(!phrase("").holds("anything"));
    }
}
