//! Texts and patterns under one folding.

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::FxHashMap;
use watchfire_ir::{Fold, Pattern, PatternPart, TextMatch};

use super::{AUTOMATON_FROM, ProgramScratch, fold_into};
use crate::leaf_table::LeafId;

/// The leaves of one folding, before they are compiled.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    exact: FxHashMap<Box<str>, Vec<LeafId>>,
    patterns: Vec<(Pattern, LeafId)>,
}

impl Grouped {
    pub(super) fn insert(&mut self, id: LeafId, matched: &TextMatch) {
        for text in matched.exact() {
            self.exact.entry((&**text).into()).or_default().push(id);
        }
        self.patterns.extend(matched.patterns().iter().map(|pattern| (pattern.clone(), id)));
    }
}

/// All texts and patterns under one folding.
#[derive(Debug)]
pub(super) struct FoldedTexts {
    fold: Fold,
    exact: FxHashMap<Box<str>, Vec<LeafId>>,
    patterns: Vec<(Pattern, LeafId)>,
    /// Finds the longest literals of patterns; its n-th literal belongs to what is listed n-th.
    automaton: Option<AhoCorasick>,
    by_literal: Vec<OfLiteral>,
    /// Patterns without a literal, or all of them where there is no automaton.
    unconditional: Vec<u32>,
}

/// What a literal leads to, once it is found.
#[derive(Debug, Default)]
struct OfLiteral {
    /// Leaves of patterns that ask for nothing else: `*literal*`.
    certain: Vec<LeafId>,
    /// Patterns to be verified.
    patterns: Vec<u32>,
}

impl FoldedTexts {
    pub(super) fn new(fold: Fold, grouped: Grouped) -> Self {
        let Grouped { exact, patterns } = grouped;
        let mut literals: Vec<&str> = Vec::new();
        let mut by_literal: Vec<OfLiteral> = Vec::new();
        let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
        let mut unconditional = Vec::new();
        for (at, (pattern, id)) in patterns.iter().enumerate() {
            let Some(literal) = longest_literal(pattern) else {
                unconditional.push(at as u32);
                continue;
            };
            let number = *numbers.entry(literal).or_insert_with(|| {
                literals.push(literal);
                by_literal.push(OfLiteral::default());
                literals.len() - 1
            });
            match pattern.parts() {
                [PatternPart::AnyRun, PatternPart::Literal(_), PatternPart::AnyRun] => {
                    by_literal[number].certain.push(*id);
                }
                _ => by_literal[number].patterns.push(at as u32),
            }
        }
        // The automaton can be refused for its size; then every pattern is tried by itself.
        let automaton = (literals.len() >= AUTOMATON_FROM)
            .then(|| AhoCorasick::builder().match_kind(MatchKind::Standard).build(&literals).ok())
            .flatten();
        if automaton.is_none() {
            unconditional = (0..patterns.len() as u32).collect();
            by_literal = Vec::new();
        }
        Self { fold, exact, patterns, automaton, by_literal, unconditional }
    }

    pub(super) fn fold(&self) -> Fold {
        self.fold
    }

    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    pub(super) fn run(&self, text: &str, scratch: &mut ProgramScratch, holding: &mut Vec<LeafId>) {
        let text = fold_into(self.fold, text, &mut scratch.folded);
        if let Some(ids) = self.exact.get(text) {
            holding.extend_from_slice(ids);
        }
        self.verify(&self.unconditional, text, holding);
        if let Some(automaton) = &self.automaton {
            let found = &mut scratch.literals;
            found.clear();
            found.extend(automaton.find_overlapping_iter(text).map(|found| found.pattern().as_u32()));
            found.sort_unstable();
            found.dedup();
            for &literal in &*found {
                let of = &self.by_literal[literal as usize];
                holding.extend_from_slice(&of.certain);
                self.verify(&of.patterns, text, holding);
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

/// The literal of a pattern that is to be looked for.
pub(super) fn longest_literal(pattern: &Pattern) -> Option<&str> {
    let literals = pattern.parts().iter().filter_map(|part| match part {
        PatternPart::Literal(text) => Some(&**text),
        PatternPart::AnyRun | PatternPart::AnyOne => None,
    });
    literals.max_by_key(|text| text.len())
}
