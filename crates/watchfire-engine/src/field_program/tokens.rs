//! Leaves on analysed text: tokens, phrases, and patterns of a token.
//!
//! To cut a long script into words costs more than all else that is asked of an event. But a leaf holds only where one
//! of its literals is in the text: a token that is asked for, the first one of a phrase, a part of a pattern. So these are
//! looked for by an automaton, and in a text of ASCII only the words around what was found are cut out.
//!
//! ```text
//! Write-Host; [Net.WebClient]::new().DownloadString($url)
//!              └─ found: "net.webclient" ─► the word here is `net.webclient`: the leaf holds
//!              └─ found: "net"           ─► the word here is another one
//! ```

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::FxHashMap;
use watchfire_ir::{Fold, MAX_TOKEN_LENGTH, Pattern, TokenMatch, ascii_word, tokenize};

use super::texts::longest_literal;
use super::{ProgramScratch, fold_into};
use crate::leaf_table::LeafId;

/// What is asked of a token, or of a token and those behind it.
#[derive(Debug)]
enum Wanted {
    /// It is this one, and those behind it are these.
    Phrase(Vec<String>),
    /// It fits the pattern.
    Fits(Pattern),
}

#[derive(Debug, Default)]
pub(super) struct TokenProgram {
    wanted: Vec<(Wanted, LeafId)>,
    /// Finds the literals; the n-th belongs to the questions listed n-th.
    automaton: Option<AhoCorasick>,
    by_literal: Vec<Vec<u32>>,
    /// Questions without a literal, which are asked of every token; all of them where there is no automaton.
    unconditional: Vec<u32>,
}

impl TokenProgram {
    pub(super) fn new<'a>(leaves: impl IntoIterator<Item = (LeafId, &'a TokenMatch)>) -> Self {
        let mut wanted = Vec::new();
        for (id, tokens) in leaves {
            match tokens {
                TokenMatch::AnyOf(tokens) => {
                    wanted.extend(tokens.iter().map(|token| (Wanted::Phrase(vec![token.clone()]), id)));
                }
                // A phrase of no token is in no text.
                TokenMatch::Phrase(tokens) if tokens.is_empty() => {}
                TokenMatch::Phrase(tokens) => wanted.push((Wanted::Phrase(tokens.clone()), id)),
                TokenMatch::Fits(patterns) => {
                    wanted.extend(patterns.iter().map(|pattern| (Wanted::Fits(pattern.clone()), id)));
                }
            }
        }
        let mut literals: Vec<&str> = Vec::new();
        let mut by_literal: Vec<Vec<u32>> = Vec::new();
        let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
        let mut unconditional = Vec::new();
        for (at, (wanted, _)) in (0..).zip(&wanted) {
            let literal = match wanted {
                Wanted::Phrase(tokens) => tokens.first().map(String::as_str),
                Wanted::Fits(pattern) => longest_literal(pattern),
            };
            match literal.filter(|literal| !literal.is_empty()) {
                Some(literal) => {
                    let number = *numbers.entry(literal).or_insert_with(|| {
                        literals.push(literal);
                        by_literal.push(Vec::new());
                        literals.len() - 1
                    });
                    by_literal[number].push(at);
                }
                None => unconditional.push(at),
            }
        }
        let automaton = (!literals.is_empty())
            .then(|| AhoCorasick::builder().match_kind(MatchKind::Standard).build(&literals).ok())
            .flatten();
        if automaton.is_none() {
            unconditional = (0..wanted.len() as u32).collect();
        }
        Self { wanted, automaton, by_literal, unconditional }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn run(&self, text: &str, scratch: &mut ProgramScratch, holding: &mut Vec<LeafId>) {
        if self.is_empty() {
            return;
        }
        let folded = fold_into(Fold::Lowercase, text, &mut scratch.folded);
        let occurrences = &mut scratch.occurrences;
        occurrences.clear();
        if let Some(automaton) = &self.automaton {
            let found = automaton.find_overlapping_iter(folded);
            occurrences.extend(found.map(|found| (found.start() as u32, found.pattern().as_u32())));
        }
        if !text.is_ascii() || !self.unconditional.is_empty() {
            if !occurrences.is_empty() || !self.unconditional.is_empty() {
                self.all_tokens(text, holding);
            }
            return;
        }
        occurrences.sort_unstable();
        self.tokens_at(folded, occurrences, holding);
    }

    /// Asks everything of every token.
    fn all_tokens(&self, text: &str, holding: &mut Vec<LeafId>) {
        let tokens: Vec<String> = tokenize(text).collect();
        for (wanted, id) in &self.wanted {
            let holds = match wanted {
                Wanted::Phrase(phrase) => tokens.windows(phrase.len()).any(|window| window == phrase),
                Wanted::Fits(pattern) => tokens.iter().any(|token| pattern.fits(token)),
            };
            if holds {
                holding.push(*id);
            }
        }
    }

    /// Asks of the tokens of an ASCII text in lower case where literals occur, in order, what these literals stand for.
    /// No part of the text is cut twice, however many there are.
    fn tokens_at(&self, text: &str, occurrences: &[(u32, u32)], holding: &mut Vec<LeafId>) {
        let (mut left, mut from, mut sought) = (occurrences, 0, None);
        while let Some(&(next, _)) = left.first() {
            if sought != Some(next) {
                sought = Some(next);
                from = start_of_words(text, from, next as usize);
            }
            let Some(word) = ascii_word(text, from) else { return };
            from = word.end;
            for token in pieces(word) {
                // What begins before it is in no token, or goes over the end of one.
                left = &left[left.partition_point(|&(at, _)| (at as usize) < token.start)..];
                let inside = left.iter().take_while(|&&(at, _)| (at as usize) < token.end).count();
                for &(at, literal) in &left[..inside] {
                    for &number in &self.by_literal[literal as usize] {
                        let (wanted, id) = &self.wanted[number as usize];
                        let holds = match wanted {
                            Wanted::Phrase(phrase) => {
                                at as usize == token.start && begins_with(text, &token, from, phrase)
                            }
                            Wanted::Fits(pattern) => pattern.fits(&text[token.clone()]),
                        };
                        if holds && holding.last() != Some(id) {
                            holding.push(*id);
                        }
                    }
                }
                left = &left[inside..];
            }
        }
    }
}

