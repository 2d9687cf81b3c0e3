//! Value lists: so many values, of which a field's value must be one.
//!
//! ```text
//!  texts      ─► a hash set, one for each folding of case          ─┐
//!  patterns   ─► one automaton over their longest literals          ├─► one look-up for each distinct value of a batch
//!  addresses  ─► ranges that neither overlap nor touch, in order   ─┘
//! ```
//!
//! A list is made once and shared by every leaf that asks for it; a million values cost a rule no more than ten.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::net::Ipv6Addr;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use watchfire_events::ValueRef;

use crate::predicate::address_of;
use crate::{Fold, Pattern, PatternPart};

/// Below this many patterns each is tried by itself; an automaton would not pay.
const AUTOMATON_FROM: usize = 8;

/// The values of a list, ready to be looked up. Cloning it copies nothing.
#[derive(Clone, Debug)]
pub struct ListedValues(Arc<Table>);

#[derive(Debug)]
struct Table {
    name: Arc<str>,
    fold: Fold,
    texts: FxHashSet<Box<str>>,
    patterns: ListedPatterns,
    ranges: AddressRanges,
    /// Of all values, whatever their order: what tells two lists of one name apart.
    digest: u64,
}

impl ListedValues {
    /// A list of texts and patterns that are compared with whole values under a folding. `name` is what dumps show.
    pub fn of_texts<'t>(
        name: &str,
        fold: Fold,
        texts: impl IntoIterator<Item = &'t str>,
        patterns: impl IntoIterator<Item = Pattern>,
    ) -> Self {
        let texts: FxHashSet<Box<str>> = texts.into_iter().map(|text| fold.apply(text).into()).collect();
        let patterns =
            ListedPatterns::new(patterns.into_iter().map(|pattern| pattern.folded(fold)).collect());
        let digest = digest_of(&texts).wrapping_add(digest_of(&patterns.patterns));
        Self(Arc::new(Table {
            name: name.into(),
            fold,
            texts,
            patterns,
            ranges: AddressRanges::default(),
            digest,
        }))
    }

    /// A list of ranges of addresses, each with its first and its last one.
    pub fn of_addresses(name: &str, ranges: impl IntoIterator<Item = (Ipv6Addr, Ipv6Addr)>) -> Self {
        let ranges = AddressRanges::new(ranges);
        let digest = digest_of(&ranges.0);
        Self(Arc::new(Table {
            name: name.into(),
            fold: Fold::None,
            texts: FxHashSet::default(),
            patterns: ListedPatterns::default(),
            ranges,
            digest,
        }))
    }

    /// Whether the list has no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the list.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Number of distinct texts and patterns, or of ranges that do not touch.
    pub fn len(&self) -> usize {
        self.0.texts.len() + self.0.patterns.patterns.len() + self.0.ranges.0.len()
    }

    /// Whether the value is in the list.
    pub fn holds(&self, value: ValueRef<'_>) -> bool {
        let table = &*self.0;
        if !table.ranges.0.is_empty() {
            return address_of(value).is_some_and(|address| table.ranges.contains(address));
        }
        let text = value.to_text();
        let folded = match table.fold {
            Fold::None => text,
            fold => Cow::Owned(fold.apply(&text)),
        };
        table.texts.contains(&*folded) || table.patterns.fits(&folded)
    }
}

fn digest_of<T: std::hash::Hash>(values: impl IntoIterator<Item = T>) -> u64 {
    let hasher = BuildHasherDefault::<FxHasher>::default();
    values.into_iter().fold(0, |sum, value| sum.wrapping_add(hasher.hash_one(value)))
}

impl PartialEq for ListedValues {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.0, &*other.0);
        Arc::ptr_eq(&self.0, &other.0)
            || (a.digest == b.digest
                && a.name == b.name
                && a.fold == b.fold
                && a.ranges == b.ranges
                && a.patterns.patterns == b.patterns.patterns
                && a.texts == b.texts)
    }
}

/// Name, number of values and digest: a dump does not spell out a million values.
impl fmt::Display for ListedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fold = match self.0.fold {
            Fold::None => "",
            Fold::Ascii => "~",
            Fold::Lowercase => "~~",
        };
        write!(f, "listed{fold} {:?} {}#{:016x}", self.0.name, self.len(), self.0.digest)
    }
}

/// Ranges of addresses in ascending order, none of which touches the next.
#[derive(Debug, Default, PartialEq, Eq)]
struct AddressRanges(Vec<(u128, u128)>);

