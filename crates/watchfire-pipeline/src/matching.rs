//! `:` and `MATCH`: searches in one column (esql-semantics §8).
//!
//! They are questions of Elasticsearch's index, so any value suffices. A text is searched by its words; anything else by its whole
//! value.

use watchfire_ir::tokenize;

use crate::value::{Cell, Value};

/// A search in a column.
#[derive(Clone, Debug)]
pub struct Match {
    sought: Sought,
}

#[derive(Clone, Debug)]
enum Sought {
    /// Words of a text: any of them, or all.
    Words { words: Vec<String>, all: bool, edits: Edits },
    /// A whole value.
    Value(Value, Edits),
}

/// How many characters may be put in, left out, changed, or swapped with the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edits {
    /// None.
    #[default]
    None,
    /// Up to so many.
    UpTo(usize),
    /// By the length of the word: none up to two characters, one up to five, two from six on.
    Auto,
}

impl Edits {
    fn of(self, word: &str) -> usize {
        match self {
            Self::None => 0,
            Self::UpTo(edits) => edits,
            Self::Auto => match word.chars().count() {
                0..=2 => 0,
                3..=5 => 1,
                _ => 2,
            },
        }
    }
}

impl Match {
    /// A search for words in an analysed text.
    pub fn words(text: &str, all: bool, edits: Edits) -> Self {
        Self { sought: Sought::Words { words: tokenize(text).collect(), all, edits } }
    }

    /// A search for a value.
    pub fn value(value: Value, edits: Edits) -> Self {
        Self { sought: Sought::Value(value, edits) }
    }

    /// Whether a cell has it.
    pub fn finds(&self, cell: &Cell) -> bool {
        match &self.sought {
            Sought::Value(sought, edits) => cell.values().iter().any(|value| match (sought, value) {
                (Value::Text(sought), Value::Text(value)) => near(sought, value, edits.of(sought)),
                _ => sought == value,
            }),
            Sought::Words { words, all, edits } => {
                let tokens: Vec<String> =
                    cell.values().iter().filter_map(Value::as_text).flat_map(tokenize).collect();
                let is_there = |word: &String| tokens.iter().any(|token| near(word, token, edits.of(word)));
                if *all {
                    !words.is_empty() && words.iter().all(is_there)
                } else {
                    words.iter().any(is_there)
                }
            }
        }
    }
}

/// Whether one text becomes the other with so many edits.
fn near(a: &str, b: &str, edits: usize) -> bool {
    a == b || (edits > 0 && strsim::osa_distance(a, b) <= edits)
}
