//! Texts that fit a pattern, made by walking its syntax.

use regex_syntax::hir::ClassUnicode;

use super::syntax::Syntax;
use super::{Dialect, Regex, java, lucene};

/// Longest text that is made.
const MAX_EXAMPLE_CHARS: usize = 4_000;

/// Characters that people expect in an example, the likeliest first.
const PREFERRED: &str = "aebcdx0123456789AEZ_-.\\/: $+=@,;%";

impl Regex {
    /// Different texts that fit, at most `limit`, the plainest first. There may be none although some text fits: what is
    /// under `&` or `~` is guessed.
    pub fn examples(&self, limit: usize) -> Vec<String> {
        let Some(syntax) = self.syntax() else { return Vec::new() };
        let mut found: Vec<String> = Vec::new();
        for seed in 0..(4 * limit as u64).max(16) {
            if found.len() >= limit {
                break;
            }
            let mut text = String::new();
            write(&syntax, &mut Choices { seed, state: seed }, &mut text);
            if !found.contains(&text) && self.fits(&text) {
                found.push(text);
            }
        }
        found
    }

    /// The pattern, read again: automata do not keep it.
    fn syntax(&self) -> Option<Syntax> {
        match self.dialect {
            Dialect::Lucene => lucene::parse(&self.source).ok(),
            Dialect::Java => java::parse(&self.source).ok(),
            Dialect::Wildcard => Some(Self::wildcard_syntax(&self.source)),
        }
    }
}

/// Choices that repeat in every run: the first seed takes what comes first, the second the shortest that is not empty.
struct Choices {
    seed: u64,
    state: u64,
}

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        if self.seed < 2 || count < 2 {
            return 0;
        }
        // A linear congruential generator: its high bits are random enough.
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.state >> 33) % count as u64) as usize
    }

    fn repetitions(&mut self, min: u32, max: Option<u32>) -> u32 {
        let more = match self.seed {
            0 => 0,
            1 => 1,
            _ => self.below(4) as u32,
        };
        let wanted = if min == 0 || self.seed > 1 { min.saturating_add(more) } else { min };
        max.map_or(wanted, |max| wanted.min(max))
    }
}

fn write(syntax: &Syntax, choices: &mut Choices, text: &mut String) {
    if text.len() > MAX_EXAMPLE_CHARS {
        return;
    }
    match syntax {
        Syntax::Empty | Syntax::Nothing | Syntax::Start | Syntax::End | Syntax::WordBoundary(_) => {}
        Syntax::Literal(character) => text.push(*character),
        Syntax::Class(set) => text.extend(member(set, choices)),
        Syntax::NotClass(set) => {
            let mut others = set.clone();
            others.negate();
            text.extend(member(&others, choices));
        }
        Syntax::Concat(parts) => parts.iter().for_each(|part| write(part, choices, text)),
        Syntax::Alternation(parts) => {
            if let Some(part) = parts.get(choices.below(parts.len())) {
                write(part, choices, text);
            }
        }
        // One of them, or one behind the other: with open ends that often fits all.
        Syntax::Intersection(parts) => match parts.get(choices.below(parts.len() + 1)) {
            Some(part) => write(part, choices, text),
            None => parts.iter().for_each(|part| write(part, choices, text)),
        },
        Syntax::Repeat { inner, min, max } => {
            for _ in 0..choices.repetitions(*min, *max) {
                write(inner, choices, text);
            }
        }
        Syntax::IgnoreCase(inner) => write(inner, choices, text),
        Syntax::Complement(_) => text.push_str(["other", "x", ""][choices.below(3)]),
    }
}

fn member(set: &ClassUnicode, choices: &mut Choices) -> Option<char> {
    let holds = |character: char| {
        set.ranges().iter().any(|range| range.start() <= character && character <= range.end())
    };
    let usual: Vec<char> = PREFERRED.chars().filter(|&character| holds(character)).collect();
    match usual.get(choices.below(usual.len())) {
        Some(&character) => Some(character),
        None => set.ranges().first().map(regex_syntax::hir::ClassUnicodeRange::start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fold;

    #[test]
    fn examples_fit_and_differ() {
        for pattern in [
            "net[0-9]{1,3}\\.exe",
            "(a|b)+c?",
            ".*-enc.*",
            "[^a-z]+",
            "<10-12>x",
            "\"a.b\"@",
            "a.*&.*b",
            ".*&~(a.*)",
        ] {
            let regex = Regex::lucene(pattern, Fold::None).expect("a pattern");
            let examples = regex.examples(5);
            assert!(!examples.is_empty() && examples.iter().all(|text| regex.fits(text)), "{pattern}");
        }
        assert_eq!(Regex::lucene("a|b", Fold::None).expect("a pattern").examples(9), ["a", "b"]);
        assert_eq!(Regex::java("(?i)x\\d+", Fold::None).expect("a pattern").examples(1), ["x0"]);
        assert_eq!(Regex::wildcard("a*b", Fold::Ascii).expect("a pattern").examples(1), ["ab"]);
    }
}