impl AddressRanges {
    fn new(ranges: impl IntoIterator<Item = (Ipv6Addr, Ipv6Addr)>) -> Self {
        let mut sorted: Vec<(u128, u128)> =
            ranges.into_iter().map(|(first, last)| (first.into(), last.into())).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    fn contains(&self, address: Ipv6Addr) -> bool {
        let address = u128::from(address);
        let behind = self.0.partition_point(|&(first, _)| first <= address);
        behind > 0 && address <= self.0[behind - 1].1
    }
}

/// Patterns, found by their longest literals and then verified.
#[derive(Debug, Default)]
struct ListedPatterns {
    patterns: Vec<Pattern>,
    /// Its n-th literal leads to the patterns listed n-th.
    automaton: Option<AhoCorasick>,
    by_literal: Vec<Vec<u32>>,
    /// Patterns without a literal, or all of them where there is no automaton.
    unconditional: Vec<u32>,
}

impl ListedPatterns {
    fn new(mut patterns: Vec<Pattern>) -> Self {
        patterns.sort_unstable();
        patterns.dedup();
        let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
        let (mut literals, mut by_literal): (Vec<&str>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        let mut unconditional = Vec::new();
        for (at, pattern) in (0..).zip(&patterns) {
            let Some(literal) = longest_literal(pattern) else {
                unconditional.push(at);
                continue;
            };
            let number = *numbers.entry(literal).or_insert_with(|| {
                literals.push(literal);
                by_literal.push(Vec::new());
                literals.len() - 1
            });
            by_literal[number].push(at);
        }
        // The automaton can be refused for its size; then every pattern is tried by itself.
        let automaton = (literals.len() >= AUTOMATON_FROM)
            .then(|| AhoCorasick::builder().match_kind(MatchKind::Standard).build(&literals).ok())
            .flatten();
        if automaton.is_none() {
            unconditional = (0..patterns.len() as u32).collect();
            by_literal = Vec::new();
        }
        Self { patterns, automaton, by_literal, unconditional }
    }

    fn fits(&self, text: &str) -> bool {
        let any = |numbers: &[u32]| numbers.iter().any(|&at| self.patterns[at as usize].fits(text));
        any(&self.unconditional)
            || self.automaton.as_ref().is_some_and(|automaton| {
                let mut found = automaton.find_overlapping_iter(text);
                found.any(|found| any(&self.by_literal[found.pattern().as_usize()]))
            })
    }
}

fn longest_literal(pattern: &Pattern) -> Option<&str> {
    let literals = pattern.parts().iter().filter_map(|part| match part {
        PatternPart::Literal(text) => Some(&**text),
        PatternPart::AnyRun | PatternPart::AnyOne => None,
    });
    literals.max_by_key(|text| text.len())
}

#[cfg(test)]
mod tests {
    use watchfire_events::{IpBlock, parse_ip};

    use super::*;

    fn address(text: &str) -> Ipv6Addr {
        parse_ip(text).expect("an address")
    }

    #[test]
    fn texts_and_patterns_are_found_under_their_folding() {
        let patterns = || (0..20).map(|at| Pattern::from_eql(&format!("C:\\Tools{at}\\*.EXE")));
        let exact = ListedValues::of_texts("tools", Fold::None, ["a", "B"], patterns());
        let folded = ListedValues::of_texts("tools", Fold::Lowercase, ["a", "B"], patterns());
        for (text, in_exact, in_folded) in [
            ("a", true, true),
            ("A", false, true),
            ("b", false, true),
            ("C:\\Tools7\\x.EXE", true, true),
            ("c:\\tools7\\X.exe", false, true),
            ("C:\\Tools99\\x.EXE", false, false),
            ("", false, false),
        ] {
            assert_eq!(exact.holds(ValueRef::Text(text)), in_exact, "{text}");
            assert_eq!(folded.holds(ValueRef::Text(text)), in_folded, "{text}");
        }
        assert_eq!(exact.len(), 22);
        let ports = ListedValues::of_texts("ports", Fold::None, ["80", "443"], []);
        assert!(ports.holds(ValueRef::Integer(443)) && !ports.holds(ValueRef::Integer(4)));
    }

    #[test]
    fn addresses_are_found_in_ranges() {
        let (first, last) = IpBlock::parse("10.0.0.0/8").expect("a block").bounds();
        let list = ListedValues::of_addresses(
            "nets",
            [
                (address("192.0.2.9"), address("192.0.2.12")),
                (first, last),
                (address("192.0.2.11"), address("192.0.2.20")),
                (address("2001:db8::1"), address("2001:db8::1")),
            ],
        );
        assert_eq!(list.len(), 3, "those that overlap are one");
        for (text, expected) in [
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.0.2.8", false),
            ("192.0.2.20", true),
            ("192.0.2.21", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(list.holds(ValueRef::Ip(address(text))), expected, "{text}");
            assert_eq!(list.holds(ValueRef::Text(text)), expected, "{text}");
        }
        assert!(!list.holds(ValueRef::Text("no address")));
    }

    #[test]
    fn equal_lists_have_equal_dumps_whatever_their_order() {
        let list = |name, texts: [&str; 2]| ListedValues::of_texts(name, Fold::None, texts, []);
        assert_eq!(list("a", ["x", "y"]), list("a", ["y", "x"]));
        assert_eq!(list("a", ["x", "y"]).to_string(), list("a", ["y", "x"]).to_string());
        assert_ne!(list("a", ["x", "y"]), list("b", ["x", "y"]));
        assert_ne!(list("a", ["x", "y"]).to_string(), list("a", ["x", "z"]).to_string());
    }
}
