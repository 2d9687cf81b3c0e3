//! All leaves on one field, answered together for one value.
//!
//! Exact texts are looked up in a hash table per folding; patterns are found by one automaton over their longest
//! literals and then verified; tokens and phrases come from one tokenisation; what is left is asked one by one.

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::FxHashMap;
use watchfire_events::{Column, ValueRef};
use watchfire_ir::{Fold, Pattern, PatternPart, Predicate, TokenMatch, tokenize};

use crate::leaf_table::LeafId;

/// Below this many patterns each is tried by itself; an automaton would not pay.
const AUTOMATON_FROM: usize = 4;

/// For each leaf with a value that satisfies it, the codes of these values, in ascending order.
pub(crate) type LeafCodes = FxHashMap<LeafId, Vec<u32>>;

/// The leaves that a text satisfies by being equal to it.
type ExactTexts = FxHashMap<Box<str>, Vec<LeafId>>;

#[derive(Debug)]
pub(crate) struct FieldProgram {
    /// Leaves that any value satisfies.
    exists: Vec<LeafId>,
    texts: Vec<FoldedTexts>,
    tokens: TokenProgram,
    /// Leaves that are asked one by one: numbers, ranges, addresses, regular expressions.
    single: Vec<(LeafId, Predicate)>,
}

impl FieldProgram {
    pub(crate) fn new<'a>(leaves: impl IntoIterator<Item = (LeafId, &'a Predicate)>) -> Self {
        let mut texts: FxHashMap<Fold, (ExactTexts, Vec<(Pattern, LeafId)>)> = FxHashMap::default();
        let mut program = Self {
            exists: Vec::new(),
            texts: Vec::new(),
            tokens: TokenProgram::default(),
            single: Vec::new(),
        };
        for (id, predicate) in leaves {
            match predicate {
                Predicate::Exists => program.exists.push(id),
                Predicate::Text(matched) => {
                    let (exact, patterns) = texts.entry(matched.fold()).or_default();
                    for text in matched.exact() {
                        exact.entry((&**text).into()).or_default().push(id);
                    }
                    patterns.extend(matched.patterns().iter().map(|pattern| (pattern.clone(), id)));
                }
                Predicate::Tokens(tokens) => program.tokens.insert(id, tokens),
                Predicate::Regex(_)
                | Predicate::Equals(_)
                | Predicate::Range { .. }
                | Predicate::Within(_) => {
                    program.single.push((id, predicate.clone()));
                }
            }
        }
        program.texts = texts
            .into_iter()
            .map(|(fold, (exact, patterns))| FoldedTexts::new(fold, exact, patterns))
            .collect();
        program.texts.sort_by_key(|texts| texts.fold);
        program
    }

    /// Runs over the distinct values of a column.
    pub(crate) fn run(&self, column: &Column, found: &mut LeafCodes) {
        let mut holding = Vec::new();
        for code in 0..column.distinct() as u32 {
            holding.clear();
            self.run_value(column.value(code), &mut holding);
            holding.sort_unstable();
            holding.dedup();
            for &id in &holding {
                found.entry(id).or_default().push(code);
            }
        }
    }

    fn run_value(&self, value: ValueRef<'_>, holding: &mut Vec<LeafId>) {
        holding.extend_from_slice(&self.exists);
        if let ValueRef::Text(text) = value {
            for texts in &self.texts {
                texts.run(text, holding);
            }
            self.tokens.run(text, holding);
        } else if !self.texts.is_empty() || !self.tokens.is_empty() {
            let text = value.to_text();
            for texts in &self.texts {
                texts.run(&text, holding);
            }
            self.tokens.run(&text, holding);
        }
        holding.extend(self.single.iter().filter(|(_, predicate)| predicate.holds(value)).map(|&(id, _)| id));
    }
}

/// Texts and patterns under one folding.
#[derive(Debug)]
struct FoldedTexts {
    fold: Fold,
    exact: ExactTexts,
    patterns: Vec<(Pattern, LeafId)>,
    /// Finds the longest literals of patterns; its n-th literal belongs to the patterns listed n-th.
    automaton: Option<AhoCorasick>,
    by_literal: Vec<Vec<u32>>,
    /// Patterns without a literal, or all of them where there is no automaton.
    unconditional: Vec<u32>,
}