/// A place at or behind `from`, and not behind `at`, where words can be cut as in the whole text, as near to `at` as can
/// be seen: behind a character that joins nothing to a word.
fn start_of_words(text: &str, from: usize, at: usize) -> usize {
    let joins = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.,:;'".contains(byte);
    let Some(between) = text.as_bytes().get(from..at) else { return from };
    between.iter().rposition(|byte| !joins(byte)).map_or(from, |before| from + before + 1)
}

/// The tokens of a word.
fn pieces(word: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = word.end;
    word.step_by(MAX_TOKEN_LENGTH).map(move |start| start..end.min(start + MAX_TOKEN_LENGTH))
}

/// Whether the tokens of an ASCII text in lower case begin with a phrase, from `first` on, which is of a word up to `end`.
fn begins_with(text: &str, first: &Range<usize>, end: usize, phrase: &[String]) -> bool {
    let mut behind = end;
    let words = std::iter::from_fn(|| {
        let word = ascii_word(text, behind)?;
        behind = word.end;
        Some(word)
    });
    let mut tokens = pieces(first.start..end).chain(words.flat_map(pieces));
    phrase.iter().all(|wanted| tokens.next().is_some_and(|token| text[token] == **wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds, and what the definition says.
    fn both(leaves: &[TokenMatch], text: &str) -> (Vec<LeafId>, Vec<LeafId>) {
        let program = TokenProgram::new((0..).map(LeafId).zip(leaves));
        let mut found = Vec::new();
        program.run(text, &mut ProgramScratch::default(), &mut found);
        found.sort_unstable();
        found.dedup();
        let expected = (0..).map(LeafId).zip(leaves).filter(|(_, leaf)| leaf.holds(text)).map(|(id, _)| id);
        (found, expected.collect())
    }

    #[test]
    fn finds_what_the_definition_says() {
        let phrase = |text: &str| TokenMatch::Phrase(tokenize(text).collect());
        let fits = |text: &str| TokenMatch::Fits(vec![Pattern::from_eql(text)]);
        let any = |text: &str| TokenMatch::AnyOf(tokenize(text).collect());
        let long = "ab.".repeat(200);
        let mut leaves = vec![
            phrase("net"),
            phrase("net.webclient"),
            phrase("lazy dog"),
            phrase("dog dog"),
            phrase(""),
            phrase(&long),
            phrase(&long[255..]),
            any("enc fox"),
            any(""),
            any("1"),
            fits("web*"),
            fits("*client"),
            fits("do?"),
            fits("$*"),
        ];
        let texts = [
            "",
            "the lazy dog, dog",
            "The LAZY\n dog.dog",
            "[Net.WebClient]::new() net",
            "x:net:y a.1:net 1.net 1,1 2:1",
            "-enc fox_net 'fox' fox's",
            "webclient web.client do",
            "\u{212a} lazy dog",
            "dogs adog dog",
            &long,
            &format!("x {long} dog"),
            &format!("{long}dog dog"),
        ];
        for unconditional in [false, true] {
            if unconditional {
                leaves.push(fits("???"));
            }
            for text in texts {
                let (found, expected) = both(&leaves, text);
                assert_eq!(found, expected, "{text}");
            }
        }
    }

    #[test]
    fn a_text_without_gaps_is_cut_once() {
        // Quadratic work would take minutes here.
        let text = "1:a".repeat(100_000) + " net";
        let (found, expected) = both(&[TokenMatch::AnyOf(vec!["net".to_owned()])], &text);
        assert_eq!(found, expected);
        let (found, expected) = both(&[TokenMatch::AnyOf(vec!["a1".to_owned(), "1".to_owned()])], &text);
        assert_eq!(found, expected);
    }
}
