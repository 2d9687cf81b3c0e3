//! All leaves on one field, answered together for one value.
//!
//! ```text
//!          ┌─ texts, per folding:  exact texts by hash, patterns by their longest literals, then verified
//! value ───┼─ analysed text:       tokens and phrases by their first tokens, then verified
//!          └─ what is left:        integers by hash; ranges, addresses, regular expressions one by one
//! ```

mod scalars;
mod texts;
mod tokens;

use rustc_hash::FxHashMap;
use watchfire_events::ValueRef;
use watchfire_ir::{Fold, Predicate};

use self::scalars::ScalarLeaves;
use self::texts::{FoldedTexts, Grouped};
use self::tokens::TokenProgram;
use crate::leaf_table::LeafId;

/// Below this many patterns each is tried by itself; an automaton would not pay.
const AUTOMATON_FROM: usize = 4;

/// The leaves of one field that depend on what a value is. That a value exists is known without a program.
#[derive(Debug)]
pub(crate) struct FieldProgram {
    texts: Vec<FoldedTexts>,
    tokens: TokenProgram,
    scalars: ScalarLeaves,
}

/// Room to work in, used for one value after the other.
#[derive(Debug, Default)]
pub(crate) struct ProgramScratch {
    /// The text in the folding that is being asked.
    folded: String,
    literals: Vec<u32>,
    occurrences: Vec<(u32, u32)>,
}

impl FieldProgram {
    pub(crate) fn new<'a>(leaves: impl IntoIterator<Item = (LeafId, &'a Predicate)>) -> Self {
        let mut texts: FxHashMap<Fold, Grouped> = FxHashMap::default();
        let mut tokens = Vec::new();
        let mut scalars = ScalarLeaves::default();
        for (id, predicate) in leaves {
            match predicate {
                Predicate::Exists => {}
                Predicate::Text(matched) => texts.entry(matched.fold()).or_default().insert(id, matched),
                Predicate::Tokens(matched) => tokens.push((id, matched)),
                Predicate::Regex(_)
                | Predicate::Equals(_)
                | Predicate::Range { .. }
                | Predicate::Within(_)
                | Predicate::Listed(_) => scalars.insert(id, predicate),
            }
        }
        let mut texts: Vec<_> =
            texts.into_iter().map(|(fold, grouped)| FoldedTexts::new(fold, grouped)).collect();
        texts.sort_by_key(FoldedTexts::fold);
        Self { texts, tokens: TokenProgram::new(tokens), scalars }
    }

    /// Whether no value satisfies any of its leaves, because it has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.tokens.is_empty() && self.scalars.is_empty()
    }

    /// Whether a text takes longer to be evaluated than to be looked up among those seen.
    pub(crate) fn is_costly(&self) -> bool {
        self.texts.len() > 1
            || self.texts.iter().any(FoldedTexts::has_patterns)
            || !self.tokens.is_empty()
            || self.scalars.is_costly()
    }

    /// Adds the leaves that a value satisfies to `holding`, which is then in ascending order.
    pub(crate) fn run(&self, value: ValueRef<'_>, scratch: &mut ProgramScratch, holding: &mut Vec<LeafId>) {
        if !self.texts.is_empty() || !self.tokens.is_empty() {
            let text = value.to_text();
            for texts in &self.texts {
                texts.run(&text, scratch, holding);
            }
            self.tokens.run(&text, scratch, holding);
        }
        self.scalars.run(value, holding);
        holding.sort_unstable();
        holding.dedup();
    }
}

/// Puts the text in the form in which it is compared, without making a new text where an ASCII one is folded.
fn fold_into<'a>(fold: Fold, text: &'a str, buffer: &'a mut String) -> &'a str {
    if fold == Fold::None {
        return text;
    }
    buffer.clear();
    if text.is_ascii() {
        buffer.push_str(text);
        buffer.make_ascii_lowercase();
    } else {
        buffer.push_str(&fold.apply(text));
    }
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_as_the_folding_says() {
        let mut buffer = String::new();
        for text in ["", "abc", "ABC x", "Äß\u{212a}", "ΟΔΟΣ"] {
            for fold in [Fold::None, Fold::Ascii, Fold::Lowercase] {
                assert_eq!(fold_into(fold, text, &mut buffer), fold.apply(text), "{fold:?} {text}");
            }
        }
    }
}