impl FoldedTexts {
    fn new(fold: Fold, exact: ExactTexts, patterns: Vec<(Pattern, LeafId)>) -> Self {
        let mut literals: Vec<&str> = Vec::new();
        let mut by_literal: Vec<Vec<u32>> = Vec::new();
        let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
        let mut unconditional = Vec::new();
        for (at, (pattern, _)) in patterns.iter().enumerate() {
            let longest = pattern.parts().iter().filter_map(|part| match part {
                PatternPart::Literal(text) => Some(&**text),
                PatternPart::AnyRun | PatternPart::AnyOne => None,
            });
            match longest.max_by_key(|text| text.len()) {
                Some(literal) => {
                    let number = *numbers.entry(literal).or_insert_with(|| {
                        literals.push(literal);
                        by_literal.push(Vec::new());
                        literals.len() - 1
                    });
                    by_literal[number].push(at as u32);
                }
                None => unconditional.push(at as u32),
            }
        }
        // The automaton can be refused for its size; then every pattern is tried by itself.
        let automaton = (literals.len() >= AUTOMATON_FROM)
            .then(|| AhoCorasick::builder().match_kind(MatchKind::Standard).build(&literals).ok())
            .flatten();
        if automaton.is_none() {
            unconditional = (0..patterns.len() as u32).collect();
        }
        Self { fold, exact, patterns, automaton, by_literal, unconditional }
    }

    fn run(&self, text: &str, holding: &mut Vec<LeafId>) {
        let folded;
        let text = match self.fold {
            Fold::None => text,
            fold => {
                folded = fold.apply(text);
                &folded
            }
        };
        if let Some(ids) = self.exact.get(text) {
            holding.extend_from_slice(ids);
        }
        self.verify(&self.unconditional, text, holding);
        if let Some(automaton) = &self.automaton {
            let mut literals: Vec<usize> =
                automaton.find_overlapping_iter(text).map(|found| found.pattern().as_usize()).collect();
            literals.sort_unstable();
            literals.dedup();
            for literal in literals {
                self.verify(&self.by_literal[literal], text, holding);
            }
        }
    }

    fn verify(&self, candidates: &[u32], text: &str, holding: &mut Vec<LeafId>) {
        for &at in candidates {
            let (pattern, id) = &self.patterns[at as usize];
            if holding.last() != Some(id) && pattern.fits(text) {
                holding.push(*id);
            }
        }
    }
}

/// Leaves on analysed text.
#[derive(Debug, Default)]
struct TokenProgram {
    any_of: FxHashMap<String, Vec<LeafId>>,
    /// Phrases by their first token.
    phrases: FxHashMap<String, Vec<(Vec<String>, LeafId)>>,
    fits: Vec<(Pattern, LeafId)>,
}

impl TokenProgram {
    fn is_empty(&self) -> bool {
        self.any_of.is_empty() && self.phrases.is_empty() && self.fits.is_empty()
    }

    fn insert(&mut self, id: LeafId, tokens: &TokenMatch) {
        match tokens {
            TokenMatch::AnyOf(tokens) => {
                for token in tokens {
                    self.any_of.entry(token.clone()).or_default().push(id);
                }
            }
            TokenMatch::Phrase(tokens) => {
                if let Some(first) = tokens.first() {
                    self.phrases.entry(first.clone()).or_default().push((tokens.clone(), id));
                }
            }
            TokenMatch::Fits(patterns) => {
                self.fits.extend(patterns.iter().map(|pattern| (pattern.clone(), id)));
            }
        }
    }

    fn run(&self, text: &str, holding: &mut Vec<LeafId>) {
        if self.is_empty() {
            return;
        }
        let tokens: Vec<String> = tokenize(text).collect();
        for (at, token) in tokens.iter().enumerate() {
            if let Some(ids) = self.any_of.get(token) {
                holding.extend_from_slice(ids);
            }
            for (phrase, id) in self.phrases.get(token).into_iter().flatten() {
                if tokens[at..].starts_with(phrase) {
                    holding.push(*id);
                }
            }
            holding.extend(self.fits.iter().filter(|(pattern, _)| pattern.fits(token)).map(|&(_, id)| id));
        }
    }
}
